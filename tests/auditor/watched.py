"""Events that sell in a database of their own, auditors over it, and wrongs to plant there."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import msgspec

from actors.audit.rows import Row
from actors.auditor.alarms import Alarms
from actors.auditor.auditor import Auditor
from actors.auditor.journals import Journals
from actors.auditor.ports import Reading
from actors.catalogue.quarantines import Quarantine, Quarantines
from actors.core.entries import Entry, HoldPlaced
from actors.journal.codec import decode_entries, encode_entries
from actors.journal.journal import GENESIS, JournalRow, NewRow
from tests.projections.selling import SEATS, SellingEvent, World, selling

ROUNDS = 200
"""Enough to audit all that a test writes; that a wrong is found within so many is what tests rely on."""

QUIET_ROUNDS = 6
"""As many as a sweep has where a page has one block, and more."""


class Clock:
    """A monotonic clock that goes on by a second with each look."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        self.now_s += 1.0
        return self.now_s


class Event(SellingEvent):
    """An event of which rows can be written that its owner knows nothing of."""

    def placed(self) -> list[HoldPlaced]:
        """Every hold of seats that was placed."""
        entries = (entry for row in self.rows for entry in decode_entries(row.entries))
        return [entry for entry in entries if isinstance(entry, HoldPlaced) and entry.seats]

    async def append_unseen(self, *entries: Entry) -> None:
        """A row, rightly chained."""
        await self._append(encode_entries(entries), len(entries))


class Watched:
    """A world with auditors."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.quarantines = Quarantines(world.database_url)
        self.alarms = Alarms(world.database_url)
        self._auditors: list[Auditor] = []

    def auditor(self, journals: Reading | None = None, generation: int | None = None, **options: Any) -> Auditor:
        """A fresh one, whose clock goes fast, so that it holds blocks against each other whenever it can.

        `generation`: of its cluster; None: it is of the newest, whichever that is.
        """
        options = {"monotonic": Clock()} | options
        url = self.world.database_url
        auditor = Auditor(journals or Journals(url), Quarantines(url, generation=generation), Alarms(url), **options)
        self._auditors.append(auditor)
        return auditor

    async def event(self) -> "Event":
        """A new event, on sale."""
        event = Event(self.world.journal)
        await event.create(self.world.connection)
        return event

    async def stopped(self) -> list[Quarantine]:
        """All quarantines."""
        return await self.quarantines.all()

    async def write(self, rows: Sequence[Row]) -> None:
        """A whole journal of one block, which is entered into the catalogue. Rows are chained as they say."""
        await self.world.connection.execute(
            "insert into blocks (block_id, tenant, shard) values ($1, 'acme', 'shard-1')", rows[0].block
        )
        chain = GENESIS
        for row in rows:
            new_row = NewRow(msgspec.convert(row, JournalRow, from_attributes=True), chain)
            assert (await self.world.journal.append([new_row])).durable == {row.block}
            chain = row.chain

    async def close(self) -> None:
        """End all lines."""
        for auditor in self._auditors:
            await auditor.close()
        await self.quarantines.close()
        await self.alarms.close()


@asynccontextmanager
async def watched(database_url: str) -> AsyncIterator[Watched]:
    """A world for as long as the block lasts."""
    async with selling(database_url) as world:
        one = Watched(world)
        try:
            yield one
        finally:
            await one.close()


async def audit_all(auditor: Auditor) -> None:
    """Rounds until nothing is left in a whole sweep, and blocks were held against each other where they can be."""
    crossed, quiet = auditor.figures.crossed_count, 0
    for _ in range(ROUNDS):
        quiet = 0 if await auditor.round() or auditor.figures.lag_rows else quiet + 1
        if quiet >= QUIET_ROUNDS and (auditor.figures.crossed_count > crossed or not shows_something(auditor)):
            return
    raise AssertionError(f"the auditor never comes to an end: {auditor.figures}")


def shows_something(auditor: Auditor) -> bool:
    """Whether there is any basket, or an event in parts."""
    return any(follower.shows_something for follower in auditor._followers.values())


async def sell_at_random(events: Sequence[Event], random: Random, row_count: int = 5) -> None:
    """Each of them goes on selling."""
    for event in events:
        await event.live_at_random(random, row_count)


async def plant_double_claim(event: Event) -> None:
    """Another owner, who does not see that somebody has this seat, holds it."""
    for seat in SEATS:
        if await event.sell(event.hold(seat)):
            break
    held = event.placed()[-1]
    again = msgspec.structs.replace(held, hold=held.hold + 1_000_000, at_ms=event.now_ms, key=b"k" * 16)
    await event.append_unseen(again)
