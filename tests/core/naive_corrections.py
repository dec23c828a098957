"""Corrections in the naive model: what may end with a quarantine, and what becomes of it. Nothing of the core."""

from tests.core.naive_event import NaiveEvent
from tests.core.naive_parts import IN_FORCE, Order

Tickets = tuple[tuple[int, int], ...]
Numbers = tuple[int, ...]


def faults_of(event: NaiveEvent, tickets: Tickets, holds: Numbers, orders: Numbers) -> set[str]:
    """The fields that name what cannot end: what is journaled counts, whatever the time."""
    named = {"tickets": tickets, "holds": holds, "orders": orders}
    faults = {field for field, numbers in named.items() if len(set(numbers)) < len(numbers)}
    for place, number in enumerate(holds):
        hold = event.holds.get(number)
        if hold is None or hold.order or hold.status != "ACTIVE":
            faults.add(f"holds[{place}]")
    for place, number in enumerate(orders):
        order = event.orders.get(number)
        if order is None or order.status not in ("PENDING", *IN_FORCE):
            faults.add(f"orders[{place}]")
    for place, (number, ticket) in enumerate(tickets):
        order = event.orders.get(number)
        if order is None or order.status not in IN_FORCE or number in orders or not _is_good(order, ticket):
            faults.add(f"tickets[{place}]")
    return faults


def correct(event: NaiveEvent, tickets: Tickets, holds: Numbers, orders: Numbers, since_ms: int, at_ms: int) -> None:
    """All of it ends, an order with its last ticket; what fell due meanwhile lives a little longer."""
    for number in {number for number, _ in tickets}:
        order = event.orders[number]
        void = [order.pieces[ticket] for named, ticket in tickets if named == number]
        if len(void) == len(order.good()):
            event._cancel(order, at_ms)
            continue
        order.status = "PARTLY_CANCELLED"
        for piece in void:
            piece.revision = 0
    for number in holds:
        event._end(event.holds[number], "RELEASED", at_ms)
    for number in orders:
        event._cancel(event.orders[number], at_ms)
    event.outage(since_ms, at_ms, at_ms)
    event.last_at_ms = at_ms


def _is_good(order: Order, ticket: int) -> bool:
    return 0 <= ticket < len(order.pieces) and order.pieces[ticket].revision > 0
