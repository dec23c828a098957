"""Events, holds, baskets, orders, who waits, as the edges see them: which block, under which key, what came of it.

Nothing here raises for an expected "no" or for a fault: every method answers `Done` or `Rejected`.
"""

from actors.reservations.asks import Done, NewBlocks, Request
from actors.reservations.caller import Caller
from actors.reservations.events import MAX_GROUPS, EventAsks
from actors.reservations.holds import HoldAsks
from actors.reservations.orders import OrderAsks
from actors.reservations.waiting import WaitingAsks

__all__ = ["MAX_GROUPS", "Caller", "Done", "NewBlocks", "Request", "Reservations"]


class Reservations(EventAsks, HoldAsks, OrderAsks, WaitingAsks):
    """The one way from the edges to the blocks."""
