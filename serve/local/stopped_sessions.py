"""A session of Postgres that was stopped by a signal while it was at work is told to go on.

It may have rows locked, for which whoever writes to the same block waits as long as it stands still. That it is not
merely slow is known by the state of its process. Who rests between transactions is left alone: it keeps nobody, and its
line is given up.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress

from serve.local.postgres import USER
from serve.local.processes import state_of, title_of

LOOKS = 4  # at which it stood still before this one; a quarter of a second lies between two
_SESSION = f"postgres: {USER} "
_RESTS = " idle"


class StoppedSessions:
    """Looks after those of one server, among these processes."""

    def __init__(self, workers: Callable[[], list[int]]) -> None:
        self._workers = workers
        self._seen: dict[int, int] = {}  # at how many looks so far

    def look(self) -> str | None:
        """Tell who has stood still for a second to go on; then what was wrong."""
        stopped = [pid for pid in self._workers() if state_of(pid) == "T" and _is_at_work(pid)]
        self._seen = {pid: self._seen.get(pid, 0) + 1 for pid in stopped}
        pid = next((pid for pid, looks in self._seen.items() if looks > LOOKS), None)
        if pid is None:
            return None
        del self._seen[pid]
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
        return f"a session of PostgreSQL (pid {pid}) was stopped at work, and was told to go on"


def _is_at_work(pid: int) -> bool:
    title = title_of(pid)
    return title.startswith(_SESSION) and not title.endswith(_RESTS)
