"""Backups of the embedded PostgreSQL: a copy of its files, all of its log from then on, and named positions in that.

The folder: `base`, as pg_basebackup made it while everything sold; `wal`, the log, received by pg_receivewal as long as
the stack runs; `marks`, a file for each named position; `secrets`, those of the data folder. A mark is whole when the
log is there, on disk, up to it. What is in Redis is derived, and is not in it. How one begins and ends: see
`serve.backup_making`.

A PostgreSQL of one's own is backed up by its own tools: the programs of ours speak no TLS and know no ICU, and whoever
runs it has better ones. Positions in its log are named here too, and once restored its history begins anew here.

What was restored goes on another way than the history that it is of, which others may still be serving. So its next
cluster is of a generation that no cluster of that history will have come to, and has secrets of its own: whoever is
left of the others finds no way in, and what they may still write is fenced by whoever claims the block.
"""

import asyncio
import hashlib
import os
import re
import secrets
import shlex
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from actors.archive.archive_file import sync_folder
from actors.database.connect import FAULTS, Connection, connect
from actors.database.queries import load_queries
from serve.local.archiving import WAL
from serve.local.going import Going, backup_of, why_over
from serve.local.postgres import Postgres, give_to_owner
from serve.local.preflight import free_port
from serve.local.stack import DataFolder, Stack, write_private

_SQL = load_queries(Path(__file__).parent / "sql" / "backup.sql")
MANIFEST = "backup_manifest"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_PATIENCE_S = 60.0
_LOOK_S = 0.05
_SECRETS_OF_A_STACK = ("postgres", "redis", "ray", "link")  # of a restored one its own
LEAP = 10_000  # at least so far above what is known: that history may have seen as many clusters since


class BackupError(Exception):
    """It cannot be done; the text is one line for the person who asked for it."""


class Mark(msgspec.Struct, frozen=True):
    """A named position. `lsn`: where in the log; `point`: what it is called there; `file`: the last needed."""

    name: str
    point: str
    lsn: str
    file: str
    at_ms: int


async def mark(stack: Stack, name: str) -> Mark:
    """Name this position: whatever was acknowledged before this call is before it. Raises BackupError, `FAULTS`."""
    check_name(name)
    data = DataFolder(stack.settings.data_dir)
    going = backup_of(data)
    if going is None:
        raise BackupError("there is no backup yet: holdfast backup create")
    if why_over(data, going) is not None:
        raise _gap(data, going)
    if not has_base(going.folder):
        raise BackupError(f"{going.folder} has no whole base, to which a log could lead: begin a new backup")
    file = _mark_file(going.folder, name)
    try:
        file.open("xb").close()
    except OSError as fault:
        raise BackupError(f"NAME: there is a mark {name} already, or {file.parent} cannot be used ({fault})") from fault
    try:
        marked = await _received(stack.database_url, going, name, data)
        write_private(file, msgspec.json.encode(marked))
        sync_files(file.parent)
    except BaseException:
        with suppress(OSError):
            if not file.stat().st_size:
                file.unlink()  # the name is free again
        raise
    return marked


async def _received(database_url: str, going: Going, name: str, data: DataFolder) -> Mark:
    """A position of this name, up to which the backup has all of the log on disk."""
    connection = await connect(database_url, application_name="holdfast backup")
    try:
        slot = await connection.fetchrow(_SQL["slot"], going.slot)
        if slot is None or slot["wal_status"] == "lost":
            raise _gap(data, going)
        marked = await named(connection, name)
    finally:
        await connection.close()
    file = going.folder / WAL / marked.file
    await wait_for(
        lambda: why_over(data, going) is not None or file.exists(),
        f"the log is not received: see {data.logs / 'backup.log'}",
    )
    if not file.exists():
        raise _gap(data, going)
    return marked


def _gap(data: DataFolder, going: Going) -> BackupError:
    why = why_over(data, going) or "it was not received for too long"
    return BackupError(f"the log has a gap ({why}): begin a new backup")


async def mark_own(database_url: str, name: str) -> tuple[Mark, bool]:
    """As `mark`, in the log of a PostgreSQL of one's own; whether its archiver has all of the log up to there.

    Where nothing is archived by a command, whether anybody has it cannot be seen. Raises BackupError, `FAULTS`.
    """
    check_name(name)
    connection = await connect(database_url, application_name="holdfast backup")
    try:
        marked = await named(connection, name)
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            archiver = await connection.fetchrow(_SQL["archiver"], marked.file)
            if not archiver["goes_on"] or archiver["has_file"]:
                return marked, archiver["goes_on"]
            if time.monotonic() > deadline:
                raise BackupError(f"{marked.file} is not archived: see archive_command and pg_stat_archiver")
            await asyncio.sleep(_LOOK_S)
    finally:
        await connection.close()


async def named(connection: Connection, name: str) -> Mark:
    """A position of this name, the end of a file of the log. Raises `FAULTS`."""
    point = f"{name} {secrets.token_hex(8)}"  # no other has the same, in whichever backup
    made = await connection.fetchrow(_SQL["mark"], point)
    wal_file = await connection.fetchval(_SQL["file_of"], made["lsn"])
    await connection.fetchval(_SQL["end_file"])
    return Mark(name, point, made["lsn"], wal_file, made["at_ms"])


async def begin_anew(database_url: str) -> int:
    """Let a restored database's next cluster be newer than all of the history that it is of; above which generation.

    Raises BackupError, `FAULTS`.
    """
    connection = await connect(database_url, application_name="holdfast backup")
    try:
        if (beating := await connection.fetchval(_SQL["beating"])) is not None:
            raise BackupError(f"{beating} beats in this database: stop the Holdfast that runs on it first")
        return int(await connection.fetchval(_SQL["raise_generation"], LEAP))
    finally:
        await connection.close()


def check_name(name: str) -> None:
    """Raises BackupError."""
    if not _NAME.fullmatch(name):
        raise BackupError("NAME: lower case letters, digits, - and _ are allowed, 40 at most")


def restore(folder: Path, name: str, data_dir: Path) -> Mark:
    """Make a data folder that has the database as it was at this mark. Raises BackupError, CannotStart, OSError."""
    marked = _read_mark(folder, name)
    data = DataFolder(data_dir)
    with data.held():
        if data.postgres.exists():
            raise BackupError(f"{data.root} has a database already: name a new folder")
        check_base(folder / "base")
        unfinished = data.root / "postgres.restored"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(folder / "base", unfinished, symlinks=True)
        _copy_secrets(folder, data)
        (unfinished / "recovery.signal").touch()
        unfinished.chmod(0o700)
        give_to_owner(unfinished)
        recovered(unfinished, folder.resolve(), marked, data)
        unfinished.rename(data.postgres)
        sync_folder(data.root)
    return marked


def has_base(folder: Path) -> bool:
    """Whether the backup has a base that is whole: pg_basebackup writes its manifest last."""
    return (folder / "base" / MANIFEST).is_file()


def check_base(base: Path) -> None:
    """Every file is as Postgres's manifest says; the wheel's pg_verifybackup does not run. Raises BackupError."""
    try:
        files = msgspec.json.decode((base / MANIFEST).read_bytes())["Files"]
    except (OSError, msgspec.DecodeError, LookupError) as fault:
        raise BackupError(f"{base} has no manifest of its files: {fault}") from fault
    for file in files:
        path = base / file["Path"]
        if not path.is_file():
            raise BackupError(f"{path} is missing")
        with path.open("rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() != file["Checksum"]:
                raise BackupError(f"{path} is not what was backed up")


def recovered(unfinished: Path, folder: Path, marked: Mark, data: DataFolder) -> None:
    """Replay the log up to the mark and no further, and let a history of its own begin there. Raises as `restore`."""
    source = shlex.quote(str(folder / WAL).replace("%", "%%")) + "/%f"
    postgres = Postgres(
        unfinished,
        free_port(),
        folder / "secrets" / "postgres",
        log=data.logs / "restore.log",
        also={
            "restore_command": f'cp -- {source} "%p"',
            "recovery_target_name": marked.point,
            "recovery_target_action": "promote",
            "recovery_target_timeline": "current",
            "hot_standby": "off",
        },
    )
    try:
        postgres.start()
        stopped_at = _end_of_replay(unfinished)
        if stopped_at != marked.lsn:
            raise BackupError(f"it was replayed up to {stopped_at}, and {marked.name} is at {marked.lsn}")
        asyncio.run(_set_apart(postgres.url, data.secret("postgres").read_text()))
    except FAULTS as fault:
        raise BackupError(f"what was restored cannot be set apart from what it is of: {fault}") from fault
    finally:
        postgres.stop()


def _end_of_replay(folder: Path) -> str:
    """Where the former life of the restored database ends, by the history that Postgres wrote when it began anew."""
    history = max((folder / "pg_wal").glob("*.history"))
    return history.read_text().strip().splitlines()[-1].split("\t")[1]


async def _set_apart(database_url: str, password: str) -> None:
    """Let nobody who knew the former database reach or outrank this one."""
    connection = await connect(database_url, application_name="holdfast backup")
    try:
        await connection.fetchval(_SQL["raise_generation"], LEAP)
        await connection.execute(await connection.fetchval(_SQL["change_password"], password))
    finally:
        await connection.close()


def _copy_secrets(folder: Path, data: DataFolder) -> None:
    """Those that are not of the former stack's parts: keys that clients have."""
    (data.root / "secrets").mkdir(mode=0o700, exist_ok=True)
    for secret in (folder / "secrets").iterdir():
        if secret.name not in _SECRETS_OF_A_STACK:
            shutil.copy2(secret, data.root / "secrets")


def _read_mark(folder: Path, name: str) -> Mark:
    try:
        return msgspec.json.decode(_mark_file(folder, name).read_bytes(), type=Mark)
    except (OSError, msgspec.DecodeError) as fault:
        there = sorted(file.stem for file in (folder / "marks").glob("*.json") if file.stat().st_size)
        raise BackupError(f"--to: {folder} has no mark {name}; it has {', '.join(there) or 'none'}") from fault


def _mark_file(folder: Path, name: str) -> Path:
    return folder / "marks" / f"{name}.json"


async def wait_for(happened: Callable[[], bool], otherwise: str, patience_s: float | None = None) -> None:
    """Raises BackupError if it does not happen for long."""
    deadline = time.monotonic() + (_PATIENCE_S if patience_s is None else patience_s)
    while not happened():
        if time.monotonic() > deadline:
            raise BackupError(otherwise)
        await asyncio.sleep(_LOOK_S)


def sync_files(folder: Path) -> None:
    """What is in the folder is on disk, and so is the folder."""
    for file in folder.iterdir():
        if file.is_file():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
    sync_folder(folder)
