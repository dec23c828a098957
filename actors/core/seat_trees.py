"""Trees over rows of seats: what is asked of many rows is answered by a few joints, whatever the number of rows.

A tree is a list: joint 1 is the root, joint `j` joins `2j` and `2j + 1`, and the leaves are the last half.
"""

from collections.abc import Callable, Iterable
from operator import or_
from typing import Final

from actors.core.seat_rows import SeatRow

_START_BITS: Final = 26
_EXACT: Final = 1 << _START_BITS
_LOW: Final = _EXACT - 1
KEPT_TREES: Final = 64
"""So many trees for one size of group each are kept."""
NEVER: Final = 1 << 200 | _EXACT
"""The key of a row that cannot serve."""


class Slots:
    """Which leaf each row has. The rows of one category and section are all that is below one joint, and so are
    those of one category. Neighbours, which are consecutive rows of one section and category, have consecutive
    leaves; rows that are none have an empty leaf between them.
    """

    def __init__(self, rows: list[SeatRow], numbers: Iterable[int]) -> None:
        grouped: dict[int, dict[int, list[int]]] = {}
        for number in numbers:
            row = rows[number]
            grouped.setdefault(row.category, {}).setdefault(row.section, []).append(number)
        self.row_of_slot: list[int] = []
        """The number of the row at each leaf, -1 if it is empty."""
        self._of_pair: dict[int, dict[int, tuple[int, int]]] = {}  # start and size of each category and section
        spans = {}
        for category in sorted(grouped):
            parts = [(section, _with_gaps(numbers)) for section, numbers in grouped[category].items()]
            start = self._pad(_aligned_size([len(part) for _, part in parts]))
            self._of_pair[category] = {section: self._place(part) for section, part in parts}
            spans[category] = (start, self._pad_to_power(start))
        self.width = self._pad_to_power(0)
        """How many leaves there are: a power of two."""
        self.slot_of_row: dict[int, int] = {number: slot for slot, number in enumerate(self.row_of_slot) if number >= 0}
        self._of_category = {category: self._joint(*span) for category, span in spans.items()}

    def asked(self, sections: frozenset[int] | None, categories: frozenset[int] | None) -> list[list[int]]:
        """The joints above the rows of these sections and categories (None: of all), for each category those of its
        sections, in the layout's order.
        """
        asked = []
        for category, joint in self._of_category.items():
            if categories is not None and category not in categories:
                continue
            if sections is None:
                asked.append([joint])
            else:
                pairs = self._of_pair[category]
                asked.append([self._joint(*pair) for pair in sorted(pairs[part] for part in sections if part in pairs)])
        return asked

    def _place(self, numbers: list[int]) -> tuple[int, int]:
        size = _power(len(numbers))
        start = self._pad(size)
        self.row_of_slot += numbers
        self._pad(size)
        return start, size

    def _pad(self, size: int) -> int:
        self.row_of_slot += [-1] * (-len(self.row_of_slot) % size)
        return len(self.row_of_slot)

    def _pad_to_power(self, start: int) -> int:
        size = _power(len(self.row_of_slot) - start)
        self.row_of_slot += [-1] * (start + size - len(self.row_of_slot))
        return size

    def _joint(self, start: int, size: int) -> int:
        return (self.width + start) // size


def _with_gaps(numbers: list[int]) -> list[int]:
    if numbers[-1] - numbers[0] == len(numbers) - 1:
        return [*numbers, -1]
    spread = []
    for number, following in zip(numbers, [*numbers[1:], -1], strict=True):
        spread += [number] if following == number + 1 else [number, -1]
    return spread


def _power(size: int) -> int:
    return 1 << (size - 1).bit_length() if size else 1


def _aligned_size(sizes: list[int]) -> int:
    end = 0
    for size in map(_power, sizes):
        end += -end % size + size
    return _power(end)


def grown(leaves: list[int], join: Callable[[int, int], int]) -> list[int]:
    """The tree with these leaves, a power of two of them: each joint is what its two parts are joined to."""
    levels = [leaves]
    while len(levels[-1]) > 1:
        levels.append(list(map(join, levels[-1][::2], levels[-1][1::2])))
    return [0, *(joint for level in reversed(levels) for joint in level)]


class AnyTree:
    """A set of bits at each leaf, and at each joint what any leaf below it has."""

    __slots__ = ("_width", "values")

    def __init__(self, leaves: list[int]) -> None:
        self._width = len(leaves)
        self.values = grown(leaves, or_)

    def leaf(self, slot: int) -> int:
        """The bits of a leaf."""
        return self.values[self._width + slot]

    def leaves(self) -> list[int]:
        """The bits of all leaves."""
        return self.values[self._width :]

    def put(self, slot: int, bits: int) -> None:
        """The leaf has these bits now."""
        values, joint = self.values, self._width + slot
        values[joint] = bits
        while joint > 1:
            joint >>= 1
            bits = values[2 * joint] | values[2 * joint + 1]
            if values[joint] == bits:
                return
            values[joint] = bits

    def any_of(self, joints: Iterable[int]) -> int:
        """What any leaf below any of these joints has."""
        bits, values = 0, self.values
        for joint in joints:
            bits |= values[joint]
        return bits

    def first(self, joints: Iterable[int], wanted: int) -> int | None:
        """The first leaf below the first of these joints that has a bit that is wanted."""
        values, width = self.values, self._width
        for joint in joints:
            if values[joint] & wanted:
                while joint < width:
                    joint *= 2
                    if not values[joint] & wanted:
                        joint += 1
                return joint - width
        return None


def floor_tree(slots: Slots, floor: Callable[[int], int]) -> list[int]:
    """Of each leaf a key that is not above what `judge` of a `LeastTree` will say, and at each joint the least.

    `floor` gives the order of row number so and so (see `exact_key`).
    """
    leaves = [
        floor(number) << (_START_BITS + 1) | slot if number >= 0 else NEVER
        for slot, number in enumerate(slots.row_of_slot)
    ]
    return grown(leaves, min)


def exact_key(order: int, start: int) -> int:
    """A key that sorts by `order` (at least 0), then by the seat `start`."""
    return order << (_START_BITS + 1) | _EXACT | start


def start_of(key: int) -> int:
    """The seat of an exact key."""
    return key & _LOW


def order_of(key: int) -> int:
    """The order of a key, or of a floor."""
    return key >> (_START_BITS + 1)


class LeastTree:
    """The least key of many rows, where a row's key is dear: it is worked out when nothing less is known to be
    least, and again when the row has changed since.
    """

    __slots__ = ("_judge", "_slots", "_values", "stale")

    def __init__(self, slots: Slots, floors: list[int], judge: Callable[[int], int]) -> None:
        """`judge` gives the exact key of row number so and so, or `NEVER`; `floors` is a `floor_tree`."""
        self._slots = slots
        self._values = floors.copy()
        self._judge = judge
        self.stale: set[int] = set()
        """Numbers of rows that have changed."""

    def least(self, joints: Iterable[int]) -> int:
        """The least exact key below these joints, or `NEVER`."""
        self._refresh()
        best, values, row_of_slot = NEVER, self._values, self._slots.row_of_slot
        for joint in joints:
            while (key := values[joint]) < best:
                if key & _EXACT:
                    best = key
                else:
                    slot = key & _LOW
                    self._put(slot, self._judge(row_of_slot[slot]))
        return best

    def _refresh(self) -> None:
        slot_of_row, width = self._slots.slot_of_row, self._slots.width
        for number in self.stale:
            slot = slot_of_row.get(number)
            if slot is not None and self._values[width + slot] & _EXACT:
                self._put(slot, self._judge(number))
        self.stale.clear()

    def _put(self, slot: int, key: int) -> None:
        values, joint = self._values, self._slots.width + slot
        values[joint] = key
        while joint > 1:
            joint >>= 1
            left, right = values[2 * joint], values[2 * joint + 1]
            key = left if left < right else right
            if values[joint] == key:
                return
            values[joint] = key


class KeptTrees:
    """One `LeastTree` for each size of group that was asked for lately: the last `KEPT_TREES`."""

    __slots__ = ("_floor", "_floors", "_judge", "_slots", "_trees")

    def __init__(
        self, slots: Slots, floor: Callable[[int], int], judge: Callable[[int, int], Callable[[int], int]]
    ) -> None:
        """`judge(quantity, accessible)` makes the judge of such groups; `floor` suits them all."""
        self._slots, self._floor, self._judge = slots, floor, judge
        self._floors: list[int] = []
        self._trees: dict[tuple[int, int], LeastTree] = {}

    def change(self, numbers: set[int]) -> None:
        """These rows have changed."""
        for tree in self._trees.values():
            tree.stale |= numbers

    def least(self, joints: Iterable[int], quantity: int, accessible: int) -> int:
        """The least key for such a group below these joints, or `NEVER`."""
        size = quantity, accessible
        tree = self._trees.pop(size, None)
        if tree is None:
            if not self._floors:
                self._floors = floor_tree(self._slots, self._floor)
            if len(self._trees) == KEPT_TREES:
                del self._trees[next(iter(self._trees))]
            tree = LeastTree(self._slots, self._floors, self._judge(quantity, accessible))
        self._trees[size] = tree
        return tree.least(joints)
