"""Whether commits wait for a replica that is not there, or hangs: the doctor says what the real Postgres does."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from actors.database.connect import connect
from serve.doctor import server_checks
from serve.doctor.findings import SQL, Finding, Standing
from serve.local.postgres import programs
from tests.database_faults import NO_REPLICA, Trouble, in_trouble
from tests.doctor.ward import Ward, ward
from tests.projections.selling import World

pytestmark = pytest.mark.anyio
OK, _, WRONG = Standing
PATIENCE_S, CONTROLS_S = 20.0, 4.0
WAITS_S = 1.0
TWO = "ANY 2 (here, there)"

ARE_SERVED = (
    "here",
    "here, nobody",
    "HERE",
    '"here"',
    'here, "2 (x)"',
    "*",
    "1 (nobody, here)",
    "First 1 (nobody, here)",
    "ANY 1 (nobody, here)",
    "any\t1(nobody,here)",
)
"""With one replica, of this name, that is there."""
WAIT = (
    "nobody",
    '"2 (here)"',
    '"any 1 (here)"',
    "2",
    "2 (here, nobody)",
    "FIRST 2 (here, nobody)",
    "first 2(*)",
    "ANY 2 (here, nobody)",
    'aNy\t2 ("here", "any 1 (")',
)


@asynccontextmanager
async def replica(world: World, folder: Path) -> AsyncIterator[int]:
    """One that is called `here` and has each row on a disk of its own before it says so; its process."""
    command = [str(programs() / "pg_receivewal"), "--synchronous", "-D", str(folder)]
    receiving = await asyncio.create_subprocess_exec(*command, "-d", f"{world.database_url}?application_name=here")
    try:
        yield receiving.pid
    finally:
        receiving.kill()
        await receiving.wait()


def asking_for(names: str) -> Trouble:
    """Commits wait for these, until it is over."""
    statements = (f"alter system set synchronous_standby_names = '{names}'", "select pg_reload_conf()")
    return Trouble(statements, NO_REPLICA.end)


async def replication(ill: Ward) -> Finding:
    """The gravest of what is found."""
    return max(await ill.looked("replication"), key=lambda finding: finding.standing)


async def commits(world: World) -> bool:
    """Whether a commit comes through; of one that does not, Postgres is told to give it up."""
    connection = await connect(world.database_url, application_name="buyer")
    committing = asyncio.create_task(connection.execute("create table if not exists sold (); drop table sold"))
    try:
        done, _ = await asyncio.wait([committing], timeout=WAITS_S)
        return bool(done)
    finally:
        connection.terminate()
        await asyncio.gather(committing, return_exceptions=True)


def stands(standing: Standing) -> Callable[[Finding], bool]:
    """Whether it does so."""
    return lambda found: found.standing is standing


async def until(ill: Ward, happens: Callable[[Finding], bool]) -> Finding:
    """What is found when this is true of it, or TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while not happens(found := await replication(ill)):  # noqa: ASYNC110  (Postgres tells nobody)
            await asyncio.sleep(0.05)
    return found


async def check_forms(world: World, folder: Path) -> None:
    """In all forms that Postgres takes it is told whether commits wait, and they do or do not."""
    async with ward(world) as ill, replica(world, folder):
        for names, standing in [(names, OK) for names in ARE_SERVED] + [(names, WRONG) for names in WAIT]:
            async with in_trouble(world.database_url, asking_for(names)):
                found = await until(ill, stands(standing))
                assert await commits(world) is (standing is OK), names
                assert (await replication(ill)).standing is standing, names
            assert ("is there: commits wait" in found.seen) is (standing is WRONG)


async def test_in_all_forms_it_is_known_for_how_many_commits_wait(world: World, tmp_path: Path) -> None:
    await check_forms(world, tmp_path)


async def test_it_is_said_how_many_of_them_are_there(world: World, tmp_path: Path) -> None:
    said = "synchronous_standby_names is ANY 2 (here, there), and of 2 that it asks for 1 is there: commits wait"
    async with ward(world) as ill, replica(world, tmp_path), in_trouble(world.database_url, asking_for(TWO)):
        await until(ill, lambda found: found.seen == said)


async def check_hanging(world: World, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """A replica that is there, and says nothing: that the shard's beat waits for it is told until it wakes up."""
    patch.setattr(server_checks, "WAITED_S", 1)
    async with (
        ward(world) as ill,
        replica(world, folder) as pid,
        in_trouble(world.database_url, asking_for("here")),
    ):
        await until(ill, stands(OK))
        os.kill(pid, signal.SIGSTOP)
        try:
            found = await until(ill, stands(WRONG))
        finally:
            os.kill(pid, signal.SIGCONT)
        assert found.seen.startswith("1 commits wait for replicas, one of them for ")
        await until(ill, stands(OK))


async def test_commits_that_wait_for_a_replica_that_hangs_are_told(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_hanging(world, tmp_path, monkeypatch)


def _takes_one_for_all(patch: pytest.MonkeyPatch) -> None:
    """As it was: one that is there is enough, however many are asked for."""
    patch.setattr(server_checks, "wanted_count", lambda _: 1)


def _reads_numbers_in_names(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(server_checks, "_WANTED", re.compile(r".*?(\d+)\s*\("))


@pytest.mark.parametrize("sabotage", [_takes_one_for_all, _reads_numbers_in_names])
async def test_control_a_doctor_that_does_not_count_is_noticed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    monkeypatch.setitem(check_forms.__globals__, "PATIENCE_S", CONTROLS_S)
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, TimeoutError)):
        await check_forms(world, tmp_path)


async def test_control_a_doctor_that_looks_at_nobody_who_waits_is_noticed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(check_hanging.__globals__, "PATIENCE_S", CONTROLS_S)
    monkeypatch.setitem(SQL, "waiting_commits", SQL["waiting_commits"].replace("'SyncRep'", "'nothing'"))
    with pytest.raises(TimeoutError):
        await check_hanging(world, tmp_path, monkeypatch)
