"""Every operation once, whatever the protocol: judge the request, then the credential, then ask.

The edges hand in what arrived and render what comes back; neither decides anything. Who is let in is told in
`admission`, and what is read from read models in `reads`.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from actors.core.commands import DEFAULT_HOLD_TTL_MS
from actors.core.ids import Kind, parse_id, parse_ticket_id
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import DigestReply, EventReply, EventStatus, HoldReply, OrderReply, OrderStatus, WaiterReply
from actors.core.rules import Rules
from actors.projections.read_models import ReadModels
from actors.reservations import Done, Request, Reservations
from serve.admission import Authenticate, Envelope
from serve.documents import LayoutDocument, Scriptorium
from serve.ration import Ration
from serve.reads import Reads
from serve.refusals import invalid
from serve.second_hand import write
from serve.status import ClusterStatus
from serve.validation import (
    EventEdit,
    HoldExtension,
    NewEvent,
    NewHolder,
    NewOrder,
    Nothing,
    TicketsOfOrder,
)
from serve.wakefulness import Wakefulness
from serve.wish_shapes import NewBasket, NewHold, NewWaiter, TicketExchange

DIGEST_PERIOD_S = 1.0
"""A digest stops a shard for up to a quarter of a second, so a gateway asks for one at a time, and for one a second for
each tenant."""
LAYOUT_PERIOD_S = 1.0
"""A layout is written in a tenth of a second, at the cost of all calls: one at a time, one a second for each tenant."""
T = TypeVar("T", TicketsOfOrder, TicketExchange)


class Operations(Reads):
    """What can be asked of Holdfast. Every method takes the body as read, or the refusal that reading it met."""

    def __init__(
        self,
        reservations: Reservations,
        models: ReadModels,
        authenticate: Authenticate,
        status: Callable[[], Awaitable[ClusterStatus]],
        wakefulness: Wakefulness,
    ) -> None:
        super().__init__(reservations, models, authenticate, wakefulness)
        self._status = status
        self._digests = Ration(DIGEST_PERIOD_S)
        self._layouts = Ration(LAYOUT_PERIOD_S)
        self._documents = Scriptorium()

    @write
    async def create_event(self, envelope: Envelope, body: NewEvent | Rejected) -> Done[EventReply] | Rejected:
        """Create an event as a draft. Its layout is judged last, as that may take a second: not for strangers."""
        admitted = await self._admit_write(envelope, body)
        if isinstance(admitted, Rejected):
            return admitted
        request, new = admitted
        read = await self._documents.read(request.caller.tenant, envelope, new.layout, new.rules)
        if isinstance(read, Rejected):
            return read
        layout, rules = read
        assert layout is not None
        rules = rules or Rules()
        ttl_ms = new.hold_ttl_seconds * 1000 or min(DEFAULT_HOLD_TTL_MS, rules.max_hold_life_ms // 1000 * 1000)
        return await self._reservations.create_event(request, new.name, layout, ttl_ms, rules, new.split)

    @write
    async def edit_event(
        self, envelope: Envelope, event_id: str, if_revision: int | Rejected, body: EventEdit | Rejected
    ) -> Done[EventReply] | Rejected:
        """Change an event, if it is still of the revision that the caller has read."""
        if isinstance(if_revision, Rejected):
            faults = (*envelope.faults, *if_revision.details.fields)
            envelope = msgspec.structs.replace(envelope, faults=faults)
        admitted = await self._admit_write(envelope, body)
        if isinstance(admitted, Rejected):
            return admitted
        assert not isinstance(if_revision, Rejected)
        request, edit = admitted
        read = await self._documents.read(request.caller.tenant, envelope, edit.layout, edit.rules)
        if isinstance(read, Rejected):
            return read
        layout, rules = read
        ttl_ms = edit.hold_ttl_seconds * 1000 or None
        return await self._reservations.edit_event(
            request, event_id, if_revision, name=edit.name or None, layout=layout, rules=rules, hold_ttl_ms=ttl_ms
        )

    @write
    async def open_sale(
        self, envelope: Envelope, event_id: str, body: Nothing | Rejected
    ) -> Done[EventReply] | Rejected:
        """Put an event on sale, or resume its sale."""
        admitted = await self._admit_write(envelope, body)
        if isinstance(admitted, Rejected):
            return admitted
        return await self._reservations.open_sale(admitted[0], event_id)

    @write
    async def change_status(
        self, envelope: Envelope, event_id: str, status: EventStatus, body: Nothing | Rejected
    ) -> Done[EventReply] | Rejected:
        """Pause or close an event's sale, cancel or archive the event."""
        admitted = await self._admit_write(envelope, body)
        if isinstance(admitted, Rejected):
            return admitted
        return await self._reservations.change_status(admitted[0], event_id, status)

    async def get_event(self, envelope: Envelope, event_id: str) -> Done[EventReply] | Rejected:
        """Read an event as its block sees it."""
        caller = await self._admit_read(envelope)
        if isinstance(caller, Rejected):
            return caller
        return await self._reservations.get_event(caller, event_id, envelope.left_ms())

    async def get_layout_document(self, envelope: Envelope, event_id: str) -> LayoutDocument | Rejected:
        """An event's layout as its block sees it, as `edit_event` takes it."""
        caller = await self._admit_read(envelope)
        if isinstance(caller, Rejected):
            return caller
        done = await self._reservations.get_event(caller, event_id, envelope.left_ms())
        if isinstance(done, Rejected):
            return done
        with self._layouts.turn(caller.tenant) as ours:  # not while a block is waited for, which may take long
            if not ours:
                return Rejected(Reason.RATE_LIMITED)
            return await self._documents.write(caller.tenant, envelope, done.block, done.reply)

    async def get_digest(self, envelope: Envelope, event_id: str) -> Done[DigestReply] | Rejected:
        """What an auditor compares an event's journal with. For operators, of their own tenant's events."""
        operator = await self._admit_operator(envelope)
        if isinstance(operator, Rejected):
            return operator
        with self._digests.turn(operator.tenant) as ours:
            if not ours:
                return Rejected(Reason.RATE_LIMITED)
            return await self._reservations.get_digest(operator, event_id, envelope.left_ms())

    async def get_status(self, envelope: Envelope) -> ClusterStatus | Rejected:
        """What this gateway knows of the cluster. For operators."""
        operator = await self._admit_operator(envelope)
        return operator if isinstance(operator, Rejected) else await self._status()

    @write
    async def place_hold(
        self, envelope: Envelope, event_id: str, body: NewHold | Rejected
    ) -> Done[HoldReply] | Rejected:
        """Hold units, all or nothing."""
        admitted = await self._admit_write(envelope, body)
        if isinstance(admitted, Rejected):
            return admitted
        request, new = admitted
        request = _for_buyer(request, new.buyer_id)
        return await self._reservations.place_hold(request, event_id, new.wish(), new.ttl_seconds * 1000)

    @write
    async def place_basket(self, envelope: Envelope, body: NewBasket | Rejected) -> Done[HoldReply] | Rejected:
        """Hold units of several events, all or nothing."""
        admitted = await self._admit_write(envelope, body)
        if isinstance(admitted, Rejected):
            return admitted
        request, new = admitted
        legs = [(leg.event_id, leg.wish()) for leg in new.legs]
        return await self._reservations.place_basket(_for_buyer(request, new.buyer_id), legs, new.ttl_seconds * 1000)

    async def get_hold(self, envelope: Envelope, hold_id: str) -> Done[HoldReply] | Rejected:
        """Read a hold."""
        caller = await self._admit_read(envelope)
        if isinstance(caller, Rejected):
            return caller
        return await self._reservations.get_hold(caller, hold_id, envelope.left_ms())

    @write
    async def extend_hold(
        self, envelope: Envelope, hold_id: str, body: HoldExtension | Rejected
    ) -> Done[HoldReply] | Rejected:
        """Let a hold live longer, or release it."""
        admitted = await self._admit_write(envelope, body)
        if isinstance(admitted, Rejected):
            return admitted
        request, extension = admitted
        return await self._reservations.extend_hold(request, hold_id, extension.ttl_seconds * 1000)

    @write
    async def release_hold(
        self, envelope: Envelope, hold_id: str, body: Nothing | Rejected
    ) -> Done[HoldReply] | Rejected:
        """End a hold."""
        admitted = await self._admit_write(envelope, body)
        if isinstance(admitted, Rejected):
            return admitted
        return await self._reservations.release_hold(admitted[0], hold_id)

    @write
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
        return await self._reservations.get_order(caller, order_id, envelope.left_ms())

    @write
    async def confirm_order(
        self, envelope: Envelope, order_id: str, body: Nothing | Rejected
    ) -> Done[OrderReply] | Rejected:
        """An order is paid."""
        admitted = await self._admit_write(envelope, body)
        if isinstance(admitted, Rejected):
            return admitted
        return await self._reservations.confirm_order(admitted[0], order_id)

    @write
    async def cancel_order(
        self, envelope: Envelope, order_id: str, body: Nothing | Rejected
    ) -> Done[OrderReply] | Rejected:
        """Cancel a whole order."""
        admitted = await self._admit_write(envelope, body)
        if isinstance(admitted, Rejected):
            return admitted
        return await self._reservations.cancel_order(admitted[0], order_id)

    @write
    async def cancel_tickets(
        self, envelope: Envelope, order_id: str, body: TicketsOfOrder | Rejected
    ) -> Done[OrderReply] | Rejected:
        """Cancel some tickets of an order."""
        admitted = await self._admit_write(envelope, _of_order(order_id, body))
        if isinstance(admitted, Rejected):
            return admitted
        request, cancelled = admitted
        return await self._reservations.cancel_tickets(request, order_id, _places(cancelled.tickets))

    @write
    async def exchange_tickets(
        self, envelope: Envelope, order_id: str, body: TicketExchange | Rejected
    ) -> Done[OrderReply] | Rejected:
        """Give tickets of an order back and have others instead."""
        admitted = await self._admit_write(envelope, _of_order(order_id, body))
        if isinstance(admitted, Rejected):
            return admitted
        request, exchange = admitted
        places = _places(exchange.tickets)
        return await self._reservations.exchange_tickets(request, order_id, places, exchange.wish(), exchange.event_id)

    @write
    async def reassign_ticket(
        self, envelope: Envelope, ticket_id: str, body: NewHolder | Rejected
    ) -> Done[OrderReply] | Rejected:
        """Make a ticket another person's."""
        admitted = await self._admit_write(envelope, body)
        if isinstance(admitted, Rejected):
            return admitted
        request, holder = admitted
        return await self._reservations.reassign_ticket(request, ticket_id, holder.buyer_id)

    @write
    async def close_order(
        self, envelope: Envelope, order_id: str, status: OrderStatus, body: Nothing | Rejected
    ) -> Done[OrderReply] | Rejected:
        """An order on slots was made use of, or nobody came."""
        admitted = await self._admit_write(envelope, body)
        if isinstance(admitted, Rejected):
            return admitted
        return await self._reservations.close_order(admitted[0], order_id, status)

    @write
    async def join_waiting_list(
        self, envelope: Envelope, event_id: str, body: NewWaiter | Rejected
    ) -> Done[WaiterReply] | Rejected:
        """Let a buyer wait."""
        admitted = await self._admit_write(envelope, body)
        if isinstance(admitted, Rejected):
            return admitted
        request, new = admitted
        return await self._reservations.join_waiting_list(_for_buyer(request, new.buyer_id), event_id, new.wish())

    async def get_waiter(self, envelope: Envelope, waiter_id: str) -> Done[WaiterReply] | Rejected:
        """Read a waiter."""
        caller = await self._admit_read(envelope)
        if isinstance(caller, Rejected):
            return caller
        return await self._reservations.get_waiter(caller, waiter_id, envelope.left_ms())

    @write
    async def leave_waiting_list(
        self, envelope: Envelope, waiter_id: str, body: Nothing | Rejected
    ) -> Done[WaiterReply] | Rejected:
        """End the waiting."""
        admitted = await self._admit_write(envelope, body)
        if isinstance(admitted, Rejected):
            return admitted
        return await self._reservations.leave_waiting_list(admitted[0], waiter_id)


def _for_buyer(request: Request, buyer_id: str) -> Request:
    return msgspec.structs.replace(request, buyer=buyer_id) if buyer_id else request


def _of_order(order_id: str, body: T | Rejected) -> T | Rejected:
    """The body, unless it names tickets of other orders. If that is no order's id, nobody's tickets are of it."""
    home = parse_id(Kind.ORDER, order_id)
    if isinstance(body, Rejected) or home is None:
        return body
    faults = [
        f"tickets[{index}]: is not of this order"
        for index, ticket in enumerate(body.tickets)
        if (parsed := parse_ticket_id(ticket)) is None or parsed[:2] != home
    ]
    return invalid(*faults) if faults else body


def _places(tickets: tuple[str, ...]) -> list[int]:
    """The places of these tickets in their order, from 0."""
    return [parsed[2] for ticket in tickets if (parsed := parse_ticket_id(ticket)) is not None]
