"""The best seats of one view for a group that asks for no accessible ones: see `best_available`."""

from collections.abc import Callable
from itertools import chain
from typing import Final

from actors.core.seat_rows import Found, OwnOrder, Ranking, SeatView, found_in_row, runs
from actors.core.seat_runs import RunTree, wanted_bits
from actors.core.seat_splits import SplitTree
from actors.core.seat_trees import NEVER, KeptTrees, LeastTree, Slots, exact_key, floor_keys, raised, start_of

_ORPHAN: Final = 1 << 100  # more than any rank


class PlainSeats:
    """Any seats of the view, whatever their features."""

    __slots__ = ("_differing", "_floors", "_nearest", "_ranking", "_runs", "_slots", "_splits", "_twin", "_view")

    def __init__(
        self,
        view: SeatView,
        slots: Slots,
        ranking: Ranking,
        twin: "PlainSeats | None" = None,
        differing: frozenset[int] = frozenset(),
    ) -> None:
        """With `twin`, the seats of a view that differs from this one in the rows `differing` at most, it is cheap."""
        self._view, self._slots, self._ranking = view, slots, ranking
        self._twin, self._differing = twin, differing
        self._runs: RunTree = RunTree(view, slots, None if twin is None else twin._runs, differing)
        self._splits: SplitTree | None = None
        self._floors: list[int] = []
        self._nearest = None if isinstance(ranking, OwnOrder) else KeptTrees()

    @property
    def joint_count(self) -> int:
        """How many joints all trees have."""
        own = len(self._runs.tree.values) + (0 if self._splits is None else self._splits.joint_count)
        return own + (0 if self._nearest is None else self._nearest.joint_count)

    def change(self, numbers: set[int]) -> None:
        """These rows have changed."""
        self._runs.stale |= numbers
        if self._splits is not None:
            self._splits.stale |= numbers
        if self._nearest is not None:
            self._nearest.change(numbers)

    def in_one_row(self, asked: list[list[int]], quantity: int) -> Found | None:
        """The best of one row, or None if no row can serve."""
        self._runs.refresh()
        for orphans, wanted in enumerate(wanted_bits(quantity)):
            serving = [joints for joints in asked if self._runs.tree.any_of(joints) & wanted]
            if not serving:
                continue
            if self._nearest is None:
                slots = (self._runs.tree.first(joints, wanted) for joints in serving)
                first = self._first_seat(min(self._slots.row_of_slot[slot] for slot in slots), quantity, orphans)
            else:
                first = start_of(self._nearest.least(chain.from_iterable(serving), quantity, 0, self._plant))
            return found_in_row(self._view.rows.row_of(first), first, quantity, orphans, self._ranking)
        return None

    def in_parts(self, asked: list[list[int]], quantity: int) -> Found | None:
        """The best split, or None if there is none."""
        split = self._split_tree().best(list(chain.from_iterable(asked)), quantity)
        if split is None:
            return None
        orphans, cost, parts = split
        seats = tuple(seat for first, less_size in parts for seat in range(first, first - less_size))
        return Found(seats, self._ranking.score(cost, quantity), orphans)

    def largest(self, asked: list[list[int]], *, split: bool) -> int:
        """The largest group that can be seated, up to `MAX_GROUP`."""
        self._runs.refresh()
        joints = list(chain.from_iterable(asked))
        return max(self._runs.largest(joints), self._split_tree().largest(joints) if split else 0)

    def _split_tree(self) -> SplitTree:
        if self._splits is None:
            twin = None if self._twin is None else self._twin._split_tree()
            self._splits = SplitTree(self._runs, self._slots, self._ranking, twin, self._differing)
        return self._splits

    def _first_seat(self, number: int, quantity: int, orphans: int) -> int:
        row = self._view.rows.rows[number]
        if row.whole:
            return row.base
        for first, end in runs(self._view.usable(number)):
            left = end - first - quantity
            if left >= 0 and (left == 1) == (orphans == 1):
                return row.base + first
        raise AssertionError(f"row {number} does not seat {quantity}")

    def _plant(self, quantity: int, accessible: int) -> LeastTree:
        if not self._floors:
            self._floors = floor_keys(self._slots, map(self._ranking.floor, self._view.rows.rows))
        without_orphan, with_orphan = wanted_bits(quantity)
        floors = [
            floor if bits & without_orphan else raised(floor, _ORPHAN) if bits & with_orphan else NEVER
            for bits, floor in zip(self._runs.tree.leaves(), self._floors, strict=True)
        ]
        return LeastTree(self._slots, floors, self._judge(quantity))

    def _judge(self, quantity: int) -> Callable[[int], int]:
        view, ranking = self._view, self._ranking

        def judge(number: int) -> int:
            row, usable, best = view.rows.rows[number], view.usable(number), NEVER
            if row.whole:
                serves = row.count == quantity and b" " not in usable
                return exact_key(ranking.rank(row, 0, quantity), row.base) if serves else NEVER
            for first, end in runs(usable):
                if end - first >= quantity:
                    orphans, start = ranking.best(row, first, end - quantity, quantity)
                    rank = ranking.rank(row, start, quantity)
                    best = min(best, exact_key(orphans * _ORPHAN + rank, row.base + start))
            return best

        return judge
