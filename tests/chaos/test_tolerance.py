"""How late something may be told on a stack: by the gap that a call met, and by anything once a clock was moved."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from actors.audit.audit import BlockAudit
from actors.audit.denials import CLOCK_TOLERANCE_MS
from actors.audit.findings import Fault
from actors.core.ids import BlockId, event_id
from loadtests.history.calls import Call, Kind, Outcome, line_of, read_calls
from loadtests.history.recorded import Histories
from loadtests.history.timed import Timed
from loadtests.history.witness import Witness
from tests.chaos import stage as stage_module
from tests.chaos.fault import Fault as Inflicted
from tests.chaos.inner_faults import ClockMoved, ClockSwings
from tests.chaos.stage import AHEAD_MS, GAP_S, Stage, gaps_of
from tests.chaos.written import RowsWritten
from tests.history.notes import fail, ok
from tests.history.watched import watched
from tests.loadtests.journals import HOLD_TTL_MS, START_MS, Journal, Shop, made_event

EVENT = event_id(BlockId("0123456789abcdef"))
A, B, C = ("A/1/1",), ("A/1/2",), ("A/1/3",)
ENDED_MS = START_MS + HOLD_TTL_MS
LATE_MS = HOLD_TTL_MS // 2  # by so much the time of the block lags
GAP_MS = 20_000
OFF_MS = CLOCK_TOLERANCE_MS
CHAOS = (OFF_MS, AHEAD_MS)
FOUND = [Fault.REFUSED_WRONGLY]


def _lagging() -> Journal:
    """A is held, and half a minute later, by the block's time, B and C are."""
    shop = Shop()
    made_event(shop)
    shop.hold(1, A)
    shop.commit()
    shop.now_ms += LATE_MS
    for hold, units in ((2, B), (3, C)):
        shop.hold(hold, units)
        shop.commit()
    return shop.journal()


JOURNAL = _lagging()
B_MS = ENDED_MS + 1_000  # when B was held for those who asked: half a minute after that, by the block
C_MS = B_MS + 2 * HOLD_TTL_MS


def calls_with(late_ms: int) -> list[Call]:
    """Who has A stands in somebody's way so long after the hold has ended."""
    at_ms = ENDED_MS + late_ms
    calls = [
        ok(Kind.HOLD, 1, (START_MS, START_MS + 5), "hold 1", units=A, expires_at_ms=ENDED_MS),
        ok(Kind.HOLD, 2, (B_MS, B_MS + 5), "hold 2", units=B),
        fail(Kind.HOLD, 0, (at_ms, at_ms + 5), "UNITS_HELD", units=A, named=A),
        ok(Kind.HOLD, 3, (C_MS, C_MS + 5), "hold 3", units=C),
    ]
    return sorted(calls, key=lambda call: call.invoked_us)


def found_late(late_ms: int, timed: Timed) -> list[Fault]:
    """What is found of it, of a block whose time lags."""
    return watched(JOURNAL, calls_with(late_ms), C_MS + 10**6, CHAOS, timed)


def longest_us(timed: Timed) -> int:
    """Of all the gaps."""
    return max((ended_us - began_us for began_us, ended_us in timed.gaps), default=0)


def check_what_is_told_late() -> None:
    """A gap excuses who met it, by as much as it had lasted by then, and nobody else."""
    assert found_late(OFF_MS - 50, Timed()) == []
    assert found_late(OFF_MS + 50, Timed()) == FOUND, "nobody noticed that the time of a block lags"
    met_us = (ENDED_MS * 1000, (ENDED_MS + GAP_MS) * 1000)
    assert found_late(GAP_MS - 500, Timed(gaps=[met_us])) == [], "it was told in a gap"
    assert found_late(GAP_MS + 500, Timed(gaps=[met_us])) == FOUND, "it was told when the gap was over"
    half_us = (met_us[0] + GAP_MS * 500, met_us[1])
    assert found_late(GAP_MS - 500, Timed(gaps=[half_us])) == FOUND, "that had ended long before the gap began"
    others_us = (met_us[0] - 2 * GAP_MS * 1000, met_us[0])
    assert found_late(AHEAD_MS + 500, Timed(gaps=[others_us])) == FOUND, "another gap excused it"
    assert found_late(GAP_MS, Timed(row=3)) == FOUND, "it was told before a clock was moved"
    assert found_late(GAP_MS, Timed(until_us=0)) == [], "it was told after one was"


def test_what_is_over_is_told_as_that_in_time_but_for_who_met_a_gap() -> None:
    check_what_is_told_late()


@pytest.mark.parametrize(
    "broken",
    [lambda _, asked_us, __: asked_us, lambda timed, asked_us, _: asked_us - longest_us(timed), lambda *_: 0],
    ids=["no gap", "the longest gap for all", "all the time"],
)
def test_control_a_time_that_lags_for_all_or_nobody_is_noticed(
    monkeypatch: pytest.MonkeyPatch, broken: Callable[..., int]
) -> None:
    monkeypatch.setattr(Timed, "since_us", broken)
    with pytest.raises(AssertionError):
        check_what_is_told_late()


def check_where_gaps_are() -> None:
    """Of each crowd by itself, and a while beyond, in which a block may hear for the first time what time it is."""
    beyond_us = AHEAD_MS * 1000
    steady, torn = [at_s / 2 for at_s in range(100)], [10.0, 10.5, 30.0, 30.5]
    assert stage_module.gaps_of([steady]) == []
    assert stage_module.gaps_of([steady, torn]) == [(10_500_000, 30_000_000 + beyond_us)]
    assert stage_module.gaps_of([[1.0, 1.0 + GAP_S]]) == [(1_000_000, int((1 + GAP_S) * 1e6) + beyond_us)]
    late, again = ok(Kind.HOLD, 1, (0, 2_000), "1", units=A), ok(Kind.HOLD, 1, (0, 9_000), "1", units=A, replayed=True)
    refused = fail(Kind.HOLD, 0, (0, 5_000), "UNITS_HELD", units=A, named=A)
    assert list(stage_module.accepted_at([late, again, refused])) == [2.0], (
        "only what was written just now says what time it is"
    )


def test_gaps_are_where_nothing_was_accepted_of_something() -> None:
    check_where_gaps_are()


def gaps_of_all(crowds: Iterable[Iterable[float]]) -> list[tuple[int, int]]:
    """As if it did not matter of what something was accepted."""
    return gaps_of([[at_s for crowd in crowds for at_s in crowd]])


def answered_at(calls: Iterable[Call]) -> list[float]:
    """As if any answer said what time it is."""
    return [(call.returned_us or 0) / 1_000_000 for call in calls]


@pytest.mark.parametrize(
    ("name", "broken"), [("gaps_of", gaps_of_all), ("accepted_at", answered_at), ("silences", lambda *_: [])]
)
def test_control_gaps_that_something_else_fills_are_noticed(
    monkeypatch: pytest.MonkeyPatch, name: str, broken: object
) -> None:
    monkeypatch.setattr(stage_module, name, broken)
    with pytest.raises(AssertionError):
        check_where_gaps_are()


def seen_by(witness: Witness) -> list[Fault]:
    """What is found when it has watched the journal."""
    audit = BlockAudit(JOURNAL.block, watcher=witness)
    found = [finding.fault for row in JOURNAL.rows() for finding in audit.take(row)]
    return [*found, *(finding.fault for finding in audit.finish())]


def check_only_what_was_told_before_a_clock_moved_is_timed(folder: Path, patch: pytest.MonkeyPatch) -> None:
    stage, late_ms = Stage(folder), OFF_MS + 50
    refused_ms = ENDED_MS + late_ms
    for moved_ms, found in ((refused_ms + 6, FOUND), (refused_ms, [])):
        stage.moved = None
        asyncio.run(moved(stage, moved_ms, patch))
        calls, timed = calls_with(late_ms), stage.timed([])
        assert timed(JOURNAL.block).row == len(JOURNAL.rows()) - 1, "C was not held yet"
        assert timed("another").row == 0
        witness = Witness(JOURNAL.block, calls, (C_MS + 10**6) * 1000, *CHAOS, timed(JOURNAL.block))
        assert seen_by(witness) == found, f"a clock was moved at {moved_ms}, and it was told at {refused_ms}"
        assert (witness.tally.timed, witness.tally.untimed) == (len(found), 1 - len(found))
        asyncio.run(moved(stage, moved_ms + 10**6, patch))
        assert stage.timed([])(JOURNAL.block) == timed(JOURNAL.block), "it counts when the first was moved"


async def moved(stage: Stage, at_ms: int, patch: pytest.MonkeyPatch) -> None:
    """As of the beginning of a fault that moves a clock then, when the last row but one had been written."""

    async def fetch(statement: str, *_: object) -> list[Any]:
        ends = {"block_id": JOURNAL.block, "position": len(JOURNAL.rows()) - 1}
        return [ends] if "group by" in statement else [(0,)]

    with patch.context() as patched:
        patched.setattr(stage, "fetch", fetch)
        patched.setattr(stage, "owner", lambda: _soon(SimpleNamespace(shard="shard-0001")))
        patched.setattr(stage, "_load", SimpleNamespace(event_id=EVENT))
        patched.setattr(time, "time_ns", lambda: at_ms * 1_000_000)
        fault = ClockSwings()
        await fault.inflict(stage)
        await fault._times.end()


async def _soon(what: object) -> object:
    return what


def test_what_was_told_before_a_clock_was_moved_is_held_against_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_only_what_was_told_before_a_clock_moved_is_timed(tmp_path / "stage", monkeypatch)


@pytest.mark.parametrize("name", ["untimed", "unmoved"])
def test_control_times_that_are_held_against_nothing_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if name == "untimed":
        monkeypatch.setattr(Stage, "timed", lambda *_: lambda _: Timed(0, 0))
    else:
        monkeypatch.setattr(ClockMoved, "inflict", Inflicted.inflict)
        monkeypatch.setattr(ClockMoved, "_times", SimpleNamespace(end=lambda: _soon([])), raising=False)
    with pytest.raises(AssertionError):
        check_only_what_was_told_before_a_clock_moved_is_timed(tmp_path / "stage", monkeypatch)


def check_what_a_stage_finds(folder: Path) -> None:
    """Who is told too late is found by the witnesses that an audit has, but where its crowd had nothing accepted."""
    late = calls_with(OFF_MS + 50)
    steady = [accepted_elsewhere(at_ms) for at_ms in range(START_MS, C_MS, 500)]
    ahead_s = time.time() - time.monotonic()
    torn_s = {"a ware of theirs": [START_MS / 1000 - ahead_s, C_MS / 1000 - ahead_s]}
    cases: list[tuple[str, list[Call], dict[str, list[float]], list[Fault]]] = [
        ("steady", [*late, *steady], {}, FOUND),
        ("torn", late, {}, []),
        ("others", [*late, *steady], torn_s, FOUND),
    ]
    for name, calls, taken_s, found in cases:
        stage = Stage(folder / name)
        patched = cast("Any", stage)
        patched._baskets = SimpleNamespace(taken_s=taken_s)
        file = stage.folder / "calls.jsonl"
        file.write_bytes(b"".join(map(line_of, sorted(calls, key=lambda call: call.invoked_us))))
        histories = Histories(stage.folder)
        histories.sort([file])
        witnesses, _ = stage._witnesses([histories, Histories(stage.folder)], [file], RowsWritten({}, []))
        assert seen_by(witnesses[JOURNAL.block]) == found, name


def accepted_elsewhere(at_ms: int) -> Call:
    """In a block that nobody audits here."""
    at_us = at_ms * 1000
    return Call("other", Kind.HOLD, "another", at_us, Outcome.OK, at_us + 5, key=str(at_ms))


def witnesses_with_all_gaps(
    self: Stage, histories: Sequence[Histories], files: Sequence[Path], _: RowsWritten
) -> list[dict[str, Witness]]:
    """As it was: the pauses of one crowd are everybody's."""
    ahead_s = time.time() - time.monotonic()
    taken_s = [[at_s + ahead_s for at_s in of_ware] for of_ware in self.baskets.taken_s.values()]
    timed = self.timed(gaps_of([list(stage_module.accepted_at(read_calls(files))), *taken_s]))
    return [each.witnesses(time.time_ns() // 1000, OFF_MS, AHEAD_MS, timed) for each in histories]


def test_a_stage_holds_what_was_told_against_the_time_and_its_own_gaps(tmp_path: Path) -> None:
    check_what_a_stage_finds(tmp_path)


@pytest.mark.parametrize(
    ("where", "name", "broken", "said"),
    [
        (Stage, "timed", lambda *_: lambda _: Timed(0, 0), "steady"),
        (stage_module, "gaps_of", lambda _: [], "torn"),
        (Stage, "_witnesses", witnesses_with_all_gaps, "others"),
    ],
    ids=["untimed", "no gaps", "all gaps"],
)
def test_control_a_stage_that_times_nothing_or_knows_no_gap_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: object, name: str, broken: object, said: str
) -> None:
    monkeypatch.setattr(where, name, broken)
    with pytest.raises(AssertionError, match=said):
        check_what_a_stage_finds(tmp_path)
