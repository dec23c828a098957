"""Rows of another time than when they were written are found, whoever's clock has moved, and all others are let be."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from actors.core.ids import event_id
from tests.chaos import inner_faults
from tests.chaos.fault import Fault
from tests.chaos.inner_faults import (
    BELIEVED_AHEAD_S,
    JUMP_BOUND_S,
    ClockAhead,
    ClockMoved,
    RowTimes,
    of_another_time,
)
from tests.chaos.stage import Stage
from tests.chaos.within import Within
from tests.projections.selling import SellingEvent, World, selling

pytestmark = pytest.mark.anyio

MARGIN_S = 1.0  # of what passes until a row is seen
LOOK_EVERY_S = 0.05


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a test takes long."""
    monkeypatch.setattr(inner_faults, "LOOK_EVERY_S", LOOK_EVERY_S)


class Setting:
    """In place of a stage: a journal in Postgres, which the test writes."""

    def __init__(self, world: World, event: SellingEvent, folder: Path) -> None:
        self._world = world
        self._event = event
        self.load = self
        self.shard = "shard-1"
        self.event_id = event_id(event.block)
        self.within = Within(folder)
        self._asking = asyncio.Lock()

    async def owner(self) -> "Setting":
        return self

    async def before_a_clock_moves(self) -> None:
        """Nobody asks here."""

    async def fetch(self, statement: str, *arguments: object) -> list[Any]:
        async with self._asking:
            found: list[Any] = await self._world.connection.fetch(statement, *arguments)
        return found

    async def write(self, ahead_s: float) -> None:
        """A row that is of so many seconds from now."""
        self._event.now_ms = round((time.time() + ahead_s) * 1000)
        await self._event.append_bytes(b"")


@asynccontextmanager
async def on_sale(database_url: str, folder: Path) -> AsyncIterator[Setting]:
    """An event whose rows so far are years old, which nobody is to look at."""
    async with selling(database_url) as world:
        yield Setting(world, await world.event(), folder)


async def harm_of(setting: Setting, *ahead_s: float) -> list[str]:
    """What the fault says when rows were written of so many seconds from their times, apart."""
    fault = ClockAhead()
    await fault.inflict(cast("Stage", setting))
    for one in ahead_s:
        await setting.write(one)
        await asyncio.sleep(4 * LOOK_EVERY_S)
    return await fault.harm(cast("Stage", setting))


CASES: tuple[tuple[tuple[float, ...], str], ...] = (
    ((0.0, 0.0), ""),
    ((0.0, BELIEVED_AHEAD_S - MARGIN_S, 0.0), ""),
    ((0.0, MARGIN_S - JUMP_BOUND_S, 0.0), ""),
    ((0.0, BELIEVED_AHEAD_S + MARGIN_S, 0.0), "from when they were written"),
    ((0.0, -JUMP_BOUND_S - MARGIN_S, 0.0), "before they were written"),
    ((), "nobody saw a row"),
)


async def check_rows_are_timed(database_url: str, folder: Path) -> None:
    async with on_sale(database_url, folder) as setting:
        for ahead_s, said in CASES:
            harm = await harm_of(setting, *ahead_s)
            assert len(harm) == bool(said), f"{ahead_s}: {harm}"
            assert said in "".join(harm), f"{ahead_s}: {harm}"


async def test_rows_of_another_time_are_found(own_database_url: str, tmp_path: Path) -> None:
    await check_rows_are_timed(own_database_url, tmp_path)


async def sees_nothing(self: RowTimes, *_: object) -> None:
    self._seen_s.append(0.0)
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("where", "name", "broken"),
    [
        (RowTimes, "_look", sees_nothing),
        (ClockMoved, "harm", Fault.harm),
        (inner_faults, "of_another_time", lambda _: []),
        (inner_faults, "BELIEVED_AHEAD_S", 60.0),
        (inner_faults, "JUMP_BOUND_S", 60.0),
    ],
)
async def test_control_who_does_not_look_finds_nothing(
    own_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: object, name: str, broken: object
) -> None:
    monkeypatch.setattr(where, name, broken)
    with pytest.raises(AssertionError):
        await check_rows_are_timed(own_database_url, tmp_path)


async def test_a_look_that_fails_is_told(own_database_url: str, tmp_path: Path) -> None:
    """Else rows that nobody saw would be taken for good ones."""
    async with on_sale(own_database_url, tmp_path) as setting:
        fault = ClockAhead()
        await fault.inflict(cast("Stage", setting))
        await setting.write(0.0)
        await asyncio.sleep(4 * LOOK_EVERY_S)
        await setting.fetch("alter table journal rename to elsewhere")
        await asyncio.sleep(4 * LOOK_EVERY_S)
        with pytest.raises(Exception, match="journal"):
            await fault.harm(cast("Stage", setting))


def test_both_bounds_are_kept_whichever_row_is_beyond_them() -> None:
    for fine in ([0.0], [BELIEVED_AHEAD_S, -JUMP_BOUND_S]):
        assert of_another_time(fine) == []
    for seen_s, count in (
        ([], 1),
        ([0.0, BELIEVED_AHEAD_S + 0.1], 1),
        ([-JUMP_BOUND_S - 0.1, 0.0], 1),
        ([-99.0, 99.0], 2),
    ):
        assert len(of_another_time(seen_s)) == count, seen_s
