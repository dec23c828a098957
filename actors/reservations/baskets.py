"""Baskets: holds over several events, all or nothing. Their home, and that of their orders, is a desk of the tenant."""

from collections.abc import Sequence

import msgspec

from actors.baskets import Settled
from actors.core.ids import BlockId, TenantId, desks_of, parse_event_id
from actors.core.outcomes import Details, Reason, Rejected
from actors.core.replies import HoldReply, OrderReply
from actors.core.wishes import Wish, canonical
from actors.reservations.asks import Asks, Done, Request


class BasketAsks(Asks):
    """What is asked of several blocks at once."""

    async def place_basket(
        self, request: Request, legs: Sequence[tuple[str, Wish]], ttl_ms: int = 0
    ) -> Done[HoldReply] | Rejected:
        """Hold all that is wished for in all these events, each of them once, or nothing; `ttl_ms` 0: ten minutes.

        Refusals name the event that refused, and faults of its wish as `legs[1].units`, in the order of `legs`.
        """
        wishes = []
        for event, wish in legs:
            block = _event_block(request.caller.tenant, event)
            if block is None:
                return Rejected(Reason.EVENT_NOT_FOUND, Details(event=event))
            wishes.append((block, wish))
        asked = [(block, canonical(wish)) for block, wish in sorted(wishes, key=lambda leg: leg[0])]
        outcome = await self._baskets.place(self._stamp(request, "place_basket", asked, ttl_ms), wishes, ttl_ms)
        if isinstance(outcome, Rejected):
            return _with_leg(outcome, [event for event, _ in legs])
        return _hold(outcome)

    async def _exchange_in_basket(
        self, request: Request, home: tuple[BlockId, int], tickets: tuple[int, ...], wish: Wish, event_id: str
    ) -> Done[OrderReply] | Rejected:
        if not event_id:
            return _invalid("event_id: missing (the order is of several events: of which are the new units?)")
        block = _event_block(request.caller.tenant, event_id)
        if block is None:
            return Rejected(Reason.EVENT_NOT_FOUND, Details(event=event_id))
        desk, order = home
        stamp = self._stamp(request, "exchange_tickets", order, tickets, canonical(wish), block)
        outcome = await self._baskets.exchange(stamp, desk, order, tickets, block, wish)
        return outcome if isinstance(outcome, Rejected) else _order(outcome)


def _event_block(tenant: TenantId, event_id: str) -> BlockId | None:
    """The event's block; None if that is no event's id. A desk is no event."""
    block = parse_event_id(event_id)
    return None if block in desks_of(tenant) else block


def _with_leg(refusal: Rejected, events: Sequence[str]) -> Rejected:
    """The refusal, with what it says of fields told of the fields of the leg."""
    details = refusal.details
    if not (details.event and details.fields):
        return refusal
    leg = f"legs[{events.index(details.event)}]."
    fields = (fault if fault.startswith("buyer_id:") else leg + fault for fault in details.fields)
    return Rejected(refusal.reason, msgspec.structs.replace(details, fields=tuple(fields)))


def _invalid(fault: str) -> Rejected:
    return Rejected(Reason.INVALID_ARGUMENT, Details(fields=(fault,)))


def _hold(outcome: Settled) -> Done[HoldReply]:
    assert isinstance(outcome.reply, HoldReply), "what was placed is a hold"
    return Done(outcome.desk, outcome.reply, outcome.replayed, outcome.position)


def _order(outcome: Settled) -> Done[OrderReply]:
    assert isinstance(outcome.reply, OrderReply), "what was exchanged is an order's"
    return Done(outcome.desk, outcome.reply, outcome.replayed, outcome.position)
