"""A whole shard but for its process: an engine on the journal in Postgres, on a link, registered; and faults for it."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import NamedTuple

from actors.catalogue.catalogue import Catalogue
from actors.database.connect import Connection, connect
from actors.engine.engine import Engine, Lines
from actors.journal.journal import Epoch
from actors.journal.postgres import PostgresJournal
from actors.link.address import UnixAddress
from actors.link.handshake import Identity
from actors.link.server import LinkServer
from tests.catalogue.house import House
from tests.engine.postgres_shard import SHARD
from tests.link.loopback import SECRET


class Trouble(NamedTuple):
    """Something that keeps a whole server, or all of the journal, from taking rows: how it begins and ends."""

    begin: tuple[str, ...]
    end: tuple[str, ...]


def _no_rows(table: str, event: str, condition: str) -> Trouble:
    return Trouble(
        (
            f"create function say_no() returns trigger language plpgsql as $$ begin raise {condition}; end $$",
            f"create trigger say_no before {event} on {table} execute function say_no()",
        ),
        (f"drop trigger say_no on {table}", "drop function say_no"),
    )


NO_ROOM = _no_rows("journal", "insert", "disk_full")
NOT_ALLOWED = _no_rows("journal", "insert", "insufficient_privilege")
NO_BEATS = _no_rows("shards", "update", "disk_full")
NO_REPLICA = Trouble(
    ("alter system set synchronous_standby_names = 'nobody'", "select pg_reload_conf()", "select pg_sleep(0.2)"),
    ("alter system reset synchronous_standby_names", "select pg_reload_conf()"),
)


@asynccontextmanager
async def linked_shard(built: House, database_url: str) -> AsyncIterator[Engine]:
    """Incarnation 1 of the shard, serving in this house."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hf-linked-"))
        lines = Lines(*(PostgresJournal(database_url) for _ in range(4)))
        catalogue = Catalogue(database_url)
        for line in (*lines, catalogue):
            stack.push_async_callback(line.close)
        loop, nonces, epoch = asyncio.get_running_loop(), count(1), built.epoch(1)
        engine = Engine(
            SHARD,
            Epoch.unpacked(epoch),
            lines,
            catalogue,
            loop.time,
            lambda: next(nonces).to_bytes(8),
            cut_over=True,
        )
        await engine.start()
        address = UnixAddress(f"{folder}/engine")
        server = LinkServer(address, SECRET, Identity(SHARD, epoch), engine.serve, trouble=engine.trouble)
        await server.start()
        stack.push_async_callback(server.stop, 0.1)
        await catalogue.register(SHARD, epoch, str(address), os.getpid())
        running = loop.create_task(engine.run())
        try:
            yield engine
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def in_trouble(database_url: str, trouble: Trouble) -> AsyncIterator[None]:
    """For as long as this lasts."""
    connection: Connection = await connect(database_url, application_name="tests")
    try:
        for statement in trouble.begin:
            await connection.execute(statement)
        yield
    finally:
        for statement in trouble.end:
            await connection.execute(statement)
        await connection.close()
