"""A backup that is to be ended goes on, or can be ended again, where Postgres fails on the way."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.progress import Progress

from actors.audit.rows import connect_to_read
from serve import backup_making
from serve.backup_folder import BackupError
from serve.backup_making import end
from serve.backups import mark
from serve.doctor.backup_checks import check_backup
from serve.doctor.findings import Finding, Patient, Standing
from serve.local.going import backup_of
from serve.local.stack import DataFolder, Stack
from tests.backups.test_one_goes_on import backed_up, slots_of

pytestmark = pytest.mark.anyio


async def away(*_: object, **__: object) -> Any:
    raise OSError("Postgres is away")


async def all_found(stack: Stack) -> list[Finding]:
    connection = await connect_to_read(stack.database_url)
    try:
        patient = Patient(connection, stack.database_url, None, stack.settings.data_dir, disk_reserve_mb=1)
        return await check_backup(patient, Progress(disable=True))
    finally:
        await connection.close()


async def check_end_without_postgres(root: Path) -> None:
    """Nothing was ended."""
    async with backed_up(root) as (stack, world, _):
        data, slots = DataFolder(stack.settings.data_dir), await slots_of(world)
        going = backup_of(data)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(backup_making, "connect", away)
            with pytest.raises(OSError, match="Postgres is away"):
                await end(stack)
        assert backup_of(data) == going is not None, "it goes on"
        await mark(stack, "afterwards")
        assert await slots_of(world) == slots


async def test_without_postgres_a_backup_is_not_ended_and_goes_on(tmp_path: Path) -> None:
    await check_end_without_postgres(tmp_path)


async def test_control_one_that_is_ended_before_postgres_is_asked_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = backup_making._alone

    @contextmanager
    def unlinking(data: DataFolder) -> Iterator[None]:
        with shipped(data):
            data.backup.unlink(missing_ok=True)  # as it was
            yield

    monkeypatch.setattr(backup_making, "_alone", unlinking)
    with pytest.raises(AssertionError, match="it goes on"):
        await check_end_without_postgres(tmp_path)


async def check_end_that_fails_later(root: Path) -> None:
    """It is said what is left, and the same command ends it."""
    async with backed_up(root) as (stack, world, _):
        data = DataFolder(stack.settings.data_dir)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(backup_making, "_drop_but", away)
            with pytest.raises(BackupError, match="a slot may be left, for which Postgres keeps log: call this again"):
                await end(stack)
        with pytest.raises(BackupError, match="holdfast backup end has not come to its end: call it again"):
            await mark(stack, "afterwards")
        standings = [finding.standing for finding in await all_found(stack)]
        assert standings in ([Standing.WRONG], [Standing.WRONG, Standing.WARNING]), (
            "the slot, once nobody receives by it"
        )
        assert await end(stack) == root / "first"
        assert await slots_of(world) == []
        assert not data.backup.exists()
        assert not data.backup_over.exists()


async def test_an_end_that_fails_can_be_called_again(tmp_path: Path) -> None:
    await check_end_that_fails_later(tmp_path)


async def test_control_one_that_is_forgotten_before_its_slot_is_gone_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup_making, "_receive_no_more", lambda data, going: data.backup.unlink())
    with pytest.raises((BackupError, AssertionError)):
        await check_end_that_fails_later(tmp_path)
