"""Holds and orders as the edges see them: which block, under which key, and what came of it.

Nothing here raises for an expected "no" or for a fault: every method answers `Done` or `Rejected`.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, Protocol, TypeVar, cast

import msgspec

from actors.core.commands import (
    CancelOrder,
    Command,
    ConfirmOrder,
    CreateEvent,
    ExtendHold,
    OpenSale,
    PlaceHold,
    PlaceOrder,
    ReadDigest,
    ReadEvent,
    ReadHold,
    ReadOrder,
    ReleaseHold,
    Stamp,
    Write,
)
from actors.core.ids import BlockId, Kind, TenantId, event_block, parse_event_id, parse_id
from actors.core.keys import fingerprint, key_hash
from actors.core.layout import Layout
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import DigestReply, EventReply, HoldReply, OrderReply
from actors.core.wishes import Wish, canonical
from actors.dispatch import Dispatcher
from actors.link.batch import encoder, reply_decoder

R = TypeVar("R", EventReply, HoldReply, OrderReply, DigestReply)


class Caller(msgspec.Struct, frozen=True):
    """Who asks. `principal` enters the fingerprint of writes: it survives a rotation of keys."""

    tenant: TenantId
    principal: str


class Request(msgspec.Struct, frozen=True):
    """What every write bears beside its own arguments: 1 to 255 characters of idempotency key, time to wait in ms."""

    caller: Caller
    key: str
    deadline_ms: int
    buyer: str = ""


class Done(msgspec.Struct, Generic[R], frozen=True):
    """Yes. `position`: of the block's row that made it durable; what the reply says holds as of there."""

    block: BlockId
    reply: R
    replayed: bool
    position: int


class NewBlocks(Protocol):
    """Where new blocks are entered, so that forged ids cannot create journals."""

    async def assign(self, block: BlockId, tenant: TenantId) -> None:
        """Enter the block and give it a shard; again is fine. Raises RoutesUnavailable."""
        ...


class Reservations:
    """The one way from the edges to the blocks. `number` gives a fresh 63-bit number a call, never 0."""

    def __init__(
        self, dispatcher: Dispatcher, blocks: NewBlocks, now_ms: Callable[[], int], number: Callable[[], int]
    ) -> None:
        self._dispatcher = dispatcher
        self._blocks = blocks
        self._now_ms = now_ms
        self._number = number

    async def create_event(
        self, request: Request, name: str, layout: Layout, hold_ttl_ms: int
    ) -> Done[EventReply] | Rejected:
        """Create a draft event. Its id derives from tenant and key, so creating is idempotent."""
        block = event_block(request.caller.tenant, request.key)
        stamp = self._stamp(request, "create_event", name, layout, hold_ttl_ms)
        command = CreateEvent(stamp, name, layout, hold_ttl_ms)
        enter = partial(self._blocks.assign, block, request.caller.tenant)
        return await self._write(block, command, Reason.EVENT_NOT_FOUND, enter)

    async def open_sale(self, request: Request, event_id: str) -> Done[EventReply] | Rejected:
        """Put an event on sale."""
        block = parse_event_id(event_id)
        if block is None:
            return Rejected(Reason.EVENT_NOT_FOUND)
        stamp = self._stamp(request, "open_sale")
        return await self._write(block, OpenSale(stamp), Reason.EVENT_NOT_FOUND)

    async def place_hold(
        self,
        request: Request,
        event_id: str,
        wish: Wish,
        ttl_ms: int = 0,
    ) -> Done[HoldReply] | Rejected:
        """Hold all that is wished for or nothing; `ttl_ms` 0: as long as the event says."""
        block = parse_event_id(event_id)
        if block is None:
            return Rejected(Reason.EVENT_NOT_FOUND)
        stamp = self._stamp(request, "place_hold", canonical(wish), ttl_ms)
        return await self._write(block, PlaceHold(stamp, self._number(), wish, ttl_ms), Reason.EVENT_NOT_FOUND)

    async def extend_hold(self, request: Request, hold_id: str, ttl_ms: int) -> Done[HoldReply] | Rejected:
        """Let a hold live until `ttl_ms` from now, up to its cap; 0 releases it."""
        home = parse_id(Kind.HOLD, hold_id)
        if home is None:
            return Rejected(Reason.HOLD_NOT_FOUND)
        stamp = self._stamp(request, "extend_hold", home[1], ttl_ms)
        return await self._write(home[0], ExtendHold(stamp, home[1], ttl_ms), Reason.HOLD_NOT_FOUND)

    async def release_hold(self, request: Request, hold_id: str) -> Done[HoldReply] | Rejected:
        """End a hold and give its units back."""
        home = parse_id(Kind.HOLD, hold_id)
        if home is None:
            return Rejected(Reason.HOLD_NOT_FOUND)
        stamp = self._stamp(request, "release_hold", home[1])
        return await self._write(home[0], ReleaseHold(stamp, home[1]), Reason.HOLD_NOT_FOUND)

    async def place_order(self, request: Request, hold_id: str) -> Done[OrderReply] | Rejected:
        """Turn a hold into an order, to be paid before the hold's deadline."""
        home = parse_id(Kind.HOLD, hold_id)
        if home is None:
            return Rejected(Reason.HOLD_NOT_FOUND)
        stamp = self._stamp(request, "place_order", home[1])
        return await self._write(home[0], PlaceOrder(stamp, home[1], self._number()), Reason.HOLD_NOT_FOUND)

    async def confirm_order(self, request: Request, order_id: str) -> Done[OrderReply] | Rejected:
        """The order is paid: its units are sold and it has tickets."""
        home = parse_id(Kind.ORDER, order_id)
        if home is None:
            return Rejected(Reason.ORDER_NOT_FOUND)
        stamp = self._stamp(request, "confirm_order", home[1])
        return await self._write(home[0], ConfirmOrder(stamp, home[1]), Reason.ORDER_NOT_FOUND)

    async def cancel_order(self, request: Request, order_id: str) -> Done[OrderReply] | Rejected:
        """Cancel a whole order, pending or confirmed."""
        home = parse_id(Kind.ORDER, order_id)
        if home is None:
            return Rejected(Reason.ORDER_NOT_FOUND)
        stamp = self._stamp(request, "cancel_order", home[1])
        return await self._write(home[0], CancelOrder(stamp, home[1]), Reason.ORDER_NOT_FOUND)

    async def get_event(self, caller: Caller, event_id: str, deadline_ms: int) -> Done[EventReply] | Rejected:
        """The event as its block sees it."""
        block = parse_event_id(event_id)
        if block is None:
            return Rejected(Reason.EVENT_NOT_FOUND)
        return await self._read(block, caller, ReadEvent(caller.tenant), deadline_ms, Reason.EVENT_NOT_FOUND)

    async def get_hold(self, caller: Caller, hold_id: str, deadline_ms: int) -> Done[HoldReply] | Rejected:
        """The hold, with every write that was acknowledged before."""
        home = parse_id(Kind.HOLD, hold_id)
        if home is None:
            return Rejected(Reason.HOLD_NOT_FOUND)
        command = ReadHold(caller.tenant, home[1])
        return await self._read(home[0], caller, command, deadline_ms, Reason.HOLD_NOT_FOUND)

    async def get_order(self, caller: Caller, order_id: str, deadline_ms: int) -> Done[OrderReply] | Rejected:
        """The order, with every write that was acknowledged before."""
        home = parse_id(Kind.ORDER, order_id)
        if home is None:
            return Rejected(Reason.ORDER_NOT_FOUND)
        command = ReadOrder(caller.tenant, home[1])
        return await self._read(home[0], caller, command, deadline_ms, Reason.ORDER_NOT_FOUND)

    async def get_digest(self, caller: Caller, event_id: str, deadline_ms: int) -> Done[DigestReply] | Rejected:
        """The digests of the event's block (see `actors.core.snapshot`)."""
        block = parse_event_id(event_id)
        if block is None:
            return Rejected(Reason.EVENT_NOT_FOUND)
        return await self._read(block, caller, ReadDigest(caller.tenant), deadline_ms, Reason.EVENT_NOT_FOUND)

    def _stamp(self, request: Request, *command: object) -> Stamp:
        caller = request.caller
        return Stamp(
            caller.tenant,
            request.buyer,
            key_hash(caller.tenant, request.key),
            fingerprint(caller.principal, request.buyer, *command),
            self._now_ms() + request.deadline_ms,
        )

    async def _write(
        self,
        block: BlockId,
        command: Write,
        unknown_block: Reason,
        enter: Callable[[], Awaitable[None]] | None = None,
    ) -> Done[R] | Rejected:
        stamp = command.stamp
        return await self._ask(
            block, command, stamp.tenant, stamp.not_after_ms, unknown_block, to_write=True, enter=enter
        )

    async def _read(
        self, block: BlockId, caller: Caller, command: Command, deadline_ms: int, unknown_block: Reason
    ) -> Done[R] | Rejected:
        not_after_ms = self._now_ms() + deadline_ms
        return await self._ask(block, command, caller.tenant, not_after_ms, unknown_block, to_write=False)

    async def _ask(
        self,
        block: BlockId,
        command: Command,
        tenant: str,
        not_after_ms: int,
        unknown_block: Reason,
        *,
        to_write: bool,
        enter: Callable[[], Awaitable[None]] | None = None,
    ) -> Done[R] | Rejected:
        encoded = encoder.encode(command)
        answer = await self._dispatcher.ask(
            block, encoded, tenant, not_after_ms, unknown_block, to_write=to_write, enter=enter
        )
        if isinstance(answer, Rejected):
            return answer
        reply = cast(R, reply_decoder.decode(answer.reply))
        return Done(block, reply, answer.replayed, answer.position)
