"""What layouts look like over gRPC, and parts of them in other replies."""

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from actors.core.ids import event_id
from actors.core.layout import Layout, RowKind
from actors.projections.answers import EventLayout
from holdfast.v1 import availability_pb2, events_pb2, prices_pb2


def layout_of(reply: type[Any], found: EventLayout) -> Any:
    """An event's layout."""
    layout = found.layout
    return reply(
        event_id=event_id(found.block),
        layout_version=found.version,
        currency=layout.currency,
        seat_count=layout.seat_count,
        categories=categories_of(layout),
        sections=_sections(layout),
        areas=areas_of(layout),
        resources=_resources(layout),
        calendars=_calendars(layout),
        slot_count=layout.slot_count,
        price_types=layout.price_types,
        fees=fees_of(layout),
        tax=tax_of(layout),
        focus=None if layout.focus is None else _point(layout.focus),
    )


def categories_of(layout: Layout) -> list[prices_pb2.PriceCategory]:
    """Prices by category and price type."""
    return [
        prices_pb2.PriceCategory(
            name=category.name,
            price_minor=category.price,
            prices=[
                prices_pb2.TypePrice(price_type=layout.price_types[price_type], price_minor=price)
                for price_type, price in category.prices
            ],
        )
        for category in layout.categories
    ]


def areas_of(layout: Layout) -> list[events_pb2.EventArea]:
    """General admission."""
    return [
        events_pb2.EventArea(area=area.name, category=layout.categories[area.category].name, capacity=area.capacity)
        for area in layout.areas
    ]


def fees_of(layout: Layout) -> list[prices_pb2.Fee]:
    """What is charged beside the prices of units."""
    return [
        prices_pb2.Fee(name=fee.name, amount_minor=fee.amount, share_ppm=fee.share_ppm, once=fee.once)
        for fee in layout.fees
    ]


def tax_of(layout: Layout) -> prices_pb2.Tax | None:
    """The tax on prices and fees, if there is one."""
    tax = layout.tax
    return None if tax is None else prices_pb2.Tax(name=tax.name, rate_ppm=tax.rate_ppm, included=tax.included)


def time_of(at_ms: int) -> Timestamp:
    """A time in ms since 1970."""
    seconds, ms = divmod(at_ms, 1000)
    return Timestamp(seconds=seconds, nanos=ms * 1_000_000)


def _sections(layout: Layout) -> list[availability_pb2.LayoutSection]:
    first_seat, sections = 0, []
    for section in layout.sections:
        rows = []
        for row in section.rows:
            rows.append(
                availability_pb2.LayoutRow(
                    row=row.name,
                    category=layout.categories[row.category].name,
                    first_seat=first_seat,
                    count=row.count,
                    first_label=0 if row.labels else row.first,
                    labels=row.labels,
                    table=row.kind is not RowKind.ROW,
                    sold_whole=row.kind is RowKind.WHOLE_TABLE,
                    accessible=row.accessible,
                    companions=row.companions,
                )
            )
            first_seat += row.count
        sections.append(availability_pb2.LayoutSection(section=section.name, rows=rows, at=_point(section.at)))
    return sections


def _resources(layout: Layout) -> list[availability_pb2.LayoutResource]:
    first_slot, resources = layout.seat_count, []
    counts = [calendar.slot_count for calendar in layout.calendars]
    for resource in layout.resources:
        resources.append(
            availability_pb2.LayoutResource(
                resource=resource.name,
                category=layout.categories[resource.category].name,
                first_slot=first_slot,
                count=counts[resource.calendar],
                calendar=resource.calendar,
                buffer_seconds=resource.buffer_ms // 1000,
            )
        )
        first_slot += counts[resource.calendar]
    return resources


def _calendars(layout: Layout) -> list[availability_pb2.LayoutCalendar]:
    return [
        availability_pb2.LayoutCalendar(
            zone=calendar.zone,
            slot_seconds=calendar.slot_ms // 1000,
            runs=[
                availability_pb2.LayoutRun(starts_at=time_of(start_ms), count=count, minutes_ahead=minutes_ahead)
                for start_ms, count, minutes_ahead in calendar.runs
            ],
        )
        for calendar in layout.calendars
    ]


def _point(half_widths: tuple[int, int]) -> availability_pb2.LayoutPoint:
    return availability_pb2.LayoutPoint(x=half_widths[0] / 2, y=half_widths[1] / 2)
