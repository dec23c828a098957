"""Waiting until somebody waits for a lock."""

import asyncio

from actors.database.connect import Connection

_IS_WAITED_FOR = """
    select exists (select from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid)))
"""


async def until_waited_for(connection: Connection, patience_s: float) -> None:
    """Until another session waits for a lock that the one of this connection has. Raises TimeoutError."""
    async with asyncio.timeout(patience_s):
        while not await connection.fetchval(_IS_WAITED_FOR):  # noqa: ASYNC110  (the server rings no bell)
            await asyncio.sleep(0.01)
