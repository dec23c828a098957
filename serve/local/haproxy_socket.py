"""What HAProxy says of itself on its own socket, which it answers however many clients are connected."""

from __future__ import annotations

import csv
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from serve.local.processes import newest

SERVES = "*/admin.sock"
STAND_INS = "stand-in.sock"
_PATIENCE_S = 1.0
_ACCEPTS = "00010000"  # the kernel's flag of a socket that listens, in /proc/net/unix


def sockets(folder: Path) -> list[Path]:
    """Those of the HAProxys below this folder: Serve's, and the one that stands in for it."""
    return [*folder.glob(SERVES), folder / STAND_INS]


def serves_all_it_can(path: Path) -> bool:
    """Whether it takes no more clients because it has as many as it may, and has a server to ask for them."""
    said = dict(line.split(": ", 1) for line in _answer(path, "show info").splitlines() if ": " in line)
    if int(said.get("CurrConns", 0)) < int(said.get("Maxconn", 1)):
        return False
    servers = csv.DictReader(_answer(path, "show stat -1 4 -1").removeprefix("# ").splitlines())
    return any((server["status"] or "").startswith("UP") for server in servers)


def listener(path: Path, processes: Callable[[], list[int]]) -> int | None:
    """Which of the processes listens on this socket; None if none does.

    Who asks the socket for its peer is told who listened first, and Serve's HAProxy hands its sockets on to its
    successors. So it is whoever has it open. The kernel knows it by the name that it was made with: `path` and more.
    """
    held = set()
    for row in Path("/proc/net/unix").read_text().splitlines():
        _, _, _, flags, _, _, inode, *name = row.split(maxsplit=7)
        if flags == _ACCEPTS and name and name[0].startswith(str(path)):
            held.add(f"socket:[{inode}]")
    return newest([pid for pid in processes() if not held.isdisjoint(_opened(pid))])


def _opened(pid: int) -> set[str]:
    """What a process has open, in the kernel's words."""
    found = set()
    with suppress(OSError):  # it has ended
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found.add(os.readlink(descriptor))
    return found


def _answer(path: Path, question: str) -> str:
    """What it answers; nothing if nobody is there, or it does not answer soon."""
    said = b""
    with socket.socket(socket.AF_UNIX) as asking, suppress(OSError):
        asking.settimeout(_PATIENCE_S)
        asking.connect(str(path))
        asking.sendall(question.encode() + b"\n")
        while piece := asking.recv(65536):
            said += piece
        return said.decode()
    return ""
