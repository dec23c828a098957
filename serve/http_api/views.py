"""What HTTP replies look like, and how replies of blocks and read models become that."""

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from actors.core.ids import BlockId, Kind, event_id, outside_id, ticket_id
from actors.core.prices import Price
from actors.core.replies import DigestReply, EventReply, HoldReply, OrderReply
from actors.core.wishes import AreaPlaces
from actors.projections.answers import Availability, UnitStatuses
from actors.projections.availability_reader import EventSummary
from actors.projections.counts import AreaAvailability, UnitCounts
from actors.reservations import Done
from serve.wire_time import rfc3339

Time = Annotated[str, Meta(description="RFC 3339, UTC, in milliseconds", examples=["2026-05-01T18:00:00.000Z"])]
Age = Annotated[int, Meta(description="how long ago `as_of` was, when this was answered")]
Minor = Annotated[int, Meta(description="in minor units of the event's currency")]
Currency = Annotated[str, Meta(description="ISO 4217 code", examples=["EUR"])]


class PriceLineView(msgspec.Struct, frozen=True):
    """So many units of one category at one price."""

    category: str
    quantity: int
    unit_price_minor: Minor
    amount_minor: Minor


class PriceView(msgspec.Struct, frozen=True):
    """An itemised price, frozen when the hold was placed."""

    currency: Currency
    lines: list[PriceLineView]
    total_minor: Minor


class AreaQuantityView(msgspec.Struct, frozen=True):
    """Places of an area."""

    area: str
    quantity: int


class HoldView(msgspec.Struct, frozen=True):
    """A hold. Once it is ordered, `expires_at` says until when the order is to be paid. After an outage one that is due
    may be shown as ACTIVE for a moment: whether it is given a little longer is not known yet. Ordering it tells.
    """

    hold_id: str
    status: Annotated[str, Meta(description="ACTIVE, CONFIRMED (for good: see the order), RELEASED or EXPIRED")]
    event_id: str
    units: list[str]
    areas: list[AreaQuantityView]
    price: PriceView
    expires_at: Time
    expires_in_seconds: int
    max_expires_at: Time
    buyer_id: str
    order_id: str | None


class DigestView(msgspec.Struct, frozen=True):
    """The state of an event's block after `entries_applied` entries, the last of them at or before `position`."""

    position: int
    entries_applied: int
    digest: Annotated[str, Meta(description="over everything, remembered keys included; hexadecimal")]
    ledger_digest: Annotated[str, Meta(description="over what is owed to buyers; hexadecimal")]


class TicketView(msgspec.Struct, frozen=True):
    """One admission: a seat, or one place of the area that `unit` names."""

    ticket_id: str
    unit: str
    code_revision: int


class OrderView(msgspec.Struct, frozen=True):
    """An order; it has tickets once it is confirmed. After an outage one that is due may be shown as PENDING for a
    moment: whether it is given a little longer is not known yet. Confirming it tells.
    """

    order_id: str
    status: Annotated[str, Meta(description="PENDING, CONFIRMED, CANCELLED or EXPIRED")]
    event_id: str
    hold_id: str
    units: list[str]
    areas: list[AreaQuantityView]
    price: PriceView
    placed_at: Time
    pay_by: Time
    tickets: list[TicketView]
    buyer_id: str


class CategoryView(msgspec.Struct, frozen=True):
    """A price category."""

    name: str
    price_minor: Minor


class SectionView(msgspec.Struct, frozen=True):
    """A section of numbered seats."""

    section: str
    capacity: int


class AreaView(msgspec.Struct, frozen=True):
    """A general admission area."""

    area: str
    category: str
    capacity: int


class EventView(msgspec.Struct, frozen=True):
    """An event."""

    event_id: str
    name: str
    status: Annotated[str, Meta(description="DRAFT or ON_SALE")]
    currency: Currency
    capacity: int
    hold_ttl_seconds: int
    created_at: Time
    categories: list[CategoryView]
    sections: list[SectionView]
    areas: list[AreaView]


class EventSummaryView(msgspec.Struct, frozen=True):
    """An event as a list shows it."""

    event_id: str
    name: str
    status: str
    capacity: int
    available: int
    created_at: Time
    as_of: Time


class EventListView(msgspec.Struct, frozen=True):
    """A page of the list; no `next_cursor` on the last."""

    events: list[EventSummaryView]
    next_cursor: str | None


class CountsView(msgspec.Struct, frozen=True):
    """Units by status; they add up to `capacity`."""

    capacity: int
    available: int
    held: int
    sold: int
    blocked: int


class SectionCountsView(msgspec.Struct, frozen=True):
    """The seats of one price category within a section."""

    section: str
    category: str
    counts: CountsView


class AreaCountsView(msgspec.Struct, frozen=True):
    """The places of an area."""

    area: str
    category: str
    counts: CountsView


class CategoryCountsView(msgspec.Struct, frozen=True):
    """The units of a price category."""

    category: str
    price_minor: Minor
    counts: CountsView


class AvailabilityView(msgspec.Struct, frozen=True):
    """What can still be had. `sequence` grows with every change. Everything acknowledged before `as_of` is in it."""

    event_id: str
    name: str
    status: str
    currency: Currency
    sequence: int
    as_of: Time
    age_ms: Age
    sections: list[SectionCountsView]
    areas: list[AreaCountsView]
    categories: list[CategoryCountsView]


class UnitView(msgspec.Struct, frozen=True):
    """A seat and its status."""

    unit: str
    status: Annotated[str, Meta(description="AVAILABLE, HELD, SOLD or BLOCKED")]


class UnitListView(msgspec.Struct, frozen=True):
    """The seats of a section."""

    event_id: str
    section: str
    sequence: int
    as_of: Time
    age_ms: Age
    units: list[UnitView]


def hold_view(block: BlockId, hold: HoldReply) -> HoldView:
    """A hold as HTTP shows it."""
    return HoldView(
        hold_id=outside_id(Kind.HOLD, block, hold.hold),
        status=hold.status.name,
        event_id=event_id(block),
        units=list(hold.seats),
        areas=_areas(hold.areas),
        price=_price(hold.price),
        expires_at=rfc3339(hold.expires_at_ms),
        expires_in_seconds=hold.ends_in_seconds,
        max_expires_at=rfc3339(hold.max_expires_at_ms),
        buyer_id=hold.buyer,
        order_id=outside_id(Kind.ORDER, block, hold.order) if hold.order else None,
    )


def order_view(block: BlockId, order: OrderReply) -> OrderView:
    """An order as HTTP shows it."""
    return OrderView(
        order_id=outside_id(Kind.ORDER, block, order.order),
        status=order.status.name,
        event_id=event_id(block),
        hold_id=outside_id(Kind.HOLD, block, order.hold),
        units=list(order.seats),
        areas=_areas(order.areas),
        price=_price(order.price),
        placed_at=rfc3339(order.placed_at_ms),
        pay_by=rfc3339(order.pay_by_ms),
        tickets=[
            TicketView(ticket_id(block, order.order, index), ticket.unit, ticket.code_revision)
            for index, ticket in enumerate(order.tickets)
        ],
        buyer_id=order.buyer,
    )


def event_view(block: BlockId, event: EventReply) -> EventView:
    """An event as HTTP shows it."""
    layout = event.layout
    return EventView(
        event_id=event_id(block),
        name=event.name,
        status=event.status.name,
        currency=layout.currency,
        capacity=layout.capacity,
        hold_ttl_seconds=event.hold_ttl_ms // 1000,
        created_at=rfc3339(event.created_at_ms),
        categories=[CategoryView(category.name, category.price) for category in layout.categories],
        sections=[SectionView(section.name, sum(row.count for row in section.rows)) for section in layout.sections],
        areas=[AreaView(area.name, layout.categories[area.category].name, area.capacity) for area in layout.areas],
    )


def event_list_view(events: tuple[EventSummary, ...], next_cursor: str) -> EventListView:
    """A page of events as HTTP shows it."""
    return EventListView(
        [
            EventSummaryView(
                event_id=event_id(event.block),
                name=event.name,
                status=event.status.name,
                capacity=event.capacity,
                available=event.available,
                created_at=rfc3339(event.created_at_ms),
                as_of=rfc3339(event.as_of_ms),
            )
            for event in events
        ],
        next_cursor or None,
    )


def availability_view(found: Availability) -> AvailabilityView:
    """An event's units, counted, as HTTP shows them."""
    return AvailabilityView(
        event_id=event_id(found.block),
        name=found.name,
        status=found.status.name,
        currency=found.currency,
        sequence=found.position,
        as_of=rfc3339(found.as_of_ms),
        age_ms=found.age_ms,
        sections=[
            SectionCountsView(section.section, section.category, _counts(section.counts)) for section in found.sections
        ],
        areas=area_counts_views(found.areas),
        categories=[
            CategoryCountsView(category.category, category.price, _counts(category.counts))
            for category in found.categories
        ],
    )


def area_counts_views(areas: Iterable[AreaAvailability]) -> list[AreaCountsView]:
    """Areas, counted, as HTTP shows them."""
    return [AreaCountsView(area.area, area.category, _counts(area.counts)) for area in areas]


def unit_list_view(event: str, found: UnitStatuses) -> UnitListView:
    """A section's seats as HTTP shows them."""
    return UnitListView(
        event_id=event,
        section=found.section,
        sequence=found.position,
        as_of=rfc3339(found.as_of_ms),
        age_ms=found.age_ms,
        units=[UnitView(name, status.name) for name, status in found.statuses.items()],
    )


def digest_view(done: Done[DigestReply]) -> DigestView:
    """A block's digests as HTTP shows them."""
    reply = done.reply
    return DigestView(done.position, reply.entries_applied, reply.digest.hex(), reply.ledger_digest.hex())


def _areas(areas: tuple[AreaPlaces, ...]) -> list[AreaQuantityView]:
    return [AreaQuantityView(places.area, places.quantity) for places in areas]


def _price(price: Price) -> PriceView:
    lines = [
        PriceLineView(line.category, line.quantity, line.unit_price, line.quantity * line.unit_price)
        for line in price.lines
    ]
    return PriceView(price.currency, lines, price.total)


def _counts(counts: UnitCounts) -> CountsView:
    return CountsView(counts.capacity, counts.available, counts.held, counts.sold, counts.blocked)
