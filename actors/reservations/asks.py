"""One question to one block: stamped, sent to where the block is, its answer decoded."""

from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar, cast

import msgspec

from actors.baskets import Baskets
from actors.core.commands import Command, ReadEvent, ReadRevision, Stamp, Write
from actors.core.ids import BlockId, TenantId
from actors.core.keys import fingerprint, key_hash
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import (
    DigestReply,
    EventReply,
    HoldReply,
    OrderReply,
    PlacingReply,
    RevisionReply,
    RoomReply,
    WaiterReply,
)
from actors.dispatch import Dispatcher
from actors.link.batch import encoder, reply_decoder
from actors.reservations.caller import Caller
from actors.reservations.divisions import Divisions

LOOK_MS = 5_000

R = TypeVar(
    "R",
    EventReply,
    HoldReply,
    OrderReply,
    DigestReply,
    WaiterReply,
    RevisionReply,
    RoomReply,
    HoldReply | OrderReply | PlacingReply,
)


class Request(msgspec.Struct, frozen=True):
    """What every write bears beside its own arguments: 1 to 255 characters of idempotency key, time to wait in ms.

    `counted_from_ms`: from when on that counts, by the clock of `Reservations`; None: from when the command is made.
    `hangs`: how often this process had hung when the request was let in; nothing of it is sent once it has again. None:
    that is all the same.
    """

    caller: Caller
    key: str
    deadline_ms: int
    buyer: str = ""
    counted_from_ms: int | None = None
    hangs: int | None = None


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


class Asks:
    """What the questions have in common. `number` gives a fresh 63-bit number a call, never 0."""

    def __init__(
        self, dispatcher: Dispatcher, blocks: NewBlocks, now_ms: Callable[[], int], number: Callable[[], int]
    ) -> None:
        self._dispatcher = dispatcher
        self._blocks = blocks
        self._now_ms = now_ms
        self._number = number
        self._divisions = Divisions(self._look_at_event, self._look_at_revision, now_ms)

    def now_ms(self) -> int:
        """The clock by which deadlines go."""
        return self._now_ms()

    def _stamp(self, request: Request, *command: object, event: str = "") -> Stamp:
        """`command`: what is asked, in a canonical form that is the same over every protocol. `event`: whose key it is,
        if it is not remembered by its own block."""
        caller = request.caller
        from_ms = self._now_ms() if request.counted_from_ms is None else request.counted_from_ms
        return Stamp(
            caller.tenant,
            request.buyer,
            key_hash(caller.tenant, request.key, event),
            fingerprint(caller.principal, request.buyer, *command),
            from_ms + request.deadline_ms,
        )

    async def _look_at_event(self, caller: Caller, block: BlockId) -> EventReply | Rejected:
        seen: Done[EventReply] | Rejected = await self._read(
            block, caller, ReadEvent(caller.tenant), LOOK_MS, Reason.EVENT_NOT_FOUND
        )
        return seen if isinstance(seen, Rejected) else seen.reply

    async def _look_at_revision(self, caller: Caller, block: BlockId) -> int | Rejected:
        seen: Done[RevisionReply] | Rejected = await self._read(
            block, caller, ReadRevision(caller.tenant), LOOK_MS, Reason.EVENT_NOT_FOUND
        )
        return seen if isinstance(seen, Rejected) else seen.reply.revision

    def _baskets(self, request: Request) -> Baskets:
        return Baskets(self._dispatcher, self._blocks.assign, self._number, request.hangs)

    async def _write(
        self,
        request: Request,
        block: BlockId,
        command: Write,
        unknown_block: Reason,
        enter: Callable[[], Awaitable[None]] | None = None,
    ) -> Done[R] | Rejected:
        stamp = command.stamp
        return await self._ask(
            block,
            command,
            stamp.tenant,
            stamp.not_after_ms,
            unknown_block,
            to_write=True,
            enter=enter,
            hangs=request.hangs,
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
        hangs: int | None = None,
    ) -> Done[R] | Rejected:
        encoded = encoder.encode(command)
        answer = await self._dispatcher.ask(
            block, encoded, tenant, not_after_ms, unknown_block, to_write=to_write, enter=enter, hangs=hangs
        )
        if isinstance(answer, Rejected):
            return answer
        reply = cast(R, reply_decoder.decode(answer.reply))
        return Done(block, reply, answer.replayed, answer.position)
