"""Clocks of a simulated run: virtual time, the journal's clock, which may jump, and gateways that follow it."""

import asyncio

from actors.engine.clock import JournalClock

START_MS = 1_700_000_000_000
LOOK_S = 1.0
JUMP_BELIEVED_S = 10.0  # as `CatalogueRoutes` does


def now_ms() -> int:
    """The journal's clock, as long as it does not jump."""
    return START_MS + int(loop_s() * 1000)


def loop_s() -> float:
    """Virtual time in seconds."""
    return asyncio.get_running_loop().time()


class JournalTime:
    """The journal's clock."""

    def __init__(self) -> None:
        self.jumped_ms = 0
        self.has_jumped = False

    def jump(self, by_ms: int) -> None:
        """For good, unless it jumps back."""
        self.jumped_ms += by_ms
        self.has_jumped = True

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return now_ms() + self.jumped_ms


class GatewayClock:
    """The journal's clock as a gateway follows it: after a jump only when that has lasted."""

    def __init__(self, journal: JournalTime) -> None:
        self._journal = journal
        self._clock = JournalClock(loop_s)
        self._jumped_at_s: float | None = None
        self._clock.observe(journal.now_ms(), loop_s())

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return self._clock.now_ms()

    async def run(self) -> None:
        """Look every second."""
        while True:
            await asyncio.sleep(LOOK_S)
            self._clock.observe(self._journal.now_ms(), loop_s())
            if self._clock.trusted:
                self._jumped_at_s = None
            elif self._jumped_at_s is None:
                self._jumped_at_s = loop_s()
            elif loop_s() - self._jumped_at_s >= JUMP_BELIEVED_S:
                self._clock = JournalClock(loop_s)
                self._clock.observe(self._journal.now_ms(), loop_s())
                self._jumped_at_s = None
