"""Refusals for what an event is, or on what conditions it sells, held against a state of its journal.

Checked soundly, not completely: what else was asked for than the history says (a channel, sections) is given the
benefit of the doubt, and where nobody can judge, that is said.
"""

from collections.abc import Callable
from typing import TypeAlias

from actors.audit.books import IN_FORCE, Books, EventStatus
from actors.audit.ids import ORDER, WAITER, home_of
from actors.audit.plan import WHOLE_TABLE
from actors.audit.rules import FIRST_ALLOTMENT, OPEN, channel_of
from actors.audit.waiting import MAX_WAITERS_OF_BUYER
from loadtests.history.calls import Call, Kind

Stands: TypeAlias = Callable[[Call, Books, int, int], bool | None]
"""Whether a refusal is right in this state, at some time from the first to the last (ms of the block's time).

None: nobody can judge that.
"""

_NOT_YET = (EventStatus.DRAFT, EventStatus.PAUSED)
_OF_TICKETS = (Kind.CANCEL_PARTLY, Kind.EXCHANGE)


def _event_not_found(_: Call, books: Books, __: int, ___: int) -> bool:
    return books.event is None


def _sale_not_open(_: Call, books: Books, first_ms: int, __: int) -> bool:
    if books.event is None or books.status in _NOT_YET:
        return books.event is not None
    rules = books.event.rules
    windows = (rules.window, *(channel.window for channel in rules.channels))
    is_early = any(window is not None and window.opens_at_ms > first_ms for window in windows)
    return books.status is EventStatus.ON_SALE and is_early


def _sale_closed(call: Call, books: Books, _: int, last_ms: int) -> bool:
    if books.event is None or books.status in _NOT_YET:
        return False
    rules = books.event.rules
    windows = (rules.window, *(channel.window for channel in rules.channels))
    is_late = any(window is not None and 0 < window.closes_at_ms <= last_ms for window in windows)
    return is_late or books.status is not EventStatus.ON_SALE or bool(call.named)  # slots that have begun


def _unit_unknown(call: Call, books: Books, _: int, __: int) -> bool:
    plan = books.plan
    names = (*(call.named or call.units), *(area for area, _ in call.areas))
    unknown = (plan.units_called(name) is None and name not in plan.area_of_name for name in names)
    return call.is_particular or any(unknown)


def _table_not_whole(call: Call, books: Books, _: int, __: int) -> bool:
    return call.kind in _OF_TICKETS or any(row.kind == WHOLE_TABLE for row in books.plan.rows)


def _limit_exceeded(call: Call, books: Books, _: int, __: int) -> bool | None:
    """Whether the buyer would have more than the limit; who waits may wait for too much already.

    What has run out and not ended counts here, and what the same step gives back, which it does not for who refuses.
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
    return None if not buyer or quantity is None else books.units_of_buyer.get(buyer, 0) + quantity > most


def _buyer_of(call: Call, books: Books) -> str:
    """Empty: it is not known. What comes for something that an order has is for the order's."""
    if call.kind is not Kind.EXCHANGE:
        return call.buyer
    line = books.orders.get(home_of(ORDER, call.id)[1])
    claim = books.claims.get(line.hold) if line is not None else None
    return "" if claim is None else claim.placed.buyer


def quantity_of(call: Call, books: Books) -> int | None:
    """How many units the wish is of; None: it names what there is not."""
    units = [books.plan.units_called(name) for name in call.units]
    units += [books.plan.span(*span) for span in call.spans]
    counts = [len(found) for found in units if found is not None]
    if len(counts) < len(units):
        return None
    return sum(counts) + sum(quantity for _, quantity in call.areas) + sum(call.best)


def wished_units(call: Call, books: Books) -> list[int]:
    """The seats and slots that are wished for by name, as far as there are such."""
    found = [books.plan.units_called(name) for name in call.units]
    found += [books.plan.span(*span) for span in call.spans]
    return [unit for units in found for unit in units or ()]


def named_units(call: Call, books: Books) -> list[int]:
    """The seats and slots that are to stand in the way, as far as there are such; if none were named, all it may be."""
    if not call.named:
        return wished_units(call, books)
    return [unit for name in call.named for unit in books.plan.units_called(name) or ()]


def _units_blocked(call: Call, books: Books, _: int, __: int) -> bool:
    return any(books.units.set_aside[unit] != OPEN for unit in named_units(call, books))


def _channel_required(call: Call, books: Books, _: int, __: int) -> bool:
    event = books.event
    aside = [books.units.set_aside[unit] for unit in named_units(call, books)]
    return event is not None and any(own >= FIRST_ALLOTMENT and bool(channel_of(event, own)) for own in aside)


def _no_waiting_list(_: Call, books: Books, __: int, ___: int) -> bool:
    return books.event is not None and (books.event.rules.waiting_list is None or books.split.is_divided)


def _waiter_not_found(call: Call, books: Books, _: int, __: int) -> bool:
    waiter = home_of(WAITER, call.id)[1]
    return waiter not in books.line and waiter not in books.gone_waiters


def _waiter_gone(call: Call, books: Books, _: int, __: int) -> bool:
    return home_of(WAITER, call.id)[1] in books.gone_waiters


def _order_not_due(call: Call, books: Books, _: int, __: int) -> bool:
    line = books.orders.get(home_of(ORDER, call.id)[1])
    return line is not None and line.status in IN_FORCE


def _ticket_void(call: Call, books: Books, _: int, __: int) -> bool:
    line = books.orders.get(home_of(ORDER, call.id)[1])
    if line is None or line.status not in IN_FORCE:
        return False
    void = [ticket for ticket, revision in enumerate(line.revisions) if not revision]
    return any(ticket in void for ticket in call.tickets)


STANDS: dict[str, Stands] = {
    "INVALID_ARGUMENT": lambda *_: True,  # it says what is wrong with the request
    "EVENT_NOT_FOUND": _event_not_found,
    "UNIT_UNKNOWN": _unit_unknown,
    "TABLE_NOT_WHOLE": _table_not_whole,
    "SALE_NOT_OPEN": _sale_not_open,
    "SALE_CLOSED": _sale_closed,
    "ORDER_NOT_DUE": _order_not_due,
    "TICKET_VOID": _ticket_void,
    "WAITER_NOT_FOUND": _waiter_not_found,
    "WAITER_GONE": _waiter_gone,
    "NO_WAITING_LIST": _no_waiting_list,
    "BUYER_LIMIT_EXCEEDED": _limit_exceeded,
    "UNITS_BLOCKED": _units_blocked,
    "CHANNEL_REQUIRED": _channel_required,
}
"""By reason."""
