"""What counts, and lists of seats and slots, look like over HTTP."""

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from actors.core.ids import event_id
from actors.projections.answers import Availability, ListedUnit, UnitStatuses
from actors.projections.counts import AreaAvailability, UnitCounts
from serve.http_api.views import Age, Currency, Minor, Time
from serve.wire_time import rfc3339


class CountsView(msgspec.Struct, frozen=True):
    """Units by status; they add up to `capacity`. `blocked`: set aside for the house or for channels, or, of slots, too
    near to one that somebody has.
    """

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
    """The places of an area. `blocked`: those that are still kept for channels or for the house."""

    area: str
    category: str
    counts: CountsView


class ResourceCountsView(msgspec.Struct, frozen=True):
    """The slots of a resource."""

    resource: str
    category: str
    counts: CountsView


class CategoryCountsView(msgspec.Struct, frozen=True):
    """The units of a price category."""

    category: str
    price_minor: Minor
    counts: CountsView


class AvailabilityView(msgspec.Struct, frozen=True):
    """What can still be had. `sequence` grows with every change; an event that is split has none of its past: 0.
    Everything acknowledged before `as_of` is in it.
    """

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
    resources: list[ResourceCountsView]


class UnitView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A seat or slot, and its status. `table`: which one the seat is at, as `section/table`; `sold_whole`: that is sold
    as a whole only, under that name. A slot has times.
    """

    unit: str
    status: Annotated[str, Meta(description="AVAILABLE, HELD, SOLD or BLOCKED")]
    table: str | None = None
    sold_whole: bool = False
    starts_at: Time | None = None
    ends_at: Time | None = None


class UnitListView(msgspec.Struct, frozen=True):
    """A page of the seats of a section, in its order, or slots of a resource, in that of time; the other name is empty.
    No `next_cursor` on the last.
    """

    event_id: str
    section: str
    resource: str
    sequence: int
    as_of: Time
    age_ms: Age
    units: list[UnitView]
    next_cursor: str | None


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
        resources=[
            ResourceCountsView(resource.resource, resource.category, _counts(resource.counts))
            for resource in found.resources
        ],
    )


def area_counts_views(areas: Iterable[AreaAvailability]) -> list[AreaCountsView]:
    """Areas, counted, as HTTP shows them."""
    return [AreaCountsView(area.area, area.category, _counts(area.counts)) for area in areas]


def unit_list_view(event: str, found: UnitStatuses) -> UnitListView:
    """Seats or slots as HTTP shows them."""
    return UnitListView(
        event_id=event,
        section=found.section,
        resource=found.resource,
        sequence=found.position,
        as_of=rfc3339(found.as_of_ms),
        age_ms=found.age_ms,
        units=[_unit(unit) for unit in found.units],
        next_cursor=found.next_cursor or None,
    )


def _unit(unit: ListedUnit) -> UnitView:
    starts_at, ends_at = (None, None) if unit.times_ms is None else map(rfc3339, unit.times_ms)
    return UnitView(unit.name, unit.status.name, unit.table or None, unit.whole, starts_at, ends_at)


def _counts(counts: UnitCounts) -> CountsView:
    return CountsView(counts.capacity, counts.available, counts.held, counts.sold, counts.blocked)
