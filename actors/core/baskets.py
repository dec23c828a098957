"""What a basket over several blocks is made of: legs, and what each of them holds, in words that need no layout."""

from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum

import msgspec

from actors.core.prices import FeeLine, Price, PriceLine, TaxLine
from actors.core.wishes import AreaPlaces, Wish

MAX_LEGS = 8
BASKET_LIFE_MS = 2 * 60 * 60_000
"""How long a basket lives at most, unless its events say less."""


class Deed(IntEnum):
    """What a desk demands of a leg."""

    BOOK = 0
    RELEASE = 1


class LegPlan(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a basket wants of one block, under a number that is the leg's alone.

    `instead`: (leg of that block, its tickets) that the same order gives back for it, when the leg is booked.
    `counted_by`: the ledger that counts the leg's units, where an event that is split limits what a buyer may have.
    `counts`: of a leg in a ledger, how many units it counts.
    """

    block: str
    leg: int
    wish: Wish
    instead: tuple[tuple[int, tuple[int, ...]], ...] = ()
    counted_by: str = ""
    counts: int = 0


class LegLine(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What one unit costs. `fees`: (name, amount); `taxes`: (name, rate in millionths, whether included, amount)."""

    category: str
    price_type: str
    price: int
    fees: tuple[tuple[str, int], ...] = ()
    taxes: tuple[tuple[str, int, bool, int], ...] = ()


class LegHeld(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a leg holds, by name; `of_ticket`: the price line of each seat or slot, then of each place.

    `once`: what its event charges for the leg as a whole. `chosen`: (score, orphans) of each choice that was left to
    us. `counted_by`, `counts`: as in `LegPlan`; a leg in a ledger has no tickets.
    `home`: that of the event of which the block is but a part, or empty. `together`: tickets of one table each that is
    sold only as a whole. `begins`: (ticket, when its slot begins).
    """

    leg: int
    block: str
    currency: str
    seats: tuple[str, ...]
    areas: tuple[AreaPlaces, ...]
    lines: tuple[LegLine, ...]
    of_ticket: tuple[int, ...]
    once: LegLine | None = None
    chosen: tuple[tuple[int, int], ...] = ()
    counted_by: str = ""
    counts: int = 0
    home: str = ""
    together: tuple[tuple[int, ...], ...] = ()
    begins: tuple[tuple[int, int], ...] = ()

    @property
    def event(self) -> str:
        """The home block of the event that the leg is of."""
        return self.home or self.block

    @property
    def ticket_names(self) -> tuple[str, ...]:
        """The unit of each ticket."""
        return (*self.seats, *(places.area for places in self.areas for _ in range(places.quantity)))


class LegReply(msgspec.Struct, frozen=True, array_like=True):
    """What a basket has of one event, by the event's block."""

    block: str
    seats: tuple[str, ...]
    areas: tuple[AreaPlaces, ...]
    price: Price


def leg_replies(legs: Iterable[tuple[LegHeld, Sequence[int]]]) -> tuple[LegReply, ...]:
    """What is left by these tickets of each leg, by event; events of which nothing is left are not there, so what they
    have charged once is in the price of all legs alone.
    """
    of_event: dict[str, list[tuple[LegHeld, Sequence[int]]]] = {}
    for held, tickets in legs:
        of_event.setdefault(held.event, []).append((held, tickets))
    return tuple(
        _leg_reply(event, of_this) for event, of_this in of_event.items() if any(tickets for _, tickets in of_this)
    )


def _leg_reply(event: str, legs: Sequence[tuple[LegHeld, Sequence[int]]]) -> LegReply:
    seats: tuple[str, ...] = ()
    places: dict[tuple[str, str], int] = {}
    for held, tickets in legs:
        more_seats, more_areas = units_left(held, tickets)
        seats += more_seats
        for more in more_areas:
            key = more.area, more.price_type
            places[key] = places.get(key, 0) + more.quantity
    areas = tuple(AreaPlaces(area, quantity, kind) for (area, kind), quantity in places.items())
    return LegReply(event, seats, areas, price_of_legs(legs))


def units_left(held: LegHeld, tickets: Iterable[int]) -> tuple[tuple[str, ...], tuple[AreaPlaces, ...]]:
    """The seats and places that these tickets of the leg stand for."""
    wanted = set(tickets)
    seats = tuple(seat for ticket, seat in enumerate(held.seats) if ticket in wanted)
    areas: list[AreaPlaces] = []
    first = len(held.seats)
    for places in held.areas:
        quantity = sum(ticket in wanted for ticket in range(first, first + places.quantity))
        first += places.quantity
        if quantity:
            areas.append(AreaPlaces(places.area, quantity, places.price_type))
    return seats, tuple(areas)


def price_of_legs(legs: Sequence[tuple[LegHeld, Iterable[int]]]) -> Price:
    """What these tickets of these legs cost, with what is charged once for each leg that there ever was."""
    lines: dict[tuple[str, str, int], int] = {}
    fees: dict[tuple[str, int], int] = {}
    taxes: dict[tuple[str, int, bool], int] = {}
    for held, line in _charged(legs):
        if line is not held.once:
            key = line.category, line.price_type, line.price
            lines[key] = lines.get(key, 0) + 1
        for fee in line.fees:
            fees[fee] = fees.get(fee, 0) + 1
        for name, rate_ppm, included, amount in line.taxes:
            taxes[name, rate_ppm, included] = taxes.get((name, rate_ppm, included), 0) + amount
    return Price(
        legs[0][0].currency if legs else "",
        tuple(PriceLine(category, quantity, price, kind) for (category, kind, price), quantity in lines.items()),
        tuple(FeeLine(name, quantity, amount) for (name, amount), quantity in fees.items()),
        tuple(TaxLine(*tax, amount) for tax, amount in taxes.items()),
    )


def _charged(legs: Iterable[tuple[LegHeld, Iterable[int]]]) -> Iterator[tuple[LegHeld, LegLine]]:
    for held, tickets in legs:
        for ticket in tickets:
            yield held, held.lines[held.of_ticket[ticket]]
        if held.once is not None:
            yield held, held.once
