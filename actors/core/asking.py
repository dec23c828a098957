"""From names to numbers: what a wish means in a layout, before anybody asks who has it."""

from typing import NamedTuple

from actors.core.layout import Layout
from actors.core.layout_index import LayoutIndex
from actors.core.outcomes import Details, Reason, Rejected
from actors.core.rules import Rules
from actors.core.wishes import MAX_UNITS_PER_HOLD, BestSeats, Wish


class Asked(NamedTuple):
    """Seats and slots by number, areas as (area, quantity), choices left to us; a price type for each of them."""

    seats: list[int]
    areas: list[tuple[int, int]]
    best: "list[AskedBest]"
    seat_types: list[int]
    area_types: list[int]


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


def read_wish(index: LayoutIndex, rules: Rules, wish: Wish) -> Asked | Rejected:
    """What is wished for, or what of it is not there: UNIT_UNKNOWN, TABLE_NOT_WHOLE, or INVALID_ARGUMENT."""
    reading = _Reading(index)
    asked = Asked([], [], [], [], [])
    types = dict(wish.seat_types)
    for name in wish.seats:
        _add(asked, *reading.priced(reading.units(name), types.get(name, "")))
    for span in wish.spans:
        slots = reading.slots(span.resource, span.starts_at_ms, span.ends_at_ms)
        _add(asked, *reading.priced(slots, span.price_type))
    for places in wish.areas:
        area = reading.area(places.area)
        asked.areas.append((area or 0, places.quantity))
        asked.area_types.append(reading.area_price(area, places.price_type))
    asked.best.extend(reading.best(best) for best in wish.best)
    if wish.channel and rules.channel(wish.channel) is None:
        reading.unknown.append(wish.channel)
    if reading.unknown:
        return Rejected(Reason.UNIT_UNKNOWN, Details(units=tuple(reading.unknown)))
    if len(set(asked.seats)) != len(asked.seats):
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=("units: a unit is asked for twice",)))
    quantity = len(asked.seats) + sum(quantity for _, quantity in asked.areas)
    quantity += sum(best.quantity for best in asked.best)
    if quantity > MAX_UNITS_PER_HOLD:
        fault = f"units: a hold takes 1 to {MAX_UNITS_PER_HOLD} units, not {quantity}"
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=(fault,)))
    return _only_whole_tables(index, asked.seats) or asked


def _add(asked: Asked, units: range, price_type: int) -> None:
    asked.seats.extend(units)
    asked.seat_types.extend(price_type for _ in units)


def _only_whole_tables(index: LayoutIndex, seats: list[int]) -> Rejected | None:
    """Why these seats cannot be had together: some are of a table of which others are missing; those are named."""
    if not index.has_tables:
        return None
    asked_for = set(seats)
    missing = [
        index.unit_name(seat)
        for table in dict.fromkeys(filter(None, map(index.table_of_seat, seats)))
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

    def units(self, name: str) -> range:
        """A seat, a slot, or the seats of a table."""
        found = self._index.find_unit(name)
        if found is not None:
            return range(found[0], found[0] + 1)
        table = self._index.find_table(name) if self._index.has_tables else None
        if table is None:
            self.unknown.append(name)
        return table or range(0)

    def slots(self, resource: str, starts_at_ms: int, ends_at_ms: int) -> range:
        """The slots of the resource in this time."""
        slots = self._index.slots
        number = slots.resource_of_name.get(resource)
        found = None if number is None else slots.span(number, starts_at_ms, ends_at_ms)
        if found is None:
            self.unknown.append(resource)
        return found or range(0)

    def area(self, name: str) -> int | None:
        """The area's index."""
        area = self._index.area_of_name.get(name)
        if area is None:
            self.unknown.append(name)
        return area

    def priced(self, units: range, type_name: str) -> tuple[range, int]:
        """The units, with the price type of this name, at which their categories must be sold."""
        price_type = self.price_type(type_name)
        for category in {self._index.category_of_unit(unit) for unit in units} if price_type else ():
            self._must_be_sold(category, price_type)
        return units, price_type

    def area_price(self, area: int | None, type_name: str) -> int:
        """The price type of this name, at which the area's category must be sold."""
        price_type = self.price_type(type_name)
        if price_type and area is not None:
            self._must_be_sold(self._layout.areas[area].category, price_type)
        return price_type

    def _must_be_sold(self, category: int, price_type: int) -> None:
        if self._layout.categories[category].price_of(price_type) is None:
            self.unknown.append(f"{self._layout.price_types[price_type]} ({self._layout.categories[category].name})")

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
