"""Outcomes: `Accepted` with the facts to journal and the reply, or `Rejected` with one reason."""

from enum import IntEnum
from typing import TypeAlias

import msgspec

from actors.core.entries import Entry
from actors.core.replies import Reply


class Reason(IntEnum):
    """Why not, in order of precedence: where several apply, the lowest is given.

    The edges' faults are here as well, so that one table gives every `code` its HTTP status and gRPC code.
    """

    TOO_LARGE = 1
    INVALID_ARGUMENT = 2
    UNAUTHENTICATED = 3
    PERMISSION_DENIED = 4
    RATE_LIMITED = 5
    OVERLOADED = 6
    UNAVAILABLE = 7
    OUTCOME_UNKNOWN = 8
    DEADLINE_EXCEEDED = 9
    EVENT_NOT_FOUND = 10
    HOLD_NOT_FOUND = 11
    ORDER_NOT_FOUND = 12
    IDEMPOTENCY_KEY_REUSED = 13
    UNIT_UNKNOWN = 14
    SALE_NOT_OPEN = 15
    SALE_CLOSED = 16
    HOLD_EXPIRED = 17
    HOLD_RELEASED = 18
    HOLD_CONFIRMED = 19
    ORDER_EXPIRED = 20
    ORDER_CANCELLED = 21
    ORDER_CONFIRMED = 22
    UNITS_SOLD = 23
    UNITS_HELD = 24
    NOT_ENOUGH_AVAILABLE = 25
    INTERNAL = 26


class Details(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a rejection says beyond its reason."""

    units: tuple[str, ...] = ()  # the seats or areas that stand in the way
    fields: tuple[str, ...] = ()  # "field: what is wrong with it"
    available: int | None = None  # how many could have been had
    retry_at_ms: int | None = None  # when asking again may help, e.g. the earliest expiry


class Accepted(msgspec.Struct, frozen=True):
    """Yes: the entries to journal (none for a replay or a read) and the reply."""

    entries: tuple[Entry, ...]
    reply: Reply
    replayed: bool = False


class Rejected(msgspec.Struct, frozen=True):
    """No: nothing changes and nothing is remembered."""

    reason: Reason
    details: Details = Details()


Outcome: TypeAlias = Accepted | Rejected
