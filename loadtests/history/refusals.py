"""Refusals for what an event is, or on what conditions it sells, held against a state of its journal.

Checked soundly, not completely: what else was asked for than the history says (a channel, sections, who asks) is given
the benefit of the doubt.
"""

from collections.abc import Callable
from typing import TypeAlias

from actors.audit.books import IN_FORCE, Books, EventStatus
from actors.audit.ids import ORDER, WAITER, home_of
from actors.audit.plan import WHOLE_TABLE
from loadtests.history.calls import Call, Kind

Stands: TypeAlias = Callable[[Call, Books, int, int], bool]
"""Whether a refusal is right in this state, at some time from the first to the last (ms of the block's time)."""

_NOT_YET = (EventStatus.DRAFT, EventStatus.PAUSED)
_OF_TICKETS = (Kind.CANCEL_PARTLY, Kind.EXCHANGE)


def sets_aside(books: Books) -> bool:
    """Whether something of the event is not for everybody."""
    return books.event is not None and bool(books.event.rules.allotments or books.plan.special)


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


def _limit_exceeded(call: Call, books: Books, _: int, __: int) -> bool:
    return call.kind is Kind.WAIT or (books.event is not None and books.event.rules.max_per_buyer > 0)


def _units_blocked(_: Call, books: Books, __: int, ___: int) -> bool:
    return sets_aside(books)


def _channel_required(_: Call, books: Books, __: int, ___: int) -> bool:
    return books.event is not None and any(own.channel for own in books.event.rules.allotments)


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
