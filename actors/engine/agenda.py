"""The turns of all blocks that live in a shard, the earliest first: what a round of errands costs is what is due."""

from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from itertools import count

from actors.core.ids import BlockId
from actors.engine.hosted import HostedBlock
from actors.engine.turns import About, Asked, Turn, is_wanted

FEW_TURNS = 100


class Agenda:
    """Each errand of a block has one turn, at a time, or is under way. `blocks`: those in residence."""

    def __init__(self, blocks: Mapping[BlockId, HostedBlock]) -> None:
        self._blocks = blocks
        self._turns: list[tuple[int, int, BlockId, About]] = []  # heap of (when, sequence, ...); some are stale
        self._most = FEW_TURNS
        self._sequence = count()

    def __len__(self) -> int:
        """How many turns are remembered, stale ones too."""
        return len(self._turns)

    def give(self, hosted: HostedBlock, about: About, at_ms: int, asked: Asked | None = None) -> None:
        """The errand has its turn at this time and at no other; one that is under way, when it comes back."""
        known = hosted.turns.known.get(about)
        if known is not None and known.is_under_way:
            known.asked = asked
            return
        hosted.turns.known[about] = Turn(at_ms, asked)
        if len(self._turns) >= self._most:
            self._drop_stale()
        heappush(self._turns, (at_ms, next(self._sequence), hosted.block, about))

    def is_due(self, now_ms: int) -> bool:
        """Whether a turn has come; it may be stale."""
        return bool(self._turns) and self._turns[0][0] <= now_ms

    def take_due(self, now_ms: int, room: int) -> list[tuple[HostedBlock, About]]:
        """At most so many errands whose turn has come. They are under way from now on."""
        due: list[tuple[HostedBlock, About]] = []
        while self.is_due(now_ms) and len(due) < room:
            at_ms, _, block, about = heappop(self._turns)
            hosted = self._whose(at_ms, block, about)
            if hosted is not None:
                hosted.turns.known[about].is_under_way = True
                due.append((hosted, about))
        return due

    def _whose(self, at_ms: int, block: BlockId, about: About) -> HostedBlock | None:
        """The block, if this is the turn of an errand that it still has; else the turn is forgotten."""
        hosted = self._blocks.get(block)
        turn = hosted.turns.known.get(about) if hosted is not None else None
        if hosted is None or hosted.quarantined or turn is None or turn.is_under_way or turn.at_ms != at_ms:
            return None
        if is_wanted(hosted.state, about):
            return hosted
        del hosted.turns.known[about]
        return None

    def _drop_stale(self) -> None:
        """What has ended leaves its turn behind; this keeps those fewer than the ones that count."""
        self._turns = [turn for turn in self._turns if self._whose(turn[0], *turn[2:]) is not None]
        heapify(self._turns)
        self._most = 2 * len(self._turns) + FEW_TURNS
