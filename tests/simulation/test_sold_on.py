"""Where faults let too little be sold of a seed, it is sold on without them: a sale that only refuses shows little."""

import pytest

from tests.simulation import runs
from tests.simulation.market_notes import CALMED
from tests.simulation.runs import VIRTUAL_S, simulate

SEED = 9  # of its first 500 writes fewer than so many percent were accepted:
WANTED_PERCENT = 40


def test_it_is_sold_on_until_it_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "ACCEPTED_PERCENT", WANTED_PERCENT)
    run = simulate(SEED)
    assert (run.wrong, run.short) == ([], [])
    assert 0 < run.judged[CALMED] < run.commands / 2


@pytest.mark.long
def test_control_a_seed_of_which_too_little_is_sold_in_the_end_is_too_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "ACCEPTED_PERCENT", 90)
    monkeypatch.setattr(runs, "LONGEST_S", 2 * VIRTUAL_S)
    run = simulate(SEED)
    assert run.short == [f"{run.accepted} of {run.commands} writes accepted"]
