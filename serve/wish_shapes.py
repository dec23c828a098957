"""What a hold, an exchange and a waiter wish for, as it arrives: units by name, places, best seats, times."""

from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from actors.core.baskets import MAX_LEGS
from actors.core.wishes import (
    MAX_BEST_OF_WAITER,
    MAX_PARTS,
    MAX_UNITS_PER_HOLD,
    AreaPlaces,
    BestSeats,
    Span,
    Wish,
    overlapping,
)
from serve.validation import (
    BEGINNING,
    MILLISECOND,
    BuyerId,
    Id,
    Instant,
    Seconds,
    Shape,
    TicketIds,
    faults_of_buyer,
    faults_of_tickets,
    named_twice,
)

UnitName = Annotated[str, Meta(min_length=1, max_length=200, examples=["101/C/14"])]
Quantity = Annotated[int, Meta(ge=1, le=MAX_UNITS_PER_HOLD)]
PriceType = Annotated[str, Meta(max_length=200, description="a price type's name; empty: the event's first")]
Names = Annotated[tuple[UnitName, ...], Meta(max_length=MAX_UNITS_PER_HOLD)]


class AreaQuantity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Places of an area."""

    area: UnitName
    quantity: Quantity
    price_type: PriceType = ""


class SeatsAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Adjacent seats that the server chooses, the best there are; no `sections` or `categories`: of any.

    `accessible`: how many of them must be accessible seats. `split`: over neighbouring rows, if no row has room for
    all and none must be accessible; the parts are not necessarily behind each other. `price_types`: how many at which
    price type; the others have the event's first. Several in one wish are chosen one after the other, each the best for
    itself: they may be refused where less than the best would serve all.
    """

    quantity: Quantity
    sections: Names = ()
    categories: Names = ()
    accessible: Annotated[int, Meta(ge=0, le=MAX_UNITS_PER_HOLD)] = 0
    split: bool = False
    price_types: Annotated[dict[UnitName, Quantity], Meta(max_length=MAX_UNITS_PER_HOLD)] = msgspec.field(
        default_factory=dict
    )


class SlotsAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The slots of a resource that fill the time from start to end exactly. Those of one resource do not overlap."""

    resource: UnitName
    starts_at: Instant
    ends_at: Instant
    price_type: PriceType = ""


class Wished(Shape, frozen=True):
    """What is wished for, all or nothing: 1 to 50 units together.

    `units`: seats, tables and slots by name. `price_types`: of those of `units` that are not to have the event's first.
    `accessible`: seats that are kept for who needs one may be among `units`. `channel`: through which it is sold.
    """

    units: Names = ()
    areas: Annotated[tuple[AreaQuantity, ...], Meta(max_length=MAX_UNITS_PER_HOLD)] = ()
    price_types: Annotated[dict[UnitName, PriceType], Meta(max_length=MAX_UNITS_PER_HOLD)] = msgspec.field(
        default_factory=dict
    )
    best: Annotated[tuple[SeatsAsked, ...], Meta(max_length=MAX_PARTS)] = ()
    slots: Annotated[tuple[SlotsAsked, ...], Meta(max_length=MAX_PARTS)] = ()
    accessible: bool = False
    channel: Annotated[str, Meta(max_length=200)] = ""

    def faults(self) -> Iterator[str]:
        """There are 1 to 50 units, each named once. How many slots fill a time only the event knows."""
        quantity = len(self.units) + sum(places.quantity for places in self.areas)
        quantity += sum(seats.quantity for seats in self.best)
        if not (quantity or self.slots) or quantity > MAX_UNITS_PER_HOLD:
            yield f"units: a hold takes 1 to {MAX_UNITS_PER_HOLD} units, not {quantity}"
        yield from named_twice("units[{}]", self.units)
        yield from named_twice("areas[{}].area", ((places.area, places.price_type) for places in self.areas))
        for name in sorted(self.price_types.keys() - set(self.units)):
            yield f"price_types: {name} is not among the units"
        for index, seats in enumerate(self.best):
            if seats.accessible > seats.quantity:
                yield f"best[{index}].accessible: must be at most the quantity"
            if sum(seats.price_types.values()) > seats.quantity:
                yield f"best[{index}].price_types: are more than the quantity"
        for index, span in enumerate(self.slots):
            yield from _faults_of_times(span, f"slots[{index}]")
        for index in overlapping(self._spans()):
            yield f"slots[{index}]: overlaps another of the same resource"

    def wish(self) -> Wish:
        """The same as a block takes it. What has no order here is sorted by name, so that it is the same each time."""
        return Wish(
            self.units,
            tuple(AreaPlaces(places.area, places.quantity, places.price_type) for places in self.areas),
            tuple(
                BestSeats(
                    seats.quantity,
                    seats.sections,
                    seats.categories,
                    seats.accessible,
                    seats.split,
                    tuple(sorted(seats.price_types.items())),
                )
                for seats in self.best
            ),
            self._spans(),
            tuple(sorted(self.price_types.items())),
            self.accessible,
            self.channel,
        )

    def _spans(self) -> tuple[Span, ...]:
        return tuple(
            Span(span.resource, _ms(span.starts_at), _ms(span.ends_at), span.price_type) for span in self.slots
        )


class NewHold(Wished, frozen=True):
    """What to hold, all or nothing, for `ttl_seconds` (0: as long as the event says). 1 to 50 units together.

    `units`: seats, tables and slots by name. `price_types`: of those of `units` that are not to have the event's first.
    `accessible`: seats that are kept for who needs one may be among `units`. `channel`: through which it is sold.

    `buyer_id` is the caller's own opaque name of the buyer: it is kept for ever, so never a mail address or a name.
    """

    ttl_seconds: Seconds = 0
    buyer_id: BuyerId = ""

    def faults(self) -> Iterator[str]:
        """Of the wish and of the buyer."""
        yield from super().faults()
        yield from faults_of_buyer(self.buyer_id)


class LegAsked(Wished, frozen=True, kw_only=True):
    """What to hold of one event, as a hold has it: 1 to 50 units together."""

    event_id: Id


class NewBasket(Shape, frozen=True):
    """What to hold of several events, all or nothing, for `ttl_seconds` (0: as long as the shortest of them says).

    Each event is named once, and all are sold in one currency.

    `buyer_id` is the caller's own opaque name of the buyer: it is kept for ever, so never a mail address or a name.
    """

    legs: Annotated[tuple[LegAsked, ...], Meta(min_length=1, max_length=MAX_LEGS)]
    ttl_seconds: Seconds = 0
    buyer_id: BuyerId = ""

    def faults(self) -> Iterator[str]:
        """Of each wish, of the events together and of the buyer."""
        for index, leg in enumerate(self.legs):
            yield from (f"legs[{index}].{fault}" for fault in leg.faults())
        yield from named_twice("legs[{}].event_id", (leg.event_id for leg in self.legs))
        yield from faults_of_buyer(self.buyer_id)


class NewWaiter(Wished, frozen=True):
    """What to wait for, as a hold has it, with one of `best` at most. `buyer_id` as there."""

    best: Annotated[tuple[SeatsAsked, ...], Meta(max_length=MAX_BEST_OF_WAITER)] = ()
    buyer_id: BuyerId = ""

    def faults(self) -> Iterator[str]:
        """Of the wish and of the buyer."""
        yield from super().faults()
        yield from faults_of_buyer(self.buyer_id)


class TicketExchange(Wished, frozen=True, kw_only=True):
    """Which tickets of an order to give back, and what to have instead, as a hold has it.

    `event_id`: of which event; required where the order is of several, else it is the order's own.
    """

    tickets: TicketIds
    event_id: Annotated[str, Meta(max_length=64)] = ""

    def faults(self) -> Iterator[str]:
        """Of the wish and of the tickets."""
        yield from super().faults()
        yield from faults_of_tickets(self.tickets)


def _faults_of_times(span: SlotsAsked, path: str) -> Iterator[str]:
    for field, at in (("starts_at", span.starts_at), ("ends_at", span.ends_at)):
        if at.microsecond % 1000:
            yield f"{path}.{field}: must be in whole milliseconds"
    if span.ends_at <= span.starts_at:
        yield f"{path}.ends_at: must be after starts_at"


def _ms(at: Instant) -> int:
    return (at - BEGINNING) // MILLISECOND
