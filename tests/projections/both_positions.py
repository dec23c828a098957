"""Both keepers of positions behind one face, for the tests that each must pass: a projector's port, and the rest."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from actors.core.ids import BlockId
from actors.database.connect import Connection, connect
from actors.journal.journal import Journal
from actors.journal.memory import MemoryJournal
from actors.journal.postgres import PostgresJournal
from actors.projections.positions import Positions
from actors.projections.positions_port import FollowedPositions
from tests.simulation.projecting import MemoryPositions
from tests.simulation.world import World

_SHOWN = """
select status, capacity, available, held, sold, layout_version, counts, statuses from availability where block_id = $1
"""


class Records(Protocol):
    """Positions as a projector sees them, the journal that it follows, and what projections have written."""

    @property
    def positions(self) -> FollowedPositions:
        """What a projector asks."""
        ...

    @property
    def journal(self) -> Journal:
        """A line to it."""
        ...

    async def enter(self, block: BlockId) -> None:
        """Into the catalogue."""
        ...

    async def deadline(self, block: BlockId) -> int | None:
        """As the projection of deadlines wrote it."""
        ...

    async def shown(self, block: BlockId) -> tuple[Any, ...] | None:
        """As the projection of availability wrote it."""
        ...

    async def clock_ms(self) -> int:
        """What the journal's clock shows, about."""
        ...


class MemoryRecords:
    """The stand-in of the simulation."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.positions = MemoryPositions(world, world.tables)
        self.journal = MemoryJournal(world.store)

    async def enter(self, block: BlockId) -> None:
        self._world.catalogue.enter(block, "s1")

    async def deadline(self, block: BlockId) -> int | None:
        row = self._world.tables.rows.get(("deadlines", block))
        assert self._world.catalogue.deadlines.get(block) == (row and row[0]), "the shards are told something else"
        return None if row is None else int(str(row[0]))

    async def shown(self, block: BlockId) -> tuple[Any, ...] | None:
        return self._world.tables.rows.get(("availability", block))

    async def clock_ms(self) -> int:
        return self._world.now_ms()


class PostgresRecords:
    """The shipped one."""

    def __init__(self, positions: Positions, journal: PostgresJournal, raw: Connection) -> None:
        self.positions = positions
        self.journal = journal
        self._raw = raw

    async def enter(self, block: BlockId) -> None:
        await self._raw.execute("insert into blocks (block_id, tenant, shard) values ($1, 'acme', 's1')", block)

    async def deadline(self, block: BlockId) -> int | None:
        found: int | None = await self._raw.fetchval("select due_at_ms from deadlines where block_id = $1", block)
        return found

    async def shown(self, block: BlockId) -> tuple[Any, ...] | None:
        row = await self._raw.fetchrow(_SHOWN, block)
        return None if row is None else tuple(row)

    async def clock_ms(self) -> int:
        return await self.journal.now_ms()


@asynccontextmanager
async def memory_records() -> AsyncIterator[MemoryRecords]:
    """Of a world in which nothing goes wrong."""
    world = World(0, (), faults=False)
    try:
        yield MemoryRecords(world)
    finally:
        world.following.cancel()


@asynccontextmanager
async def postgres_records(database_url: str) -> AsyncIterator[PostgresRecords]:
    """In this database."""
    raw = await connect(database_url, application_name="tests")
    positions, journal = Positions(database_url), PostgresJournal(database_url)
    try:
        yield PostgresRecords(positions, journal, raw)
    finally:
        for line in (positions, journal, raw):
            await line.close()
