"""Two real servers: what only the primary has is told to nobody who reads, until the synchronous replica has it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from actors.core.commands import Command
from actors.core.ids import BlockId
from actors.database.connect import Connection, connect
from actors.database.migrate import migrate
from actors.engine.activation import Activator
from actors.engine.engine import Engine
from actors.link.batch import Failed, Fault, Refused, Replied
from tests.chaos.database import Database
from tests.engine.postgres_shard import ask, ask_once, on_sale, shard
from tests.engine.stage import hold, read_event, read_hold
from tests.engine.test_replicated_loads import believe

pytestmark = pytest.mark.anyio

NOT_READY = Failed(Fault.NOT_READY)
BLIND_S = 1.0
WITHIN_S = 20.0
_SYNC = "select count(*) from pg_stat_replication where sync_state = 'sync' and state = 'streaming'"
_COMMITS_WAIT = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'"


class Pair:
    """A primary, and a replica that its commits wait for."""

    def __init__(self, folder: Path) -> None:
        password_file = folder / "password"
        password_file.write_text("for-tests-only")
        self.primary = Database(folder / "primary", password_file)
        self.primary.start()
        self.replica = self.primary.standby(folder / "replica")
        self.replica.start()

    async def synchronous(self) -> None:
        """From now on they do."""
        async with self.connection() as connection:
            await connection.execute("alter system set synchronous_standby_names = '*'")
            await connection.execute("select pg_reload_conf()")
            await _until(connection, _SYNC)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One to the primary."""
        connection = await connect(self.primary.url, application_name="tests")
        try:
            yield connection
        finally:
            await connection.close()

    @contextmanager
    def replica_stands_still(self) -> Iterator[None]:
        """Its processes are stopped, all of them."""
        pids = self.replica.processes()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        """Both."""
        self.primary.stop()
        self.replica.stop()


async def _until(connection: Connection, query: str) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not await connection.fetchval(query):  # noqa: ASYNC110  # Postgres rings no bell
            await asyncio.sleep(0.02)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Both servers, up; nothing waits yet."""
    servers = Pair(tmp_path)
    try:
        yield servers
    finally:
        servers.stop()


async def held_on_the_primary_alone(pair: Pair, block: BlockId, engine: Engine) -> None:
    """A hold is flushed, acknowledged to nobody and not on the replica; then the primary dies and is back."""
    asking = asyncio.create_task(ask_once(engine, block, hold(1, "1/1")))
    async with pair.connection() as connection:
        await _until(connection, _COMMITS_WAIT)
    await asyncio.to_thread(pair.primary.kill)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await asyncio.to_thread(pair.primary.start)


async def asked_for(engine: Engine, block: BlockId, command: Command, seconds: float) -> list[Replied]:
    """The answers within this time, but those that the block is on its way in."""
    answers = []
    until_s = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < until_s:
        answer = await ask_once(engine, block, command)
        if isinstance(answer, Replied):
            answers.append(answer)
        await asyncio.sleep(0.05)
    return answers


async def check_a_load_waits(pair: Pair) -> None:
    """For as long as the replica stands still; when it goes on, what was flushed is read."""
    url = pair.primary.url
    await migrate(url)
    await pair.synchronous()
    async with shard(url, 2) as reader:
        async with shard(url, 1) as owner:
            block = await on_sale(owner, url, "an evening")
            with pair.replica_stands_still():
                await held_on_the_primary_alone(pair, block, owner)
                async with pair.connection() as connection:
                    assert (
                        await connection.fetchval("select max(position) from journal where block_id = $1", block) == 4
                    )
                assert await asked_for(reader, block, read_hold(1), BLIND_S) == []
        async with asyncio.timeout(WITHIN_S):
            while not isinstance(answer := await ask_once(reader, block, read_hold(1)), Replied):
                assert answer == NOT_READY
                await asyncio.sleep(0.05)


async def test_a_load_waits_while_the_replica_does_not_answer(pair: Pair) -> None:
    await check_a_load_waits(pair)


async def test_control_a_load_that_waits_for_no_replica_reads_what_it_does_not_have(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Activator, "until_replicated", believe)
    with pytest.raises(AssertionError):
        await check_a_load_waits(pair)


async def test_what_was_told_to_nobody_is_gone_when_the_replica_takes_over(pair: Pair) -> None:
    """As who asked on the primary, once that was back, was not told of it."""
    url = pair.primary.url
    await migrate(url)
    await pair.synchronous()
    async with shard(url, 1) as owner:
        block = await on_sale(owner, url, "an evening")
        await asyncio.to_thread(pair.replica.stop)  # else it has received what it has not read yet
        await held_on_the_primary_alone(pair, block, owner)
        async with shard(url, 2) as reader:
            assert await asked_for(reader, block, read_hold(1), BLIND_S) == []
    await asyncio.to_thread(pair.primary.kill)
    await asyncio.to_thread(pair.replica.start)
    await asyncio.to_thread(pair.replica.promote)
    async with shard(pair.replica.url, 3) as successor:
        assert isinstance(await ask(successor, block, read_event()), Replied)
        assert isinstance(await ask(successor, block, read_hold(1)), Refused)
