"""`holdfast replay`: a block's state from its journal alone, twice over, straight from Postgres and offline.

Once from the first row, once from the newest snapshot and the rows behind it: both must come to the same, to the bit.
A block without a snapshot is replayed once, and that is said.
"""

import asyncio
from collections.abc import Sequence

import msgspec
from rich.console import Console

from actors.archive.archive_file import ArchiveFile
from actors.archive.journal_with_archives import with_archives
from actors.core.ids import BlockId, event_id
from actors.core.snapshot import SnapshotDamaged, digest, ledger_digest
from actors.core.state import BlockState
from actors.engine.replay import at_newest_snapshot, before_first_row, replay
from actors.journal.journal import JournalUnavailable, ReadableJournal
from actors.journal.succession import JournalDamaged

SAME, DIFFERENT = 0, 1


class NotReplayable(Exception):
    """The journal has no such position, cannot be read, or does not replay."""


class Digests(msgspec.Struct, frozen=True):
    """Of one state, in hexadecimal (see `actors.core.snapshot`)."""

    digest: str
    ledger_digest: str


class Replayed(msgspec.Struct, frozen=True):
    """What replays up to a position came to. `snapshot_position`: where the second began; None if there was none."""

    event_id: str
    position: int
    entries: int
    from_first_row: Digests
    snapshot_position: int | None
    from_snapshot: Digests | None

    @property
    def same(self) -> bool:
        """Whether all replays came to the same state."""
        return self.from_snapshot in (None, self.from_first_row)


def run_replay(
    database_url: str,
    block: BlockId,
    position: int | None,
    archives: Sequence[ArchiveFile],
    console: Console,
    errors: Console,
) -> int:
    """Print what a block's journal replays to, as of a position or of its end. 1: snapshot and rows differ, else 0.

    `archives`: where rows are that are not in the journal any more.
    """
    try:
        replayed = asyncio.run(_replay_from_postgres(database_url, block, position, archives))
    except NotReplayable as fault:
        errors.print(f"replay: {fault}", markup=False)
        return DIFFERENT
    console.print(msgspec.json.format(msgspec.json.encode(replayed)).decode(), markup=False)
    if replayed.from_snapshot is None:
        errors.print(f"replay: no snapshot at or below row {replayed.position}: the rows alone", markup=False)
    if not replayed.same:
        errors.print("replay: the snapshot leads to another state than the rows", markup=False)
        return DIFFERENT
    return SAME


async def replay_twice(journal: ReadableJournal, block: BlockId, position: int | None) -> Replayed:
    """Replay from the first row, and from the newest snapshot at or below the position if any. Raises NotReplayable."""
    began_at = "the first row"
    try:
        last_position = await _last_position(journal, block)
        if position is None:
            position = last_position
        if position > last_position:
            raise NotReplayable(f"the journal ends at row {last_position}")
        whole = before_first_row(block)
        await replay(journal, whole, position)
        entries, from_rows = whole.state.entries_applied, _digests(whole.state)
        began_at = "the newest snapshot"
        hosted = await at_newest_snapshot(journal, block, position)
        if hosted is None:
            return Replayed(event_id(block), position, entries, from_rows, None, None)
        snapshot_position = hosted.position
        began_at = f"the snapshot of row {snapshot_position}"
        await replay(journal, hosted, position)
    except (JournalUnavailable, JournalDamaged, SnapshotDamaged) as fault:
        raise NotReplayable(f"from {began_at}: {type(fault).__name__}: {fault}") from fault
    return Replayed(event_id(block), position, entries, from_rows, snapshot_position, _digests(hosted.state))


async def _replay_from_postgres(
    database_url: str, block: BlockId, position: int | None, archives: Sequence[ArchiveFile]
) -> Replayed:
    journal = with_archives(database_url, "holdfast replay", archives)
    try:
        return await replay_twice(journal, block, position)
    finally:
        await journal.close()


async def _last_position(journal: ReadableJournal, block: BlockId) -> int:
    head = (await journal.heads([block])).heads.get(block)
    if head is None:
        raise NotReplayable(f"the journal has no row of {event_id(block)}")
    return head.position


def _digests(state: BlockState) -> Digests:
    return Digests(digest(state).hex(), ledger_digest(state).hex())
