"""Refusals for what an event is, or on what conditions it sells, held against a state of its journal.

Each is right only for what the core says it for, and only of what was wished for, as far as the call and the books
tell. Checked soundly, not completely: where nobody can judge, that is said.
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from actors.audit.books import Books, EventStatus
from actors.audit.claiming import MAX_UNITS_PER_HOLD
from actors.audit.ids import WAITER, home_of
from actors.audit.rules import (
    ACCESSIBLE_SEATS,
    FIRST_ALLOTMENT,
    OPEN,
    channel_of,
    return_times_ms,
    set_aside,
)
from actors.audit.waiting import MAX_WAITERS_OF_BUYER
from loadtests.history.calls import Call, Kind, Term
from loadtests.history.of_tickets import order_not_due, table_not_whole, ticket_void
from loadtests.history.wished import (
    given_back,
    in_the_way,
    may_be_unknown,
    order_of,
    quantity_of,
    unknown_of,
    wished_units,
)

Stands: TypeAlias = Callable[[Call, Books, int, int], bool | None]
"""Whether a refusal is right in this state, at some time from the first to the last (ms of the block's time).

None: nobody can judge that.
"""

_NOT_YET = (EventStatus.DRAFT, EventStatus.PAUSED)
_OF_WISHES = (Kind.HOLD, Kind.WAIT, Kind.EXCHANGE)


def _invalid(call: Call, books: Books, _: int, __: int) -> bool | None:
    """It says what is wrong with the request, of which much is not told here."""
    if call.may_be_invalid or call.ttl_ms < 0 or any(from_ms >= to_ms for _, from_ms, to_ms in call.spans):
        return True
    named = (*call.units, *call.tickets, *(area for area, _ in call.areas))
    wished = wished_units(call, books)
    if len(set(named)) < len(named) or len(set(wished)) < len(wished):
        return True
    quantity = quantity_of(call, books) if call.kind in _OF_WISHES else None
    if quantity is not None and not 1 <= quantity <= MAX_UNITS_PER_HOLD:
        return True
    line = order_of(call, books) if call.tickets else None
    return True if line is not None and any(ticket >= len(line.revisions) for ticket in call.tickets) else None


def _event_not_found(_: Call, books: Books, __: int, ___: int) -> bool:
    return books.event is None


def _sale_not_open(call: Call, books: Books, first_ms: int, __: int) -> bool:
    if books.event is None or books.status in _NOT_YET:
        return books.event is not None
    return books.status is EventStatus.ON_SALE and any(opens_ms > first_ms for opens_ms, _ in _windows(call, books))


def _sale_closed(call: Call, books: Books, _: int, last_ms: int) -> bool:
    """Whether the sale is over, or slots have begun that were wished for: those, and no others, are named."""
    if books.event is None or books.status in _NOT_YET:
        return False
    if books.status is not EventStatus.ON_SALE:
        return True
    if any(0 < closes_ms <= last_ms for _, closes_ms in _windows(call, books)):
        return True
    named = in_the_way(call, books) if call.named else []
    return bool(named) and all(_has_begun(books, unit, last_ms) for unit in named)


def _has_begun(books: Books, unit: int, at_ms: int) -> bool:
    return unit >= books.plan.seat_count and books.plan.begins_ms(unit) <= at_ms


def _windows(call: Call, books: Books) -> Iterator[tuple[int, int]]:
    """From when to when something is sold that way: a channel's own time stands in the place of the event's."""
    assert books.event is not None
    rules = books.event.rules
    own = {channel.name: channel.window for channel in rules.channels}
    for channel in call.terms_of(Term.CHANNEL) or ("",):
        window = own.get(channel) or rules.window
        yield window.opens_at_ms, window.closes_at_ms


def _unit_unknown(call: Call, books: Books, _: int, __: int) -> bool:
    if books.event is None:
        return False
    if call.named:
        return all(may_be_unknown(call, books, name) for name in call.named)
    return bool(unknown_of(call, books))


def _limit_exceeded(call: Call, books: Books, _: int, __: int) -> bool | None:
    """Whether the buyer would have more than the limit; who waits may wait for too much already.

    What has run out and not ended counts here, which it does not for who refuses.
    """
    if books.event is None:
        return False
    buyer = _buyer_of(call, books)
    if call.kind is Kind.WAIT and buyer and books.waits_of_buyer[buyer] >= MAX_WAITERS_OF_BUYER:
        return True
    most = books.event.rules.max_per_buyer
    if not most:
        return False
    quantity = quantity_of(call, books)
    if not buyer or quantity is None:
        return None
    more = quantity - len(given_back(call, books))
    return more > 0 and books.units_of_buyer.get(buyer, 0) + more > most


def _buyer_of(call: Call, books: Books) -> str:
    """Empty: it is not known. What comes for something that an order has is for the order's."""
    if call.kind is not Kind.EXCHANGE:
        return call.buyer
    line = order_of(call, books)
    claim = books.claims.get(line.hold) if line is not None else None
    return "" if claim is None else claim.placed.buyer


def _units_blocked(call: Call, books: Books, first_ms: int, _: int) -> bool:
    asked = call.terms_of(Term.ACCESSIBLE)
    is_kept = not asked and ACCESSIBLE_SEATS not in _returned(books, first_ms)
    return _all_of(
        call, books, first_ms, lambda unit, channel: channel == "" or (is_kept and unit in books.plan.special)
    )


def _channel_required(call: Call, books: Books, first_ms: int, _: int) -> bool:
    asked = call.terms_of(Term.CHANNEL)
    return _all_of(call, books, first_ms, lambda _, channel: bool(channel) and channel not in asked)


def _all_of(call: Call, books: Books, at_ms: int, test: Callable[[int, str | None], bool]) -> bool:
    """Whether the test holds of all that is to stand in the way, or of something, if nothing is named; of each unit it
    gets the channel for which it is set aside, empty for the house's own; None: it is in no allotment. What is open to
    all stands in nobody's way.
    """
    units, event = in_the_way(call, books), books.event
    if event is None or not units:
        return False
    returned = _returned(books, at_ms)
    aside = books.units.set_aside if returned == books.returned else set_aside(event, books.plan, returned)
    found = [
        aside[unit] != OPEN and test(unit, channel_of(event, aside[unit]) if aside[unit] >= FIRST_ALLOTMENT else None)
        for unit in units
    ]
    return (all if call.named else any)(found)


def _returned(books: Books, at_ms: int) -> set[str]:
    """What is for everybody by then, though the journal may not say so yet; while somebody waits, nobody else has it
    before.
    """
    if books.event is None or books.line:
        return books.returned
    return books.returned.union(name for name, due_ms in return_times_ms(books.event).items() if due_ms <= at_ms)


def _no_waiting_list(_: Call, books: Books, __: int, ___: int) -> bool:
    return books.event is not None and (books.event.rules.waiting_list is None or books.split.is_divided)


def _waiter_not_found(call: Call, books: Books, _: int, __: int) -> bool:
    waiter = home_of(WAITER, call.id)[1]
    return waiter not in books.line and waiter not in books.gone_waiters


def _waiter_gone(call: Call, books: Books, _: int, __: int) -> bool:
    return home_of(WAITER, call.id)[1] in books.gone_waiters


STANDS: dict[str, Stands] = {
    "INVALID_ARGUMENT": _invalid,
    "EVENT_NOT_FOUND": _event_not_found,
    "UNIT_UNKNOWN": _unit_unknown,
    "TABLE_NOT_WHOLE": table_not_whole,
    "SALE_NOT_OPEN": _sale_not_open,
    "SALE_CLOSED": _sale_closed,
    "ORDER_NOT_DUE": order_not_due,
    "TICKET_VOID": ticket_void,
    "WAITER_NOT_FOUND": _waiter_not_found,
    "WAITER_GONE": _waiter_gone,
    "NO_WAITING_LIST": _no_waiting_list,
    "BUYER_LIMIT_EXCEEDED": _limit_exceeded,
    "UNITS_BLOCKED": _units_blocked,
    "CHANNEL_REQUIRED": _channel_required,
}
"""By reason."""
