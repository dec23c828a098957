"""A session of Postgres that is stopped at work is told to go on, and nobody else. Postgres is the real one."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from serve.local import stopped_sessions
from serve.local.postgres import Postgres
from serve.local.preflight import free_port
from serve.local.processes import state_of, wait_until
from serve.local.stopped_sessions import LOOKS, StoppedSessions

PATIENCE_S = 10.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server that runs."""
    folder = tmp_path_factory.mktemp("postgres")
    password_file = folder / "password"
    password_file.write_text("for-tests-only")
    postgres = Postgres(folder / "data", free_port(), password_file, log=folder / "postgres.log")
    postgres.start()
    try:
        yield postgres
    finally:
        postgres.stop()


@asynccontextmanager
async def stopped(server: Postgres, *statements: str) -> AsyncIterator[int]:
    """A session that has said this, stopped; its process."""
    line = await asyncpg.connect(server.url)
    pid = line.get_server_pid()
    try:
        for statement in statements:
            await line.execute(statement)
        os.kill(pid, signal.SIGSTOP)
        assert wait_until(lambda: state_of(pid) == "T", PATIENCE_S)
        yield pid
    finally:
        os.kill(pid, signal.SIGCONT)
        await line.close()


async def check_told_to_go_on(server: Postgres) -> None:
    """Not before it has stood still for so many looks, and whoever waits for its rows has them then."""
    watch = StoppedSessions(server.workers)
    async with stopped(server, "begin", "create table if not exists locked (it int)") as pid:
        assert [watch.look() for _ in range(LOOKS)] == [None] * LOOKS
        assert state_of(pid) == "T"
        assert watch.look() == f"a session of PostgreSQL (pid {pid}) was stopped at work, and was told to go on"
        assert wait_until(lambda: state_of(pid) == "S", PATIENCE_S)
        assert [watch.look() for _ in range(2 * LOOKS)] == [None] * 2 * LOOKS


def test_who_is_stopped_in_a_transaction_is_told_to_go_on(server: Postgres) -> None:
    asyncio.run(check_told_to_go_on(server))


async def check_left_alone(server: Postgres) -> None:
    """Who rests, who works beside the sessions, and who stands still for a moment at a time."""
    watch = StoppedSessions(server.workers)
    async with stopped(server) as resting:
        others = [pid for pid in server.workers() if pid != resting]
        assert len(others) > 2
        for pid in others:
            os.kill(pid, signal.SIGSTOP)
        try:
            assert [watch.look() for _ in range(2 * LOOKS)] == [None] * 2 * LOOKS
        finally:
            for pid in others:
                os.kill(pid, signal.SIGCONT)
    async with stopped(server, "begin") as pid:
        for _ in range(3):
            assert [watch.look() for _ in range(LOOKS)] == [None] * LOOKS
            os.kill(pid, signal.SIGCONT)
            assert wait_until(lambda: state_of(pid) == "S", PATIENCE_S)
            assert watch.look() is None
            os.kill(pid, signal.SIGSTOP)
            assert wait_until(lambda: state_of(pid) == "T", PATIENCE_S)


def test_who_rests_and_who_is_no_session_is_left_alone(server: Postgres) -> None:
    asyncio.run(check_left_alone(server))


def test_control_who_tells_everybody_is_noticed(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopped_sessions, "_is_at_work", lambda pid: True)
    with pytest.raises(AssertionError):
        asyncio.run(check_left_alone(server))


def test_control_who_tells_nobody_is_noticed(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopped_sessions, "_is_at_work", lambda pid: False)
    with pytest.raises(AssertionError):
        asyncio.run(check_told_to_go_on(server))


def test_a_server_that_does_not_run_has_nobody(tmp_path: Path) -> None:
    postgres = Postgres(tmp_path / "data", free_port(), tmp_path / "password", log=tmp_path / "log")
    assert StoppedSessions(postgres.workers).look() is None
