"""An archive's rows put back into the journal that they are from."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from actors.archive.archive_file import ArchivedBlock, ArchiveFile
from actors.archive.putting_away import said_erased
from actors.database.connect import Connection
from actors.database.queries import load_queries
from actors.journal.journal import JournalRow

_SQL = load_queries(Path(__file__).parent / "archive.sql")
ROWS_PER_COPY = 5_000
_COLUMNS = ("block_id", *JournalRow.__struct_fields__[1:])


class NotRestored(Exception):
    """The archive does not fit the journal; the text says why."""


async def restore(connection: Connection, archive: ArchiveFile) -> int:
    """Put the archive's rows back, the home's first; how many. Again: what is left of them.

    Those before the first row that the journal has; this row must be in the file too, and by its chain those before it
    are the ones that were in this journal. The file may have more behind it: it was written anew after the backup that
    this database is from.

    The file is read twice: whole, before anything is changed, and once through, a transaction a block. Of what is not
    put back nothing is read in a transaction, as Postgres ends a session that asks nothing in one for long.

    Raises NotRestored, ArchiveDamaged (nothing is changed then), and `FAULTS`.
    """
    archive.verify()
    rows, count = archive.rows(), 0
    for end in archive.header.blocks:
        of_block = _up_to(end, rows)
        async with connection.transaction():
            count += await _restore_block(connection, end, of_block)
        for _ in of_block:
            pass
    return count


def _up_to(end: ArchivedBlock, rows: Iterator[JournalRow]) -> Iterator[JournalRow]:
    """The rows of the block that comes next."""
    for row in rows:
        yield row
        if row.position == end.position:
            return


async def _restore_block(connection: Connection, end: ArchivedBlock, rows: Iterator[JournalRow]) -> int:
    await connection.execute(_SQL["take_turn"], end.block)
    archived = await connection.fetchrow(_SQL["put_away"], end.block)
    if archived is not None and archived["erased_at"] is not None:
        raise NotRestored(f"{said_erased(end.block, archived)}: who has a copy of its archive reads it with --archive")
    first = await connection.fetchrow(_SQL["first_row"], end.block)
    if first is None or first["position"] > end.position:
        raise NotRestored(f"row {end.position} of {end.block} is not in this journal")
    count = await _copy(connection, rows, first)
    await connection.execute(_SQL["forget"], end.block)
    return count


async def _copy(connection: Connection, rows: Iterator[JournalRow], first: Any) -> int:
    """Put back those before the first that the journal has, which must be the one that follows; how many."""
    count, batch = 0, list[JournalRow]()
    for row in rows:
        is_first = row.position == first["position"]
        if is_first and row.chain != first["chain"]:
            raise NotRestored(f"row {row.position} of {row.block} is another in this journal")
        if not is_first:
            batch.append(row)
        if batch and (is_first or len(batch) >= ROWS_PER_COPY):
            values = [msgspec.structs.astuple(each) for each in batch]
            await connection.copy_records_to_table("journal", records=values, columns=_COLUMNS)
            count, batch = count + len(batch), []
        if is_first:
            break
    return count
