"""How long the clock of a run and the journal's have to do with each other, and when the latter may stand still."""

from collections.abc import Sequence
from typing import NamedTuple

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
