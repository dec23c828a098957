"""Changes of the fleet in the middle of the sale: the event goes from shard to shard, a shard comes and goes."""

import time
from typing import Protocol

import msgspec

FELT_WITHIN_MS = 3_000


class Change(msgspec.Struct, frozen=True):
    """A change that was carried out. `said`: how the server tells it. Times in ms after the start."""

    what: str
    said: str
    began_at_ms: int
    ended_at_ms: int

    @property
    def felt_until_ms(self) -> int:
        """Until when buyers may have felt it."""
        return self.ended_at_ms + FELT_WITHIN_MS


class ChangeFailed(Exception):
    """The fleet did not change as it should have; the text says why."""


class FleetHand(Protocol):
    """Who changes the fleet. Each method returns when it is done and raises ChangeFailed."""

    async def shards(self) -> list[str]:
        """Those that may have events, in order."""
        ...

    async def shard_of(self, event_id: str) -> str:
        """The one that has the event."""
        ...

    async def move(self, event_id: str, shard: str) -> str:
        """Move the event; how that went."""
        ...

    async def resize(self, count: int) -> str:
        """Let there be so many shards; how that went."""
        ...

    async def close(self) -> None:
        """End what it needs for that."""
        ...


class Changes:
    """Moves the event and changes the number of shards in turn: one more than there were, and as many again."""

    def __init__(self, hand: FleetHand, event_id: str) -> None:
        self._hand = hand
        self._event_id = event_id
        self._count = 0  # of the shards before the first change; 0: not known yet
        self._has_moved = False

    async def make_one(self, starts_at_s: float) -> Change:
        """The next change. Raises ChangeFailed."""
        shards = await self._hand.shards()
        self._count = self._count or len(shards)
        began_at_ms = _since_ms(starts_at_s)
        if self._has_moved or len(shards) == 1:
            count = self._count + 1 if len(shards) == self._count else self._count
            what, self._has_moved = f"resize to {count}", False
            said = await self._hand.resize(count)
        else:
            owner = await self._hand.shard_of(self._event_id)
            shard = shards[(shards.index(owner) + 1) % len(shards)] if owner in shards else shards[0]
            what, self._has_moved = f"move to {shard}", True
            said = await self._hand.move(self._event_id, shard)
        return Change(what, said, began_at_ms, _since_ms(starts_at_s))

    async def undo(self) -> None:
        """As many shards as there were. Raises ChangeFailed."""
        if self._count and len(await self._hand.shards()) != self._count:
            await self._hand.resize(self._count)


def _since_ms(starts_at_s: float) -> int:
    return int((time.monotonic() - starts_at_s) * 1000)
