"""A HAProxy that hangs is killed: another stands in then, until Serve has one again (see `haproxy_stand_in`).

Serve notices as well, after three checks of a second each. While it hangs and listens, whom it has waits, and so does
whoever comes; beside another on the same ports, a part of them.
"""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from serve.local.haproxy_socket import listener, sockets
from serve.local.processes import named

_SLICE_S = 0.25
_SLICES = 4  # counted one by one: when the whole machine stood still, that is one of them
_QUESTION = b"show version\n"


class HaproxyWatch:
    """Watches those whose sockets are in `folder`, of these processes: Serve's, and the one that stands in for it."""

    def __init__(self, folder: Path, processes: Callable[[], list[int]]) -> None:
        self._folder = folder
        self._processes = processes

    def look(self) -> str | None:
        """Ask them how they are, and kill one that does not say; then what was wrong. Nobody is missed here."""
        for path in sockets(self._folder):
            if not _is_silent(path):
                continue
            pid = listener(path, lambda: named(self._processes(), "haproxy"))  # one without it only serves whom it had
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                return f"HAProxy (pid {pid}) does not answer, and was killed"
        return None


def _is_silent(path: Path) -> bool:
    """Whether somebody has the socket, and says nothing for a second."""
    with socket.socket(socket.AF_UNIX) as asking, suppress(OSError):
        asking.settimeout(_SLICES * _SLICE_S)
        asking.connect(str(path))
        asking.sendall(_QUESTION)
        return not any(select.select([asking], [], [], _SLICE_S)[0] for _ in range(_SLICES))
    return False
