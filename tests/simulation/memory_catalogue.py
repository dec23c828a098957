"""The catalogue in memory: blocks and whose they are, moves, heartbeats, deadlines. As `catalogue.sql` says."""

import asyncio
from collections.abc import Callable

from actors.core import block as core
from actors.core.commands import Correct
from actors.core.ids import BlockId
from actors.core.state import BlockState
from actors.engine.catalogue_port import Assignment, Beat, CatalogueUnavailable, Due, EngineCounters, Move, Quarantined
from actors.journal.codec import decode_entries
from actors.journal.journal import Epoch
from actors.journal.memory import MemoryStore

ANSWER_S = 0.001


class Catalogue:
    """See `ShardCatalogue`. Deadlines come from a fold that lags, unless somebody else writes `deadlines`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.owners: dict[BlockId, str] = {}
        self.is_away: Callable[[], bool] = lambda: False  # asked before a move is carried out, and after
        self.is_silent: Callable[[], bool] = lambda: False  # asked before anything is answered
        self.on_change: Callable[[Callable[[], None]], None] = lambda undo: None  # is told how to take it back
        self.wishes: dict[BlockId, str] = {}  # where blocks are to move
        self.let_go_at_ms: dict[BlockId, int | None] = {}  # as the last move says
        self.versions: dict[BlockId, int] = {}
        self.left: set[str] = set()  # shards that are gone for good: no failover brings their blocks back to them
        self.beats_ms: dict[tuple[str, int], int] = {}
        self._cut_over: set[int] = set()  # generations
        self.quarantined: dict[BlockId, Quarantined] = {}
        self.corrections_refused: list[str] = []  # of corrections
        self.deadlines: dict[BlockId, int | None] = {}
        self._moved: dict[BlockId, tuple[int, str, int]] = {}  # assigned epoch, former shard, when
        self._folds: dict[BlockId, tuple[BlockState, int]] = {}

    async def assignment(self, block: BlockId) -> Assignment | None:
        await self._answer()
        owner = self.owners.get(block)
        moved = self._moved.get(block, (0, "", 0))
        return None if owner is None else Assignment(owner, *moved, block in self.quarantined)

    async def moves(self, shard: str, generation: int, limit: int) -> list[Move]:
        await self._answer()
        return [
            Move(block, self.owners[block], to_shard, self.versions.get(block, 1))
            for block, to_shard in self.wishes.items()
            if self._assigned_by(block) <= generation
            and (to_shard == shard or (self.owners[block] == shard and self._beats(to_shard, generation)))
        ][:limit]

    async def carry_out(self, move: Move, generation: int, let_go_at_ms: int | None) -> bool:
        await self._answer()
        if self.is_away():
            raise CatalogueUnavailable("nothing was carried out")
        carried_out = self._carry_out(move, generation, let_go_at_ms)
        if self.is_away():
            raise CatalogueUnavailable("not known whether it was carried out")
        return carried_out

    def _carry_out(self, move: Move, generation: int, let_go_at_ms: int | None) -> bool:
        block = move.block
        version, (assigned, _, _) = self.versions.get(block, 1), self._moved.get(block, (0, "", 0))
        current = (self.owners.get(block), self.wishes.get(block), version)
        if current != (move.shard, move.to_shard, move.version) or assigned >> 40 > generation:
            return False
        rows = self._store.journals.get(block)
        if rows and rows[-1].epoch >> 40 > generation:
            return False
        before = self._moved.get(block)
        del self.wishes[block]
        self.owners[block] = move.to_shard
        self.versions[block] = version + 1
        assigned = max(assigned, generation << 40) + (1 << 28)
        self._moved[block] = assigned, move.shard, self._store.clock_ms()
        self.let_go_at_ms[block] = let_go_at_ms
        self.on_change(lambda: self._move_back(move, before))
        return True

    def _move_back(self, move: Move, before: tuple[int, str, int] | None) -> None:
        if move.shard in self.left:
            return
        self.owners[move.block] = move.shard
        self.versions[move.block] = move.version
        if before is None:
            del self._moved[move.block]
        else:
            self._moved[move.block] = before

    def enter(self, block: BlockId, shard: str) -> None:
        """Give the block to this shard, unless somebody has it."""
        if block not in self.owners:
            self.owners[block] = shard
            self.on_change(lambda: self._forget(block))

    def _forget(self, block: BlockId) -> None:
        self.owners.pop(block, None)
        self.wishes.pop(block, None)

    def _assigned_by(self, block: BlockId) -> int:
        """The generation that moved the block last, or 0."""
        return self._moved.get(block, (0, "", 0))[0] >> 40

    def _beats(self, shard: str, generation: int) -> bool:
        """Whether the shard has, lately."""
        return any(
            name == shard and epoch >> 40 == generation and at_ms > self._store.clock_ms() - 3_000
            for (name, epoch), at_ms in self.beats_ms.items()
        )

    async def due_blocks(self, shard: str, now_ms: int, after: Due | None, limit: int) -> list[Due]:
        await self._answer()
        due = [
            Due(deadline, block)
            for block, deadline in self.deadlines.items()
            if deadline is not None and deadline <= now_ms and self.owners.get(block) == shard
        ]
        return sorted(one for one in due if after is None or one > after)[:limit]

    async def heartbeat(self, shard: str, epoch: int, now_ms: int, counters: EngineCounters) -> Beat:
        await self._answer()
        self.beats_ms[shard, epoch] = now_ms
        if counters.row_count:
            self._cut_over.add(epoch >> 40)
        generation = Epoch.unpacked(epoch).generation
        newest = max(
            beaten
            for name, beaten in self.beats_ms
            if name == shard and Epoch.unpacked(beaten).generation == generation
        )
        quarantined = (told for block, told in self.quarantined.items() if self.owners.get(block) == shard)
        return Beat(self._store.clock_ms(), newest, tuple(quarantined), generation in self._cut_over)

    async def end_quarantine(self, block: BlockId, correct: Correct) -> bool:
        await self._answer()
        if block in self.quarantined and self.quarantined[block].number == correct.quarantine:
            del self.quarantined[block]
        return True

    async def refuse_correction(self, block: BlockId, correct: Correct, why: str) -> None:
        await self._answer()
        self.quarantined[block] = Quarantined(block, correct.quarantine)
        self.corrections_refused.append(why)

    async def last_heartbeat_ms(self, shard: str, epoch: int) -> int | None:
        await self._answer()
        return self.beats_ms.get((shard, epoch))

    async def _answer(self) -> None:
        await asyncio.sleep(ANSWER_S)
        if self.is_silent():
            raise CatalogueUnavailable("silent")

    async def project(self) -> None:
        """Follow the journals a second behind."""
        while True:
            await asyncio.sleep(1.0)
            for block in list(self._store.journals):
                state, position = self._folds.get(block, (BlockState(), 0))
                for row in self._store.rows(block, position, 10_000):
                    for entry in decode_entries(row.entries):
                        core.apply(state, entry)
                    position = row.position
                self._folds[block] = state, position
                self.deadlines[block] = core.next_deadline_ms(state)
