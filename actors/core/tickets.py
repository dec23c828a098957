"""The tickets of an order: one a unit, numbered over all that it ever had; some may be void."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from actors.core.baskets import LegHeld, LegReply, leg_replies, price_of_legs
from actors.core.desk_state import tickets_by_leg
from actors.core.lots import lines_of, price_of, unit_count, unit_names, whole_price
from actors.core.prices import Price
from actors.core.replies import Choice, OrderStatus, TicketReply
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


def begins_ms(state: BlockState, hold: Hold, order: Order) -> list[int]:
    """When the slots of the tickets begin that are not void."""
    if hold.number in state.desk.baskets:
        good = _good_of_legs(state, hold, order)
        return [at_ms for held, tickets in good for ticket, at_ms in held.begins if ticket in tickets]
    return [
        state.index_of(ticket.lot.layout).slots.times_ms(ticket.seat)[0]
        for ticket in good_tickets(state, hold, order)
        if ticket.seat is not None and ticket.seat >= state.index_of(ticket.lot.layout).seat_count
    ]


def sold_units(state: BlockState, hold: Hold, order: Order) -> list[Units]:
    """The units that the order has now, for each channel through which they were had."""
    return [state.units_now(hold)] if is_whole(order) else units_of(state, good_tickets(state, hold, order))


def order_units(state: BlockState, hold: Hold, order: Order) -> tuple[tuple[str, ...], tuple[AreaPlaces, ...]]:
    """The names of what the order has, or had when it ended; of a basket's, see `order_legs`."""
    if hold.number in state.desk.baskets:
        return (), ()
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
    if hold.number in state.desk.baskets:
        return price_of_legs(_good_of_legs(state, hold, order))
    if is_whole(order):
        return whole_price(state, hold)
    counted = []
    for lot, tickets in _by_lot(state, hold, order):
        of_line = Counter(ticket.line for ticket in tickets)
        counted.append((lot, [of_line[line] for line in range(len(lot.prices))]))
    return price_of(state, counted, hold.once)


def order_legs(state: BlockState, hold: Hold, order: Order) -> tuple[LegReply, ...]:
    """What a basket's order has of each block, or had when it ended."""
    return leg_replies(_good_of_legs(state, hold, order)) if hold.number in state.desk.baskets else ()


def order_choices(state: BlockState, hold: Hold, order: Order) -> tuple[Choice, ...]:
    """Why the seats of the order's last exchange were chosen; nothing if none were."""
    chosen: tuple[tuple[int, int], ...] = ()
    basket = state.desk.baskets.get(hold.number)
    if order.exchanged:
        chosen = order.exchanged[-1].chosen
    elif basket is not None and len(basket.held) > len(basket.plans):
        chosen = basket.held[-1].chosen
    return tuple(Choice(*why) for why in chosen)


def _good_of_legs(state: BlockState, hold: Hold, order: Order) -> list[tuple[LegHeld, list[int]]]:
    revisions = order.code_revisions or (1,) * ticket_count(state, hold)
    good = (ticket for ticket, revision in enumerate(revisions) if revision)
    return list(tickets_by_leg(state.desk.baskets[hold.number].held, good))


def ticket_replies(state: BlockState, hold: Hold, order: Order, revisions: tuple[int, ...]) -> tuple[TicketReply, ...]:
    """The tickets that are not void."""
    holders = dict(order.holders)
    return tuple(
        TicketReply(name, revisions[number], number, holders.get(number, ""), block)
        for number, (name, block) in enumerate(_ticket_names(state, hold, order))
        if revisions[number]
    )


def ticket_count(state: BlockState, hold: Hold) -> int:
    """How many tickets an order on the hold begins with."""
    basket = state.desk.baskets.get(hold.number)
    return unit_count(hold) if basket is None else sum(len(held.of_ticket) for held in basket.held)


def _ticket_names(state: BlockState, hold: Hold, order: Order) -> Iterator[tuple[str, str]]:
    """The unit of each ticket that the order ever had; of a basket's, with its block."""
    basket = state.desk.baskets.get(hold.number)
    if basket is not None:
        for held in basket.held:
            yield from ((name, held.event) for name in held.ticket_names)
        return
    for ticket in tickets_of(state, hold, order):
        index = state.index_of(ticket.lot.layout)
        yield (index.layout.areas[ticket.area].name if ticket.seat is None else index.unit_name(ticket.seat)), ""


def _by_lot(state: BlockState, hold: Hold, order: Order) -> list[tuple[Hold | Lot, list[Ticket]]]:
    good = good_tickets(state, hold, order)
    return [(lot, [ticket for ticket in good if ticket.lot is lot]) for lot in lots_of(hold, order)]
