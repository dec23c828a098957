"""What is struck of a journal, or would be, in words: each entry with its row, as `holdfast journal` tells it."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from actors.archive.journal_with_archives import with_archives
from actors.core.entries import Corrected
from actors.core.ids import BlockId
from actors.database.line import LineUnavailable
from actors.engine.striking import to_strike
from actors.journal.codec import UndecodableEntries, decode_entries
from actors.journal.in_turn import rows_in_turn
from actors.journal.journal import JournalUnavailable, ReadableJournal
from actors.journal.striking import Place, Struck, struck_by
from actors.projections.positions import Positions
from serve.journal_telling import Teller

T = TypeVar("T")


async def would_be_struck(database_url: str, block: BlockId, given_up: tuple[int, ...]) -> list[str]:
    """A line for each entry; none if the journal replays. Raises CannotStrike, JournalDamaged, JournalUnavailable."""

    async def tell(journal: ReadableJournal) -> list[str]:
        return await _told(journal, block, await to_strike(journal, block, given_up))

    return await _with_journal(database_url, tell)


async def struck_and_followed(database_url: str, block: BlockId, quarantine: int) -> list[str]:
    """A line for each entry that the correction of this quarantine struck; and the read models begin anew without them.

    Where that cannot be, a line says so: the quarantine has ended all the same.
    """

    async def tell(journal: ReadableJournal) -> list[str]:
        return await _told(journal, block, await _struck_for(journal, block, quarantine))

    positions = Positions(database_url, application_name="holdfast quarantine")
    try:
        lines = await _with_journal(database_url, tell)
        await positions.rebuild(block)
    except (JournalUnavailable, LineUnavailable) as fault:
        return [f"what is shown of it is to be derived anew: holdfast projections rebuild ({fault})"]
    finally:
        await positions.close()
    return lines or ["nothing had to be struck"]


async def _with_journal(database_url: str, ask: Callable[[ReadableJournal], Coroutine[Any, Any, T]]) -> T:
    journal = with_archives(database_url, "holdfast quarantine", ())
    try:
        return await ask(journal)
    finally:
        await journal.close()


async def _struck_for(journal: ReadableJournal, block: BlockId, quarantine: int) -> Struck:
    found: set[Place] = set()
    async for row in rows_in_turn(journal, block):
        try:
            entries = decode_entries(row.entries)
        except UndecodableEntries:
            continue
        ends = [entry for entry in entries if isinstance(entry, Corrected) and entry.quarantine == quarantine]
        found.update(struck_by(ends))
    return frozenset(found)


async def _told(journal: ReadableJournal, block: BlockId, struck: Struck) -> list[str]:
    if not struck:
        return []
    teller, lines = Teller(block), list[str]()
    async for row in rows_in_turn(journal, block):
        told = teller.tell(row)
        lines += (
            f"struck: row {row.position}{entry}"
            for place, entry in enumerate(told.entries)
            if (row.position, place) in struck
        )
    return lines
