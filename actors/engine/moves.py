"""Moves: how a shard gives blocks away, and how it takes those that come.

A wish stands in the catalogue. The shard that has the block gives the other a moment to load it, serves nobody from it
any more, waits until all that it decided is durable, and assigns it to the other. So nobody's command is cut short, and
whoever comes meanwhile is told that it is not ready, and then who has it. A block that is not in memory here is
assigned at once. The shard that it goes to does so itself if that takes too long: then the former owner is dead, or
hangs, or its commits do; the journal fences it, and what it had on its way comes to be known there.

Nothing of this is needed for the block to be safe. Who claims it under the epoch of the last assignment has it, and
whoever had it before has not (see `epoch_of_claim`).
"""

import asyncio

import structlog

from actors.core.ids import BlockId
from actors.engine.catalogue_port import CatalogueUnavailable, Move, ShardCatalogue
from actors.engine.clock import JournalClock
from actors.engine.group_commit import GroupCommit
from actors.engine.residence import SWEEP_PRIORITY, Residence

_log = structlog.get_logger(__name__)

LOOK_S = 0.5
MOVES_PER_LOOK = 200
LET_GO_S = 1.0  # after the first look that shows the wish: by then the other has loaded the block, or nearly
EXPECT_S = 0.25  # so not the blocks that need not be loaded, as nobody asks for them
TAKE_S = 3.0


class Mover:
    """Carries out the wishes that concern one incarnation of a shard. `generation`: its cluster's."""

    def __init__(
        self,
        catalogue: ShardCatalogue,
        shard: str,
        generation: int,
        clock: JournalClock,
        residence: Residence,
        commit: GroupCommit,
    ) -> None:
        self._catalogue = catalogue
        self._shard = shard
        self._generation = generation
        self._clock = clock
        self._residence = residence
        self._commit = commit
        self._seen_s: dict[Move, float] = {}  # since when
        self._parting: dict[BlockId, asyncio.Task[None]] = {}

    async def run(self, may_act: asyncio.Event) -> None:
        """Look every half second until the shard leaves; begin when a cluster that only waits no longer does."""
        await may_act.wait()
        while not self._residence.closed:
            try:
                moves = await self._catalogue.moves(self._shard, self._generation, MOVES_PER_LOOK)
            except CatalogueUnavailable:
                pass
            else:
                await self._carry_out(moves)
            await asyncio.sleep(LOOK_S)

    async def _carry_out(self, moves: list[Move]) -> None:
        for block in [block for block, letting_go in self._parting.items() if letting_go.done()]:
            self._parting.pop(block).result()
        now_s = self._clock.monotonic()
        self._claim_what_came(moves)
        self._seen_s = {move: self._seen_s.get(move, now_s) for move in moves}
        for move, since_s in self._seen_s.items():
            age_s = now_s - since_s
            if move.to_shard == self._shard:
                await self._take(move, age_s)
            elif move.block not in self._parting and (age_s >= LET_GO_S or not self._is_served(move.block)):
                self._parting[move.block] = asyncio.create_task(self._let_go(move))

    def _is_served(self, block: BlockId) -> bool:
        hosted = self._residence.blocks.get(block)
        return hosted is not None and hosted.claimed

    async def _take(self, move: Move, age_s: float) -> None:
        if age_s >= EXPECT_S:
            self._residence.expected.add(move.block)
            self._residence.find(move.block, to_write=False, priority=SWEEP_PRIORITY)
        if age_s >= TAKE_S and await self._assign(move, None):
            _log.warning("the block was not let go", block=move.block, shard=move.shard, to_shard=move.to_shard)
            self._residence.arrive(move.block)

    def _claim_what_came(self, moves: list[Move]) -> None:
        """What was expected and is no longer on its way: it is here now, or goes elsewhere."""
        coming = {move.block for move in moves if move.to_shard == self._shard}
        for block in sorted(self._residence.expected - coming):
            self._residence.arrive(block)

    async def _let_go(self, move: Move) -> None:
        let_go_at_ms, assigned = self._clock.now_ms(), False
        self._residence.begin_parting(move.block)
        try:
            hosted = await self._residence.take_out(move.block)
            was_served = hosted is not None and hosted.claimed
            if hosted is not None and hosted.claimed:
                await self._commit.collect([hosted]).wait()
                hosted.lost = True
            assigned = await self._assign(move, let_go_at_ms if was_served else 0)
            if assigned:
                _log.info("block let go", block=move.block, to_shard=move.to_shard, was_served=was_served)
        finally:
            self._residence.end_parting(move.block, move.to_shard if assigned else "")

    async def _assign(self, move: Move, let_go_at_ms: int | None) -> bool:
        """Whether it was done, as far as is known."""
        try:
            return await self._catalogue.carry_out(move, self._generation, let_go_at_ms)
        except CatalogueUnavailable as fault:
            _log.warning("not known whether the block has moved", block=move.block, fault=str(fault))
            return False
