"""Which sockets of this machine listen, and who has them open, in the kernel's words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_UNIX_LISTENS = "00010000"  # the kernel's flag of a socket that listens, in /proc/net/unix


def net_table(name: str, pid: int | str = "self") -> list[str]:
    """The rows of one of the kernel's tables of sockets, as the process sees them. Raises OSError."""
    return Path(f"/proc/{pid}/net/{name}").read_text(encoding="utf-8", errors="replace").splitlines()[1:]


def unix_listeners(pid: int | str = "self") -> Iterator[tuple[str, str]]:
    """The name that each was made with, and the socket. Raises OSError."""
    for row in net_table("unix", pid):
        _, _, _, flags, _, _, inode, *name = row.split(maxsplit=7)
        if flags == _UNIX_LISTENS and name:
            yield name[0], socket_of(inode)


def socket_of(inode: str) -> str:
    """As who has it open shows it."""
    return f"socket:[{inode}]"


def opened(pid: int) -> set[str]:
    """What a process has open; nothing if it has ended, or is not ours to ask."""
    found = set()
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                found.add(os.readlink(descriptor))
    return found
