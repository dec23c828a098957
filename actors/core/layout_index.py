"""The units of one layout, named and numbered.

A seat is named `section/row/seat`, a slot `resource/2026-10-25T02:30+02:00`: when it begins, local time with its
distance from UTC, so that the hour that comes twice has two names. Inside a block a unit is its number: seats in the
layout's order, then slots by resource and time. Places of an area are all alike and have no number of their own; an
area is its index.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone

from actors.core.layout import Calendar, Layout, Row, RowKind, Section
from actors.core.pricing import PriceList

_MS = timedelta(milliseconds=1)
_FEW_LABELS = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LayoutIndex:
    """Names to numbers and back, for one layout. Built once per block; costs memory per row, run and accessible seat,
    and per label of long rows.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.seat_count = layout.seat_count
        self.unit_count = self.seat_count + layout.slot_count
        self.area_of_name = {area.name: index for index, area in enumerate(layout.areas)}
        self.section_of_name = {section.name: index for index, section in enumerate(layout.sections)}
        self.has_tables = False
        self._rows: list[tuple[Section, Row]] = list(layout.rows())
        self._bases: list[int] = []  # the number of each row's first seat
        self._row_of_name: dict[tuple[str, str], int] = {}
        self._seats_of_section: dict[str, range] = {}
        self._special: set[int] = set()
        self._places_of_row: dict[int, dict[str, int]] = {}  # of labels, where there are many, once asked for
        self.label_count = 0
        base = 0
        for number, (section, row) in enumerate(self._rows):
            self._bases.append(base)
            self._row_of_name[section.name, row.name] = number
            self.has_tables = self.has_tables or row.kind is not RowKind.ROW
            first = self._seats_of_section.get(section.name, range(base, base)).start
            self._special.update(base + place for place in (*row.accessible, *row.companions))
            base += row.count
            self.label_count += len(row.labels)
            self._seats_of_section[section.name] = range(first, base)
        self.slots = SlotIndex(layout, base)
        self.prices = PriceList(layout)
        self.has_only_rows = not self.has_tables and not layout.resources  # then a unit has one name

    def with_prices_of(self, layout: Layout) -> "LayoutIndex":
        """The index of a layout of the same rows and slots, sharing all that is of these."""
        index = LayoutIndex.__new__(LayoutIndex)
        vars(index).update(vars(self))
        index.layout = layout
        index.area_of_name = {area.name: number for number, area in enumerate(layout.areas)}
        index.prices = PriceList(layout)
        return index

    @property
    def row_count(self) -> int:
        """How many rows and tables there are."""
        return len(self._rows)

    def find_unit(self, name: str) -> tuple[int, int] | None:
        """The numbers of the seat or slot of this name and of its price category, or None if there is none."""
        parts = name.split("/")
        if len(parts) == 2:
            return self.slots.find(parts[0], parts[1])
        if len(parts) != 3:
            return None
        number = self._row_of_name.get((parts[0], parts[1]))
        if number is None:
            return None
        row = self._rows[number][1]
        if len(row.labels) > _FEW_LABELS:
            place = self._places_of(number).get(parts[2])
        else:
            place = row.place_of(parts[2]) if parts[2] else None
        return None if place is None else (self._bases[number] + place, row.category)

    def find_table(self, name: str) -> range | None:
        """The seats of the table named `section/table`, or None if there is none."""
        section, slash, table = name.partition("/")
        number = self._row_of_name.get((section, table)) if slash else None
        if number is None or self._rows[number][1].kind is RowKind.ROW:
            return None
        return range(self._bases[number], self._bases[number] + self._rows[number][1].count)

    def find_units(self, name: str) -> range | None:
        """The seats or slots of a section, a row or table (`section/row`), a seat, a resource or a slot."""
        if name in self.slots.resource_of_name:
            return self.slots.of_resource(self.slots.resource_of_name[name])
        one = self.find_unit(name)
        if one is not None:
            return range(one[0], one[0] + 1)
        section, slash, row_name = name.partition("/")
        if not slash:
            return self._seats_of_section.get(section)
        number = self._row_of_name.get((section, row_name))
        return None if number is None else self._seats_of_row(number)

    def unit_name(self, unit: int) -> str:
        """The name of the seat or slot of this number."""
        assert 0 <= unit < self.unit_count
        if unit >= self.seat_count:
            return self.slots.name(unit)
        section, row, first = self.row_span(self.row_of_seat(unit))
        return f"{section.name}/{row.name}/{row.seat_label(unit - first)}"

    def seats_of_section(self, section: str) -> range:
        """The section's seats. Raises KeyError if there is no such section."""
        return self._seats_of_section[section]

    def row_of_seat(self, seat: int) -> int:
        """The index, in the layout's order, of the row that holds the seat of this number."""
        return bisect_right(self._bases, seat) - 1

    def table_of_seat(self, seat: int) -> range | None:
        """All seats of the table that is sold only as a whole and has this seat, or None; slots are at no table."""
        if seat >= self.seat_count:
            return None
        number = self.row_of_seat(seat)
        return self._seats_of_row(number) if self._rows[number][1].kind is RowKind.WHOLE_TABLE else None

    def is_special(self, unit: int) -> bool:
        """Whether it is an accessible seat, or that of a companion."""
        return unit in self._special

    def category_of_unit(self, unit: int) -> int:
        """The index of the unit's price category."""
        if unit >= self.seat_count:
            return self.layout.resources[self.slots.resource_of_unit(unit)].category
        return self._rows[self.row_of_seat(unit)][1].category

    def row_span(self, number: int) -> tuple[Section, Row, int]:
        """The row of this index with its section and the number of its first seat."""
        return *self._rows[number], self._bases[number]

    def row_spans(self) -> Iterator[tuple[Section, Row, int]]:
        """Every row with its section and the number of its first seat."""
        for (section, row), base in zip(self._rows, self._bases, strict=True):
            yield section, row, base

    def _places_of(self, number: int) -> dict[str, int]:
        places = self._places_of_row.get(number)
        if places is None:
            labels = self._rows[number][1].labels
            places = self._places_of_row[number] = {label: place for place, label in enumerate(labels)}
        return places

    def _seats_of_row(self, number: int) -> range:
        return range(self._bases[number], self._bases[number] + self._rows[number][1].count)


def shares_rows_and_slots(one: Layout, other: Layout) -> bool:
    """Whether both have the very same rows and slots, each once in memory."""
    return one.sections is other.sections and one.resources is other.resources and one.calendars is other.calendars


def has_same_units(one: Layout, other: Layout) -> bool:
    """Whether names, numbers and lengths of all seats and slots, and the names of all areas, are the same in both.

    No also where the same labels are written in another way.
    """
    if shares_rows_and_slots(one, other):
        return [area.name for area in one.areas] == [area.name for area in other.areas]
    return _numbered(one) == _numbered(other)


def _numbered(layout: Layout) -> tuple[object, ...]:
    return (
        [(section.name, row.name, row.first, row.count, row.labels) for section, row in layout.rows()],
        [area.name for area in layout.areas],
        [(resource.name, resource.calendar) for resource in layout.resources],
        [(calendar.slot_ms, calendar.runs) for calendar in layout.calendars],
    )


class SlotIndex:
    """The slots of the resources: units from `base` on."""

    def __init__(self, layout: Layout, base: int) -> None:
        self.base = base
        self.resource_of_name = {resource.name: index for index, resource in enumerate(layout.resources)}
        self._resources = layout.resources
        self._calendars = [_CalendarIndex(calendar) for calendar in layout.calendars]
        self._bases: list[int] = []  # the number of each resource's first slot
        for resource in layout.resources:
            self._bases.append(base)
            base += self._calendars[resource.calendar].slot_count
        self.end = base

    def find(self, resource: str, begins: str) -> tuple[int, int] | None:
        """The numbers of the slot of this resource that begins at this time, and of its category, or None."""
        index = self.resource_of_name.get(resource)
        if index is None:
            return None
        start_ms = _parsed_ms(begins)
        slot = None if start_ms is None else self._calendar(index).slot_at(start_ms)
        return None if slot is None else (self._bases[index] + slot, self._resources[index].category)

    def span(self, resource: int, start_ms: int, end_ms: int) -> range | None:
        """The slots that fill the time from start to end without a gap, or None if they do not fill it exactly."""
        calendar = self._calendar(resource)
        first, last = calendar.slot_at(start_ms), calendar.slot_at(end_ms - calendar.slot_ms)
        if first is None or last is None or end_ms - start_ms != (last + 1 - first) * calendar.slot_ms:
            return None
        return range(self._bases[resource] + first, self._bases[resource] + last + 1)

    def beginning_between(self, resource: int, from_ms: int, until_ms: int) -> range:
        """The slots that begin at the one time or later, and before the other."""
        calendar, base = self._calendar(resource), self._bases[resource]
        return range(base + calendar.slot_from(from_ms), base + calendar.slot_from(until_ms))

    def of_resource(self, resource: int) -> range:
        """All slots of the resource."""
        base = self._bases[resource]
        return range(base, base + self._calendar(resource).slot_count)

    def resource_of_unit(self, unit: int) -> int:
        """The index of the resource whose slot this is."""
        assert self.base <= unit < self.end
        return bisect_right(self._bases, unit) - 1

    def times_ms(self, unit: int) -> tuple[int, int]:
        """When the slot begins and ends."""
        resource = self.resource_of_unit(unit)
        calendar = self._calendar(resource)
        start_ms = calendar.start_ms(unit - self._bases[resource])
        return start_ms, start_ms + calendar.slot_ms

    def slot_ms(self, resource: int) -> int:
        """How long a slot of the resource is."""
        return self._calendar(resource).slot_ms

    def around(self, first: int, last: int) -> range:
        """The slots of a resource that are less than its buffer away from those from first to last, and these."""
        resource = self.resource_of_unit(first)
        calendar, base, buffer_ms = self._calendar(resource), self._bases[resource], self._resources[resource].buffer_ms
        start_ms, end_ms = calendar.start_ms(first - base), calendar.start_ms(last - base) + calendar.slot_ms
        behind = calendar.slot_from(start_ms - buffer_ms - calendar.slot_ms + 1)
        return range(base + behind, base + calendar.slot_from(end_ms + buffer_ms))

    def surroundings(self, slots: Sequence[int]) -> Iterator[range]:
        """All that is around any of these slots, which rise: each slot once, in ranges that rise."""
        done = 0
        for first, last in self._stretches(slots):
            around = self.around(first, last)
            yield range(max(around.start, done), around.stop)
            done = around.stop

    def _stretches(self, slots: Sequence[int]) -> Iterator[tuple[int, int]]:
        """First and last of each stretch of slots of one resource that follow each other."""
        first = 0
        for place, slot in enumerate(slots, 1):
            ends = place == len(slots) or slots[place] > slot + 1
            if ends or self.resource_of_unit(slots[place]) != self.resource_of_unit(slot):
                yield slots[first], slot
                first = place

    def name(self, unit: int) -> str:
        """The name of the slot of this number."""
        resource = self.resource_of_unit(unit)
        calendar = self._calendar(resource)
        slot = unit - self._bases[resource]
        zone = timezone(timedelta(minutes=calendar.minutes_ahead(slot)))
        begins = (_EPOCH + calendar.start_ms(slot) * _MS).astimezone(zone)
        return (
            f"{self._resources[resource].name}/{begins.isoformat(timespec='seconds' if begins.second else 'minutes')}"
        )

    def _calendar(self, resource: int) -> "_CalendarIndex":
        return self._calendars[self._resources[resource].calendar]


class _CalendarIndex:
    """A calendar's slots, numbered from 0 in the order of time."""

    def __init__(self, calendar: Calendar) -> None:
        self.slot_ms = calendar.slot_ms
        self._runs = calendar.runs
        self._starts_ms = [start_ms for start_ms, _, _ in calendar.runs]
        self._firsts: list[int] = []
        self.slot_count = 0
        for _, count, _ in calendar.runs:
            self._firsts.append(self.slot_count)
            self.slot_count += count

    def slot_at(self, start_ms: int) -> int | None:
        """The slot that begins just then, or None."""
        run = bisect_right(self._starts_ms, start_ms) - 1
        if run < 0:
            return None
        slot, rest = divmod(start_ms - self._starts_ms[run], self.slot_ms)
        return self._firsts[run] + slot if not rest and slot < self._runs[run][1] else None

    def slot_from(self, at_ms: int) -> int:
        """The first slot that begins then or later; where all begin earlier, as many as there are."""
        run = bisect_right(self._starts_ms, at_ms) - 1
        if run < 0:
            return 0
        begun = -(-(at_ms - self._starts_ms[run]) // self.slot_ms)
        return self._firsts[run] + min(begun, self._runs[run][1])

    def start_ms(self, slot: int) -> int:
        """When the slot begins."""
        run = bisect_right(self._firsts, slot) - 1
        return self._starts_ms[run] + (slot - self._firsts[run]) * self.slot_ms

    def minutes_ahead(self, slot: int) -> int:
        """How far local time is ahead of UTC at the slot."""
        return self._runs[bisect_right(self._firsts, slot) - 1][2]


def _parsed_ms(text: str) -> int | None:
    """A time with its distance from UTC, in ms; None if it is not one. Python reads more spellings than we write."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if when.tzinfo is None else (when - _EPOCH) // _MS
