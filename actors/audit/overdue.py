"""Nothing lives for ever: an owner that goes on writing must end what is overdue."""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Generic, TypeVar

PATIENCE_MS = 60_000

T = TypeVar("T", int, str)


class Overdue(Generic[T]):
    """The deadlines of one block: of its holds by number, or of its allotments by name.

    `deadline_of`: such a one's deadline as it is now, None if it has none any more.
    """

    def __init__(self, deadline_of: Callable[[T], int | None]) -> None:
        self._deadline_of: Callable[[T], int | None] = deadline_of
        self._deadlines: list[tuple[int, T]] = []  # heap; those that have moved are stale
        self._since_ms = 0  # from when on each row has left something overdue; 0: the last one did not
        self._seen_ms = 0  # the time of the last row

    def note(self, deadline_ms: int, what: T) -> None:
        """It is to end by itself at this time."""
        heappush(self._deadlines, (deadline_ms, what))

    def begin_anew(self) -> None:
        """Another owner: it has not had the time yet."""
        self._since_ms = 0

    def go_on(self, at_ms: int) -> None:
        """The same owner claims the block again: from its last row until now it did not have the block."""
        if self._since_ms:
            self._since_ms += at_ms - self._seen_ms
        self._seen_ms = at_ms

    def left_behind(self, at_ms: int) -> T | None:
        """After a row of this time: what should have ended a minute of writing ago, if there is such a one."""
        self._seen_ms = at_ms
        while self._deadlines and self._deadline_of(self._deadlines[0][1]) != self._deadlines[0][0]:
            heappop(self._deadlines)
        if not self._deadlines or self._deadlines[0][0] > at_ms:
            self._since_ms = 0
            return None
        self._since_ms = self._since_ms or at_ms
        deadline_ms, what = self._deadlines[0]
        if at_ms - max(self._since_ms, deadline_ms) < PATIENCE_MS:
            return None
        heappop(self._deadlines)  # said once
        return what
