"""Time: the journal's clock, carried forward by a monotonic one, so that all shards and gateways agree on deadlines."""

from collections.abc import Callable
from typing import Protocol

MAX_JUMP_MS = 2_000
MAX_TOOK_MS = 3_000
JUMP_BELIEVED_S = 10.0  # by then the shards that did not believe it have left


class Clock(Protocol):
    """What time it is; never runs backwards."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        ...


class JournalClock:
    """The journal's time when last heard, plus what has passed since on the monotonic clock.

    An answer that took long says only that the journal's clock stood there at some time meanwhile; what it does say is
    followed at each commit. A jump of more than 2 s is a fault: it is not followed, since it would expire every hold at
    once or keep all alive; `trusted` is False until journal and monotonic clock agree again. It may be the monotonic
    clock that jumps, and a while may pass until the journal is heard: so nothing is over but by `sure_ms`.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.monotonic = monotonic  # seconds
        self._ahead_ms: float | None = None
        self._vague = True  # no answer has come yet that would show a jump
        self._latest_ms = 0
        self._heard_ms = 0.0
        self._sure_ms = 0
        self.trusted = False

    def observe(self, journal_now_ms: int, asked_s: float) -> None:
        """The journal, asked at `asked_s` by the monotonic clock, has just answered what time it is."""
        least_ms = journal_now_ms - self.monotonic() * 1000
        most_ms = journal_now_ms - asked_s * 1000
        self._heard_ms = journal_now_ms + min(most_ms - least_ms, MAX_TOOK_MS)
        if self._ahead_ms is None or self._vague:
            self._ahead_ms = least_ms
            self._vague = most_ms - least_ms > MAX_JUMP_MS
        self.trusted = least_ms - MAX_JUMP_MS <= self._ahead_ms <= most_ms + MAX_JUMP_MS
        if self.trusted:
            self._ahead_ms = min(max(self._ahead_ms, least_ms), most_ms)

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC; the journal must have been heard once."""
        assert self._ahead_ms is not None, "the clock was never set"
        self._latest_ms = max(self._latest_ms, int(self.monotonic() * 1000 + self._ahead_ms))
        return self._latest_ms

    def sure_ms(self) -> int:
        """As `now_ms`, but no more than 2 s beyond what the journal has told, which may have taken 3 s on its way."""
        self._sure_ms = max(self._sure_ms, min(self.now_ms(), int(self._heard_ms) + MAX_JUMP_MS))
        return self._sure_ms


class PatientClock:
    """The journal's time for who lets nothing expire: after a jump it is followed, but only when that has lasted."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._clock = JournalClock(monotonic)
        self._jumped_at_s: float | None = None  # since when the journal's clock is not where it should be

    def observe(self, journal_now_ms: int, asked_s: float) -> bool:
        """As `JournalClock.observe`; whether a jump is believed now."""
        self._clock.observe(journal_now_ms, asked_s)
        if self._clock.trusted:
            self._jumped_at_s = None
        elif self._jumped_at_s is None:
            self._jumped_at_s = asked_s
        elif asked_s - self._jumped_at_s >= JUMP_BELIEVED_S:
            self._clock, self._jumped_at_s = JournalClock(self._monotonic), None
            self._clock.observe(journal_now_ms, asked_s)
            return True
        return False

    def now_ms(self) -> int:
        """As `JournalClock.now_ms`, but after a jump that is believed it may be earlier than before."""
        return self._clock.now_ms()
