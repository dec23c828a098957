"""What gRPC replies look like: replies of blocks and read models as protobuf messages."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from actors.core.baskets import LegReply
from actors.core.ids import BlockId, Kind, event_id, outside_id, ticket_id
from actors.core.layout import Layout, Resource
from actors.core.parts import groups_of
from actors.core.prices import Price
from actors.core.replies import (
    Choice,
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
from actors.layout_files.rules_file import rules_to_raw
from actors.projections.availability_reader import EventSummary
from actors.projections.listing_reader import Listed
from holdfast.v1 import events_pb2, holds_pb2, legs_pb2, orders_pb2, prices_pb2, units_pb2, waiting_pb2
from serve.documents import LayoutDocument
from serve.grpc_api.layout_replies import areas_of, categories_of, fees_of, tax_of, time_of
from serve.had import had

R = TypeVar("R", HoldReply, OrderReply)

_EVENT_STATUS = {status: f"EVENT_STATUS_{status.name}" for status in EventStatus}
_HOLD_STATUS = {status: f"HOLD_STATUS_{status.name}" for status in HoldStatus}
_ORDER_STATUS = {status: f"ORDER_STATUS_{status.name}" for status in OrderStatus}
_WAITER_STATUS = {status: f"WAITER_STATUS_{status.name}" for status in WaiterStatus}


def hold_of(block: BlockId, hold: HoldReply) -> holds_pb2.Hold:
    """A `holdfast.v1.Hold`."""
    of = had(block, hold)
    return holds_pb2.Hold(
        hold_id=outside_id(Kind.HOLD, block, hold.hold),
        status=_HOLD_STATUS[hold.status],
        event_id=of.event_id,
        units=of.units,
        areas=_areas(of.areas),
        price=_price(hold.price),
        expires_at=time_of(hold.expires_at_ms),
        expires_in_seconds=hold.ends_in_seconds,
        max_expires_at=time_of(hold.max_expires_at_ms),
        buyer_id=hold.buyer,
        order_id=outside_id(Kind.ORDER, block, hold.order) if hold.order else "",
        channel=hold.channel,
        choices=_choices(hold.choices),
        legs=_legs(of.legs),
    )


def order_of(block: BlockId, order: OrderReply) -> orders_pb2.Order:
    """A `holdfast.v1.Order`."""
    of = had(block, order)
    return orders_pb2.Order(
        order_id=outside_id(Kind.ORDER, block, order.order),
        status=_ORDER_STATUS[order.status],
        event_id=of.event_id,
        hold_id=outside_id(Kind.HOLD, block, order.hold),
        units=of.units,
        areas=_areas(of.areas),
        price=_price(order.price),
        placed_at=time_of(order.placed_at_ms),
        pay_by=time_of(order.pay_by_ms),
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
        legs=_legs(of.legs),
        choices=_choices(order.choices),
    )


def waiter_of(block: BlockId, waiter: WaiterReply) -> waiting_pb2.Waiter:
    """A `holdfast.v1.Waiter`."""
    return waiting_pb2.Waiter(
        waiter_id=outside_id(Kind.WAITER, block, waiter.waiter),
        status=_WAITER_STATUS[waiter.status],
        event_id=event_id(block),
        ahead=waiter.ahead,
        joined_at=time_of(waiter.joined_at_ms),
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
        created_at=time_of(event.created_at_ms),
        categories=categories_of(layout),
        sections=[
            events_pb2.EventSection(section=section.name, capacity=sum(row.count for row in section.rows))
            for section in layout.sections
        ],
        areas=areas_of(layout),
        revision=event.revision,
        layout_version=event.layout_version,
        rules=msgspec.json.encode(rules_to_raw(event.rules)).decode(),
        resources=[_resource(layout, resource) for resource in layout.resources],
        price_types=layout.price_types,
        fees=fees_of(layout),
        tax=tax_of(layout),
        split=[events_pb2.SectionGroup(sections=group) for group in groups_of(event.parts)],
    )


def layout_document_of(reply: type[Any], document: LayoutDocument) -> Any:
    """An event's layout as a document."""
    return reply(
        event_id=event_id(document.block),
        revision=document.revision,
        layout_version=document.layout_version,
        layout=bytes(document.layout).decode(),
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
                created_at=time_of(event.created_at_ms),
                as_of=time_of(event.as_of_ms),
            )
            for event in events
        ],
        next_cursor=next_cursor,
    )


def listed(field: str, render: Callable[[BlockId, R], Any]) -> Callable[[type[Any], Listed[R]], Any]:
    """Renders a page of an event's list."""

    def rendered(reply: type[Any], found: Listed[R]) -> Any:
        return reply(
            event_id=event_id(found.block),
            sequence=found.position,
            as_of=time_of(found.as_of_ms),
            age_ms=found.age_ms,
            next_cursor=found.next_cursor,
            **{field: [render(home, one) for home, one in zip(found.homes, found.listed, strict=True)]},
        )

    return rendered


def _legs(legs: Iterable[LegReply]) -> list[legs_pb2.Leg]:
    return [
        legs_pb2.Leg(
            event_id=event_id(BlockId(leg.block)), units=leg.seats, areas=_areas(leg.areas), price=_price(leg.price)
        )
        for leg in legs
    ]


def _choices(choices: Iterable[Choice]) -> list[holds_pb2.SeatChoice]:
    return [holds_pb2.SeatChoice(score=choice.score, orphans=choice.orphans) for choice in choices]


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
        first_starts_at=None if times_ms is None else time_of(times_ms[0]),
        last_ends_at=None if times_ms is None else time_of(times_ms[1]),
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
