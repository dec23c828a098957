"""Events that sell: blocks with journals in Postgres, written as a shard writes them, and projectors that follow."""

import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from actors.core import block as core
from actors.core.commands import (
    CancelOrder,
    Command,
    ConfirmOrder,
    CreateEvent,
    ExtendHold,
    OpenSale,
    PlaceHold,
    PlaceOrder,
    ReleaseHold,
    Stamp,
    Write,
)
from actors.core.entries import Activated, Entry
from actors.core.ids import BlockId
from actors.core.layout import Area, Category, Layout, Row, Section
from actors.core.outcomes import Accepted
from actors.core.snapshot import FORMAT, freeze
from actors.core.state import BlockState
from actors.core.wishes import AreaPlaces, Wish
from actors.database.connect import Connection, connect
from actors.journal.codec import decode_entries, encode_entries
from actors.journal.journal import GENESIS, Journal, JournalRow, NewRow, Snapshot, chain_of
from actors.journal.postgres import PostgresJournal
from actors.projections.availability import AvailabilityProjection
from actors.projections.deadlines import DeadlinesProjection
from actors.projections.positions import Positions
from actors.projections.projection import Progress, Projection
from actors.projections.projector import Projector

START_MS = 1_700_000_000_000
LAYOUT = Layout(
    "EUR",
    (Category("front", 5000), Category("back", 3000), Category("standing", 2000), Category("unused", 1)),
    (
        Section("Hall", (Row("A", 0, 1, 5), Row("B", 1, 1, 4), Row("C", 0, 1, 2))),
        Section("Balcony", (Row("A", 1, 0, 3, ("x", "y", "z")),)),
    ),
    (Area("floor", 2, 40), Area("bar", 1, 6)),
)
SEATS = tuple(
    f"{section.name}/{row.name}/{row.seat_label(place)}" for section, row in LAYOUT.rows() for place in range(row.count)
)

_numbers = itertools.count(1)


class SellingEvent:
    """An event of one tenant. What is asked of it is decided, applied, and appended as one row per call of `sell`."""

    def __init__(self, journal: Journal, tenant: str = "acme", layout: Layout = LAYOUT) -> None:
        self.journal = journal
        self.tenant = tenant
        self.layout = layout
        self.block = BlockId(f"{next(_numbers):016d}")
        self.state = BlockState()
        self.now_ms = START_MS
        self.rows: list[JournalRow] = []
        self.epoch = 1

    async def create(self, connection: Connection, name: str = "Night") -> None:
        """Enter the block into the catalogue, and `open`."""
        await connection.execute(
            "insert into blocks (block_id, tenant, shard) values ($1, $2, 'shard-1')", self.block, self.tenant
        )
        await self.open(name)

    async def open(self, name: str = "Night") -> None:
        """Create the event and open its sale."""
        await self.append([Activated(self.now_ms, "shard-1", b"nonce678")])
        await self.sell(CreateEvent(self.stamp(), name, self.layout), OpenSale(self.stamp()))

    def stamp(self) -> Stamp:
        """A key that nobody has used."""
        key = f"{next(_numbers):016d}".encode()
        return Stamp(self.tenant, "ana", key, key, self.now_ms + 60_000)

    def hold(self, *seats: str, places: int = 0, ttl_ms: int = 600_000) -> PlaceHold:
        """A command that holds these seats, and places of the floor."""
        areas = (AreaPlaces("floor", places),) if places else ()
        return PlaceHold(self.stamp(), next(_numbers), Wish(seats, areas), ttl_ms)

    async def sell(self, *commands: Command) -> int:
        """Ask all this in one batch and append what was accepted; how many were."""
        entries: list[Entry] = []
        accepted = 0
        for command in commands:
            outcome = core.decide(self.state, command, self.now_ms)
            if isinstance(outcome, Accepted):
                accepted += 1
                entries += outcome.entries
                for entry in outcome.entries:
                    core.apply(self.state, entry)
        if entries:
            await self._append(encode_entries(entries), len(entries))
        return accepted

    async def tick(self) -> None:
        """Expire what is due."""
        while (entry := core.next_due(self.state, self.now_ms)) is not None:
            await self.append([entry])

    async def append(self, entries: Sequence[Entry]) -> None:
        """Apply and append these entries."""
        for entry in entries:
            core.apply(self.state, entry)
        await self._append(encode_entries(entries), len(entries))

    async def append_bytes(self, encoded: bytes) -> None:
        """Append a row with these bytes, rightly chained, that the state knows nothing of."""
        await self._append(encoded, 1)

    async def save_snapshot(self) -> None:
        """Save the state as of the last row."""
        last = self.rows[-1]
        await self.journal.save_snapshot(Snapshot(self.block, last.position, last.chain, FORMAT, freeze(self.state)))

    async def live_at_random(self, random: Random, row_count: int) -> None:
        """Append about so many rows of a random but lawful history."""
        for _ in range(row_count):
            self.now_ms += random.choice((0, 0, 1, 900, 20_000))
            await self.tick()
            await self.sell(*(self._random_command(random) for _ in range(random.randint(1, 4))))

    def _random_command(self, random: Random) -> Write:
        hold = random.choice([*self.state.holds, 0])
        order = random.choice([*self.state.orders, 0])
        match random.randrange(10):
            case 0:
                return ExtendHold(self.stamp(), hold, random.choice((0, 60_000, 3_600_000)))
            case 1:
                return ReleaseHold(self.stamp(), hold)
            case 2 | 3:
                return PlaceOrder(self.stamp(), hold, next(_numbers))
            case 4 | 5:
                return ConfirmOrder(self.stamp(), order)
            case 6:
                return CancelOrder(self.stamp(), order)
        seats = random.sample(SEATS, random.randint(0, 3))
        return self.hold(
            *seats, places=random.choice((0, 0, 3)) if seats else 2, ttl_ms=random.choice((30_000, 600_000))
        )

    async def _append(self, encoded: bytes, entry_count: int) -> None:
        last = self.rows[-1] if self.rows else None
        position, prev_chain = (last.position + 1, last.chain) if last else (1, GENESIS)
        chain = chain_of(prev_chain, self.block, position, self.epoch, self.now_ms, encoded)
        row = JournalRow(self.block, position, self.epoch, self.now_ms, entry_count, encoded, chain)
        assert (await self.journal.append([NewRow(row, prev_chain)])).durable == {self.block}
        self.rows.append(row)


class Feed:
    """A projection that notes every entry, as a feed would: what is seen twice or left out shows for ever."""

    name = "feed"

    async def write(self, connection: Connection, progress: Sequence[Progress]) -> None:
        """See `Projection.write`."""
        for one in progress:
            for followed in one.rows:
                for index, entry in enumerate(followed.entries):
                    await connection.execute(
                        "insert into feed (block_id, position, index, kind) values ($1, $2, $3, $4)",
                        one.block, followed.row.position, index, type(entry).__name__,
                    )  # fmt: skip


ALL: tuple[Callable[[], Projection], ...] = (AvailabilityProjection, DeadlinesProjection, Feed)


class World:
    """A database with events that sell, and projectors over it."""

    def __init__(self, database_url: str, journal: PostgresJournal, connection: Connection) -> None:
        self.database_url = database_url
        self.journal = journal
        self.connection = connection
        self._projectors: list[Projector] = []

    async def event(self, tenant: str = "acme", name: str = "Night", layout: Layout = LAYOUT) -> SellingEvent:
        """A new event, on sale."""
        event = SellingEvent(self.journal, tenant, layout)
        await event.create(self.connection, name)
        return event

    def projector(self, *projections: Projection, positions: Positions | None = None, **options: Any) -> Projector:
        """A projector, by default one that writes everything."""
        projector = Projector(
            positions or Positions(self.database_url),
            PostgresJournal(self.database_url),
            projections or [kind() for kind in ALL],
            **options,
        )
        self._projectors.append(projector)
        return projector

    async def rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        """What a query finds."""
        return [tuple(row) for row in await self.connection.fetch(query, *arguments)]

    async def positions(self, block: BlockId) -> dict[str, tuple[int, str | None]]:
        """How far each projection is with a block, and why it is quarantined."""
        query = "select projection, position, quarantined_because from projection_positions where block_id = $1"
        return {name: (position, because) for name, position, because in await self.rows(query, block)}

    async def feed(self, block: BlockId) -> list[tuple[Any, ...]]:
        """What `Feed` noted of a block, in the order in which it did."""
        return await self.rows("select position, index, kind from feed where block_id = $1 order by number", block)

    async def close(self) -> None:
        """End all lines."""
        for projector in self._projectors:
            await projector.close()
        await self.journal.close()
        await self.connection.close()


@asynccontextmanager
async def selling(database_url: str) -> AsyncIterator[World]:
    """A world for as long as the block lasts."""
    connection = await connect(database_url, application_name="tests")
    await connection.execute(
        "create table feed (number bigserial, block_id text, position bigint, index integer, kind text)"
    )
    world = World(database_url, PostgresJournal(database_url), connection)
    try:
        yield world
    finally:
        await world.close()


async def follow_all(projector: Projector) -> None:
    """Rounds until nothing is left to follow; there are fewer blocks than a page has."""
    for _ in range(200):
        if not await projector.round():
            return
    raise AssertionError("the projector never comes to an end")


async def check_followed(world: World, event: SellingEvent) -> None:
    """Every row was followed: to the end, in order, once, and what is derived is what the block knows."""
    expected = [
        (row.position, index, type(entry).__name__)
        for row in event.rows
        for index, entry in enumerate(decode_entries(row.entries))
    ]
    assert await world.feed(event.block) == expected
    assert await world.positions(event.block) == {kind().name: (len(event.rows), None) for kind in ALL}
    due = core.next_deadline_ms(event.state)
    found = await world.rows("select due_at_ms from deadlines where block_id = $1", event.block)
    assert found == ([] if due is None else [(due,)])
    inventory = event.state.inventory
    sold = inventory.statuses.count(2) + sum(inventory.area_sold)
    held = inventory.statuses.count(1) + sum(inventory.area_held)
    capacity = event.layout.capacity
    found = await world.rows(
        "select position, capacity, available, held, sold from availability where block_id = $1", event.block
    )
    assert found == [(len(event.rows), capacity, capacity - held - sold, held, sold)]
