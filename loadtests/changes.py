"""Changes of the fleet in the middle of the sale: the event goes from shard to shard, a shard comes and goes."""

import time
from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

FELT_WITHIN_MS = 3_000


class Kind(StrEnum):
    """What is changed."""

    MOVE = "move"
    RESIZE = "resize"


class Change(msgspec.Struct, frozen=True):
    """A change that was carried out. `said`: how the server tells it. Times in ms after the start."""

    kind: Kind
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

    async def desks_of(self, event_id: str) -> list[str]:
        """The desks of the event's tenant that are in use, named like events."""
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
    """Moves of blocks in turn, and of the number of shards, to one more than there were and to as many again.

    `blocks`: those that sell, named like events; with several of them every other move is of a desk. Both kinds come
    evenly mixed. Each is looked at when it is done: what did not take effect has failed.
    """

    def __init__(self, hand: FleetHand, blocks: Sequence[str], moves: int, resizes: int) -> None:
        self._hand = hand
        self._blocks = blocks
        self._wanted = {Kind.MOVE: moves, Kind.RESIZE: resizes}
        self._left = dict(self._wanted)
        self._count = 0  # of the shards before the first change; 0: not known yet

    async def make_one(self, starts_at_s: float) -> Change:
        """The next change. Raises ChangeFailed."""
        shards = await self._hand.shards()
        self._count = self._count or len(shards)
        began_at_ms = _since_ms(starts_at_s)
        kind = self._next_kind(len(shards))
        number = self._wanted[kind] - self._left[kind]
        self._left[kind] -= 1
        if kind is Kind.RESIZE:
            what, said = await self._resize(shards)
        else:
            what, said = await self._move(await self._turn(number), shards)
        return Change(kind, what, said, began_at_ms, _since_ms(starts_at_s))

    def _next_kind(self, shard_count: int) -> Kind:
        """The one of which the larger share is left; with one shard there is nowhere to move to."""
        shares = {kind: left / self._wanted[kind] for kind, left in self._left.items() if left}
        if shard_count == 1 and Kind.RESIZE in shares:
            return Kind.RESIZE
        return max(shares, key=lambda kind: shares[kind])

    async def _turn(self, number: int) -> str:
        """Whose turn it is to be moved."""
        is_split = len(self._blocks) > 1
        desks = await self._hand.desks_of(self._blocks[0]) if is_split and number % 2 else []
        moved = desks or self._blocks
        return moved[(number // 2 if is_split else number) % len(moved)]

    async def _move(self, event_id: str, shards: list[str]) -> tuple[str, str]:
        if len(shards) == 1:
            raise ChangeFailed(f"there is one shard, and nowhere to move {event_id} to")
        owner = await self._hand.shard_of(event_id)
        shard = shards[(shards.index(owner) + 1) % len(shards)] if owner in shards else shards[0]
        said = await self._hand.move(event_id, shard)
        owner = await self._hand.shard_of(event_id)
        if owner != shard:
            raise ChangeFailed(f"{event_id} was moved to {shard}, and is on {owner}")
        return f"move {event_id} to {shard}", said

    async def _resize(self, shards: list[str]) -> tuple[str, str]:
        count = self._count + 1 if len(shards) == self._count else self._count
        said = await self._hand.resize(count)
        serving = await self._hand.shards()
        if len(serving) != count:
            raise ChangeFailed(f"there were to be {count} shards, and there are {len(serving)}")
        return f"resize to {count}", said

    async def undo(self) -> None:
        """As many shards as there were. Raises ChangeFailed."""
        if self._count and len(await self._hand.shards()) != self._count:
            await self._hand.resize(self._count)


def _since_ms(starts_at_s: float) -> int:
    return int((time.monotonic() - starts_at_s) * 1000)
