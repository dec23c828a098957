"""Every operation once, whatever the protocol: judge the request, then the credential, then ask.

The edges hand in what arrived and render what comes back; neither decides anything. A request is judged in the order of
`Reason`: too large, malformed, no credential, one that does not allow it, and only then what the event, the hold or the
order says.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from actors.core.ids import BlockId, parse_event_id
from actors.core.layout import Layout
from actors.core.outcomes import Details, Reason, Rejected
from actors.core.replies import DigestReply, EventReply, HoldReply, OrderReply
from actors.core.wishes import AreaPlaces, Wish
from actors.layout_files.layout_file import parse_layout
from actors.projections.availability import (
    Availability,
    AvailabilityReader,
    EventSummary,
    InvalidCursor,
    ReadUnavailable,
    UnitStatuses,
)
from actors.reservations import Caller, Done, Request, Reservations
from serve.auth import Operator
from serve.layout_reader import LayoutFileError, decode_json
from serve.ration import Ration
from serve.refusals import invalid
from serve.status import ClusterStatus
from serve.validation import (
    HoldExtension,
    NewEvent,
    NewHold,
    NewOrder,
    Nothing,
    Page,
    SectionAsked,
    Shape,
    bounded_timeout_ms,
    key_faults,
    timeout_faults,
)

Authenticate = Callable[[str | None], Awaitable[Caller | Rejected]]
"""Who bears this `Authorization` value, or why nobody does."""

DIGEST_PERIOD_S = 1.0
"""A digest stops a shard for up to a quarter of a second, so a gateway asks for one at a time, and for one a second for
each tenant."""

S = TypeVar("S", bound=Shape)
T = TypeVar("T")


class Envelope(msgspec.Struct, frozen=True):
    """What a request bears beside its body.

    `timeout_ms`: how long the caller waits, 0 if it does not say. `faults`: what is wrong with how the rest was borne.
    """

    authorization: str | None
    key: str | None = None
    timeout_ms: int = 0
    faults: tuple[str, ...] = ()


class Operations:
    """What can be asked of Holdfast. Every method takes the body as read, or the refusal that reading it met."""

    def __init__(
        self,
        reservations: Reservations,
        availability: AvailabilityReader,
        authenticate: Authenticate,
        status: Callable[[], Awaitable[ClusterStatus]],
    ) -> None:
        self._reservations = reservations
        self._availability = availability
        self._authenticate = authenticate
        self._status = status
        self._digests = Ration(DIGEST_PERIOD_S)

    async def create_event(self, envelope: Envelope, body: NewEvent | Rejected) -> Done[EventReply] | Rejected:
        """Create an event as a draft. Its layout is judged last, as that may take a second: not for strangers."""
        admitted = await self._admit_write(envelope, body)
        if isinstance(admitted, Rejected):
            return admitted
        request, new = admitted
        layout = await asyncio.to_thread(_read_layout, new.layout)
        if isinstance(layout, Rejected):
            return layout
        return await self._reservations.create_event(request, new.name, layout, new.hold_ttl_seconds * 1000)

    async def open_sale(
        self, envelope: Envelope, event_id: str, body: Nothing | Rejected
    ) -> Done[EventReply] | Rejected:
        """Put an event on sale."""
        admitted = await self._admit_write(envelope, body)
        if isinstance(admitted, Rejected):
            return admitted
        return await self._reservations.open_sale(admitted[0], event_id)

    async def get_event(self, envelope: Envelope, event_id: str) -> Done[EventReply] | Rejected:
        """Read an event as its block sees it."""
        caller = await self._admit_read(envelope)
        if isinstance(caller, Rejected):
            return caller
        return await self._reservations.get_event(caller, event_id, bounded_timeout_ms(envelope.timeout_ms))

    async def get_digest(self, envelope: Envelope, event_id: str) -> Done[DigestReply] | Rejected:
        """What an auditor compares an event's journal with. For operators, of their own tenant's events."""
        operator = await self._admit_operator(envelope)
        if isinstance(operator, Rejected):
            return operator
        with self._digests.turn(operator.tenant) as ours:
            if not ours:
                return Rejected(Reason.RATE_LIMITED)
            return await self._reservations.get_digest(operator, event_id, bounded_timeout_ms(envelope.timeout_ms))

    async def get_status(self, envelope: Envelope) -> ClusterStatus | Rejected:
        """What this gateway knows of the cluster. For operators."""
        operator = await self._admit_operator(envelope)
        return operator if isinstance(operator, Rejected) else await self._status()

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

    async def place_hold(
        self, envelope: Envelope, event_id: str, body: NewHold | Rejected
    ) -> Done[HoldReply] | Rejected:
        """Hold units, all or nothing."""
        admitted = await self._admit_write(envelope, body)
        if isinstance(admitted, Rejected):
            return admitted
        request, new = admitted
        areas = tuple(AreaPlaces(places.area, places.quantity) for places in new.areas)
        if new.buyer_id:
            request = msgspec.structs.replace(request, buyer=new.buyer_id)
        return await self._reservations.place_hold(request, event_id, Wish(new.units, areas), new.ttl_seconds * 1000)

    async def get_hold(self, envelope: Envelope, hold_id: str) -> Done[HoldReply] | Rejected:
        """Read a hold."""
        caller = await self._admit_read(envelope)
        if isinstance(caller, Rejected):
            return caller
        return await self._reservations.get_hold(caller, hold_id, bounded_timeout_ms(envelope.timeout_ms))

    async def extend_hold(
        self, envelope: Envelope, hold_id: str, body: HoldExtension | Rejected
    ) -> Done[HoldReply] | Rejected:
        """Let a hold live longer, or release it."""
        admitted = await self._admit_write(envelope, body)
        if isinstance(admitted, Rejected):
            return admitted
        request, extension = admitted
        return await self._reservations.extend_hold(request, hold_id, extension.ttl_seconds * 1000)

    async def release_hold(
        self, envelope: Envelope, hold_id: str, body: Nothing | Rejected
    ) -> Done[HoldReply] | Rejected:
        """End a hold."""
        admitted = await self._admit_write(envelope, body)
        if isinstance(admitted, Rejected):
            return admitted
        return await self._reservations.release_hold(admitted[0], hold_id)

    async def place_order(self, envelope: Envelope, body: NewOrder | Rejected) -> Done[OrderReply] | Rejected:
        """Turn a hold into an order."""
        admitted = await self._admit_write(envelope, body)
        if isinstance(admitted, Rejected):
            return admitted
        request, new = admitted
        return await self._reservations.place_order(request, new.hold_id)

    async def get_order(self, envelope: Envelope, order_id: str) -> Done[OrderReply] | Rejected:
        """Read an order."""
        caller = await self._admit_read(envelope)
        if isinstance(caller, Rejected):
            return caller
        return await self._reservations.get_order(caller, order_id, bounded_timeout_ms(envelope.timeout_ms))

    async def confirm_order(
        self, envelope: Envelope, order_id: str, body: Nothing | Rejected
    ) -> Done[OrderReply] | Rejected:
        """An order is paid."""
        admitted = await self._admit_write(envelope, body)
        if isinstance(admitted, Rejected):
            return admitted
        return await self._reservations.confirm_order(admitted[0], order_id)

    async def cancel_order(
        self, envelope: Envelope, order_id: str, body: Nothing | Rejected
    ) -> Done[OrderReply] | Rejected:
        """Cancel a whole order."""
        admitted = await self._admit_write(envelope, body)
        if isinstance(admitted, Rejected):
            return admitted
        return await self._reservations.cancel_order(admitted[0], order_id)

    async def _admit_write(self, envelope: Envelope, body: S | Rejected) -> tuple[Request, S] | Rejected:
        faults = (*envelope.faults, *key_faults(envelope.key), *timeout_faults(envelope.timeout_ms))
        refusal = _malformed(body, faults)
        if refusal is not None:
            return refusal
        caller = await self._authenticate(envelope.authorization)
        if isinstance(caller, Rejected):
            return caller
        assert envelope.key is not None
        assert not isinstance(body, Rejected)
        return Request(caller, envelope.key, bounded_timeout_ms(envelope.timeout_ms)), body

    async def _admit_read(self, envelope: Envelope, body: Shape | Rejected | None = None) -> Caller | Rejected:
        refusal = _malformed(body, (*envelope.faults, *timeout_faults(envelope.timeout_ms)))
        return refusal or await self._authenticate(envelope.authorization)

    async def _admit_operator(self, envelope: Envelope) -> Operator | Rejected:
        caller = await self._admit_read(envelope)
        return caller if isinstance(caller, Operator | Rejected) else Rejected(Reason.PERMISSION_DENIED)

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


def _malformed(body: Shape | Rejected | None, faults: tuple[str, ...]) -> Rejected | None:
    """The refusal of a body and of what goes with it, all faults together, or None."""
    if not isinstance(body, Rejected):
        return invalid(*faults) if faults else None
    return body if body.reason is Reason.TOO_LARGE else invalid(*faults, *body.details.fields)


def _read_layout(document: msgspec.Raw) -> Layout | Rejected:
    try:
        raw = decode_json(bytes(document).decode())
    except UnicodeDecodeError:
        return invalid("layout: is not UTF-8")
    except LayoutFileError as error:
        return invalid(f"layout: {str(error).strip()}")
    layout = parse_layout(raw)
    if isinstance(layout, Layout):
        return layout
    return invalid(*(f"layout.{fault}" if fault.path else f"layout: {fault}" for fault in layout))


async def _unless_away(reading: Awaitable[T]) -> T | Rejected:
    """What a read model says, or that it cannot be reached now."""
    try:
        return await reading
    except ReadUnavailable:
        return Rejected(Reason.UNAVAILABLE)
