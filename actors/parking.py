"""Where commands wait for a block that is on its way into a shard's memory: one asks again, the others wait for it.

Without it every command in a gateway would ask by itself, a few hundred times a second, while the shard activates.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from actors.core.ids import BlockId

MAX_PARKED_PER_BLOCK = 4_096


class Place(NamedTuple):
    """What is waited for: a block may be there to be read before it can be written to."""

    block: BlockId
    to_write: bool


class NoPlaceLeft(Exception):
    """Too many wait for the block already."""


class Parking:
    """The waiting of one gateway."""

    def __init__(self) -> None:
        self._scouted: dict[Place, asyncio.Future[None]] = {}
        self._parked: dict[Place, int] = {}

    async def wait(self, place: Place) -> None:
        """Until nobody asks for the block in everybody's name; at once if nobody does. Raises NoPlaceLeft."""
        scouted = self._scouted.get(place)
        if scouted is None:
            return
        parked = self._parked.get(place, 0)
        if parked >= MAX_PARKED_PER_BLOCK:
            raise NoPlaceLeft
        self._parked[place] = parked + 1
        try:
            await asyncio.shield(scouted)
        finally:
            self._parked[place] -= 1
            if not self._parked[place]:
                del self._parked[place]

    @contextmanager
    def scouting(self, place: Place) -> Iterator[bool]:
        """Ask in everybody's name, as long as it lasts; False: another does. However it ends, all are let go."""
        if place in self._scouted:
            yield False
            return
        scouted = self._scouted[place] = asyncio.get_running_loop().create_future()
        try:
            yield True
        finally:
            del self._scouted[place]
            scouted.set_result(None)
