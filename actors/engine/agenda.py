"""The turns of all blocks that live in a shard, the earliest first: what a round of errands costs is what is due.

Whose turn has come may have to wait for others that ask the same block (see `Way`). So what waits there costs nothing.
"""

from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from itertools import count

from actors.core.ids import BlockId
from actors.engine.hosted import HostedBlock
from actors.engine.turns import Asked, Turn, asked_block, is_wanted
from actors.engine.ways import KEPT_MS, About, CameTo, Entry, Way, Whither

FEW_TURNS = 100


class Agenda:
    """Each errand of a block has one turn, at a time, or is under way. `blocks`: those in residence."""

    def __init__(self, blocks: Mapping[BlockId, HostedBlock]) -> None:
        self._blocks = blocks
        self._turns: list[Entry] = []  # a heap; some are stale, also of those that wait
        self._count = 0
        self._most = FEW_TURNS
        self._sequence = count()
        self._ways: dict[Whither, Way] = {}  # those with something under way or waiting, or in vain
        self._looks: list[tuple[int, Whither]] = []  # heap of when to look at which that was in vain; some are stale

    def __len__(self) -> int:
        """How many turns are remembered, stale ones too."""
        return self._count

    def give(
        self, hosted: HostedBlock, about: About, at_ms: int, asked: Asked | None = None, way: Way | None = None
    ) -> None:
        """The errand has its turn at this time and at no other; one that is under way, when it comes back.

        `way`: where it waits with others.
        """
        known = hosted.turns.known.get(about)
        if known is not None and known.is_under_way:
            known.asked = asked
            return
        hosted.turns.known[about] = Turn(at_ms, asked, is_refused=way is not None and way.whither[1])
        if self._count >= self._most:
            self._drop_stale()
        heappush(self._turns if way is None else way.waiting, (at_ms, next(self._sequence), hosted.block, about))
        self._count += 1

    def is_due(self, now_ms: int) -> bool:
        """Whether a turn has come, or there is a way to look at; either may be stale."""
        return _is_due(self._turns, now_ms) or _is_due(self._looks, now_ms)

    def take_due(self, now_ms: int, room: int) -> list[tuple[HostedBlock, About]]:
        """At most so many errands whose turn has come. They are under way from now on, until they `end`."""
        due: list[tuple[HostedBlock, About]] = []
        while len(due) < room and self.is_due(now_ms):
            if _is_due(self._looks, now_ms):
                self._look(*heappop(self._looks), now_ms)
                continue
            entry = heappop(self._turns)
            at_ms, _, block, about = entry
            hosted = self._whose(at_ms, block, about)
            if hosted is None:
                self._count -= 1
                continue
            turn = hosted.turns.known[about]
            way = self._way((asked_block(hosted.state, about), turn.is_refused))
            if not way.lets_in(now_ms):
                heappush(way.waiting, entry)
                continue
            self._count -= 1
            way.under_way += 1
            turn.is_under_way, turn.at_ms, turn.way = True, now_ms, way
            due.append((hosted, about))
        return due

    def end(self, turn: Turn, now_ms: int, came_to: CameTo) -> Way | None:
        """An errand that was taken is no longer under way; where it is to wait, if it was in vain."""
        way, waits_at = turn.way, None
        assert way is not None, "it was taken"
        way.under_way -= 1
        was_in_vain = way.pause_ms > 0
        is_refused_now = came_to is CameTo.REFUSED and not way.whither[1]
        if came_to is CameTo.ANSWERED or is_refused_now:
            way.recover()
        if came_to in (CameTo.REFUSED, CameTo.IN_VAIN):
            waits_at = self._way((way.whither[0], True)) if is_refused_now else way
            if waits_at.fail(turn.at_ms, now_ms):
                self._look_later(waits_at, waits_at.opens_at_ms)
        if way.lets_in(now_ms):
            self._let_on(way, way.room if was_in_vain and not way.pause_ms else 1)
        if not (way.waiting or way.under_way or way.pause_ms):
            self._forget(way)
        return waits_at

    def _way(self, whither: Whither) -> Way:
        way = self._ways.get(whither)
        if way is None:
            way = self._ways[whither] = Way(whither)
        return way

    def _forget(self, way: Way) -> None:
        del self._ways[way.whither]

    def _look_later(self, way: Way, at_ms: int) -> None:
        way.look_at_ms = at_ms
        heappush(self._looks, (at_ms, way.whither))

    def _look(self, at_ms: int, whither: Whither, now_ms: int) -> None:
        """Let the one go that waits longest, to see whether it is still in vain; forget the way if long none was."""
        way = self._ways.get(whither)
        if way is None or way.look_at_ms != at_ms:
            return
        if way.under_way or self._let_on(way, 1) or now_ms < way.opens_at_ms + KEPT_MS:
            self._look_later(way, now_ms + way.pause_ms)
        else:
            self._forget(way)

    def _let_on(self, way: Way, most: int) -> int:
        """So many at most of those that wait have their turn; how many."""
        let_on = 0
        while way.waiting and let_on < most:
            entry = heappop(way.waiting)
            if self._is_stale(entry):
                self._count -= 1
            else:
                heappush(self._turns, entry)
                let_on += 1
        return let_on

    def _is_stale(self, entry: Entry) -> bool:
        at_ms, _, block, about = entry
        return self._whose(at_ms, block, about) is None

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
        heaps = [self._turns, *(way.waiting for way in self._ways.values())]
        for heap in heaps:
            heap[:] = [entry for entry in heap if not self._is_stale(entry)]
            heapify(heap)
        self._count = sum(map(len, heaps))
        self._most = 2 * self._count + FEW_TURNS


def _is_due(heap: list[Entry] | list[tuple[int, Whither]], now_ms: int) -> bool:
    return bool(heap) and heap[0][0] <= now_ms
