"""Clocks of a simulated run: virtual time, the journal's clock, which may jump, and gateways that follow it."""

import asyncio

from actors.engine.clock import MAX_JUMP_MS, MAX_TOOK_MS, PatientClock

START_MS = 1_700_000_000_000
LOOK_S = 1.0
NEAR_MS = MAX_JUMP_MS + MAX_TOOK_MS  # so far a jump may be believed: from wherever an answer was on its way


def now_ms() -> int:
    """The journal's clock, as long as it does not jump."""
    return START_MS + int(loop_s() * 1000)


def loop_s() -> float:
    """Virtual time in seconds."""
    return asyncio.get_running_loop().time()


class JournalTime:
    """The journal's clock."""

    def __init__(self) -> None:
        self._since = [(0.0, 0)]  # in seconds of virtual time, and how many ms it is off from then on
        self.has_jumped_far = False  # further than shards believe, and none has heard it yet

    def jump(self, by_ms: int) -> None:
        """For good, unless it jumps back."""
        self._since.append((loop_s(), self._jumped_ms + by_ms))
        self.has_jumped_far |= abs(by_ms) > MAX_JUMP_MS

    def most_believed_ms(self, began_s: float, heard_s: float, jumped_s: float) -> int:
        """How far ahead of virtual time it may be for who began then, and first heard it at the latest then.

        What is heard first is believed, and after that only what is not far from what is believed. `jumped_s`: so far
        has its own clock jumped, which then is held back by what is heard, believed or not.
        """
        first = [off for since_s, off in self._since if since_s <= began_s][-1:]
        believed = {*first, *(off for since_s, off in self._since if began_s < since_s <= heard_s)}
        for since_s, off in self._since:
            if since_s > heard_s and any(abs(off - one) <= NEAR_MS + jumped_s * 1000 for one in believed):
                believed.add(off)
        heard = max(*first, *(off for since_s, off in self._since if since_s > began_s), *believed)
        return min(max(believed) + int(jumped_s * 1000), heard)

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return now_ms() + self._jumped_ms

    @property
    def most_ms(self) -> int:
        """How far ahead of virtual time it ever was; 0: never."""
        return max(off for _, off in self._since)

    @property
    def _jumped_ms(self) -> int:
        return self._since[-1][1]


class GatewayClock:
    """The journal's clock as a gateway follows it: by the shipped clock, of which it asks as `CatalogueRoutes` does."""

    def __init__(self, journal: JournalTime) -> None:
        self._journal = journal
        self._clock = PatientClock(loop_s)
        self._clock.observe(journal.now_ms(), loop_s())

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return self._clock.now_ms()

    async def run(self) -> None:
        """Look every second."""
        while True:
            await asyncio.sleep(LOOK_S)
            self._clock.observe(self._journal.now_ms(), loop_s())
