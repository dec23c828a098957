"""Group commit: one statement for everything that waits, and the gate that every reply passes.

While a commit is in flight, the next cycle collects. A cycle appends the pending entries of its blocks, one row each,
and checks the heads of the blocks that only want to answer. Cycles run one after the other, so a cycle that is done
means: all that was applied before it began is durable, and this shard was still the owner after it began.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from actors.core.ids import BlockId
from actors.engine.clock import JournalClock
from actors.engine.hosted import HostedBlock
from actors.journal.codec import encode_entries
from actors.journal.journal import Journal, JournalRow, JournalUnavailable, NewRow, Snapshot, chain_of

ENTRIES_PER_SNAPSHOT = 50_000
RETRY_FIRST_S = 0.05
RETRY_MAX_S = 1.0

T = TypeVar("T")


class Cycle:
    """One round of group commit: blocks with rows to append, blocks whose head is to be checked."""

    def __init__(self, done: asyncio.Future[None]) -> None:
        self.appending: dict[BlockId, HostedBlock] = {}
        self.checking: dict[BlockId, HostedBlock] = {}
        self.positions: dict[BlockId, int] = {}  # of every block of the cycle that is not lost
        self._done = done

    async def wait(self) -> None:
        """Until the cycle is done. A waiter that is cancelled disturbs nobody else."""
        await asyncio.shield(self._done)

    def finish(self) -> None:
        """Let the waiters go on."""
        self._done.set_result(None)


class GroupCommit:
    """Runs the cycles of one shard. `journal` and `checks` are two lines, used at the same time."""

    def __init__(
        self,
        journal: Journal,
        checks: Journal,
        epoch: int,
        clock: JournalClock,
        on_lost: Callable[[HostedBlock], None],
        on_snapshot: Callable[[Snapshot], None],
    ) -> None:
        self._journal = journal
        self._checks = checks
        self._epoch = epoch
        self._clock = clock
        self._on_lost = on_lost
        self._on_snapshot = on_snapshot
        self._wanted = asyncio.Event()
        self._collecting = self._new_cycle()
        self.stalled = False  # the journal did not answer; the outcome of the cycle in flight is unknown
        self.commit_count = 0
        self.row_count = 0
        self.entry_count = 0

    def collect(self, blocks: Iterable[HostedBlock]) -> Cycle:
        """The cycle that will make these blocks' pending entries durable, or check the heads of those without any."""
        cycle = self._collecting
        for hosted in blocks:
            into = cycle.appending if hosted.pending else cycle.checking
            into[hosted.block] = hosted
        self._wanted.set()
        return cycle

    async def run(self) -> None:
        """Run cycles for ever; cancelling it leaves the cycle in flight unknown, like a crash."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            cycle, self._collecting = self._collecting, self._new_cycle()
            await self._run_cycle(cycle)

    def _new_cycle(self) -> Cycle:
        return Cycle(asyncio.get_running_loop().create_future())

    async def _run_cycle(self, cycle: Cycle) -> None:
        snapshots: list[Snapshot] = []
        rows = self._form_rows(cycle, snapshots)
        checking = [
            block for block, hosted in cycle.checking.items() if block not in cycle.appending and not hosted.lost
        ]
        if rows and checking:
            await asyncio.gather(self._append(cycle, rows), self._check(cycle, checking))
        elif rows:
            await self._append(cycle, rows)
        elif checking:
            await self._check(cycle, checking)
        self.stalled = False
        for snapshot in snapshots:
            if snapshot.block in cycle.positions:
                self._on_snapshot(snapshot)
        cycle.finish()

    def _form_rows(self, cycle: Cycle, snapshots: list[Snapshot]) -> list[NewRow]:
        now_ms = self._clock.now_ms()
        rows = []
        for block in sorted(cycle.appending):
            hosted = cycle.appending[block]
            if hosted.lost:
                continue
            entries, hosted.pending = hosted.pending, []
            encoded = encode_entries(entries)
            position = hosted.position + 1
            chain = chain_of(hosted.chain, block, position, self._epoch, now_ms, encoded)
            row = JournalRow(block, position, self._epoch, now_ms, len(entries), encoded, chain)
            rows.append(NewRow(row, hosted.chain))
            hosted.position, hosted.chain = position, chain
            hosted.unsnapshotted += len(entries)
            self.entry_count += len(entries)
            if hosted.unsnapshotted >= ENTRIES_PER_SNAPSHOT and not hosted.quarantined:
                snapshots.append(hosted.snapshot())
        return rows

    async def _append(self, cycle: Cycle, rows: list[NewRow]) -> None:
        """Send the rows until their fate is known; the identical rows, so that sending twice does no harm."""
        appended = await self._until_answered(lambda: self._journal.append(rows))
        self._clock.observe(appended.now_ms)
        self.commit_count += 1
        self.row_count += len(appended.durable)
        for new_row in rows:
            block = new_row.row.block
            if block in appended.durable:
                cycle.positions[block] = new_row.row.position
            else:
                self._lose(cycle.appending[block])

    async def _check(self, cycle: Cycle, blocks: list[BlockId]) -> None:
        """A block whose head is not ours is lost. Cycles do not overlap, so no row of these blocks is on its way."""
        found = await self._until_answered(lambda: self._checks.heads(blocks))
        self._clock.observe(found.now_ms)
        for block in blocks:
            hosted = cycle.checking[block]
            head = found.heads.get(block)
            if head is not None and (head.position, head.chain) == (hosted.position, hosted.chain):
                cycle.positions[block] = head.position
            else:
                self._lose(hosted)

    async def _until_answered(self, statement: Callable[[], Awaitable[T]]) -> T:
        pause_s = RETRY_FIRST_S
        while True:
            try:
                return await statement()
            except JournalUnavailable:
                self.stalled = True
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, RETRY_MAX_S)

    def _lose(self, hosted: HostedBlock) -> None:
        hosted.lost = True
        hosted.pending.clear()
        self._on_lost(hosted)
