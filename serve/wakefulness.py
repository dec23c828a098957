"""Whether this replica hung, so that what it had not read or not sent by then is not served when it goes on.

HAProxy gives a replica up that has answered no check for 3 s, and asks another what it was asked; that one may have
said no. What came before the end of a hang is therefore refused undecided, however much of its limit is left, and what
was let in before it is not sent to a shard: each write bears how often the replica had hung when it was let in, and is
held against that when it is sent. What is let in is judged by stamps of HAProxy's machine and this one's clock, as in
`arrival`: what is stamped in the future counts as read now. When the hang ended is known by a clock that nobody sets:
one that is set back afterwards makes nothing late.
"""

import asyncio
import math
import time
from collections.abc import Callable

from serve.arrival import wall_ms

BEAT_S = 0.25
HANG_S = 2.0
"""Less than HAProxy's 3 s by more than a beat: none whose loop stands still is given up before that is noticed."""


class Wakefulness:
    """Notices by a beat of the event loop that it stood still. Before `run`, nothing is a hang."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._beat_s: float | None = None
        self._awake_since_s = -math.inf
        self._hangs = 0

    async def run(self) -> None:
        """Beat, until cancelled."""
        while True:
            self._look()
            self._beat_s = self._monotonic()
            await asyncio.sleep(BEAT_S)

    def slept_through(self, arrived_ms: int) -> bool:
        """Whether what arrived then, by this machine's clock as it is now, came before the end of the last hang.

        True of what is read first after a hang, before the loop's next beat, too.
        """
        self._look()
        age_s = max(0, wall_ms() - arrived_ms) / 1000
        return self._monotonic() - age_s < self._awake_since_s

    def hangs(self) -> int:
        """How often it hung so far; one that has just ended counts, before the loop's next beat, too."""
        self._look()
        return self._hangs

    def _look(self) -> None:
        now_s = self._monotonic()
        if self._beat_s is not None and now_s - self._beat_s > HANG_S:
            self._awake_since_s = self._beat_s = now_s
            self._hangs += 1
