"""Layouts: sections, rows and seats; areas; price categories. Compact, and indexed for one block.

A seat is named `section/row/seat`. Inside a block a seat is its index in the layout's order, an area its own index.
Rows are kept as ranges, so a layout of a hundred thousand seats is a few kilobytes in the journal.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

import msgspec

MAX_UNITS = 1_000_000
MAX_TEXT_BYTES = 4 * 1024 * 1024
"""Of the names of a layout's rows and the labels of its seats: so the whole layout fits into one frame of a link."""


def text_bytes(names: Iterable[str]) -> int:
    """What these names or labels take in a layout (see `MAX_TEXT_BYTES`), with a byte each for their length."""
    return sum(len(name.encode()) + 1 for name in names)


class Category(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A price category; `price` in minor units of the event's currency."""

    name: str
    price: int


class Row(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A row of seats: numbered `first` to `first + count - 1`, or labelled one by one. `category` is an index."""

    name: str
    category: int
    first: int
    count: int
    labels: tuple[str, ...] = ()

    def seat_label(self, place: int) -> str:
        """The label of the seat at `place` (from 0) of this row."""
        return self.labels[place] if self.labels else str(self.first + place)

    def place_of(self, label: str) -> int | None:
        """The place of the seat labelled `label`, or None."""
        if self.labels:
            return self.labels.index(label) if label in self.labels else None
        if not (label.isascii() and label.isdigit()) or (label[0] == "0" and label != "0") or len(label) > 9:
            return None
        place = int(label) - self.first
        return place if 0 <= place < self.count else None


class Section(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A named group of rows."""

    name: str
    rows: tuple[Row, ...]


class Area(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """General admission: `capacity` places that are all alike."""

    name: str
    category: int
    capacity: int


class Layout(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What can be sold at an event, validated as a whole (see `layout_file`, `layout_soundness`)."""

    currency: str
    categories: tuple[Category, ...]
    sections: tuple[Section, ...]
    areas: tuple[Area, ...]

    def rows(self) -> Iterator[tuple[Section, Row]]:
        """Every row with its section, in the layout's order."""
        for section in self.sections:
            for row in section.rows:
                yield section, row

    @property
    def seat_count(self) -> int:
        """How many numbered seats there are."""
        return sum(row.count for _, row in self.rows())

    @property
    def text_bytes(self) -> int:
        """What the names of its rows and the labels of its seats take."""
        return sum(text_bytes((row.name, *row.labels)) for _, row in self.rows())

    @property
    def capacity(self) -> int:
        """How many units there are, seats and places together."""
        return self.seat_count + sum(area.capacity for area in self.areas)


class LayoutIndex:
    """Names to indices and back, for one layout. Built once per block; costs memory per row, not per seat."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.seat_count = layout.seat_count
        self.area_of_name = {area.name: index for index, area in enumerate(layout.areas)}
        self._rows: list[tuple[Section, Row]] = list(layout.rows())
        self._bases: list[int] = []  # the index of each row's first seat
        self._row_of_name: dict[tuple[str, str], int] = {}
        base = 0
        for number, (section, row) in enumerate(self._rows):
            self._bases.append(base)
            self._row_of_name[section.name, row.name] = number
            base += row.count

    def find_seat(self, name: str) -> tuple[int, int] | None:
        """The indices of the seat named `section/row/seat` and of its price category, or None if there is none."""
        parts = name.split("/")
        if len(parts) != 3:
            return None
        number = self._row_of_name.get((parts[0], parts[1]))
        if number is None:
            return None
        row = self._rows[number][1]
        place = row.place_of(parts[2]) if parts[2] else None
        return None if place is None else (self._bases[number] + place, row.category)

    def seat_name(self, seat: int) -> str:
        """The name of the seat with index `seat`."""
        assert 0 <= seat < self.seat_count
        number = self.row_of_seat(seat)
        section, row = self._rows[number]
        return f"{section.name}/{row.name}/{row.seat_label(seat - self._bases[number])}"

    def row_of_seat(self, seat: int) -> int:
        """The index, in the layout's order, of the row that holds the seat with index `seat`."""
        return bisect_right(self._bases, seat) - 1

    def category_of_seat(self, seat: int) -> int:
        """The index of the seat's price category."""
        return self._rows[self.row_of_seat(seat)][1].category

    def row_spans(self) -> Iterator[tuple[Section, Row, int]]:
        """Every row with its section and the index of its first seat."""
        for (section, row), base in zip(self._rows, self._bases, strict=True):
            yield section, row, base
