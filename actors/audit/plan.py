"""The units of one layout, numbered, named and priced, by the auditor's own reading.

Seats are numbered through the layout's rows; behind them the slots, resource by resource. Areas are numbered too. The
name of a slot tells local time, but what makes it the same slot in another layout is its resource and when it begins.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Set
from datetime import UTC, datetime, timedelta, timezone
from typing import TypeAlias

import msgspec

from actors.core import entries as e

BY_SEAT, TABLE, WHOLE_TABLE = 0, 1, 2
PLAIN, ACCESSIBLE, COMPANION = 0, 1, 2

Name: TypeAlias = tuple[str, ...] | tuple[str, int]
"""What is the same unit in every layout: section, row and label of a seat; resource and beginning of a slot."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Row(msgspec.Struct, frozen=True):
    """A row or table: its seats are numbered from `first`. `x`, `y`: of the first one, in half seat widths."""

    section: str
    name: str
    category: int
    first: int
    labels: tuple[str, ...] | range
    kind: int
    x: int
    y: int

    @property
    def seats(self) -> range:
        """The numbers of its seats."""
        return range(self.first, self.first + len(self.labels))


class Area(msgspec.Struct, frozen=True):
    """Places that are all alike."""

    name: str
    category: int
    capacity: int


class Resource(msgspec.Struct, frozen=True):
    """What is sold by slots, numbered from `first`: slot `i` begins at `starts_ms[i]`, `ahead_min[i]` ahead of UTC."""

    name: str
    category: int
    first: int
    starts_ms: "array[int]"
    ahead_min: "array[int]"
    slot_ms: int
    buffer_ms: int

    @property
    def slots(self) -> range:
        """The numbers of its slots."""
        return range(self.first, self.first + len(self.starts_ms))


class Plan:
    """What can be sold under one layout; without an event there is nothing."""

    def __init__(self, created: e.EventCreated | None = None) -> None:
        self.rows: list[Row] = []
        self.areas: list[Area] = []
        self.resources: list[Resource] = []
        self.special: dict[int, int] = {}  # the seats that are accessible or beside such a one
        self.currency = ""
        self.categories: list[str] = []
        self.price_types: tuple[str, ...] = ()
        self.prices: list[dict[int, int]] = []  # of each category: by price type
        self.fees: list[tuple[int, int, bool]] = []  # amount, millionths of the price, once for all
        self.tax: tuple[int, bool] | None = None  # millionths, included
        self.fee_names: tuple[str, ...] = ()
        self.tax_name = ""
        self.focus: tuple[int, int] | None = None
        self.seat_count = 0
        if created is not None:
            self._read(created)
        self._row_firsts = [row.first for row in self.rows]
        self._row_of_name = {(row.section, row.name): row for row in self.rows}
        self._resource_firsts = [resource.first for resource in self.resources]
        self._resource_of_name = {resource.name: resource for resource in self.resources}
        self.area_of_name = {area.name: number for number, area in enumerate(self.areas)}
        self._rows_of_section: dict[str, list[Row]] = {}
        for row in self.rows:
            self._rows_of_section.setdefault(row.section, []).append(row)
        self.has_whole_tables = any(row.kind == WHOLE_TABLE for row in self.rows)
        self.unit_count = self.seat_count + sum(len(resource.slots) for resource in self.resources)
        self.capacity = self.unit_count + sum(area.capacity for area in self.areas)

    def _read(self, created: e.EventCreated) -> None:
        layout = created.layout
        self.currency, self.price_types, self.focus = layout.currency, layout.price_types, layout.focus
        for category in layout.categories:
            self.categories.append(category.name)
            self.prices.append({**dict(category.prices), 0: category.price})
        self.fees = [(fee.amount, fee.share_ppm, fee.once) for fee in layout.fees]
        self.tax = None if layout.tax is None else (layout.tax.rate_ppm, layout.tax.included)
        self.fee_names = tuple(fee.name for fee in layout.fees)
        self.tax_name = "" if layout.tax is None else layout.tax.name
        self.areas = [Area(area.name, area.category, area.capacity) for area in layout.areas]
        for section in layout.sections:
            middle_x, y = section.at
            for row in section.rows:
                labels = row.labels or range(row.first, row.first + row.count)
                x = middle_x - (row.count - 1)
                own = Row(section.name, row.name, row.category, self.seat_count, labels, int(row.kind), x, y)
                self.rows.append(own)
                self.special.update((own.first + place, COMPANION) for place in row.companions)
                self.special.update((own.first + place, ACCESSIBLE) for place in row.accessible)
                self.seat_count += row.count
                y += 2
        times: list[tuple[array[int], array[int]]] = []
        for calendar in layout.calendars:
            starts_ms, ahead_min = array("q"), array("h")
            for start_ms, count, ahead in calendar.runs:
                starts_ms.extend(range(start_ms, start_ms + count * calendar.slot_ms, calendar.slot_ms))
                ahead_min.extend([ahead] * count)
            times.append((starts_ms, ahead_min))
        first = self.seat_count
        for resource in layout.resources:
            starts_ms, ahead_min = times[resource.calendar]
            slot_ms = layout.calendars[resource.calendar].slot_ms
            self.resources.append(
                Resource(resource.name, resource.category, first, starts_ms, ahead_min, slot_ms, resource.buffer_ms)
            )
            first += len(starts_ms)

    @property
    def sections(self) -> Set[str]:
        """The names of its sections."""
        return self._rows_of_section.keys()

    @property
    def type_count(self) -> int:
        """How many price types there are; one that has no name is one too."""
        return len(self.price_types) or 1

    def row_number(self, seat: int) -> int:
        """Which row has the seat."""
        return bisect_right(self._row_firsts, seat) - 1

    def row_of(self, seat: int) -> Row:
        """The row that has the seat."""
        return self.rows[self.row_number(seat)]

    def whole_table_of(self, unit: int) -> range | None:
        """The seats of the table that is sold only whole and has this seat."""
        row = self.row_of(unit) if self.has_whole_tables and unit < self.seat_count else None
        return row.seats if row is not None and row.kind == WHOLE_TABLE else None

    def resource_of(self, slot: int) -> Resource:
        """The resource whose slot this is."""
        return self.resources[bisect_right(self._resource_firsts, slot) - 1]

    def category_of(self, unit: int) -> int:
        """The category of a seat or slot."""
        return self.row_of(unit).category if unit < self.seat_count else self.resource_of(unit).category

    def slot_ms(self, unit: int) -> int:
        """How long the slot is; 0 for a seat."""
        return 0 if unit < self.seat_count else self.resource_of(unit).slot_ms

    def begins_ms(self, slot: int) -> int:
        """When the slot begins."""
        resource = self.resource_of(slot)
        return resource.starts_ms[slot - resource.first]

    def near(self, slot: int) -> Iterator[int]:
        """The other slots of the resource between which and this one there is less than its buffer."""
        resource = self.resource_of(slot)
        if not resource.buffer_ms:
            return
        begins_ms = self.begins_ms(slot)
        reach_ms = resource.slot_ms + resource.buffer_ms  # so far apart two slots must begin
        first = bisect_right(resource.starts_ms, begins_ms - reach_ms)
        for place in range(first, bisect_left(resource.starts_ms, begins_ms + reach_ms)):
            if resource.first + place != slot:
                yield resource.first + place

    def unit_name(self, unit: int) -> str:
        """What clients call the seat or slot."""
        if not 0 <= unit < self.unit_count:
            return f"unit {unit}"
        if unit < self.seat_count:
            row = self.row_of(unit)
            return f"{row.section}/{row.name}/{row.labels[unit - row.first]}"
        resource = self.resource_of(unit)
        zone = timezone(timedelta(minutes=resource.ahead_min[unit - resource.first]))
        begins = _EPOCH.astimezone(zone) + timedelta(milliseconds=self.begins_ms(unit))
        return f"{resource.name}/{begins.isoformat(timespec='minutes')}"

    def area_name(self, area: int) -> str:
        """What clients call the area."""
        return self.areas[area].name if 0 <= area < len(self.areas) else f"area {area}"

    def name_of(self, unit: int) -> Name:
        """What makes the unit the same in another layout."""
        if unit < self.seat_count:
            row = self.row_of(unit)
            return row.section, row.name, str(row.labels[unit - row.first])
        return self.resource_of(unit).name, self.begins_ms(unit)

    def find(self, name: Name) -> int | None:
        """The number of the unit in this layout, if it is there."""
        if len(name) == 3:
            row = self._row_of_name.get((name[0], str(name[1])))
            place = None if row is None else _place_of(row.labels, str(name[2]))
            return None if row is None or place is None else row.first + place
        resource = self._resource_of_name.get(name[0])
        if resource is None:
            return None
        begins_ms = int(name[1])
        place = bisect_left(resource.starts_ms, begins_ms)
        there = place < len(resource.starts_ms) and resource.starts_ms[place] == begins_ms
        return resource.first + place if there else None

    def units_called(self, text: str) -> range | None:
        """The seat or slot of this name, or the seats of this table."""
        parts = text.split("/")
        unit = None
        if len(parts) == 3:
            unit = self.find((parts[0], parts[1], parts[2]))
        elif len(parts) == 2:
            row = self._row_of_name.get((parts[0], parts[1]))
            if row is not None and row.kind != BY_SEAT:
                return row.seats
            begins_ms = _ms_of(parts[1])
            unit = None if begins_ms is None else self.find((parts[0], begins_ms))
        return None if unit is None else range(unit, unit + 1)

    def units_below(self, text: str) -> list[int] | None:
        """All units of this section, row, table, seat, resource or slot."""
        units = self.units_called(text)
        if units is not None:
            return list(units)
        if text in self._resource_of_name:
            return list(self._resource_of_name[text].slots)
        section, slash, name = text.partition("/")
        if slash:
            row = self._row_of_name.get((section, name))
            return None if row is None else list(row.seats)
        return [seat for row in self._rows_of_section.get(text, ()) for seat in row.seats] or None

    def span(self, name: str, starts_ms: int, ends_ms: int) -> range | None:
        """The slots of the resource that fill this time, each beginning where the one before it ends."""
        resource = self._resource_of_name.get(name)
        first = None if resource is None else self.find((name, starts_ms))
        if resource is None or first is None:
            return None
        count, rest = divmod(max(ends_ms - starts_ms, 0), resource.slot_ms)
        place = first - resource.first
        filled = resource.starts_ms[place : place + count]
        wanted = range(starts_ms, ends_ms, resource.slot_ms)
        is_filled = not rest and 0 < count == len(filled) and list(filled) == list(wanted)
        return range(first, first + count) if is_filled else None


def _place_of(labels: tuple[str, ...] | range, label: str) -> int | None:
    if isinstance(labels, tuple):
        return labels.index(label) if label in labels else None
    digits = label.isascii() and label.isdigit() and len(label) < 10 and str(int(label)) == label
    return int(label) - labels.start if digits and int(label) in labels else None


def _ms_of(text: str) -> int | None:
    """A time that says how far it is from UTC."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if when.tzinfo is None else (when - _EPOCH) // timedelta(milliseconds=1)
