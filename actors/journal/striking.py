"""Entries that a correction has struck: they stand in the journal for ever, and do not count.

Only a row behind them says so, so whoever replays finds out where a row cannot be applied, and begins anew without what
is struck. Nobody strikes what can be applied, unless by that something else can be.
"""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from actors.core import block as core
from actors.core.entries import Corrected, Entry
from actors.core.ids import BlockId
from actors.core.state import BlockState
from actors.journal.codec import UndecodableEntries, decode_entries
from actors.journal.in_turn import rows_in_turn
from actors.journal.journal import JournalRow, ReadableJournal

Place: TypeAlias = tuple[int, int]
"""The position of a row, and the place of an entry in it, from 0."""
Struck: TypeAlias = frozenset[Place]


def struck_by(entries: Iterable[Entry]) -> Iterator[Place]:
    """What the corrections among these entries have struck."""
    for entry in entries:
        if isinstance(entry, Corrected):
            for position, places in entry.struck:
                for place in places:
                    yield position, place


def struck_in(row: JournalRow) -> list[Place]:
    """What the corrections in a row have struck; nothing if it cannot be read."""
    try:
        return list(struck_by(decode_entries(row.entries)))
    except UndecodableEntries:
        return []


def by_row(struck: Struck) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """As `Corrected` bears it."""
    rows: dict[int, list[int]] = {}
    for position, place in sorted(struck):
        rows.setdefault(position, []).append(place)
    return tuple((position, tuple(places)) for position, places in rows.items())


class NotStruck(Exception):
    """A correction says that something does not count, and the state has it."""


def fold_row(state: BlockState, row: JournalRow, entries: Iterable[Entry], struck: Struck) -> None:
    """Apply the entries of a row, but for what is struck. Raises whatever applying them does, NotStruck."""
    for place, entry in enumerate(entries):
        if struck and (row.position, place) in struck:
            core.leave_out(state, entry)
            continue
        if type(entry) is Corrected and entry.struck and not struck.issuperset(struck_by((entry,))):
            raise NotStruck(f"it strikes {entry.struck}")
        core.apply(state, entry)


async def struck_behind(journal: ReadableJournal, block: BlockId, position: int) -> Struck:
    """All that rows behind this position say is struck. What cannot be read says nothing. Raises JournalUnavailable."""
    return frozenset([place async for row in rows_in_turn(journal, block, position) for place in struck_in(row)])
