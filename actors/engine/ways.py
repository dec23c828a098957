"""The ways that errands take to the blocks they ask: what one of them is told of a block spares the others the try."""

from collections import defaultdict
from enum import Enum
from typing import TypeAlias

from actors.core.ids import BlockId
from actors.engine.now_and_then import NowAndThen

MAX_TO_A_BLOCK = 128  # a quarter of what is under way at most
PAUSE_FIRST_MS = 500
PAUSE_MAX_MS = 5_000  # so that who is back is asked within 6 s, however long it was away
KEPT_MS = 60_000  # that it is in vain, where nobody waits: who would may not be in memory for a moment
SAID_EVERY_S = 60.0

About: TypeAlias = int | str  # what an errand is about: a leg, or the block of a part
Entry: TypeAlias = tuple[int, int, BlockId, About]  # in a heap of turns: when, sequence, whose, about what
Whither: TypeAlias = tuple[BlockId, bool]  # the asked block; for what it has refused by itself


class CameTo(Enum):
    """What came of an errand, as far as others to the same block may learn from it."""

    NOT_SENT = 0
    ANSWERED = 1
    REFUSED = 2  # it alone: the block serves others
    IN_VAIN = 3  # the block serves nobody, or was silent


class Way:
    """To one block, for all errands, or for those that it has refused by themselves.

    While the last answer was in vain one errand goes at a time, and none before `opens_at_ms`. `waiting`: a heap.
    """

    __slots__ = ("_failed_at_ms", "_said", "look_at_ms", "pause_ms", "under_way", "waiting", "whither")

    def __init__(self, whither: Whither) -> None:
        self.whither = whither
        self.waiting: list[Entry] = []
        self.under_way = 0
        self.pause_ms = 0  # 0: not in vain
        self.look_at_ms = 0  # when somebody looks whether it has opened
        self._failed_at_ms = 0
        self._said = defaultdict[str, NowAndThen](lambda: NowAndThen(SAID_EVERY_S))

    @property
    def opens_at_ms(self) -> int:
        """Before that nobody goes."""
        return self._failed_at_ms + self.pause_ms

    @property
    def room(self) -> int:
        """For how many more there is."""
        return (1 if self.pause_ms else MAX_TO_A_BLOCK) - self.under_way

    def lets_in(self, now_ms: int) -> bool:
        """Whether an errand may go."""
        return self.room > 0 and now_ms >= self.opens_at_ms

    def fail(self, began_ms: int, now_ms: int) -> bool:
        """An errand was in vain; whether that is worth knowing: what went before the last one failed tells no more."""
        if began_ms < self._failed_at_ms:
            return False
        self.pause_ms = min(2 * self.pause_ms or PAUSE_FIRST_MS, PAUSE_MAX_MS)
        self._failed_at_ms = now_ms
        return True

    def recover(self) -> None:
        """An errand was answered."""
        self.pause_ms = self.look_at_ms = self._failed_at_ms = 0

    def is_to_be_said(self, what: str) -> bool:
        """Whether this has not been said of it for long."""
        return self._said[what].is_due()
