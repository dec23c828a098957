"""Single tickets of paid orders: cancelled, exchanged, reassigned; each given back once."""

from collections.abc import Sequence

from actors.audit.books import IN_FORCE, Books, Claim, Lot, OrderLine, OrderStatus, Ticket
from actors.audit.choices import choice_fault
from actors.audit.claiming import check_limit, check_sale, check_units, units_exist
from actors.audit.findings import Fault
from actors.audit.orders import order_in, refuse_exchanging
from actors.audit.waiting import check_line
from actors.core import entries as e

MAX_HOLDER_LENGTH = 200
MAX_EXCHANGES = 100


def fold_cancelled(books: Books, entry: e.TicketsCancelled) -> None:
    """Some tickets are void; all that there are would be the whole order's cancellation."""
    books.use_key(entry, "cancelled tickets of order", entry.order)
    order = order_in(books, entry.order, IN_FORCE, "partly cancelled")
    if order is None:
        return
    refuse_exchanging(books, order, entry.order)
    check_tables(books, order, entry.order, entry.tickets)
    tickets = void_some(books, order, entry.order, entry.tickets)
    _give_back(books, books.claims[order.hold], tickets)


def fold_exchanged(books: Books, entry: e.TicketsExchanged) -> None:
    """Some tickets are void, and there are others."""
    books.use_key(entry, "exchanged tickets of order", entry.order)
    order = order_in(books, entry.order, IN_FORCE, "exchanged")
    if order is None:
        return
    who, claim = books.order_id(entry.order), books.claims[order.hold]
    if order.hold in books.desk.baskets:
        books.found(Fault.ORDER_MALFORMED, f"{who} is a basket's, and exchanged as if it were not")
        return
    if len(order.exchanges) >= MAX_EXCHANGES:
        books.found(Fault.ORDER_MALFORMED, f"{who} is exchanged more than {MAX_EXCHANGES} times")
    tickets = void(books, order, entry.order, entry.tickets)
    if not units_exist(books, entry, who):
        _give_back(books, claim, tickets)
        return
    check_line(books, entry.at_ms, who)
    _give_back(books, claim, tickets)
    check_sale(books, entry, who)
    fault = choice_fault(books, entry)
    if fault:
        books.found(Fault.CHOICE_WRONG, f"{who}: {fault}")
    lot = Lot(entry, books.plan)
    order.exchanges.append(lot)
    order.revisions += [1] * lot.quantity
    claim.quantity += lot.quantity
    books.sold += lot.quantity
    books.count_buyer(claim.placed.buyer, lot.quantity)
    check_units(books, entry, who, order.hold)
    check_limit(books, claim.placed.buyer, lot.quantity - len(tickets), entry.at_ms, who)
    books.units.sell(order.hold, entry.seats, entry.areas)


def fold_reassigned(books: Books, entry: e.TicketReassigned) -> None:
    """A ticket is another buyer's, under another code."""
    books.use_key(entry, "reassigned ticket of order", entry.order)
    order = order_in(books, entry.order, IN_FORCE, "reassigned")
    if order is None:
        return
    refuse_exchanging(books, order, entry.order)
    if not 1 <= len(entry.holder) <= MAX_HOLDER_LENGTH:
        books.found(Fault.TICKETS_WRONG, f"one of {books.order_id(entry.order)} is to be {entry.holder[:99]!r}'s")
    if are_good(books, order, entry.order, (entry.ticket,)):
        order.revisions[entry.ticket] += 1
        order.holders = [holder for holder in order.holders if holder[0] != entry.ticket]
        order.holders.append((entry.ticket, entry.holder))


def void_some(books: Books, order: OrderLine, number: int, tickets: Sequence[int]) -> list[Ticket]:
    """As `void`, of an order that keeps others."""
    order.status = OrderStatus.PARTLY_CANCELLED
    books.desk.release_tickets(order.hold, tickets)
    voided = void(books, order, number, tickets)
    if not any(order.revisions):
        books.found(Fault.TICKETS_WRONG, f"none of {books.order_id(number)} is left, and it is not cancelled")
    return voided


def void(books: Books, order: OrderLine, number: int, tickets: Sequence[int]) -> list[Ticket]:
    """These tickets are void from now on; those of them that were good."""
    are_good(books, order, number, tickets)
    wanted = set(tickets)
    voided = [ticket for ticket in books.good_tickets(books.claims[order.hold]) if ticket.number in wanted]
    for ticket in sorted(wanted & set(range(len(order.revisions)))):
        order.revisions[ticket] = 0
    return voided


def check_tables(books: Books, order: OrderLine, number: int, tickets: Sequence[int]) -> None:
    """Of a basket: no table that is sold only whole is left torn, by what its legs have told of tables."""
    basket = books.desk.baskets.peek(order.hold)
    if basket is None:
        return
    good = [ticket for ticket, revision in enumerate(order.revisions) if revision]
    stay = {leg.number: own for leg, own in basket.tickets_by_leg(set(good) - set(tickets))}
    for leg, given in basket.tickets_by_leg(set(good) & set(tickets)):
        for table in leg.held.together if leg.held is not None else ():
            if set(table) & set(given) and set(table) & set(stay[leg.number]):
                books.found(Fault.TABLE_NOT_WHOLE, f"{books.order_id(number)} has a part of a table left by {tickets}")


def are_good(books: Books, order: OrderLine, number: int, tickets: Sequence[int]) -> bool:
    """Whether these are tickets of the order, each of them named once and not void; reports it if not."""
    good = [0 <= ticket < len(order.revisions) and bool(order.revisions[ticket]) for ticket in tickets]
    if not tickets or not all(good) or len(set(tickets)) != len(tickets):
        books.found(Fault.TICKETS_WRONG, f"{tickets} of {books.order_id(number)}, of {order.revisions}")
        return False
    return True


def _give_back(books: Books, claim: Claim, tickets: Sequence[Ticket]) -> None:
    given = {unit for ticket in tickets for unit in books.seat_now(ticket)}
    left = [unit for ticket in books.good_tickets(claim) for unit in books.seat_now(ticket)]
    tables = {table for table in map(books.plan.whole_table_of, given) if table is not None}
    torn = [books.plan.unit_name(unit) for unit in left if any(unit in table for table in tables)]
    if torn:
        books.found(Fault.TABLE_NOT_WHOLE, f"{books.name_of(claim)} is left with {', '.join(torn)}")
    books.give_back(claim, tickets)
    books.stirred = True
