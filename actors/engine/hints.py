"""Hints: which blocks have moved lately, so that the projector need not wait until its sweep finds out.

A hint may get lost, here or on its way: the sweep finds every block in the end. So all of this is bounded and nothing
waits for it.
"""

from collections.abc import Callable, Iterable

from actors.core.ids import BlockId

KNOWN_S = 5.0  # half of what the projector follows a block for that has moved: it needs no second hint meanwhile
MAX_BLOCKS = 10_000  # that wait or are known; blocks beyond are not hinted at


class Hints:
    """The blocks whose rows have become durable, each at most once in five seconds. `monotonic` in seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._waiting: dict[BlockId, None] = {}
        self._told_s: dict[BlockId, float] = {}  # when; the oldest first

    def offer(self, blocks: Iterable[BlockId]) -> None:
        """These blocks have moved."""
        for block in blocks:
            if block not in self._told_s and len(self._waiting) + len(self._told_s) < MAX_BLOCKS:
                self._waiting[block] = None

    def drain(self) -> list[BlockId]:
        """The blocks to tell of now, which are then known."""
        now_s = self._monotonic()
        while self._told_s and now_s - next(iter(self._told_s.values())) >= KNOWN_S:
            del self._told_s[next(iter(self._told_s))]
        blocks = list(self._waiting)
        self._waiting.clear()
        self._told_s.update(dict.fromkeys(blocks, now_s))
        return blocks
