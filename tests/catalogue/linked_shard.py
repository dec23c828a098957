"""A whole shard but for its process: an engine on the journal in Postgres, on a link, registered; and faults for it."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count

from actors.catalogue.catalogue import Catalogue
from actors.engine.engine import Engine, Lines
from actors.journal.journal import Epoch
from actors.journal.postgres import PostgresJournal
from actors.link.address import UnixAddress
from actors.link.handshake import Identity
from actors.link.server import LinkServer
from tests.catalogue.house import House
from tests.database_faults import Trouble
from tests.engine.alone import alone
from tests.engine.postgres_shard import SHARD
from tests.link.loopback import SECRET


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
            others=alone,
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
