"""The core's outcomes in the naive model's words."""

from collections import Counter

from actors.core.outcomes import Accepted, Outcome
from actors.core.prices import Price
from actors.core.replies import EventReply, HoldReply, OrderReply, WaiterReply
from actors.core.wishes import AreaPlaces
from tests.core.naive_parts import Answer


def answer_of(outcome: Outcome) -> Answer:
    """A refusal with its details, or what the caller sees: see `naive_views`."""
    if isinstance(outcome, Accepted):
        return Answer(replayed=outcome.replayed, view=_view(outcome))
    details = outcome.details
    if outcome.reason.name != "BUYER_LIMIT_EXCEEDED":  # of which only too many waiters are a field's
        names_fields = outcome.reason.name in ("INVALID_ARGUMENT", "TICKET_VOID")
        assert bool(details.fields) == names_fields, "a bad field is named, always"
    return Answer(outcome.reason.name, frozenset(details.units), details.available, details.retry_at_ms)


def _view(outcome: Accepted) -> tuple[object, ...]:
    reply = outcome.reply
    match reply:
        case EventReply():
            return (
                "event", reply.tenant, reply.name, reply.status.name, reply.hold_ttl_ms, reply.created_at_ms,
                reply.revision, reply.layout_version,
            )  # fmt: skip
        case HoldReply():
            return (
                "hold", reply.hold, reply.status.name, reply.buyer, reply.seats, _places(reply.areas),
                _price(reply.price), reply.expires_at_ms, reply.max_expires_at_ms, reply.order, reply.channel,
            )  # fmt: skip
        case OrderReply():
            tickets = tuple((one.index, one.unit, one.code_revision, one.holder) for one in reply.tickets)
            return (
                "order", reply.order, reply.status.name, reply.buyer, reply.seats, _places(reply.areas),
                _price(reply.price), reply.pay_by_ms, reply.hold, reply.placed_at_ms, tickets,
            )  # fmt: skip
        case WaiterReply():
            joined = (reply.buyer, reply.joined_at_ms)
            return ("waiter", reply.waiter, reply.status.name, *joined, reply.ahead, reply.hold)
    raise AssertionError("the walk asks for no digests")


def _places(areas: tuple[AreaPlaces, ...]) -> frozenset[tuple[tuple[str, str], int]]:
    counted: Counter[tuple[str, str]] = Counter()
    for places in areas:
        counted[places.area, places.price_type] += places.quantity
    return frozenset(counted.items())


def _price(price: Price) -> tuple[object, ...]:
    return (
        frozenset(((line.category, line.price_type, line.unit_price), line.quantity) for line in price.lines),
        frozenset(((fee.name, fee.unit_amount), fee.quantity) for fee in price.fees),
        frozenset(((tax.name, tax.rate_ppm, tax.included), tax.amount) for tax in price.taxes),
        price.total,
    )
