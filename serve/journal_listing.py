"""`holdfast journal`: an event's journal in readable form, page by page, straight from Postgres. Only reads.

It is read from its first row, wherever what is shown begins: the names of units come from there, and so does the chain
that shows whether a row is damaged.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence

import msgspec
from rich.console import Console

from actors.archive.archive_file import ArchiveFile
from actors.archive.journal_with_archives import with_archives
from actors.core.ids import BlockId, event_id
from actors.journal.in_turn import rows_in_turn
from actors.journal.journal import JournalRow, JournalUnavailable, ReadableJournal
from serve.journal_telling import Teller

SOUND, NOT_SOUND = 0, 1
FOLLOW_S = 1.0


class NothingToShow(Exception):
    """The journal has no such row."""


class Wanted(msgspec.Struct, frozen=True):
    """Rows `first` to `last` (None: the end) of a block, `limit` at most. `follow`: wait for more at the end."""

    block: BlockId
    first: int = 1
    last: int | None = None
    limit: int | None = None
    follow: bool = False
    as_json: bool = False

    @property
    def end(self) -> int | None:
        """The last row to show."""
        ends = [self.last, None if self.limit is None else self.first + self.limit - 1]
        return min((end for end in ends if end is not None), default=None)


def run_listing(database_url: str, wanted: Wanted, archives: Sequence[ArchiveFile], errors: Console) -> int:
    """Write the rows to standard output. 1: one is damaged, there is none, or there is no database; else 0.

    `archives`: where rows are that are not in the journal any more.
    """
    try:
        return asyncio.run(_list_from_postgres(database_url, wanted, archives, errors))
    except (NothingToShow, JournalUnavailable) as fault:
        errors.print(f"journal: {fault}")
        return NOT_SOUND
    except KeyboardInterrupt:
        return SOUND


async def _list_from_postgres(
    database_url: str, wanted: Wanted, archives: Sequence[ArchiveFile], errors: Console
) -> int:
    journal = with_archives(database_url, "holdfast journal", archives)
    try:
        return await list_rows(journal, wanted, errors)
    finally:
        await journal.close()


async def list_rows(journal: ReadableJournal, wanted: Wanted, errors: Console) -> int:
    """Write the rows as they are read. Raises NothingToShow, JournalUnavailable."""
    teller, position, outcome = Teller(wanted.block), 0, SOUND
    async for row in wanted_rows(journal, wanted):
        position = row.position
        told = teller.tell(row)
        if told.damage:
            errors.print(f"journal: {told.damage}")
            outcome = NOT_SOUND
        if position >= wanted.first:
            line = msgspec.json.encode(told).decode() if wanted.as_json else str(told)
            sys.stdout.write(f"{line}\n")
            if wanted.follow:
                sys.stdout.flush()
    if not position:
        raise NothingToShow(f"there is no row of {event_id(wanted.block)}")
    if position < wanted.first:
        raise NothingToShow(f"it ends at row {position}")
    return outcome


async def wanted_rows(journal: ReadableJournal, wanted: Wanted) -> AsyncIterator[JournalRow]:
    """The rows from the first to the last that is wanted. Raises JournalUnavailable."""
    position = 0
    while True:
        async for row in rows_in_turn(journal, wanted.block, position, wanted.end):
            yield row
            position = row.position
        if not wanted.follow or (wanted.end is not None and position >= wanted.end):
            return
        await asyncio.sleep(FOLLOW_S)
