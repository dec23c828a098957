"""The catalogue in memory: blocks and whose they are, moves, heartbeats, deadlines. As `catalogue.sql` says."""

import asyncio
from collections.abc import Callable

from actors.core import block as core
from actors.core.commands import Correct
from actors.core.ids import BlockId
from actors.core.state import BlockState
from actors.engine.catalogue_port import Assignment, Beat, CatalogueUnavailable, Due, EngineCounters, Move, Quarantined
from actors.journal.codec import decode_entries
from actors.journal.journal import MAX_MOVES
from actors.journal.memory import MemoryStore

ANSWER_S = 0.001
KEPT_BEFORE = 9  # incarnations of a shard in a generation, when the next one is registered
KEPT_MS = 7 * 24 * 3_600_000  # those of other generations, without a beat


class Catalogue:
    """See `ShardCatalogue`. Deadlines come from a fold that lags, unless somebody else writes `deadlines`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.owners: dict[BlockId, str] = {}
        self.is_away: Callable[[], bool] = lambda: False  # asked before a move is carried out, and after
        self.is_silent: Callable[[], bool] = lambda: False  # asked before anything is answered
        self.loses_answer: Callable[[], bool] = lambda: False  # asked when something was written
        self.on_change: Callable[[Callable[[], None]], None] = lambda undo: None  # is told how to take it back
        self.wishes: dict[BlockId, str] = {}  # where blocks are to move
        self.let_go_at_ms: dict[BlockId, int | None] = {}  # as the last move says
        self.versions: dict[BlockId, int] = {}
        self.left: set[str] = set()  # shards that are gone for good: no failover brings their blocks back to them
        self.beats_ms: dict[tuple[str, int], int] = {}  # of the incarnations that are registered
        self._row_counts: dict[tuple[str, int], int] = {}  # as they said with their last beats
        self.quarantined: dict[BlockId, Quarantined] = {}
        self.found_until: dict[BlockId, int] = {}  # to which row what is quarantined reaches
        self._quarantine_number = 1_000  # above those that tests give
        self._imposed_ms: dict[int, int] = {}  # by number
        self._told: dict[tuple[str, int], set[int]] = {}  # of which of them, by number, incarnations were told
        self.corrections_refused: list[str] = []  # of corrections
        self.deadlines: dict[BlockId, int | None] = {}
        self._moved: dict[BlockId, tuple[int, str, int]] = {}  # assigned epoch, former shard, when
        self._claiming: dict[BlockId, int] = {}  # the newest generation that did
        self._folds: dict[BlockId, tuple[BlockState, int]] = {}

    async def assignment(self, block: BlockId) -> Assignment | None:
        await self._answer()
        owner = self.owners.get(block)
        moved = self._moved.get(block, (0, "", 0))
        if owner is None:
            return None
        return Assignment(owner, *moved, block in self.quarantined, self._claiming.get(block, 0))

    async def claim(self, block: BlockId, shard: str, generation: int) -> Assignment | None:
        await self._answer()
        if self.is_away():
            raise CatalogueUnavailable("nothing was claimed")
        before = self._claiming.get(block, 0)
        if self.owners.get(block) == shard and before < generation:
            self._claiming[block] = generation
            self.on_change(lambda: self._claiming.update({block: before}))
        self._tell()
        return await self.assignment(block)

    async def moves(self, shard: str, generation: int, limit: int) -> list[Move]:
        await self._answer()
        return [
            Move(block, self.owners[block], to_shard, self.versions.get(block, 1))
            for block, to_shard in sorted(self.wishes.items())
            if self._may_move(block, generation)
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
        version, assigned = self.versions.get(block, 1), self._assigned(block)
        current = (self.owners.get(block), self.wishes.get(block), version)
        if current != (move.shard, move.to_shard, move.version) or not self._may_move(block, generation):
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
        if move.to_shard not in self.left:
            self.wishes.setdefault(move.block, move.to_shard)
        if before is None:
            del self._moved[move.block]
        else:
            self._moved[move.block] = before

    def register(self, shard: str, epoch: int) -> bool:
        """Make a new incarnation known; False if it cannot be new. Raises CatalogueUnavailable.

        A failover loses none: there would be another.
        """
        own = sorted(known for name, known in self.beats_ms if name == shard and known >> 40 == epoch >> 40)
        is_new = not own or own[-1] < epoch
        too_old_ms = self._store.clock_ms() - KEPT_MS
        for key, at_ms in list(self.beats_ms.items()):
            is_own = key[1] >> 40 == epoch >> 40
            is_useless = key[1] in own[:-KEPT_BEFORE] if is_own else at_ms < too_old_ms
            if key[0] == shard and is_useless:
                del self.beats_ms[key]
                self._row_counts.pop(key, None)
        if is_new:
            self.beats_ms[shard, epoch] = self._store.clock_ms()
        self._tell()
        return is_new

    def enter(self, block: BlockId, shard: str) -> None:
        """Give the block to this shard, unless somebody has it."""
        if block not in self.owners:
            self.owners[block] = shard
            self.on_change(lambda: self._forget(block))

    def assigned_from(self, block: BlockId, epoch: int) -> None:
        """Its last assignment counts from this epoch on."""
        _, former_shard, moved_at_ms = self._moved.get(block, (0, "", 0))
        self._moved[block] = epoch, former_shard, moved_at_ms

    def impose(self, block: BlockId, position: int) -> int:
        """As `quarantines.sql` does, because of what stands in this row; the number under which it then stands."""
        undo = self._as_it_stands(block)
        standing = self.quarantined.setdefault(block, Quarantined(block, self._next_number()))
        self.found_until[block] = max(self.found_until.get(block, 0), position)
        self._imposed_ms.setdefault(standing.number, self._store.clock_ms())
        self.on_change(undo)
        return standing.number

    def wish_end(self, block: BlockId, by: str, why: str, holds: tuple[int, ...] = ()) -> None:
        """That the quarantine end so, up to the last row that was found wrong by now."""
        number = self.quarantined[block].number
        correct = Correct(number, self.found_until[block], by, why, self._imposed_ms[number], (), holds)
        self.on_change(self._as_it_stands(block))
        self.quarantined[block] = Quarantined(block, number, correct)

    def _as_it_stands(self, block: BlockId) -> Callable[[], None]:
        """What makes the block's quarantine what it is now."""
        standing, found_until = self.quarantined.get(block), self.found_until.get(block)

        def again() -> None:
            self.quarantined.pop(block, None)
            self.found_until.pop(block, None)
            if standing is not None and found_until is not None:
                self.quarantined[block], self.found_until[block] = standing, found_until

        return again

    def _next_number(self) -> int:
        self._quarantine_number += 1
        return self._quarantine_number

    def _forget(self, block: BlockId) -> None:
        self.owners.pop(block, None)
        self.wishes.pop(block, None)

    def _assigned(self, block: BlockId) -> int:
        """From which epoch on the last assignment counts, or 0."""
        return self._moved.get(block, (0, "", 0))[0]

    def _may_move(self, block: BlockId, generation: int) -> bool:
        """By this generation: it is not older than one that moved or claimed the block, and can count one more move."""
        assigned = self._assigned(block)
        is_first = assigned >> 40 < generation
        counts = is_first or (assigned >> 40 == generation and assigned >> 28 & MAX_MOVES < MAX_MOVES)
        return counts and self._claiming.get(block, 0) <= generation

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
        """The answer is as of before this beat, as that of one statement is."""
        await self._answer()
        generation = epoch >> 40
        newest = max((known for name, known in self.beats_ms if name == shard and known >> 40 == generation), default=0)
        quarantined = tuple(told for block, told in self.quarantined.items() if self.owners.get(block) == shard)
        is_cut_over = any(known >> 40 == generation and rows for (_, known), rows in self._row_counts.items())
        if (shard, epoch) in self.beats_ms:
            self.beats_ms[shard, epoch] = now_ms
            self._row_counts[shard, epoch] = counters.row_count
        self._tell()
        self._told.setdefault((shard, epoch), set()).update(told.number for told in quarantined)
        return Beat(self._store.clock_ms(), newest, quarantined, is_cut_over)

    def told_to(self, shard: str, epoch: int) -> dict[BlockId, int]:
        """The quarantines that stand, by block, of which a heartbeat of this incarnation was told."""
        told = self._told.get((shard, epoch), ())
        return {block: one.number for block, one in self.quarantined.items() if one.number in told}

    async def end_quarantine(self, block: BlockId, correct: Correct) -> bool:
        """What was found behind the row up to which it is settled stands, under another number."""
        await self._answer()
        standing = self.quarantined.get(block)
        if standing is None or standing.number != correct.quarantine:
            return standing is None
        self.on_change(self._as_it_stands(block))
        for told in self._told.values():
            told.discard(correct.quarantine)
        if self.found_until.get(block, 0) > correct.position:
            self.quarantined[block] = Quarantined(block, self._next_number())
            self._tell()
            return False
        del self.quarantined[block]
        self.found_until.pop(block, None)
        self._tell()
        return True

    async def refuse_correction(self, block: BlockId, correct: Correct, why: str) -> None:
        await self._answer()
        standing = self.quarantined.get(block)
        if standing is not None and standing.number == correct.quarantine:
            self.on_change(self._as_it_stands(block))
            self.quarantined[block] = Quarantined(block, correct.quarantine)
            self.corrections_refused.append(why)

    async def last_heartbeat_ms(self, shard: str, epoch: int) -> int | None:
        await self._answer()
        return self.beats_ms.get((shard, epoch))

    async def _answer(self) -> None:
        await asyncio.sleep(ANSWER_S)
        if self.is_silent():
            raise CatalogueUnavailable("silent")

    def _tell(self) -> None:
        """What was written. Raises CatalogueUnavailable where the answer is lost."""
        if self.loses_answer():
            raise CatalogueUnavailable("not known what came of it")

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
