"""What a block's holds and orders have, by name, as whoever reads them is shown it: held against its journal.

A hold shows what it was placed on, whatever became of it; an order what it has, or had when it ended.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from actors.audit.books import Books, Lot, OrderLine
from actors.audit.ids import HOLD, ORDER, home_of
from actors.core import entries as e
from loadtests.history.calls import Call, Kind, Seen


class Shown:
    """What was held and what ended orders had, of which the audit's books keep nothing: a hash of each."""

    def __init__(self) -> None:
        self._of_hold: dict[int, int] = {}  # with the order that it became
        self._of_ended_order: dict[int, int] = {}

    def meet(self, entry: e.Entry, books: Books) -> None:
        """The next entry; `books` do not have it yet."""
        match entry:
            case e.HoldPlaced():
                named = _named(Lot(entry, books.plan))
                if named is not None:
                    self._of_hold[entry.hold] = named
            case e.BasketSettled():
                self._of_hold[entry.basket] = _of_legs((held, range(len(held.of_ticket))) for held in entry.held)
            case e.OrderPlaced():
                if entry.hold in self._of_hold:
                    self._of_hold[entry.hold] = _as_order(self._of_hold[entry.hold], entry.order)
            case e.OrderCancelled() | e.OrderExpired():
                line = books.orders.get(entry.order)
                if line is not None:
                    self._of_ended_order[entry.order] = _of_order(books, line)

    def agrees(self, call: Call, seen: Seen, books: Books) -> bool:
        """Whether the read may have shown this. What an order had that ended with its event nobody knows any more."""
        if seen.units is None:
            return True
        told = _hashed(seen.units, seen.areas)
        if call.kind is Kind.READ_HOLD:
            if seen.order_id:
                block, order = home_of(ORDER, seen.order_id)
                told = _as_order(told, order) if block == books.block else 0
            return self._of_hold.get(home_of(HOLD, call.id)[1], told) == told
        order = home_of(ORDER, call.id)[1]
        line = books.orders.get(order)
        return (self._of_ended_order.get(order, told) if line is None else _of_order(books, line)) == told


def _of_order(books: Books, line: OrderLine) -> int:
    basket = books.desk.baskets.peek(line.hold)
    if basket is not None:
        revisions = line.revisions or [1] * basket.ticket_count
        good = [ticket for ticket, revision in enumerate(revisions) if revision]
        return _of_legs((leg.held, own) for leg, own in basket.tickets_by_leg(good) if leg.held is not None)
    tickets = books.good_tickets(books.claims[line.hold])
    units = [ticket.lot.plan.unit_name(ticket.unit) for ticket in tickets if ticket.unit is not None]
    return _hashed(units, [(ticket.lot.plan.area_name(ticket.area), 1) for ticket in tickets if ticket.unit is None])


def _of_legs(legs: Iterable[tuple[Any, Sequence[int]]]) -> int:
    """Of these tickets of each leg of a basket, whose names have their event's block before them."""
    units: list[str] = []
    areas: list[tuple[str, int]] = []
    for held, tickets in legs:
        places = [own.area for own in held.areas for _ in range(own.quantity)]
        names = [f"{held.home or held.block}/{name}" for name in (*held.seats, *places)]
        for ticket in tickets:
            if ticket < len(held.seats):
                units.append(names[ticket])
            elif ticket < len(names):
                areas.append((names[ticket], 1))
    return _hashed(units, areas)


def _named(lot: Lot) -> int | None:
    """None: it is of units that there are not, which the audit reports."""
    plan, entry = lot.plan, lot.entry
    is_there = all(0 <= unit < plan.unit_count for unit in entry.seats)
    if not is_there or not all(0 <= area < len(plan.areas) for area, _ in entry.areas):
        return None
    return _hashed(map(plan.unit_name, entry.seats), [(plan.area_name(area), count) for area, count in entry.areas])


def _hashed(units: Iterable[str], areas: Iterable[tuple[str, int]]) -> int:
    places: dict[str, int] = {}
    for area, quantity in areas:
        places[area] = places.get(area, 0) + quantity
    return hash((tuple(sorted(units)), tuple(sorted(places.items()))))


def _as_order(lot: int, order: int) -> int:
    return hash((lot, order))
