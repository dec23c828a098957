"""Who lives and who listens in a running stack, as the kernel says."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.stack.running_stack import RunningStack

LOOKS, LOOK_EVERY_S = 6, 0.25

_LISTENING = "0A"
_LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F"}  # 127.0.0.1, and so within IPv6


class Listener(NamedTuple):
    """One listening TCP socket."""

    kind: str
    address: str  # hexadecimal, as in /proc/net
    port: int

    @property
    def is_on_loopback(self) -> bool:
        """Whether only this machine can reach it, at 127.0.0.1."""
        return self.address in _LOOPBACK


def kind_of(pid: int) -> str:
    """What a process is: the actor of Ray's processes, the script of Python's, the program of others."""
    words = [word.decode() for word in _read(pid, "cmdline").split(b"\0")]
    if actor := re.match(r"ray::(?:[\w-]+:(?=\w+\.__init__))?(\w+)", words[0]):
        return actor[1]
    try:
        program = Path(f"/proc/{pid}/exe").readlink().name
    except OSError:
        return "?"
    scripts = [word for word in words[1:] if word.endswith(".py") or word.startswith("serve.")]
    return Path(scripts[0]).name if scripts and program.startswith("python") else program


def of_kind(pids: Iterable[int], kind: str) -> list[int]:
    """Those that are of this kind."""
    return [pid for pid in pids if kind_of(pid) == kind]


def census(pids: Iterable[int]) -> Counter[str]:
    """How many there are of each kind, Postgres apart: it has a process a connection."""
    kinds = Counter(kind_of(pid) for pid in pids)
    return Counter({kind: number for kind, number in kinds.items() if kind != "postgres"})


def lasting_census(processes: Callable[[], Iterable[int]]) -> Counter[str]:
    """How many there are of each kind at every one of several looks: what comes and goes, as a helper of Ray's that
    asks the kernel something, is not part of a stack.
    """
    lasting = census(processes())
    for _ in range(LOOKS - 1):
        time.sleep(LOOK_EVERY_S)
        lasting &= census(processes())
    return lasting


def descendants(pid: int) -> set[int]:
    """All living processes that a process started, at any remove."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        state = _read(int(folder.name), "stat").rpartition(b")")[2].split()
        if state and state[0] not in (b"Z", b"X"):
            children.setdefault(int(state[1]), []).append(int(folder.name))
    found: set[int] = set()
    new = {pid}
    while new:
        new = {child for parent in new for child in children.get(parent, [])}
        found |= new
    return found


def listeners(running: RunningStack) -> list[Listener]:
    """Every TCP socket on which a process of the stack listens; one that several share counts once."""
    kinds = {inode: kind_of(pid) for pid in running.processes() for inode in sockets_of(pid)}
    found = []
    for table in ("tcp", "tcp6"):
        for row in Path("/proc/net", table).read_text().splitlines()[1:]:
            _, local, _, state, *rest = row.split()
            if state == _LISTENING and rest[5] in kinds:
                address, _, port = local.partition(":")
                found.append(Listener(kinds[rest[5]], address, int(port, 16)))
    return found


def serving_gateway(running: RunningStack) -> int:
    """The gateway replica that HAProxy gives all requests to while it lives: the first in its file."""
    (file,) = running.folder.ray.glob("haproxy/*/haproxy.cfg")
    first = re.search(
        r"^backend http-holdfast$.*?^ *server SERVE_REPLICA\S* \S*:([0-9]+) ", file.read_text(), re.M | re.S
    )
    assert first is not None, "HAProxy knows no replica"
    wanted = f":{int(first[1]):04X}"
    listening = {
        row.split()[9]
        for table in ("tcp", "tcp6")
        for row in Path("/proc/net", table).read_text().splitlines()[1:]
        if row.split()[1].endswith(wanted) and row.split()[3] == _LISTENING
    }
    (pid,) = [pid for pid in of_kind(running.processes(), "ServeReplica") if listening & sockets_of(pid)]
    return pid


def sockets_of(pid: int) -> set[str]:
    """The inodes of its sockets; none of a process that is gone."""
    found = set()
    with suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                kind, _, inode = str(link.readlink()).partition(":[")
                if kind == "socket":
                    found.add(inode.rstrip("]"))
    return found


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
