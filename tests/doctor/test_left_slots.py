"""`holdfast doctor --repair` drops the slots that killed backups have left, and none that somebody needs."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from serve import backup_making
from serve.backup_making import _alone
from serve.doctor.findings import Standing
from serve.local.archiving import connection_of
from serve.local.postgres import programs
from serve.local.stack import DataFolder, Stack
from tests.backups.test_one_goes_on import SLOTS, backed_up, looked, slots_of
from tests.projections.selling import World

pytestmark = pytest.mark.anyio
MAKE = "select pg_create_physical_replication_slot($1, true)"
LEFT, USED = "holdfast_backup_left", "holdfast_backup_used"


async def repaired(stack: Stack) -> str:
    """What the repair of the one thing that is found says."""
    finding = await looked(stack)
    assert finding.standing is Standing.WARNING
    assert f"the slot {LEFT} is of no backup that goes on" in finding.seen
    assert finding.repair is not None
    return await finding.repair()


@asynccontextmanager
async def received_by(stack: Stack, world: World, slot: str, folder: Path) -> AsyncIterator[None]:
    """Somebody receives the log by this slot."""
    words, environment = connection_of(stack.database_url)
    command = [str(programs() / "pg_receivewal"), *words, "-D", str(folder), "-S", slot]
    receiving = await asyncio.create_subprocess_exec(*command, env=environment)
    try:
        async with asyncio.timeout(20):
            while (slot, True) not in await world.rows(SLOTS):  # noqa: ASYNC110  (Postgres tells nobody)
                await asyncio.sleep(0.05)
        yield
    finally:
        receiving.terminate()
        await receiving.wait()


async def check_left(root: Path) -> None:
    """One is dropped as soon as no backup is made, and those by which somebody receives stay."""
    async with backed_up(root) as (stack, world, _):
        (going,) = await slots_of(world)
        for slot in (LEFT, USED):
            await world.rows(MAKE, slot)
        async with received_by(stack, world, USED, root):
            with _alone(DataFolder(stack.settings.data_dir)):
                assert (await repaired(stack)).startswith("nothing: another holdfast backup create or end is at work")
            assert LEFT in await slots_of(world), "it may be that of a backup that is being made"
            assert await repaired(stack) == f"{LEFT}: dropped"
            assert await slots_of(world) == sorted((going, USED))
            finding = await looked(stack)
            assert (finding.standing, finding.repair) == (Standing.OK, None)


async def test_a_slot_that_is_left_is_dropped_when_that_is_wished(tmp_path: Path) -> None:
    await check_left(tmp_path)


async def test_control_a_repair_beside_a_backup_that_is_being_made_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def nobody_asked(_: object) -> Iterator[None]:
        yield

    monkeypatch.setattr(backup_making, "_alone", nobody_asked)
    with pytest.raises(AssertionError):
        await check_left(tmp_path)
