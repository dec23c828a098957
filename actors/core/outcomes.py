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
    WAITER_NOT_FOUND = 13
    IDEMPOTENCY_KEY_REUSED = 14
    REVISION_MISMATCH = 15
    UNIT_UNKNOWN = 16
    TABLE_NOT_WHOLE = 17
    SALE_NOT_OPEN = 18
    SALE_CLOSED = 19
    SALE_OPEN = 20
    HOLD_EXPIRED = 21
    HOLD_RELEASED = 22
    HOLD_CONFIRMED = 23
    ORDER_EXPIRED = 24
    ORDER_CANCELLED = 25
    ORDER_CONFIRMED = 26
    ORDER_PENDING = 27
    ORDER_CLOSED = 28
    ORDER_NOT_DUE = 29
    TICKET_VOID = 30
    WAITER_GONE = 31
    NO_WAITING_LIST = 32
    BUYER_LIMIT_EXCEEDED = 33
    UNITS_BLOCKED = 34
    CHANNEL_REQUIRED = 35
    UNITS_SOLD = 36
    UNITS_HELD = 37
    NOT_ENOUGH_AVAILABLE = 38
    INTERNAL = 39


class Details(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a rejection says beyond its reason."""

    units: tuple[str, ...] = ()  # the seats or areas that stand in the way
    fields: tuple[str, ...] = ()  # "field: what is wrong with it"
    available: int | None = None  # how many could have been had
    retry_at_ms: int | None = None  # when asking again may help, e.g. the earliest expiry
    event: str = ""  # the id of the event that said so, of the several of a basket
    divided: bool = False  # the event is in parts, so that all that is held of it is a basket's
    quarantined: bool = False  # the block serves nobody until an operator has looked at it
    miscounted: bool = False  # a ledger was to count other units than are held: who asked knew an older layout
    undecided: bool = False  # a desk is there, and has not decided about the leg yet
    full: bool = False  # for good: there is no more room here, however long one waits


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
