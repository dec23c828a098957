"""In a planned run nearly all that is told is held against the time: clocks are moved last, and the rest is counted."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from loadtests.history.tally import Tally
from tests.chaos import campaign, plan, results
from tests.chaos.campaign import Campaign, Kept
from tests.chaos.fault import Fault
from tests.chaos.imagined_outcomes import outcome_of
from tests.chaos.inner_faults import ClockAhead, ClockBack, ClockMoved, ClockSwings
from tests.chaos.plan import IN_TURN, KINDS, SHORT, clocks_last, segment_faults
from tests.chaos.process_faults import RedisKilled, ShardKilled
from tests.chaos.results import UNTIMED_ALLOWED, Segment, table, unaudited
from tests.chaos.test_campaign import CALLS, REFUSED, Imaginary, Imagined

TOLD = 1_000
MOST_UNTIMED = int(UNTIMED_ALLOWED * TOLD)
MIXED = (ClockAhead, ShardKilled, ClockSwings, RedisKilled)


def run(
    folder: Path, patch: pytest.MonkeyPatch, untimed: int, faults: Sequence[type[Fault]], *, is_full: bool = False
) -> int:
    """A campaign on imagined stacks, of whose refusals and reads so many were not held against the time."""
    tally = Tally(CALLS, timed=TOLD - untimed, untimed=untimed)
    patch.setattr(Imagined, "audited", Imagined.audited._replace(tally=tally, refused=dict(REFUSED)))
    patch.setattr(campaign, "Stage", Imagined)
    patch.setattr(campaign, "undergo", Imaginary().undergo)
    patch.setattr(campaign, "segment_faults", lambda _: faults)
    patch.setattr(campaign, "KINDS", tuple(dict.fromkeys(faults)))
    given = () if is_full else faults
    return asyncio.run(Campaign(Kept(folder), Console(quiet=True), given, len(faults)).run())


def check_what_is_untimed_is_bounded(folder: Path, patch: pytest.MonkeyPatch) -> None:
    for name, faults, is_full in (("full", MIXED, True), ("short", SHORT, False)):
        assert run(folder / f"{name}-fine", patch, MOST_UNTIMED, faults, is_full=is_full) == 0, name
        assert run(folder / f"{name}-most", patch, MOST_UNTIMED + 1, faults, is_full=is_full) == 1, name
        said = msgspec.json.decode((folder / f"{name}-most" / "results.json").read_bytes())
        (sentence,) = said["untimed"]
        assert f"segment 0: {MOST_UNTIMED + 1} of 1,000 refusals and reads" in sentence, name
        assert said["segments"][0]["untimed"] == MOST_UNTIMED + 1
        assert f"{TOLD - MOST_UNTIMED - 1} refusals and reads held against the time, {MOST_UNTIMED + 1} not" in table(
            said
        )
    clocks = (ClockAhead, ClockBack)
    assert run(folder / "clocks", patch, TOLD - 1, clocks, is_full=True) == 0, "nothing else was to be had there"
    assert run(folder / "some", patch, TOLD - 1, MIXED) == 0, "somebody has asked for these"
    for name, faults in (("none", MIXED), ("no-clocks", clocks)):
        assert run(folder / name, patch, TOLD, faults) == 1, f"{name}: nothing at all was held against the time"


def test_a_planned_run_in_which_too_much_is_held_against_no_time_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_what_is_untimed_is_bounded(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", ["untimed", "unaudited", "UNTIMED_ALLOWED"])
def test_control_a_run_that_is_not_asked_how_much_was_timed_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if name == "untimed":
        monkeypatch.setattr(results, "untimed", lambda *_: [])
        monkeypatch.setattr(campaign, "untimed", lambda *_: [])
    elif name == "unaudited":
        monkeypatch.setattr(results, "unaudited", without_times)
    else:
        monkeypatch.setattr(results, "UNTIMED_ALLOWED", 1.0)
    with pytest.raises(AssertionError):
        check_what_is_untimed_is_bounded(tmp_path, monkeypatch)


def without_times(segment: Segment) -> list[str]:
    """As if nobody asked whether anything was timed."""
    return [what for what in unaudited(segment) if "against the time" not in what]


def check_clocks_are_moved_last(folder: Path, patch: pytest.MonkeyPatch) -> None:
    for number in range(campaign.MOST_SEGMENTS):
        moving = [kind.moves_a_clock for kind in segment_faults(number)]
        assert any(moving), number
        assert moving == sorted(moving), number
    assert len({tuple(segment_faults(number)) for number in range(3 * len(IN_TURN))}) == 3 * len(IN_TURN)
    assert [kind.moves_a_clock for kind in SHORT] == [False] * (len(SHORT) - 1) + [True]
    assert {kind for kind in KINDS if kind.moves_a_clock} == {kind for kind in KINDS if issubclass(kind, ClockMoved)}
    assert run(folder, patch, 1, MIXED) == 0
    had = [outcome.fault for outcome in Kept(folder).outcomes]
    assert had == [kind.what for kind in (ShardKilled, RedisKilled, ClockAhead, ClockSwings)]


def test_clocks_are_moved_when_all_else_has_been_undergone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_clocks_are_moved_last(tmp_path, monkeypatch)


@pytest.mark.parametrize("where", [plan, campaign], ids=["planned", "wanted"])
def test_control_clocks_that_are_moved_at_any_time_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: object
) -> None:
    monkeypatch.setattr(where, "clocks_last", list)
    with pytest.raises(AssertionError):
        check_clocks_are_moved_last(tmp_path, monkeypatch)


def test_the_order_is_else_as_it_was() -> None:
    assert clocks_last(MIXED) == [ShardKilled, RedisKilled, ClockAhead, ClockSwings]
    assert clocks_last(()) == []


def test_of_outcomes_that_were_never_audited_nothing_is_asked() -> None:
    never = outcome_of(segment=campaign.NEVER, counted=False)
    assert results.untimed([never], [Segment(0, 10, 20, [], untimed=TOLD)], KINDS) == []
