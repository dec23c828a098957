"""Lots: units with their prices, frozen when they were held or exchanged; and what is to be said of them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from actors.core.layout import Layout, Tax
from actors.core.layout_index import LayoutIndex
from actors.core.prices import FeeLine, Price, PriceLine, TaxLine
from actors.core.pricing import category_of_point, price_type_of_point
from actors.core.state import BlockState, Hold, Lot
from actors.core.wishes import AreaPlaces


class Priced(NamedTuple):
    """Prices as entries bear them; see `entries.HoldPlaced`."""

    prices: tuple[tuple[int, int, int], ...]
    lines: tuple[int, ...]
    charges: tuple[tuple[int, ...], ...]
    once: tuple[int, ...]


def freeze_prices(
    index: LayoutIndex, seats: Sequence[int], areas: Sequence[tuple[int, int]], points: Sequence[int]
) -> Priced:
    """What these units cost now; `points` of the seats, then of the areas."""
    prices = index.prices
    if not areas and index.has_only_rows and len(set(points)) == 1 and not prices.has_charges:
        return Priced(((points[0], len(seats), prices.unit(points[0], 0)),), (), (), prices.once)
    quantities: dict[tuple[int, int], int] = {}  # by price point and unit price
    lines: list[tuple[int, int]] = []
    for place, point in enumerate(points):
        is_slot = place < len(seats) and seats[place] >= index.seat_count
        slot_ms = index.slots.slot_ms(index.slots.resource_of_unit(seats[place])) if is_slot else 0
        line = point, prices.unit(point, slot_ms)
        quantities[line] = quantities.get(line, 0) + (1 if place < len(seats) else areas[place - len(seats)][1])
        lines.append(line)
    order = sorted(quantities)
    return Priced(
        tuple((point, quantities[point, price], price) for point, price in order),
        tuple(map(order.index, lines)) if len(order) > 1 else (),
        tuple(prices.charges(price) for _, price in order) if prices.has_charges else (),
        prices.once,
    )


def lines_of(state: BlockState, lot: Hold | Lot) -> Sequence[int]:
    """The price line of each of the lot's seats, then of each of its areas.

    The oldest entries do not say: there the lines are by category, which the layout at that time knew.
    """
    if lot.lines:
        return lot.lines
    if len(lot.prices) <= 1:
        return (0,) * (len(lot.seats) + len(lot.areas))
    index = state.index_of(lot.layout)
    line_of_category = {point: line for line, (point, _, _) in enumerate(lot.prices)}
    categories = [index.category_of_unit(seat) for seat in lot.seats]
    categories += [index.layout.areas[area].category for area, _ in lot.areas]
    return [line_of_category[category] for category in categories]


def unit_names(state: BlockState, lot: Hold | Lot) -> tuple[tuple[str, ...], tuple[AreaPlaces, ...]]:
    """The lot's units by name; its places with their price types."""
    index = state.index_of(lot.layout)
    names = tuple(map(index.unit_name, lot.seats))
    if not lot.areas:
        return names, ()
    priced = state.layouts[lot.priced]
    lines = lines_of(state, lot)[len(lot.seats) :]
    return names, tuple(
        AreaPlaces(index.layout.areas[area].name, quantity, _type_name(priced, lot.prices[line][0]))
        for (area, quantity), line in zip(lot.areas, lines, strict=True)
    )


def whole_price(state: BlockState, lot: Hold) -> Price:
    """The price of all that is in the lot."""
    if lot.charges or lot.once:
        return price_of(state, ((lot, [quantity for _, quantity, _ in lot.prices]),), lot.once)
    layout = state.layouts[lot.priced]
    lines = (
        PriceLine(layout.categories[category_of_point(layout, point)].name, quantity, price, _type_name(layout, point))
        for point, quantity, price in lot.prices
    )
    return Price(layout.currency, tuple(lines))


def price_of(state: BlockState, lots: Iterable[tuple[Hold | Lot, Sequence[int]]], once: tuple[int, ...]) -> Price:
    """The price of so many units of each price line of each lot; `once`: what is charged for all, by the first lot."""
    sums = _Sums()
    for lot, quantities in lots:
        layout = state.layouts[lot.priced]
        for number, (point, _, price) in enumerate(lot.prices):
            if quantities[number]:
                sums.add_units(layout, point, price, quantities[number])
                if lot.charges:
                    sums.add_charges(layout, lot.charges[number], quantities[number])
        if once:
            sums.add_charges(layout, once, 1)
            once = ()
    return sums.price(state.index.layout.currency)


class _Sums:
    """What is alike is one line, in the order in which it came."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str, int], int] = {}
        self._fees: dict[tuple[str, int], int] = {}
        self._taxes: dict[Tax, int] = {}

    def add_units(self, layout: Layout, point: int, price: int, quantity: int) -> None:
        category = layout.categories[category_of_point(layout, point)].name
        line = category, _type_name(layout, point), price
        self._lines[line] = self._lines.get(line, 0) + quantity

    def add_charges(self, layout: Layout, charges: Sequence[int], times: int) -> None:
        *amounts, tax = charges
        for fee, amount in zip(layout.fees, amounts, strict=True):
            if amount:
                self._fees[fee.name, amount] = self._fees.get((fee.name, amount), 0) + times
        if layout.tax is not None:
            self._taxes[layout.tax] = self._taxes.get(layout.tax, 0) + tax * times

    def price(self, currency: str) -> Price:
        return Price(
            currency,
            tuple(
                PriceLine(category, quantity, price, kind) for (category, kind, price), quantity in self._lines.items()
            ),
            tuple(FeeLine(name, quantity, amount) for (name, amount), quantity in self._fees.items()),
            tuple(TaxLine(tax.name, tax.rate_ppm, tax.included, amount) for tax, amount in self._taxes.items()),
        )


def unit_count(lot: Hold | Lot) -> int:
    """How many units the lot has."""
    return len(lot.seats) + sum(quantity for _, quantity in lot.areas)


def _type_name(layout: Layout, point: int) -> str:
    return layout.price_types[price_type_of_point(layout, point)] if layout.price_types else ""
