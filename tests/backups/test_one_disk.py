"""A backup on the disk of the sale gives way before that disk is full. Postgres and disks are real."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from serve import backup_making
from serve.backup_folder import BackupError
from serve.backup_making import create
from serve.backups import mark
from serve.doctor.findings import Standing
from serve.local import disks, log_room
from serve.local.archiving import receivers_in
from serve.local.disks import device_of
from serve.local.log_room import room_of
from tests.backups.old_history import sell_some, selling_anew, serving
from tests.backups.test_log_room import (
    NOTHING_SOLD,
    RESERVE_MB,
    ROOM_MB,
    SMALL_LOG,
    WRITTEN_MB,
    OnSmallDisk,
    small_disk,
)
from tests.backups.test_one_goes_on import check_restored, looked, slots_of, until
from tests.chaos.disk_faults import _cannot_mount

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(bool(_cannot_mount()), reason=_cannot_mount())]
TAKEN_MB = 250  # then there is less room than the reserve and a new database, and more than the reserve
OTHER_MB = 120  # a new database fits, without the log that comes meanwhile
NOT_REFUSED = pytest.fail.Exception


@asynccontextmanager
async def on_one_disk(root: Path) -> AsyncIterator[OnSmallDisk]:
    told: list[str] = []
    with (
        small_disk(root / "small", ROOM_MB) as disk,
        small_disk(root / "other", OTHER_MB) as other,
        serving(root / "small" / "data", RESERVE_MB, SMALL_LOG, told.append) as stack,
    ):
        async with selling_anew(stack.database_url) as world:
            there = OnSmallDisk(stack, (disk, other), world, await world.event())
            there.told = told
            there.backup = disk.folder / "first"
            yield there


async def check_received(root: Path) -> None:
    """More is written than there is room for, and it is sold until the end: the backup gives way, and says why."""
    async with on_one_disk(root) as there:
        remarks: list[str] = []
        await create(there.stack, there.backup, remarks.append)
        assert [remark for remark in remarks if f"{there.backup} is on the disk of the data" in remark]
        finding = await looked(there.stack)
        assert finding.standing is Standing.WARNING
        assert re.search(rf"{there.backup} is on the disk of the data, and is over when \d+ MB more", finding.seen)
        durable = await sell_some(there.event, 1)
        await mark(there.stack, "early")
        await there.sell(WRITTEN_MB)
        assert await slots_of(there.world) == []
        await until(lambda: receivers_in(there.backup) == [])
        assert (room_of(there.data) or 0) > RESERVE_MB * 1_000_000 // 2
        why = r"it was ended, as \d+ MB were left on the disk of .*, on which it is as well"
        assert [line for line in there.told if f"{there.backup} is over, and selling goes on: " in line]
        with pytest.raises(BackupError, match=rf"the log has a gap \({why}\): begin a new backup"):
            await mark(there.stack, "late")
        finding = await looked(there.stack)
        assert finding.standing is Standing.WRONG
        assert re.search(rf"{there.backup} has a gap \({why}\): it has no further marks", finding.seen)
        await check_restored(there.backup, "early", root / "new", there.event, durable)


async def test_a_backup_that_is_received_on_the_same_disk_gives_way(tmp_path: Path) -> None:
    await check_received(tmp_path)


async def test_control_where_nobody_sees_that_it_is_the_same_disk_the_sale_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_room, "room_beside", lambda data, folder: None)
    with pytest.raises(NOTHING_SOLD):
        await check_received(tmp_path)


async def check_refused(root: Path, why: str, backup: Callable[[OnSmallDisk], Path]) -> None:
    """Where a base does not fit none is begun, nothing is left of it, and it is sold on."""
    async with on_one_disk(root) as there:
        (there.disk.folder / "taken").write_bytes(bytes(TAKEN_MB * 1_000_000))
        with pytest.raises(BackupError, match=why):
            await create(there.stack, backup(there))
        assert list(backup(there).iterdir()) == []
        assert await slots_of(there.world) == []
        assert (room_of(there.data) or 0) > RESERVE_MB * 1_000_000
        await sell_some(there.event, 1)


def beside(there: OnSmallDisk) -> Path:
    return there.backup


def elsewhere(there: OnSmallDisk) -> Path:
    return there.backups.folder / "first"


BESIDE = r"MB are needed, as it is on the disk of the data, where 300 MB are to be left; the database is \d+ MB"
ELSEWHERE = r"MB are needed; the database is \d+ MB: name a folder on another disk, or make room"
NO_ROOM = pytest.mark.parametrize(
    ("why", "backup"),
    [pytest.param(BESIDE, beside, id="same_disk"), pytest.param(ELSEWHERE, elsewhere, id="other_disk")],
)


@NO_ROOM
async def test_a_base_that_does_not_fit_is_refused(
    tmp_path: Path, why: str, backup: Callable[[OnSmallDisk], Path]
) -> None:
    await check_refused(tmp_path, why, backup)


@NO_ROOM
async def test_control_a_create_that_looks_at_no_room_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str, backup: Callable[[OnSmallDisk], Path]
) -> None:
    monkeypatch.setattr(backup_making, "_check_room", lambda *_: None)
    monkeypatch.setattr(backup_making, "_short_of", lambda *_: None)
    with pytest.raises(NOT_REFUSED, match="DID NOT RAISE"):
        await check_refused(tmp_path, why, backup)


async def check_given_up(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Where the room goes while the base is copied, the copy gives way."""
    patch.setattr(backup_making, "_check_room", lambda *_: None)  # there was room when it looked
    taken = ROOM_MB - RESERVE_MB
    async with on_one_disk(root) as there:
        (there.disk.folder / "taken").write_bytes(bytes((taken - 80) * 1_000_000))
        with pytest.raises(BackupError, match="the copy was given up, and selling goes on: "):
            await create(there.stack, there.backup)
        assert list(there.backup.iterdir()) == []
        assert await slots_of(there.world) == []


async def test_a_copy_gives_way_where_the_room_goes_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await check_given_up(tmp_path, monkeypatch)


async def test_control_a_copy_that_does_not_look_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup_making, "_short_of", lambda *_: None)
    with pytest.raises(NOT_REFUSED, match="DID NOT RAISE"):
        await check_given_up(tmp_path, monkeypatch)


async def test_a_disk_is_found_by_the_list_of_mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "30 27 0:25 / /data/run rw - tmpfs tmpfs rw\n"
        "27 1 254:0 / / rw - ext4 /dev/vda rw\n"
        "31 27 254:1 / /data rw - ext4 /dev/vdb rw\n"
        "32 27 254:1 /b /with\\040blank rw - ext4 /dev/vdb rw\n"
        "33 31 0:40 / /data/run rw - tmpfs tmpfs rw\n"
    )
    monkeypatch.setattr(disks, "_MOUNTS", mounts)
    places = ("/data/b/wal", "/with blank/b", "/data/run/b", "/database/b")
    assert [device_of(Path(place)) for place in places] == ["254:1", "254:1", "0:40", "254:0"]
    monkeypatch.setattr(disks, "_MOUNTS", tmp_path / "missing")
    assert device_of(Path("/data")) is None
