"""Orders: placed on holds, confirmed, cancelled, expired, closed."""

from actors.audit.basket_books import Deed
from actors.audit.books import IN_FORCE, Books, OrderLine, OrderStatus
from actors.audit.findings import Fault
from actors.audit.holds import active_claim, check_in_time, check_overdue
from actors.audit.ids import is_number
from actors.audit.units import in_plan
from actors.core import entries as e


def fold_placed(books: Books, entry: e.OrderPlaced) -> None:
    """An order takes the hold over."""
    books.use_key(entry, "order", entry.order)
    if entry.order in books.orders or entry.order in books.ended_orders:
        books.found(Fault.NUMBER_REUSED, f"{books.order_id(entry.order)} is placed a second time")
        return
    if not is_number(entry.order):
        books.found(Fault.ORDER_MALFORMED, books.order_id(entry.order))
        return
    claim = active_claim(books, entry.hold, entry.at_ms, "ordered")
    if claim is not None:
        claim.order, claim.ordered_at_ms = entry.order, entry.at_ms
        books.orders[entry.order] = OrderLine(entry.hold)


def fold_confirmed(books: Books, entry: e.OrderConfirmed) -> None:
    """The order is paid: its units are sold, and there is a ticket for each."""
    books.use_key(entry, "confirmation of order", entry.order)
    order = order_in(books, entry.order, (OrderStatus.PENDING,), "confirmed")
    if order is None:
        return
    claim = books.claims[order.hold]
    check_in_time(books, claim, entry.at_ms, "confirmed")
    basket = books.desk.baskets.get(order.hold)
    for leg in basket.legs if basket is not None else ():
        leg.demand(Deed.BOOK)
    count = claim.quantity if basket is None else basket.ticket_count
    order.status, order.revisions, claim.sold = OrderStatus.CONFIRMED, [1] * count, True
    books.held -= claim.quantity
    books.sold += claim.quantity
    units, areas = in_plan(claim.lot.plan, claim.placed.seats, claim.placed.areas, books.plan)
    books.units.sell(order.hold, units, areas)


def fold_cancelled(books: Books, entry: e.OrderCancelled) -> None:
    """The order is void, whole."""
    books.use_key(entry, "cancellation of order", entry.order)
    order = order_in(books, entry.order, (OrderStatus.PENDING, *IN_FORCE), "cancelled")
    if order is None:
        return
    refuse_exchanging(books, order, entry.order)
    if order.status is OrderStatus.PENDING:
        check_in_time(books, books.claims[order.hold], entry.at_ms, "cancelled")
    books.end_order(entry.order, OrderStatus.CANCELLED, entry.at_ms)


def fold_expired(books: Books, entry: e.OrderExpired) -> None:
    """Nobody paid in time."""
    order = order_in(books, entry.order, (OrderStatus.PENDING,), "expired")
    if order is not None:
        check_overdue(books, books.claims[order.hold], entry.at_ms)
        books.end_order(entry.order, OrderStatus.EXPIRED, entry.at_ms)


def fold_closed(books: Books, entry: e.OrderClosed) -> None:
    """What was ordered has taken place; its units stay sold."""
    books.use_key(entry, "end of order", entry.order)
    order = order_in(books, entry.order, IN_FORCE, "closed")
    if order is None:
        return
    status = OrderStatus(int(entry.status))
    if status not in (OrderStatus.COMPLETED, OrderStatus.NO_SHOW):
        books.found(Fault.ORDER_MALFORMED, f"{books.order_id(entry.order)} is closed as {status.name}")
    refuse_exchanging(books, order, entry.order)
    begins = begins_ms(books, order)
    if not begins or min(begins) > entry.at_ms:
        first_ms = min(begins, default=0)
        books.found(Fault.ORDER_NOT_DUE, f"{books.order_id(entry.order)}, which begins at {first_ms or 'no time'}")
    order.status = status


def begins_ms(books: Books, order: OrderLine) -> list[int]:
    """When the slots of the order's good tickets begin; of a basket's, by what its legs have told of slots."""
    basket = books.desk.baskets.peek(order.hold)
    if basket is not None:
        good = [ticket for ticket, revision in enumerate(order.revisions) if revision]
        legs = [(leg.held.begins, own) for leg, own in basket.tickets_by_leg(good) if leg.held is not None]
        return [at_ms for begins, own in legs for ticket, at_ms in begins if ticket in own]
    return [
        ticket.lot.plan.begins_ms(ticket.unit)
        for ticket in books.good_tickets(books.claims[order.hold])
        if ticket.unit is not None and ticket.unit >= ticket.lot.plan.seat_count
    ]


def order_in(books: Books, number: int, statuses: tuple[OrderStatus, ...], done: str) -> OrderLine | None:
    """The order, if it is in one of these states, and not a leg's, with which nobody but its desk has to do."""
    if number in books.legs:
        books.found(Fault.ORDER_ENDED, f"{books.order_id(number)} is {done}, but is a leg's, and its desk's")
        return None
    order = books.orders.get(number)
    status = order.status if order is not None else books.ended_orders.get(number)
    if status is None:
        books.found(Fault.ORDER_UNKNOWN, f"{books.order_id(number)} is {done}")
    elif status not in statuses:
        books.found(Fault.ORDER_ENDED, f"{books.order_id(number)} is {done}, but {status.name}")
        return None
    return order


def refuse_exchanging(books: Books, order: OrderLine, number: int) -> None:
    """Until an exchange of it is settled, a basket's order stays what it is."""
    basket = books.desk.baskets.peek(order.hold)
    if basket is not None and basket.exchange is not None:
        books.found(Fault.EXCHANGE_OPEN, f"{books.order_id(number)}")
