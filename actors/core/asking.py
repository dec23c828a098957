"""From names to numbers: what a wish means in a layout, before anybody asks who has it."""

from typing import NamedTuple

from actors.core.layout import Layout
from actors.core.layout_index import LayoutIndex
from actors.core.outcomes import Details, Reason, Rejected
from actors.core.pricing import price_point
from actors.core.rules import Rules
from actors.core.wishes import MAX_UNITS_PER_HOLD, AreaPlaces, BestSeats, Span, Wish, is_plain


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
    """As `BestSeats`, in numbers; None: any section, any category. `types`: one for each seat.

    Only categories that are sold at all these types are left.
    """

    quantity: int
    sections: frozenset[int] | None
    categories: frozenset[int] | None
    accessible: int
    split: bool
    types: list[int]

    def names(self, layout: Layout) -> tuple[str, ...]:
        """Of the sections and categories that it is narrowed to."""
        sections = (layout.sections[section].name for section in sorted(self.sections or ()))
        return (*sections, *(layout.categories[category].name for category in sorted(self.categories or ())))


def read_wish(index: LayoutIndex, rules: Rules, wish: Wish) -> Asked | Rejected:
    """What is wished for, or what of it is not there: UNIT_UNKNOWN, TABLE_NOT_WHOLE, or INVALID_ARGUMENT."""
    if is_plain(wish) and index.has_only_rows:
        return _read_seats(index, wish.seats)
    reading = _Reading(index)
    asked = reading.read(wish)
    if wish.channel and rules.channel(wish.channel) is None:
        reading.unknown.append(wish.channel)
    if reading.unknown:
        return Rejected(Reason.UNIT_UNKNOWN, Details(units=tuple(reading.unknown)))
    quantity = reading.named + asked.quantity - len(asked.seats)
    if quantity > MAX_UNITS_PER_HOLD:
        fault = f"units: a hold takes 1 to {MAX_UNITS_PER_HOLD} units, not {quantity}"
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=(fault,)))
    if len(set(asked.seats)) != len(asked.seats):
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=("units: a unit is asked for twice",)))
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


def _only_whole_tables(index: LayoutIndex, seats: list[int]) -> Rejected | None:
    """Why these seats cannot be had together: some are of a table of which others are missing; those are named."""
    asked_for = set(seats)
    missing = [
        index.unit_name(seat)
        for table in dict.fromkeys(filter(None, map(index.table_of_seat, seats)))
        for seat in table
        if seat not in asked_for
    ]
    return Rejected(Reason.TABLE_NOT_WHOLE, Details(units=tuple(missing))) if missing else None


class _Reading:
    """One reading of one wish. What is not known reads as something harmless and is noted.

    `named`: how many seats and slots the names stand for. Those that are too many for a hold are counted only: a table
    or a span may have a million.
    """

    def __init__(self, index: LayoutIndex) -> None:
        self.unknown: list[str] = []
        self.named = 0
        self._index = index
        self._layout: Layout = index.layout

    def read(self, wish: Wish) -> Asked:
        """All of it."""
        asked = Asked([], [], [], [], [])
        types = dict(wish.seat_types)
        for name in wish.seats:
            self._add_units(asked, name, types.get(name, ""))
        for span in wish.spans:
            self._add_slots(asked, span)
        for places in wish.areas:
            self._add_places(asked, places)
        asked.best.extend(self._best(best) for best in wish.best)
        return asked

    def _add_units(self, asked: Asked, name: str, type_name: str) -> None:
        """A seat, a slot, or the seats of a table."""
        found = self._index.find_unit(name)
        units = range(found[0], found[0] + 1) if found is not None else None
        if units is None and self._index.has_tables:
            units = self._index.find_table(name)
        if units is None:
            self.unknown.append(name)
        price_type = self._price_type(type_name)
        if units is not None:
            self._add(asked, units, self._index.category_of_unit(units.start), price_type)

    def _add_slots(self, asked: Asked, span: Span) -> None:
        """The slots of a resource in this time."""
        number = self._index.slots.resource_of_name.get(span.resource)
        slots = None if number is None else self._index.slots.span(number, span.starts_at_ms, span.ends_at_ms)
        if slots is None:
            self.unknown.append(span.resource)
        price_type = self._price_type(span.price_type)
        if number is not None and slots is not None:
            self._add(asked, slots, self._layout.resources[number].category, price_type)

    def _add(self, asked: Asked, units: range, category: int, price_type: int) -> None:
        self.named += len(units)
        point = self._point(category, price_type)
        if self.named <= MAX_UNITS_PER_HOLD:
            asked.seats.extend(units)
            asked.seat_points.extend(point for _ in units)

    def _add_places(self, asked: Asked, places: AreaPlaces) -> None:
        area = self._index.area_of_name.get(places.area)
        if area is None:
            self.unknown.append(places.area)
        price_type = self._price_type(places.price_type)
        if area is not None:
            asked.areas.append((area, places.quantity))
            asked.area_points.append(self._point(self._layout.areas[area].category, price_type))

    def _point(self, category: int, price_type: int) -> int:
        """The price point, at which units must be sold."""
        if price_type and self._layout.categories[category].price_of(price_type) is None:
            self.unknown.append(f"{self._layout.price_types[price_type]} ({self._layout.categories[category].name})")
        return price_point(self._layout, category, price_type)

    def _price_type(self, name: str) -> int:
        """The price type's index."""
        if not name:
            return 0
        if name not in self._layout.price_types:
            self.unknown.append(name)
            return 0
        return self._layout.price_types.index(name)

    def _best(self, best: BestSeats) -> AskedBest:
        """The choice that is left to us."""
        categories = {category.name: index for index, category in enumerate(self._layout.categories)}
        types = [number for name, quantity in best.price_types for number in [self._price_type(name)] * quantity]
        types += [0] * (best.quantity - len(types))
        asked_for = self._numbers(best.categories, categories)
        return AskedBest(
            best.quantity,
            self._numbers(best.sections, self._index.section_of_name),
            asked_for if not any(types) else self._sold_at(set(types), asked_for),
            best.accessible,
            best.split,
            types,
        )

    def _sold_at(self, price_types: set[int], asked_for: frozenset[int] | None) -> frozenset[int]:
        """Those of the categories that are sold at all these price types."""
        every = frozenset(range(len(self._layout.categories)))
        among = every if asked_for is None else asked_for
        sold_at = {
            price_type: {c for c in among if self._layout.categories[c].price_of(price_type) is not None}
            for price_type in price_types
        }
        found = frozenset(among).intersection(*sold_at.values())
        if among and not found:
            self.unknown.extend(
                self._layout.price_types[price_type] for price_type in sorted(price_types) if price_type
            )
        return found

    def _numbers(self, names: tuple[str, ...], known: dict[str, int]) -> frozenset[int] | None:
        self.unknown.extend(name for name in names if name not in known)
        return frozenset(known[name] for name in names if name in known) if names else None
