"""Every operation once, whatever the protocol: judge the request, then the credential, then ask.

The edges hand in what arrived and render what comes back; neither decides anything. Who is let in is told in
`admission`, and what is read from read models in `reads`.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from actors.core.layout import Layout
from actors.layout_files.layout_file import parse_layout
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import DigestReply, EventReply, HoldReply, OrderReply
from actors.core.wishes import AreaPlaces, Wish
from actors.projections.read_models import ReadModels
from actors.reservations import Done, Reservations
from serve.admission import Authenticate, Envelope
from serve.layout_reader import LayoutFileError, decode_json
from serve.ration import Ration
from serve.reads import Reads
from serve.refusals import invalid
from serve.status import ClusterStatus
from serve.validation import HoldExtension, NewEvent, NewHold, NewOrder, Nothing, bounded_timeout_ms

DIGEST_PERIOD_S = 1.0
"""A digest stops a shard for up to a quarter of a second, so a gateway asks for one at a time, and for one a second for
each tenant."""


class Operations(Reads):
    """What can be asked of Holdfast. Every method takes the body as read, or the refusal that reading it met."""

    def __init__(
        self,
        reservations: Reservations,
        models: ReadModels,
        authenticate: Authenticate,
        status: Callable[[], Awaitable[ClusterStatus]],
    ) -> None:
        super().__init__(reservations, models, authenticate)
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
