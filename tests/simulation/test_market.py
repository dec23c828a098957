"""The market on a world whose shards, network and journal fail: whatever clients ask, they are told what the journals
say, and between them they ask for everything.
"""

from collections import Counter

import pytest

from tests.simulation import runs as simulation
from tests.simulation.faults import CLASSIC, Fault
from tests.simulation.runs import Run
from tests.simulation.sim_report import NEVER, never_met

SEEDS = range(30)
FAULTS = frozenset((*CLASSIC, Fault.CATALOGUE_AWAY))


def simulate(seed: int) -> Run:
    """The seed, with these faults instead of its own."""
    return simulation.simulate(seed, faults=FAULTS)


@pytest.fixture(scope="module")
def runs() -> dict[int, Run]:
    """Every seed, run once."""
    return {seed: simulate(seed) for seed in SEEDS}


@pytest.mark.parametrize("seed", SEEDS)
def test_what_clients_were_told_is_what_the_journals_say(runs: dict[int, Run], seed: int) -> None:
    assert (runs[seed].wrong, runs[seed].short) == ([], []), f"seed {seed}"


def test_every_reason_is_met(runs: dict[int, Run]) -> None:
    met = sum((run.met for run in runs.values()), Counter[str]())
    told = sum((run.reasons for run in runs.values()), Counter[str]())
    print(dict(sorted(told.items())))
    assert never_met(met) == []
    assert {reason.name for reason in NEVER} & told.keys() == set(), "met, and said never to be"


def test_control_a_reason_that_is_never_met_is_noticed(runs: dict[int, Run]) -> None:
    met = sum((run.met for run in runs.values()), Counter[str]())
    less = Counter({name: count for name, count in met.items() if not name.endswith(" ORDER_NOT_DUE")})
    assert never_met(less) == ["ORDER_NOT_DUE"]
    del met["close_order ACCEPTED"]
    assert never_met(met) == ["close_order ACCEPTED"]
