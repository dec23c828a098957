"""What a hold or an order has, as both protocols show it: units of one event on top, those of several event by event.

Whose home it is makes no difference: what is held of an event that is split, or by a basket of one event, looks like
what is held of any other event.
"""

import msgspec

from actors.core.baskets import LegReply
from actors.core.ids import BlockId, event_id
from actors.core.replies import HoldReply, OrderReply
from actors.core.wishes import AreaPlaces


class Had(msgspec.Struct, frozen=True):
    """`event_id` is empty where it is of several events: then the units are those of `legs`."""

    event_id: str
    units: tuple[str, ...] = ()
    areas: tuple[AreaPlaces, ...] = ()
    legs: tuple[LegReply, ...] = ()


def had(block: BlockId, reply: HoldReply | OrderReply) -> Had:
    """What the hold or order at home in this block has."""
    if len(reply.legs) > 1:
        return Had("", legs=reply.legs)
    if reply.legs:
        (leg,) = reply.legs
        return Had(event_id(BlockId(leg.block)), leg.seats, leg.areas)
    return Had(event_id(block), reply.seats, reply.areas)
