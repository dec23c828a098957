"""Layouts: sections with rows, tables and seats; areas; resources with slots; price categories, price types, fees, tax.

Compact: rows are kept as ranges and slots as runs of a calendar, so a layout of a hundred thousand seats is a few
kilobytes in the journal. How units are named and numbered: see `layout_index`.
"""

from collections.abc import Iterable, Iterator
from enum import IntEnum

import msgspec

MAX_UNITS = 1_000_000
MAX_PRICE = 10**12
MAX_PPM = 1_000_000  # of a share or a tax: all of it
MAX_CATEGORIES = 256
MAX_PRICE_TYPES = 20
MAX_FEES = 20
MAX_SECTIONS = 5_000
MAX_ROWS = 50_000
MAX_AREAS = 1_000
MAX_RESOURCES = 1_000
MAX_CALENDARS = MAX_RESOURCES
MAX_RUNS = 50_000  # of all calendars together
MAX_HOURS = 20_000  # opening hours of weeks and closed times, of all calendars together
MAX_SPECIAL_SEATS = 50_000  # accessible ones and companions together
MAX_HALF_WIDTHS = 20_000  # from the origin, in each direction
SECOND_MS = 1_000
MINUTE_MS = 60_000
DAY_MINUTES = 24 * 60
MAX_SLOT_MS = DAY_MINUTES * MINUTE_MS
MAX_BUFFER_MS = MAX_SLOT_MS
MIN_DAY, MAX_DAY = 10_957, 84_005  # of opening hours, since 1970: the years 2000 to 2199
MAX_TEXT_BYTES = 4 * 1024 * 1024
"""Of the names of a layout's rows and the labels of its seats: so the whole layout fits into one frame of a link."""
MAX_TIME_MS = 253_402_214_400_000
"""The 31 December 9999: times before it can be written in every zone."""


def text_bytes(names: Iterable[str]) -> int:
    """What these names or labels take in a layout (see `MAX_TEXT_BYTES`), with a byte each for their length."""
    return sum(len(name.encode()) + 1 for name in names)


class Category(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A price category; prices in minor units of the event's currency, of a resource per hour.

    `price` is what the layout's first price type costs; `prices`: (price type, price) of the others that are sold in
    this category.
    """

    name: str
    price: int
    prices: tuple[tuple[int, int], ...] = ()

    def price_of(self, price_type: int) -> int | None:
        """What a unit costs at this price type, or None if it is not sold so."""
        return self.price if price_type == 0 else dict(self.prices).get(price_type)


class Fee(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What is charged on top: `amount` minor units and `share_ppm` millionths of the unit's price, for each unit.

    `once`: for the whole hold instead; then `share_ppm` is 0.
    """

    name: str
    amount: int
    share_ppm: int = 0
    once: bool = False


class Tax(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A tax of `rate_ppm` millionths on prices and fees, included in them or on top."""

    name: str
    rate_ppm: int
    included: bool


class RowKind(IntEnum):
    """How the seats of a row are sold."""

    ROW = 0
    TABLE = 1
    WHOLE_TABLE = 2  # all together or not at all


class Row(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A row of seats: numbered `first` to `first + count - 1`, or labelled one by one. `category` is an index.

    `accessible` and `companions`: places, from 0, of the seats that are held back for who needs them.
    """

    name: str
    category: int
    first: int
    count: int
    labels: tuple[str, ...] = ()
    kind: RowKind = RowKind.ROW
    accessible: tuple[int, ...] = ()
    companions: tuple[int, ...] = ()

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
    """A named group of rows. `at`: the middle of its first row, (x, y) in half seat widths; see `Layout.focus`.

    A row stands two half widths behind the row before it.
    """

    name: str
    rows: tuple[Row, ...]
    at: tuple[int, int] = (0, 0)


class Area(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """General admission: `capacity` places that are all alike."""

    name: str
    category: int
    capacity: int


class Hours(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Opening hours as they were written, in local time, for the days from `first_day` to `last_day` since 1970.

    `weekly`: (weekday, 0 a Monday; minute of that day when it opens; and when it closes, which may be on the next day).
    `closed`: (from, until) in minutes since 1970.
    """

    first_day: int
    last_day: int
    weekly: tuple[tuple[int, int, int], ...]
    closed: tuple[tuple[int, int], ...] = ()


class Calendar(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """When slots are: `runs` of (start in ms since 1970 UTC, slots, minutes of local time ahead of UTC), in order.

    Resolved from local times when the layout was read, so that a block needs no zone rules: `zone`, and the `hours` it
    was resolved from, are for people.
    """

    zone: str
    slot_ms: int
    runs: tuple[tuple[int, int, int], ...]
    hours: Hours | None = None

    @property
    def slot_count(self) -> int:
        """How many slots there are."""
        return sum(count for _, count, _ in self.runs)

    @property
    def times_ms(self) -> tuple[int, int] | None:
        """When the first slot begins and the last one ends; None if there is none."""
        if not self.runs:
            return None
        start_ms, count, _ = self.runs[-1]
        return self.runs[0][0], start_ms + count * self.slot_ms


class Resource(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A court or a room, sold by slots of `calendar` (an index). Between two holds `buffer_ms` stay unsold."""

    name: str
    category: int
    calendar: int
    buffer_ms: int = 0


class Layout(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What can be sold at an event, validated as a whole (see `layout_soundness`).

    `price_types`: the first is what is meant where none is named; none given: there is one, without a name. `focus`:
    what seats are the better the nearer to it they are, (x, y) in half seat widths; none: the layout's order ranks
    them.
    """

    currency: str
    categories: tuple[Category, ...]
    sections: tuple[Section, ...]
    areas: tuple[Area, ...]
    resources: tuple[Resource, ...] = ()
    calendars: tuple[Calendar, ...] = ()
    price_types: tuple[str, ...] = ()
    fees: tuple[Fee, ...] = ()
    tax: Tax | None = None
    focus: tuple[int, int] | None = None

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
    def slot_count(self) -> int:
        """How many slots there are, of all resources together."""
        return sum(self.calendars[resource.calendar].slot_count for resource in self.resources)

    @property
    def text_bytes(self) -> int:
        """What the names of its rows and tables and the labels of their seats take."""
        return sum(text_bytes((row.name, *row.labels)) for _, row in self.rows())

    @property
    def capacity(self) -> int:
        """How many units there are: seats, places and slots together."""
        return self.seat_count + self.slot_count + sum(area.capacity for area in self.areas)
