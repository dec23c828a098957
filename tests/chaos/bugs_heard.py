"""What the processes of a stack tell their logs of bugs that they survived, and of parts that failed.

Buyers ask again and Ray starts again, so that nobody else may notice. Whatever shipped code logs as an error is a bug,
whichever process says so, unless what is done to the stack excuses it by name.
"""

import re
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from serve.local.stack import DataFolder

LOGS = ("ray/session_2*/logs/**/*", "logs/**/*")
"""Ray's, of each session that is still kept, and the supervisor's."""
LEVELS = ("error", "critical")
UNHEARD = (
    "Task exception was never retrieved",
    "Future exception was never retrieved",
    "Exception in callback ",
    "Unhandled exception in event loop",
    "Exception in thread ",
    "Fatal Python error: ",
)
"""How lines begin by which Python itself says that something has failed and nobody has heard it: in no document."""
OF_PYTHON = "worker-"
"""How logs of processes are called that run shipped code."""
OF_RAY = b"/site-packages/ray/"
"""What the line behind such a line says of a task that is Ray's own: its proxy, for one, leaves those of buyers that
have gone away. No shipped code runs in it.
"""
FAILED_CHORE = re.compile(r"^\w+ failed: .*", re.MULTILINE)
"""What the supervisor says, on its console, of a bug that it met in what it does besides."""
MOST_LINES = 30  # of a traceback behind such a line

_LEVEL = b'"level": "'


class LoggedError(NamedTuple):
    """One of them: what `event` is, in which file, and all that is said."""

    event: str
    file: str
    said: str


class LogReader:
    """Reads the logs of whole stacks, each line once."""

    def __init__(self) -> None:
        self._folders: list[DataFolder] = []
        self._consoles: list[Callable[[], str]] = []
        self._failed_chores: set[str] = set()
        self._read_bytes: dict[Path, int] = {}
        self._copied: set[bytes] = set()  # a log that grows is cut, and what was in it is in another

    def follow(self, folder: DataFolder, console: Callable[[], str] = str) -> None:
        """Read the logs of this stack as well, from the beginning, and what its supervisor has said until then."""
        self._folders.append(folder)
        self._consoles.append(console)

    def new_errors(self, excused: Container[str] = ()) -> list[str]:
        """What was logged since it was asked last, and is not one of these events: of each the first, and how many."""
        by_event: dict[str, list[LoggedError]] = {}
        for error in self._all_new():
            if error.event not in excused:
                by_event.setdefault(error.event, []).append(error)
        return [
            f"{first.file} has logged: {_shortened(first.said)}" + (f" (and {len(more)} more such)" if more else "")
            for first, *more in by_event.values()
        ]

    def _all_new(self) -> Iterator[LoggedError]:
        for path in self._paths():
            yield from self._new_of(path)
        for console in self._consoles:
            failed = set(FAILED_CHORE.findall(console())) - self._failed_chores
            self._failed_chores |= failed  # each is told once while it is the same
            yield from (LoggedError(said, "the supervisor", said) for said in sorted(failed))

    def _paths(self) -> Iterator[Path]:
        for folder in self._folders:
            for pattern in LOGS:
                yield from sorted(
                    path for path in folder.root.glob(pattern) if path.is_file() and not path.is_symlink()
                )

    def _new_of(self, path: Path) -> Iterator[LoggedError]:
        lines = self._new_lines(path)
        for number, line in enumerate(lines):
            event = _event_of(line)
            if event and line not in self._copied:
                self._copied.add(line)
                yield LoggedError(event, path.name, line.decode(errors="replace"))
            elif path.name.startswith(OF_PYTHON) and (mark := _unheard(lines[number : number + 2])):
                said = b"\n".join(lines[number : number + MOST_LINES])
                yield LoggedError(mark, path.name, said.decode(errors="replace"))

    def _new_lines(self, path: Path) -> list[bytes]:
        read = self._read_bytes.get(path, 0)
        try:
            with path.open("rb") as log:
                log.seek(read if read <= log.seek(0, 2) else 0)
                began, new = log.tell(), log.read()
        except FileNotFoundError:
            return []  # the supervisor has put it away just now
        whole = new[: new.rfind(b"\n") + 1]
        self._read_bytes[path] = began + len(whole)
        return whole.splitlines()


def _event_of(line: bytes) -> str:
    """What an error is about; empty of any other line. That a word stands somewhere in a line says nothing."""
    if _LEVEL not in line:
        return ""
    try:
        said: Any = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    is_error = isinstance(said, dict) and said.get("level") in LEVELS
    return str(said.get("event", "")) if is_error else ""


def _unheard(lines: Sequence[bytes]) -> str:
    """How the first of these begins, if it says that something failed, and the next does not name it as Ray's."""
    first, *behind = lines
    if any(OF_RAY in line for line in behind):
        return ""
    return next((mark for mark in UNHEARD if first.startswith(mark.encode())), "")


def _shortened(said: str) -> str:
    return said if len(said) < 1_000 else f"{said[:300]} … {said[-600:]}"
