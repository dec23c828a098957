"""Orders and their tickets: placed, confirmed, cancelled, exchanged, reassigned, closed, read."""

from collections.abc import Callable, Sequence

from actors.core.commands import (
    CancelOrder,
    CancelTickets,
    CloseOrder,
    ConfirmOrder,
    ExchangeTickets,
    PlaceOrder,
    ReadOrder,
    ReassignTicket,
    Stamp,
    Write,
)
from actors.core.ids import Kind, desks_of, parse_id, parse_ticket_id
from actors.core.ids import event_id as event_of
from actors.core.outcomes import Details, Reason, Rejected
from actors.core.replies import OrderReply, OrderStatus
from actors.core.wishes import Wish, canonical
from actors.reservations.asks import Done, Request
from actors.reservations.baskets import BasketAsks
from actors.reservations.caller import Caller


class OrderAsks(BasketAsks):
    """What can be asked of orders. Tickets of an order are given by their places in it, from 0."""

    async def place_order(self, request: Request, hold_id: str) -> Done[OrderReply] | Rejected:
        """Turn a hold into an order, to be paid before the hold's deadline."""
        home = parse_id(Kind.HOLD, hold_id)
        if home is None:
            return Rejected(Reason.HOLD_NOT_FOUND)
        stamp = self._stamp(request, "place_order", home[1])
        return await self._write(request, home[0], PlaceOrder(stamp, home[1], self._number()), Reason.HOLD_NOT_FOUND)

    async def confirm_order(self, request: Request, order_id: str) -> Done[OrderReply] | Rejected:
        """The order is paid: its units are sold and it has tickets."""
        return await self._change_order(request, order_id, ConfirmOrder, "confirm_order")

    async def cancel_order(self, request: Request, order_id: str) -> Done[OrderReply] | Rejected:
        """Cancel a whole order, pending or confirmed."""
        return await self._change_order(request, order_id, CancelOrder, "cancel_order")

    async def cancel_tickets(
        self, request: Request, order_id: str, tickets: Sequence[int]
    ) -> Done[OrderReply] | Rejected:
        """Cancel some tickets of a paid order."""
        chosen = tuple(sorted(tickets))
        return await self._change_order(
            request, order_id, lambda stamp, order: CancelTickets(stamp, order, chosen), "cancel_tickets", chosen
        )

    async def exchange_tickets(
        self, request: Request, order_id: str, tickets: Sequence[int], wish: Wish, event_id: str = ""
    ) -> Done[OrderReply] | Rejected:
        """Give tickets of a paid order back and have what is wished for instead, in one step.

        `event_id`: whose the new units are; required where the order is of several events, else it may be left out.
        """
        chosen = tuple(sorted(tickets))
        home = parse_id(Kind.ORDER, order_id)
        if home is not None and home[0] in desks_of(request.caller.tenant):
            return await self._exchange_in_basket(request, home, chosen, wish, event_id)
        if home is not None and event_id and event_id != event_of(home[0]):
            return Rejected(Reason.INVALID_ARGUMENT, Details(fields=("event_id: is not the event of this order",)))
        return await self._change_order(
            request,
            order_id,
            lambda stamp, order: ExchangeTickets(stamp, order, chosen, wish),
            "exchange_tickets",
            chosen,
            canonical(wish),
        )

    async def reassign_ticket(self, request: Request, ticket_id: str, holder: str) -> Done[OrderReply] | Rejected:
        """A ticket of a paid order is `holder`'s from now on, under a new code."""
        home = parse_ticket_id(ticket_id)
        if home is None:
            return Rejected(Reason.ORDER_NOT_FOUND)
        block, order, ticket = home
        stamp = self._stamp(request, "reassign_ticket", order, ticket, holder)
        return await self._write(request, block, ReassignTicket(stamp, order, ticket, holder), Reason.ORDER_NOT_FOUND)

    async def close_order(self, request: Request, order_id: str, status: OrderStatus) -> Done[OrderReply] | Rejected:
        """A paid order on slots has ended: COMPLETED, or NO_SHOW."""
        return await self._change_order(
            request, order_id, lambda stamp, order: CloseOrder(stamp, order, status), "close_order", status
        )

    async def get_order(self, caller: Caller, order_id: str, deadline_ms: int) -> Done[OrderReply] | Rejected:
        """The order, with every write that was acknowledged before."""
        home = parse_id(Kind.ORDER, order_id)
        if home is None:
            return Rejected(Reason.ORDER_NOT_FOUND)
        command = ReadOrder(caller.tenant, home[1])
        return await self._read(home[0], caller, command, deadline_ms, Reason.ORDER_NOT_FOUND)

    async def _change_order(
        self,
        request: Request,
        order_id: str,
        command: Callable[[Stamp, int], Write],
        name: str,
        *arguments: object,
    ) -> Done[OrderReply] | Rejected:
        home = parse_id(Kind.ORDER, order_id)
        if home is None:
            return Rejected(Reason.ORDER_NOT_FOUND)
        block, order = home
        stamp = self._stamp(request, name, order, *arguments)
        return await self._write(request, block, command(stamp, order), Reason.ORDER_NOT_FOUND)
