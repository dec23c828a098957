"""What of a market's calls is wrong as it was asked, so that the server may say so: of any other call it may not."""

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from actors.core.wishes import Span, Wish

if TYPE_CHECKING:
    from tests.simulation.market_client import Wanted

_FOR_SOMEBODY = ("place_hold", "place_basket", "join_waiting_list", "exchange_tickets")


def may_be_invalid(wanted: "Wanted") -> bool:
    """Whether there is something about it that no server needs to understand."""
    about = wanted.about
    wishes = [wish for _, wish in about.legs] or [about.wish]
    return (
        wanted.is_nonsense
        or about.ttl_ms < 0
        or any(ticket > 0 for ticket in about.tickets)  # as many as are not there
        or (wanted.what in _FOR_SOMEBODY and not wanted.buyer)  # where what each may have is limited
        or (wanted.what == "join_waiting_list" and len(about.wish.best) > 1)
        or any(map(is_malformed, wishes))
    )


def is_malformed(wish: Wish) -> bool:
    """Whether it contradicts itself: something twice, nothing at all, more of a choice than it has, time that ends
    before it begins.
    """
    resources = [span.resource for span in wish.spans]
    return (
        any(places.quantity < 1 for places in wish.areas)
        or _has_twice([(places.area, places.price_type) for places in wish.areas])
        or _has_twice(wish.seats)
        or any(_is_within(name, other) for name in wish.seats for other in (*wish.seats, *resources))
        or any(not 0 <= best.accessible <= best.quantity for best in wish.best)
        or any(sum(quantity for _, quantity in best.price_types) > best.quantity for best in wish.best)
        or any(span.ends_at_ms <= span.starts_at_ms for span in wish.spans)
        or any(_overlap(*two) for two in combinations(wish.spans, 2))
    )


def _has_twice(names: Sequence[object]) -> bool:
    return len(set(names)) < len(names)


def _is_within(name: str, other: str) -> bool:
    """A chair of a table, a slot of a resource."""
    return name.startswith(f"{other}/")


def _overlap(one: Span, other: Span) -> bool:
    is_apart = one.ends_at_ms <= other.starts_at_ms or other.ends_at_ms <= one.starts_at_ms
    return one.resource == other.resource and not is_apart
