"""What is wished for: units by name, places of areas, the best seats that are to be had, a resource for a time."""

from collections.abc import Iterator, Sequence

import msgspec

MAX_UNITS_PER_HOLD = 50
MAX_PARTS = 20  # of each kind in one wish
MAX_BEST_OF_WAITER = 1
"""What one choice leaves for the next may be more when somebody else has had the best of it."""


class AreaPlaces(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`quantity` places of the area named `area`, at the price type of this name (empty: the first)."""

    area: str
    quantity: int
    price_type: str = ""


class BestSeats(msgspec.Struct, frozen=True, array_like=True):
    """`quantity` adjacent seats, the best there are; empty `sections` and `categories`: of any.

    `accessible`: how many of them must be accessible seats. `split`: over neighbouring rows, if no row has room; not
    necessarily behind each other.
    `price_types`: (name, quantity); who is not named has the first.
    """

    quantity: int
    sections: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    accessible: int = 0
    split: bool = False
    price_types: tuple[tuple[str, int], ...] = ()


class Span(msgspec.Struct, frozen=True, array_like=True):
    """The slots of a resource that fill the time from start to end, in ms since 1970, UTC."""

    resource: str
    starts_at_ms: int
    ends_at_ms: int
    price_type: str = ""


class Wish(msgspec.Struct, frozen=True, array_like=True):
    """What one hold is to have, all or nothing.

    `seats`: names of seats, slots and tables. `seat_types`: (name as in `seats`, price type) of those at another than
    the first. `accessible`: seats that are held back for who needs them may be named. `channel`: through which it is
    sold.
    """

    seats: tuple[str, ...] = ()
    areas: tuple[AreaPlaces, ...] = ()
    best: tuple[BestSeats, ...] = ()
    spans: tuple[Span, ...] = ()
    seat_types: tuple[tuple[str, str], ...] = ()
    accessible: bool = False
    channel: str = ""


def canonical(wish: Wish) -> Wish:
    """The wish with its parts in an order of their own, so that the same wish makes the same fingerprint."""
    return Wish(
        tuple(sorted(wish.seats)),
        tuple(sorted(wish.areas, key=lambda places: (places.area, places.price_type))),
        tuple(
            msgspec.structs.replace(
                best, sections=tuple(sorted(best.sections)), categories=tuple(sorted(best.categories))
            )
            for best in wish.best
        ),
        tuple(sorted(wish.spans, key=lambda span: (span.resource, span.starts_at_ms))),
        tuple(sorted(wish.seat_types)),
        wish.accessible,
        wish.channel,
    )


def is_plain(wish: Wish) -> bool:
    """Whether it only names units, at the first price type, through no channel: what most wishes do."""
    return not (wish.areas or wish.best or wish.spans or wish.seat_types or wish.channel)


def faults_of_wish(wish: Wish) -> tuple[str, ...]:
    """What is malformed about it, each fault with its field."""
    count = len(wish.seats)
    if is_plain(wish) and 1 <= count <= MAX_UNITS_PER_HOLD and len(set(wish.seats)) == count:
        return ()
    return tuple(_faults(wish))


def _faults(wish: Wish) -> Iterator[str]:
    quantity = len(wish.seats) + sum(places.quantity for places in wish.areas)
    quantity += sum(best.quantity for best in wish.best)
    if any(places.quantity < 1 for places in wish.areas):
        yield "areas: each quantity must be at least 1"
    elif any(best.quantity < 1 for best in wish.best):
        yield "best: each quantity must be at least 1"
    elif not (1 if not wish.spans else 0) <= quantity <= MAX_UNITS_PER_HOLD:
        yield f"units: a hold takes 1 to {MAX_UNITS_PER_HOLD} units, not {quantity}"
    if len(set(wish.seats)) != len(wish.seats):
        yield "units: a unit is named twice"
    if len({(places.area, places.price_type) for places in wish.areas}) != len(wish.areas):
        yield "areas: an area is named twice at the same price type"
    types = dict(wish.seat_types)
    if len(types) != len(wish.seat_types):
        yield "price_types: a unit is named twice"
    if not types.keys() <= set(wish.seats):
        yield "price_types: names a unit that is not asked for"
    if len(wish.best) > MAX_PARTS or len(wish.spans) > MAX_PARTS:
        yield f"best, spans: must be at most {MAX_PARTS} each"
    yield from _faults_of_parts(wish)


def _faults_of_parts(wish: Wish) -> Iterator[str]:
    for index, best in enumerate(wish.best):
        if not 0 <= best.accessible <= max(best.quantity, 0):
            yield f"best[{index}].accessible: must be from 0 to the quantity"
        if any(quantity < 1 for _, quantity in best.price_types):
            yield f"best[{index}].price_types: each quantity must be at least 1"
        elif sum(quantity for _, quantity in best.price_types) > best.quantity:
            yield f"best[{index}].price_types: are more than the quantity"
        if len(best.sections) > MAX_UNITS_PER_HOLD or len(best.categories) > MAX_UNITS_PER_HOLD:
            yield f"best[{index}]: names more than {MAX_UNITS_PER_HOLD} sections or categories"
    for index, span in enumerate(wish.spans):
        if span.ends_at_ms <= span.starts_at_ms:
            yield f"spans[{index}].ends_at: must be after starts_at"
    for index in overlapping(wish.spans):
        yield f"spans[{index}]: overlaps another of the same resource"


def overlapping(spans: Sequence[Span]) -> Iterator[int]:
    """The places of those that begin before an earlier one of the same resource has ended."""
    ends_ms: dict[str, int] = {}
    for place in sorted(range(len(spans)), key=lambda place: spans[place].starts_at_ms):
        span = spans[place]
        if span.starts_at_ms < ends_ms.get(span.resource, span.starts_at_ms):
            yield place
        ends_ms[span.resource] = max(span.ends_at_ms, ends_ms.get(span.resource, span.ends_at_ms))
