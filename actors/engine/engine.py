"""A shard without its shell: the engine behind one call, bytes in and bytes out."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from actors.engine import timers
from actors.engine.activation import Activator, Outage
from actors.engine.block_host import BlockHost
from actors.engine.catalogue_port import Assignment, Beat, EngineCounters, ShardCatalogue
from actors.engine.clock import JournalClock
from actors.engine.crowding import Crowding
from actors.engine.errands import Errands, OtherBlocks
from actors.engine.eviction import Eviction
from actors.engine.group_commit import GroupCommit
from actors.engine.hints import Hints
from actors.engine.leaving import Leaver
from actors.engine.moves import Mover
from actors.engine.residence import Residence
from actors.engine.waiting_snapshots import WaitingSnapshots
from actors.engine.withholding import Withholding
from actors.journal.journal import Epoch, Journal, incarnation_of

OUTAGE_NOTICED_MS = 2_500
BEAT_OVERDUE_S = 3.0


class Lines(NamedTuple):
    """Four lines to the journal, so that nothing waits behind the commits and they behind nothing."""

    commit: Journal
    checks: Journal
    activation: Journal
    snapshots: Journal


class Engine:
    """One incarnation of one shard.

    `monotonic` in seconds; `nonce` gives 8 fresh bytes a call; `cut_over`: this cluster may act of its own accord at
    once, without waiting until a client has asked one of its shards to write; `others` makes, with this shard's clock,
    the way to the blocks that desks and legs speak to.
    """

    def __init__(
        self,
        shard: str,
        epoch: Epoch,
        lines: Lines,
        catalogue: ShardCatalogue,
        monotonic: Callable[[], float],
        nonce: Callable[[], bytes],
        *,
        others: Callable[[Callable[[], int]], OtherBlocks],
        cut_over: bool,
    ) -> None:
        self.shard = shard
        self.epoch = epoch
        self._lines = lines
        self._catalogue = catalogue
        self._started_at_ms = 0
        self._beaten_at_s = 0.0
        self.clock = JournalClock(monotonic)
        activator = Activator(lines.activation, shard, self.clock, nonce, self._find_outage)
        self.residence = Residence(shard, epoch.packed(), activator, catalogue)
        self.hints = Hints(monotonic)
        self._snapshots = WaitingSnapshots()
        self.commit = GroupCommit(
            lines.commit,
            lines.checks,
            self.clock,
            self.residence.lose,
            self.residence.drop,
            self._snapshots,
            self.hints.offer,
        )
        self._crowding = Crowding(self.residence)
        self._eviction = Eviction(self.residence, self.commit, self.clock)
        self.residence.make_room = self._eviction.make_room
        self.host = BlockHost(self.residence, self.commit, self.clock, self._crowding)
        self.errands = Errands(self.host, self.residence, self.commit, self.clock, others(self.clock.now_ms))
        self._mover = Mover(catalogue, shard, epoch.generation, self.clock, self.residence, self.commit)
        self._withholding = Withholding(
            catalogue, self.clock, activator, self.residence, self.commit, self.host.cut_over
        )
        self._leaver = Leaver(
            catalogue, shard, epoch.packed(), self.clock, self.residence, self.commit, self._withholding, self.counters
        )
        self._wants_successor = False
        if cut_over:
            self.host.cut_over.set()

    async def serve(self, payload: bytes) -> bytes:
        """A batch of calls in, a batch of answers out (see `actors.link.batch`)."""
        return await self.host.serve(payload)

    async def start(self) -> None:
        """Learn the time. Raises JournalUnavailable."""
        asked_s = self.clock.monotonic()
        self.clock.observe(await self._lines.activation.now_ms(), asked_s)
        self._started_at_ms = self.clock.now_ms()
        self._beaten()

    async def run(self) -> None:
        """Do all that a shard does by itself, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.commit.run())
            group.create_task(self.residence.run())
            group.create_task(self._crowding.run())
            group.create_task(self._eviction.run())
            group.create_task(
                timers.beat(
                    self._catalogue,
                    self.shard,
                    self.epoch.packed(),
                    self.clock,
                    self.counters,
                    self._on_beat,
                    self._withholding,
                )
            )
            group.create_task(self.errands.run())
            group.create_task(timers.expire(self.host, self.residence))
            group.create_task(timers.sweep(self._catalogue, self.shard, self.clock, self.host, self.residence))
            group.create_task(timers.judge_fences(self._lines.checks, self.residence.to_judge))
            group.create_task(self._mover.run(self.host.cut_over))
            group.create_task(timers.save_snapshots(self._lines.snapshots, self._snapshots))

    async def leave(self, bound_s: float, is_connected: Callable[[], bool]) -> bool:
        """See `Leaver.leave`; while it runs."""
        self._wants_successor = True
        return await self._leaver.leave(bound_s, is_connected)

    def trouble(self) -> str:
        """Why writes cannot be served now, in words; empty if nothing is known to be in their way.

        Where nobody writes, nobody finds out what the journal refuses; that no commit comes through at all, the
        heartbeats do, which are commits as well.
        """
        trouble = self.host.trouble()
        if not trouble and self.residence.stalled:
            trouble = "the journal lets no block in"
        silent_s = self.clock.monotonic() - self._beaten_at_s
        if not trouble and silent_s > BEAT_OVERDUE_S:
            trouble = f"no heartbeat has come through for {silent_s:.0f} s"
        return trouble

    def counters(self) -> EngineCounters:
        """What the engine has done so far."""
        return EngineCounters(
            self.host.call_count,
            self.host.batch_count,
            self.commit.commit_count,
            self.commit.row_count,
            self.commit.entry_count,
            len(self.residence.blocks),
            self.host.calls_waiting,
            self.residence.quarantined_count,
            self._wants_successor,
            self.residence.blocks.weight,
            self._eviction.count,
        )

    def _on_beat(self, beat: Beat) -> None:
        self._beaten()
        if beat.is_cut_over:
            self.host.cut_over.set()

    def _beaten(self) -> None:
        self._beaten_at_s = self.clock.monotonic()

    async def _find_outage(self, former: int, written_at_ms: int, assignment: Assignment) -> Outage | None:
        """From the former owner's last sign of life, a heartbeat or a write, to our start, or to when the block was
        moved here if that was later. None if nothing is known of it, or that is too short for it to be certain that
        the former owner was down. Raises CatalogueUnavailable.

        From then on the shard was there for whoever asked, even if nobody asked for this block.
        """
        if incarnation_of(former) == self.epoch.packed() and former >= assignment.epoch:
            return None
        has_moved = former < assignment.epoch
        shard = assignment.former_shard if has_moved else self.shard
        last_ms = await self._catalogue.last_heartbeat_ms(shard, incarnation_of(former))
        if last_ms is None:
            return None
        alive_ms = max(last_ms, written_at_ms)
        until_ms = max(self._started_at_ms, assignment.moved_at_ms) if has_moved else self._started_at_ms
        until_ms = min(until_ms, self.clock.sure_ms())  # the catalogue's clock may have jumped ahead of ours
        return (alive_ms, until_ms) if until_ms - alive_ms >= OUTAGE_NOTICED_MS else None
