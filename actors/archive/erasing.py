"""An event erased: its archive deleted, and whatever else tells who had what of it.

What stays says that there was such an event, and that its history was this one: name, layout, what was sold in numbers,
and for each block the last row that was archived, whose chain proves any copy of the file. Not its desks': baskets and
their orders are theirs, and stay as long as they do.

All in one transaction, then the file; who is stopped in between deletes the file the next time. A claim is appended
behind each last row, as if the block were moved and moved back: no shard answers any more from what it has in memory,
and the one whose it is loads it anew, from the snapshot that stands there and knows the event and nobody.
"""

import secrets
from pathlib import Path

import msgspec

from actors.archive.archive_file import SUFFIX, ArchivedBlock, ArchiveFile, sync_folder
from actors.archive.putting_away import Fold, folded, why_unsettled
from actors.core import block as core
from actors.core.entries import Activated
from actors.core.ids import BlockId, event_id
from actors.core.snapshot import FORMAT, bared, freeze
from actors.core.state import BlockState
from actors.database.connect import Connection
from actors.database.queries import load_queries
from actors.journal.codec import encode_entries
from actors.journal.journal import MAX_MOVES, JournalRow, chain_of

_SQL = load_queries(Path(__file__).parent / "archive.sql")
ERASER = "retention"
"""Who claims a block that is erased, by its last row."""


class NotErased(Exception):
    """The event stays as it is; the text says why."""


async def erasable_before(connection: Connection, before_ms: int) -> list[BlockId]:
    """The events that are put away and that nobody has written to since. Raises `FAULTS`."""
    return [BlockId(row[0]) for row in await connection.fetch(_SQL["erasable"], before_ms)]


async def left_of_erased(connection: Connection, folder: Path) -> list[Path]:
    """The files in the folder whose events are erased: whoever did that was stopped. Raises `FAULTS`, OSError."""
    found = await connection.fetch(_SQL["archives_of_erased"], _files_in(folder, SUFFIX))
    return [folder / row["archive"] for row in found]


def unfinished_in(folder: Path) -> list[Path]:
    """What a writer that was killed has left: files that are no archives, of people all the same. Raises OSError."""
    return [folder / name for name in _files_in(folder, f"{SUFFIX}.unfinished")]


async def archive_to_erase(connection: Connection, home: BlockId, folder: Path, before_ms: int) -> ArchiveFile:
    """The file in the folder that has all of the event. Changes nothing.

    Raises NotErased, ArchiveDamaged, OSError, and `FAULTS`.
    """
    behind = await connection.fetchval(_SQL["desk_behind"], home, before_ms)
    if behind is not None:
        who = event_id(BlockId(behind))
        raise NotErased(f"{event_id(home)}: the desk {who} is behind, perhaps with a basket of it: see holdfast doctor")
    rows = await connection.fetch(_SQL["blocks_of_event"], home)
    await _check_settled(connection, [row["block_id"] for row in rows])
    name = next((row["archive"] for row in rows if row["block_id"] == home), None)
    if name is None:
        raise NotErased(f"{event_id(home)}: it is not put away")
    path = folder / name
    if not path.exists():
        raise NotErased(f"{event_id(home)}: its archive {name} is not in {folder}: give the folder that has it")
    archive = ArchiveFile(path)
    there = {end.block: (end.position, end.chain) for end in archive.header.blocks}
    if there != {row["block_id"]: (row["position"], row["chain"]) for row in rows}:
        raise NotErased(f"{event_id(home)}: {path} is not the archive that it was put into, or not of all of it")
    return archive


async def erase(connection: Connection, home: BlockId, folder: Path, before_ms: int) -> Path:
    """Erase the event if nobody has written to it since `before_ms`, and delete its archive, which is returned.

    Raises NotErased, ArchiveDamaged, NotPutAway (it does not replay), OSError, and `FAULTS`.
    """
    archive = await archive_to_erase(connection, home, folder, before_ms)
    folds = folded(archive)
    async with connection.transaction():
        await _check_settled(connection, [end.block for end in archive.header.blocks])
        for end in archive.header.blocks:
            await connection.execute(_SQL["take_turn"], end.block)
            await _erase_block(connection, end, folds.pop(end.block), before_ms)
        await connection.execute(_SQL["mark_erased"], home)
        await forget_findings(connection, home)
    delete(archive.path)
    return archive.path


async def forget_findings(connection: Connection, home: BlockId | None = None) -> None:
    """Forget what was found wrong in this event, or in all that are erased, by words that may name who had what.

    Raises `FAULTS`.
    """
    for forgotten in ("forget_alarms", "forget_why"):
        await connection.execute(_SQL[forgotten], home)


async def _check_settled(connection: Connection, blocks: list[BlockId]) -> None:
    if (why := await why_unsettled(connection, blocks)) is not None:
        raise NotErased(why)


def _files_in(folder: Path, suffix: str) -> list[str]:
    return sorted(path.name for path in folder.glob(f"*{suffix}"))


def delete(path: Path) -> None:
    """The file is gone, on disk too. Raises OSError."""
    path.unlink()
    sync_folder(path.parent)


async def _erase_block(connection: Connection, end: ArchivedBlock, fold: Fold, before_ms: int) -> None:
    last = JournalRow(*await connection.fetchrow(_SQL["last_row"], end.block))
    if (last.position, last.chain) != (end.position, end.chain):
        raise NotErased(
            f"{event_id(end.block)}: it was written to behind its archive: holdfast archive put puts that away as well"
        )
    if last.recorded_at_ms >= before_ms:
        raise NotErased(f"{event_id(end.block)}: it was written to too lately")
    bare = bared(fold.state)
    epoch = await _moved(connection, last)
    row = await _closing_row(connection, last, epoch, bare)
    await connection.execute(_SQL["close_history"], *msgspec.structs.astuple(row))
    state = freeze(bare)
    await connection.execute(_SQL["save_snapshot"], row.block, row.position, row.chain, FORMAT, state)
    await connection.execute(_SQL["note_snapshot"], row.block, state)
    await connection.execute(_SQL["drop_other_snapshots"], row.block, row.position, FORMAT)
    await connection.execute(_SQL["move_positions"], row.block, row.position, row.chain)
    for moved in ("move_availability", "move_listing"):
        await connection.execute(_SQL[moved], row.block, row.position)
    for dropped in ("drop_orders", "drop_holds"):
        await connection.execute(_SQL[dropped], row.block)


async def _moved(connection: Connection, last: JournalRow) -> int:
    """An epoch above that of the last row and below that of whoever is to have the block, which the catalogue knows."""
    epoch = int(await connection.fetchval(_SQL["epoch_of_move"], last.block, last.epoch))
    if not epoch >> 28 & MAX_MOVES:
        raise NotErased(f"{event_id(last.block)}: it was moved too often in the life of its cluster")
    await connection.execute(_SQL["assign_anew"], last.block, epoch)
    return epoch


async def _closing_row(connection: Connection, last: JournalRow, epoch: int, bare: BlockState) -> JournalRow:
    """The claim, applied to the state."""
    now_ms = max(await connection.fetchval(_SQL["now_ms"]), bare.last_at_ms)
    activated = Activated(now_ms, ERASER, secrets.token_bytes(8))
    core.apply(bare, activated)
    encoded = encode_entries([activated])
    chain = chain_of(last.chain, last.block, last.position + 1, epoch, now_ms, encoded)
    return JournalRow(last.block, last.position + 1, epoch, now_ms, 1, encoded, chain)
