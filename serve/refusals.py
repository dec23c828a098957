"""The one table from reason to HTTP status, gRPC code, whether it is a passing fault, and title."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec
from grpc import StatusCode

from actors.core.outcomes import Details, Reason, Rejected

ASK_AGAIN_AFTER_MS = 1_000
"""When to ask again after a passing fault that does not say so itself."""

MAX_EXPLAINED = 3
MAX_EXPLANATION_LENGTH = 160
"""In characters: gRPC sends it percent-encoded, up to twelve bytes each, in metadata that clients bound."""


class Standing(msgspec.Struct, frozen=True):
    """How a reason looks outside. `transient`: a fault, not an answer; the same key may be sent again, and safely.

    But where there will never be room: see `is_transient`.
    """

    http_status: int
    grpc_code: StatusCode
    transient: bool
    title: str


STANDINGS: Mapping[Reason, Standing] = MappingProxyType(
    {
        Reason.TOO_LARGE: Standing(413, StatusCode.INVALID_ARGUMENT, False, "The request is too large"),
        Reason.INVALID_ARGUMENT: Standing(400, StatusCode.INVALID_ARGUMENT, False, "The request is malformed"),
        Reason.UNAUTHENTICATED: Standing(401, StatusCode.UNAUTHENTICATED, False, "A valid API key is needed"),
        Reason.PERMISSION_DENIED: Standing(403, StatusCode.PERMISSION_DENIED, False, "The key does not allow this"),
        Reason.RATE_LIMITED: Standing(429, StatusCode.RESOURCE_EXHAUSTED, True, "Too many requests"),
        Reason.OVERLOADED: Standing(429, StatusCode.RESOURCE_EXHAUSTED, True, "The server is overloaded"),
        Reason.UNAVAILABLE: Standing(503, StatusCode.UNAVAILABLE, True, "The server cannot answer now"),
        Reason.OUTCOME_UNKNOWN: Standing(504, StatusCode.DEADLINE_EXCEEDED, True, "The outcome is not known"),
        Reason.DEADLINE_EXCEEDED: Standing(504, StatusCode.DEADLINE_EXCEEDED, True, "The time was up"),
        Reason.EVENT_NOT_FOUND: Standing(404, StatusCode.NOT_FOUND, False, "There is no such event"),
        Reason.HOLD_NOT_FOUND: Standing(404, StatusCode.NOT_FOUND, False, "There is no such hold"),
        Reason.ORDER_NOT_FOUND: Standing(404, StatusCode.NOT_FOUND, False, "There is no such order"),
        Reason.WAITER_NOT_FOUND: Standing(404, StatusCode.NOT_FOUND, False, "Nobody of this id waits"),
        Reason.IDEMPOTENCY_KEY_REUSED: Standing(
            422, StatusCode.ALREADY_EXISTS, False, "The idempotency key was used for another request"
        ),
        Reason.REVISION_MISMATCH: Standing(412, StatusCode.ABORTED, False, "The event has changed meanwhile"),
        Reason.UNIT_UNKNOWN: Standing(422, StatusCode.INVALID_ARGUMENT, False, "The event has no such unit"),
        Reason.TABLE_NOT_WHOLE: Standing(422, StatusCode.INVALID_ARGUMENT, False, "The table is sold as a whole"),
        Reason.SALE_NOT_OPEN: Standing(409, StatusCode.FAILED_PRECONDITION, False, "The event is not on sale yet"),
        Reason.SALE_CLOSED: Standing(409, StatusCode.FAILED_PRECONDITION, False, "The event is not on sale any more"),
        Reason.SALE_OPEN: Standing(409, StatusCode.FAILED_PRECONDITION, False, "The event is on sale"),
        Reason.HOLD_EXPIRED: Standing(410, StatusCode.FAILED_PRECONDITION, False, "The hold has expired"),
        Reason.HOLD_RELEASED: Standing(409, StatusCode.FAILED_PRECONDITION, False, "The hold was released"),
        Reason.HOLD_CONFIRMED: Standing(
            409, StatusCode.FAILED_PRECONDITION, False, "An order has already taken the hold over"
        ),
        Reason.ORDER_EXPIRED: Standing(410, StatusCode.FAILED_PRECONDITION, False, "The order has expired"),
        Reason.ORDER_CANCELLED: Standing(409, StatusCode.FAILED_PRECONDITION, False, "The order was cancelled"),
        Reason.ORDER_CONFIRMED: Standing(409, StatusCode.FAILED_PRECONDITION, False, "The order is already confirmed"),
        Reason.ORDER_PENDING: Standing(409, StatusCode.FAILED_PRECONDITION, False, "The order is not paid yet"),
        Reason.ORDER_CLOSED: Standing(409, StatusCode.FAILED_PRECONDITION, False, "The order is closed"),
        Reason.ORDER_NOT_DUE: Standing(
            409, StatusCode.FAILED_PRECONDITION, False, "The order has no slot that has begun"
        ),
        Reason.TICKET_VOID: Standing(409, StatusCode.FAILED_PRECONDITION, False, "The ticket is void"),
        Reason.WAITER_GONE: Standing(409, StatusCode.FAILED_PRECONDITION, False, "The buyer waits no longer"),
        Reason.NO_WAITING_LIST: Standing(409, StatusCode.FAILED_PRECONDITION, False, "The event has no waiting list"),
        Reason.BUYER_LIMIT_EXCEEDED: Standing(
            409, StatusCode.FAILED_PRECONDITION, False, "The buyer would have too many units"
        ),
        Reason.UNITS_BLOCKED: Standing(409, StatusCode.FAILED_PRECONDITION, False, "Units are set aside"),
        Reason.CHANNEL_REQUIRED: Standing(
            409, StatusCode.FAILED_PRECONDITION, False, "Units are set aside for another channel"
        ),
        Reason.UNITS_SOLD: Standing(409, StatusCode.ABORTED, False, "Units are sold"),
        Reason.UNITS_HELD: Standing(409, StatusCode.ABORTED, False, "Units are held by others"),
        Reason.NOT_ENOUGH_AVAILABLE: Standing(409, StatusCode.ABORTED, False, "There is not enough available"),
        Reason.INTERNAL: Standing(500, StatusCode.INTERNAL, False, "The server has a fault"),
    }
)


def invalid(*faults: str) -> Rejected:
    """The refusal of a malformed request; each fault reads `field: what is wrong with it`."""
    return Rejected(Reason.INVALID_ARGUMENT, Details(fields=faults))


def too_large(max_bytes: int) -> Rejected:
    """The refusal of a request that weighs more than is read."""
    return Rejected(Reason.TOO_LARGE, Details(fields=(f"body: at most {max_bytes} bytes are allowed",)))


def explanation(refusal: Rejected) -> str:
    """One sentence for a person: the title, and the first of what the details add to it."""
    text = sentence(refusal, MAX_EXPLAINED)
    return text if len(text) <= MAX_EXPLANATION_LENGTH else f"{text[: MAX_EXPLANATION_LENGTH - 3]}..."


def sentence(refusal: Rejected, max_named: int | None = None) -> str:
    """The title, and of what the details add to it up to `max_named` names or faults; None: all of them."""
    details = refusal.details
    named = details.fields or details.units
    parts = list(named[:max_named])
    if len(named) > len(parts):
        parts.append(f"{len(named) - len(parts)} more")
    if details.available is not None:
        parts.append(f"{details.available} available")
    if details.quarantined:
        parts.append("this event is quarantined until an operator has looked at it")
    if details.full:
        parts.append(
            "no basket fits any more where this key belongs, and waiting does not help; another key may be taken"
        )
    title = STANDINGS[refusal.reason].title
    return f"{title}: {'; '.join(parts)}." if parts else f"{title}."


def is_transient(refusal: Rejected) -> bool:
    """Whether the same request may be granted later."""
    return STANDINGS[refusal.reason].transient and not refusal.details.full


def ask_again_after_ms(refusal: Rejected, now_ms: int) -> int | None:
    """How long to wait before sending a refused request again, or None if that is of no use by itself."""
    if not is_transient(refusal):
        return None
    at_ms = refusal.details.retry_at_ms
    return ASK_AGAIN_AFTER_MS if at_ms is None else max(at_ms - now_ms, 0)


def split_fault(fault: str) -> tuple[str, str]:
    """Field and problem of a fault that reads `field: what is wrong with it`."""
    field, separator, problem = fault.partition(": ")
    return (field, problem) if separator else ("", fault)
