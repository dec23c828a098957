"""The processes of one stack: started so that they can be found again, and ended without touching anybody else's.

A stack finds what an earlier, killed run of the same data folder left behind: PostgreSQL and Redis by the folder they
work in, Ray's many processes by a mark in their environment. Nothing is ever ended by its name.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Protocol

_MARK_VARIABLE = "HOLDFAST_STACK_ID"
_PR_SET_CHILD_SUBREAPER = 36
_POLL_S = 0.02
_LOOK: ContextVar[Callable[[], None]] = ContextVar("what is looked at meanwhile", default=lambda: None)

# Becomes the command, which gets the signal when the starter dies: prctl(1) is PR_SET_PDEATHSIG, kept by execv. The
# starter may have died before that.
_TETHER = """
import ctypes, os, sys
number, starter, *command = sys.argv[1:]
ctypes.CDLL(None).prctl(1, int(number))
if os.getppid() == int(starter):
    os.execv(command[0], command)
"""


class Part(Protocol):
    """A part of the stack that the supervisor keeps alive."""

    def start(self) -> None:
        """Return when it is ready. Raises CannotStart."""

    def fault(self) -> str | None:
        """None while it runs; else what is wrong with it, in a few words."""

    def stop(self) -> None:
        """End `processes`, gently first; harmless when there are none. Raises CannotStart if some stay."""

    def processes(self) -> list[int]:
        """Everything of this part that lives, started by this run or by a killed one."""


def spawn(
    command: Sequence[str],
    *,
    signal_on_orphan: signal.Signals,
    log: Path,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a command in its own session and in `folder`, its output appended to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603  # our own programs
            [sys.executable, "-ISc", _TETHER, str(int(signal_on_orphan)), str(os.getpid()), *command],
            stdin=stdin,
            stdout=output,
            stderr=output,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            start_new_session=True,  # Ctrl-C in the terminal is for the supervisor, which stops things in order
            pass_fds=pass_fds,
        )


def mark(stack_id: str) -> dict[str, str]:
    """The environment by which `marked` finds a process and all it starts."""
    return {_MARK_VARIABLE: stack_id}


def marked(stack_id: str) -> list[int]:
    """Living processes of a stack that bear its mark."""
    wanted = f"{_MARK_VARIABLE}={stack_id}".encode()
    return [pid for pid in living() if wanted in _read(pid, "environ").split(b"\0")]


def working_in(folder: Path, program: str) -> list[int]:
    """Living processes of a program in its folder (PostgreSQL and Redis overwrite their environment)."""
    return _inside(folder, running(program))


def signs_of_work(folder: Path) -> frozenset[tuple[int, str]]:
    """What is another than before if a process in this folder has done anything, or wants to and waits for its turn."""
    found = set()
    for pid in _inside(folder, living()):
        state, *fields = _read(pid, "stat").rpartition(b")")[2].split() or [b""]
        busy_at = time.monotonic_ns() if state in (b"R", b"D") else 0
        found.add((pid, f"{b' '.join(fields[10:14])!r} {busy_at}"))  # the time of the processor that it and its own had
    return frozenset(found)


def running(program: str) -> list[int]:
    """Living processes that run a program of this name, whoever started them."""
    return named(living(), program)


def named(pids: Sequence[int], program: str) -> list[int]:
    """Those of the processes that run a program of this name."""
    found = []
    for pid in pids:
        with suppress(OSError):
            if Path(f"/proc/{pid}/exe").readlink().name == program:
                found.append(pid)
    return found


def newest(pids: Sequence[int]) -> int | None:
    """The one of these processes that was started last; None if none lives."""
    started = {pid: fields[19] for pid in pids if len(fields := _read(pid, "stat").rpartition(b")")[2].split()) > 19}
    return max(started, key=lambda pid: int(started[pid]), default=None)


def living() -> list[int]:
    """Processes of this machine that live, other than this one."""
    me = os.getpid()
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdecimal()]
    return [pid for pid in pids if pid != me and is_living(pid)]


def is_living(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    return state_of(pid) not in ("", "Z", "X")


def state_of(pid: int) -> str:
    """The letter of its state, as `ps` shows it: T if it was stopped by a signal. Empty if it is gone."""
    # The state follows the name, which is in brackets and may itself hold brackets and blanks.
    return _read(pid, "stat").rpartition(b")")[2][1:2].decode()


def children_of(pid: int) -> list[int]:
    """Those that it has started and that have not ended, at little cost; none on a kernel that does not list them."""
    return [int(child) for child in _read(pid, f"task/{pid}/children").split()]


def title_of(pid: int) -> str:
    """What it calls itself; empty if it is gone."""
    return arguments_of(pid)[0]


def arguments_of(pid: int) -> list[str]:
    """The words by which it was started, its own name first; an empty word if it is gone."""
    return os.fsdecode(_read(pid, "cmdline").removesuffix(b"\0")).split("\0")


def end(find: Callable[[], list[int]], *signals: tuple[signal.Signals, float]) -> list[int]:
    """Give each that `find` finds the signal, once per (signal, seconds to wait), until there is none; who is left."""
    for number, patience_s in signals:
        if wait_until(partial(_none_left, find, number, set()), patience_s):
            return []
    return find()


def _none_left(find: Callable[[], list[int]], number: signal.Signals, told: set[int]) -> bool:
    """Signal those who have not been told yet; whether there is nobody."""
    found = find()
    for pid in found:
        if pid not in told:
            told.add(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, number)
    # Twice, as a process that is just becoming another program has no environment for an instant.
    return not found and not find()


def wait_until(happened: Callable[[], bool], patience_s: float) -> bool:
    """Whether it happened within the time; meanwhile what `meanwhile` says is looked at."""
    deadline = time.monotonic() + patience_s
    while not happened():
        if time.monotonic() > deadline:
            return False
        _LOOK.get()()
        time.sleep(_POLL_S)
    return True


@contextmanager
def meanwhile(look: Callable[[], None]) -> Iterator[None]:
    """Whoever waits in this block calls `look` between his own looks, many times a second.

    So one thread looks after all parts, also while one of them is being started: a thread for each would not do, as
    the kernel takes the end of the thread that started a process for the death of its parent (see `_TETHER`).
    """
    before = _LOOK.set(look)
    try:
        yield
    finally:
        _LOOK.reset(before)


def adopt_orphans() -> None:
    """Make this process the parent of its descendants' orphans, so that their ends are collected (see `reap`)."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap() -> None:
    """Collect every child that has ended. Popen objects then know their child has ended, but not how."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _inside(folder: Path, pids: Sequence[int]) -> list[int]:
    """Those of the processes whose folder it is."""
    found = []
    for pid in pids:
        with suppress(OSError):
            if Path(f"/proc/{pid}/cwd").samefile(folder):
                found.append(pid)
    return found


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:  # it has ended meanwhile, or it is another user's
        return b""
