"""Where commands wait: for a block that is on its way into a shard's memory, for a shard that does not answer.

How many may is bounded, in all, of a tenant and for a shard, so that what is not answered leaves room for what is.
Of all who wait for a block one asks, and the others stand in line.

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
from actors.under_way import MOST_UNDER_WAY

# Of what a gateway may have under way a quarter is left for what is answered, and three eighths where one shard is
# silent; a tenth sells at full speed. A tenant has half, for a crowd that comes to an event before it is in memory. A
# shard has more than one tenant.
MAX_PARKED = MOST_UNDER_WAY * 3 // 4
MAX_PARKED_BYTES = 32 << 20
MAX_PARKED_PER_TENANT = MOST_UNDER_WAY // 2
MAX_PARKED_BYTES_PER_TENANT = 16 << 20
MAX_PARKED_PER_SHARD = MOST_UNDER_WAY * 5 // 8
MAX_PARKED_BYTES_PER_SHARD = 24 << 20
MAX_ASKING = 512  # of one line; a batch carries as many


class Place(NamedTuple):
    """What is waited for: a block may be there to be read before it can be written to."""

    block: BlockId
    to_write: bool


class NoRoomLeft(Exception):
    """Too many are there already, or too many of the tenant or for the shard, or with too many bytes."""


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
    """Counts commands and their bytes: so much at once, and so much of one (a tenant, say) that one cannot fill it."""

    def __init__(self, in_all: Space, of_one: Space) -> None:
        self._bound = in_all
        self._bound_of_one = of_one
        self._occupied = NOTHING
        self._occupied_by: dict[str, Space] = {}

    @contextmanager
    def entered(self, whose: str, size_bytes: int, *, must: bool = False) -> Iterator[None]:
        """Be one of those inside, as long as it lasts, whatever room there is if it `must`. Raises NoRoomLeft."""
        occupied = self._occupied.with_one(size_bytes)
        by_one = self._occupied_by.get(whose, NOTHING).with_one(size_bytes)
        if not (must or (self._bound.holds(occupied) and self._bound_of_one.holds(by_one))):
            raise NoRoomLeft
        self._occupied = occupied
        self._occupied_by[whose] = by_one
        try:
            yield
        finally:
            self._occupied = self._occupied.without_one(size_bytes)
            left = self._occupied_by.pop(whose).without_one(size_bytes)
            if left.commands:
                self._occupied_by[whose] = left


class Line:
    """Who waits for one place, in the order of coming, and how many of them ask just now."""

    def __init__(self) -> None:
        self.ready = False  # the block has answered
        self.shard = ""  # which was asked last
        self.asking = 0
        self.waiting: OrderedDict[asyncio.Event, None] = OrderedDict()

    def call_next(self) -> None:
        """Call as many as may ask now."""
        while self.waiting and self.asking < (MAX_ASKING if self.ready else 1):
            called, _ = self.waiting.popitem(last=False)
            called.set()
            self.asking += 1


class Parking:
    """The waiting of one gateway: enter, then stand in line until there is an outcome."""

    def __init__(self) -> None:
        in_all = Space(MAX_PARKED, MAX_PARKED_BYTES)
        self._of_tenants = Room(in_all, Space(MAX_PARKED_PER_TENANT, MAX_PARKED_BYTES_PER_TENANT))
        self._for_shards = Room(in_all, Space(MAX_PARKED_PER_SHARD, MAX_PARKED_BYTES_PER_SHARD))
        self._lines: dict[Place, Line] = {}

    @contextmanager
    def entered(self, tenant: str, shard: str, size_bytes: int, *, must: bool) -> Iterator[None]:
        """Be one of those who wait, as long as it lasts; as `Room.entered`. Raises NoRoomLeft."""
        with (
            self._of_tenants.entered(tenant, size_bytes, must=must),
            self._for_shards.entered(shard, size_bytes, must=must),
        ):
            yield

    def shard_of(self, place: Place) -> str:
        """Which shard those who stand in this line have asked last; empty if there is none."""
        line = self._lines.get(place)
        return "" if line is None else line.shard

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
