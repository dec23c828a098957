"""The RPCs, under their own names (see the .proto files for what each does).

A class that inherits `GrpcMethods` serves all services at once: Ray Serve looks a method up by its bare name, and so do
the generated `add_...Servicer_to_server` functions.
"""

from actors.core.outcomes import Rejected
from actors.core.replies import EventReply, EventStatus, HoldReply, OrderReply, OrderStatus, WaiterReply
from actors.projections.answers import Availability, EventLayout, SeatStatuses, UnitStatuses
from actors.projections.availability_reader import EventSummary
from actors.projections.listing_reader import Listed
from actors.reservations import Done
from holdfast.v1 import availability_pb2, events_pb2, holds_pb2, orders_pb2, waiting_pb2
from serve.admission import Envelope
from serve.documents import LayoutDocument
from serve.grpc_api.availability_replies import availability_of, statuses_of, unit_list_of
from serve.grpc_api.calls import Message, body_of, given, reads, rpc, status_named, writes
from serve.grpc_api.layout_replies import layout_of
from serve.grpc_api.replies import event_list_of, event_of, hold_of, layout_document_of, listed, order_of, waiter_of
from serve.grpc_api.requests import documents, times, wished
from serve.operations import Operations
from serve.read_shapes import EventPage, HoldPage, LayoutAsked, OrderPage, PastAsked, StatusesAsked, UnitsAsked
from serve.sizes import MAX_LAYOUT_BODY_BYTES
from serve.validation import (
    EventEdit,
    HoldExtension,
    NewEvent,
    NewHolder,
    NewOrder,
    Nothing,
    TicketsOfOrder,
    missing_revision,
)
from serve.wish_shapes import NewBasket, NewHold, NewWaiter, TicketExchange

SERVICER_FUNCTIONS = (
    "holdfast.v1.events_pb2_grpc.add_EventServiceServicer_to_server",
    "holdfast.v1.availability_pb2_grpc.add_AvailabilityServiceServicer_to_server",
    "holdfast.v1.holds_pb2_grpc.add_HoldServiceServicer_to_server",
    "holdfast.v1.orders_pb2_grpc.add_OrderServiceServicer_to_server",
    "holdfast.v1.waiting_pb2_grpc.add_WaitingServiceServicer_to_server",
)
"""What registers the services with a server, as Ray Serve's `gRPCOptions` takes it."""


class GrpcMethods:
    """Every RPC of every service, over `operations`, which is to be set before the first call."""

    operations: Operations

    @rpc(events_pb2.CreateEventResponse, writes("event", event_of))
    async def CreateEvent(self, request: Message, envelope: Envelope) -> Done[EventReply] | Rejected:
        """Create an event as a draft."""
        split = tuple(tuple(group.sections) for group in request.split)
        fields = given(name=request.name, hold_ttl_seconds=request.hold_ttl_seconds, split=split) | documents(request)
        body = body_of(request, fields, NewEvent, MAX_LAYOUT_BODY_BYTES)
        return await self.operations.create_event(envelope, body)

    @rpc(events_pb2.EditEventResponse, writes("event", event_of))
    async def EditEvent(self, request: Message, envelope: Envelope) -> Done[EventReply] | Rejected:
        """Change an event."""
        fields = given(name=request.name, hold_ttl_seconds=request.hold_ttl_seconds) | documents(request)
        body = body_of(request, fields, EventEdit, MAX_LAYOUT_BODY_BYTES)
        revision = request.if_revision or missing_revision()
        return await self.operations.edit_event(envelope, request.event_id, revision, body)

    @rpc(events_pb2.OpenSaleResponse, writes("event", event_of))
    async def OpenSale(self, request: Message, envelope: Envelope) -> Done[EventReply] | Rejected:
        """Put an event on sale, or resume its sale."""
        return await self.operations.open_sale(envelope, request.event_id, body_of(request, {}, Nothing))

    @rpc(events_pb2.PauseSaleResponse, writes("event", event_of))
    async def PauseSale(self, request: Message, envelope: Envelope) -> Done[EventReply] | Rejected:
        """Pause a sale."""
        return await self._change_status(request, envelope, EventStatus.PAUSED)

    @rpc(events_pb2.CloseSaleResponse, writes("event", event_of))
    async def CloseSale(self, request: Message, envelope: Envelope) -> Done[EventReply] | Rejected:
        """End a sale for good."""
        return await self._change_status(request, envelope, EventStatus.CLOSED)

    @rpc(events_pb2.CancelEventResponse, writes("event", event_of))
    async def CancelEvent(self, request: Message, envelope: Envelope) -> Done[EventReply] | Rejected:
        """Cancel an event."""
        return await self._change_status(request, envelope, EventStatus.CANCELLED)

    @rpc(events_pb2.ArchiveEventResponse, writes("event", event_of))
    async def ArchiveEvent(self, request: Message, envelope: Envelope) -> Done[EventReply] | Rejected:
        """Put an event away."""
        return await self._change_status(request, envelope, EventStatus.ARCHIVED)

    @rpc(events_pb2.GetEventResponse, reads("event", event_of))
    async def GetEvent(self, request: Message, envelope: Envelope) -> Done[EventReply] | Rejected:
        """Read an event."""
        return await self.operations.get_event(envelope, request.event_id)

    @rpc(events_pb2.GetLayoutDocumentResponse, layout_document_of)
    async def GetLayoutDocument(self, request: Message, envelope: Envelope) -> LayoutDocument | Rejected:
        """Read an event's layout as EditEvent takes it."""
        return await self.operations.get_layout_document(envelope, request.event_id)

    @rpc(events_pb2.ListEventsResponse, event_list_of)
    async def ListEvents(self, request: Message, envelope: Envelope) -> tuple[tuple[EventSummary, ...], str] | Rejected:
        """List the tenant's events."""
        status = status_named(events_pb2.EventStatus, request.status)
        page = body_of(request, given(cursor=request.cursor, limit=request.limit, status=status), EventPage)
        return await self.operations.list_events(envelope, page)

    @rpc(availability_pb2.GetAvailabilityResponse, availability_of)
    async def GetAvailability(self, request: Message, envelope: Envelope) -> Availability | Rejected:
        """Count an event's units."""
        asked = body_of(request, given(at=request.at), PastAsked)
        return await self.operations.get_availability(envelope, request.event_id, asked)

    @rpc(availability_pb2.ListUnitsResponse, unit_list_of)
    async def ListUnits(self, request: Message, envelope: Envelope) -> tuple[str, UnitStatuses] | Rejected:
        """List a section's seats, or slots of a resource, with their statuses."""
        fields = given(
            section=request.section, resource=request.resource, cursor=request.cursor, limit=request.limit
        ) | times(request, "from", "until")
        asked = body_of(request, fields, UnitsAsked)
        found = await self.operations.list_units(envelope, request.event_id, asked)
        return found if isinstance(found, Rejected) else (request.event_id, found)

    @rpc(availability_pb2.GetLayoutResponse, layout_of)
    async def GetLayout(self, request: Message, envelope: Envelope) -> EventLayout | Rejected:
        """Read an event's layout."""
        asked = body_of(request, given(version=request.version), LayoutAsked)
        return await self.operations.get_layout(envelope, request.event_id, asked)

    @rpc(availability_pb2.GetStatusesResponse, statuses_of)
    async def GetStatuses(self, request: Message, envelope: Envelope) -> SeatStatuses | Rejected:
        """Read the status of every seat and slot, or of those that changed."""
        since = {"since": request.since} if request.HasField("since") else {}
        asked = body_of(request, given(at=request.at) | since, StatusesAsked)
        return await self.operations.get_statuses(envelope, request.event_id, asked)

    @rpc(holds_pb2.PlaceHoldResponse, writes("hold", hold_of))
    async def PlaceHold(self, request: Message, envelope: Envelope) -> Done[HoldReply] | Rejected:
        """Hold units, all or nothing."""
        fields = wished(request) | given(ttl_seconds=request.ttl_seconds, buyer_id=request.buyer_id)
        return await self.operations.place_hold(envelope, request.event_id, body_of(request, fields, NewHold))

    @rpc(holds_pb2.PlaceBasketResponse, writes("hold", hold_of))
    async def PlaceBasket(self, request: Message, envelope: Envelope) -> Done[HoldReply] | Rejected:
        """Hold units of several events, all or nothing."""
        legs = tuple(wished(leg) | given(event_id=leg.event_id) for leg in request.legs)
        fields = {"legs": legs} | given(ttl_seconds=request.ttl_seconds, buyer_id=request.buyer_id)
        return await self.operations.place_basket(envelope, body_of(request, fields, NewBasket))

    @rpc(holds_pb2.GetHoldResponse, reads("hold", hold_of))
    async def GetHold(self, request: Message, envelope: Envelope) -> Done[HoldReply] | Rejected:
        """Read a hold."""
        return await self.operations.get_hold(envelope, request.hold_id)

    @rpc(holds_pb2.ListHoldsResponse, listed("holds", hold_of))
    async def ListHolds(self, request: Message, envelope: Envelope) -> Listed[HoldReply] | Rejected:
        """List an event's holds."""
        status = status_named(holds_pb2.HoldStatus, request.status)
        fields = given(cursor=request.cursor, limit=request.limit, buyer_id=request.buyer_id, status=status)
        return await self.operations.list_holds(envelope, request.event_id, body_of(request, fields, HoldPage))

    @rpc(holds_pb2.ExtendHoldResponse, writes("hold", hold_of))
    async def ExtendHold(self, request: Message, envelope: Envelope) -> Done[HoldReply] | Rejected:
        """Let a hold live longer, or release it with 0."""
        fields = {"ttl_seconds": request.ttl_seconds} if request.HasField("ttl_seconds") else {}
        return await self.operations.extend_hold(envelope, request.hold_id, body_of(request, fields, HoldExtension))

    @rpc(holds_pb2.ReleaseHoldResponse, writes("hold", hold_of))
    async def ReleaseHold(self, request: Message, envelope: Envelope) -> Done[HoldReply] | Rejected:
        """End a hold."""
        return await self.operations.release_hold(envelope, request.hold_id, body_of(request, {}, Nothing))

    @rpc(orders_pb2.PlaceOrderResponse, writes("order", order_of))
    async def PlaceOrder(self, request: Message, envelope: Envelope) -> Done[OrderReply] | Rejected:
        """Turn a hold into an order."""
        body = body_of(request, given(hold_id=request.hold_id), NewOrder)
        return await self.operations.place_order(envelope, body)

    @rpc(orders_pb2.GetOrderResponse, reads("order", order_of))
    async def GetOrder(self, request: Message, envelope: Envelope) -> Done[OrderReply] | Rejected:
        """Read an order."""
        return await self.operations.get_order(envelope, request.order_id)

    @rpc(orders_pb2.ListOrdersResponse, listed("orders", order_of))
    async def ListOrders(self, request: Message, envelope: Envelope) -> Listed[OrderReply] | Rejected:
        """List an event's orders."""
        status = status_named(orders_pb2.OrderStatus, request.status)
        fields = given(cursor=request.cursor, limit=request.limit, buyer_id=request.buyer_id, status=status)
        return await self.operations.list_orders(envelope, request.event_id, body_of(request, fields, OrderPage))

    @rpc(orders_pb2.ConfirmOrderResponse, writes("order", order_of))
    async def ConfirmOrder(self, request: Message, envelope: Envelope) -> Done[OrderReply] | Rejected:
        """An order is paid."""
        return await self.operations.confirm_order(envelope, request.order_id, body_of(request, {}, Nothing))

    @rpc(orders_pb2.CancelOrderResponse, writes("order", order_of))
    async def CancelOrder(self, request: Message, envelope: Envelope) -> Done[OrderReply] | Rejected:
        """Cancel a whole order."""
        return await self.operations.cancel_order(envelope, request.order_id, body_of(request, {}, Nothing))

    @rpc(orders_pb2.CancelTicketsResponse, writes("order", order_of))
    async def CancelTickets(self, request: Message, envelope: Envelope) -> Done[OrderReply] | Rejected:
        """Cancel some tickets of an order."""
        body = body_of(request, {"tickets": tuple(request.tickets)}, TicketsOfOrder)
        return await self.operations.cancel_tickets(envelope, request.order_id, body)

    @rpc(orders_pb2.ExchangeTicketsResponse, writes("order", order_of))
    async def ExchangeTickets(self, request: Message, envelope: Envelope) -> Done[OrderReply] | Rejected:
        """Give tickets of an order back and have others instead."""
        fields = wished(request) | {"tickets": tuple(request.tickets)} | given(event_id=request.event_id)
        body = body_of(request, fields, TicketExchange)
        return await self.operations.exchange_tickets(envelope, request.order_id, body)

    @rpc(orders_pb2.ReassignTicketResponse, writes("order", order_of))
    async def ReassignTicket(self, request: Message, envelope: Envelope) -> Done[OrderReply] | Rejected:
        """Make a ticket another person's."""
        body = body_of(request, given(buyer_id=request.buyer_id), NewHolder)
        return await self.operations.reassign_ticket(envelope, request.ticket_id, body)

    @rpc(orders_pb2.CompleteOrderResponse, writes("order", order_of))
    async def CompleteOrder(self, request: Message, envelope: Envelope) -> Done[OrderReply] | Rejected:
        """An order on slots was made use of."""
        return await self._close_order(request, envelope, OrderStatus.COMPLETED)

    @rpc(orders_pb2.MarkNoShowResponse, writes("order", order_of))
    async def MarkNoShow(self, request: Message, envelope: Envelope) -> Done[OrderReply] | Rejected:
        """Nobody came for an order on slots."""
        return await self._close_order(request, envelope, OrderStatus.NO_SHOW)

    @rpc(waiting_pb2.JoinWaitingListResponse, writes("waiter", waiter_of))
    async def JoinWaitingList(self, request: Message, envelope: Envelope) -> Done[WaiterReply] | Rejected:
        """Let a buyer wait."""
        body = body_of(request, wished(request) | given(buyer_id=request.buyer_id), NewWaiter)
        return await self.operations.join_waiting_list(envelope, request.event_id, body)

    @rpc(waiting_pb2.GetWaiterResponse, reads("waiter", waiter_of))
    async def GetWaiter(self, request: Message, envelope: Envelope) -> Done[WaiterReply] | Rejected:
        """Read a waiter."""
        return await self.operations.get_waiter(envelope, request.waiter_id)

    @rpc(waiting_pb2.LeaveWaitingListResponse, writes("waiter", waiter_of))
    async def LeaveWaitingList(self, request: Message, envelope: Envelope) -> Done[WaiterReply] | Rejected:
        """End the waiting."""
        return await self.operations.leave_waiting_list(envelope, request.waiter_id, body_of(request, {}, Nothing))

    async def _change_status(
        self, request: Message, envelope: Envelope, status: EventStatus
    ) -> Done[EventReply] | Rejected:
        body = body_of(request, {}, Nothing)
        return await self.operations.change_status(envelope, request.event_id, status, body)

    async def _close_order(
        self, request: Message, envelope: Envelope, status: OrderStatus
    ) -> Done[OrderReply] | Rejected:
        body = body_of(request, {}, Nothing)
        return await self.operations.close_order(envelope, request.order_id, status, body)
