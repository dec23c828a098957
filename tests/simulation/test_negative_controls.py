"""Each guarantee, broken on purpose: the unchanged checks notice within a stated number of seeds."""

import pytest
from _pytest.mark import ParameterSet

from actors.engine.group_commit import GroupCommit
from tests.long_params import param
from tests.simulation.breaks import Break
from tests.simulation.controls import CONTROLS, SHARDS, UNDURABLE, Control, search

SLOW = ("deeds tried once",)
"""A seed of it costs as much as ten others."""


def _marked(number: int, control: Control) -> ParameterSet:
    """One for each guarantee that costs little; `make controls` and `make long` have all."""
    guarantee = control.guarantee.partition(",")[0]
    is_first = all(one.guarantee.partition(",")[0] != guarantee for one in CONTROLS[:number])
    return param(control, f"{control.guarantee}: {control.caught_by}", is_long=not is_first or guarantee in SLOW)


@pytest.mark.parametrize("control", [_marked(number, control) for number, control in enumerate(CONTROLS)])
def test_the_checks_notice(control: Control) -> None:
    """By the fault that tells of it, which the same seed does not have unbroken."""
    caught = search(control, control.seen_at)
    assert caught is not None, f"nobody noticed: {control.sabotage.__doc__}"
    assert caught.unbroken == [], "wrong without the patch"


def breaks_nothing(_: pytest.MonkeyPatch) -> None:
    """All stays as it is."""


def breaks_down(patch: pytest.MonkeyPatch) -> None:
    """What is put in the place of a rule is wrong itself."""
    patch.setattr(GroupCommit, "_append", lambda *_: [][0])


@pytest.mark.parametrize("sabotage", [breaks_nothing, breaks_down])
def test_what_breaks_nothing_and_what_breaks_down_is_no_catch(sabotage: Break) -> None:
    assert search(Control("none", sabotage, SHARDS, UNDURABLE, within=1)) is None
