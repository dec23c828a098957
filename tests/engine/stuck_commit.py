"""A commit that stands still in Postgres for as long as a test wants, and what waits in the shard meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from actors.core.ids import BlockId
from actors.database.connect import Connection, connect
from tests.lock_waits import until_waited_for

PATIENCE_S = 4.0  # a line that gives its statement up by then sends it again, and waits again

_NEXT_ROW = """
    insert into journal (block_id, position, epoch, recorded_at_ms, entry_count, chain, entries)
    select block_id, max(position) + 1, 0, 0, 0, $2, ''::bytea from journal where block_id = $1 group by 1
"""
_CALLS_WAITING = "select (counters->>'calls_waiting')::int from shards where epoch = $1"


class StuckCommit:
    """What holds it up: a transaction that has put a row where the next one would go."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def until_waited_for(self) -> None:
        """Until somebody's append waits in the server."""
        await until_waited_for(self._connection, PATIENCE_S)


@asynccontextmanager
async def commit_stuck(url: str, block: BlockId) -> AsyncIterator[StuckCommit]:
    """Whoever appends to the block waits in the server for as long as this lasts, and then goes on."""
    connection = await connect(url, application_name="tests")
    try:
        await connection.execute("begin")
        await connection.execute(_NEXT_ROW, block, b"?" * 16)
        yield StuckCommit(connection)
        await connection.execute("rollback")
    finally:
        await connection.close()


async def until_calls_wait(url: str, epoch: int, number: int) -> None:
    """Until a shard has so many calls waiting in it, as its heartbeats say."""
    connection = await connect(url, application_name="tests")
    try:
        deadline = time.monotonic() + PATIENCE_S
        while (waiting := await connection.fetchval(_CALLS_WAITING, epoch) or 0) < number:  # it says so once a second
            assert time.monotonic() < deadline, f"{waiting} calls wait in the shard, and not {number}"
            await asyncio.sleep(0.1)
    finally:
        await connection.close()
