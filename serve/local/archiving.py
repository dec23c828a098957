"""The log of the embedded PostgreSQL, received into the folder of a backup as long as the stack runs, if one was made.

A slot makes Postgres keep what was not received yet, so the log has no gap however often either of them ends. Each
backup has one of its own, so that a new one can begin beside the one that goes on. What fails here never stops the
stack: it is told when it begins and when it is over, and tried again; `holdfast doctor` looks at it as well. Where
the log leaves too little room for the sale, the backup is over (see `log_room`).
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from serve.local.going import WAL, Going, backup_of, why_over
from serve.local.log_room import LogRoom
from serve.local.postgres import programs
from serve.local.processes import arguments_of, end, running, spawn

if TYPE_CHECKING:
    from serve.local.stack import DataFolder, Stack

_RECEIVER = "pg_receivewal"
_KILL = (signal.SIGKILL, 5.0)
_AGAIN_S = 5.0
_STEADY_S = 5.0
_WORDS_BYTES = 4096


def connection_of(database_url: str) -> tuple[list[str], dict[str, str]]:
    """The words by which Postgres's programs connect, and what they are told by their environment."""
    url = urlsplit(database_url)
    words = ["-w", "-h", url.hostname or "", "-p", str(url.port or 5432), "-U", unquote(url.username or "")]
    return words, {"PGPASSWORD": unquote(url.password or "")}


class Receiver:
    """Who receives the log for a backup: one process, which ends at the first thing that goes wrong.

    It alone touches the backup's folder, which may be on a disk elsewhere that does not answer any more.
    """

    def __init__(self, database_url: str, going: Going, log: Path) -> None:
        """Start it, and end one that a killed run has left. Raises OSError, CannotStart."""
        end(lambda: receivers_in(going.folder), _KILL)
        words, environment = connection_of(database_url)
        wal = going.folder / WAL
        command = [str(programs() / _RECEIVER), *words, "-D", str(wal), "-S", going.slot, "-s", "1", "--no-loop"]
        self._going, self._log = going, log
        self._log_begin = log.stat().st_size if log.exists() else 0
        self._process = spawn(
            command,
            signal_on_orphan=signal.SIGINT,
            log=log,
            folder=log.parent,
            environment={**os.environ, **environment},
        )
        self.started_at = time.monotonic()

    def fault(self) -> str | None:
        """None while it runs; else what it said in the end."""
        if self._process.poll() is None:
            return None
        return last_words(self._log, self._log_begin) or "it ended"

    def kill(self) -> None:
        """End it at once, and wait for nothing: its folder may be where nobody answers."""
        if self._process.poll() is None:
            self._process.kill()

    def stop(self) -> None:
        """End it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # also while it is not yet the program that is looked for
        end_receivers(self._going.folder)


def receivers_in(folder: Path) -> list[int]:
    """The processes that receive into the folder of this backup."""
    return [pid for pid in running(_RECEIVER) if str(folder / WAL) in arguments_of(pid)]


def end_receivers(folder: Path) -> None:
    """End whoever receives into the folder of this backup."""
    end(lambda: receivers_in(folder), (signal.SIGINT, 5.0), _KILL)


def last_words(log: Path, begin: int) -> str:
    """The last line that says something, of what came behind the first `begin` bytes; empty if there is none."""
    try:
        with log.open("rb") as written:
            size = written.seek(0, os.SEEK_END)
            written.seek(max(begin if begin <= size else 0, size - _WORDS_BYTES))
            lines = written.read().decode(errors="replace").splitlines()
    except OSError as fault:
        return str(fault)
    telling = [line.strip() for line in lines if line.strip() and not line.endswith(": disconnected")]
    return telling[-1] if telling else ""


class Archiving:
    """Keeps one receiver alive where there is a backup; does nothing where there is none."""

    def __init__(self, stack: Stack, data: DataFolder) -> None:
        self._stack = stack
        self._data = data
        self._room = LogRoom(stack, data)
        self._going: Going | None = None
        self._receiver: Receiver | None = None
        self._again_at = 0.0
        self._told = ""  # why it is not received, as it was told; empty: it is

    def look(self) -> str | None:
        """Start, end or change the receiver as the data folder says; what has happened, if it is to be told."""
        if self._stack.settings.database_url is not None:
            return None
        if (told := self._room.look()) is not None:
            return told
        going = backup_of(self._data)
        if going is not None and why_over(self._data, going) is not None:
            self._give_up()
            return None
        if going != self._going:
            self._give_up()
            self._going, self._told, self._again_at = going, "", 0.0
        if going is None:
            return None
        if self._receiver is not None:
            return self._look_at(self._receiver, going)
        if time.monotonic() < self._again_at:
            return None
        self._again_at = time.monotonic() + _AGAIN_S
        try:
            self._receiver = Receiver(self._stack.database_url, going, self._data.logs / "backup.log")
        except OSError as fault:
            return self._failed(going, str(fault))
        return None

    def stop(self) -> None:
        """End the receiver, and one that a killed run has left."""
        if self._receiver is not None:
            self._receiver.stop()
        elif self._going is not None:
            end_receivers(self._going.folder)

    def _give_up(self) -> None:
        """The log is received no more."""
        if self._receiver is not None:
            self._receiver.kill()
        self._receiver, self._going = None, None

    def _look_at(self, receiver: Receiver, going: Going) -> str | None:
        fault = receiver.fault()
        if fault is not None:
            self._receiver = None
            return self._failed(going, fault)
        if self._told and time.monotonic() - receiver.started_at > _STEADY_S:
            self._told = ""
            return f"backup: the log is received again in {going.folder}"
        return None

    def _failed(self, going: Going, why: str) -> str | None:
        """Told once for each reason, until it goes on again."""
        if why == self._told:
            return None
        self._told = why
        return (
            f"backup: the log is not received in {going.folder}: {why}; tried again every {_AGAIN_S:.0f} s "
            "(holdfast doctor says more)"
        )
