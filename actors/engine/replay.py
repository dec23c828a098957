"""Replay: a block's state from its journal, by the newest snapshot or from the first row, in slices.

Where a row cannot be applied, and a row behind it says what is struck, all is replayed from the first row without that.

Between slices of a few milliseconds the event loop goes on: the shard answers pings and serves its other blocks,
however large the one is that comes in.
"""

import asyncio
from collections.abc import Generator
from typing import TypeVar

from actors.core.ids import BlockId
from actors.core.snapshot import FORMAT, restoring
from actors.core.state import BlockState
from actors.engine.hosted import HostedBlock
from actors.journal.in_turn import rows_in_turn
from actors.journal.journal import GENESIS, JournalRow, ReadableJournal, Snapshot
from actors.journal.striking import fold_row, struck_behind
from actors.journal.succession import JournalDamaged, entries_of_next

T = TypeVar("T")


class RowUnfit(JournalDamaged):
    """A row that is sound in itself cannot be applied to the state before it: one of the two is wrong."""


def before_first_row(block: BlockId) -> HostedBlock:
    """The block as it begins; not claimed."""
    return HostedBlock(block, BlockState(), 0, GENESIS, claimed=False)


async def at_newest_snapshot(journal: ReadableJournal, block: BlockId, position: int) -> HostedBlock | None:
    """The block as of the newest snapshot at or below a position that the journal vouches for; not claimed.

    Raises SnapshotDamaged (the rows are all there), JournalUnavailable.
    """
    snapshot = await journal.newest_snapshot(block, FORMAT, position)
    return None if snapshot is None else await at_snapshot(snapshot)


async def at_snapshot(snapshot: Snapshot) -> HostedBlock:
    """The block as of a snapshot that the journal vouches for; not claimed. Raises SnapshotDamaged."""
    state = await in_slices(restoring(snapshot.state))
    return HostedBlock(snapshot.block, state, snapshot.position, snapshot.chain, claimed=False)


async def replay(journal: ReadableJournal, hosted: HostedBlock, to_position: int | None = None) -> JournalRow | None:
    """Apply the rows behind what is hosted, up to a position, or all there are; the last that was applied, if any.

    Raises JournalUnavailable; JournalDamaged, of which RowUnfit: what is hosted is of no use any more.
    """
    try:
        return await _replay(journal, hosted, to_position)
    except RowUnfit:
        struck = await struck_behind(journal, hosted.block, hosted.position)
        if struck <= hosted.struck:
            raise
    hosted.begin_anew(struck)
    return await _replay(journal, hosted, to_position)


async def _replay(journal: ReadableJournal, hosted: HostedBlock, to_position: int | None) -> JournalRow | None:
    last = None
    async for row in rows_in_turn(journal, hosted.block, hosted.position, to_position):
        apply_row(hosted, row)
        last = row
    if to_position is not None and hosted.position < to_position:
        raise JournalDamaged(f"the journal ends at row {hosted.position}, before row {to_position}")
    return last


def apply_row(hosted: HostedBlock, row: JournalRow) -> None:
    """Apply a row that must extend what is hosted. Raises JournalDamaged, of which RowUnfit."""
    entries = entries_of_next(row, hosted.position, hosted.chain)
    try:
        fold_row(hosted.state, row, entries, hosted.struck)
    except Exception as fault:
        raise RowUnfit(f"row {row.position} cannot be applied: {fault!r}") from fault
    hosted.position, hosted.chain = row.position, row.chain
    hosted.unsnapshotted += len(entries)


async def in_slices(steps: Generator[None, None, T]) -> T:
    """What the steps return in the end; between them, others go on."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            returned: T = done.value
            return returned
        await asyncio.sleep(0)
