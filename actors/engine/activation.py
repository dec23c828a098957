"""Activation: how a shard comes to host a block.

Load: the newest valid snapshot and the rows behind it, contiguous and chained to the head. Claim: append `Activated`
behind exactly what was loaded by compare-and-append, not on the line of the commits; from then on the block is ours
until another shard's row fences us. So what does not replay is never appended to, and its owner, if one is healthy, not
fenced. A claim is refused where the row it would follow bears a higher epoch.

A row that was found may be on the primary alone, acknowledged to nobody. So what was loaded answers reads only when the
replicas are known to have it: by a claim, as its append waits for them, or by a statement of its own where it is not to
be claimed, or cannot be. From then on it answers them while a claim is on its way, too, unless the journal has gone on
since: claims follow it.

A snapshot that does not decode, or that the rows behind it do not fit, costs time only: the one before it and, in the
end, the first row are tried before the block is given up. Where Postgres cannot read it, the first row is next.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeAlias, TypeVar

import structlog

from actors.core.entries import Activated
from actors.core.ids import BlockId
from actors.core.snapshot import FORMAT, SnapshotDamaged
from actors.engine.catalogue_port import Assignment, CatalogueUnavailable
from actors.engine.clock import JournalClock
from actors.engine.hosted import HostedBlock
from actors.engine.replay import RowUnfit, apply_row, at_snapshot, before_first_row, replay
from actors.engine.striking import to_strike
from actors.journal.journal import Head, Journal, JournalRefused, JournalUnavailable, NewRow, Snapshot
from actors.journal.striking import Struck, struck_behind
from actors.journal.succession import JournalDamaged

_log = structlog.get_logger(__name__)

RETRY_S = 0.1
PATIENCE_S = 0.5
_NO_BLOCK = BlockId("")
_ANSWER_LOST = ("", "08")  # Postgres said nothing, or that of the connection: classes of SQLSTATE

T = TypeVar("T")


class Superseded(Exception):
    """A newer owner has written to the block: an incarnation, a build, a shard that it was moved to, or a cluster.

    `epoch`: under which it was to be claimed.
    """

    def __init__(self, block: BlockId, epoch: int) -> None:
        super().__init__(block)
        self.epoch = epoch


Load: TypeAlias = Callable[[BlockId], Awaitable[HostedBlock]]

Outage = tuple[int, int]  # since when and until when the former owner was provably down, in ms
FindOutage = Callable[[int, int, Assignment], Awaitable[Outage | None]]
"""By the epoch of the block's head, when that was written, in ms, and whose the block is now."""


class Activator:
    """Loads and claims blocks for one shard. `nonce` gives 8 fresh bytes a call."""

    def __init__(
        self,
        journal: Journal,
        shard: str,
        clock: JournalClock,
        nonce: Callable[[], bytes],
        find_outage: FindOutage,
    ) -> None:
        self._journal = journal
        self._shard = shard
        self._clock = clock
        self._nonce = nonce
        self._find_outage = find_outage

    async def load(self, block: BlockId) -> HostedBlock:
        """The block as of its head, to be claimed, or to read from when it is replicated.

        Raises JournalUnavailable, JournalDamaged; JournalRefused only where it is this block that is refused.
        """
        return await self._judged(lambda: self._load(block), to_write=False)

    async def load_without(self, block: BlockId, struck: Struck) -> HostedBlock:
        """As `load`, from the first row and without this, beside what has been struck."""
        return await self._judged(lambda: self._load_without(block, struck), to_write=False)

    async def to_strike(self, block: BlockId, given_up: Sequence[int]) -> Struck:
        """See `striking.to_strike`. Raises JournalRefused only where it is this block that is refused."""
        return await self._judged(lambda: to_strike(self._journal, block, given_up), to_write=False)

    async def claim(self, loaded: HostedBlock, epoch: int, assignment: Assignment) -> HostedBlock | None:
        """What was loaded, ours to write under this epoch, which is that of the assignment (`epoch_of_claim`).

        None if the journal does not go on from what was loaded, and it is to be loaded anew.

        Raises Superseded, what `find_outage` does, and what `load` does. The claim stands or not; the next one finds
        out. What was loaded can be read then, if it is replicated.
        """
        try:
            return await self._judged(lambda: self._claim(loaded, epoch, assignment), to_write=True)
        except (JournalUnavailable, CatalogueUnavailable, Superseded):
            with suppress(JournalUnavailable):  # else whoever reads it asks again
                await self.until_replicated(loaded)
            raise

    async def until_replicated(self, loaded: HostedBlock) -> None:
        """See that no failover to a synchronous replica loses what was loaded; then it is `replicated`.

        Raises JournalUnavailable, also where it is lost already; JournalRefused only where it is this block that is
        refused.
        """
        if not loaded.replicated and not loaded.lost:
            await self._judged(lambda: self._until_replicated(loaded), to_write=False)

    async def _judged(self, activate: Callable[[], Awaitable[T]], *, to_write: bool) -> T:
        """JournalRefused only where this block is refused twice, and in between what is asked about no block is not.

        Once is not enough: the journal may have been mended between a refusal and that question.
        """
        try:
            return await activate()
        except JournalRefused as refusal:
            await self._ask_about_nothing(refusal, to_write=to_write)
        try:
            return await activate()
        except JournalRefused as refusal:
            await self._ask_about_nothing(refusal, to_write=to_write)
            raise

    async def _ask_about_nothing(self, refusal: JournalRefused, *, to_write: bool) -> None:
        """What a load or a claim asks, without a block (see `GroupCommit`); it finds no row and reads no page of them.

        Raises JournalUnavailable: the journal is away, as good as that.
        """
        try:
            await self._journal.heads([])
            await self._journal.rows(_NO_BLOCK, 0, 0)
            await self._journal.until_replicated(_NO_BLOCK, 0, b"")
            if to_write:
                await self._journal.append([])
        except JournalUnavailable:
            raise JournalUnavailable(str(refusal), refusal.sqlstate) from refusal

    async def _claim(self, loaded: HostedBlock, epoch: int, assignment: Assignment) -> HostedBlock | None:
        head = await self._head(loaded.block)
        if head is not None:
            self._refuse_newer(loaded.block, head.epoch, epoch)
        if loaded.lost:
            return None
        hosted, outage = loaded.handed_over(), None
        hosted.epoch = epoch
        if not hosted.ends_at(head):
            if not await self._has_followed(loaded, hosted):
                return None
        elif head is not None:
            outage = await self._find_outage(head.epoch, hosted.state.last_at_ms, assignment)
        new = self._activation_row(hosted, outage)
        while not await self._append(new):
            if not await self._has_followed(loaded, hosted):
                return None
            new = self._activation_row(hosted, None)
        apply_row(hosted, new.row)
        hosted.claimed = True
        return hosted

    async def _until_replicated(self, loaded: HostedBlock) -> None:
        block, position = loaded.block, loaded.position
        if position and not await self._journal.until_replicated(block, position, loaded.chain):
            loaded.lost = True
            raise JournalUnavailable(f"row {position} was there, and a failover has lost it: load the block anew")
        loaded.replicated = True

    async def _has_followed(self, loaded: HostedBlock, hosted: HostedBlock) -> bool:
        """As `_follow`; False: a failover may have lost what was loaded, so the block is to be loaded anew."""
        try:
            await self._follow(loaded, hosted)
        except JournalDamaged as damage:
            _log.warning("what was loaded is of no use", block=loaded.block, position=loaded.position, why=str(damage))
            return False
        return True

    async def _follow(self, loaded: HostedBlock, hosted: HostedBlock) -> None:
        """Apply what the journal has behind what is hosted, to the state of what was loaded: nobody reads that now.

        Raises Superseded; JournalDamaged also where there is nothing, as nothing can follow then.
        """
        loaded.lost = True
        last = await replay(self._journal, hosted)
        if last is None:
            raise JournalDamaged(f"nothing stands behind row {hosted.position}, and nothing may follow it")
        self._refuse_newer(hosted.block, last.epoch, hosted.epoch)

    def _refuse_newer(self, block: BlockId, epoch: int, our_epoch: int) -> None:
        if epoch > our_epoch:
            raise Superseded(block, our_epoch)

    async def _load(self, block: BlockId) -> HostedBlock:
        ends = []
        for _ in range(2):  # a failover may lose the last rows between the two looks
            head = await self._head(block)
            if head is None:
                return before_first_row(block)
            hosted = await self._replayed(block, head.position)
            if hosted.position >= head.position:
                hosted.epoch = head.epoch
                return hosted
            ends.append(f"the journal ends at row {hosted.position}, and row {head.position} was there")
        raise JournalDamaged(ends[-1])

    async def _load_without(self, block: BlockId, struck: Struck) -> HostedBlock:
        hosted = before_first_row(block)
        hosted.struck = struck | await struck_behind(self._journal, block, 0)
        last = await replay(self._journal, hosted)
        hosted.epoch = 0 if last is None else last.epoch
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

    def _activation_row(self, hosted: HostedBlock, outage: Outage | None) -> NewRow:
        now_ms = self._clock.sure_ms()
        down_from_ms, down_until_ms = outage or (0, 0)
        activated = Activated(now_ms, self._shard, self._nonce(), down_from_ms, down_until_ms)
        return hosted.row_behind((activated,), hosted.epoch, now_ms)

    async def _append(self, new: NewRow) -> bool:
        """Whether the row stands. Raises JournalUnavailable: perhaps; others are to have the place meanwhile.

        Where the answer was lost on the way, the identical row is sent again for a moment.
        """
        until_s = self._clock.monotonic() + PATIENCE_S
        while True:
            try:
                appended = await self._journal.append([new])
            except JournalUnavailable as fault:
                if fault.sqlstate[:2] not in _ANSWER_LOST or self._clock.monotonic() >= until_s:
                    raise
                await asyncio.sleep(RETRY_S)
            else:
                return new.row.block in appended.durable

    async def _head(self, block: BlockId) -> Head | None:
        asked_s = self._clock.monotonic()
        found = await self._journal.heads([block])
        self._clock.observe(found.now_ms, asked_s)
        return found.heads.get(block)
