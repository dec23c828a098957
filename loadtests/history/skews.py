"""How far clocks are apart in the course of a history: the one by which it is written, and those of deadlines."""

from bisect import bisect_right

FOR_EVER_MS = 1 << 62


class Skews:
    """Nothing at first. All times are in ms by the history's clock; what is added is added in their order."""

    def __init__(self) -> None:
        self._since_ms = [0]
        self._skews_ms = [0]
        self._ahead_ms = [0]

    def widen(self, at_ms: int, skew_ms: int) -> None:
        """From then on clocks may be so far apart, and no less than before."""
        self._note(at_ms, skew_ms, skew_ms)

    def lose(self, at_ms: int, ahead_ms: int = FOR_EVER_MS) -> None:
        """From then on they have nothing to do with each other, but none by which something ends is further ahead."""
        self._note(at_ms, FOR_EVER_MS, ahead_ms)

    def at(self, at_ms: int) -> int:
        """How far they may be apart then, in ms; FOR_EVER_MS: they have nothing to do with each other."""
        return self._skews_ms[bisect_right(self._since_ms, at_ms) - 1]

    def ahead(self, at_ms: int) -> int:
        """How far one by which something ends may be ahead then, in ms."""
        return self._ahead_ms[bisect_right(self._since_ms, at_ms) - 1]

    def is_lost(self, at_ms: int) -> bool:
        """Whether they have nothing to do with each other then."""
        return self.at(at_ms) >= FOR_EVER_MS

    @property
    def widest_ms(self) -> int:
        """How far they were apart at most, as long as they had to do with each other."""
        return max(skew_ms for skew_ms in self._skews_ms if skew_ms < FOR_EVER_MS)

    def _note(self, at_ms: int, skew_ms: int, ahead_ms: int) -> None:
        self._since_ms.append(at_ms)
        self._skews_ms.append(max(skew_ms, self._skews_ms[-1]))
        self._ahead_ms.append(max(ahead_ms, self._ahead_ms[-1]))
