"""A backup begins and ends: a new one goes on only when its base is whole, and until then the one before does.

While the base is copied the log is received for both, each by a slot of its own. So whatever stops this anywhere, one
backup is whole and goes on; a slot that a killed run has left is dropped by the next.
"""

import asyncio
import fcntl
import math
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from actors.archive.archive_file import sync_folder
from actors.database.connect import FAULTS, Connection, connect, cut
from actors.database.queries import load_queries
from serve.backup_folder import BackupError, Mark, has_base
from serve.backups import mark, sync_files, wait_for
from serve.local.archiving import Receiver, connection_of, last_words
from serve.local.disks import megabytes, room_beside
from serve.local.going import WAL, Going, backup_of, keep_over, slot_of, why_over
from serve.local.log_room import least_room
from serve.local.postgres import SLOT, programs
from serve.local.preflight import CannotStart
from serve.local.processes import spawn
from serve.local.stack import DataFolder, Stack, write_private
from serve.settings import described

_SQL = load_queries(Path(__file__).parent / "sql" / "backup.sql")
FIRST_MARK = "created"
_COPYING = ("-X", "none", "-c", "fast", "--manifest-checksums=SHA256")
_PARTS = ("base", WAL, "marks", "secrets")
_MEANWHILE_BYTES = 128 << 20  # of the log, while the base is copied
_SOONER_BYTES = 32 << 20  # than the backup that goes on, one that begins gives way to the sale
_END_PATIENCE_S = 10.0
_LOOK_S = 0.05


async def create(stack: Stack, folder: Path, on_remark: Callable[[str], None] = lambda remark: None) -> Mark:
    """Begin a backup in a new folder, from which on the log is received there; its first mark.

    `on_remark`: told what is worth knowing of the folder. Raises BackupError, CannotStart, OSError, `FAULTS`; the
    backup before goes on then, unless only the mark is missing.
    """
    if stack.settings.database_url is not None:
        raise BackupError(
            f"{described('database_url')} names a PostgreSQL of your own, and this copies the embedded one only: use "
            "pg_basebackup and archive_mode=on with an archive_command that syncs, or your provider's tool; holdfast "
            "backup mark names positions in its log, and holdfast backup anew is for what was restored"
        )
    data = DataFolder(stack.settings.data_dir)
    with _alone(data):
        await _drop_slots_but(slot_of(data), stack.database_url)
        _make(folder)
        going = Going(folder, f"{SLOT}_{secrets.token_hex(8)}")
        try:
            _check_room(data, folder, least_room(stack.settings.disk_reserve_mb), on_remark)
            await _begin(stack, data, going)
        except BaseException:
            if backup_of(data) != going:
                for part in _PARTS:
                    shutil.rmtree(folder / part, ignore_errors=True)
            raise
        sync_folder(data.root)
        with suppress(BackupError):  # it is left to the next, and holdfast doctor says so
            await _drop_slots_but(going.slot, stack.database_url)  # as soon as the former's receiver has ended
        return await mark(stack, FIRST_MARK)


async def end(stack: Stack) -> Path:
    """Receive the log no more; the folder stays as it is, and is returned.

    Where Postgres does not answer the backup goes on; where it fails later, it can be ended again. Raises BackupError,
    `FAULTS`, OSError.
    """
    data = DataFolder(stack.settings.data_dir)
    with _alone(data):
        going = backup_of(data)
        connection = await connect(stack.database_url, application_name="holdfast backup")
        try:
            if going is not None and why_over(data, going) is None:
                _receive_no_more(data, going)
            await _drop_but("", connection)
        except FAULTS as fault:
            raise BackupError(f"a slot may be left, for which Postgres keeps log: call this again ({fault})") from fault
        finally:
            cut(connection)
        if going is None:
            raise BackupError("no backup goes on")
        for file in (data.backup, data.backup_over):
            file.unlink(missing_ok=True)
        sync_folder(data.root)
        return going.folder


def _receive_no_more(data: DataFolder, going: Going) -> None:
    """Whoever receives for it ends, so that its slot can be dropped."""
    try:
        keep_over(data, going, "holdfast backup end has not come to its end: call it again")
    except CannotStart:  # for want of room
        data.backup.unlink()


async def drop_left(data: DataFolder, database_url: str) -> list[str]:
    """Drop the slots of no backup that goes on and by which nobody receives; their names.

    What made them is gone, as it would hold the lock. Raises BackupError: it does; `FAULTS`.
    """
    with _alone(data):
        connection = await connect(database_url, application_name="holdfast backup")
        try:
            others = await connection.fetch(_SQL["other_slots"], SLOT, slot_of(data))
            left = [str(other["slot_name"]) for other in others]
            return [slot for slot in left if await connection.fetch(_SQL["drop_slot"], slot)]
        finally:
            await connection.close()


def _check_room(data: DataFolder, folder: Path, least: int, on_remark: Callable[[str], None]) -> None:
    """The copy has room in this folder, and leaves so many bytes at least where the data is. Raises BackupError."""
    base = _size_of(data.postgres)
    is_beside = room_beside(data, folder) is not None
    needed = base + _MEANWHILE_BYTES + (least if is_beside else 0)
    room = shutil.disk_usage(folder).free
    if room < needed:
        why = f", as it is on the disk of the data, where {megabytes(least)} are to be left" if is_beside else ""
        raise BackupError(
            f"{folder} has {megabytes(room)} of room, and {megabytes(needed)} are needed{why}; the database is "
            f"{megabytes(base)}: name a folder on another disk, or make room"
        )
    if is_beside:
        on_remark(
            f"{folder} is on the disk of the data, and is lost with it. The log of all that is sold grows there; the "
            f"backup is over when less than {megabytes(least)} are left. A folder on another disk is better"
        )


def _size_of(database: Path) -> int:
    """What pg_basebackup copies of it, in bytes: all but the log."""
    size = 0
    for folder, folders, files in os.walk(database):
        if Path(folder) == database and "pg_wal" in folders:
            folders.remove("pg_wal")
        for file in files:
            with suppress(OSError):  # it is gone: Postgres is at work there
                size += Path(folder, file).stat().st_size
    return size


async def _begin(stack: Stack, data: DataFolder, going: Going) -> None:
    """All of it but the first mark; from its last step on this backup goes on, and before no slot of it is left."""
    database_url = stack.database_url
    connection = await connect(database_url, application_name="holdfast backup")
    try:
        await connection.fetchval(_SQL["create_slot"], going.slot)
    finally:
        await connection.close()
    try:
        await _copy(stack, data, going)
        shutil.copytree(data.root / "secrets", going.folder / "secrets")
        sync_files(going.folder / "secrets")
        sync_files(going.folder)
        sync_folder(going.folder.parent)
        _go_on(data, going)
    except BaseException:
        with suppress(BackupError, *FAULTS):  # it is left to the next
            await _drop_slots_but(slot_of(data), database_url)
        raise


def _go_on(data: DataFolder, going: Going) -> None:
    """From now on this is the backup that goes on."""
    write_private(data.backup, msgspec.json.encode(going, enc_hook=str))


async def _copy(stack: Stack, data: DataFolder, going: Going) -> None:
    """The base, and the log from before it began."""
    database_url = stack.database_url
    log = data.logs / "backup-create.log"
    receiver = Receiver(database_url, going, log)
    try:
        wal = going.folder / WAL
        await wait_for(
            lambda: any(wal.iterdir()) or receiver.fault() is not None, f"the log is not received: see {log}"
        )
        words, environment = connection_of(database_url)
        command = [str(programs() / "pg_basebackup"), *words, "-D", str(going.folder / "base"), *_COPYING]
        said = data.logs / "basebackup.log"
        begin = said.stat().st_size if said.exists() else 0
        copying = spawn(
            command, signal_on_orphan=signal.SIGINT, log=said, folder=going.folder,
            environment={**os.environ, **environment},
        )  # fmt: skip
        await _ended(copying, receiver, lambda: _short_of(data, going, stack.settings.disk_reserve_mb))
        if (fault := receiver.fault()) is not None:
            raise BackupError(f"the log is not received: {fault}")
        if (short := _short_of(data, going, stack.settings.disk_reserve_mb)) is not None:
            raise BackupError(f"the copy was given up, and selling goes on: {short}")
        if copying.returncode != 0 or not has_base(going.folder):
            raise BackupError(f"pg_basebackup: {last_words(said, begin) or f'it ended with {copying.returncode}'}")
    finally:
        receiver.stop()  # what comes until the supervisor's begins is kept by the slot


def _short_of(data: DataFolder, going: Going, reserve_mb: int) -> str | None:
    """What is to be said where the copy has come to take the room of the sale; else None."""
    room = room_beside(data, going.folder)
    if room is None or room >= least_room(reserve_mb) + _SOONER_BYTES:
        return None
    return f"{megabytes(room)} were left on the disk of {data.root}, on which {going.folder} is as well"


async def _ended(copying: subprocess.Popen[bytes], receiver: Receiver, short: Callable[[], str | None]) -> None:
    """It has ended, at the latest when the log is received no more, the room is `short`, or nobody waits for it."""
    try:
        await wait_for(
            lambda: copying.poll() is not None or receiver.fault() is not None or short() is not None, "", math.inf
        )
    finally:
        if copying.poll() is None:
            copying.send_signal(signal.SIGINT)
            try:
                copying.wait(_END_PATIENCE_S)
            except subprocess.TimeoutExpired:
                copying.kill()
                copying.wait()


async def _drop_slots_but(slot: str, database_url: str) -> None:
    """No backup has a slot but this one, empty for none. Raises BackupError, `FAULTS`."""
    connection = await connect(database_url, application_name="holdfast backup")
    try:
        await _drop_but(slot, connection)
    finally:
        await connection.close()


async def _drop_but(slot: str, connection: Connection) -> None:
    """As `_drop_slots_but`."""
    deadline = time.monotonic() + _END_PATIENCE_S
    while others := await connection.fetch(_SQL["other_slots"], SLOT, slot):
        for other in others:
            await connection.fetch(_SQL["drop_slot"], other["slot_name"])
            if other["active"] and time.monotonic() > deadline:
                raise BackupError(f"the slot {other['slot_name']} cannot be dropped: somebody receives by it")
        await asyncio.sleep(_LOOK_S)


@contextmanager
def _alone(data: DataFolder) -> Iterator[None]:
    """Nobody else begins or ends one meanwhile. Raises BackupError."""
    with (data.root / "backup.lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise BackupError(f"another holdfast backup create or end is at work on {data.root}") from fault
        yield


def _make(folder: Path) -> None:
    try:
        if folder.exists() and any(folder.iterdir()):
            raise BackupError(f"{folder} is there and not empty: name a new folder")
        (folder / WAL).mkdir(parents=True, mode=0o700)
        (folder / "marks").mkdir(mode=0o700)
        folder.chmod(0o700)
    except OSError as fault:
        raise BackupError(f"cannot use {folder} ({fault.strerror})") from fault
