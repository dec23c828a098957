"""Baskets over several blocks, as the edges see them: all or nothing, through a desk of the tenant.

Who asks places the legs: first the desk is told what is meant, then each block is asked in turn, then the desk is told
how that went, and its word is the outcome. Whoever falls silent on the way leaves it to the desk. The same key goes on
where the last one who had it stopped.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec

from actors.core.baskets import LegHeld, LegPlan
from actors.core.commands import (
    DropBasket,
    Errand,
    IntendBasket,
    IntendExchange,
    PinLeg,
    ReadOrder,
    SettleBasket,
    SettleExchange,
    Stamp,
    Write,
)
from actors.core.ids import BlockId, TenantId, desk_block, event_id
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import HoldReply, OrderReply, PinReply, PlacingReply, Reply
from actors.core.wishes import Wish
from actors.dispatch import Dispatcher
from actors.link.batch import Replied, encoder, reply_decoder

FIRST_REVISION = 1
PAUSE_S = 0.1


class WishedLeg(msgspec.Struct, frozen=True):
    """What is wished for of one block. `counted_by`, `counts`: as in `LegHeld`.

    `is_sought`: another block may have it too, so it is placed before what is not: if it is refused, nothing else was
    placed in vain, nor is in the way of the next try.
    """

    block: BlockId
    wish: Wish
    counted_by: str = ""
    counts: int = 0
    is_sought: bool = False


class Settled(msgspec.Struct, frozen=True):
    """What came of it, in the desk's block."""

    desk: BlockId
    reply: HoldReply | OrderReply
    replayed: bool
    position: int


class Baskets:
    """Places and exchanges. `number` gives a fresh 63-bit number a call; `assign` enters a desk that is new.

    `hangs`: as in `Dispatcher.ask`, of whoever these are for.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        assign: Callable[[BlockId, TenantId], Awaitable[None]],
        number: Callable[[], int],
        hangs: int | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._assign = assign
        self._number = number
        self._hangs = hangs

    async def place(self, stamp: Stamp, legs: Sequence[WishedLeg], ttl_ms: int, life_ms: int = 0) -> Settled | Rejected:
        """Hold all that is wished for in all the blocks, or nothing. What a leg is refused for says of which block.

        `life_ms`: how long it can live at most; 0: two hours.
        """
        while True:
            outcome = await self._place(stamp, legs, ttl_ms, life_ms)
            if not (isinstance(outcome, Rejected) and outcome.reason is Reason.HOLD_RELEASED):
                return outcome
            # somebody under the same key was refused, and this one placed that one's legs: the key is as if never used

    async def go_on(self, stamp: Stamp, placing: PlacingReply) -> Settled | Rejected:
        """Place what was meant under the same key before, and is not decided yet; HOLD_RELEASED: by now it is."""
        return await self._go_on(desk_block(TenantId(stamp.tenant), stamp.key), placing, stamp)

    async def _place(self, stamp: Stamp, legs: Sequence[WishedLeg], ttl_ms: int, life_ms: int) -> Settled | Rejected:
        tenant = TenantId(stamp.tenant)
        desk = desk_block(tenant, stamp.key)
        plans = tuple(self._plan(leg) for leg in sorted(legs, key=lambda leg: (not leg.is_sought, leg.block)))
        intent = IntendBasket(stamp, self._number(), plans, ttl_ms, life_ms)
        meant = await self._ask(desk, intent, stamp, enter=partial(self._assign, desk, tenant))
        if isinstance(meant, Rejected):
            return meant
        placing = reply_decoder.decode(meant.reply)
        if isinstance(placing, HoldReply):
            return Settled(desk, placing, meant.replayed, meant.position)
        assert isinstance(placing, PlacingReply), "a desk places, or has placed"
        return await self._go_on(desk, placing, stamp)

    async def _go_on(self, desk: BlockId, placing: PlacingReply, stamp: Stamp) -> Settled | Rejected:
        held = await self._pin_all(desk, placing, stamp)
        if isinstance(held, Rejected):
            return await self._drop(desk, placing, stamp, held)
        settled = await self._ask(desk, SettleBasket(stamp.tenant, placing.number, held), stamp)
        if isinstance(settled, Rejected):
            # else the desk has dropped it, or will
            hopeless = settled.reason is Reason.INVALID_ARGUMENT or settled.details.miscounted
            return await self._drop(desk, placing, stamp, settled) if hopeless else settled
        return _settled(desk, settled)

    async def exchange(
        self, stamp: Stamp, desk: BlockId, order: int, tickets: tuple[int, ...], wished: WishedLeg
    ) -> Settled | Rejected:
        """Let a basket's order have what is wished for in the block instead of these tickets, or leave it as it is."""
        intent = IntendExchange(stamp, order, tickets, self._plan(wished))
        meant = await self._ask(desk, intent, stamp, Reason.ORDER_NOT_FOUND)
        if isinstance(meant, Rejected):
            return meant
        placing = reply_decoder.decode(meant.reply)
        if isinstance(placing, OrderReply):
            return Settled(desk, placing, meant.replayed, meant.position)
        assert isinstance(placing, PlacingReply), "a desk places, or has placed"
        return await self.go_on_exchanging(stamp, desk, order, placing)

    async def go_on_exchanging(
        self, stamp: Stamp, desk: BlockId, order: int, placing: PlacingReply
    ) -> Settled | Rejected:
        """Place what an exchange was meant to have, whoever meant it under the same key."""
        held = await self._pin_all(desk, placing, stamp)
        leg = placing.legs[0].leg
        outcome = None if isinstance(held, Rejected) else held[0]
        settled = await self._ask(desk, SettleExchange(stamp.tenant, order, leg, outcome), stamp)
        if outcome is not None and isinstance(settled, Rejected) and settled.reason is Reason.INVALID_ARGUMENT:
            held = settled  # it can never be settled
            settled = await self._ask(desk, SettleExchange(stamp.tenant, order, leg, None), stamp)
        if isinstance(settled, Rejected):
            return _open(held) if isinstance(held, Rejected) else settled
        if isinstance(held, Rejected) and not settled.replayed:
            # what is released is of a try that came to nothing, or of tickets of which the desk has yet to hear
            return Rejected(Reason.UNAVAILABLE) if held.reason is Reason.HOLD_RELEASED else held
        shown = await self._ask(desk, ReadOrder(stamp.tenant, order), stamp)
        return _open(shown) if isinstance(shown, Rejected) else _settled(desk, shown)

    def _plan(self, leg: WishedLeg) -> LegPlan:
        return LegPlan(leg.block, self._number(), leg.wish, (), leg.counted_by, leg.counts)

    async def _pin_all(self, desk: BlockId, placing: PlacingReply, stamp: Stamp) -> tuple[LegHeld, ...] | Rejected:
        held: list[LegHeld] = []
        for plan in placing.legs:
            pin = PinLeg(
                stamp.tenant, desk, placing.number, stamp.buyer, plan, FIRST_REVISION, placing.place_by_ms
            )  # fmt: skip
            pinned = await self._ask(BlockId(plan.block), pin, stamp)
            while isinstance(pinned, Rejected) and pinned.reason is Reason.UNAVAILABLE and _is_soon(pinned, placing):
                await asyncio.sleep(PAUSE_S)
                pinned = await self._ask(BlockId(plan.block), pin, stamp)
            if isinstance(pinned, Rejected):
                told = msgspec.structs.replace(pinned.details, event=event_id(BlockId(plan.block)))
                return Rejected(pinned.reason, told)
            reply = reply_decoder.decode(pinned.reply)
            assert isinstance(reply, PinReply), "a leg says what it holds"
            assert reply.held is not None, "a leg says what it holds"
            held.append(_told(reply.held, plan))
        return tuple(held)

    async def _drop(self, desk: BlockId, placing: PlacingReply, stamp: Stamp, refusal: Rejected) -> Settled | Rejected:
        """The refusal, once the desk has noted it; or what somebody else has settled under the same key meanwhile."""
        dropped = await self._ask(desk, DropBasket(stamp.tenant, placing.number), stamp)
        if isinstance(dropped, Rejected):
            return _open(refusal)
        if isinstance(reply_decoder.decode(dropped.reply), HoldReply):
            return _settled(desk, dropped)
        return refusal

    async def _ask(
        self,
        block: BlockId,
        command: Write | Errand | ReadOrder,
        stamp: Stamp,
        unknown_block: Reason = Reason.EVENT_NOT_FOUND,
        enter: Callable[[], Awaitable[None]] | None = None,
    ) -> Replied | Rejected:
        return await self._dispatcher.ask(
            block,
            encoder.encode(command),
            stamp.tenant,
            stamp.not_after_ms,
            unknown_block,
            enter=enter,
            hangs=self._hangs,
        )


def _told(held: LegHeld, plan: LegPlan) -> LegHeld:
    """What the desk is told of a leg: a ledger's has no tickets."""
    if plan.counts:
        return LegHeld(held.leg, plan.block, held.currency, (), (), (), (), counts=plan.counts, home=held.home)
    return msgspec.structs.replace(held, block=plan.block, counted_by=plan.counted_by)


def _settled(desk: BlockId, replied: Replied) -> Settled:
    reply: Reply = reply_decoder.decode(replied.reply)
    assert isinstance(reply, HoldReply | OrderReply), "what is settled is a hold or an order"
    return Settled(desk, reply, replied.replayed, replied.position)


def _is_soon(refusal: Rejected, placing: PlacingReply) -> bool:
    """Whether the block says that it can be asked again in time: a leg of it is being booked."""
    retry_at_ms = refusal.details.retry_at_ms
    return retry_at_ms is not None and retry_at_ms < placing.place_by_ms


def _open(_: Rejected) -> Rejected:
    """Whoever asked cannot be told what the desk has made of it."""
    return Rejected(Reason.OUTCOME_UNKNOWN)
