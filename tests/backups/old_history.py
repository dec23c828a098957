"""A database that is backed up while it sells, and whoever still serves the history that a restored one is of."""

import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from random import Random
from types import MappingProxyType

from actors.catalogue.catalogue import Catalogue
from actors.core.ids import BlockId
from actors.database.migrate import migrate
from actors.engine.activation import Activator, Superseded
from actors.engine.catalogue_port import Assignment
from actors.engine.clock import JournalClock
from actors.journal.journal import Epoch
from actors.journal.postgres import PostgresJournal
from serve.local.archiving import Archiving
from serve.local.postgres import Postgres
from serve.local.preflight import CannotStart, free_port
from serve.local.stack import DataFolder, Stack
from serve.settings import Settings
from tests.projections.selling import SellingEvent, World, selling

LOOK_S = 0.05


@contextmanager
def serving(
    data_dir: Path,
    reserve_mb: int = 1024,
    also: Mapping[str, str] = MappingProxyType({}),
    tell: Callable[[str], None] = lambda told: None,
) -> Iterator[Stack]:
    """A data folder's PostgreSQL, and whoever receives its log, as a stack runs them; without Ray.

    `also`: further settings of the server.
    """
    data = DataFolder(data_dir)
    with data.held():
        postgres = Postgres(
            data.postgres, free_port(), data.secret("postgres"), log=data.logs / "postgres.log", also=also
        )
        postgres.start()
        stack = Stack(
            settings=Settings(data_dir=data_dir, disk_reserve_mb=reserve_mb), pid=0, database_url=postgres.url,
            redis_url="", http_url="", grpc_target="",
        )  # fmt: skip
        archiving, over = Archiving(stack, data), threading.Event()

        def watch() -> None:
            while not over.wait(LOOK_S):
                if (told := archiving.look()) is not None:
                    tell(told)
                if postgres.fault() is not None:
                    try:
                        postgres.start()
                    except CannotStart as refusal:
                        tell(str(refusal))

        watching = threading.Thread(target=watch)
        watching.start()
        data.publish(stack)
        try:
            yield stack
        finally:
            over.set()
            watching.join()
            archiving.stop()
            postgres.stop()


@contextmanager
def restored_postgres(data_dir: Path) -> Iterator[str]:
    """The PostgreSQL of a restored data folder."""
    data = DataFolder(data_dir)
    postgres = Postgres(data.postgres, free_port(), data.secret("postgres"), log=data.logs / "postgres.log")
    postgres.start()
    try:
        yield postgres.url
    finally:
        postgres.stop()


@asynccontextmanager
async def selling_anew(database_url: str) -> AsyncIterator[World]:
    """A world in a database that has nothing yet."""
    await migrate(database_url)
    async with selling(database_url) as world:
        yield world


async def begin_cluster(database_url: str) -> int:
    """The generation of the next cluster."""
    catalogue = Catalogue(database_url, application_name="tests")
    try:
        return await catalogue.begin_generation()
    finally:
        await catalogue.close()


async def sell_some(event: SellingEvent, seed: int) -> dict[BlockId, int]:
    """Sell, and tell up to which row it is durable."""
    await event.live_at_random(Random(seed), 10)
    return {event.block: event.rows[-1].position}


class Server:
    """One shard of a cluster, as far as it claims blocks."""

    def __init__(self, database_url: str, generation: int) -> None:
        self.epoch = Epoch(generation, 1, 1).packed()
        self._journal = PostgresJournal(database_url)
        self._activator = Activator(
            self._journal, "shard-1", JournalClock(time.monotonic), lambda: b"12345678", _nobody_was_down
        )

    async def claims(self, block: BlockId) -> bool:
        """Whether it may write to the block from now on."""
        loaded = await self._activator.load(block)
        try:
            claimed = await self._activator.claim(loaded, self.epoch, Assignment("shard-1"))
        except Superseded:
            return False
        return claimed is not None

    async def position(self, block: BlockId) -> int:
        """Where the block ends."""
        return (await self._activator.load(block)).position

    async def close(self) -> None:
        await self._journal.close()


async def _nobody_was_down(*_: object) -> None:
    return None


async def check_that_the_old_have_no_say(restored_url: str, newest_of_old: int, block: BlockId) -> None:
    """Whoever of the old history comes by this database writes nothing once a new cluster has claimed the block."""
    old, new = Server(restored_url, newest_of_old), Server(restored_url, await begin_cluster(restored_url))
    try:
        assert await old.claims(block), "it came first, and the history is the same up to here"
        assert await new.claims(block), "the restored database's own cluster is kept out by an older one"
        assert not await old.claims(block), "an older cluster has taken the block back"
        assert await new.claims(block)
    finally:
        await old.close()
        await new.close()
