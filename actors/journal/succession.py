"""What makes a row the next one of its block: contiguous, chained, readable. Whoever follows a journal asks here."""

from actors.core.entries import Entry
from actors.journal.codec import UndecodableEntries, decode_entries
from actors.journal.journal import JournalRow, chain_of


class JournalDamaged(Exception):
    """A block's rows are not contiguous, not chained, not readable, or do not apply: nothing may be built on them."""


def entries_of_next(row: JournalRow, position: int, chain: bytes) -> tuple[Entry, ...]:
    """The entries of the row that follows `position`, where the journal bore `chain`. Raises JournalDamaged."""
    if row.position != position + 1 or row.chain != _chain_behind(chain, row):
        gap = ": those between are in an archive, or lost" if row.position > position + 1 else ""
        raise JournalDamaged(f"row {row.position} does not extend row {position}{gap}")
    try:
        return decode_entries(row.entries)
    except UndecodableEntries as fault:
        raise JournalDamaged(f"row {row.position} cannot be read: {fault}") from fault


def _chain_behind(chain: bytes, row: JournalRow) -> bytes:
    return chain_of(chain, row.block, row.position, row.epoch, row.recorded_at_ms, row.entries)
