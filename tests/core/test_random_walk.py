"""The core and the naive model agree on random walks, which reach every reason that the core can give.

The same two hundred each time, and in `make long` six hundred others; `-s` prints how often each command met each
outcome.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.core.random_walk import RandomWalk
from tests.core.test_scenarios import CAN_GIVE, REASONS_OF_THE_CORE

THE_SAME, OTHERS = 200, 600
STEPS = 50
_ROOT = Path(__file__).parents[2]
_OF_TIME = ("tick expired", "tick offered")
_OF_CHOICES = tuple(
    f"choices {whether}{outcome}"
    for whether in ("", "among others ")
    for outcome in ("ACCEPTED", "NOT_ENOUGH_AVAILABLE")
)
"""Wishes of two choices, alone and with units by name, places or slots."""
_OF_CORRECTIONS = tuple(f"correct {outcome}" for outcome in ("REPLAYED", "REFUSED", "tickets", "holds", "orders"))
_BESIDES = (*_OF_TIME, *_OF_CHOICES, *_OF_CORRECTIONS)
_IMPORTED = """
import sys
import tests.core.naive_model
print(sorted(name for name in sys.modules if name.split(".")[0] in ("actors", "serve", "loadtests", "msgspec")))
"""


def print_met() -> None:
    """A line for each command: how often it met what."""
    for command in (*CAN_GIVE, "tick", "choices", "correct"):
        met = {
            name.partition(" ")[2]: count for name, count in RandomWalk.met.items() if name.startswith(f"{command} ")
        }
        print(f"{command}: " + ", ".join(f"{outcome} {met[outcome]}" for outcome in sorted(met)))


def never_reached() -> set[str]:
    """The reasons that no command was given, the commands never accepted, and what else never came to be."""
    outcomes = {name.partition(" ")[2] for name in RandomWalk.met}
    accepted = {f"{command} ACCEPTED" for command in CAN_GIVE if command not in ("CreateEvent", "ReadDigest")}
    return (REASONS_OF_THE_CORE | {"REPLAYED"}) - outcomes | {
        name for name in (*accepted, *_BESIDES) if not RandomWalk.met[name]
    }


@pytest.mark.parametrize("walks", [THE_SAME, pytest.param(OTHERS, marks=pytest.mark.long)])
def test_core_and_naive_model_agree_on_random_walks(walks: int) -> None:
    RandomWalk.met.clear()
    bounds = settings(
        max_examples=walks,
        derandomize=walks == THE_SAME,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(RandomWalk, settings=bounds)
    print_met()
    assert never_reached() == set(), "the walks never went there"
    unknown = {
        name
        for name in RandomWalk.met
        if not name.startswith(("tick ", "choices ", "correct "))
        and name.partition(" ")[2] not in CAN_GIVE[name.partition(" ")[0]].split()
    }
    assert unknown == set(), "met by a walk, and missing from the scenarios' table"


def test_control_a_reason_that_no_walk_reaches_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = {f"{command} {outcome}": 1 for command, outcomes in CAN_GIVE.items() for outcome in outcomes.split()}
    monkeypatch.setattr(RandomWalk, "met", RandomWalk.met.__class__({**everything, **dict.fromkeys(_BESIDES, 1)}))
    assert never_reached() == set()
    del RandomWalk.met["CloseOrder ORDER_NOT_DUE"], RandomWalk.met["LeaveWaitingList ACCEPTED"]
    assert never_reached() == {"ORDER_NOT_DUE", "LeaveWaitingList ACCEPTED"}


def test_the_naive_model_imports_nothing_of_ours_but_tests() -> None:
    env = {"PYTHONPATH": str(_ROOT)}
    ran = subprocess.run([sys.executable, "-c", _IMPORTED], env=env, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
