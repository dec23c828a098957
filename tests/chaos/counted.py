"""Counts that somebody was shown, held against the journal as of the row that they were shown as of."""

from collections.abc import Sequence

from actors.audit.ids import block_of_event
from actors.core.ids import BlockId
from actors.journal.postgres import PostgresJournal
from actors.journal.succession import JournalDamaged
from tests.chaos.looks import Look
from tests.chaos.replayed import Replayed

MOST_LOOKS = 100  # of an event; all of its units are counted anew each time


async def miscounted(database_url: str, looks: Sequence[Look]) -> list[str]:
    """Where counts were not those of the event after the row that they named, of looks all over the time."""
    journal = PostgresJournal(database_url, application_name="chaos-counted")
    try:
        wrong = []
        for event_id in dict.fromkeys(look.event_id for look in looks):
            wrong += await _of_event(journal, event_id, chosen([look for look in looks if look.event_id == event_id]))
        return wrong
    finally:
        await journal.close()


def chosen(looks: Sequence[Look]) -> list[Look]:
    """Some of those at counts, in the order of rows: at most so many, from all over, and each row once."""
    by_row = {(look.sequence, look.counts): look for look in looks if look.counts}
    rows = sorted(by_row)
    step = max(len(rows) / MOST_LOOKS, 1.0)
    return [by_row[rows[int(number * step)]] for number in range(min(len(rows), MOST_LOOKS))]


async def _of_event(journal: PostgresJournal, event_id: str, looks: Sequence[Look]) -> list[str]:
    replayed = Replayed(BlockId(block_of_event(event_id)))
    for look in looks:
        try:
            await replayed.follow(journal, look.sequence)
        except JournalDamaged as damage:
            return [f"{event_id} was shown as of row {look.sequence}: {damage}"]
        counts = replayed.available
        if look.counts != (counts.available, counts.held, counts.sold):
            return [f"{event_id} was shown as of row {look.sequence} with {look.counts}, its journal has {counts}"]
    return []
