"""A journal whose first rows are in archives, read as if they were all there."""

from collections.abc import Iterator, Sequence

from actors.archive.archive_file import ArchiveDamaged, ArchiveFile
from actors.core.ids import BlockId
from actors.journal.journal import Heads, JournalRow, JournalUnavailable, ReadableJournal, Snapshot, is_cut
from actors.journal.postgres import PostgresJournal


def with_archives(database_url: str, application_name: str, archives: Sequence[ArchiveFile]) -> ReadableJournal:
    """The journal, to read: with what these archives have of it, if there are any."""
    journal = PostgresJournal(database_url, application_name=application_name)
    return JournalWithArchives(journal, archives) if archives else journal


class JournalWithArchives:
    """What is read of a journal by its commands. A damaged archive is told as a journal that cannot be read."""

    def __init__(self, journal: ReadableJournal, archives: Sequence[ArchiveFile]) -> None:
        self._journal = journal
        self._of_block = {end.block: (archive, end.position) for archive in archives for end in archive.header.blocks}
        self._reading: tuple[BlockId, int, Iterator[JournalRow]] | None = None

    async def rows(self, block: BlockId, after_position: int, limit: int) -> list[JournalRow]:
        """See `Journal.rows`."""
        rows = self._archived(block, after_position, limit)
        if not rows:
            return await self._journal.rows(block, after_position, limit)
        if not is_cut(rows, limit):
            rows += await self._journal.rows(block, rows[-1].position, limit - len(rows))
        return rows

    async def heads(self, blocks: Sequence[BlockId]) -> Heads:
        """See `Journal.heads`."""
        return await self._journal.heads(blocks)

    async def newest_snapshot(self, block: BlockId, format_: int, below_position: int) -> Snapshot | None:
        """See `Journal.newest_snapshot`. None behind what an archive has: that of an erased event knows less."""
        _, last = self._of_block.get(block, (None, below_position))
        return await self._journal.newest_snapshot(block, format_, min(last, below_position))

    async def close(self) -> None:
        """See `Journal.close`."""
        await self._journal.close()

    def _archived(self, block: BlockId, after_position: int, limit: int) -> list[JournalRow]:
        """Rows of the next page that are in an archive and before the one that stayed; read on where the last ended."""
        archive, last = self._of_block.get(block, (None, 0))
        if archive is None or after_position >= last - 1:
            return []
        if self._reading is None or self._reading[:2] != (block, after_position):
            self._reading = (block, 0, archive.rows_of(block))
        _, position, following = self._reading
        rows: list[JournalRow] = []
        try:
            while position < last - 1 and not is_cut(rows, limit):
                row = next(following)
                position = row.position
                if position > after_position:
                    rows.append(row)
        except (ArchiveDamaged, OSError) as fault:
            raise JournalUnavailable(str(fault)) from fault
        self._reading = (block, position, following)
        return rows
