"""Refusals for what is wished for of an order's tickets, held against a state of a journal."""

from collections.abc import Iterable, Set

from actors.audit.books import IN_FORCE, Books, OrderLine
from actors.audit.orders import begins_ms
from loadtests.history.calls import Call, Kind
from loadtests.history.wished import order_of, units_named, wished_units


def order_not_due(call: Call, books: Books, first_ms: int, _: int) -> bool:
    """Whether it was in force, and nothing that it has had begun."""
    line = order_of(call, books)
    return line is not None and line.status in IN_FORCE and all(at_ms > first_ms for at_ms in begins_ms(books, line))


def ticket_void(call: Call, books: Books, _: int, __: int) -> bool:
    """Whether one of them was void, and the order in force."""
    line = order_of(call, books)
    if line is None or line.status not in IN_FORCE:
        return False
    return any(ticket < len(line.revisions) and not line.revisions[ticket] for ticket in call.tickets)


def table_not_whole(call: Call, books: Books, _: int, __: int) -> bool | None:
    """Whether a part of a table was wished for, or would have been left; what is named is what would be missing.

    None: nobody can judge that, where a desk was asked to exchange for something near to what is named.
    """
    wished = wished_units(call, books)
    missing = set(_seats_of_tables(books, wished)) - set(wished)
    named = units_named(call, books) if call.named else missing
    if named and missing.issuperset(named):
        return True
    line = order_of(call, books)
    if line is None or line.status not in IN_FORCE:
        return False
    left = _left_at_tables(call, books, line)
    if left and left >= set(call.named):
        return True
    is_elsewhere = call.kind is Kind.EXCHANGE and books.event is None
    return None if is_elsewhere and any(_is_beside(name, wish) for name in call.named for wish in call.units) else False


def _left_at_tables(call: Call, books: Books, line: OrderLine) -> Set[str]:
    """The names of what the order would have of tables of which it gives something back."""
    basket = books.desk.baskets.peek(line.hold)
    if basket is None:
        return _left_here(call, books, line)
    good = {ticket for ticket, revision in enumerate(line.revisions) if revision}
    stay = {leg.number: own for leg, own in basket.tickets_by_leg(good.difference(call.tickets))}
    left: set[str] = set()
    for leg, given in basket.tickets_by_leg(good.intersection(call.tickets)):
        if leg.held is not None:
            torn = (table for table in leg.held.together if not set(given).isdisjoint(table))
            mine = set(stay[leg.number])
            left.update(leg.held.seats[ticket] for table in torn for ticket in mine.intersection(table))
    return left


def _left_here(call: Call, books: Books, line: OrderLine) -> Set[str]:
    claim = books.claims.get(line.hold)
    good = [] if claim is None else books.good_tickets(claim)
    given = [seat for ticket in good if ticket.number in call.tickets for seat in books.seat_now(ticket)]
    stay = {seat for ticket in good if ticket.number not in call.tickets for seat in books.seat_now(ticket)}
    return {books.plan.unit_name(seat) for seat in _seats_of_tables(books, given) if seat in stay}


def _seats_of_tables(books: Books, units: Iterable[int]) -> list[int]:
    """All that belong to tables that are sold only whole and have one of these."""
    tables = {table for table in map(books.plan.whole_table_of, units) if table is not None}
    return [seat for table in tables for seat in table]


def _is_beside(name: str, wish: str) -> bool:
    """Whether the seat may be of the table of which the other is."""
    return f"/{wish}".endswith(f"/{name.rpartition('/')[0]}/{wish.rpartition('/')[2]}")
