"""What a shard does by itself: beat, expire, sweep for blocks that nobody asks about, judge fences, save snapshots."""

import asyncio
from collections.abc import Callable

import structlog

from actors.engine.block_host import BlockHost
from actors.engine.catalogue_port import Beat, CatalogueUnavailable, Due, EngineCounters, ShardCatalogue
from actors.engine.clock import JournalClock
from actors.engine.hosted import HostedBlock
from actors.engine.residence import SWEEP_PRIORITY, Residence
from actors.engine.waiting_snapshots import WaitingSnapshots
from actors.engine.withholding import Withholding
from actors.journal.journal import Journal, JournalUnavailable

_log = structlog.get_logger(__name__)

BEAT_S = 1.0
BEATS_OF_GRACE = 10
EXPIRE_S = 0.5
SWEEP_S = 2.0
BLOCKS_PER_SWEEP = 500
JUDGE_AGAIN_S = 1.0


class Outlived(Exception):
    """This incarnation is of no more use, for itself or for some block: another must take over from it."""


async def beat(
    catalogue: ShardCatalogue,
    shard: str,
    epoch: int,
    clock: JournalClock,
    counters: Callable[[], EngineCounters],
    on_beat: Callable[[Beat], None],
    withholding: Withholding,
) -> None:
    """Say every second that this incarnation is alive, and compare clocks. Ends by raising Outlived.

    It is of no more use when a successor has been there for a while, or when the clock cannot be trusted. A shard that
    was replaced while it was paused stays long enough to tell late callers that it is fenced. `on_beat`: is given each
    answer. What is quarantined is withheld from then on.
    """
    useless_beats = 0
    while useless_beats < BEATS_OF_GRACE:
        asked_s, known = clock.monotonic(), withholding.known()
        try:
            answer = await catalogue.heartbeat(shard, epoch, clock.now_ms(), counters())
        except CatalogueUnavailable:
            pass  # the next beat tells; meanwhile the commits notice
        else:
            on_beat(answer)
            clock.observe(answer.now_ms, asked_s)
            withholding.heed(answer.quarantined, known)
            useless = answer.newest_epoch > epoch or not clock.trusted
            useless_beats = useless_beats + 1 if useless else 0
        await asyncio.sleep(BEAT_S)
    raise Outlived(f"{shard} under epoch {epoch}: replaced, or its clock is wrong")


async def expire(host: BlockHost, residence: Residence) -> None:
    """Expire what is due in the blocks that live here, so that others can buy it and projections learn of it."""
    while True:
        await asyncio.sleep(EXPIRE_S)
        for hosted in residence.blocks.one_by_one():
            host.tick(hosted)
            await asyncio.sleep(0)  # many blocks may fall due together: let buyers have their turn


async def sweep(
    catalogue: ShardCatalogue, shard: str, clock: JournalClock, host: BlockHost, residence: Residence
) -> None:
    """Every 2 s, bring in blocks with overdue deadlines: timers do not depend on traffic.

    Page by page, so that blocks that cannot be brought in, however many and however long overdue, only cost a turn.
    Begins when its cluster is cut over to, so that one that only waits never takes a block.
    """
    await host.cut_over.wait()
    page_end: Due | None = None
    while True:
        try:
            page = await catalogue.due_blocks(shard, clock.sure_ms(), page_end, BLOCKS_PER_SWEEP)
        except CatalogueUnavailable:
            page = []
        else:
            page_end = page[-1] if len(page) == BLOCKS_PER_SWEEP else None
        for _, block in page:
            hosted = residence.find(block, to_write=True, priority=SWEEP_PRIORITY)
            if isinstance(hosted, HostedBlock):
                host.tick(hosted)
                await asyncio.sleep(0)
        await asyncio.sleep(SWEEP_S)


async def judge_fences(journal: Journal, fenced: asyncio.Queue[HostedBlock]) -> None:
    """Look who has each block that was ours. Ends by raising Outlived where it is nobody newer.

    Then a failover has lost a row of ours. This incarnation does not claim that block again, so its successor must.
    """
    while True:
        lost = await fenced.get()
        try:
            head = (await journal.heads([lost.block])).heads.get(lost.block)
        except JournalUnavailable:
            fenced.put_nowait(lost)
            await asyncio.sleep(JUDGE_AGAIN_S)
        else:
            if head is None or head.epoch <= lost.epoch:
                raise Outlived(f"block {lost.block} is behind what epoch {lost.epoch} has written to it")


async def save_snapshots(journal: Journal, snapshots: WaitingSnapshots) -> None:
    """Write the snapshots that wait; one that cannot be written is let go, as the rows are all there."""
    while True:
        snapshot = await snapshots.get()
        try:
            await journal.save_snapshot(snapshot)
        except JournalUnavailable as fault:
            _log.warning("snapshot not written", block=snapshot.block, position=snapshot.position, fault=str(fault))
        finally:
            snapshots.done(snapshot)
