"""Negative controls of runs: a guarantee is taken away, and the run has the fault that tells of it."""

import pytest

from tests.simulation.basket_runs import run
from tests.simulation.basket_sets import parse
from tests.simulation.breaks import Break


def check_noticed(name: str, sabotage: Break, expected: str) -> None:
    """The run is right, and broken it has the fault that is expected. What is raised in it is none, and ends this."""
    spec = parse(name)
    assert run(spec).faults == [], "nothing is wrong with the run itself"
    with pytest.MonkeyPatch.context() as patch:
        sabotage(patch)
        faults = run(spec).faults
    print(f"{sabotage.__doc__} {faults[:2]}")
    assert any(expected in fault for fault in faults), f"other faults: {faults}"
