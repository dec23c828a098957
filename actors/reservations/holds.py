"""Holds: placed, extended, released, read."""

from actors.core.commands import ExtendHold, PlaceHold, ReadHold, ReleaseHold
from actors.core.ids import Kind, parse_event_id, parse_id
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import HoldReply
from actors.core.wishes import Wish, canonical
from actors.reservations.asks import Done, Request
from actors.reservations.baskets import BasketAsks
from actors.reservations.caller import Caller


class HoldAsks(BasketAsks):
    """What can be asked of holds."""

    async def place_hold(
        self, request: Request, event_id: str, wish: Wish, ttl_ms: int = 0
    ) -> Done[HoldReply] | Rejected:
        """Hold all that is wished for or nothing; `ttl_ms` 0: as long as the event says."""
        block = parse_event_id(event_id)
        if block is None:
            return Rejected(Reason.EVENT_NOT_FOUND)
        stamp = self._stamp(request, "place_hold", canonical(wish), ttl_ms)
        if not self._divisions.is_divided(request.caller, block):
            command = PlaceHold(stamp, self._number(), wish, ttl_ms)
            placed: Done[HoldReply] | Rejected = await self._write(request, block, command, Reason.EVENT_NOT_FOUND)
            if isinstance(placed, Done) or not placed.details.divided:
                return placed
        stamp = self._stamp(request, "place_hold", canonical(wish), ttl_ms, event=block)
        return await self._place_in_parts(request, stamp, block, wish, ttl_ms)

    async def extend_hold(self, request: Request, hold_id: str, ttl_ms: int) -> Done[HoldReply] | Rejected:
        """Let a hold live until `ttl_ms` from now, up to its cap; 0 releases it."""
        home = parse_id(Kind.HOLD, hold_id)
        if home is None:
            return Rejected(Reason.HOLD_NOT_FOUND)
        stamp = self._stamp(request, "extend_hold", home[1], ttl_ms)
        return await self._write(request, home[0], ExtendHold(stamp, home[1], ttl_ms), Reason.HOLD_NOT_FOUND)

    async def release_hold(self, request: Request, hold_id: str) -> Done[HoldReply] | Rejected:
        """End a hold and give its units back."""
        home = parse_id(Kind.HOLD, hold_id)
        if home is None:
            return Rejected(Reason.HOLD_NOT_FOUND)
        stamp = self._stamp(request, "release_hold", home[1])
        return await self._write(request, home[0], ReleaseHold(stamp, home[1]), Reason.HOLD_NOT_FOUND)

    async def get_hold(self, caller: Caller, hold_id: str, deadline_ms: int) -> Done[HoldReply] | Rejected:
        """The hold, with every write that was acknowledged before."""
        home = parse_id(Kind.HOLD, hold_id)
        if home is None:
            return Rejected(Reason.HOLD_NOT_FOUND)
        command = ReadHold(caller.tenant, home[1])
        return await self._read(home[0], caller, command, deadline_ms, Reason.HOLD_NOT_FOUND)
