"""What lists, counts and digests look like over HTTP, and what all views have in common."""

from collections.abc import Iterable
from enum import IntEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from actors.core.ids import event_id
from actors.core.replies import DigestReply
from actors.projections.answers import Availability, UnitStatuses
from actors.projections.availability_reader import EventSummary
from actors.projections.counts import AreaAvailability, UnitCounts
from actors.reservations import Done
from serve.wire_time import rfc3339

Time = Annotated[str, Meta(description="RFC 3339, UTC, in milliseconds", examples=["2026-05-01T18:00:00.000Z"])]
Age = Annotated[int, Meta(description="how long ago `as_of` was, when this was answered")]
Minor = Annotated[int, Meta(description="in minor units of the event's currency")]
Millionths = Annotated[int, Meta(description="in millionths: 190000 is 19 %")]
TypeName = Annotated[str, Meta(description="a price type's name; empty: the event has but one price a category")]
Currency = Annotated[str, Meta(description="ISO 4217 code", examples=["EUR"])]


def names_of(statuses: type[IntEnum]) -> str:
    """The names of these statuses, as a documentation has them."""
    return ", ".join(status.name for status in statuses)


class DigestView(msgspec.Struct, frozen=True):
    """The state of an event's block after `entries_applied` entries, the last of them at or before `position`."""

    position: int
    entries_applied: int
    digest: Annotated[str, Meta(description="over everything, remembered keys included; hexadecimal")]
    ledger_digest: Annotated[str, Meta(description="over what is owed to buyers; hexadecimal")]


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


def _counts(counts: UnitCounts) -> CountsView:
    return CountsView(counts.capacity, counts.available, counts.held, counts.sold, counts.blocked)
