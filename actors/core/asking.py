"""From names to numbers: what a wish means in a layout, before anybody asks who has it."""

from typing import NamedTuple

from actors.core.layout import Layout
from actors.core.layout_index import LayoutIndex
from actors.core.outcomes import Details, Reason, Rejected
from actors.core.pricing import price_point
from actors.core.wishes import MAX_UNITS_PER_HOLD, BestSeats, Span, Wish, is_plain


class Asked(NamedTuple):
    """Seats and slots by number, areas as (area, quantity), choices left to us; the price points of seats and areas."""

    seats: list[int]
    areas: list[tuple[int, int]]
    best: "list[AskedBest]"
    seat_points: list[int]
    area_points: list[int]

    @property
    def quantity(self) -> int:
        """How many units there are."""
        quantity = len(self.seats) + sum(places for _, places in self.areas)
        return quantity + sum(best.quantity for best in self.best)


class AskedBest(NamedTuple):
    """As `BestSeats`, in numbers; None: any section, any category. `types`: one for each seat."""

    quantity: int
    sections: frozenset[int] | None
    categories: frozenset[int] | None
    accessible: int
    split: bool
    types: list[int]


def read_wish(index: LayoutIndex, wish: Wish) -> Asked | Rejected:
    """What is wished for, or what of it is not there: UNIT_UNKNOWN, TABLE_NOT_WHOLE, or INVALID_ARGUMENT."""
    if is_plain(wish) and index.has_only_rows:
        return _read_seats(index, wish.seats)
    reading = _Reading(index)
    asked = Asked([], [], [], [], [])
    _read_all(reading, asked, wish)
    if reading.unknown:
        return Rejected(Reason.UNIT_UNKNOWN, Details(units=tuple(reading.unknown)))
    if len(set(asked.seats)) != len(asked.seats):
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=("units: a unit is asked for twice",)))
    if asked.quantity > MAX_UNITS_PER_HOLD:
        fault = f"units: a hold takes 1 to {MAX_UNITS_PER_HOLD} units, not {asked.quantity}"
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=(fault,)))
    return (_only_whole_tables(index, asked.seats) if index.has_tables else None) or asked


def _read_seats(index: LayoutIndex, names: tuple[str, ...]) -> Asked | Rejected:
    """What most wishes come to, and therefore quickly: seats that are in no table, at the first price type."""
    found = list(map(index.find_unit, names))
    if None in found:
        unknown = tuple(name for name, unit in zip(names, found, strict=True) if unit is None)
        return Rejected(Reason.UNIT_UNKNOWN, Details(units=unknown))
    types = max(len(index.layout.price_types), 1)
    seats = [unit[0] for unit in found if unit is not None]
    return Asked(seats, [], [], [unit[1] * types for unit in found if unit is not None], [])


def _read_all(reading: "_Reading", asked: Asked, wish: Wish) -> None:
    types = dict(wish.seat_types)
    for name in wish.seats:
        reading.add_units(asked, name, reading.price_type(types[name]) if name in types else 0)
    for span in wish.spans:
        reading.add_slots(asked, span)
    for places in wish.areas:
        area = reading.area(places.area)
        asked.areas.append((area, places.quantity))
        asked.area_points.append(reading.point(reading.category_of_area(area), reading.price_type(places.price_type)))
    asked.best.extend(reading.best(best) for best in wish.best)


def _only_whole_tables(index: LayoutIndex, seats: list[int]) -> Rejected | None:
    """Why these seats cannot be had together: some are of a table of which others are missing; those are named."""
    asked_for = set(seats)
    missing = [
        index.unit_name(seat)
        for table in dict.fromkeys(index.table_of_seat(unit) for unit in seats if unit < index.seat_count)
        if table is not None
        for seat in table
        if seat not in asked_for
    ]
    return Rejected(Reason.TABLE_NOT_WHOLE, Details(units=tuple(missing))) if missing else None


class _Reading:
    """One reading of one wish. What is not known reads as something harmless and is noted."""

    def __init__(self, index: LayoutIndex) -> None:
        self.unknown: list[str] = []
        self._index = index
        self._layout: Layout = index.layout
        self._has_types = len(index.layout.price_types) > 1

    def add_units(self, asked: Asked, name: str, price_type: int) -> None:
        """A seat, a slot, or the seats of a table."""
        found = self._index.find_unit(name)
        if found is not None:
            asked.seats.append(found[0])
            asked.seat_points.append(self.point(found[1], price_type))
            return
        table = self._index.find_table(name) if self._index.has_tables else None
        if table is None:
            self.unknown.append(name)
            return
        asked.seats.extend(table)
        point = self.point(self._index.category_of_unit(table.start), price_type)
        asked.seat_points.extend(point for _ in table)

    def add_slots(self, asked: Asked, span: Span) -> None:
        """The slots of a resource in this time."""
        slots = self._index.slots
        number = slots.resource_of_name.get(span.resource)
        found = None if number is None else slots.span(number, span.starts_at_ms, span.ends_at_ms)
        if number is None or found is None:
            self.unknown.append(span.resource)
            return
        asked.seats.extend(found)
        point = self.point(self._layout.resources[number].category, self.price_type(span.price_type))
        asked.seat_points.extend(point for _ in found)

    def point(self, category: int, price_type: int) -> int:
        """The price point of a category and a price type."""
        return price_point(self._layout, category, price_type) if self._has_types else category

    def category_of_area(self, area: int) -> int:
        """The area's category; of one that is not known, any."""
        return self._layout.areas[area].category if self._layout.areas else 0

    def area(self, name: str) -> int:
        """The area's index."""
        area = self._index.area_of_name.get(name)
        if area is None:
            self.unknown.append(name)
        return area or 0

    def price_type(self, name: str) -> int:
        """The price type's index."""
        if not name:
            return 0
        if name not in self._layout.price_types:
            self.unknown.append(name)
            return 0
        return self._layout.price_types.index(name)

    def best(self, best: BestSeats) -> AskedBest:
        """The choice that is left to us."""
        categories = {category.name: index for index, category in enumerate(self._layout.categories)}
        types = [number for name, quantity in best.price_types for number in [self.price_type(name)] * quantity]
        types += [0] * (best.quantity - len(types))
        return AskedBest(
            best.quantity,
            self._numbers(best.sections, self._index.section_of_name),
            self._numbers(best.categories, categories),
            best.accessible,
            best.split,
            types,
        )

    def _numbers(self, names: tuple[str, ...], known: dict[str, int]) -> frozenset[int] | None:
        self.unknown.extend(name for name in names if name not in known)
        return frozenset(known[name] for name in names if name in known) if names else None
