"""The routes under /v1 of orders, their tickets, and who waits."""

from litestar import Controller, Response, post
from litestar.params import FromPath

from actors.core.outcomes import Reason
from actors.core.replies import OrderStatus
from serve.http_api.answers import answered, operations_of
from serve.http_api.arrivals import HttpRequest, body_of, envelope_of
from serve.http_api.contracts import contract
from serve.http_api.order_views import OrderView, WaiterView, order_view, waiter_view
from serve.http_api.reading import get
from serve.http_api.reasons import HOLD_ENDED, NOT_IN_FORCE, WISH_REFUSED
from serve.validation import NewHolder, NewOrder, Nothing, TicketsOfOrder
from serve.wish_shapes import NewWaiter, TicketExchange


class Orders(Controller):
    """Orders: what buyers pay for."""

    path = "/v1/orders"
    tags = ("orders",)

    @post("/", opt=contract(OrderView, Reason.HOLD_NOT_FOUND, *HOLD_ENDED, body=NewOrder))
    async def place_order(self, request: HttpRequest) -> Response[bytes]:
        """Turn an active hold into an order, to be paid before the hold's deadline."""
        body = await body_of(request, NewOrder)
        return answered(request, await operations_of(request).place_order(envelope_of(request), body), order_view)

    @get("/{order_id:str}", opt=contract(OrderView, Reason.ORDER_NOT_FOUND))
    async def get_order(self, request: HttpRequest, order_id: FromPath[str]) -> Response[bytes]:
        """Read an order. Shows every write that was acknowledged before."""
        return answered(request, await operations_of(request).get_order(envelope_of(request), order_id), order_view)

    @post(
        "/{order_id:str}/confirm",
        status_code=200,
        opt=contract(
            OrderView,
            Reason.ORDER_NOT_FOUND,
            Reason.ORDER_EXPIRED,
            Reason.ORDER_CANCELLED,
            Reason.ORDER_CONFIRMED,
            Reason.ORDER_CLOSED,
            body=Nothing,
        ),
    )
    async def confirm_order(self, request: HttpRequest, order_id: FromPath[str]) -> Response[bytes]:
        """The order is paid: its units are sold and it has tickets."""
        body = await body_of(request, Nothing)
        done = await operations_of(request).confirm_order(envelope_of(request), order_id, body)
        return answered(request, done, order_view)

    @post(
        "/{order_id:str}/cancel",
        status_code=200,
        opt=contract(
            OrderView,
            Reason.ORDER_NOT_FOUND,
            Reason.ORDER_EXPIRED,
            Reason.ORDER_CANCELLED,
            Reason.ORDER_CLOSED,
            body=Nothing,
        ),
    )
    async def cancel_order(self, request: HttpRequest, order_id: FromPath[str]) -> Response[bytes]:
        """Cancel a whole order, pending or confirmed; its units are available at once."""
        body = await body_of(request, Nothing)
        done = await operations_of(request).cancel_order(envelope_of(request), order_id, body)
        return answered(request, done, order_view)

    @post(
        "/{order_id:str}/tickets/cancel",
        status_code=200,
        opt=contract(OrderView, *NOT_IN_FORCE, Reason.TABLE_NOT_WHOLE, Reason.TICKET_VOID, body=TicketsOfOrder),
    )
    async def cancel_tickets(self, request: HttpRequest, order_id: FromPath[str]) -> Response[bytes]:
        """Cancel some tickets of a confirmed order: they are void, and their units available at once. Where no ticket
        is left the order is cancelled. What was charged once a hold stays charged while a ticket is left. Slots that
        have begun can be cancelled too, until the order is completed or a no-show: whether to is the caller's to say.
        """
        body = await body_of(request, TicketsOfOrder)
        done = await operations_of(request).cancel_tickets(envelope_of(request), order_id, body)
        return answered(request, done, order_view)

    @post(
        "/{order_id:str}/exchange",
        status_code=200,
        opt=contract(
            OrderView, *NOT_IN_FORCE, Reason.EVENT_NOT_FOUND, Reason.TICKET_VOID, *WISH_REFUSED, body=TicketExchange
        ),
    )
    async def exchange_tickets(self, request: HttpRequest, order_id: FromPath[str]) -> Response[bytes]:
        """Give tickets of a confirmed order back and have other units instead, in one step: whole or not at all. Their
        own units count as available meanwhile, so it works within a sold-out event. The new units have new tickets, at
        today's prices. Where the order is of several events, `event_id` says of which the new units are: one of them,
        or another one; places that were had through another channel do not count as available then, nor where the event
        is split. Slots that have begun can be given back too, until the order is completed or a no-show: whether to is
        the caller's to say.
        """
        body = await body_of(request, TicketExchange)
        done = await operations_of(request).exchange_tickets(envelope_of(request), order_id, body)
        return answered(request, done, order_view)

    @post(
        "/{order_id:str}/complete",
        status_code=200,
        opt=contract(OrderView, *NOT_IN_FORCE, Reason.ORDER_NOT_DUE, body=Nothing),
    )
    async def complete_order(self, request: HttpRequest, order_id: FromPath[str]) -> Response[bytes]:
        """A confirmed order on slots was made use of. Not before its first slot begins; it is over then as a whole,
        also for slots that are still to come, and nothing of it can be cancelled or exchanged any more.
        """
        return await _close_order(request, order_id, OrderStatus.COMPLETED)

    @post(
        "/{order_id:str}/no-show",
        status_code=200,
        opt=contract(OrderView, *NOT_IN_FORCE, Reason.ORDER_NOT_DUE, body=Nothing),
    )
    async def mark_no_show(self, request: HttpRequest, order_id: FromPath[str]) -> Response[bytes]:
        """Nobody came for a confirmed order on slots. Not before its first slot begins; it is over then as a whole,
        also for slots that are still to come, and nothing of it can be cancelled or exchanged any more.
        """
        return await _close_order(request, order_id, OrderStatus.NO_SHOW)


class Tickets(Controller):
    """Tickets: one admission each."""

    path = "/v1/tickets"
    tags = ("orders",)

    @post(
        "/{ticket_id:str}/reassign",
        status_code=200,
        opt=contract(OrderView, *NOT_IN_FORCE, Reason.TICKET_VOID, body=NewHolder),
    )
    async def reassign_ticket(self, request: HttpRequest, ticket_id: FromPath[str]) -> Response[bytes]:
        """Make a ticket of a confirmed order another person's. Its unit stays; its code changes, and the former code is
        void.
        """
        body = await body_of(request, NewHolder)
        done = await operations_of(request).reassign_ticket(envelope_of(request), ticket_id, body)
        return answered(request, done, order_view)


class WaitingLists(Controller):
    """Waiting lists: what comes back is held for those who wait, in the order in which they came."""

    path = "/v1"
    tags = ("waiting lists",)

    @post(
        "/events/{event_id:str}/waiting-list",
        opt=contract(
            WaiterView,
            Reason.EVENT_NOT_FOUND,
            Reason.UNIT_UNKNOWN,
            Reason.TABLE_NOT_WHOLE,
            Reason.SALE_NOT_OPEN,
            Reason.SALE_CLOSED,
            Reason.NO_WAITING_LIST,
            Reason.BUYER_LIMIT_EXCEEDED,
            Reason.NOT_ENOUGH_AVAILABLE,
            body=NewWaiter,
        ),
    )
    async def join_waiting_list(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """Let a buyer wait for what a hold could ask for. All of it is held for the buyer once it comes back, for as
        long as the event's rules say, and no longer. Who could be served at once is: the waiter shows the hold a moment
        later. What could not be had even if nobody had anything of the event, and nothing were set aside, is refused.
        Of `best` there may be one at most. An event has room for 50000 who wait, for 500 different wishes in all (the
        order in which things are named makes no difference), and for each `buyer_id` 20 times.
        """
        body = await body_of(request, NewWaiter)
        done = await operations_of(request).join_waiting_list(envelope_of(request), event_id, body)
        return answered(request, done, waiter_view)

    @get("/waiters/{waiter_id:str}", opt=contract(WaiterView, Reason.WAITER_NOT_FOUND))
    async def get_waiter(self, request: HttpRequest, waiter_id: FromPath[str]) -> Response[bytes]:
        """Where a waiter stands. Shows every write that was acknowledged before."""
        done = await operations_of(request).get_waiter(envelope_of(request), waiter_id)
        return answered(request, done, waiter_view)

    @post(
        "/waiters/{waiter_id:str}/leave",
        status_code=200,
        opt=contract(WaiterView, Reason.WAITER_NOT_FOUND, Reason.WAITER_GONE, body=Nothing),
    )
    async def leave_waiting_list(self, request: HttpRequest, waiter_id: FromPath[str]) -> Response[bytes]:
        """End the waiting. Who was offered a hold releases that instead."""
        body = await body_of(request, Nothing)
        done = await operations_of(request).leave_waiting_list(envelope_of(request), waiter_id, body)
        return answered(request, done, waiter_view)


async def _close_order(request: HttpRequest, order_id: str, status: OrderStatus) -> Response[bytes]:
    body = await body_of(request, Nothing)
    done = await operations_of(request).close_order(envelope_of(request), order_id, status, body)
    return answered(request, done, order_view)
