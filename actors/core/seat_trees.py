"""Trees over rows of seats: what is asked of many rows is answered by a few joints, whatever the number of rows.

A tree is a list: joint 1 is the root, joint `j` joins `2j` and `2j + 1`, and the leaves are the last half.
"""

from collections.abc import Callable, Iterable
from operator import or_
from typing import Final

from actors.core.seat_rows import SeatRow

_START_BITS: Final = 26
_EXACT: Final = 1 << _START_BITS
_ORDER_SHIFT: Final = _START_BITS + 1
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
        category = section = -1
        part: list[int] = []
        for number in numbers:
            row = rows[number]
            if row.section != section or row.category != category:
                category, section = row.category, row.section
                part = grouped.setdefault(category, {}).setdefault(section, [])
            part.append(number)
        self.row_of_slot: list[int] = []
        """The number of the row at each leaf, -1 if it is empty."""
        self._of_pair: dict[int, dict[int, tuple[int, int]]] = {}  # start and size of each category and section
        spans = {}
        for category in sorted(grouped):
            parts = {section: _with_gaps(part) for section, part in grouped[category].items()}
            start = self._pad(_aligned_size(map(len, parts.values())))
            self._of_pair[category] = {section: self._place(part) for section, part in parts.items()}
            spans[category] = (start, self._pad_to_power(start))
        self.width = self._pad_to_power(0)
        """How many leaves there are: a power of two."""
        self.slot_of_row = [-1] * len(rows)
        """The leaf of each row, -1 if it has none."""
        for slot, number in enumerate(self.row_of_slot):
            if number >= 0:
                self.slot_of_row[number] = slot
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


def _aligned_size(sizes: Iterable[int]) -> int:
    end = 0
    for size in map(_power, sizes):
        end += -end % size + size
    return _power(end)


def grown(leaves: list[int], join: Callable[[int, int], int]) -> list[int]:
    """The tree with these leaves, a power of two of them: each joint is what its two parts are joined to."""
    levels = [leaves]
    while len(levels[-1]) > 1:
        levels.append(list(map(join, levels[-1][::2], levels[-1][1::2])))
    tree = [0]
    for level in reversed(levels):
        tree += level
    return tree


class AnyTree:
    """A set of bits at each leaf, and at each joint what any leaf below it has."""

    __slots__ = ("_width", "values")

    def __init__(self, leaves: list[int]) -> None:
        self._width = len(leaves)
        self.values = grown(leaves, or_)

    def copy(self) -> "AnyTree":
        """Another tree with the same leaves."""
        twin = AnyTree.__new__(AnyTree)
        twin._width, twin.values = self._width, self.values.copy()
        return twin

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

    def first(self, joints: Iterable[int], wanted: int) -> int:
        """The first leaf that has a bit that is wanted, below the first of these joints that has any: one must."""
        values, width = self.values, self._width
        for joint in joints:
            if values[joint] & wanted:
                while joint < width:
                    joint *= 2
                    if not values[joint] & wanted:
                        joint += 1
                return joint - width
        raise AssertionError("no joint has what is wanted")


def floor_keys(slots: Slots, floors: Iterable[int]) -> list[int]:
    """For each leaf a key that is less than any exact one of the same order, and `NEVER` for the empty ones. `floors`
    gives the order of each row.
    """
    keys = [NEVER] * slots.width
    for slot, order in zip(slots.slot_of_row, floors, strict=True):
        if slot >= 0:
            keys[slot] = order << _ORDER_SHIFT | slot
    return keys


def raised(key: int, order: int) -> int:
    """The key with so much more order."""
    return key + (order << _ORDER_SHIFT)


def exact_key(order: int, start: int) -> int:
    """A key that sorts by `order` (at least 0), then by the seat `start`."""
    return order << _ORDER_SHIFT | _EXACT | start


def start_of(key: int) -> int:
    """The seat of an exact key."""
    return key & _LOW


def order_of(key: int) -> int:
    """The order of a key, or of a floor."""
    return key >> _ORDER_SHIFT


class LeastTree:
    """The least key of many rows, where a row's key is dear: it is worked out when nothing less is known to be
    least, and again when the row has changed since.
    """

    __slots__ = ("_judge", "_slots", "_values", "stale")

    def __init__(self, slots: Slots, floors: list[int], judge: Callable[[int], int]) -> None:
        """`judge` gives the exact key of row number so and so, or `NEVER`; it is kept, and must not know who has the
        tree. `floors` has for each leaf a floor key that is not above what the judge will say, or `NEVER` if that is
        what it will say.
        """
        self._slots = slots
        self._values = grown(floors, min)
        self._judge = judge
        self.stale: set[int] = set()
        """Numbers of rows that have changed."""

    @property
    def joint_count(self) -> int:
        """How many joints it has, leaves among them."""
        return len(self._values)

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
        slot_of_row = self._slots.slot_of_row
        for number in self.stale:
            if (slot := slot_of_row[number]) >= 0:
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

    __slots__ = ("_trees",)

    def __init__(self) -> None:
        self._trees: dict[tuple[int, int], LeastTree] = {}

    @property
    def joint_count(self) -> int:
        """How many joints all of them have."""
        return sum(tree.joint_count for tree in self._trees.values())

    def change(self, numbers: set[int]) -> None:
        """These rows have changed."""
        for tree in self._trees.values():
            tree.stale |= numbers

    def least(
        self, joints: Iterable[int], quantity: int, accessible: int, plant: Callable[[int, int], LeastTree]
    ) -> int:
        """The least key for such a group below these joints, or `NEVER`. `plant(quantity, accessible)` makes its tree.

        It is not kept, as it is of those whose these trees are: they could not be let go at once.
        """
        size = quantity, accessible
        tree = self._trees.pop(size, None)
        if tree is None:
            if len(self._trees) == KEPT_TREES:
                del self._trees[next(iter(self._trees))]
            tree = plant(quantity, accessible)
        self._trees[size] = tree
        return tree.least(joints)
