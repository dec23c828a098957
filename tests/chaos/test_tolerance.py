"""How late something may be told on a stack: by its longest gap, and not by anything where no clock was moved."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from actors.audit.findings import Fault
from actors.core.ids import BlockId, event_id
from loadtests.history.calls import Kind
from tests.chaos.fault import Fault as Inflicted
from tests.chaos.inner_faults import ClockMoved, ClockSwings
from tests.chaos.stage import AHEAD_MS, Stage
from tests.history.notes import fail
from tests.history.test_from_the_future import ENDED_MS, A, _found

GAP_S = 3.0
EVENT = event_id(BlockId("0123456789abcdef"))


def stage_in(folder: Path) -> Stage:
    """One that has not begun, on which nothing was sold for so long."""
    stage = Stage(folder)
    stage.longest_gap_s = GAP_S
    return stage


def found_late(stage: Stage, late_ms: int) -> list[Fault]:
    """What is found when a hold stands in somebody's way so long after it ended."""
    held = fail(Kind.HOLD, 0, (ENDED_MS + late_ms, ENDED_MS + late_ms + 5), "UNITS_HELD", units=A, named=A)
    return _found(held, (stage.tolerance_ms, AHEAD_MS))


def check_what_is_told_late(folder: Path) -> None:
    stage = stage_in(folder)
    most_ms = AHEAD_MS + int(GAP_S * 1000)
    assert found_late(stage, most_ms - 500) == []
    assert found_late(stage, most_ms + 500) == [Fault.REFUSED_WRONGLY], "it was told far too late"
    asyncio.run(moved(stage))
    assert found_late(stage, most_ms + 500) == [], "by the clock of its shard it was not"


async def moved(stage: Stage) -> None:
    """As of the beginning of a fault that moves a clock."""
    ready = SimpleNamespace(shard="shard-0001")
    setting = SimpleNamespace(owner=lambda: _soon(ready), within=stage.within, load=SimpleNamespace(event_id=EVENT))
    setting.fetch = lambda *_: _soon([(0,)])
    fault = ClockSwings()
    await fault.inflict(cast("Stage", setting))
    await fault._times.end()
    stage.is_clock_moved = getattr(setting, "is_clock_moved", False)


async def _soon(what: object) -> object:
    return what


def test_what_is_over_is_told_as_that_in_time_unless_a_clock_was_moved(tmp_path: Path) -> None:
    check_what_is_told_late(tmp_path / "stage")


@pytest.mark.parametrize("name", ["untimed", "unmoved"])
def test_control_times_that_are_held_against_nothing_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if name == "untimed":
        monkeypatch.setattr(Stage, "tolerance_ms", None)
    else:
        monkeypatch.setattr(ClockMoved, "inflict", Inflicted.inflict)
        monkeypatch.setattr(ClockMoved, "_times", SimpleNamespace(end=lambda: _soon([])), raising=False)
    with pytest.raises(AssertionError):
        check_what_is_told_late(tmp_path / "stage")
