"""What the buyers of the smoke simulation saw is linearizable, block by block, and agrees with the journals."""

from typing import Any, NamedTuple

import pytest

from loadtests.history.linear import Linearity
from loadtests.history.tally import Tally
from tests.simulation import runs
from tests.simulation.breaks import Break, no_head_check, no_key_check, reply_before_durable
from tests.simulation.buyers import TENANT, Crowd
from tests.simulation.faults import CLASSIC
from tests.simulation.recording import linearity, witnessed

SEEDS = range(20)
LEAST_CALLS = 300


class Judged(NamedTuple):
    """What both checks say of one seed."""

    linear: dict[str, Linearity]
    faults: list[str]
    tally: Tally

    @property
    def wrong(self) -> list[str]:
        """What is not linearizable."""
        return [wrong for found in self.linear.values() for wrong in found.wrong]


def judged(seed: int) -> Judged:
    """Run the seed and judge its histories."""
    kept: list[Judged] = []

    class Judging(Crowd):
        def check(self) -> list[str]:
            linear = linearity(self.world, self.history, TENANT, {"floor": 30})
            kept.append(Judged(linear, *witnessed(self.world, self.history, TENANT)))
            return super().check()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "Crowd", Judging)
        runs.simulate(seed, faults=frozenset(CLASSIC))
    return kept[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_history_is_linearizable_and_its_journal_agrees(seed: int) -> None:
    found = judged(seed)
    assert found.wrong == []
    assert found.faults == []
    assert sum(part.unchecked for part in found.linear.values()) == 0
    assert found.tally.suffices, found.tally
    assert found.tally.call_count > LEAST_CALLS


@pytest.mark.parametrize("sabotage", [no_head_check, reply_before_durable, no_key_check])
def test_each_check_notices_a_guarantee_that_is_broken(sabotage: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage(monkeypatch)
    noticed: dict[str, Any] = {}
    for seed in SEEDS:
        found = judged(seed)
        for check, said in (("linear", found.wrong), ("witness", found.faults)):
            if said:
                noticed.setdefault(check, (seed, said[0]))
        if len(noticed) == 2:
            print(f"{sabotage.__name__}: {noticed}")
            return
    pytest.fail(f"noticed by {noticed} only: {sabotage.__doc__}")
