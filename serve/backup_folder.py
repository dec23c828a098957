"""The folder of a backup, and whether it is whole.

`base`, as pg_basebackup made it while everything sold; `wal`, the log, received by pg_receivewal as long as the stack
runs; `marks`, a file for each named position; `secrets`, those of the data folder. Nothing of it is ever cut, so each
file of the log from the base's begin to the last mark is needed, and whoever has taken one away is to be told at once.
"""

import hashlib
import os
import subprocess
from pathlib import Path

import msgspec

from serve.local.going import WAL
from serve.local.postgres import programs

MANIFEST = "backup_manifest"
SEGMENT_BYTES = 16 << 20
"""Of each file of the log; the embedded PostgreSQL is made with no other size."""
_PER_NAME = (1 << 32) // SEGMENT_BYTES  # how many share the middle of their names
_LAST_WORDS = 300


class BackupError(Exception):
    """It cannot be done; the text is one line for the person who asked for it."""


class Mark(msgspec.Struct, frozen=True):
    """A named position. `lsn`: where in the log; `point`: what it is called there; `file`: the last needed."""

    name: str
    point: str
    lsn: str
    file: str
    at_ms: int


class _File(msgspec.Struct, frozen=True):
    path: str = msgspec.field(name="Path")
    size: int = msgspec.field(name="Size")
    checksum: str = msgspec.field(name="Checksum")


class _Range(msgspec.Struct, frozen=True):
    timeline: int = msgspec.field(name="Timeline")
    start: str = msgspec.field(name="Start-LSN")


class _Manifest(msgspec.Struct, frozen=True):
    files: list[_File] = msgspec.field(name="Files")
    ranges: list[_Range] = msgspec.field(name="WAL-Ranges")


def mark_file(folder: Path, name: str) -> Path:
    """Where a mark of this name is."""
    return folder / "marks" / f"{name}.json"


def read_mark(folder: Path, name: str) -> Mark:
    """The mark of this name. Raises BackupError."""
    try:
        return msgspec.json.decode(mark_file(folder, name).read_bytes(), type=Mark)
    except (OSError, msgspec.DecodeError) as fault:
        there = sorted(file.stem for file in (folder / "marks").glob("*.json") if file.stat().st_size)
        raise BackupError(f"--to: {folder} has no mark {name}; it has {', '.join(there) or 'none'}") from fault


def marks_in(folder: Path) -> list[Mark]:
    """Those that are made, the first first. Raises BackupError."""
    made: list[Mark] = []
    for file in (folder / "marks").glob("*.json"):
        try:
            content = file.read_bytes()
            made += [msgspec.json.decode(content, type=Mark)] if content else []  # empty: it is being made
        except (OSError, msgspec.DecodeError) as fault:
            raise BackupError(f"{file} cannot be read: {fault}") from fault
    return sorted(made, key=lambda mark: (segment_of_file(mark.file), mark.at_ms))


def has_base(folder: Path) -> bool:
    """Whether the backup has a base that is whole: pg_basebackup writes its manifest last."""
    return (folder / "base" / MANIFEST).is_file()


def size_of_base(base: Path) -> int:
    """All of its files, in bytes. Raises BackupError."""
    return sum(file.size for file in _manifest(base).files)


def check_base(base: Path) -> int:
    """Every file is as Postgres's manifest says; how many. Raises BackupError.

    The wheel's own pg_verifybackup does not run.
    """
    files = _manifest(base).files
    for file in files:
        path = base / file.path
        if not path.is_file():
            raise BackupError(f"{path} is missing")
        with path.open("rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() != file.checksum:
                raise BackupError(f"{path} is not what was backed up")
    return len(files)


def check_log(folder: Path, last: int) -> None:
    """Each file of the log is there and has its size, from the base's begin to the one of this number.

    Raises BackupError, which names the first that is not.
    """
    needed = _manifest(folder / "base").ranges[0]
    wal = folder / WAL
    try:
        with os.scandir(wal) as entries:
            sizes = {entry.name: entry.stat().st_size for entry in entries if not entry.name.endswith(".partial")}
    except OSError as fault:
        raise BackupError(f"{wal} cannot be read: {fault.strerror}") from fault
    for number in range(segment_at(needed.start), last + 1):
        name = _name_of(needed.timeline, number)
        if (size := sizes.get(name)) != SEGMENT_BYTES:
            wrong = "is missing" if size is None else f"has {size:,} bytes of {SEGMENT_BYTES:,}"
            raise BackupError(f"{wal / name} {wrong}: nothing behind it can be restored")


def check_records(folder: Path, mark: Mark) -> None:
    """Postgres's own pg_waldump reads each record of the log from the base's begin to this mark.

    Raises BackupError, CannotStart.
    """
    needed = _manifest(folder / "base").ranges[0]
    command = [str(programs() / "pg_waldump"), "--quiet", "--path", str(folder / WAL)]
    span = ["--timeline", str(needed.timeline), "--start", needed.start, "--end", mark.lsn]
    done = subprocess.run([*command, *span], capture_output=True, text=True, check=False)  # noqa: S603  # our own program
    if done.returncode != 0:
        raise BackupError(f"the log in {folder / WAL} is damaged: {done.stderr.strip()[-_LAST_WORDS:]}")


def verify(folder: Path) -> tuple[int, list[Mark]]:
    """All that a restore to any of its marks needs is there and undamaged; how many files its base has, and its marks.

    Reads all of it. Raises BackupError, CannotStart, OSError.
    """
    marks = marks_in(folder)
    if not marks:
        raise BackupError(f"{folder} has no mark, to which it could be restored")
    file_count = check_base(folder / "base")
    check_log(folder, segment_of_file(marks[-1].file))
    check_records(folder, marks[-1])
    if not (folder / "secrets").is_dir():
        raise BackupError(f"{folder / 'secrets'} is missing: keys that clients have")
    return file_count, marks


def segment_at(lsn: str) -> int:
    """The number of the log's file that this position, `high/low`, is in."""
    high, low = lsn.split("/")
    return ((int(high, 16) << 32) + int(low, 16)) // SEGMENT_BYTES


def segment_of_file(name: str) -> int:
    """The number of the log's file of this name, on whichever timeline."""
    return int(name[8:16], 16) * _PER_NAME + int(name[16:24], 16)


def _name_of(timeline: int, number: int) -> str:
    return f"{timeline:08X}{number // _PER_NAME:08X}{number % _PER_NAME:08X}"


def _manifest(base: Path) -> _Manifest:
    """What Postgres says is in the base. Raises BackupError."""
    try:
        manifest = msgspec.json.decode((base / MANIFEST).read_bytes(), type=_Manifest)
    except (OSError, msgspec.DecodeError) as fault:
        raise BackupError(f"{base} has no manifest of its files: {fault}") from fault
    if not manifest.ranges:
        raise BackupError(f"{base / MANIFEST} names no log that the base needs")
    return manifest
