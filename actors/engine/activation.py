"""Activation: how a shard comes to host a block.

Load: the newest valid snapshot and the rows behind it, contiguous and chained to the head. That is enough to answer
reads. Claim: load, then append `Activated` behind exactly that head by compare-and-append, on a line of its own; from
then on the block is ours until another shard's row fences us. So what does not replay is never appended to, and its
owner, if one is healthy, not fenced. A claim is refused where the head bears a higher epoch. It begins with what was
loaded for reading a moment before, if the journal goes on from there.

A snapshot that does not decode, or that the rows behind it do not fit, costs time only: the one before it and, in the
end, the first row are tried before the block is given up. Where Postgres cannot read it, the first row is next.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from actors.core.entries import Activated
from actors.core.ids import BlockId
from actors.core.snapshot import FORMAT, SnapshotDamaged
from actors.engine.clock import JournalClock
from actors.engine.hosted import HostedBlock
from actors.engine.replay import RowUnfit, apply_row, at_snapshot, before_first_row, replay
from actors.journal.journal import GENESIS, Head, Journal, JournalRefused, JournalUnavailable, NewRow, Snapshot
from actors.journal.succession import JournalDamaged

_log = structlog.get_logger(__name__)

RETRY_S = 0.1
_NO_BLOCK = BlockId("")


class Superseded(Exception):
    """A newer incarnation, build or cluster has written to the block."""


Outage = tuple[int, int]  # since when and until when the former owner was provably down, in ms
FindOutage = Callable[[int, int], Awaitable[Outage | None]]
"""By the packed epoch of the former owner, and when it last wrote to the block, in ms."""


class Activator:
    """Loads and claims blocks for one shard incarnation. `nonce` gives 8 fresh bytes a call."""

    def __init__(
        self,
        journal: Journal,
        shard: str,
        epoch: int,
        clock: JournalClock,
        nonce: Callable[[], bytes],
        find_outage: FindOutage,
    ) -> None:
        self._journal = journal
        self._shard = shard
        self._epoch = epoch
        self._clock = clock
        self._nonce = nonce
        self._find_outage = find_outage
        self._stalled_count = 0
        self._refused = False  # the journal refuses everybody, and one waits until it does not

    @property
    def stalled(self) -> bool:
        """The journal takes no claims now, or does not let itself be read; tried again until it does."""
        return self._refused or self._stalled_count > 0

    async def load(self, block: BlockId) -> HostedBlock:
        """The block as of its head, to read from.

        Raises JournalUnavailable, JournalDamaged; JournalRefused only where it is this block that is refused.
        """
        try:
            return await self._load(block, await self._head(block))
        except JournalRefused as refusal:
            raise await self._judged(refusal, to_write=False) from refusal

    async def claim(self, block: BlockId, loaded: HostedBlock | None) -> HostedBlock:
        """The block, ours to write; nothing may be decided on what was `loaded` from now on.

        Raises Superseded, and what `load` does. The claim stands or not; the next one finds out.
        """
        try:
            return await self._claim(block, loaded)
        except JournalRefused as refusal:
            raise await self._judged(refusal, to_write=True) from refusal

    async def _judged(self, refusal: JournalRefused, *, to_write: bool) -> JournalUnavailable:
        """The refusal if it is the block's; else the journal is away, as good as that.

        Then one waits until it is back, so that it is known when; the others leave their places to whom it answers.
        """
        if await self._answers(to_write=to_write):
            return refusal
        if not self._refused:
            self._refused, answered = True, False
            try:
                while not answered:
                    await asyncio.sleep(RETRY_S)
                    answered = await self._answers(to_write=to_write)
            finally:
                self._refused = False
        return JournalUnavailable(str(refusal), refusal.sqlstate)

    async def _answers(self, *, to_write: bool) -> bool:
        """Whether the journal answers what a load or a claim asks if it is asked about no block (see `GroupCommit`)."""
        try:
            await self._journal.heads([])
            await self._journal.rows(_NO_BLOCK, 0, 1)
            if to_write:
                await self._journal.append([])
        except JournalUnavailable:
            return False
        return True

    async def _claim(self, block: BlockId, loaded: HostedBlock | None) -> HostedBlock:
        head = await self._head(block)
        if head is not None:
            self._refuse_newer(block, head.epoch)
        hosted = await self._followed(loaded, head) if loaded is not None else None
        hosted = hosted or await self._load(block, head)
        outage = None
        if hosted.position != (head.position if head else 0):  # another writes meanwhile: it may be a newer one
            now = await self._head(block)
            self._refuse_newer(block, now.epoch if now else 0)
        elif head is not None:
            outage = await self._find_outage(head.epoch, hosted.state.last_at_ms)
        new = self._activation_row(hosted, outage)
        while not await self._append(new):
            last = await replay(self._journal, hosted)
            if last is None:
                raise JournalDamaged(f"nothing stands behind row {hosted.position}, and nothing may follow it")
            self._refuse_newer(block, last.epoch)
            new = self._activation_row(hosted, None)
        apply_row(hosted, new.row)
        hosted.claimed = True
        return hosted

    def _refuse_newer(self, block: BlockId, epoch: int) -> None:
        if epoch > self._epoch:
            raise Superseded(block)

    async def _load(self, block: BlockId, head: Head | None) -> HostedBlock:
        """The block as of this head, or of a later one."""
        if head is None:
            return before_first_row(block)
        hosted = await self._replayed(block, head.position)
        if hosted.position < head.position:
            raise JournalDamaged(f"the journal ends at row {hosted.position}, and row {head.position} was there")
        return hosted

    async def _replayed(self, block: BlockId, position: int) -> HostedBlock:
        """From the newest snapshot at or below a position that the rows behind it fit, or from the first row."""
        while (snapshot := await self._newest_snapshot(block, position)) is not None:
            try:
                hosted = await at_snapshot(snapshot)
                await replay(self._journal, hosted)
            except (SnapshotDamaged, RowUnfit) as fault:
                _log.error("snapshot is of no use", block=block, position=snapshot.position, exc_info=fault)
                position = snapshot.position - 1
            else:
                return hosted
        hosted = before_first_row(block)
        await replay(self._journal, hosted)
        return hosted

    async def _newest_snapshot(self, block: BlockId, position: int) -> Snapshot | None:
        try:
            return await self._journal.newest_snapshot(block, FORMAT, position)
        except JournalRefused as refusal:
            _log.error("snapshot cannot be read", block=block, position=position, exc_info=refusal)
            return None

    async def _followed(self, loaded: HostedBlock, head: Head | None) -> HostedBlock | None:
        """What was loaded, and the rows behind it; None if the journal does not go on from there."""
        hosted = loaded.handed_over()
        try:
            last = await replay(self._journal, hosted)
        except JournalDamaged as damage:
            _log.warning("what was loaded is of no use", block=loaded.block, position=loaded.position, why=str(damage))
            return None
        ends = (head.position, head.chain) if head else (0, GENESIS)
        return hosted if last is not None or ends == (hosted.position, hosted.chain) else None

    def _activation_row(self, hosted: HostedBlock, outage: Outage | None) -> NewRow:
        now_ms = self._clock.now_ms()
        down_from_ms, down_until_ms = outage or (0, 0)
        activated = Activated(now_ms, self._shard, self._nonce(), down_from_ms, down_until_ms)
        return hosted.row_behind((activated,), self._epoch, now_ms)

    async def _append(self, new: NewRow) -> bool:
        """Whether the row stands. Raises JournalRefused: perhaps it does, but nobody can go on from it now."""
        stalled = False
        try:
            while True:
                try:
                    appended = await self._journal.append([new])
                except JournalRefused:
                    raise
                except JournalUnavailable:
                    self._stalled_count += not stalled
                    stalled = True
                    await asyncio.sleep(RETRY_S)  # the outcome is unknown: send the identical row again
                else:
                    return new.row.block in appended.durable
        finally:
            self._stalled_count -= stalled

    async def _head(self, block: BlockId) -> Head | None:
        asked_s = self._clock.monotonic()
        found = await self._journal.heads([block])
        self._clock.observe(found.now_ms, asked_s)
        return found.heads.get(block)
