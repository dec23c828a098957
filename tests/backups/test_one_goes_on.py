"""Whatever happens while a backup begins, ends or is received: one is whole and goes on, or it is said that none is."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.progress import Progress
from typer.testing import CliRunner

from actors.audit.rows import connect_to_read
from actors.core.ids import BlockId
from actors.database.connect import FAULTS
from actors.journal.postgres import PostgresJournal
from serve import backup_making
from serve.backup_folder import BackupError, Mark
from serve.backup_making import create, end
from serve.backups import mark, restore
from serve.cli import app
from serve.doctor.backup_checks import BACKUP, check_backup
from serve.doctor.findings import Finding, Patient, Standing
from serve.doctor.server_checks import check_replication
from serve.local import archiving
from serve.local.archiving import receivers_in
from serve.local.going import Going, backup_of
from serve.local.processes import working_in
from serve.local.stack import DataFolder, Stack
from tests.backups.old_history import Server, restored_postgres, sell_some, selling_anew, serving
from tests.projections.selling import SellingEvent, World

pytestmark = pytest.mark.anyio
SLOWLY = (*backup_making._COPYING, "--max-rate=1M")  # tens of seconds for a new database
SLOTS = "select slot_name, active from pg_replication_slots order by slot_name"
PATIENCE_S = 20.0


async def until(happened: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not happened():  # noqa: ASYNC110  (other processes tell nobody)
            await asyncio.sleep(0.02)


async def slots_of(world: World) -> list[str]:
    return [name for name, _ in await world.rows(SLOTS)]


async def looked(stack: Stack, check: Any = check_backup) -> Finding:
    """The one thing that the doctor finds."""
    connection = await connect_to_read(stack.database_url)
    try:
        patient = Patient(connection, stack.database_url, None, stack.settings.data_dir, disk_reserve_mb=1)
        (finding,) = await check(patient, Progress(disable=True))
    finally:
        await connection.close()
    assert isinstance(finding, Finding)
    return finding


@asynccontextmanager
async def backed_up(root: Path) -> AsyncIterator[tuple[Stack, World, SellingEvent]]:
    """A database that sells, and a backup of it that goes on, in `first`."""
    with serving(root / "data") as stack:
        async with selling_anew(stack.database_url) as world:
            event = await world.event()
            await create(stack, root / "first")
            yield stack, world, event


@asynccontextmanager
async def beginning(stack: Stack, folder: Path) -> AsyncIterator[asyncio.Task[Mark]]:
    """A backup whose base is being copied."""
    created = asyncio.create_task(create(stack, folder))
    try:
        await until(lambda: working_in(folder, "pg_basebackup") and (folder / "base" / "global").exists())
        yield created
    finally:
        created.cancel()
        await asyncio.gather(created, return_exceptions=True)


async def check_restored(backup: Path, name: str, into: Path, event: SellingEvent, durable: dict[BlockId, int]) -> None:
    """Restored to this mark, the event is where it was durable before it."""
    await asyncio.to_thread(restore, backup, name, into)
    with restored_postgres(into) as url:
        server = Server(url, 0)
        assert {event.block: await server.position(event.block)} == durable, "all that was durable before the mark"
        await server.close()


async def check_failing(root: Path, patch: pytest.MonkeyPatch) -> None:
    """One that is begun and fails changes nothing: marks are made meanwhile and afterwards, and are good."""
    patch.setattr(backup_making, "_COPYING", SLOWLY)
    async with backed_up_quickly(root, patch) as (stack, world, event):
        slots = await slots_of(world)
        second = root / "second"
        async with beginning(stack, second) as created:
            for refused in (create(stack, root / "third"), end(stack)):
                with pytest.raises(BackupError, match="another holdfast backup create or end is at work on"):
                    await refused
            assert not (root / "third").exists()
            during = await sell_some(event, 1)
            await mark(stack, "during")
            for pid in working_in(second, "pg_basebackup"):
                os.kill(pid, signal.SIGKILL)
            with pytest.raises(BackupError, match="pg_basebackup: it ended with -9"):
                await created
        after = await sell_some(event, 2)
        await mark(stack, "after")
        assert await slots_of(world) == slots, "its slot is gone, and that of the other is not"
        assert receivers_in(second) == []
        assert list(second.iterdir()) == []
        assert (await looked(stack)).standing is Standing.OK
    for name, rows in (("during", during), ("after", after)):
        await check_restored(root / "first", name, root / name, event, rows)


@asynccontextmanager
async def backed_up_quickly(root: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Stack, World, SellingEvent]]:
    """As `backed_up`, with the shipped speed for the first."""
    slowly = backup_making._COPYING
    patch.setattr(backup_making, "_COPYING", SLOWLY[:-1])
    async with backed_up(root) as there:
        patch.setattr(backup_making, "_COPYING", slowly)
        yield there


async def test_a_backup_that_fails_to_begin_leaves_the_one_before_going(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_failing(tmp_path, monkeypatch)


async def test_control_one_that_goes_on_before_it_is_whole_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped, data = backup_making._ended, DataFolder(tmp_path / "data")

    async def told_first(copying: Any, receiver: Any, short: Any) -> None:
        if receiver._going.folder.name == "second":
            backup_making._go_on(data, receiver._going)
            monkeypatch.setattr(receiver, "fault", lambda: None)  # the supervisor's is in its place
        await shipped(copying, receiver, short)

    monkeypatch.setattr(backup_making, "_ended", told_first)
    with pytest.raises(BackupError, match="has no whole base"):
        await check_failing(tmp_path, monkeypatch)


async def test_the_newest_goes_on_once_it_is_whole(tmp_path: Path) -> None:
    async with backed_up(tmp_path) as (stack, world, event):
        data = DataFolder(stack.settings.data_dir)
        (former,) = await slots_of(world)
        await create(stack, tmp_path / "second")
        going = backup_of(data)
        assert going is not None
        assert going.folder == tmp_path / "second"
        assert await slots_of(world) == [going.slot] != [former]
        assert receivers_in(tmp_path / "first") == []
        durable = await sell_some(event, 1)
        await mark(stack, "early")
        finding = await looked(stack)
        assert finding.standing is Standing.OK
        assert "has its base, and the log but for" in finding.seen
        assert "pg_receivewal" not in (await looked(stack, check_replication)).seen
    await check_restored(tmp_path / "second", "early", tmp_path / "new", event, durable)


async def check_deaths(root: Path) -> None:
    """The receiver and Postgres are killed between two marks: what was durable before the later one is all there."""
    async with backed_up(root) as (stack, _, event):
        await sell_some(event, 1)
        await mark(stack, "early")
        killed(receivers_in(root / "first"))
        await sell_some(event, 2)
        killed(working_in(root / "data" / "postgres", "postgres"))
        await until_it_answers(stack)
        event.journal = again = PostgresJournal(stack.database_url)
        durable = await sell_some(event, 3)
        await mark(stack, "late")
        await sell_some(event, 4)
        await again.close()
    await check_restored(root / "first", "late", root / "new", event, durable)


async def until_it_answers(stack: Stack) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await (await connect_to_read(stack.database_url)).close()
            except FAULTS:
                await asyncio.sleep(0.05)
            else:
                return


def killed(pids: list[int]) -> None:
    assert pids
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def test_a_mark_has_all_before_it_though_receiver_and_postgres_are_killed(tmp_path: Path) -> None:
    await check_deaths(tmp_path)


async def test_control_a_restore_that_has_only_what_came_before_the_deaths_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = restore
    monkeypatch.setattr(f"{__name__}.restore", lambda folder, _, data_dir: shipped(folder, "early", data_dir))
    with pytest.raises(AssertionError):
        await check_deaths(tmp_path)


async def test_there_is_no_mark_without_a_whole_base(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as stack:
        async with selling_anew(stack.database_url):
            with pytest.raises(BackupError, match="there is no backup yet"):
                await mark(stack, "early")
            assert (await looked(stack)).standing is Standing.OK
            await create(stack, tmp_path / "first")
            manifest = tmp_path / "first" / "base" / "backup_manifest"
            aside = manifest.rename(tmp_path / "aside")
            with pytest.raises(BackupError, match="has no whole base"):
                await mark(stack, "early")
            assert not (tmp_path / "first" / "marks" / "early.json").exists(), "the name is free"
            finding = await looked(stack)
            assert (finding.check, finding.standing) == (BACKUP, Standing.WRONG)
            aside.rename(manifest)
            await mark(stack, "early")


async def test_an_end_drops_the_slot_and_keeps_the_folder(tmp_path: Path) -> None:
    async with backed_up(tmp_path) as (stack, world, event):
        durable = await sell_some(event, 1)
        await mark(stack, "last")
        words = ("backup", "end", "--data-dir", str(stack.settings.data_dir))
        said = await asyncio.to_thread(lambda: CliRunner().invoke(app, words, env={"HOLDFAST_DATABASE_URL": None}))
        assert said.exit_code == 0, said.stderr
        assert said.stdout == f"no backup goes on; {tmp_path / 'first'} stays as it is\n"
        assert await slots_of(world) == []
        assert receivers_in(tmp_path / "first") == []
        assert (await looked(stack)).seen == "none goes on: holdfast backup create begins one"
        with pytest.raises(BackupError, match="no backup goes on"):
            await end(stack)
    await check_restored(tmp_path / "first", "last", tmp_path / "new", event, durable)


async def test_a_slot_that_a_killed_run_has_left_is_found_and_dropped_by_the_next(tmp_path: Path) -> None:
    async with backed_up(tmp_path) as (stack, world, _):
        query = "select pg_create_physical_replication_slot('holdfast_backup_left', true)"
        await world.connection.execute(query)
        finding = await looked(stack)
        assert finding.standing is Standing.WARNING
        assert "the slot holdfast_backup_left is of no backup that goes on" in finding.seen
        await create(stack, tmp_path / "second")
        assert "holdfast_backup_left" not in await slots_of(world)
        assert (await looked(stack)).standing is Standing.OK


async def test_a_log_that_is_not_received_is_told_and_found_until_it_is_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archiving, "_AGAIN_S", 0.2)
    monkeypatch.setattr(archiving, "_STEADY_S", 1.0)
    said: list[str] = []
    shipped = archiving.Archiving.look

    def told(self: archiving.Archiving) -> str | None:
        if (happened := shipped(self)) is not None:
            said.append(happened)
        return happened

    monkeypatch.setattr(archiving.Archiving, "look", told)
    async with backed_up(tmp_path) as (stack, world, _):
        first = tmp_path / "first"
        receiving = receivers_in(first)
        aside = (first / "wal").rename(tmp_path / "aside")
        killed(receiving)
        await until(lambda: said)
        assert said[0].startswith(f"backup: the log is not received in {first}: ")
        finding = await looked(stack)
        assert finding.standing is Standing.WARNING
        assert f"nobody receives the log in {first}" in finding.seen
        aside.rename(first / "wal")
        await until(lambda: len(said) > 1)
        assert said[1:] == [f"backup: the log is received again in {first}"]
        await mark(stack, "again")
        (slot,) = await slots_of(world)
        for pid in receivers_in(first):
            os.kill(pid, signal.SIGKILL)
        await drop(world, slot)
        await until(lambda: any("does not exist" in line for line in said))
        finding = await looked(stack)
        assert finding.standing is Standing.WRONG
        assert f"the log in {first} has a gap" in finding.seen
        with pytest.raises(BackupError, match="the log has a gap"):
            await mark(stack, "late")


async def drop(world: World, slot: str) -> None:
    """As soon as nobody receives by it for an instant."""
    query = "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active"
    async with asyncio.timeout(PATIENCE_S):
        while await world.rows("select from pg_replication_slots where slot_name = $1", slot):
            await world.rows(query, slot)


def test_a_backup_of_before_has_the_slot_that_all_had(tmp_path: Path) -> None:
    data = DataFolder(tmp_path)
    data.backup.write_bytes(msgspec.json.encode({"folder": str(tmp_path / "first")}))
    assert backup_of(data) == Going(tmp_path / "first", "holdfast_backup")
