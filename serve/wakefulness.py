"""Whether this replica hangs or hung, so that what it had not read or not sent by then is not served when it goes on.

HAProxy gives a replica up that has not answered a check for 3 s, and asks another what it was asked; that one may have
said no. What came before the end of a hang is therefore refused undecided, however much of its limit is left, and what
was let in before it is not sent to a shard: each write bears how often the replica had hung when it was let in, and is
held against that when it is sent. What is let in is judged by stamps of HAProxy's machine and this one's clock, as in
`arrival`: what is stamped in the future counts as read now. When the hang ended is known by a clock that nobody sets:
one that is set back afterwards makes nothing late.

A replica need not stand still to be given up: it is enough that it is slow. So it asks itself what HAProxy asks it
(`own_checks`), one check after another. What HAProxy asked before is answered before: one of its checks that waits for
3 s began no earlier than the last own one that was answered. If that is long ago, the replica hangs. Own checks that
come more often would keep HAProxy's waiting, as a call over gRPC is taken up every fourth turn of the loop.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from serve.arrival import wall_ms

BEAT_S = 0.25
HANG_S = 2.7
"""Less than HAProxy's 3 s, as a check of its own may be answered a little before one of HAProxy's that came first.

Two checks and a beat fit in: that each takes a second, as in a burst, is no hang.
"""


async def nobody_asks() -> bool:
    """The check of a replica that has no servers: only a loop that stands still is a hang."""
    return True


class Wakefulness:
    """Notices that no check would be answered in time. Before `run`, nothing is a hang.

    `check`: is over when a check is, and tells whether that was answered.
    """

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, check: Callable[[], Awaitable[bool]] = nobody_asks
    ) -> None:
        self._monotonic = monotonic
        self._check = check
        self._answered_s: float | None = None  # when the last check began that was answered
        self._awake_since_s = -math.inf
        self._hangs = 0

    async def run(self) -> None:
        """Beat, until cancelled."""
        self._note_answered(self._monotonic())
        while True:
            began_s = self._monotonic()
            with suppress(TimeoutError):
                async with asyncio.timeout(HANG_S):  # of one that is older nothing is learned
                    if await self._check():
                        self._note_answered(began_s)
            await asyncio.sleep(BEAT_S)

    def slept_through(self, arrived_ms: int) -> bool:
        """Whether what arrived then, by this machine's clock as it is now, came before the end of the last hang.

        True of all while a hang lasts: also of what is read first after the loop stood still.
        """
        if self._hangs_now():
            return True
        age_s = max(0, wall_ms() - arrived_ms) / 1000
        return self._monotonic() - age_s < self._awake_since_s

    def hangs(self) -> int:
        """How often it hung so far. While a hang lasts each look counts, so that nothing let in meanwhile is sent."""
        self._hangs_now()
        return self._hangs

    def _note_answered(self, began_s: float) -> None:
        self._hangs_now()  # if it did until now
        self._answered_s = began_s

    def _hangs_now(self) -> bool:
        now_s = self._monotonic()
        if self._answered_s is None or now_s - self._answered_s <= HANG_S:
            return False
        self._awake_since_s = now_s
        self._hangs += 1
        return True
