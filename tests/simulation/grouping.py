"""How much went together in a run: in one batch, one row, one statement, and while a row was on its way.

Two that ask under one key are one: who is served twice finds what it has done itself.
"""

from collections import Counter
from collections.abc import Sequence

from actors.core.commands import Errand, Read
from actors.journal.codec import decode_entries
from actors.journal.journal import JournalRow, NewRow
from actors.link.batch import Call, calls_decoder, command_decoder

BATCHES = "batches with two calls or more"
ROWS = "rows with effects of two keys or more"
STATEMENTS = "statements with rows of two blocks or more"
AMID = "writes to a block that came while a row of it, of other keys, was on its way"
GROUPED = (BATCHES, ROWS, STATEMENTS, AMID)


class Grouping:
    """Counts that of one run, by the names in `GROUPED`."""

    def __init__(self) -> None:
        self.counts = Counter[str]()

    def see_batch(self, payload: bytes, on_their_way: Sequence[NewRow]) -> None:
        """A batch has come to a shard that has these rows on their way."""
        calls = calls_decoder.decode(payload)
        if len({_asked_by(call) for call in calls}) > 1:
            self.counts[BATCHES] += 1
        rows = {new.row.block: new.row for new in on_their_way}
        self.counts[AMID] += sum(call.block in rows and _is_new_to(rows[call.block], call) for call in calls)

    def see_statement(self, row_count: int) -> None:
        """A statement has written so many rows."""
        self.counts[STATEMENTS] += row_count > 1

    def see_row(self, row: JournalRow) -> None:
        """A row was written."""
        self.counts[ROWS] += row.entry_count > 1 and len(_keys_of(row)) > 1


def _asked_by(call: Call) -> bytes:
    """The key; where there is none, the command itself."""
    command = command_decoder.decode(call.command)
    return call.command if isinstance(command, Read | Errand) else command.stamp.key


def _is_new_to(row: JournalRow, call: Call) -> bool:
    """Whether it is a write under a key of which the row has no effect."""
    command = command_decoder.decode(call.command)
    return not isinstance(command, Read | Errand) and command.stamp.key not in _keys_of(row)


def _keys_of(row: JournalRow) -> set[bytes]:
    return {key for entry in decode_entries(row.entries) if (key := getattr(entry, "key", b""))}
