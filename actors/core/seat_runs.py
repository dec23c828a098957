"""Which sizes of groups the rows of a view can seat, as sets of bits, in one tree for all sizes."""

from collections.abc import Iterable
from typing import Final

from actors.core.seat_rows import SeatRow, SeatView
from actors.core.seat_trees import AnyTree, Slots

MAX_GROUP: Final = 50
_LONGEST: Final = MAX_GROUP + 2
_LONG: Final = 1 << (_LONGEST - 1)
_RUNS: Final = (1 << _LONGEST) - 1


def run_bits(row: SeatRow, usable: bytes | bytearray) -> int:
    """Bit `n - 1` for a run of n seats (or of more, for the last), bit `_LONGEST + n - 1` for a whole table of n."""
    if row.whole:
        return 0 if b" " in usable or row.count > MAX_GROUP else 1 << (_LONGEST + row.count - 1)
    bits = 0
    for run in usable.split():
        length = len(run)
        bits |= 1 << (length - 1) if length < _LONGEST else _LONG
    return bits


def longest_run(bits: int) -> int:
    """The most neighbouring seats of a row or of rows, up to a few more than `MAX_GROUP`; tables do not count."""
    return (bits & _RUNS).bit_length()


def largest_group(bits: int) -> int:
    """The largest group that rows with these bits can seat, a table's included."""
    return max(min(longest_run(bits), MAX_GROUP), (bits >> _LONGEST).bit_length())


def wanted_bits(quantity: int) -> tuple[int, int]:
    """The bits that seat so many without an orphan, and those that seat them with one."""
    table = 1 << (_LONGEST + quantity - 1)
    return table | 1 << (quantity - 1) | (_RUNS >> (quantity + 1) << (quantity + 1)), 1 << quantity


class RunTree:
    """The bits of all rows of a view."""

    __slots__ = ("_slots", "stale", "tree", "view")

    def __init__(
        self, view: SeatView, slots: Slots, twin: "RunTree | None" = None, differing: Iterable[int] = ()
    ) -> None:
        """With `twin`, the tree of a view that differs from this one in the rows `differing` at most, a copy of it."""
        self.view = view
        self._slots = slots
        self.stale = set(differing)
        """Numbers of rows that have changed."""
        if twin is not None:
            twin.refresh()
            self.tree: AnyTree = twin.tree.copy()
            return
        leaves, slot_of_row = [0] * slots.width, slots.slot_of_row
        for number, (row, usable) in enumerate(zip(view.rows.rows, view.all_usable(), strict=True)):
            leaves[slot_of_row[number]] = run_bits(row, usable)
        self.tree = AnyTree(leaves)

    def refresh(self) -> None:
        """Take in what has changed."""
        view, slot_of_row = self.view, self._slots.slot_of_row
        for number in self.stale:
            self.tree.put(slot_of_row[number], run_bits(view.rows.rows[number], view.usable(number)))
        self.stale.clear()

    def largest(self, joints: Iterable[int]) -> int:
        """The largest group that one row below these joints can seat."""
        return largest_group(self.tree.any_of(joints))
