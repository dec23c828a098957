"""What a block may have answered in a state of its journal: whether a refusal or a read agrees with it.

A state lasts from its last entry to the next, so an answer was given at a time between the two, and what has a deadline
may be over by then although the journal does not say so yet. Where a part of the truth is not in the journal, an answer
agrees: what is found is wrong, but not all that is wrong is found.
"""

from actors.audit.books import IN_FORCE, Books, OrderStatus
from actors.audit.ids import HOLD, ORDER, home_of
from actors.core import entries as e
from loadtests.history.calls import Call, Kind, Outcome, Seen
from loadtests.history.refusals import STANDS
from loadtests.history.rooms import BY_SEAT, Span, is_in_the_way
from loadtests.history.said import SAID_OF
from loadtests.history.shown import Shown

TURNED_AWAY = {"OVERLOADED", "RATE_LIMITED", "UNAVAILABLE", "DEADLINE_EXCEEDED"}
"""Refusals that say nothing of the block's state, only that nothing happened."""

SAID_BEFORE_KEYS = {
    "TOO_LARGE", "INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED", "EVENT_NOT_FOUND", "HOLD_NOT_FOUND",
    "ORDER_NOT_FOUND", "WAITER_NOT_FOUND", "IDEMPOTENCY_KEY_REUSED",
}  # fmt: skip
"""Refusals that do not say that nothing stands under the key: given before it is looked, or because something does."""

_CLOSED = (OrderStatus.COMPLETED, OrderStatus.NO_SHOW)
_OF_HOLDS = (Kind.READ_HOLD, Kind.EXTEND, Kind.RELEASE, Kind.ORDER)


class Fates:
    """How holds ended, which the audit's books do not keep: a byte or two for each that ever was."""

    def __init__(self) -> None:
        self._of_hold: dict[int, str] = {}

    def meet(self, entry: e.Entry) -> None:
        """The next entry."""
        if isinstance(entry, e.OrderPlaced):
            self._of_hold[entry.hold] = "CONFIRMED"
        elif isinstance(entry, e.HoldReleased):
            self._of_hold[entry.hold] = "RELEASED"
        elif isinstance(entry, e.HoldExpired):
            self._of_hold[entry.hold] = "EXPIRED"

    def of_hold(self, books: Books, hold: int, span: Span, written_ms: int) -> set[str]:
        """The statuses that the hold may have had. `written_ms`: of the last entry."""
        fate = self._of_hold.get(hold)
        if fate is not None:
            return {fate}
        claim = books.claims.get(hold)
        if claim is not None and claim.leg is None:
            return _by_time("ACTIVE", claim.deadline_ms, span, written_ms)
        # Of an event that is cancelled all holds end, under no name that the journal bears.
        return {"RELEASED", "EXPIRED"} if hold in books.ended_at_ms else {"NOT_FOUND"}


def of_order(books: Books, order: int, span: Span, written_ms: int) -> set[str]:
    """The statuses that the order may have had."""
    ended = books.ended_orders.get(order)
    if ended is not None:
        return {ended.name}
    line = books.orders.get(order)
    if line is None:
        return {"NOT_FOUND"}
    claim = books.claims.get(line.hold)
    if line.status is not OrderStatus.PENDING or claim is None:
        return {line.status.name}
    return _by_time("PENDING", claim.deadline_ms, span, written_ms)


def _by_time(status: str, deadline_ms: int, span: Span, written_ms: int) -> set[str]:
    """While it is not over; who only reads a block leaves what fell due at its last entry or later to its owner."""
    found = {status} if deadline_ms >= written_ms else set()
    return {*found, "EXPIRED"} if deadline_ms <= span.last_ms else found


def denies_its_key(call: Call) -> bool:
    """Whether it was refused as only that can be whose key stands for nothing: else it is told what it stands for."""
    return call.outcome is Outcome.FAIL and bool(call.key) and call.reason not in TURNED_AWAY | SAID_BEFORE_KEYS


def can_be_checked(call: Call) -> bool:
    """Whether `agrees` knows what to make of the refusal or the read."""
    if call.outcome is Outcome.OK:
        return call.kind in (Kind.READ_HOLD, Kind.READ_ORDER)
    if call.reason in STANDS or _is_of_units(call):
        return True
    return call.reason in (_HOLD_REASONS if call.kind in _OF_HOLDS else _ORDER_REASONS)


_HOLD_REASONS = {f"HOLD_{status}" for status in ("EXPIRED", "RELEASED", "CONFIRMED", "NOT_FOUND")}
_ORDER_REASONS = {
    f"ORDER_{status}" for status in ("EXPIRED", "CANCELLED", "CONFIRMED", "PENDING", "CLOSED", "NOT_FOUND")
}


OF_OWN = {*_HOLD_REASONS, *_ORDER_REASONS, "TICKET_VOID", "INVALID_ARGUMENT", "TABLE_NOT_WHOLE"}
"""What a desk refuses by what it knows itself: the state of a hold, an order or a ticket."""


def agrees(call: Call, books: Books, fates: Fates, shown: Shown, span: Span, written_ms: int) -> bool | None:
    """Whether the refusal or the read may have been given in this state, at a time in the span; None: nobody can judge
    that.
    """
    if call.outcome is Outcome.FAIL and call.reason not in SAID_OF[call.kind]:
        return False
    if _is_of_units(call):
        return is_in_the_way(call, books, span)
    if call.outcome is Outcome.FAIL and call.reason in STANDS:
        return STANDS[call.reason](call, books, *span)
    if call.kind in _OF_HOLDS:
        statuses = fates.of_hold(books, home_of(HOLD, call.id)[1], span, written_ms)
        prefix = "HOLD_"
    else:
        order = home_of(ORDER, call.id)[1]
        statuses = of_order(books, order, span, written_ms)
        prefix = "ORDER_"
        if call.outcome is not Outcome.OK:
            statuses = {_in_refusals(status) for status in statuses}
    if isinstance(call.told, Seen):
        is_so = call.told.status in statuses and _deadline_agrees(call, call.told, books)
        return is_so and shown.agrees(call, call.told, books)
    return call.reason.removeprefix(prefix) in statuses


def _is_of_units(call: Call) -> bool:
    if call.outcome is not Outcome.FAIL or call.kind not in (Kind.HOLD, Kind.EXCHANGE, Kind.WAIT):
        return False
    return call.reason in BY_SEAT or call.reason == "NOT_ENOUGH_AVAILABLE"


def _in_refusals(status: str) -> str:
    if status in (in_force.name for in_force in IN_FORCE):
        return "CONFIRMED"
    return "CLOSED" if status in (closed.name for closed in _CLOSED) else status


def _deadline_agrees(call: Call, seen: Seen, books: Books) -> bool:
    if seen.status != "ACTIVE" or not seen.expires_at_ms:
        return True
    claim = books.claims.get(home_of(HOLD, call.id)[1])
    return claim is not None and claim.deadline_ms == seen.expires_at_ms
