"""Events: created, opened, paused, edited, ended, read."""

import asyncio
from collections.abc import Sequence

import msgspec

from actors.core.commands import (
    ChangeStatus,
    CreateEvent,
    EditEvent,
    OpenSale,
    ReadDigest,
    ReadEvent,
    ReadRevision,
    Stamp,
)
from actors.core.ids import BlockId, event_block, parse_event_id, part_block
from actors.core.layout import Layout
from actors.core.outcomes import Reason, Rejected
from actors.core.parts import MAX_PARTS, Part
from actors.core.replies import DigestReply, EventReply, EventStatus, RevisionReply
from actors.core.rules import Rules
from actors.reservations.asks import Asks, Done, Request
from actors.reservations.caller import Caller

FOLLOWING_PAUSE_S = 0.02
MAX_LEDGERS = 8
MAX_GROUPS = MAX_PARTS - MAX_LEDGERS
"""Into so many groups of sections an event may be split, with room for its ledgers."""

_ANYBODY = Rules()


class EventAsks(Asks):
    """What can be asked of events."""

    async def create_event(
        self,
        request: Request,
        name: str,
        layout: Layout,
        hold_ttl_ms: int,
        rules: Rules = _ANYBODY,
        split: Sequence[Sequence[str]] = (),
    ) -> Done[EventReply] | Rejected:
        """Create a draft event. Its id derives from tenant and key, so creating is idempotent.

        `split`: groups of sections, each of which gets a block of its own; see `actors.core.parts`.
        """
        block = event_block(request.caller.tenant, request.key)
        parts = parts_of(block, split)
        stamp = self._stamp(request, "create_event", name, layout, hold_ttl_ms, rules, *parts)
        command = CreateEvent(stamp, name, layout, hold_ttl_ms, rules, parts)

        async def enter() -> None:
            for part in parts:
                await self._blocks.assign(BlockId(part.block), request.caller.tenant)
            await self._blocks.assign(block, request.caller.tenant)

        return await self._followed(
            block, stamp, await self._write(request, block, command, Reason.EVENT_NOT_FOUND, enter)
        )

    async def open_sale(self, request: Request, event_id: str) -> Done[EventReply] | Rejected:
        """Put an event on sale, or resume its sale."""
        block = parse_event_id(event_id)
        if block is None:
            return Rejected(Reason.EVENT_NOT_FOUND)
        stamp = self._stamp(request, "open_sale")
        return await self._followed(
            block, stamp, await self._write(request, block, OpenSale(stamp), Reason.EVENT_NOT_FOUND)
        )

    async def change_status(self, request: Request, event_id: str, status: EventStatus) -> Done[EventReply] | Rejected:
        """Pause or close an event's sale, cancel or archive the event."""
        block = parse_event_id(event_id)
        if block is None:
            return Rejected(Reason.EVENT_NOT_FOUND)
        stamp = self._stamp(request, "change_status", status)
        command = ChangeStatus(stamp, status)
        return await self._followed(block, stamp, await self._write(request, block, command, Reason.EVENT_NOT_FOUND))

    async def edit_event(
        self,
        request: Request,
        event_id: str,
        if_revision: int,
        *,
        name: str | None = None,
        layout: Layout | None = None,
        rules: Rules | None = None,
        hold_ttl_ms: int | None = None,
    ) -> Done[EventReply] | Rejected:
        """Change what is not None, if the event's revision is still `if_revision`."""
        block = parse_event_id(event_id)
        if block is None:
            return Rejected(Reason.EVENT_NOT_FOUND)
        stamp = self._stamp(request, "edit_event", if_revision, name, layout, rules, hold_ttl_ms)
        command = EditEvent(stamp, if_revision, name, layout, rules, hold_ttl_ms)
        return await self._followed(block, stamp, await self._write(request, block, command, Reason.EVENT_NOT_FOUND))

    async def _followed(
        self, block: BlockId, stamp: Stamp, changed: Done[EventReply] | Rejected
    ) -> Done[EventReply] | Rejected:
        """The answer, once all parts of the event know of it: so that whoever has it sees it everywhere.

        If that takes until the deadline, the answer all the same: what was accepted is so, and they will know.
        """
        if isinstance(changed, Rejected) or not changed.reply.behind:
            return changed
        while self._now_ms() + FOLLOWING_PAUSE_S * 1000 < stamp.not_after_ms:
            await asyncio.sleep(FOLLOWING_PAUSE_S)
            seen: Done[RevisionReply] | Rejected = await self._ask(
                block,
                ReadRevision(stamp.tenant),
                stamp.tenant,
                stamp.not_after_ms,
                Reason.EVENT_NOT_FOUND,
                to_write=False,
            )
            if isinstance(seen, Done) and not seen.reply.behind:
                return msgspec.structs.replace(changed, reply=msgspec.structs.replace(changed.reply, behind=0))
        return changed

    async def get_event(self, caller: Caller, event_id: str, deadline_ms: int) -> Done[EventReply] | Rejected:
        """The event as its home block sees it. A part of one is no event."""
        block = parse_event_id(event_id)
        if block is None:
            return Rejected(Reason.EVENT_NOT_FOUND)
        seen: Done[EventReply] | Rejected = await self._read(
            block, caller, ReadEvent(caller.tenant), deadline_ms, Reason.EVENT_NOT_FOUND
        )
        return Rejected(Reason.EVENT_NOT_FOUND) if isinstance(seen, Done) and seen.reply.home else seen

    async def get_digest(self, caller: Caller, event_id: str, deadline_ms: int) -> Done[DigestReply] | Rejected:
        """The digests of the event's block (see `actors.core.snapshot`)."""
        block = parse_event_id(event_id)
        if block is None:
            return Rejected(Reason.EVENT_NOT_FOUND)
        return await self._read(block, caller, ReadDigest(caller.tenant), deadline_ms, Reason.EVENT_NOT_FOUND)


def parts_of(home: BlockId, split: Sequence[Sequence[str]]) -> tuple[Part, ...]:
    """The parts of an event that is split into these groups of sections, with its ledgers."""
    groups = [tuple(sections) for sections in split]
    groups += [()] * min(len(groups), MAX_LEDGERS)
    return tuple(Part(part_block(home, number), sections) for number, sections in enumerate(groups))
