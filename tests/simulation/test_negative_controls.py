"""Each guarantee, broken on purpose: the unchanged checks notice within a stated number of seeds."""

import pytest
from _pytest.mark import ParameterSet

from actors.engine.group_commit import GroupCommit
from tests.long_params import param
from tests.simulation import controls
from tests.simulation.breaks import Break
from tests.simulation.controls import AS_DRAWN, CONTROLS, SHARDS, UNDURABLE, Control, main, search
from tests.simulation.runs import Run, _ended_in

MUST_BE_CAUGHT_AS_DRAWN = {
    "no chain check",
    "reply before durable",
    "replays not gated",
    "no head check",
    "snapshot of uncommitted state",
    "no key check",
    "legs before intent",
    "in-doubt answered from memory",
    "no revisions",
    "no not_after",
    "wall clock in the core",
    "older generation allowed",
    "nothing had twice",
    "nothing had twice, by its order",
    "projector without compare-and-set",
}


TAKE_LONG = {
    "projector without compare-and-set",
    "older generation allowed",
    "in-doubt answered from memory",
    "no revisions",
}


def _marked(number: int, control: Control) -> ParameterSet:
    """One for most guarantees of the design; `make controls` and `make long` have all, and seeds as drawn."""
    guarantee = control.guarantee.partition(",")[0]
    is_first = all(one.guarantee.partition(",")[0] != guarantee for one in CONTROLS[:number])
    is_long = not is_first or guarantee not in MUST_BE_CAUGHT_AS_DRAWN - TAKE_LONG
    return param(control, f"{control.guarantee}: {control.caught_by}", is_long=is_long)


def test_what_the_design_rests_on_is_caught_in_seeds_as_they_are_drawn() -> None:
    assert {control.guarantee for control in CONTROLS if control.drawn_within} == MUST_BE_CAUGHT_AS_DRAWN
    assert all(control.drawn_at < control.drawn_within <= 200 for control in CONTROLS if control.drawn_within)


@pytest.mark.parametrize(
    "control",
    [
        *(_marked(number, control) for number, control in enumerate(CONTROLS)),
        *(param(control, control.guarantee, is_long=True) for control in AS_DRAWN),
    ],
)
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


@pytest.mark.parametrize(("demanded", "ends"), [(1, 1), (0, 0)])
def test_what_seeds_as_drawn_do_not_catch_in_time_ends_badly_where_that_is_demanded(
    demanded: int, ends: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks_with_these_faults(patch: pytest.MonkeyPatch) -> None:
        patch.setattr("tests.simulation.controls.simulate", lambda seed, faults: _wrong_unless(faults is None))

    clean = Control("none", breaks_with_these_faults, SHARDS, UNDURABLE, within=1, drawn_within=demanded)
    monkeypatch.setattr(controls, "CONTROLS", (clean,))
    monkeypatch.setattr(controls, "_unbroken", lambda *_: [])
    assert main([]) == 0
    assert main(["--as-drawn", "1"]) == ends
    assert ("NOT WITHIN 1" in capsys.readouterr().out) == bool(demanded)


def _wrong_unless(is_clean: bool) -> Run:
    return _ended_in(0, [] if is_clean else [UNDURABLE], [])
