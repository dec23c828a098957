"""What gRPC replies look like: replies of blocks and read models as protobuf messages."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from actors.core.baskets import LegReply
from actors.core.ids import BlockId, Kind, event_id, outside_id, ticket_id
from actors.core.inventory import UnitStatus
from actors.core.layout import Layout, Resource
from actors.core.prices import Price
from actors.core.replies import (
    EventReply,
    EventStatus,
    HoldReply,
    HoldStatus,
    OrderReply,
    OrderStatus,
    WaiterReply,
    WaiterStatus,
)
from actors.core.wishes import AreaPlaces
from actors.projections.answers import Availability, EventLayout, SeatStatuses, UnitStatuses
from actors.projections.availability_reader import EventSummary
from actors.projections.counts import AreaAvailability, UnitCounts
from actors.projections.listing_reader import Listed
from holdfast.v1 import (
    availability_pb2,
    events_pb2,
    holds_pb2,
    legs_pb2,
    orders_pb2,
    prices_pb2,
    units_pb2,
    waiting_pb2,
)
from serve.rules_document import rules_to_raw

R = TypeVar("R", HoldReply, OrderReply)

_EVENT_STATUS = {status: f"EVENT_STATUS_{status.name}" for status in EventStatus}
_HOLD_STATUS = {status: f"HOLD_STATUS_{status.name}" for status in HoldStatus}
_ORDER_STATUS = {status: f"ORDER_STATUS_{status.name}" for status in OrderStatus}
_WAITER_STATUS = {status: f"WAITER_STATUS_{status.name}" for status in WaiterStatus}
_UNIT_STATUS = {status: f"UNIT_STATUS_{status.name}" for status in UnitStatus}


def hold_of(block: BlockId, hold: HoldReply) -> holds_pb2.Hold:
    """A `holdfast.v1.Hold`."""
    return holds_pb2.Hold(
        hold_id=outside_id(Kind.HOLD, block, hold.hold),
        status=_HOLD_STATUS[hold.status],
        event_id="" if hold.legs else event_id(block),
        units=hold.seats,
        areas=_areas(hold.areas),
        price=_price(hold.price),
        expires_at=_time(hold.expires_at_ms),
        expires_in_seconds=hold.ends_in_seconds,
        max_expires_at=_time(hold.max_expires_at_ms),
        buyer_id=hold.buyer,
        order_id=outside_id(Kind.ORDER, block, hold.order) if hold.order else "",
        channel=hold.channel,
        choices=[holds_pb2.SeatChoice(score=choice.score, orphans=choice.orphans) for choice in hold.choices],
        legs=_legs(hold.legs),
    )


def order_of(block: BlockId, order: OrderReply) -> orders_pb2.Order:
    """A `holdfast.v1.Order`."""
    return orders_pb2.Order(
        order_id=outside_id(Kind.ORDER, block, order.order),
        status=_ORDER_STATUS[order.status],
        event_id="" if order.legs else event_id(block),
        hold_id=outside_id(Kind.HOLD, block, order.hold),
        units=order.seats,
        areas=_areas(order.areas),
        price=_price(order.price),
        placed_at=_time(order.placed_at_ms),
        pay_by=_time(order.pay_by_ms),
        tickets=[
            orders_pb2.Ticket(
                ticket_id=ticket_id(block, order.order, ticket.index),
                unit=ticket.unit,
                code_revision=ticket.code_revision,
                holder=ticket.holder,
                event_id=event_id(BlockId(ticket.block or block)),
            )
            for ticket in order.tickets
        ],
        buyer_id=order.buyer,
        legs=_legs(order.legs),
    )


def waiter_of(block: BlockId, waiter: WaiterReply) -> waiting_pb2.Waiter:
    """A `holdfast.v1.Waiter`."""
    return waiting_pb2.Waiter(
        waiter_id=outside_id(Kind.WAITER, block, waiter.waiter),
        status=_WAITER_STATUS[waiter.status],
        event_id=event_id(block),
        ahead=waiter.ahead,
        joined_at=_time(waiter.joined_at_ms),
        hold_id=outside_id(Kind.HOLD, block, waiter.hold) if waiter.hold else "",
        buyer_id=waiter.buyer,
    )


def event_of(block: BlockId, event: EventReply) -> events_pb2.Event:
    """A `holdfast.v1.Event`."""
    layout = event.layout
    return events_pb2.Event(
        event_id=event_id(block),
        name=event.name,
        status=_EVENT_STATUS[event.status],
        currency=layout.currency,
        capacity=layout.capacity,
        hold_ttl_seconds=event.hold_ttl_ms // 1000,
        created_at=_time(event.created_at_ms),
        categories=[
            prices_pb2.PriceCategory(
                name=category.name,
                price_minor=category.price,
                prices=[
                    prices_pb2.TypePrice(price_type=layout.price_types[price_type], price_minor=price)
                    for price_type, price in category.prices
                ],
            )
            for category in layout.categories
        ],
        sections=[
            events_pb2.EventSection(section=section.name, capacity=sum(row.count for row in section.rows))
            for section in layout.sections
        ],
        areas=[
            events_pb2.EventArea(area=area.name, category=layout.categories[area.category].name, capacity=area.capacity)
            for area in layout.areas
        ],
        revision=event.revision,
        layout_version=event.layout_version,
        rules=msgspec.json.encode(rules_to_raw(event.rules)).decode(),
        resources=[_resource(layout, resource) for resource in layout.resources],
        price_types=layout.price_types,
        fees=[
            prices_pb2.Fee(name=fee.name, amount_minor=fee.amount, share_ppm=fee.share_ppm, once=fee.once)
            for fee in layout.fees
        ],
        tax=None
        if layout.tax is None
        else prices_pb2.Tax(name=layout.tax.name, rate_ppm=layout.tax.rate_ppm, included=layout.tax.included),
    )


def event_list_of(reply: type[Any], page: tuple[tuple[EventSummary, ...], str]) -> Any:
    """A page of the list of events."""
    events, next_cursor = page
    return reply(
        events=[
            events_pb2.EventSummary(
                event_id=event_id(event.block),
                name=event.name,
                status=_EVENT_STATUS[event.status],
                capacity=event.capacity,
                available=event.available,
                created_at=_time(event.created_at_ms),
                as_of=_time(event.as_of_ms),
            )
            for event in events
        ],
        next_cursor=next_cursor,
    )


def availability_of(reply: type[Any], found: Availability) -> Any:
    """An event's units, counted."""
    return reply(
        event_id=event_id(found.block),
        name=found.name,
        status=_EVENT_STATUS[found.status],
        currency=found.currency,
        sequence=found.position,
        as_of=_time(found.as_of_ms),
        sections=[
            availability_pb2.SectionAvailability(
                section=section.section, category=section.category, counts=_counts(section.counts)
            )
            for section in found.sections
        ],
        areas=_area_counts(found.areas),
        age_ms=found.age_ms,
        categories=[
            availability_pb2.CategoryAvailability(
                category=prices_pb2.PriceCategory(name=category.category, price_minor=category.price),
                counts=_counts(category.counts),
            )
            for category in found.categories
        ],
    )


def unit_list_of(reply: type[Any], listed: tuple[str, UnitStatuses]) -> Any:
    """The seats of an event's section."""
    event, found = listed
    return reply(
        event_id=event,
        section=found.section,
        sequence=found.position,
        as_of=_time(found.as_of_ms),
        age_ms=found.age_ms,
        units=[units_pb2.Unit(unit=name, status=_UNIT_STATUS[status]) for name, status in found.statuses.items()],
    )


def layout_of(reply: type[Any], found: EventLayout) -> Any:
    """An event's layout."""
    layout, first_seat, sections = found.layout, 0, []
    names = [category.name for category in layout.categories]
    for section in layout.sections:
        rows = []
        for row in section.rows:
            rows.append(
                availability_pb2.LayoutRow(
                    row=row.name,
                    category=names[row.category],
                    first_seat=first_seat,
                    count=row.count,
                    first_label=0 if row.labels else row.first,
                    labels=row.labels,
                )
            )
            first_seat += row.count
        sections.append(availability_pb2.LayoutSection(section=section.name, rows=rows))
    return reply(
        event_id=event_id(found.block),
        layout_version=found.version,
        currency=layout.currency,
        seat_count=first_seat,
        categories=[
            prices_pb2.PriceCategory(name=category.name, price_minor=category.price) for category in layout.categories
        ],
        sections=sections,
        areas=[
            events_pb2.EventArea(area=area.name, category=names[area.category], capacity=area.capacity)
            for area in layout.areas
        ],
    )


def statuses_of(reply: type[Any], found: SeatStatuses) -> Any:
    """The seats of an event."""
    return reply(
        event_id=event_id(found.block),
        layout_version=found.layout_version,
        sequence=found.position,
        as_of=_time(found.as_of_ms),
        age_ms=found.age_ms,
        areas=_area_counts(found.areas),
        only_changed=found.changed is not None,
        statuses=found.statuses or b"",
        changed=[
            availability_pb2.SeatsOfStatus(status=name, seats=seats)
            for status, name in _UNIT_STATUS.items()
            if (seats := found.changed_to(status))
        ],
    )


def listed(field: str, render: Callable[[BlockId, R], Any]) -> Callable[[type[Any], Listed[R]], Any]:
    """Renders a page of an event's list."""

    def rendered(reply: type[Any], found: Listed[R]) -> Any:
        return reply(
            event_id=event_id(found.block),
            sequence=found.position,
            as_of=_time(found.as_of_ms),
            age_ms=found.age_ms,
            next_cursor=found.next_cursor,
            **{field: [render(found.block, one) for one in found.listed]},
        )

    return rendered


def _area_counts(areas: Iterable[AreaAvailability]) -> list[availability_pb2.AreaAvailability]:
    return [
        availability_pb2.AreaAvailability(area=area.area, category=area.category, counts=_counts(area.counts))
        for area in areas
    ]


def _legs(legs: Iterable[LegReply]) -> list[legs_pb2.Leg]:
    return [
        legs_pb2.Leg(
            event_id=event_id(BlockId(leg.block)), units=leg.seats, areas=_areas(leg.areas), price=_price(leg.price)
        )
        for leg in legs
    ]


def _areas(areas: tuple[AreaPlaces, ...]) -> list[units_pb2.AreaQuantity]:
    return [
        units_pb2.AreaQuantity(area=places.area, quantity=places.quantity, price_type=places.price_type)
        for places in areas
    ]


def _resource(layout: Layout, resource: Resource) -> events_pb2.EventResource:
    calendar = layout.calendars[resource.calendar]
    times_ms = calendar.times_ms
    return events_pb2.EventResource(
        resource=resource.name,
        category=layout.categories[resource.category].name,
        capacity=calendar.slot_count,
        zone=calendar.zone,
        slot_seconds=calendar.slot_ms // 1000,
        buffer_seconds=resource.buffer_ms // 1000,
        first_starts_at=None if times_ms is None else _time(times_ms[0]),
        last_ends_at=None if times_ms is None else _time(times_ms[1]),
    )


def _price(price: Price) -> prices_pb2.Price:
    return prices_pb2.Price(
        currency=price.currency,
        lines=[
            prices_pb2.PriceLine(
                category=line.category,
                quantity=line.quantity,
                unit_price_minor=line.unit_price,
                amount_minor=line.quantity * line.unit_price,
                price_type=line.price_type,
            )
            for line in price.lines
        ],
        total_minor=price.total,
        fees=[
            prices_pb2.FeeLine(
                name=fee.name,
                quantity=fee.quantity,
                unit_amount_minor=fee.unit_amount,
                amount_minor=fee.quantity * fee.unit_amount,
            )
            for fee in price.fees
        ],
        taxes=[
            prices_pb2.TaxLine(name=tax.name, rate_ppm=tax.rate_ppm, included=tax.included, amount_minor=tax.amount)
            for tax in price.taxes
        ],
    )


def _counts(counts: UnitCounts) -> units_pb2.UnitCounts:
    return units_pb2.UnitCounts(
        capacity=counts.capacity,
        available=counts.available,
        held=counts.held,
        sold=counts.sold,
        blocked=counts.blocked,
    )


def _time(at_ms: int) -> Timestamp:
    seconds, ms = divmod(at_ms, 1000)
    return Timestamp(seconds=seconds, nanos=ms * 1_000_000)
