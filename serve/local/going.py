"""Which backup of the embedded PostgreSQL goes on, and whether its log is received no more, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from serve.local.postgres import SLOT
from serve.local.stack import write_private

if TYPE_CHECKING:
    from serve.local.stack import DataFolder

T = TypeVar("T")
WAL = "wal"
"""Where in the backup's folder its log is."""


class Going(msgspec.Struct, frozen=True):
    """The backup that goes on: its folder, and the slot that is its own."""

    folder: Path
    slot: str = SLOT


class _Over(msgspec.Struct, frozen=True):
    going: Going
    why: str


def backup_of(data: DataFolder) -> Going | None:
    """The backup that goes on, or None."""
    return _read(data.backup, Going)


def why_over(data: DataFolder, going: Going) -> str | None:
    """Why the log of this backup is received no more, as it was kept; None: nobody has said that it is."""
    over = _read(data.backup_over, _Over)
    return over.why if over is not None and over.going == going else None


def slot_of(data: DataFolder) -> str:
    """The slot of the backup that goes on; empty where none does, or its log is received no more."""
    going = backup_of(data)
    return "" if going is None or why_over(data, going) is not None else going.slot


def keep_over(data: DataFolder, going: Going, why: str) -> None:
    """From now on the log of this backup is received no more. Raises CannotStart."""
    write_private(data.backup_over, msgspec.json.encode(_Over(going, why), enc_hook=str))


def _read(file: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind, dec_hook=lambda wanted, text: wanted(text))
    except (FileNotFoundError, msgspec.DecodeError):
        return None
