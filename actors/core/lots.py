"""Lots: units with their prices, frozen when they were held or exchanged; and what is to be said of them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from actors.core.layout import Layout, Tax
from actors.core.pricing import (
    category_of_point,
    charges_on,
    charges_once,
    price_point,
    price_type_of_point,
    unit_price,
)
from actors.core.replies import FeeLine, Price, PriceLine, TaxLine
from actors.core.state import BlockState, Hold, Lot
from actors.core.wishes import AreaPlaces


class Priced(NamedTuple):
    """Prices as entries bear them; see `entries.HoldPlaced`."""

    prices: tuple[tuple[int, int, int], ...]
    lines: tuple[int, ...]
    charges: tuple[tuple[int, ...], ...]
    once: tuple[int, ...]


def freeze_prices(
    state: BlockState,
    seats: Sequence[int],
    areas: Sequence[tuple[int, int]],
    seat_types: Sequence[int],
    area_types: Sequence[int],
) -> Priced:
    """What these units cost now."""
    index, layout = state.index, state.index.layout
    asked: list[tuple[int, int]] = []  # (price point, slot's length in ms or 0)
    for seat, price_type in zip(seats, seat_types, strict=True):
        slot_ms = 0 if seat < index.seat_count else index.slots.slot_ms(index.slots.resource_of_unit(seat))
        asked.append((price_point(layout, index.category_of_unit(seat), price_type), slot_ms))
    for (area, _), price_type in zip(areas, area_types, strict=True):
        asked.append((price_point(layout, layout.areas[area].category, price_type), 0))
    prices: dict[tuple[int, int], int] = {}
    for point, slot_ms in dict.fromkeys(asked):
        price = unit_price(layout, point, slot_ms)
        assert price is not None, "who asks for what is not sold is refused before"
        prices[point, slot_ms] = price
    return _summed(layout, [(point, prices[point, slot_ms]) for point, slot_ms in asked], len(seats), areas)


def _summed(layout: Layout, priced: list[tuple[int, int]], seat_count: int, areas: Sequence[tuple[int, int]]) -> Priced:
    quantities = [1] * seat_count + [quantity for _, quantity in areas]
    of_line: dict[tuple[int, int], int] = dict.fromkeys(sorted(set(priced)), 0)
    for line, quantity in zip(priced, quantities, strict=True):
        of_line[line] += quantity
    order = {line: number for number, line in enumerate(of_line)}
    charges = tuple(charges_on(layout, price) for _, price in of_line) if layout.fees or layout.tax else ()
    return Priced(
        tuple((point, quantity, price) for (point, price), quantity in of_line.items()),
        tuple(order[line] for line in priced) if len(order) > 1 else (),
        charges,
        charges_once(layout),
    )


def lines_of(state: BlockState, lot: Hold | Lot) -> Sequence[int]:
    """The price line of each of the lot's seats, then of each of its areas.

    The oldest entries do not say: there the lines are by category, which the layout at that time knew.
    """
    if lot.lines:
        return lot.lines
    if len(lot.prices) == 1:
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


def quantities_of(lot: Hold | Lot) -> list[int]:
    """How many units each price line of the lot has."""
    return [quantity for _, quantity, _ in lot.prices]


def _type_name(layout: Layout, point: int) -> str:
    return layout.price_types[price_type_of_point(layout, point)] if layout.price_types else ""
