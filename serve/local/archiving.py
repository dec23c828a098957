"""The log of the embedded PostgreSQL, received into the folder of a backup as long as the stack runs, if one was made.

A slot makes Postgres keep what was not received yet, so the log has no gap however often either of them ends. What
fails here never stops the stack: it is tried again, and `holdfast backup mark` says that the backup does not go on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import msgspec

from serve.local.postgres import programs
from serve.local.processes import end, spawn, working_in

if TYPE_CHECKING:
    from serve.local.stack import DataFolder, Stack

SLOT = "holdfast_backup"
WAL = "wal"
_RECEIVER = "pg_receivewal"
_AGAIN_S = 5.0


class Going(msgspec.Struct, frozen=True):
    """The backup that goes on: its folder."""

    folder: Path


def backup_of(data: DataFolder) -> Path | None:
    """The folder of the backup that goes on, or None."""
    try:
        return msgspec.json.decode(data.backup.read_bytes(), type=Going, dec_hook=lambda kind, text: kind(text)).folder
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def connection_of(database_url: str) -> tuple[list[str], dict[str, str]]:
    """The words by which Postgres's programs connect, and what they are told by their environment."""
    url = urlsplit(database_url)
    words = ["-w", "-h", url.hostname or "", "-p", str(url.port or 5432), "-U", unquote(url.username or "")]
    return words, {"PGPASSWORD": unquote(url.password or "")}


class Archiving:
    """Keeps one receiver alive where there is a backup; does nothing where there is none."""

    def __init__(self, stack: Stack, data: DataFolder) -> None:
        self._stack = stack
        self._data = data
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        self._again_at = 0.0

    def look(self) -> None:
        """Start, end or change the receiver as the data folder says."""
        folder = backup_of(self._data) if self._stack.settings.database_url is None else None
        if folder != self._folder:
            self.stop()
            self._folder = folder
        if folder is None or time.monotonic() < self._again_at:
            return
        if self._process is None or self._process.poll() is not None:
            self._again_at = time.monotonic() + _AGAIN_S
            with suppress(OSError):
                self._start(folder / WAL)

    def stop(self) -> None:
        """End the receiver, and one that a killed run has left."""
        if self._folder is not None:
            end(
                lambda: working_in(Path(self._folder or "") / WAL, _RECEIVER),
                (signal.SIGINT, 5.0),
                (signal.SIGKILL, 5.0),
            )
        self._process, self._again_at = None, 0.0

    def _start(self, wal: Path) -> None:
        end(lambda: working_in(wal, _RECEIVER), (signal.SIGINT, 5.0), (signal.SIGKILL, 5.0))
        words, environment = connection_of(self._stack.database_url)
        command = [str(programs() / _RECEIVER), *words, "-D", str(wal), "-S", SLOT, "-s", "1"]
        self._process = spawn(
            command, signal_on_orphan=signal.SIGINT, log=self._data.logs / "backup.log", folder=wal,
            environment={**os.environ, **environment},
        )  # fmt: skip
