"""Events: created, opened, paused, edited, ended, read."""

from functools import partial

from actors.core.commands import ChangeStatus, CreateEvent, EditEvent, OpenSale, ReadDigest, ReadEvent
from actors.core.ids import event_block, parse_event_id
from actors.core.layout import Layout
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import DigestReply, EventReply, EventStatus
from actors.core.rules import Rules
from actors.reservations.asks import Asks, Caller, Done, Request

_ANYBODY = Rules()


class EventAsks(Asks):
    """What can be asked of events."""

    async def create_event(
        self, request: Request, name: str, layout: Layout, hold_ttl_ms: int, rules: Rules = _ANYBODY
    ) -> Done[EventReply] | Rejected:
        """Create a draft event. Its id derives from tenant and key, so creating is idempotent."""
        block = event_block(request.caller.tenant, request.key)
        stamp = self._stamp(request, "create_event", name, layout, hold_ttl_ms, rules)
        command = CreateEvent(stamp, name, layout, hold_ttl_ms, rules)
        enter = partial(self._blocks.assign, block, request.caller.tenant)
        return await self._write(block, command, Reason.EVENT_NOT_FOUND, enter)

    async def open_sale(self, request: Request, event_id: str) -> Done[EventReply] | Rejected:
        """Put an event on sale, or resume its sale."""
        block = parse_event_id(event_id)
        if block is None:
            return Rejected(Reason.EVENT_NOT_FOUND)
        stamp = self._stamp(request, "open_sale")
        return await self._write(block, OpenSale(stamp), Reason.EVENT_NOT_FOUND)

    async def change_status(self, request: Request, event_id: str, status: EventStatus) -> Done[EventReply] | Rejected:
        """Pause or close an event's sale, cancel or archive the event."""
        block = parse_event_id(event_id)
        if block is None:
            return Rejected(Reason.EVENT_NOT_FOUND)
        stamp = self._stamp(request, "change_status", status)
        return await self._write(block, ChangeStatus(stamp, status), Reason.EVENT_NOT_FOUND)

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
        return await self._write(block, command, Reason.EVENT_NOT_FOUND)

    async def get_event(self, caller: Caller, event_id: str, deadline_ms: int) -> Done[EventReply] | Rejected:
        """The event as its block sees it."""
        block = parse_event_id(event_id)
        if block is None:
            return Rejected(Reason.EVENT_NOT_FOUND)
        return await self._read(block, caller, ReadEvent(caller.tenant), deadline_ms, Reason.EVENT_NOT_FOUND)

    async def get_digest(self, caller: Caller, event_id: str, deadline_ms: int) -> Done[DigestReply] | Rejected:
        """The digests of the event's block (see `actors.core.snapshot`)."""
        block = parse_event_id(event_id)
        if block is None:
            return Rejected(Reason.EVENT_NOT_FOUND)
        return await self._read(block, caller, ReadDigest(caller.tenant), deadline_ms, Reason.EVENT_NOT_FOUND)
