"""Where commands wait for a block that is on its way into a shard's memory: one asks for all, the others stand in line.

Without it every command in a gateway would ask by itself, a few hundred times a second, while the shard activates.

A line lets few ask at a time: one while its block is not there, `MAX_ASKING` once it has answered. Whoever is done or
leaves makes room for the next; first come, first called. So one that leaves costs one question and not everybody's, and
those who waited do not all come at once.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import NamedTuple

from actors.core.ids import BlockId

# In all and of a tenant: as much as may wait for a batch to one shard.
MAX_PARKED = 8_192
MAX_PARKED_BYTES = 32 << 20
MAX_PARKED_PER_TENANT = 4_096
MAX_PARKED_BYTES_PER_TENANT = 16 << 20
MAX_ASKING = 512  # of one line; a batch carries as many


class Place(NamedTuple):
    """What is waited for: a block may be there to be read before it can be written to."""

    block: BlockId
    to_write: bool


class NoRoomLeft(Exception):
    """Too many are there already, or too many of the tenant, or with too many bytes."""


class Space(NamedTuple):
    """So many commands, with so many bytes together: a bound, or how much of it is occupied."""

    commands: int
    size_bytes: int

    def holds(self, other: "Space") -> bool:
        """Whether so much fits in here."""
        return other.commands <= self.commands and other.size_bytes <= self.size_bytes

    def with_one(self, size_bytes: int) -> "Space":
        """One command of this size more."""
        return Space(self.commands + 1, self.size_bytes + size_bytes)

    def without_one(self, size_bytes: int) -> "Space":
        """One command of this size less."""
        return Space(self.commands - 1, self.size_bytes - size_bytes)


NOTHING = Space(0, 0)


class Room:
    """Counts commands and their bytes: so much at once, and so much of one tenant, that one cannot fill it alone."""

    def __init__(self, in_all: Space, of_tenant: Space) -> None:
        self._bound = in_all
        self._tenant_bound = of_tenant
        self._occupied = NOTHING
        self._occupied_by: dict[str, Space] = {}

    @contextmanager
    def entered(self, tenant: str, size_bytes: int) -> Iterator[None]:
        """Be one of those inside, as long as it lasts. Raises NoRoomLeft."""
        occupied = self._occupied.with_one(size_bytes)
        by_tenant = self._occupied_by.get(tenant, NOTHING).with_one(size_bytes)
        if not (self._bound.holds(occupied) and self._tenant_bound.holds(by_tenant)):
            raise NoRoomLeft
        self._occupied = occupied
        self._occupied_by[tenant] = by_tenant
        try:
            yield
        finally:
            self._occupied = self._occupied.without_one(size_bytes)
            left = self._occupied_by.pop(tenant).without_one(size_bytes)
            if left.commands:
                self._occupied_by[tenant] = left


class Line:
    """Who waits for one place, in the order of coming, and how many of them ask just now."""

    def __init__(self) -> None:
        self.ready = False  # the block has answered
        self.asking = 0
        self.waiting: OrderedDict[asyncio.Event, None] = OrderedDict()

    def call_next(self) -> None:
        """Call as many as may ask now."""
        while self.waiting and self.asking < (MAX_ASKING if self.ready else 1):
            called, _ = self.waiting.popitem(last=False)
            called.set()
            self.asking += 1


class Parking:
    """The waiting of one gateway: enter the room, then stand in line until there is an outcome."""

    def __init__(self) -> None:
        self.room = Room(Space(MAX_PARKED, MAX_PARKED_BYTES), Space(MAX_PARKED_PER_TENANT, MAX_PARKED_BYTES_PER_TENANT))
        self._lines: dict[Place, Line] = {}

    def has_line(self, place: Place) -> bool:
        """Whether to stand in line at once, instead of asking first."""
        line = self._lines.get(place)
        return line is not None and (not line.ready or bool(line.waiting))

    @asynccontextmanager
    async def turn(self, place: Place) -> AsyncIterator[Line]:
        """Wait for a turn to ask, and have it as long as this lasts. Say by `ready` whether the block was there."""
        line = self._lines.setdefault(place, Line())
        called = asyncio.Event()
        line.waiting[called] = None
        line.call_next()
        try:
            await called.wait()
            yield line
        finally:
            if called.is_set():  # also who was called and left before it could ask passes its turn on
                line.asking -= 1
            else:
                del line.waiting[called]
            line.call_next()
            if not line.asking and not line.waiting:
                del self._lines[place]
