"""Events that are over: one block, or a home with its parts; followed to the end, and what all of it was."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

from actors.archive.archive_file import archives_at
from actors.archive.putting_away import PutAway, put_away
from actors.core.baskets import LegPlan
from actors.core.commands import (
    AcknowledgePart,
    BookLeg,
    ChangeStatus,
    CreateEvent,
    OpenSale,
    PinLeg,
    ReleaseLeg,
)
from actors.core.entries import Activated
from actors.core.following import what_to_follow
from actors.core.parts import Part
from actors.core.replies import EventStatus
from actors.core.snapshot import digest
from actors.core.wishes import Wish
from actors.engine.activation import Activator
from actors.engine.clock import JournalClock
from actors.journal.postgres import PostgresJournal
from loadtests.audit_command import run_audit
from tests.projections.selling import LAYOUT, SellingEvent, World, follow_all

DAY_MS = 24 * 3_600_000
AFTER_ALL_MS = 1_800_000_000_000  # years behind what is sold here
DESK = "00000000000desk1"
ROWS = "select * from journal order by block_id, position"


async def close_and_archive(event: SellingEvent) -> None:
    """Let everything end that may, and the event with it."""
    event.now_ms += DAY_MS
    await event.tick()
    for status in (EventStatus.CLOSED, EventStatus.ARCHIVED):
        assert await event.sell(ChangeStatus(event.stamp(), status)) == 1


async def finished_event(world: World, seed: int = 7) -> SellingEvent:
    """An event of one block that has sold, is over and archived."""
    event = await world.event()
    await event.live_at_random(Random(seed), 30)
    await event.save_snapshot()
    await event.live_at_random(Random(seed + 1), 10)
    await close_and_archive(event)
    return event


async def finished_in_parts(world: World, leg_count: int = 0) -> list[SellingEvent]:
    """An event with a part that has its balcony; the home first. Each has sold a seat to so many legs, and has had it
    back from all but the last.
    """
    home, part = SellingEvent(world.journal), SellingEvent(world.journal)
    share = Part(part.block, ("Balcony",))
    for each in (home, part):
        query = "insert into blocks (block_id, tenant, shard) values ($1, 'acme', 'shard-1')"
        await world.connection.execute(query, each.block)
        await each.append([Activated(each.now_ms, "shard-1", b"nonce678")])
    await home.sell(CreateEvent(home.stamp(), "Final", LAYOUT, parts=(share,)), OpenSale(home.stamp()))
    await follow_event(home, part, share)
    for leg in range(1, leg_count + 1):
        for each, seat in ((home, "Hall/A/1"), (part, "Balcony/A/x")):
            pinned = PinLeg("acme", DESK, leg, "ana", LegPlan(each.block, leg, Wish((seat,))), 1, each.now_ms + DAY_MS)
            assert await each.sell(pinned) == await each.sell(BookLeg("acme", leg, 2)) == 1
            if leg < leg_count:
                await refund(each, leg)
    await close_and_archive(home)
    part.now_ms = home.now_ms
    await follow_event(home, part, share)
    return [home, part]


async def refund(event: SellingEvent, leg: int) -> None:
    """What the leg has is given back."""
    assert await event.sell(ReleaseLeg("acme", leg, 3)) == 1


async def follow_event(home: SellingEvent, part: SellingEvent, share: Part) -> None:
    """The part becomes what the event is, and the event knows it."""
    told = what_to_follow(home.state, home.block, share)
    assert await part.sell(told) == 1
    assert await home.sell(AcknowledgePart(home.tenant, share.block, told.revision)) == 1


async def followed(world: World) -> None:
    """All that is derived is derived."""
    await follow_all(world.projector())


def known(event: SellingEvent) -> bytes:
    """All that the block remembers."""
    return digest(event.state)


async def away(world: World, event: SellingEvent, folder: Path) -> PutAway:
    return await put_away(world.connection, event.block, folder, AFTER_ALL_MS)


async def rows_in_journal(world: World) -> list[tuple[Any, ...]]:
    return await world.rows(ROWS)


async def check_whole(world: World, folder: Path, before: list[tuple[Any, ...]]) -> None:
    """Every row that there was is in the journal or in a whole archive, and the journal has each block's last."""
    there = {row[4:5] + row[:1]: row for row in await rows_in_journal(world)}
    lasts = {row[4]: row for row in before}
    for row in lasts.values():
        assert there.get(row[4:5] + row[:1]) == row, "the last row of a block is gone"
    archived = {}
    for archive in archives_at(folder):
        for one in archive.rows():
            archived[one.block, one.position] = one
    for row in before:
        if row[4:5] + row[:1] not in there:
            found = archived.get((row[4], row[0]))
            assert found is not None, f"row {row[0]} of {row[4]} is lost"
            assert (found.epoch, found.recorded_at_ms, found.chain, found.entries) == (row[1], row[2], row[5], row[6])


@asynccontextmanager
async def loading(world: World) -> AsyncIterator[Activator]:
    journal = PostgresJournal(world.database_url)
    try:
        yield Activator(journal, "shard-1", JournalClock(time.monotonic), lambda: b"12345678", None)  # type: ignore[arg-type]
    finally:
        await journal.close()


async def audited(world: World, *blocks: str, archives: tuple[Path, ...] = ()) -> int:
    return await asyncio.to_thread(run_audit, world.database_url, blocks or None, archives=archives)
