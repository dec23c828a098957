"""The rows of a block one after the other, a page in memory at a time, however many there are.

Between slices of a few milliseconds the event loop goes on: who reads a long journal holds up nobody else.
"""

import asyncio
from collections.abc import AsyncIterator

from actors.core.ids import BlockId
from actors.journal.journal import JournalRow, ReadableJournal, is_cut

ROWS_PER_PAGE = 500
ENTRIES_PER_SLICE = 500


async def rows_in_turn(
    journal: ReadableJournal, block: BlockId, after_position: int = 0, to_position: int | None = None
) -> AsyncIterator[JournalRow]:
    """Those behind a position, up to another or all that there are. Raises JournalUnavailable."""
    position, entry_count = after_position, 0
    while to_position is None or position < to_position:
        limit = ROWS_PER_PAGE if to_position is None else min(ROWS_PER_PAGE, to_position - position)
        rows = await journal.rows(block, position, limit)
        for row in rows:
            yield row
            position = row.position
            entry_count += row.entry_count
            if entry_count >= ENTRIES_PER_SLICE:
                entry_count = 0
                await asyncio.sleep(0)
        if not is_cut(rows, limit):
            return
