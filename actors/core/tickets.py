"""The tickets of an order: one a unit, numbered over all that it ever had; some may be void."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from actors.core.lots import lines_of, price_of, quantities_of, unit_names
from actors.core.replies import OrderStatus, Price, TicketReply
from actors.core.state import BlockState, Hold, Lot, Order, Units
from actors.core.wishes import AreaPlaces

SOLD = (OrderStatus.CONFIRMED, OrderStatus.PARTLY_CANCELLED, OrderStatus.COMPLETED, OrderStatus.NO_SHOW)
"""The states of an order in which its tickets that are not void are good, and its units are sold."""


class Ticket(NamedTuple):
    """One ticket, numbered from 0 in its order: its lot, its seat there or else its area, and the price line."""

    number: int
    lot: Hold | Lot
    seat: int | None
    area: int
    line: int


def lots_of(hold: Hold, order: Order) -> tuple[Hold | Lot, ...]:
    """All units that the order ever had."""
    return (hold, *order.exchanged)


def tickets_of(state: BlockState, hold: Hold, order: Order) -> Iterator[Ticket]:
    """All tickets that the order ever had: the seats of a lot, then its places one by one, lot by lot."""
    index = 0
    for lot in lots_of(hold, order):
        lines = lines_of(state, lot)
        for seat, line in zip(lot.seats, lines, strict=False):
            yield Ticket(index, lot, seat, -1, line)
            index += 1
        for (area, quantity), line in zip(lot.areas, lines[len(lot.seats) :], strict=True):
            for _ in range(quantity):
                yield Ticket(index, lot, None, area, line)
                index += 1


def is_whole(order: Order) -> bool:
    """Whether the order still has just what it was placed on."""
    return not order.exchanged and 0 not in order.code_revisions


def good_tickets(state: BlockState, hold: Hold, order: Order) -> list[Ticket]:
    """The tickets that are not void."""
    return [ticket for ticket in tickets_of(state, hold, order) if order.code_revisions[ticket.number]]


def units_of(state: BlockState, tickets: Iterable[Ticket]) -> list[Units]:
    """The units of these tickets, for each channel through which they were had."""
    seats: dict[str, list[int]] = {}
    areas: dict[str, Counter[int]] = {}
    for ticket in tickets:
        if ticket.seat is not None:
            one = Lot((ticket.seat,), (), (), layout=ticket.lot.layout)
        else:
            one = Lot((), ((ticket.area, 1),), (), layout=ticket.lot.layout)
        units = state.units_now(one)
        seats.setdefault(ticket.lot.channel, []).extend(units.seats)
        areas.setdefault(ticket.lot.channel, Counter()).update(dict(units.areas))
    return [Units(tuple(seats[channel]), tuple(areas[channel].items()), channel) for channel in seats]


def sold_units(state: BlockState, hold: Hold, order: Order) -> list[Units]:
    """The units that the order has now, for each channel through which they were had."""
    return [state.units_now(hold)] if is_whole(order) else units_of(state, good_tickets(state, hold, order))


def order_units(state: BlockState, hold: Hold, order: Order) -> tuple[tuple[str, ...], tuple[AreaPlaces, ...]]:
    """The names of what the order has, or had when it ended."""
    if is_whole(order):
        return unit_names(state, hold)
    names: list[str] = []
    places: dict[tuple[str, str], int] = {}
    for lot, tickets in _by_lot(state, hold, order):
        lot_names, lot_places = unit_names(state, lot)
        name_of_seat = dict(zip(lot.seats, lot_names, strict=True))
        type_of_line = dict(zip(lines_of(state, lot)[len(lot.seats) :], lot_places, strict=True))
        names += (name_of_seat[ticket.seat] for ticket in tickets if ticket.seat is not None)
        for ticket in tickets:
            if ticket.seat is None:
                area = state.index_of(lot.layout).layout.areas[ticket.area].name
                key = area, type_of_line[ticket.line].price_type
                places[key] = places.get(key, 0) + 1
    return tuple(names), tuple(AreaPlaces(area, quantity, kind) for (area, kind), quantity in places.items())


def order_price(state: BlockState, hold: Hold, order: Order) -> Price:
    """The price of what the order has, or had when it ended; what was charged once stays."""
    if is_whole(order):
        return price_of(state, ((hold, quantities_of(hold)),), hold.once)
    counted = []
    for lot, tickets in _by_lot(state, hold, order):
        of_line = Counter(ticket.line for ticket in tickets)
        counted.append((lot, [of_line[line] for line in range(len(lot.prices))]))
    return price_of(state, counted, hold.once)


def ticket_replies(state: BlockState, hold: Hold, order: Order, revisions: tuple[int, ...]) -> tuple[TicketReply, ...]:
    """The tickets that are not void."""
    holders = dict(order.holders)
    return tuple(
        TicketReply(_unit_name(state, ticket), revisions[ticket.number], ticket.number, holders.get(ticket.number, ""))
        for ticket in tickets_of(state, hold, order)
        if revisions[ticket.number]
    )


def ticket_count(hold: Hold, order: Order) -> int:
    """How many tickets the order ever had."""
    lots = lots_of(hold, order)
    return sum(len(lot.seats) + sum(quantity for _, quantity in lot.areas) for lot in lots)


def _by_lot(state: BlockState, hold: Hold, order: Order) -> list[tuple[Hold | Lot, list[Ticket]]]:
    good = good_tickets(state, hold, order)
    return [(lot, [ticket for ticket in good if ticket.lot is lot]) for lot in lots_of(hold, order)]


def _unit_name(state: BlockState, ticket: Ticket) -> str:
    index = state.index_of(ticket.lot.layout)
    return index.layout.areas[ticket.area].name if ticket.seat is None else index.unit_name(ticket.seat)
