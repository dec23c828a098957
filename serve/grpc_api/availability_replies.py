"""What counts and statuses look like over gRPC."""

from collections.abc import Iterable
from typing import Any

from actors.core.ids import event_id
from actors.core.inventory import UnitStatus
from actors.core.replies import EventStatus
from actors.projections.answers import Availability, SeatStatuses, UnitStatuses
from actors.projections.counts import AreaAvailability, UnitCounts
from holdfast.v1 import availability_pb2, prices_pb2, units_pb2
from serve.grpc_api.layout_replies import time_of

_EVENT_STATUS = {status: f"EVENT_STATUS_{status.name}" for status in EventStatus}
_UNIT_STATUS = {status: f"UNIT_STATUS_{status.name}" for status in UnitStatus}


def availability_of(reply: type[Any], found: Availability) -> Any:
    """An event's units, counted."""
    return reply(
        event_id=event_id(found.block),
        name=found.name,
        status=_EVENT_STATUS[found.status],
        currency=found.currency,
        sequence=found.position,
        as_of=time_of(found.as_of_ms),
        sections=[
            availability_pb2.SectionAvailability(
                section=section.section, category=section.category, counts=_counts(section.counts)
            )
            for section in found.sections
        ],
        areas=_area_counts(found.areas),
        resources=[
            availability_pb2.ResourceAvailability(
                resource=resource.resource, category=resource.category, counts=_counts(resource.counts)
            )
            for resource in found.resources
        ],
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
    """A page of the seats of an event's section, or slots of a resource of it."""
    event, found = listed
    return reply(
        event_id=event,
        section=found.section,
        resource=found.resource,
        sequence=found.position,
        as_of=time_of(found.as_of_ms),
        age_ms=found.age_ms,
        units=[
            units_pb2.Unit(
                unit=unit.name,
                status=_UNIT_STATUS[unit.status],
                table=unit.table,
                sold_whole=unit.whole,
                starts_at=None if unit.times_ms is None else time_of(unit.times_ms[0]),
                ends_at=None if unit.times_ms is None else time_of(unit.times_ms[1]),
            )
            for unit in found.units
        ],
        next_cursor=found.next_cursor,
    )


def statuses_of(reply: type[Any], found: SeatStatuses) -> Any:
    """The seats and slots of an event."""
    return reply(
        event_id=event_id(found.block),
        layout_version=found.layout_version,
        sequence=found.position,
        as_of=time_of(found.as_of_ms),
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


def _area_counts(areas: Iterable[AreaAvailability]) -> list[availability_pb2.AreaAvailability]:
    return [
        availability_pb2.AreaAvailability(area=area.area, category=area.category, counts=_counts(area.counts))
        for area in areas
    ]


def _counts(counts: UnitCounts) -> units_pb2.UnitCounts:
    return units_pb2.UnitCounts(
        capacity=counts.capacity,
        available=counts.available,
        held=counts.held,
        sold=counts.sold,
        blocked=counts.blocked,
    )
