"""When the rows of a block were decided, and how long after its time something was."""

from array import array
from bisect import bisect_left

from loadtests.history.timed import Timed


class Lateness:
    """By the time of the first entry of each row, of which there are 16 bytes in memory.

    `timed`: only what is, is judged. `ahead_ms`: so far the journal's clock may be ahead of the run's.
    """

    def __init__(self, timed: Timed, ahead_ms: int) -> None:
        self._timed = timed
        self._ahead_ms = ahead_ms
        self._rows = array("q")
        self._at_ms = array("q")

    def meet(self, row: int, at_ms: int) -> None:
        """An entry of the last row, or the first of the next."""
        if not self._rows or self._rows[-1] != row:
            self._rows.append(row)
            self._at_ms.append(at_ms)

    def late_ms(self, row: int, over_us: int) -> int:
        """By how much the row, which has been met, was too late for what was over then (0: unknown); 0: in time."""
        if not 0 < over_us < self._timed.until_us or row > self._timed.row:
            return 0
        at_ms = self._at_ms[bisect_left(self._rows, row)]
        return max(at_ms - over_us // 1000 - self._ahead_ms, 0)
