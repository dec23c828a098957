"""Group commit: one statement for what waits, and the gate that every reply passes.

While a commit is in flight, the next cycle collects. A cycle appends the pending entries of its blocks, one row each,
and checks the heads of the blocks that only want to answer. Cycles run one after the other, so a cycle that is done
means: all that was applied before it began is durable, and this shard was still the owner after it began.

What is too much for one statement goes in several, one after the other (`Portions`): more bytes than one may have, and
what was given up by its bound, as the same once more would be given up again for as long as the line is slow. The cycle
is done when all of them are answered.

What Postgres refuses is asked block by block. Where it refuses the very same statement about nothing as well, it is not
the blocks' fault, and all wait until that is mended. Else each block that is refused is dropped, to be read anew as its
journal has it, and its neighbours go on.

It also says when a block's next snapshot is due: after `ENTRIES_PER_SNAPSHOT` entries, or a quarter as many as the last
one would have values (`VALUES_PER_ENTRY`), whichever is more. So a snapshot costs at most about 1.2 µs and 200 bytes an
entry however large the block is (`python -m tests.measure.large_block`), and the tail to replay stays shorter than the
snapshot takes to read. Freezing is one pause for all blocks of the shard: 2 ms for 10,000 holds, 0.3 s for a block of
200,000 paid orders, every 250,000 entries.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import structlog

from actors.core.ids import BlockId
from actors.core.snapshot import value_count
from actors.engine.clock import JournalClock
from actors.engine.hosted import HostedBlock
from actors.engine.portions import Portions
from actors.engine.waiting_snapshots import WaitingSnapshots
from actors.journal.journal import (
    Appended,
    Heads,
    Journal,
    JournalLate,
    JournalRefused,
    JournalUnavailable,
    NewRow,
    Snapshot,
)

ENTRIES_PER_SNAPSHOT = 10_000
VALUES_PER_ENTRY = 4
RETRY_FIRST_S = 0.05
RETRY_MAX_S = 1.0

T = TypeVar("T", Appended, Heads)
_Ask: TypeAlias = Callable[[Sequence[HostedBlock]], Awaitable[T]]

_log = structlog.get_logger(__name__)


class Cycle:
    """One round of group commit: blocks with rows to append, blocks whose head is to be checked.

    A block may be there twice, as it was loaded for reading and as it was claimed meanwhile: each stands for itself.
    """

    def __init__(self, done: asyncio.Future[None]) -> None:
        self.appending: set[HostedBlock] = set()
        self.checking: set[HostedBlock] = set()
        self.positions: dict[HostedBlock, int] = {}  # of all that are not lost
        self._done = done

    async def wait(self) -> None:
        """Until the cycle is done. A waiter that is cancelled disturbs nobody else."""
        await asyncio.shield(self._done)

    def has(self, hosted: HostedBlock) -> bool:
        """Whether it is about this block."""
        return hosted in self.appending or hosted in self.checking

    def finish(self) -> None:
        """Let the waiters go on."""
        self._done.set_result(None)


@dataclass(frozen=True)
class _Question(Generic[T]):
    """What is asked over one line about some of these blocks at a time; `size_of` each, in bytes of the statement."""

    ask: "_Ask[T]"
    judge: Callable[[Sequence[HostedBlock], T], None]
    portions: Portions
    size_of: Callable[[HostedBlock], int]


class GroupCommit:
    """Runs the cycles of one shard. `journal` and `checks` are two lines, used at the same time."""

    def __init__(
        self,
        journal: Journal,
        checks: Journal,
        clock: JournalClock,
        on_lost: Callable[[HostedBlock], None],
        on_refused: Callable[[HostedBlock, JournalRefused], None],
        snapshots: WaitingSnapshots,
        on_durable: Callable[[Iterable[BlockId]], None],
    ) -> None:
        self._journal = journal
        self._checks = checks
        self._append_portions, self._check_portions = Portions(), Portions()
        self._clock = clock
        self._on_lost = on_lost
        self._on_refused = on_refused
        self._snapshots = snapshots
        self._on_durable = on_durable
        self._wanted = asyncio.Event()
        self._collecting = self._new_cycle()
        self._running: Cycle | None = None
        self.stalled = False  # the journal did not answer; the outcome of the cycle in flight is unknown
        self._stalled_since_s = 0.0
        self._stall_told: set[str] = set()  # which sqlstates
        self.commit_count = 0
        self.row_count = 0
        self.entry_count = 0

    def collect(self, blocks: Iterable[HostedBlock]) -> Cycle:
        """The cycle that will make these blocks' pending entries durable, or check the heads of those without any."""
        cycle = self._collecting
        for hosted in blocks:
            (cycle.appending if hosted.pending else cycle.checking).add(hosted)
        self._wanted.set()
        return cycle

    def has(self, hosted: HostedBlock) -> bool:
        """Whether somebody waits for a cycle with this block."""
        cycles = (self._collecting, self._running)
        return any(cycle is not None and cycle.has(hosted) for cycle in cycles)

    async def run(self) -> None:
        """Run cycles for ever; cancelling it leaves the cycle in flight unknown, like a crash."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            cycle, self._collecting = self._collecting, self._new_cycle()
            self._running = cycle
            await self._run_cycle(cycle)
            self._running = None

    def _new_cycle(self) -> Cycle:
        return Cycle(asyncio.get_running_loop().create_future())

    async def _run_cycle(self, cycle: Cycle) -> None:
        snapshots: list[tuple[HostedBlock, Snapshot]] = []
        rows = self._form_rows(cycle, snapshots)
        checking = sorted((hosted for hosted in cycle.checking - cycle.appending if not hosted.lost), key=_block_of)
        if rows and checking:
            await asyncio.gather(self._append(cycle, rows), self._check(cycle, checking))
        elif rows:
            await self._append(cycle, rows)
        elif checking:
            await self._check(cycle, checking)
        self._end_stall()
        for hosted, snapshot in snapshots:
            if hosted in cycle.positions:
                self._snapshots.put(snapshot)
        cycle.finish()

    def _form_rows(self, cycle: Cycle, snapshots: list[tuple[HostedBlock, Snapshot]]) -> dict[HostedBlock, NewRow]:
        now_ms = self._clock.sure_ms()
        rows = {}
        for hosted in sorted(cycle.appending, key=_block_of):
            if hosted.lost:
                continue
            try:
                rows[hosted] = hosted.next_row(now_ms)
                if _is_snapshot_due(hosted) and self._snapshots.has_room(of for _, of in snapshots):
                    snapshots.append((hosted, hosted.snapshot()))
            except Exception as bug:  # noqa: BLE001  the block stops, its neighbours go on
                _log.error("no row or snapshot can be made: block quarantined", block=hosted.block, exc_info=bug)
                hosted.quarantined = repr(bug)
        self.entry_count += sum(new.row.entry_count for new in rows.values())
        return rows

    async def _append(self, cycle: Cycle, rows: dict[HostedBlock, NewRow]) -> None:
        """Send the rows until their fate is known; the identical rows, so that sending twice does no harm."""

        def judge(blocks: Sequence[HostedBlock], appended: Appended) -> None:
            self.commit_count += 1
            self.row_count += len(appended.durable)
            self._on_durable(appended.durable)
            for hosted in blocks:
                self._conclude(cycle, hosted, holds=hosted.block in appended.durable)

        question = _Question(
            lambda blocks: self._journal.append([rows[hosted] for hosted in blocks]),
            judge,
            self._append_portions,
            lambda hosted: len(rows[hosted].row.entries),
        )
        await self._settle(list(rows), question)

    async def _check(self, cycle: Cycle, checking: list[HostedBlock]) -> None:
        """A block whose head is not ours is lost. Cycles do not overlap: no other row of these blocks is on its way."""

        def judge(blocks: Sequence[HostedBlock], found: Heads) -> None:
            for hosted in blocks:
                self._conclude(cycle, hosted, holds=hosted.ends_at(found.heads.get(hosted.block)))

        question = _Question(
            lambda blocks: self._checks.heads(_ids_of(blocks)),
            judge,
            self._check_portions,
            lambda hosted: len(hosted.block),
        )
        await self._settle(checking, question)

    def _conclude(self, cycle: Cycle, hosted: HostedBlock, *, holds: bool) -> None:
        if holds:
            cycle.positions[hosted] = hosted.position
        else:  # another shard has the block
            _drop(hosted)
            self._on_lost(hosted)

    async def _settle(self, blocks: Sequence[HostedBlock], question: _Question[T]) -> None:
        """Ask about the blocks, a portion at a time, and judge each answer; if one is refused, block by block.

        Who is to blame is dropped; the fate of its row is open: it may have been appended when it was sent before.
        """
        while blocks:
            try:
                asked, answer = await self._until_answered(question, blocks)
            except JournalRefused:
                asked = question.portions.first_of(blocks, question.size_of)
                for hosted in asked:
                    await self._settle_alone(hosted, question)
            else:
                question.judge(asked, answer)
            blocks = blocks[len(asked) :]

    async def _settle_alone(self, hosted: HostedBlock, question: _Question[T]) -> None:
        try:
            question.judge(*await self._until_answered(question, [hosted]))
        except JournalRefused as refusal:
            _drop(hosted)
            self._on_refused(hosted, refusal)

    async def _until_answered(
        self, question: _Question[T], blocks: Sequence[HostedBlock]
    ) -> tuple[Sequence[HostedBlock], T]:
        """Of the blocks those that were asked about, the first portion, and what the journal says about them.

        Raises JournalRefused: about these, and not about everything.
        """
        pause_s = RETRY_FIRST_S
        portions = question.portions
        while True:
            asked = portions.first_of(blocks, question.size_of)
            asked_s = self._clock.monotonic()
            try:
                answer = await question.ask(asked)
            except JournalUnavailable as fault:
                if isinstance(fault, JournalRefused) and await _is_answered(question.ask):
                    raise
                if isinstance(fault, JournalLate):
                    portions.given_up(len(asked))
                self._stall(fault)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, RETRY_MAX_S)
            else:
                portions.answered(len(asked), self._clock.monotonic() - asked_s)
                self._clock.observe(answer.now_ms, asked_s)
                return asked, answer

    def _stall(self, fault: JournalUnavailable) -> None:
        """Say what is wrong when it begins, and whenever it is of another kind; `Line` goes on saying it."""
        if not self.stalled:
            self.stalled = True
            self._stalled_since_s = self._clock.monotonic()
            self._stall_told.clear()
        if fault.sqlstate not in self._stall_told:
            self._stall_told.add(fault.sqlstate)
            say = _log.error if isinstance(fault, JournalRefused) else _log.warning
            say("the journal does not answer", fault=str(fault), sqlstate=fault.sqlstate)

    def _end_stall(self) -> None:
        if self.stalled:
            self.stalled = False
            stalled_s = round(self._clock.monotonic() - self._stalled_since_s, 1)
            _log.warning("the journal answers again", stalled_s=stalled_s)


async def _is_answered(ask: "_Ask[T]") -> bool:
    """Whether the journal takes this statement at all."""
    try:
        await ask([])
    except JournalUnavailable:
        return False
    return True


def _drop(hosted: HostedBlock) -> None:
    """Nothing of what is held here counts any more."""
    hosted.lost = True
    hosted.pending.clear()


def _is_snapshot_due(hosted: HostedBlock) -> bool:
    return (
        hosted.unsnapshotted >= ENTRIES_PER_SNAPSHOT
        and hosted.unsnapshotted * VALUES_PER_ENTRY >= value_count(hosted.state)
        and not hosted.quarantined
    )


def _ids_of(blocks: Iterable[HostedBlock]) -> list[BlockId]:
    """Each once, in order."""
    return list(dict.fromkeys(map(_block_of, blocks)))


def _block_of(hosted: HostedBlock) -> BlockId:
    return hosted.block
