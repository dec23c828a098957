"""The finders of best seats of one block: one for each set of pools to choose from, made when first asked."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from actors.core.best_available import SeatFinder
from actors.core.inventory import GONE, Inventory
from actors.core.layout import RowKind
from actors.core.layout_index import LayoutIndex
from actors.core.seat_rows import SeatRow


class SeatFinders:
    """Derived from layout and shelf; must be told of every seat that the shelf has anew."""

    def __init__(self, index: LayoutIndex, inventory: Inventory) -> None:
        self._index = index
        self._inventory = inventory
        self._rows: list[SeatRow] | None = None
        self._features = b""
        self._finders: dict[frozenset[int], SeatFinder] = {}

    def forget(self) -> None:
        """Many seats have changed: make the finders anew when they are asked."""
        self._finders.clear()

    @property
    def joint_count(self) -> int:
        """How many joints the trees of those have that are not forgotten."""
        return sum(finder.joint_count for finder in self._finders.values())

    @property
    def row_count(self) -> int:
        """How many rows those see that are not forgotten, each its own."""
        return len(self._finders) * len(self._rows or ())

    @property
    def row_looks(self) -> int:
        """How often those that are not forgotten have looked at a row, seat by seat."""
        return sum(finder.row_looks for finder in self._finders.values())

    def touch(self, units: Iterable[int]) -> None:
        """These seats are another on the shelf; slots among them do not matter."""
        if self._finders:
            seats = [unit for unit in units if unit < self._index.seat_count]
            for finder in self._finders.values():
                finder.touch(seats)

    def finder(self, pools: frozenset[int]) -> SeatFinder:
        """Who finds seats in these pools."""
        finder = self._finders.get(pools)
        if finder is None:
            if self._rows is None:
                self._rows, self._features = _rows_of(self._index)
            finder = SeatFinder(self._rows, self._inventory.shelf, self._features, pools, self._index.layout.focus)
            self._finders[pools] = finder
        return finder

    @contextmanager
    def supposing(self, shelf: Mapping[int, int]) -> Iterator[None]:
        """As if these seats stood so on the shelf: for a decision that counts on entries it has not made yet."""
        if not shelf:
            yield
            return
        stands = self._inventory.shelf
        before = {seat: stands[seat] for seat in shelf}
        try:
            for seat, supposed in shelf.items():
                stands[seat] = supposed
            self.touch(shelf)
            yield
        finally:
            for seat, was in before.items():
                stands[seat] = was
            self.touch(before)


def _rows_of(index: LayoutIndex) -> tuple[list[SeatRow], bytes]:
    features = bytearray(index.unit_count)  # a slot has none
    rows = []
    behind: dict[int, int] = {}  # rows of each section so far
    section_numbers = {section.name: number for number, section in enumerate(index.layout.sections)}
    for section, row, base in index.row_spans():
        for feature, places in ((1, row.accessible), (2, row.companions)):
            for place in places:
                features[base + place] = feature
        number = section_numbers[section.name]
        depth = behind.get(number, 0)
        behind[number] = depth + 1
        x, y = section.at[0] - (row.count - 1), section.at[1] + 2 * depth
        rows.append(SeatRow(base, row.count, number, row.category, row.kind is RowKind.WHOLE_TABLE, x, y))
    return rows, bytes(features)


assert GONE == 255, "what the finder takes for a seat that cannot be had"
