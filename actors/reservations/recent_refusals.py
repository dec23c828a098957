"""Which parts of an event had no room for what was wished for a moment ago: they are asked last, never left out.

A full part that is asked first costs a try of its own, with all that the desk and the part note of it.
"""

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from actors.core.ids import BlockId
from actors.core.wishes import BestSeats, Wish

RECENT_MS = 2_000
MAX_KNOWN = 1_000

_Sought: TypeAlias = tuple[BlockId, tuple[BestSeats, ...], bool, str]
"""Where, and what apart from how much of it."""


class RecentRefusals:
    """Of one event, in one gateway. Times in ms."""

    def __init__(self) -> None:
        self._known: dict[_Sought, tuple[int, int]] = {}  # how many were refused, the fewest, and when

    def note(self, block: BlockId, wish: Wish, now_ms: int) -> None:
        """The block has no room for the wish's best seats."""
        sought, count = _sought(block, wish), _count(wish)
        fewest, at_ms = self._known.pop(sought, (count, now_ms))
        if count <= fewest or at_ms + RECENT_MS <= now_ms:
            fewest, at_ms = count, now_ms
        self._known[sought] = fewest, at_ms
        if len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]

    def asked_last(self, blocks: Iterable[BlockId], wish: Wish, now_ms: int) -> list[BlockId]:
        """The blocks in their order; those that have just refused as much or less come last, the latest last of all."""
        return sorted(blocks, key=lambda block: self._refused_at_ms(block, wish, now_ms))

    def _refused_at_ms(self, block: BlockId, wish: Wish, now_ms: int) -> int:
        fewest, at_ms = self._known.get(_sought(block, wish), (0, 0))
        return at_ms if at_ms <= now_ms < at_ms + RECENT_MS and _count(wish) >= fewest else 0


def _sought(block: BlockId, wish: Wish) -> _Sought:
    kinds = tuple(msgspec.structs.replace(best, quantity=0) for best in wish.best)
    return block, kinds, wish.accessible, wish.channel


def _count(wish: Wish) -> int:
    return sum(best.quantity for best in wish.best)
