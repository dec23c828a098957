"""Time: the journal's clock, carried forward by a monotonic one, so that all shards and gateways agree on deadlines."""

from collections.abc import Callable
from typing import Protocol

MAX_JUMP_MS = 2_000


class Clock(Protocol):
    """What time it is; never runs backwards."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        ...


class JournalClock:
    """The journal's time when last heard, plus what has passed since on the monotonic clock.

    Small differences are corrected at each commit. A jump of more than 2 s is a fault: it is not followed, since it
    would expire every hold at once or keep all alive; `trusted` is False until journal and monotonic clock agree again.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic  # seconds
        self._ahead_ms: float | None = None
        self._latest_ms = 0
        self.trusted = False

    def observe(self, journal_now_ms: int) -> None:
        """The journal has just said what time it is."""
        ahead_ms = journal_now_ms - self._monotonic() * 1000
        self.trusted = self._ahead_ms is None or abs(ahead_ms - self._ahead_ms) <= MAX_JUMP_MS
        if self.trusted:
            self._ahead_ms = ahead_ms

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC; the journal must have been heard once."""
        assert self._ahead_ms is not None, "the clock was never set"
        self._latest_ms = max(self._latest_ms, int(self._monotonic() * 1000 + self._ahead_ms))
        return self._latest_ms
