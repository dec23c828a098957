"""A block's journal, held against a history by a witness that judges all of it."""

from collections.abc import Sequence
from typing import TypeAlias

from actors.audit.audit import BlockAudit
from actors.audit.findings import Fault
from loadtests.history.calls import Call
from loadtests.history.timed import Timed, Written
from loadtests.history.witness import Witness
from tests.chaos.stage import AHEAD_MS
from tests.loadtests.journals import Journal

Tolerated: TypeAlias = tuple[int | None, int | None]
CHAOS, NARROW, NONE = (None, AHEAD_MS), (100, None), (None, None)
"""What is tolerated of clocks: of a chaos run's once one was moved, of one machine's, and of those that tell nothing of
each other.
"""


def watched(
    journal: Journal,
    calls: Sequence[Call],
    audited_ms: int,
    tolerated: Tolerated,
    timed: Timed | None = None,
    written: Written | None = None,
) -> list[Fault]:
    """What is found; `audited_ms`: when the journal was read, by the clock of the run."""
    witness = Witness(journal.block, calls, audited_ms * 1000, *tolerated, timed, written=written)
    audit = BlockAudit(journal.block, watcher=witness)
    found = [finding.fault for row in journal.rows() for finding in audit.take(row)]
    found += [finding.fault for finding in audit.finish()]
    assert not witness.tally.unchecked
    assert not witness.tally.vague
    return found
