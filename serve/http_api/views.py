"""What lists of events and digests look like over HTTP, and what all views have in common."""

from enum import IntEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from actors.core.ids import event_id
from actors.core.replies import DigestReply
from actors.projections.availability_reader import EventSummary
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


def digest_view(done: Done[DigestReply]) -> DigestView:
    """A block's digests as HTTP shows them."""
    reply = done.reply
    return DigestView(done.position, reply.entries_applied, reply.digest.hex(), reply.ledger_digest.hex())
