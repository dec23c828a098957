"""Baskets: holds over several events or over parts of one, all or nothing. Their home is a desk of the tenant."""

from collections.abc import Iterator, Sequence

import msgspec

from actors.baskets import Settled, WishedLeg
from actors.core.baskets import MAX_LEGS
from actors.core.commands import ReadOrder, Stamp
from actors.core.ids import BlockId, TenantId, desks_of, event_id, parse_event_id
from actors.core.outcomes import Details, Reason, Rejected
from actors.core.replies import HoldReply, OrderReply
from actors.core.wishes import Wish, canonical
from actors.reservations.asks import Asks, Done, Request
from actors.reservations.divisions import Division, Try

_MANY_LEGS = f"units: are of more than {MAX_LEGS} parts of the event"

_OF_WHICH = "event_id: missing (the order is of several events: of which are the new units?)"


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
        stamp = self._stamp(request, "place_basket", asked, ttl_ms)
        return _with_leg(await self._place(request, stamp, wishes, ttl_ms), [event for event, _ in legs])

    async def _place_in_parts(
        self, request: Request, stamp: Stamp, block: BlockId, wish: Wish, ttl_ms: int
    ) -> Done[HoldReply] | Rejected:
        """Hold what is wished for of an event that is split, as one of another event is held."""
        outcome = await self._place(request, stamp, [(block, wish)], ttl_ms)
        return outcome if isinstance(outcome, Done) else _of_no_event(outcome)

    async def _place(
        self, request: Request, stamp: Stamp, wishes: Sequence[tuple[BlockId, Wish]], ttl_ms: int
    ) -> Done[HoldReply] | Rejected:
        ways = []
        for block, wish in wishes:
            way = await self._way(request, stamp, block, wish)
            if isinstance(way, Rejected):
                return way
            ways.append(way)
        life_ms = min((way.life_ms for way in ways if way.life_ms), default=0)
        ttl_ms = ttl_ms or min((way.ttl_ms for way in ways if way.ttl_ms), default=0)
        while True:
            legs = [leg for way in ways for leg in way.legs]
            if len(legs) > MAX_LEGS:
                return _invalid(_MANY_LEGS)
            outcome = await self._baskets.place(stamp, legs, ttl_ms, life_ms)
            if isinstance(outcome, Settled):
                assert isinstance(outcome.reply, HoldReply), "what was placed is a hold"
                return Done(outcome.desk, outcome.reply, outcome.replayed, outcome.position)
            if not any(way.goes_on_after(outcome, self._now_ms()) for way in ways):
                return _of_event(outcome, ways)

    async def _way(self, request: Request, stamp: Stamp, block: BlockId, wish: Wish) -> "_Way | Rejected":
        division = await self._divisions.of(request.caller, block, stamp.not_after_ms)
        if division is None:
            return _Way(block, wish, iter([([WishedLeg(block, wish)], None)]))
        tries = division if isinstance(division, Rejected) else division.legs(wish, request.buyer, self._now_ms())
        if isinstance(tries, Rejected):
            return Rejected(tries.reason, msgspec.structs.replace(tries.details, event=event_id(block)))
        assert isinstance(division, Division)
        return _Way(block, wish, tries, division)

    async def _exchange_in_basket(
        self, request: Request, home: tuple[BlockId, int], tickets: tuple[int, ...], wish: Wish, event_id: str
    ) -> Done[OrderReply] | Rejected:
        desk, order = home
        read, deadline_ms = ReadOrder(request.caller.tenant, order), request.deadline_ms
        seen: Done[OrderReply] | Rejected = await self._read(
            desk, request.caller, read, deadline_ms, Reason.ORDER_NOT_FOUND
        )
        if isinstance(seen, Rejected):
            return seen
        block = _event_block(request.caller.tenant, event_id) if event_id else _only_event(seen.reply)
        if block is None:
            return Rejected(Reason.EVENT_NOT_FOUND, Details(event=event_id)) if event_id else _invalid(_OF_WHICH)
        stamp = self._stamp(request, "exchange_tickets", order, tickets, canonical(wish), block)
        # what is had is the order's buyer's, whoever asks
        stamp = msgspec.structs.replace(stamp, buyer=seen.reply.buyer)
        request = msgspec.structs.replace(request, buyer=seen.reply.buyer)
        outcome = await self._exchange(request, stamp, home, tickets, block, wish)
        return outcome if isinstance(outcome, Done) or event_id else _of_no_event(outcome)

    async def _exchange(
        self,
        request: Request,
        stamp: Stamp,
        home: tuple[BlockId, int],
        tickets: tuple[int, ...],
        block: BlockId,
        wish: Wish,
    ) -> Done[OrderReply] | Rejected:
        way = await self._way(request, stamp, block, wish)
        if isinstance(way, Rejected):
            return way
        while True:
            legs = [leg for leg in way.legs if not leg.counts]
            if len(legs) > 1:
                return _invalid("units: are of several parts of the event; exchange for those of one at a time")
            outcome = await self._baskets.exchange(stamp, *home, tickets, legs[0])
            if isinstance(outcome, Settled):
                assert isinstance(outcome.reply, OrderReply), "what was exchanged is an order's"
                return Done(outcome.desk, outcome.reply, outcome.replayed, outcome.position)
            if not way.goes_on_after(outcome, self._now_ms()):
                return _of_event(outcome, [way])


class _Way:
    """How what is wished for of one event can be had: the legs to try now, and those to try after them."""

    def __init__(self, block: BlockId, wish: Wish, tries: Iterator[Try], division: Division | None = None) -> None:
        self.event = event_id(block)
        self.ttl_ms = division.hold_ttl_ms if division is not None else 0
        self.life_ms = division.max_hold_life_ms if division is not None else 0
        self._wish = wish
        self._division = division
        self._tries = tries
        self.legs, self._looked_in = next(tries)

    def goes_on_after(self, refusal: Rejected, now_ms: int) -> bool:
        """Whether it was this that had no room, and there is somewhere else to look for the best seats."""
        if refusal.reason is not Reason.NOT_ENOUGH_AVAILABLE or self._looked_in is None:
            return False
        if refusal.details.event != event_id(self._looked_in):
            return False
        if self._division is not None:
            self._division.refusals.note(self._looked_in, self._wish, now_ms)
        following = next(self._tries, None)
        if following is None:
            return False
        self.legs, self._looked_in = following
        return True

    def has(self, event: str) -> bool:
        """Whether the block of this id is one of those that were tried."""
        return any(event_id(leg.block) == event for leg in self.legs)


def _of_event(refusal: Rejected, ways: Sequence[_Way]) -> Rejected:
    """The refusal, told of the event and not of its part."""
    told = refusal.details
    event = next((way.event for way in ways if way.has(told.event)), told.event)
    return Rejected(refusal.reason, msgspec.structs.replace(told, event=event))


def _of_no_event(refusal: Rejected) -> Rejected:
    """The refusal, told to who asked of one event only."""
    return Rejected(refusal.reason, msgspec.structs.replace(refusal.details, event=""))


def _only_event(order: OrderReply) -> BlockId | None:
    """The event of which the order is; None: it is of several."""
    events = [BlockId(leg.block) for leg in order.legs]
    return events[0] if len(events) == 1 else None


def _event_block(tenant: TenantId, event_id: str) -> BlockId | None:
    """The event's block; None if that is no event's id. A desk is no event."""
    block = parse_event_id(event_id)
    return None if block in desks_of(tenant) else block


def _with_leg(outcome: Done[HoldReply] | Rejected, events: Sequence[str]) -> Done[HoldReply] | Rejected:
    """The outcome; if refused, with what it says of fields told of the fields of the leg."""
    if isinstance(outcome, Done) or not (outcome.details.event and outcome.details.fields):
        return outcome
    details = outcome.details
    leg = f"legs[{events.index(details.event)}]."
    fields = (fault if fault.startswith("buyer_id:") else leg + fault for fault in details.fields)
    return Rejected(outcome.reason, msgspec.structs.replace(details, fields=tuple(fields)))


def _invalid(fault: str) -> Rejected:
    return Rejected(Reason.INVALID_ARGUMENT, Details(fields=(fault,)))
