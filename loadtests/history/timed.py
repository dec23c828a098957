"""How long the clock of a run and the journal's have to do with each other, when the latter may stand still; and what
else says when rows came.
"""

from collections.abc import Sequence
from typing import NamedTuple

from actors.audit.denials import CLOCK_TOLERANCE_MS
from loadtests.history.skews import FOR_EVER_MS


class Timed(NamedTuple):
    """As long as the clocks have to do with each other: what was answered before `until_us`, and up to which row.

    `gaps`: from when to when, in µs by the clock of the run, the journal's may have stood still.
    """

    until_us: int = FOR_EVER_MS * 1000
    row: int = FOR_EVER_MS
    gaps: Sequence[tuple[int, int]] = ()

    def since_us(self, asked_us: int, answered_us: int) -> int:
        """From when on an answer may tell how it was: from when it was asked for, or a gap began that the call met."""
        met = (began_us for began_us, ended_us in self.gaps if began_us <= answered_us and asked_us <= ended_us)
        return min(asked_us, min(met, default=asked_us))


class Written(NamedTuple):
    """When the rows of a block came to stand in its journal, whatever their shards' clocks said: of the first, of the
    next, and so on, in µs by the clock of the run, from which that may differ by `off_ms`; 0: it is not known.
    """

    at_us: Sequence[int] = ()
    off_ms: int = CLOCK_TOLERANCE_MS

    def of(self, row: int) -> int:
        """When the row did; 0: nobody knows."""
        return self.at_us[row - 1] if 0 < row <= len(self.at_us) else 0
