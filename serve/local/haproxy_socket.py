"""What HAProxy says of itself on its own socket, which it answers however many clients are connected."""

from __future__ import annotations

import csv
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from serve.local.open_sockets import opened, unix_listeners
from serve.local.processes import newest

SERVES = "*/admin.sock"
STAND_INS = "stand-in.sock"
_PATIENCE_S = 1.0


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
    held = {socket for name, socket in unix_listeners() if name.startswith(str(path))}
    return newest([pid for pid in processes() if not held.isdisjoint(opened(pid))])


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
