"""What is read from the read models: events, counts, seats. A shard is asked only why something is missing."""

from collections.abc import Awaitable
from typing import TypeVar

from actors.core.ids import BlockId, parse_event_id
from actors.core.outcomes import Details, Reason, Rejected
from actors.projections.availability import (
    Availability,
    AvailabilityReader,
    EventSummary,
    InvalidCursor,
    ReadUnavailable,
    UnitStatuses,
)
from actors.reservations import Caller, Reservations
from serve.admission import Admission, Authenticate, Envelope
from serve.refusals import invalid
from serve.validation import Page, SectionAsked, Shape, bounded_timeout_ms

T = TypeVar("T")


class Reads(Admission):
    """The reads of `Operations`. What they answer is a moment old and says how old."""

    def __init__(
        self, reservations: Reservations, availability: AvailabilityReader, authenticate: Authenticate
    ) -> None:
        super().__init__(authenticate)
        self._reservations = reservations
        self._availability = availability

    async def list_events(
        self, envelope: Envelope, page: Page | Rejected
    ) -> tuple[tuple[EventSummary, ...], str] | Rejected:
        """The tenant's events, and the cursor of the next page."""
        caller = await self._admit_read(envelope, page)
        if isinstance(caller, Rejected):
            return caller
        assert isinstance(page, Page)
        try:
            return await _unless_away(self._availability.list_events(caller.tenant, page.cursor, page.limit))
        except InvalidCursor as error:
            return invalid(f"cursor: {error}")

    async def get_availability(self, envelope: Envelope, event_id: str) -> Availability | Rejected:
        """An event's units, counted."""
        admitted = await self._admit_read_model(envelope, event_id)
        if isinstance(admitted, Rejected):
            return admitted
        caller, block = admitted
        found = await _unless_away(self._availability.availability(caller.tenant, block))
        return await self._missing_read_model(caller, event_id, envelope) if found is None else found

    async def list_units(
        self, envelope: Envelope, event_id: str, asked: SectionAsked | Rejected
    ) -> UnitStatuses | Rejected:
        """The seats of a section with their statuses."""
        admitted = await self._admit_read_model(envelope, event_id, asked)
        if isinstance(admitted, Rejected):
            return admitted
        caller, block = admitted
        assert isinstance(asked, SectionAsked)
        try:
            found = await _unless_away(self._availability.unit_statuses(caller.tenant, block, asked.section))
        except KeyError:
            return Rejected(Reason.UNIT_UNKNOWN, Details(units=(asked.section,)))
        return await self._missing_read_model(caller, event_id, envelope) if found is None else found

    async def _admit_read_model(
        self, envelope: Envelope, event_id: str, body: Shape | Rejected | None = None
    ) -> tuple[Caller, BlockId] | Rejected:
        caller = await self._admit_read(envelope, body)
        if isinstance(caller, Rejected):
            return caller
        block = parse_event_id(event_id)
        return Rejected(Reason.EVENT_NOT_FOUND) if block is None else (caller, block)

    async def _missing_read_model(self, caller: Caller, event_id: str, envelope: Envelope) -> Rejected:
        """Why there is no read model: there is no such event, or it was created a moment ago."""
        known = await self._reservations.get_event(caller, event_id, bounded_timeout_ms(envelope.timeout_ms))
        return known if isinstance(known, Rejected) else Rejected(Reason.UNAVAILABLE)


async def _unless_away(reading: Awaitable[T]) -> T | Rejected:
    """What a read model says, or that it cannot be reached now."""
    try:
        return await reading
    except ReadUnavailable:
        return Rejected(Reason.UNAVAILABLE)
