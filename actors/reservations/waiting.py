"""The waiting list: joined, left, read."""

from actors.core.commands import JoinWaitingList, LeaveWaitingList, ReadWaiter
from actors.core.ids import Kind, parse_event_id, parse_id
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import WaiterReply
from actors.core.wishes import Wish, canonical
from actors.reservations.asks import Asks, Done, Request
from actors.reservations.caller import Caller


class WaitingAsks(Asks):
    """What can be asked of waiting lists."""

    async def join_waiting_list(self, request: Request, event_id: str, wish: Wish) -> Done[WaiterReply] | Rejected:
        """Wait for all that is wished for."""
        block = parse_event_id(event_id)
        if block is None:
            return Rejected(Reason.EVENT_NOT_FOUND)
        stamp = self._stamp(request, "join_waiting_list", canonical(wish))
        return await self._write(request, block, JoinWaitingList(stamp, self._number(), wish), Reason.EVENT_NOT_FOUND)

    async def leave_waiting_list(self, request: Request, waiter_id: str) -> Done[WaiterReply] | Rejected:
        """Wait no longer."""
        home = parse_id(Kind.WAITER, waiter_id)
        if home is None:
            return Rejected(Reason.WAITER_NOT_FOUND)
        stamp = self._stamp(request, "leave_waiting_list", home[1])
        return await self._write(request, home[0], LeaveWaitingList(stamp, home[1]), Reason.WAITER_NOT_FOUND)

    async def get_waiter(self, caller: Caller, waiter_id: str, deadline_ms: int) -> Done[WaiterReply] | Rejected:
        """The waiter, with every write that was acknowledged before."""
        home = parse_id(Kind.WAITER, waiter_id)
        if home is None:
            return Rejected(Reason.WAITER_NOT_FOUND)
        command = ReadWaiter(caller.tenant, home[1])
        return await self._read(home[0], caller, command, deadline_ms, Reason.WAITER_NOT_FOUND)
