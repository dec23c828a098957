"""Who was told that there is not enough: right only if that was so at some moment meanwhile.

That can be said of places, however many, and of a single seat; several adjacent seats may not be there although there
are enough. An event that is split is looked through part by part: no seat may be denied while one of its blocks had
one all the time. That seats were available now here and now there does not show that anybody could have found one. A
unit that a leg of a basket has is held, also if nothing becomes of the basket.
"""

from bisect import bisect_left
from collections.abc import Iterable

import msgspec

from actors.audit.books import Books
from actors.audit.findings import Fault, Finding

CLOCK_TOLERANCE_MS = 100
"""So far a client's clock and the journal's may differ: both are on one machine."""


class Denied(msgspec.Struct, frozen=True, tag="denied"):
    """A refusal as a client got it, of an event that sets nothing aside: so many units are not available.

    `area`: of which places were asked for; empty: any seat was. Times in ms since 1970 by the client's clock: when it
    first asked, and when it was told.
    """

    event_id: str
    area: str
    asked_ms: int
    answered_ms: int
    quantity: int = 1


class DenialCheck:
    """Meets a block's entries one by one, and knows at the end when of what was asked for there was not enough."""

    def __init__(self, block: str, denials: Iterable[Denied]) -> None:
        self.findings: list[Finding] = []
        self._block = block
        self._denials = list(denials)
        self._gone = {(denied.area, denied.quantity): _Gone() for denied in self._denials}

    def meet(self, at_ms: int, books: Books) -> None:
        """`books` have all entries up to one of this time."""
        if books.event is None:
            return
        for (area, quantity), gone in self._gone.items():
            gone.stands(at_ms, is_gone=books.units.open_count(area) < quantity)

    def finish(self) -> None:
        """The journal is at its end."""
        for denied in self._denials:
            if not self._gone[denied.area, denied.quantity].at_some_moment(
                denied.asked_ms - CLOCK_TOLERANCE_MS, denied.answered_ms + CLOCK_TOLERANCE_MS
            ):
                what = f"{denied.quantity} of {denied.area}" if denied.area else "a seat"
                self.findings.append(
                    Finding(
                        self._block,
                        0,
                        Fault.DENIED_WRONGLY,
                        f"{what} was denied at {denied.answered_ms}, {denied.answered_ms - denied.asked_ms} ms after "
                        "it was asked for, and was there all the time",
                    )
                )


class _Gone:
    """The times in which there was not enough, in order, both ends included."""

    def __init__(self) -> None:
        self._begins_ms: list[int] = []
        self._ends_ms: list[int] = []  # one less while the last one lasts

    def stands(self, at_ms: int, *, is_gone: bool) -> None:
        lasts = len(self._begins_ms) > len(self._ends_ms)
        if is_gone and not lasts:
            self._begins_ms.append(at_ms)
        elif lasts and not is_gone:
            self._ends_ms.append(at_ms)

    def at_some_moment(self, first_ms: int, last_ms: int) -> bool:
        number = bisect_left(self._ends_ms, first_ms)  # of the first one that is not over by then
        return number < len(self._begins_ms) and self._begins_ms[number] <= last_ms
