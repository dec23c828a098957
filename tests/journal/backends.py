"""Both journals behind one face, for the tests that every journal must pass, and rows to write to them."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from actors.core.ids import BlockId
from actors.database.connect import Connection, connect
from actors.journal.journal import GENESIS, Head, Journal, JournalRow, JournalUnavailable, NewRow, chain_of
from actors.journal.memory import Faults, MemoryJournal, MemoryStore, NoFaults, Statement
from actors.journal.postgres import PostgresJournal
from tests.journal.relay import relay

_numbers = itertools.count(1)
_WAITING = """
select count(*) from pg_stat_activity
where application_name like 'holdfast-journal %' and datname = current_database()
and $1 in (wait_event_type, wait_event)
"""


def new_block() -> BlockId:
    """A block that no test has used."""
    return BlockId(f"{next(_numbers):016d}")


def row_after(head: Head | None, block: BlockId, *, epoch: int = 1, entries: bytes = b"entries") -> NewRow:
    """The row that extends `head`, None for a block without rows."""
    position = head.position + 1 if head else 1
    prev_chain = head.chain if head else GENESIS
    recorded_at_ms = 1_700_000_000_000 + position
    chain = chain_of(prev_chain, block, position, epoch, recorded_at_ms, entries)
    return NewRow(JournalRow(block, position, epoch, recorded_at_ms, 1, entries, chain), prev_chain)


def head_of(new: NewRow) -> Head:
    """The block's head once this row is appended."""
    return Head(new.row.position, new.row.epoch, new.row.chain)


async def grown(line: Journal, block: BlockId, count: int) -> list[NewRow]:
    """Append `count` rows to an empty block, one by one."""
    rows: list[NewRow] = []
    for number in range(count):
        rows.append(row_after(head_of(rows[-1]) if rows else None, block, entries=b"entry %d" % number))
        assert (await line.append(rows[-1:])).durable == {block}
    return rows


class Backend(Protocol):
    """A journal's store: lines to it, and a hand that reaches around them."""

    def line(self) -> AbstractAsyncContextManager[Journal]:
        """A line to the store."""
        ...

    def deaf_line(self) -> AbstractAsyncContextManager[tuple[Journal, Callable[[], None]]]:
        """A line and a switch: after the switch, one commit goes through and its acknowledgement does not come back."""
        ...

    async def remove(self, block: BlockId, position: int) -> None:
        """Lose a row."""
        ...

    def clock_ms(self) -> int:
        """About what the store's clock shows."""
        ...


@asynccontextmanager
async def closing(line: Journal) -> AsyncIterator[Journal]:
    """Close the line at the end."""
    try:
        yield line
    finally:
        await line.close()


class LostAcknowledgement(NoFaults):
    """Loses the acknowledgement of the next statement after `lose`."""

    def __init__(self) -> None:
        self._losing = False

    def lose(self) -> None:
        """From now on."""
        self._losing = True

    async def after(self, statement: Statement) -> None:
        """See `Faults.after`."""
        if self._losing:
            self._losing = False
            raise JournalUnavailable("the acknowledgement was lost")


class MemoryBackend:
    """A `MemoryStore`."""

    def __init__(self) -> None:
        self.store = MemoryStore(self.clock_ms)

    @asynccontextmanager
    async def line(self, faults: Faults | None = None, bound_ms: int = 5_000) -> AsyncIterator[Journal]:
        """See `Backend.line`."""
        async with closing(MemoryJournal(self.store, faults=faults, bound_ms=bound_ms)) as line:
            yield line

    @asynccontextmanager
    async def deaf_line(self) -> AsyncIterator[tuple[Journal, Callable[[], None]]]:
        """See `Backend.deaf_line`."""
        faults = LostAcknowledgement()
        async with self.line(faults) as line:
            yield line, faults.lose

    async def remove(self, block: BlockId, position: int) -> None:
        """See `Backend.remove`."""
        self.store.remove(block, position)

    def clock_ms(self) -> int:
        """See `Backend.clock_ms`."""
        return time.time_ns() // 1_000_000


class PostgresBackend:
    """A database on the embedded server."""

    def __init__(self, database_url: str) -> None:
        self.database_url = database_url

    @asynccontextmanager
    async def line(self, bound_ms: int = 5_000) -> AsyncIterator[Journal]:
        """See `Backend.line`."""
        async with closing(PostgresJournal(self.database_url, bound_ms=bound_ms)) as line:
            yield line

    @asynccontextmanager
    async def deaf_line(self) -> AsyncIterator[tuple[Journal, Callable[[], None]]]:
        """See `Backend.deaf_line`."""
        async with relay(self.database_url) as wire, closing(PostgresJournal(wire.database_url)) as line:
            yield line, wire.swallow_next_reply

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[Connection]:
        """A connection of the test's own."""
        connection = await connect(self.database_url, application_name="tests")
        try:
            yield connection
        finally:
            await connection.close()

    async def remove(self, block: BlockId, position: int) -> None:
        """See `Backend.remove`."""
        async with self.raw() as connection:
            await connection.execute("delete from journal where block_id = $1 and position = $2", block, position)

    def clock_ms(self) -> int:
        """See `Backend.clock_ms`."""
        return time.time_ns() // 1_000_000

    async def wait_until(self, waiting: str, count: int = 1) -> None:
        """Return when so many statements of journal lines wait in the server, for what `pg_stat_activity` calls so."""
        async with self.raw() as connection:
            for _ in range(400):
                if await connection.fetchval(_WAITING, waiting) >= count:
                    return
                await asyncio.sleep(0.005)
        raise AssertionError(f"{count} statements waiting for {waiting} were expected")
