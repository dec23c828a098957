"""What events look like over HTTP."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from actors.core.ids import BlockId, event_id
from actors.core.layout import Category, Layout, Resource
from actors.core.parts import groups_of
from actors.core.replies import EventReply, EventStatus
from actors.layout_files.rules_file import rules_to_raw
from serve.documents import LayoutDocument
from serve.http_api.views import Currency, Millionths, Minor, Time, TypeName, names_of
from serve.wire_time import rfc3339


class TypePriceView(msgspec.Struct, frozen=True):
    """What a unit of a category costs at another price type than the first."""

    price_type: TypeName
    price_minor: Minor


class CategoryView(msgspec.Struct, frozen=True):
    """A price category: what a unit costs at the event's first price type, of a resource per hour; and at the others
    that are sold in this category.
    """

    name: str
    price_minor: Minor
    prices: list[TypePriceView]


class SectionView(msgspec.Struct, frozen=True):
    """A section of numbered seats."""

    section: str
    capacity: int


class AreaView(msgspec.Struct, frozen=True):
    """A general admission area."""

    area: str
    category: str
    capacity: int


class ResourceView(msgspec.Struct, frozen=True):
    """A court or a room, sold by slots of time. `zone`: the IANA zone of their names. `buffer_seconds`: how long stays
    unsold between two holds.
    """

    resource: str
    category: str
    capacity: Annotated[int, Meta(description="how many slots it has")]
    zone: str
    slot_seconds: int
    buffer_seconds: int
    first_starts_at: Time | None
    last_ends_at: Time | None


class FeeView(msgspec.Struct, frozen=True):
    """What is charged for each unit: an amount and a share of its price; or, `once`, for each hold."""

    name: str
    amount_minor: Minor
    share_ppm: Millionths
    once: bool


class TaxView(msgspec.Struct, frozen=True):
    """A tax on prices and fees, included in them or on top."""

    name: str
    rate_ppm: Millionths
    included: bool


class EventView(msgspec.Struct, frozen=True):
    """An event. `revision` grows by one with every change of the event itself, and is its ETag; `layout_version` with
    every change of its layout. `price_types`: the one that holds without a choice first; none if there is but one price
    a category. `split`: the groups of sections into which it is split; none if it is not.
    """

    event_id: str
    name: str
    status: Annotated[str, Meta(description=names_of(EventStatus))]
    currency: Currency
    capacity: int
    hold_ttl_seconds: int
    created_at: Time
    categories: list[CategoryView]
    sections: list[SectionView]
    areas: list[AreaView]
    revision: int
    layout_version: int
    rules: dict[str, Any]
    resources: list[ResourceView]
    price_types: list[str]
    fees: list[FeeView]
    tax: TaxView | None
    split: list[list[str]]


class LayoutDocumentView(msgspec.Struct, frozen=True):
    """An event's layout as `PATCH` takes it, to be changed and given back. `revision` is that of the event, and its
    ETag: the `If-Match` of such an edit.
    """

    event_id: str
    revision: int
    layout_version: int
    layout: msgspec.Raw


def layout_document_view(document: LayoutDocument) -> LayoutDocumentView:
    """A layout's document as HTTP shows it."""
    return LayoutDocumentView(
        event_id(document.block), document.revision, document.layout_version, document.layout
    )  # fmt: skip


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
        categories=[category_view(layout, category) for category in layout.categories],
        sections=[SectionView(section.name, sum(row.count for row in section.rows)) for section in layout.sections],
        areas=area_views(layout),
        revision=event.revision,
        layout_version=event.layout_version,
        rules=rules_to_raw(event.rules),
        resources=[_resource(layout, resource) for resource in layout.resources],
        price_types=list(layout.price_types),
        fees=fee_views(layout),
        tax=tax_view(layout),
        split=[list(group) for group in groups_of(event.parts)],
    )


def category_view(layout: Layout, category: Category) -> CategoryView:
    """A price category as HTTP shows it."""
    prices = [TypePriceView(layout.price_types[price_type], price) for price_type, price in category.prices]
    return CategoryView(category.name, category.price, prices)


def area_views(layout: Layout) -> list[AreaView]:
    """General admission as HTTP shows it."""
    return [AreaView(area.name, layout.categories[area.category].name, area.capacity) for area in layout.areas]


def fee_views(layout: Layout) -> list[FeeView]:
    """Fees as HTTP shows them."""
    return [FeeView(fee.name, fee.amount, fee.share_ppm, fee.once) for fee in layout.fees]


def tax_view(layout: Layout) -> TaxView | None:
    """The tax as HTTP shows it."""
    return None if layout.tax is None else TaxView(layout.tax.name, layout.tax.rate_ppm, layout.tax.included)


def _resource(layout: Layout, resource: Resource) -> ResourceView:
    calendar = layout.calendars[resource.calendar]
    times_ms = calendar.times_ms
    return ResourceView(
        resource=resource.name,
        category=layout.categories[resource.category].name,
        capacity=calendar.slot_count,
        zone=calendar.zone,
        slot_seconds=calendar.slot_ms // 1000,
        buffer_seconds=resource.buffer_ms // 1000,
        first_starts_at=None if times_ms is None else rfc3339(times_ms[0]),
        last_ends_at=None if times_ms is None else rfc3339(times_ms[1]),
    )
