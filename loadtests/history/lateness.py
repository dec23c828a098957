"""When the rows of a block were decided, how long after its time one was, and how long before it was asked for."""

from array import array
from bisect import bisect_left

from loadtests.history.timed import Timed, Written


class Lateness:
    """By the times of the first and the last entry of each row, of which there are 24 bytes in memory.

    `timed`: only what is, is judged. `off_ms`: so far the journal's clock and the run's may be from each other.
    `written`: of these rows it is known when they came, so that nothing else is asked whether they came too early.
    """

    def __init__(self, timed: Timed, off_ms: int, written: Written | None = None) -> None:
        self._timed = timed
        self._off_ms = off_ms
        self._written = written or Written()
        self._rows = array("q")
        self._at_ms = array("q")
        self._last_ms = array("q")

    def meet(self, row: int, at_ms: int) -> None:
        """An entry of the last row, or the first of the next."""
        if not self._rows or self._rows[-1] != row:
            self._rows.append(row)
            self._at_ms.append(at_ms)
            self._last_ms.append(at_ms)
        self._last_ms[-1] = max(self._last_ms[-1], at_ms)

    def late_ms(self, row: int, over_us: int) -> int:
        """By how much the row, which has been met, was too late for what was over then (0: unknown); 0: in time."""
        if not 0 < over_us < self._timed.until_us or row > self._timed.row:
            return 0
        at_ms = self._at_ms[bisect_left(self._rows, row)]
        return max(at_ms - over_us // 1000 - self._off_ms, 0)

    def early_ms(self, row: int, asked_us: int, answered_us: int) -> int:
        """By how much the row, which has been met, is surely older than what was asked and answered then; 0: it may be
        of that.
        """
        written_us = self._written.of(row)
        if written_us:
            return max((asked_us - written_us) // 1000 - self._written.off_ms, 0)
        if row > self._timed.row:
            return 0
        since_ms = self._timed.since_us(asked_us, answered_us) // 1000
        return max(since_ms - self._last_ms[bisect_left(self._rows, row)] - self._off_ms, 0)
