"""A quarantine ends when its block can be followed again: by itself where that may be, else with a new projector."""

import asyncio
import math
from collections.abc import Sequence
from functools import partialmethod
from random import Random
from typing import Any

import pytest
from structlog.testing import capture_logs

from actors.core.ids import BlockId
from actors.database.connect import Connection
from actors.database.line import LineRefused
from actors.projections import projector as projector_module
from actors.projections.positions import Positions
from actors.projections.positions_port import Seen
from actors.projections.projection import Progress
from actors.projections.projector import REFUSED_RETRY_S, Projector
from tests.projections.selling import ALL, Feed, SellingEvent, World, check_followed, follow_all

pytestmark = pytest.mark.anyio

# A journal of which the entries of some blocks cannot be read, for as long as `unreadable` names the block.
_SPOIL = """
create table unreadable (block_id text, code text);
create function read_entries(block text, entries bytea) returns bytea stable language plpgsql as $$
declare refused text := (select code from unreadable where block_id = block);
begin
  if refused is not null then
    raise exception 'could not read block 7' using errcode = refused;
  end if;
  return entries;
end $$;
alter table journal rename to sound_journal;
create view journal as
select position, epoch, recorded_at_ms, entry_count, block_id, chain, read_entries(block_id, entries) as entries
from sound_journal;
"""
_MEND = "drop view journal; alter table sound_journal rename to journal;"


class Clock:
    """The projector's."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def quarantined(logs: Sequence[Any]) -> list[tuple[str, BlockId]]:
    """Which projections of which blocks are said to be stopped."""
    return [(log["projection"], log["block"]) for log in logs if log["event"] == "projection is quarantined"]


async def check_unreadable_rows(world: World, sqlstate: str) -> None:
    """Postgres refuses for a while to read the rows of one of three events."""
    events = [await world.event() for _ in range(3)]
    bad = events[1]
    clock = Clock()
    projector = world.projector(monotonic=clock)
    for seed in (1, 2):
        for event in events:
            await event.live_at_random(Random(seed), 5)
        if seed == 1:
            await follow_all(projector)
    await world.connection.execute(_SPOIL)
    await world.connection.execute("insert into unreadable values ($1, $2)", bad.block, sqlstate)
    with capture_logs() as logs:
        for _ in range(3):
            await follow_all(projector)
            for event in (events[0], events[2]):
                await check_followed(world, event)
            stopped = (await world.positions(bad.block)).values()
            assert all(because is not None and sqlstate in because for _, because in stopped), "it can be seen"
            clock.now_s += REFUSED_RETRY_S + 1
    assert len(quarantined(logs)) == len(ALL), "it is said once"
    await world.connection.execute(_MEND)
    await follow_all(projector)
    await check_followed(world, bad)
    assert projector._again_at == {}


@pytest.mark.parametrize("sqlstate", ["XX001", "XX002", "58030", "22P05", "P0001"])
async def test_rows_that_cannot_be_read_for_a_while_are_followed_after_that(world: World, sqlstate: str) -> None:
    await check_unreadable_rows(world, sqlstate)


async def test_control_a_quarantine_for_ever_does_not_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector_module, "REFUSED_RETRY_S", math.inf)
    with pytest.raises(AssertionError):
        await check_unreadable_rows(world, "XX001")


async def test_control_unless_one_is_blamed_all_of_them_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Positions, "_asked_of_blocks", lambda self, ask, _: self._line.run(ask))
    with pytest.raises(LineRefused):
        await check_unreadable_rows(world, "58030")


async def check_pause(world: World) -> None:
    """What is refused is asked for no more often than every ten seconds."""
    event = await world.event()
    clock = Clock()
    projector = world.projector(monotonic=clock)
    await world.connection.execute(_SPOIL)
    await world.connection.execute("insert into unreadable values ($1, 'XX001')", event.block)
    await follow_all(projector)
    await world.connection.execute(_MEND)
    clock.now_s += REFUSED_RETRY_S - 1
    await follow_all(projector)
    assert {position for position, _ in (await world.positions(event.block)).values()} == {0}, "not yet"
    clock.now_s += 2
    await follow_all(projector)
    await check_followed(world, event)


async def test_what_is_refused_is_tried_again_after_a_pause(world: World) -> None:
    await check_pause(world)


async def test_control_without_a_pause_it_is_tried_in_every_round(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projector_module, "REFUSED_RETRY_S", 0.0)
    with pytest.raises(AssertionError):
        await check_pause(world)


class Failing(Feed):
    """Cannot write of one block, by the word of Postgres (a statement that fails) or for a bug of its own."""

    def __init__(self, bad: BlockId, statement: str) -> None:
        self.bad: BlockId | None = bad
        self.statement = statement
        self.failures = 0

    async def write(self, connection: Connection, progress: Sequence[Progress]) -> None:
        """See `Projection.write`."""
        await super().write(connection, progress)
        if self.bad in {one.block for one in progress}:
            self.failures += 1
            if not self.statement:
                raise KeyError("a bug")
            await connection.execute(self.statement)


_REFUSED_WRITE = "do $$ begin raise exception 'could not write block 7' using errcode = '58030'; end $$"


async def test_what_cannot_be_written_for_a_while_is_written_after_that(world: World) -> None:
    events = [await world.event() for _ in range(3)]
    bad = events[1]
    clock = Clock()
    failing = Failing(bad.block, _REFUSED_WRITE)
    projector = world.projector(*(kind() for kind in ALL[:2]), failing, monotonic=clock)
    with capture_logs() as logs:
        for seed in range(3):
            for event in events:
                await event.live_at_random(Random(seed), 5)
            await follow_all(projector)
            clock.now_s += REFUSED_RETRY_S + 1
    for event in (events[0], events[2]):
        await check_followed(world, event)
    assert quarantined(logs) == [("feed", bad.block)]
    assert not any(log["event"] == "projection follows again" for log in logs), "it does not end before it is written"
    positions = await world.positions(bad.block)
    assert positions["feed"][0] == 0
    assert positions["availability"] == positions["deadlines"] == (len(bad.rows), None)
    failing.bad = None
    await follow_all(projector)
    await check_followed(world, bad)


async def test_a_bug_is_not_tried_again_by_who_has_it(world: World) -> None:
    event = await world.event()
    clock = Clock()
    failing = Failing(event.block, "")
    projector = world.projector(*(kind() for kind in ALL[:2]), failing, monotonic=clock)
    await follow_all(projector)
    failures = failing.failures
    clock.now_s += 10 * REFUSED_RETRY_S
    await event.live_at_random(Random(1), 5)
    await follow_all(projector)
    assert failing.failures == failures > 0


async def check_a_bug_that_passes(world: World) -> None:
    """One write fails, of the one block that moves, for no reason that anybody knows."""
    event = await world.event()
    failing = Failing(event.block, "")
    write = failing.write

    async def once(connection: Connection, progress: Sequence[Progress]) -> None:
        try:
            await write(connection, progress)
        finally:
            failing.bad = None

    failing.write = once  # type: ignore[method-assign]
    with capture_logs() as logs:
        await follow_all(world.projector(*(kind() for kind in ALL[:2]), failing))
    assert failing.failures == 1
    assert quarantined(logs) == []
    await check_followed(world, event)


async def test_a_bug_that_passes_stops_nothing(world: World) -> None:
    await check_a_bug_that_passes(world)


async def test_control_who_is_stopped_by_one_failure_is_noticed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Projector._write
    monkeypatch.setattr(Projector, "_write", partialmethod(write, was_tried=True))
    with pytest.raises(AssertionError):
        await check_a_bug_that_passes(world)


async def run_until_followed(world: World, event: SellingEvent) -> None:
    """A projector starts, and has three seconds."""
    running = asyncio.create_task(world.projector().run())
    try:
        for _ in range(150):
            if set((await world.positions(event.block)).values()) == {(len(event.rows), None)}:
                break
            await asyncio.sleep(0.02)
        await check_followed(world, event)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def check_start(world: World) -> None:
    """Projections are stopped at a row that is bad, one of them for a bug before that; then both are mended."""
    event = await world.event()
    await event.live_at_random(Random(1), 5)
    await follow_all(world.projector(*(kind() for kind in ALL[:2]), Failing(event.block, "")))
    await event.live_at_random(Random(2), 5)
    last = event.rows[-1]
    change = "update journal set entries = $3 where block_id = $1 and position = $2"
    await world.connection.execute(change, event.block, last.position, b"\x63")
    await follow_all(world.projector())
    assert None not in {because for _, because in (await world.positions(event.block)).values()}
    await world.connection.execute(change, event.block, last.position, last.entries)
    await run_until_followed(world, event)


async def test_a_projector_that_starts_tries_all_that_is_quarantined(world: World) -> None:
    await check_start(world)


async def test_control_one_that_only_says_it_leaves_it_quarantined(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def say_only(self: Projector) -> None:
        await self._positions.quarantined()

    monkeypatch.setattr(Projector, "_greet", say_only)
    with pytest.raises(AssertionError):
        await check_start(world)


async def check_end_of_the_journal(world: World) -> None:
    """Projections were stopped where their journal ends: there is nothing to write, and no row will come."""
    event = await world.event()
    await event.live_at_random(Random(1), 5)
    await follow_all(world.projector())
    await world.connection.execute("update projection_positions set quarantined_because = 'a row behind them'")
    await run_until_followed(world, event)


async def test_what_was_stopped_at_the_end_of_its_journal_goes_on_there(world: World) -> None:
    await check_end_of_the_journal(world)


async def test_control_by_moving_alone_it_never_does(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def leave(*_: object) -> list[str]:
        return []

    monkeypatch.setattr(Positions, "end_quarantine", leave)
    with pytest.raises(AssertionError):
        await check_end_of_the_journal(world)


async def check_that_trying_ends(world: World) -> None:
    """What is tried at the start and cannot be followed, in slices: a projection with a bug, and bad rows."""
    buggy, bad = [await world.event() for _ in range(2)]
    for event in (buggy, bad):
        await event.live_at_random(Random(1), 12)
    await bad.append_bytes(b"\x01 no msgpack")
    projections = (*(kind() for kind in ALL[:2]), Failing(buggy.block, ""))
    await follow_all(world.projector(*projections, rows_per_slice=3))
    stopped = [await world.positions(event.block) for event in (buggy, bad)]
    starting = world.projector(*projections, rows_per_slice=3)
    await starting._greet()
    await follow_all(starting)
    assert [await world.positions(event.block) for event in (buggy, bad)] == stopped
    assert starting._again_at == {}
    await buggy.live_at_random(Random(2), 12)
    await follow_all(starting)
    assert (await world.positions(buggy.block))["availability"] == (len(buggy.rows), None)


async def test_what_still_cannot_be_followed_is_tried_once(world: World) -> None:
    await check_that_trying_ends(world)


async def test_control_without_an_end_it_is_tried_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def note_only(
        self: Projector, block: BlockId, seen: dict[str, Seen], because: str, *, is_refused: bool = False
    ) -> None:
        await self._positions.quarantine(block, seen, because)

    monkeypatch.setattr(Projector, "_quarantine", note_only)
    with pytest.raises(AssertionError, match="never comes to an end"):
        await check_that_trying_ends(world)
