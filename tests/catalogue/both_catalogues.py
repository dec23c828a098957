"""Both catalogues behind one face, for the tests that each must pass: a shard's port, and what others do to it."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Protocol

from actors.catalogue.catalogue import Catalogue, NumberUsed
from actors.catalogue.quarantines import Correction, Quarantines
from actors.core.ids import BlockId, TenantId
from actors.database.connect import Connection, connect
from actors.engine.catalogue_port import ShardCatalogue
from actors.journal.journal import JournalRow, NewRow
from actors.journal.memory import MemoryStore
from actors.journal.postgres import PostgresJournal
from tests.simulation import memory_catalogue

TENANT = TenantId("arena")

_numbers = count(1)


def number() -> int:
    """One that no test has used."""
    return next(_numbers)


def clock_ms() -> int:
    """What both catalogues' clocks show, about."""
    return time.time_ns() // 1_000_000


class House(Protocol):
    """A catalogue as shards see it, and what directories, operators, projections and auditors do to it."""

    @property
    def catalogue(self) -> ShardCatalogue:
        """What a shard asks."""
        ...

    async def register(self, shard: str, epoch: int) -> bool:
        """A new incarnation; False if it cannot be new."""
        ...

    async def enter(self, block: BlockId, shard: str) -> None:
        """A block is for this shard, unless somebody has it."""
        ...

    async def wish(self, block: BlockId, to_shard: str | None) -> None:
        """That it move there, or nowhere."""
        ...

    async def assigned_from(self, block: BlockId, epoch: int) -> None:
        """Its last assignment counts from this epoch on."""
        ...

    async def set_deadline(self, block: BlockId, due_at_ms: int) -> None:
        """When it next has something to expire."""
        ...

    async def impose(self, block: BlockId, position: int) -> int:
        """A quarantine because of this row; the number of the one that stands."""
        ...

    async def wish_end(self, block: BlockId, correction: Correction) -> None:
        """How the quarantine is to end."""
        ...

    async def append(self, new: NewRow) -> None:
        """A row in the block's journal."""
        ...


class MemoryHouse:
    """The stand-in of the simulation."""

    def __init__(self) -> None:
        self._store = MemoryStore(clock_ms)
        self.catalogue = memory_catalogue.Catalogue(self._store)

    async def register(self, shard: str, epoch: int) -> bool:
        return self.catalogue.register(shard, epoch)

    async def enter(self, block: BlockId, shard: str) -> None:
        self.catalogue.enter(block, shard)

    async def wish(self, block: BlockId, to_shard: str | None) -> None:
        if to_shard is None:
            del self.catalogue.wishes[block]
        else:
            self.catalogue.wishes[block] = to_shard

    async def assigned_from(self, block: BlockId, epoch: int) -> None:
        self.catalogue.assigned_from(block, epoch)

    async def set_deadline(self, block: BlockId, due_at_ms: int) -> None:
        self.catalogue.deadlines[block] = due_at_ms

    async def impose(self, block: BlockId, position: int) -> int:
        return self.catalogue.impose(block, position)

    async def wish_end(self, block: BlockId, correction: Correction) -> None:
        self.catalogue.wish_end(block, correction.by, correction.why, correction.holds)

    async def append(self, new: NewRow) -> None:
        assert self._store.append([new]).durable


class PostgresHouse:
    """The shipped one."""

    def __init__(self, catalogue: Catalogue, quarantines: Quarantines, journal: PostgresJournal, raw: Connection):
        self.catalogue = catalogue
        self._quarantines = quarantines
        self._journal = journal
        self._raw = raw

    async def register(self, shard: str, epoch: int) -> bool:
        try:
            await self.catalogue.register(shard, epoch, "somewhere", 4711)
        except NumberUsed:
            return False
        return True

    async def enter(self, block: BlockId, shard: str) -> None:
        await self.catalogue.assign(block, TENANT, shard)

    async def wish(self, block: BlockId, to_shard: str | None) -> None:
        await self._raw.execute("update blocks set moving_to = $2 where block_id = $1", block, to_shard)

    async def assigned_from(self, block: BlockId, epoch: int) -> None:
        await self._raw.execute("update blocks set assigned_epoch = $2 where block_id = $1", block, epoch)

    async def set_deadline(self, block: BlockId, due_at_ms: int) -> None:
        await self._raw.execute("insert into deadlines (block_id, due_at_ms) values ($1, $2)", block, due_at_ms)

    async def impose(self, block: BlockId, position: int) -> int:
        await self._quarantines.impose(block, position, "it is wrong", "auditor")
        return (await self._quarantines.of([block]))[0].number

    async def wish_end(self, block: BlockId, correction: Correction) -> None:
        assert await self._quarantines.wish_end(block, correction) is not None

    async def append(self, new: NewRow) -> None:
        assert (await self._journal.append([new])).durable


@asynccontextmanager
async def postgres_house(database_url: str) -> AsyncIterator[PostgresHouse]:
    """In this database."""
    raw = await connect(database_url, application_name="tests")
    catalogue, quarantines, journal = Catalogue(database_url), Quarantines(database_url), PostgresJournal(database_url)
    try:
        yield PostgresHouse(catalogue, quarantines, journal, raw)
    finally:
        for line in (catalogue, quarantines, journal, raw):
            await line.close()


def blocks(count: int) -> list[BlockId]:
    """So many that no test has used, in their order."""
    return [BlockId(f"{number():016d}") for _ in range(count)]


def first_row(block: BlockId, epoch: int) -> NewRow:
    """Written under this epoch."""
    return NewRow(JournalRow(block, 1, epoch, clock_ms(), 1, b"entries", bytes(15) + b"1"), bytes(16))
