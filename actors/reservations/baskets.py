"""Baskets: holds over several events or over parts of one, all or nothing. Their home is a desk of the tenant."""

import asyncio
from collections.abc import Sequence

import msgspec

from actors.baskets import Settled, WishedLeg
from actors.core.asking import Asked
from actors.core.baskets import MAX_LEGS
from actors.core.commands import ReadKey, ReadOrder, ReadRoom, Stamp
from actors.core.ids import BlockId, TenantId, desk_block, desks_of, event_id, parse_event_id
from actors.core.outcomes import Details, Reason, Rejected
from actors.core.replies import HoldReply, OrderReply, PlacingReply, RoomReply
from actors.core.wishes import Wish, canonical
from actors.reservations.asks import Asks, Done, Request
from actors.reservations.divisions import Division
from actors.reservations.ways import Way

_MANY_LEGS = f"units: are of more than {MAX_LEGS} parts of the event"
_MANY_PARTS = "units: are of several parts of the event; exchange for those of one at a time"
_OF_WHICH = "event_id: missing (the order is of several events: of which are the new units?)"


class BasketAsks(Asks):
    """What is asked of several blocks at once."""

    async def place_basket(
        self, request: Request, legs: Sequence[tuple[str, Wish]], ttl_ms: int = 0
    ) -> Done[HoldReply] | Rejected:
        """Hold all that is wished for in all these events, each of them once, or nothing.

        `ttl_ms` 0: as long as the shortest of the events says.

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
        anew = False
        while (outcome := await self._place_as_known(request, stamp, wishes, ttl_ms, anew=anew)) is None:
            anew = True
        return outcome

    async def _place_as_known(
        self, request: Request, stamp: Stamp, wishes: Sequence[tuple[BlockId, Wish]], ttl_ms: int, *, anew: bool
    ) -> Done[HoldReply] | Rejected | None:
        """First everybody is asked whether there is room, so that a refusal is written nowhere.

        What is refused before anything is meant is told once the desk has said that nothing stands under the key:
        what is held under it was wished for by the layout and the rules of then. None: an event was edited meanwhile.
        """
        ways = await self._ways(request, stamp, wishes, anew=anew)
        while True:
            room = ways if isinstance(ways, Rejected) else await self._look_for_room(stamp, ways)
            if room is None:
                return None
            if isinstance(room, Rejected):
                known = await self._under_key(stamp, desk_block(TenantId(stamp.tenant), stamp.key))
                if known is None:
                    return room
                outcome = await self._baskets(request).go_on(stamp, known) if isinstance(known, PlacingReply) else known
            else:
                assert not isinstance(ways, Rejected), "nobody was asked for room"
                legs = [leg for way in ways for leg in way.legs()]
                outcome = await self._baskets(request).place(
                    stamp, legs, ttl_ms or room.hold_ttl_ms, room.max_hold_life_ms
                )
            if isinstance(outcome, Settled):
                assert isinstance(outcome.reply, HoldReply), "what was placed is a hold"
                return Done(outcome.desk, outcome.reply, outcome.replayed, outcome.position)
            retry_at_ms = outcome.details.retry_at_ms or 0
            if outcome.details.miscounted and not anew and retry_at_ms < stamp.not_after_ms:
                await asyncio.sleep(max(0, retry_at_ms - self._now_ms()) / 1000)
                return None
            if isinstance(ways, Rejected):
                if not _is_of_leg(outcome):
                    return outcome
                continue
            is_elsewhere = any(way.turned_away(outcome, self._now_ms()) for way in ways)
            if not is_elsewhere and outcome.reason is not Reason.HOLD_RELEASED:
                return _of_event(outcome, ways)

    async def _ways(
        self, request: Request, stamp: Stamp, wishes: Sequence[tuple[BlockId, Wish]], *, anew: bool
    ) -> list[Way] | Rejected:
        ways = []
        for block, wish in wishes:
            way = await self._way(request, stamp, block, wish, anew=anew)
            if isinstance(way, Rejected):
                return way
            ways.append(way)
        return ways

    async def _look_for_room(self, stamp: Stamp, ways: Sequence[Way]) -> RoomReply | Rejected | None:
        """How long what is held lives, by what all say of themselves, or what stands in the way of it now.

        None: one of the events was edited after it was looked at how it is split.
        """
        seen = [(way, room) for way in ways for room in await self._look_for(stamp, way)]
        found = [room for _, room in seen if isinstance(room, RoomReply)]
        if any(isinstance(room, RoomReply) and way.is_outdated(room) for way, room in seen):
            return None
        refusals = [_of_event(room, ways) for _, room in seen if isinstance(room, Rejected)]
        if refusals:
            return _first(refusals)
        if sum(len(way.legs()) for way in ways) > MAX_LEGS:
            return _invalid(_MANY_LEGS)
        return RoomReply(min(room.hold_ttl_ms for room in found), min(room.max_hold_life_ms for room in found))

    async def _look_for(self, stamp: Stamp, way: Way) -> list[RoomReply | Rejected]:
        way.start()
        rooms = list(await asyncio.gather(*(self._ask_for_room(stamp, leg) for leg in way.legs())))
        if any(isinstance(room, Rejected) for room in rooms):
            return rooms
        return rooms + await self._seek_rooms(stamp, way)

    async def _seek_rooms(self, stamp: Stamp, way: Way) -> list[RoomReply | Rejected]:
        """Rooms for the open choices. If the others leave none for one, all are sought anew, that one first."""
        rooms: list[RoomReply | Rejected] = []
        for _ in way.open:
            rooms = []
            for choice in way.open:
                room = await self._seek_room(stamp, way, choice)
                rooms.append(room)
                if isinstance(room, Rejected):
                    break
            else:
                return rooms
            if room.reason is not Reason.NOT_ENOUGH_AVAILABLE or not way.seek_first(choice):
                return rooms
        return rooms

    async def _seek_room(self, stamp: Stamp, way: Way, choice: int) -> RoomReply | Rejected:
        while (leg := way.seek(choice, self._now_ms())) is not None:
            room = await self._ask_for_room(stamp, leg)
            if isinstance(room, RoomReply) or not way.turned_away(room, self._now_ms()):
                return room
        return way.not_enough()

    async def _ask_for_room(self, stamp: Stamp, leg: WishedLeg) -> RoomReply | Rejected:
        command = ReadRoom(stamp.tenant, stamp.buyer, leg.wish, bool(leg.counted_by))
        seen: Done[RoomReply] | Rejected = await self._ask(
            leg.block, command, stamp.tenant, stamp.not_after_ms, Reason.EVENT_NOT_FOUND, to_write=False
        )
        if isinstance(seen, Done):
            return seen.reply
        return Rejected(seen.reason, msgspec.structs.replace(seen.details, event=event_id(leg.block)))

    async def _under_key(self, stamp: Stamp, desk: BlockId) -> Settled | PlacingReply | Rejected | None:
        """What the key stands for at the desk; None: nothing. Rejected: it is another's, or the desk cannot say."""
        command = ReadKey(stamp.tenant, stamp.key, stamp.fingerprint)
        seen: Done[HoldReply | OrderReply | PlacingReply] | Rejected = await self._ask(
            desk, command, stamp.tenant, stamp.not_after_ms, Reason.HOLD_NOT_FOUND, to_write=False
        )
        if isinstance(seen, Rejected):
            return None if seen.reason is Reason.HOLD_NOT_FOUND else seen
        reply = seen.reply
        return reply if isinstance(reply, PlacingReply) else Settled(desk, reply, True, seen.position)

    async def _way(
        self, request: Request, stamp: Stamp, block: BlockId, wish: Wish, *, anew: bool = False
    ) -> Way | Rejected:
        left_s = max(0, stamp.not_after_ms - self._now_ms()) / 1000
        try:
            async with asyncio.timeout(left_s):
                division = await self._divisions.of(request.caller, block, anew=anew)
                asked = division.read(wish) if isinstance(division, Division) else None
                if isinstance(asked, Rejected):  # as far as was known
                    division = await self._divisions.of(request.caller, block, anew=True)
                    asked = division.read(wish) if isinstance(division, Division) else None
        except TimeoutError:
            return Rejected(Reason.DEADLINE_EXCEEDED)
        if isinstance(division, Division) and isinstance(asked, Asked):
            return Way(block, wish, division, request.buyer, asked.quantity)
        refusal = division if isinstance(division, Rejected) else asked
        if refusal is None:
            return Way(block, wish)
        assert isinstance(refusal, Rejected), "what was not understood is refused"
        return Rejected(refusal.reason, msgspec.structs.replace(refusal.details, event=event_id(block)))

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
        named = _event_block(request.caller.tenant, event_id) if event_id else BlockId("")
        if named is None:
            return Rejected(Reason.EVENT_NOT_FOUND, Details(event=event_id))
        stamp = self._stamp(request, "exchange_tickets", order, tickets, canonical(wish), named)
        # what is had is the order's buyer's, whoever asks
        stamp = msgspec.structs.replace(stamp, buyer=seen.reply.buyer)
        request = msgspec.structs.replace(request, buyer=seen.reply.buyer)
        outcome = await self._exchange(request, stamp, home, tickets, named or _only_event(seen.reply), wish)
        return outcome if isinstance(outcome, Done) or event_id else _of_no_event(outcome)

    async def _exchange(
        self,
        request: Request,
        stamp: Stamp,
        home: tuple[BlockId, int],
        tickets: tuple[int, ...],
        block: BlockId | None,
        wish: Wish,
    ) -> Done[OrderReply] | Rejected:
        """As `_place_as_known`, without a look for room: what is given back may be the room. `block` None: it is not
        said of which event the new units are."""
        way = _invalid(_OF_WHICH) if block is None else await self._way(request, stamp, block, wish)
        while True:
            leg = way if isinstance(way, Rejected) else _new_leg(way, self._now_ms())
            if isinstance(leg, Rejected):
                known = await self._under_key(stamp, home[0])
                if known is None:
                    return leg
                if isinstance(known, PlacingReply):
                    outcome = await self._baskets(request).go_on_exchanging(stamp, *home, known)
                else:
                    outcome = known
            else:
                outcome = await self._baskets(request).exchange(stamp, *home, tickets, leg)
            if isinstance(outcome, Settled):
                assert isinstance(outcome.reply, OrderReply), "what was exchanged is an order's"
                return Done(outcome.desk, outcome.reply, outcome.replayed, outcome.position)
            if isinstance(way, Rejected):
                if not _is_of_leg(outcome):
                    return outcome
            elif not way.turned_away(outcome, self._now_ms()):
                return way.of_event(outcome)


def _new_leg(way: Way, now_ms: int) -> WishedLeg | Rejected:
    """What an exchange is to have next, of one block; or why it has nothing more to try."""
    if not way.seek_together(now_ms):
        return way.not_enough()
    legs = [leg for leg in way.legs() if not leg.counts]
    return legs[0] if len(legs) == 1 else _invalid(_MANY_PARTS)


def _is_of_leg(refusal: Rejected) -> bool:
    """Whether a leg was refused, so that what was meant has come to nothing and the key is as if never used."""
    return bool(refusal.details.event)


def _first(refusals: Sequence[Rejected]) -> Rejected:
    """What is said of all these, by the order of the reasons; of the same one, with all the units that they name."""
    first = min(refusals, key=lambda refusal: refusal.reason)
    alike = [
        each.details for each in refusals if (each.reason, each.details.event) == (first.reason, first.details.event)
    ]
    units = tuple(name for details in alike for name in details.units)
    return Rejected(first.reason, msgspec.structs.replace(first.details, units=units))


def _of_event(refusal: Rejected, ways: Sequence[Way]) -> Rejected:
    """The refusal, told of the event and not of its part."""
    for way in ways:
        refusal = way.of_event(refusal)
    return refusal


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
