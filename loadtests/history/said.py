"""What is said to whom: the refusals that there are for each kind of call."""

from collections.abc import Mapping
from itertools import chain

from loadtests.history.calls import Kind

_OF_ALL = frozenset({"INVALID_ARGUMENT", "IDEMPOTENCY_KEY_REUSED"})
_OF_WAITERS = frozenset(
    {
        "EVENT_NOT_FOUND", "UNIT_UNKNOWN", "TABLE_NOT_WHOLE", "SALE_NOT_OPEN", "SALE_CLOSED", "BUYER_LIMIT_EXCEEDED",
        "NOT_ENOUGH_AVAILABLE",
    }
)  # fmt: skip
_OF_WISHES = _OF_WAITERS | {"UNITS_BLOCKED", "CHANNEL_REQUIRED", "UNITS_SOLD", "UNITS_HELD"}
_OF_HOLDS = frozenset({"HOLD_NOT_FOUND", "HOLD_EXPIRED", "HOLD_RELEASED", "HOLD_CONFIRMED"})
_OF_ENDED_ORDERS = frozenset({"ORDER_NOT_FOUND", "ORDER_EXPIRED", "ORDER_CANCELLED", "ORDER_CLOSED"})
_OF_UNPAID_ORDERS = _OF_ENDED_ORDERS | {"ORDER_PENDING"}
_OF_TICKETS = _OF_UNPAID_ORDERS | {"TICKET_VOID"}

SAID_OF: Mapping[Kind, frozenset[str]] = {
    Kind.HOLD: _OF_ALL | _OF_WISHES,
    Kind.EXTEND: _OF_ALL | _OF_HOLDS,
    Kind.RELEASE: _OF_ALL | _OF_HOLDS,
    Kind.ORDER: _OF_ALL | _OF_HOLDS,
    Kind.CONFIRM: _OF_ALL | _OF_ENDED_ORDERS | {"ORDER_CONFIRMED"},
    Kind.CANCEL: _OF_ALL | _OF_ENDED_ORDERS,
    Kind.CANCEL_PARTLY: _OF_ALL | _OF_TICKETS | {"TABLE_NOT_WHOLE"},
    Kind.EXCHANGE: _OF_ALL | _OF_WISHES | _OF_TICKETS,
    Kind.REASSIGN: _OF_ALL | _OF_TICKETS,
    Kind.CLOSE: _OF_ALL | _OF_UNPAID_ORDERS | {"ORDER_NOT_DUE"},
    Kind.WAIT: _OF_ALL | _OF_WAITERS | {"NO_WAITING_LIST"},
    Kind.LEAVE: _OF_ALL | {"WAITER_NOT_FOUND", "WAITER_GONE"},
    Kind.READ_HOLD: frozenset({"INVALID_ARGUMENT", "HOLD_NOT_FOUND"}),
    Kind.READ_ORDER: frozenset({"INVALID_ARGUMENT", "ORDER_NOT_FOUND"}),
}
"""By kind. Nobody is told what is no hindrance: who waits, that others have it; who cancels, that it was paid."""

SAID = frozenset(chain.from_iterable(SAID_OF.values()))
"""All of them."""
