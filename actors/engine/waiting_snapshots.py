"""Snapshots that wait to be written, in so much memory and no more: where Postgres is slow, the next are not made."""

import asyncio
from collections.abc import Iterable

from actors.journal.journal import Snapshot

MAX_WAITING = 16
MAX_WAITING_BYTES = 128 << 20
"""Above that none is made; so one of any size may be, beside less than that."""


class WaitingSnapshots:
    """In order; the one that is being written is among them."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Snapshot] = asyncio.Queue()
        self._count = self._bytes = 0

    def has_room(self, others: Iterable[Snapshot] = ()) -> bool:
        """Whether one more may be made, when these are here too."""
        sizes = [len(one.state) for one in others]
        return self._count + len(sizes) < MAX_WAITING and self._bytes + sum(sizes) < MAX_WAITING_BYTES

    def put(self, snapshot: Snapshot) -> None:
        """Let it wait; it was made as there was room."""
        self._count += 1
        self._bytes += len(snapshot.state)
        self._queue.put_nowait(snapshot)

    async def get(self) -> Snapshot:
        """The next one. It is still here until it is `done`."""
        return await self._queue.get()

    def done(self, snapshot: Snapshot) -> None:
        """It is written, or let go."""
        self._count -= 1
        self._bytes -= len(snapshot.state)
