"""Postgres dies under the auditor and is started again: it says that it is behind, goes on, and misses nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random

import msgspec
import pytest

from actors.auditor import auditor as auditor_module
from actors.auditor.auditor import Auditor
from actors.auditor.figures import AuditorFigures
from actors.database.migrate import migrate
from serve.local.postgres import Postgres
from serve.local.preflight import free_port
from tests.auditor.watched import Event, Watched, plant_double_claim, watched
from tests.stack.running_stack import kill

pytestmark = pytest.mark.anyio

PATIENCE_S = 30.0


@pytest.fixture
async def server(anyio_backend: str, tmp_path: Path) -> AsyncIterator[Postgres]:
    """A Postgres of the test's own, migrated."""
    password_file = tmp_path / "password"
    password_file.write_text("for-tests-only")
    postgres = Postgres(tmp_path / "data", free_port(), password_file, log=tmp_path / "postgres.log")
    await asyncio.to_thread(postgres.start)
    try:
        await migrate(postgres.url)
        yield postgres
    finally:
        await asyncio.to_thread(postgres.stop)


async def until(
    what: str, auditor: Auditor, running: asyncio.Task[None], is_so: Callable[[AuditorFigures], bool]
) -> None:
    """Its figures say so, and it lives."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_so(auditor.figures):
            assert not running.done(), f"it ended before {what}"
            await asyncio.sleep(0.05)


async def event_of(world: Watched) -> Event:
    """One that has sold."""
    event = await world.event()
    await event.live_at_random(Random(9), 5)
    return event


async def check_it_goes_on(server: Postgres) -> None:
    """What is wrong when Postgres is back is found, and what was audited is not audited again."""
    async with watched(server.url) as world:
        event, other = await event_of(world), await event_of(world)
        auditor = world.auditor(monotonic=asyncio.get_running_loop().time)
        running = asyncio.create_task(auditor.run())
        try:
            row_count = len(event.rows) + len(other.rows)
            await until("it caught up", auditor, running, lambda told: told.row_count == row_count)
            assert (auditor.figures.lag_rows, auditor.figures.waits_because) == (0, "")
            kill(server.processes())
            await until("it said so", auditor, running, lambda told: "Postgres" in told.waits_because)
            since_s = auditor.figures.lag_seconds
            await until("it fell behind", auditor, running, lambda told: told.lag_seconds > max(since_s, 1.0))
            await asyncio.to_thread(server.start)
            await until("it went on", auditor, running, lambda told: not told.waits_because and told.lag_seconds < 1.0)
            await plant_double_claim(event)
            await until("it found something", auditor, running, lambda told: told.stopped_count == 1)
            assert [stopped.block for stopped in await world.stopped()] == [event.block]
            assert auditor.figures.row_count == len(event.rows) + len(other.rows)
            assert auditor.figures.begun_anew_count == 0
        finally:
            running.cancel()
            await asyncio.wait((running,))


async def test_it_says_that_it_is_behind_and_goes_on(server: Postgres) -> None:
    await check_it_goes_on(server)


def _dies(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(auditor_module, "LineUnavailable", ZeroDivisionError)


def _says_nothing(patch: pytest.MonkeyPatch) -> None:
    shipped: Callable[[Auditor], AuditorFigures] = Auditor.__dict__["figures"].fget
    quiet = property(lambda self: msgspec.structs.replace(shipped(self), lag_seconds=0.0, waits_because=""))
    patch.setattr(Auditor, "figures", quiet)


@pytest.mark.parametrize("sabotage", [_dies, _says_nothing])
async def test_control_one_that_dies_or_is_silent_is_noticed(
    server: Postgres, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    monkeypatch.setattr("tests.auditor.test_postgres_away.PATIENCE_S", 5.0)
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, TimeoutError)):
        await check_it_goes_on(server)
