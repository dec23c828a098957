"""Activation: how a shard comes to host a block.

Load: the newest valid snapshot and the rows behind it, contiguous and chained to the head. That is enough to answer
reads. Claim: append `Activated` behind the head by compare-and-append, on a line of its own; from then on the block is
ours until another shard's row fences us. A claim is refused where the head bears a higher epoch.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from actors.core import block as core
from actors.core.entries import Activated
from actors.core.ids import BlockId
from actors.core.snapshot import FORMAT, SnapshotDamaged, restore
from actors.core.state import BlockState
from actors.engine.clock import JournalClock
from actors.engine.hosted import HostedBlock
from actors.journal.codec import decode_entries, encode_entries
from actors.journal.journal import GENESIS, Head, Journal, JournalRow, JournalUnavailable, NewRow, chain_of

_log = structlog.get_logger(__name__)

ROWS_PER_SLICE = 500
ENTRIES_PER_SLICE = 1_000  # a few milliseconds
RETRY_S = 0.1


class Superseded(Exception):
    """A newer incarnation, build or cluster has written to the block."""


class JournalDamaged(Exception):
    """The rows of a block are not contiguous, not chained, or do not replay: it must not be served."""


Outage = tuple[int, int]  # since when and until when the former owner was provably down, in ms
FindOutage = Callable[[int], Awaitable[Outage | None]]  # by the packed epoch of the former owner


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

    async def load(self, block: BlockId) -> HostedBlock:
        """The block as of its head, to read from. Raises JournalUnavailable, JournalDamaged."""
        head = await self._head(block)
        return await self._replay(block, head, claimed=False)

    async def claim(self, block: BlockId) -> HostedBlock:
        """The block, ours to write. Raises Superseded, JournalUnavailable (nothing sent), JournalDamaged."""
        contested = False
        while True:
            head = await self._head(block)
            if head is not None and head.epoch > self._epoch:
                raise Superseded(block)
            # Where another has just written, nobody was down.
            outage = await self._find_outage(head.epoch) if head is not None and not contested else None
            row = self._activation_row(block, head, outage)
            prev_chain = GENESIS if head is None else head.chain
            if await self._append(NewRow(row, prev_chain)):
                return await self._replay(block, Head(row.position, row.epoch, row.chain), claimed=True)
            contested = True

    def _activation_row(self, block: BlockId, head: Head | None, outage: Outage | None) -> JournalRow:
        now_ms = self._clock.now_ms()
        down_from_ms, down_until_ms = outage or (0, 0)
        entries = encode_entries([Activated(now_ms, self._shard, self._nonce(), down_from_ms, down_until_ms)])
        position, prev_chain = (1, GENESIS) if head is None else (head.position + 1, head.chain)
        chain = chain_of(prev_chain, block, position, self._epoch, now_ms, entries)
        return JournalRow(block, position, self._epoch, now_ms, 1, entries, chain)

    async def _append(self, new_row: NewRow) -> bool:
        while True:
            try:
                appended = await self._journal.append([new_row])
            except JournalUnavailable:
                await asyncio.sleep(RETRY_S)  # the outcome is unknown: send the identical row again
            else:
                return new_row.row.block in appended.durable

    async def _head(self, block: BlockId) -> Head | None:
        asked_s = self._clock.monotonic()
        found = await self._journal.heads([block])
        self._clock.observe(found.now_ms, asked_s)
        return found.heads.get(block)

    async def _replay(self, block: BlockId, head: Head | None, *, claimed: bool) -> HostedBlock:
        if head is None:
            return HostedBlock(block, BlockState(), 0, GENESIS, claimed=claimed)
        hosted = await self._from_snapshot(block, head, claimed=claimed)
        while hosted.position < head.position:
            limit = min(ROWS_PER_SLICE, head.position - hosted.position)
            rows = await self._journal.rows(block, hosted.position, limit)
            if len(rows) < limit:
                raise JournalDamaged(f"block {block} ends at {hosted.position}, before {head.position}")
            applied = 0
            for row in rows:
                replay_row(hosted, row)
                applied += row.entry_count
                if applied >= ENTRIES_PER_SLICE:
                    applied = 0
                    await asyncio.sleep(0)  # let the blocks that are selling go on
        if hosted.chain != head.chain:
            raise JournalDamaged(f"block {block} was written by another shard while it was replayed")
        return hosted

    async def _from_snapshot(self, block: BlockId, head: Head, *, claimed: bool) -> HostedBlock:
        """Where replay begins: the newest valid snapshot, or nothing where there is none that can be read."""
        snapshot = await self._journal.newest_snapshot(block, FORMAT, head.position)
        if snapshot is not None:
            try:
                state = restore(snapshot.state)
            except SnapshotDamaged as damage:  # the rows are all there
                _log.error("snapshot cannot be read", block=block, position=snapshot.position, exc_info=damage)
            else:
                return HostedBlock(block, state, snapshot.position, snapshot.chain, claimed=claimed)
        return HostedBlock(block, BlockState(), 0, GENESIS, claimed=claimed)


def replay_row(hosted: HostedBlock, row: JournalRow) -> None:
    """Apply a row that must extend what is hosted. Raises JournalDamaged."""
    chain = chain_of(hosted.chain, row.block, row.position, row.epoch, row.recorded_at_ms, row.entries)
    if row.position != hosted.position + 1 or chain != row.chain:
        raise JournalDamaged(f"row {row.position} of block {row.block} does not extend row {hosted.position}")
    entries = decode_entries(row.entries)
    for entry in entries:
        core.apply(hosted.state, entry)
    hosted.position, hosted.chain = row.position, row.chain
    hosted.unsnapshotted += len(entries)
