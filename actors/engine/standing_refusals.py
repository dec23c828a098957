"""Answers that stand for blocks that cannot be served, for a while: so nobody looks again at once, whoever asks."""

import asyncio

from actors.core.ids import BlockId
from actors.link.batch import Failed

MAX_REFUSALS_KNOWN = 10_000


class StandingRefusals:
    """The last ones, by block."""

    def __init__(self) -> None:
        self._refusals: dict[BlockId, tuple[Failed, float]] = {}  # with the loop's time until which they hold

    def __len__(self) -> int:
        return len(self._refusals)

    def put(self, block: BlockId, refusal: Failed, seconds: float) -> None:
        """Whoever asks for so long is told this."""
        if len(self._refusals) >= MAX_REFUSALS_KNOWN:
            del self._refusals[next(iter(self._refusals))]
        self._refusals[block] = (refusal, asyncio.get_running_loop().time() + seconds)

    def find(self, block: BlockId) -> Failed | None:
        """What is to be said of the block now."""
        standing = self._refusals.get(block)
        if standing is None:
            return None
        refusal, until_s = standing
        if asyncio.get_running_loop().time() < until_s:
            return refusal
        del self._refusals[block]
        return None

    def forget(self, block: BlockId) -> None:
        """It may be served by now."""
        self._refusals.pop(block, None)
