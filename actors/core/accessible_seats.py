"""The best seats for a group that asks for accessible ones: see `best_available`."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Final

from actors.core.seat_rows import ACCESSIBLE, PLAIN, Found, Ranking, SeatView, found_in_row, runs
from actors.core.seat_runs import MAX_GROUP
from actors.core.seat_trees import NEVER, KeptTrees, LeastTree, Slots, exact_key, floor_keys, order_of, start_of

_STEPS: Final = MAX_GROUP + 1
_CLASS: Final = 1 << 100  # more than any rank
_SEATS_PER_ROW_LOOK: Final = 40  # what so many seats of these rows cost: every window is tried


class AccessibleSeats:
    """Rows with accessible seats, of a view that has them."""

    __slots__ = ("_best", "_floors", "_largest", "_ranking", "_view", "_zeros", "slots")

    def __init__(self, view: SeatView, slots: Slots, ranking: Ranking) -> None:
        """`slots` has the rows with accessible seats, no others."""
        self._view, self.slots, self._ranking = view, slots, ranking
        self._floors = floor_keys(slots, map(ranking.floor, view.rows.rows))
        self._zeros = floor_keys(slots, [0] * len(view.rows.rows))
        self._best, self._largest = KeptTrees(), KeptTrees()

    @property
    def joint_count(self) -> int:
        """How many joints all trees have."""
        return self._best.joint_count + self._largest.joint_count

    def change(self, numbers: set[int]) -> None:
        """These rows have changed."""
        self._best.change(numbers)
        self._largest.change(numbers)

    def in_one_row(self, asked: list[list[int]], quantity: int, accessible: int) -> Found | None:
        """The best of one row, or None if no row can serve."""
        key = self._best.least(chain.from_iterable(asked), quantity, accessible, self._plant)
        if key == NEVER:
            return None
        first, orphans = start_of(key), order_of(key) // _CLASS // _STEPS % _STEPS
        return found_in_row(self._view.rows.row_of(first), first, quantity, orphans, self._ranking)

    def largest(self, asked: list[list[int]], accessible: int) -> int:
        """The largest group with so many accessible seats that can be seated, up to `MAX_GROUP`."""
        key = self._largest.least(chain.from_iterable(asked), MAX_GROUP, accessible, self._plant_sizes)
        return 0 if key == NEVER else MAX_GROUP - order_of(key)

    def _plant(self, quantity: int, accessible: int) -> LeastTree:
        return LeastTree(self.slots, self._floors, self._judge(quantity, accessible))

    def _plant_sizes(self, most: int, accessible: int) -> LeastTree:
        return LeastTree(self.slots, self._zeros, self._judge_size(most, accessible))

    def _judge(self, quantity: int, accessible: int) -> Callable[[int], int]:
        view, ranking = self._view, self._ranking

        def judge(number: int) -> int:
            row, features, best = view.rows.rows[number], view.feature_slice(number), NEVER
            for first, last in _windows(view, number, quantity):
                for start in range(first, last + 1):
                    beyond = features.count(ACCESSIBLE, start, start + quantity) - accessible
                    if beyond >= 0:
                        orphans = (start - first == 1) + (last - start == 1)
                        plain = features.count(PLAIN, start, start + quantity)
                        order = ((beyond * _STEPS + orphans) * _STEPS + plain) * _CLASS
                        best = min(best, exact_key(order + ranking.rank(row, start, quantity), row.base + start))
            return best

        return judge

    def _judge_size(self, quantity: int, accessible: int) -> Callable[[int], int]:
        view = self._view

        def judge(number: int) -> int:
            features, most = view.feature_slice(number), 0
            for first, end in _spans(view, number):
                chairs = [place for place in range(first, end) if features[place] == ACCESSIBLE]
                between = zip(chairs, chairs[accessible - 1 :], strict=False)
                if any(last - nearest < quantity for nearest, last in between):
                    most = max(most, min(end - first, quantity))
            return exact_key(quantity - most, 0) if most else NEVER

        return judge


def _windows(view: SeatView, number: int, quantity: int) -> Iterator[tuple[int, int]]:
    """The first and the last start of windows of this size in each run that has any."""
    whole = view.rows.rows[number].whole
    for first, end in _spans(view, number):
        if end - first == quantity or (end - first > quantity and not whole):
            yield first, end - quantity


def _spans(view: SeatView, number: int) -> Iterable[tuple[int, int]]:
    row, usable = view.rows.rows[number], view.usable(number)
    view.rows.looks += row.count // _SEATS_PER_ROW_LOOK
    if row.whole and (b" " in usable or row.count > MAX_GROUP):
        return ()
    return runs(usable)
