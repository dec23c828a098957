"""Parts of a stack that was up are kept alive: one that is at fault is started again, however often that fails.

A disk that is full lets no part start, and is not full for ever: whoever gave up then would end a sale that could go
on by itself. So nothing is given up; but a part that does not last is left alone for longer and longer, ten seconds at
most. While one is being started the others are looked after (see `processes.meanwhile`).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from serve.local.preflight import CannotStart
from serve.local.processes import Part, meanwhile, reap

_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 10.0
_LASTS_S = 60.0  # whoever lives so long has been started well
_TOLD_AT_ONCE = 3  # tries; those that follow are told of now and then
_TOLD_EVERY_S = 60.0


class _Kept:
    """One part, how to start it, how to see what is wrong with it, and what was tried."""

    def __init__(self, name: str, part: Part, start: Callable[[], None], fault: Callable[[], str | None]) -> None:
        self.name = name
        self.part = part
        self.start = start
        self.fault = fault
        self.is_being_started = False
        self.tries = 0
        self.up_at: float | None = None  # since when; None while the last start has failed
        self.again_at = 0.0
        self.told_at: dict[str, float] = {}


class Keeping:
    """Keeps parts alive from when they were up; `tell`: a person. `look`: at everything, while somebody waits."""

    def __init__(self, tell: Callable[[str], None], look: Callable[[], None]) -> None:
        self._tell = tell
        self._look = look
        self._all: dict[str, _Kept] = {}

    def keep(self, name: str, part: Part, start: Callable[[], None], fault: Callable[[], str | None]) -> None:
        """From now on; those that were named first are looked at first."""
        self._all[name] = _Kept(name, part, start, fault)
        self._all[name].up_at = time.monotonic()

    def is_starting(self, name: str) -> bool:
        """Whether this part is just being started."""
        return name in self._all and self._all[name].is_being_started

    def look(self) -> None:
        """Start what is at fault, unless it is just being started, or was too lately."""
        for kept in self._all.values():
            if kept.is_being_started:
                continue
            fault = kept.fault()
            if fault is None:
                kept.up_at = kept.up_at or time.monotonic()  # it may be well although its start took too long
            elif time.monotonic() >= kept.again_at:
                self._restart(kept, fault)

    def _restart(self, kept: _Kept, fault: str) -> None:
        began = time.monotonic()
        if kept.up_at is not None and began - kept.up_at > _LASTS_S:
            kept.tries = 0
        kept.tries += 1
        self._say(kept, "fault", f"{kept.name}: {fault}; starting it again")
        kept.is_being_started = True
        kept.up_at = None
        try:
            with meanwhile(self._look):
                kept.part.stop()
                reap()
                kept.start()
            kept.up_at = time.monotonic()
            self._say(kept, "success", f"{kept.name} is back ({kept.up_at - began:.1f} s)")
        except Exception as failure:  # noqa: BLE001  # whatever it is, the next look tries again
            self._say(
                kept,
                "failure",
                f"{failure if isinstance(failure, CannotStart) else repr(failure)}; it is tried again until it starts",
            )
        finally:
            kept.is_being_started = False
            kept.again_at = time.monotonic() + pause_s(kept.tries)

    def _say(self, kept: _Kept, what: str, text: str) -> None:
        now = time.monotonic()
        if kept.tries <= _TOLD_AT_ONCE or now - kept.told_at.get(what, -_TOLD_EVERY_S) >= _TOLD_EVERY_S:
            kept.told_at[what] = now
            self._tell(text)


def pause_s(tries: int) -> float:
    """How long a part is left alone after so many that did not last."""
    return float(min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(tries - 1, 10)))
