"""A HAProxy that hangs is killed, and Serve starts another.

Serve notices as well, after three checks of a second each; until then nobody buys. One that has died it has back
sooner, as its socket then refuses at once.
"""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from serve.local.processes import named, newest

_SLICE_S = 0.25
_SLICES = 4  # counted one by one: when the whole machine stood still, that is one of them
_QUESTION = b"show version\n"


class HaproxyWatch:
    """Watches the one whose socket is in `folder`, of these processes."""

    def __init__(self, folder: Path, processes: Callable[[], list[int]]) -> None:
        self._folder = folder
        self._processes = processes

    def look(self) -> str | None:
        """Ask it how it is, and kill it if it does not say; then what was wrong. One that is not there is Serve's."""
        for path in self._folder.glob("*/admin.sock"):
            if not _is_silent(path):
                continue
            pid = newest(named(self._processes(), "haproxy"))  # an older one only serves whom it had
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
