"""Large groups over neighbouring rows: which rows have room together, and the best parts there."""

from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from typing import Final

from actors.core.seat_rows import Ranking, runs
from actors.core.seat_runs import MAX_GROUP, RunTree, longest_run
from actors.core.seat_trees import AnyTree, Slots, grown

MAX_ROWS: Final = 4
_LEAST_PARTS: Final = (2, 1)

Parts = tuple[tuple[int, int], ...]
"""The first seat of each part, and minus its size: of two, the one with the earlier seats is less."""
Split = tuple[int, int, Parts]
"""Orphans, cost and parts: the least is the best."""

_FIELD_BITS: Final = MAX_GROUP + 1
_BEYOND: Final = 1 << 100


def _field(row_count: int, least: int) -> int:
    return ((row_count - 2) * 2 + least - 1) * _FIELD_BITS


def places_compared(quantity: int) -> int:
    """How many places for a split are compared, at most: all there can be among 64 seats, as a seat is part of no
    more than `MAX_ROWS` places and a place has room for the quantity.
    """
    return max(32, 64 * MAX_ROWS // quantity)


class _RoomOfRows(dict[tuple[int, ...], int]):
    """The longest runs of a row and of the three behind it -> in the field of each number of rows, and of each least
    size of a part, the bit of the largest group for which these rows have room together.
    """

    def __missing__(self, longest: tuple[int, ...]) -> int:
        bits = 0
        for least in (1, 2):
            room = longest[0]
            for row_count in range(2, MAX_ROWS + 1):
                if min(longest[:row_count]) < least:
                    break
                room += longest[row_count - 1]
                bits |= 1 << (_field(row_count, least) + min(room, MAX_GROUP))
        self[longest] = bits
        return bits


class SplitTree:
    """The room of each row together with its neighbours behind it."""

    __slots__ = ("_floors", "_ranking", "_room", "_runs", "_slots", "_tree", "stale")

    def __init__(
        self,
        run_tree: RunTree,
        slots: Slots,
        ranking: Ranking,
        twin: "SplitTree | None" = None,
        differing: Iterable[int] = (),
    ) -> None:
        """With `twin`, the tree of a view that differs from this one in the rows `differing` at most, a copy of it."""
        self._runs, self._slots, self._ranking = run_tree, slots, ranking
        self.stale = set(differing)
        """Numbers of rows that have changed."""
        if twin is None:
            self._room = _RoomOfRows()
            self._tree, self._floors = self._plant()
        else:
            twin._refresh()
            self._room, self._floors, self._tree = twin._room, twin._floors, twin._tree.copy()

    @property
    def joint_count(self) -> int:
        """How many joints its trees have; one of them is shared with its twin."""
        return len(self._tree.values) + len(self._floors)

    def _plant(self) -> tuple[AnyTree, list[int]]:
        self._runs.refresh()
        longest = [longest_run(bits) for bits in self._runs.tree.leaves()] + [0] * (MAX_ROWS - 1)
        rows, floor = self._runs.view.rows.rows, self._ranking.floor
        floors = [floor(rows[number]) if number >= 0 else _BEYOND for number in self._slots.row_of_slot]
        floors += [_BEYOND] * (MAX_ROWS - 1)
        return (
            AnyTree(list(map(self._room.__getitem__, zip(*_from_each(longest), strict=False)))),
            grown(list(map(min, *_from_each(floors))), min),
        )

    def best(self, joints: list[int], quantity: int) -> Split | None:
        """The best split below these joints (see `best_available`), or None if there is no room for one."""
        self._refresh()
        for least in _LEAST_PARTS:
            for row_count in range(2, min(quantity // least, MAX_ROWS) + 1):
                field = _field(row_count, least)
                wanted = (1 << (field + _FIELD_BITS)) - (1 << (field + quantity))
                if self._tree.any_of(joints) & wanted:
                    return self._search(joints, wanted, row_count, least, quantity)
        return None

    def largest(self, joints: Iterable[int]) -> int:
        """The largest group that neighbouring rows can seat, 0 if there are none."""
        self._refresh()
        bits = self._tree.any_of(joints)
        fields = (bits >> _field(row_count, 1) for row_count in range(2, MAX_ROWS + 1))
        return max(max((field & ((1 << _FIELD_BITS) - 1)).bit_length() - 1 for field in fields), 0)

    def _refresh(self) -> None:
        self._runs.refresh()
        starts: set[int] = set()
        for number in self.stale:
            slot = self._slots.slot_of_row[number]
            starts.update(range(max(0, slot - MAX_ROWS + 1), slot + 1))
        runs_of, width = self._runs.tree, self._slots.width
        for start in starts:
            beyond = max(0, start + MAX_ROWS - width)
            longest = [longest_run(runs_of.leaf(slot)) for slot in range(start, start + MAX_ROWS - beyond)]
            self._tree.put(start, self._room[tuple(longest + [0] * beyond)])
        self.stale.clear()

    def _search(self, joints: list[int], wanted: int, row_count: int, least: int, quantity: int) -> Split:
        values, floors, width = self._tree.values, self._floors, self._slots.width
        heap = [(floors[joint], joint) for joint in joints if values[joint] & wanted]
        heapify(heap)
        known: dict[int, dict[int, tuple[int, int, int]]] = {}
        best: Split | None = None
        places = places_compared(quantity)
        while heap and places:
            floor, joint = heappop(heap)
            if best is not None and best[0] == 0 and quantity * floor > best[1]:
                break
            if joint < width:
                for below in (2 * joint, 2 * joint + 1):
                    if values[below] & wanted:
                        heappush(heap, (floors[below], below))
                continue
            places -= 1
            windows = []
            for number in self._slots.row_of_slot[joint - width : joint - width + row_count]:
                if number not in known:
                    known[number] = self._windows(number, least, quantity)
                windows.append(known[number])
            split = _best_parts(windows, least, quantity)
            best = split if best is None else min(best, split)
        assert best is not None
        return best

    def _windows(self, number: int, least: int, quantity: int) -> dict[int, tuple[int, int, int]]:
        """Of each size of a part, from `least` on, the orphans, cost and first seat of the best window of the row."""
        view, ranking = self._runs.view, self._ranking
        row, spans = view.rows.rows[number], runs(view.usable(number))
        best: dict[int, tuple[int, int, int]] = {}
        for first, end in spans:
            for size in range(least, min(end - first, quantity) + 1):
                orphans, start = ranking.best(row, first, end - size, size)
                window = orphans, ranking.cost(row, start, size), row.base + start
                if size not in best or window < best[size]:
                    best[size] = window
        return best


def _best_parts(windows: list[dict[int, tuple[int, int, int]]], least: int, quantity: int) -> Split:
    """A part of each row in turn, that seat the quantity together; they have room for it."""
    room = [max(sizes) for sizes in windows]
    tails: dict[int, Split] = {0: (0, 0, ())}  # how many are seated in the rows behind -> how
    for place in reversed(range(len(windows))):
        ahead = sum(room[:place])
        longer: dict[int, Split] = {}
        for seated, (orphans, cost, parts) in tails.items():
            left = quantity - seated
            for size in range(max(least, left - ahead), min(room[place], left - least * place) + 1):
                more_orphans, more_cost, seat = windows[place][size]
                split = orphans + more_orphans, cost + more_cost, ((seat, -size), *parts)
                if seated + size not in longer or split < longer[seated + size]:
                    longer[seated + size] = split
        tails = longer
    return tails[quantity]


def _from_each(leaves: list[int]) -> list[list[int]]:
    """The list from its first, second, ... element on: one for each row of a split."""
    return [leaves[behind:] for behind in range(MAX_ROWS)]
