"""How many stand in line before whom."""

_FEW = 1_000


class Standing:
    """Who stands in line, by place; each joins at the end. A question costs as many steps as the places have bits.

    Places are counted in a tree, each of whose numbers is the sum of a stretch of them (Fenwick). They are dealt anew
    when they run out.
    """

    def __init__(self) -> None:
        self._place: dict[int, int] = {}  # from 1, in their order
        self._sums = [0] * (_FEW + 1)
        self._last = 0  # the last place that was given

    def __len__(self) -> int:
        return len(self._place)

    def join(self, who: int) -> None:
        """Stand at the end."""
        if self._last + 1 == len(self._sums):
            self._deal_anew()
        self._last += 1
        self._place[who] = self._last
        self._add(self._last, 1)

    def leave(self, who: int) -> None:
        """Stand there no longer."""
        self._add(self._place.pop(who), -1)

    def before(self, who: int) -> int:
        """How many stand before this one."""
        place, count = self._place[who] - 1, 0
        while place:
            count += self._sums[place]
            place &= place - 1
        return count

    def _add(self, place: int, change: int) -> None:
        while place < len(self._sums):
            self._sums[place] += change
            place += place & -place

    def _deal_anew(self) -> None:
        """At least half of the places are behind the last one again."""
        standing = list(self._place)
        self._place.clear()
        self._sums = [0] * (2 * len(standing) + _FEW + 1)
        self._last = 0
        for who in standing:
            self.join(who)
