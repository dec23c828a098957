"""What a caller is shown of a hold, an order, a waiter or the event. Nothing of the core."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tests.core.naive_parts import SOLD, Hold, Order, Piece, Waiter
from tests.core.naive_prices import price_view

if TYPE_CHECKING:
    from tests.core.naive_event import NaiveEvent


def view_of(event: "NaiveEvent", what: Hold | Order | Waiter | None, at_ms: int) -> tuple[object, ...]:
    """As a caller sees it at this time."""
    match what:
        case Hold():
            is_over = what.status == "ACTIVE" and what.expires_at_ms <= at_ms
            status = "EXPIRED" if is_over else what.status
            return (
                "hold", what.number, status, what.buyer, *_units(what.pieces), price_view(what.pieces, what),
                what.expires_at_ms, what.cap_ms, what.order, what.channel,
            )  # fmt: skip
        case Order():
            status, hold = event.status_at(what, at_ms), what.hold
            tickets = [
                (number, piece.name, piece.revision, piece.holder)
                for number, piece in enumerate(what.pieces)
                if status in SOLD and piece.revision
            ]
            return (
                "order", what.number, status, hold.buyer, *_units(what.good()), price_view(what.good(), hold),
                hold.expires_at_ms, hold.number, what.placed_at_ms, tuple(tickets),
            )  # fmt: skip
        case Waiter():
            ahead = [waiter.number for waiter in event.waiting()]
            is_waiting = what.status == "WAITING"
            before = ahead.index(what.number) if is_waiting else 0
            return "waiter", what.number, what.status, what.buyer, what.joined_at_ms, before, what.hold
    return (
        "event", event.tenant, event.name, event.status, event.ttl_ms, event.created_at_ms, event.revision,
        event.version,
    )  # fmt: skip


def _units(pieces: Iterable[Piece]) -> tuple[tuple[str, ...], frozenset[tuple[tuple[str, str], int]]]:
    """Seats and slots in their order, and how many places of each area and price type."""
    places = Counter((piece.name, piece.kind) for piece in pieces if not piece.key)
    return tuple(piece.name for piece in pieces if piece.key), frozenset(places.items())
