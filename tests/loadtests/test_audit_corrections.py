"""The audit finds each planted fault in what a correction ends, and knows up to which row findings are settled."""

from collections.abc import Callable

import msgspec
import pytest

from actors.audit.audit import BlockAudit
from actors.audit.findings import Fault
from actors.core import corrections
from actors.core import entries as e
from actors.core.commands import Correct
from tests.loadtests.journals import Journal, Shop, Spoil, audit, faults
from tests.loadtests.whole_journal import _journal, whole_journal

DAY_MS = 24 * 60 * 60_000


def spoilt(**changes: object) -> Spoil:
    """The correction at the end says something else."""
    return lambda journal: journal.change(e.Corrected, {}, **changes)


def again(journal: Journal) -> None:
    """The same quarantine ends a second time, without an effect."""
    row, place = journal.find(e.Corrected)
    entry = journal.drafts[row].entries[place]
    journal.add(msgspec.structs.replace(entry, voided=(), holds=(), orders=()))


def with_everything_void(journal: Journal) -> None:
    """All tickets of order 102, which is not cancelled."""
    spoilt(voided=((102, (0, 1, 2, 3, 4)),))(journal)


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (again, Fault.CORRECTION_WRONG),
        (spoilt(quarantine=0), Fault.CORRECTION_WRONG),
        (spoilt(position=1_000), Fault.CORRECTION_WRONG),
        (spoilt(position=-1), Fault.CORRECTION_WRONG),
        (spoilt(by=""), Fault.CORRECTION_WRONG),
        (spoilt(why="w" * 1_001), Fault.CORRECTION_WRONG),
        (spoilt(since_ms=1_700_000_000_000 - DAY_MS), Fault.CORRECTION_WRONG),
        (spoilt(since_ms=1_700_000_000_000 + DAY_MS), Fault.CORRECTION_WRONG),
        (spoilt(holds=(9,)), Fault.HOLD_NOT_ACTIVE),
        (spoilt(holds=(77,)), Fault.HOLD_UNKNOWN),
        (spoilt(orders=(110,)), Fault.ORDER_ENDED),
        (spoilt(orders=(177,)), Fault.ORDER_UNKNOWN),
        (spoilt(voided=((102, (9,)),)), Fault.TICKETS_WRONG),
        (spoilt(voided=((103, (0,)),)), Fault.TICKETS_WRONG),
        (spoilt(voided=((109, (0,)),)), Fault.ORDER_ENDED),
        (with_everything_void, Fault.TICKETS_WRONG),
    ],
)
def test_a_correction_of_what_cannot_be_corrected_so_is_found(spoil: Spoil, fault: Fault) -> None:
    journal = whole_journal()
    spoil(journal)
    assert fault in faults(audit(journal))


def test_a_block_that_was_written_to_while_it_was_quarantined_is_found() -> None:
    """A heartbeat or two of it are not."""
    for since, found in ((1_000, False), (61_000, True)):
        journal = whole_journal()
        row, place = journal.find(e.Corrected)
        entry = journal.drafts[row].entries[place]
        assert isinstance(entry, e.Corrected)
        written_ms = max(each.at_ms for draft in journal.drafts[:row] for each in draft.entries)
        spoilt(since_ms=written_ms - since)(journal)
        assert (Fault.CORRECTION_WRONG in faults(audit(journal))) is found


def test_it_is_known_up_to_which_row_all_is_settled() -> None:
    shop = Shop()
    shop.take_over()
    settled = []
    for number, position in ((1, 1), (2, 0), (3, 2)):
        shop.correct(Correct(number, position, "mara", "looked at it", shop.now_ms))
        journal = shop.journal()
        block_audit = BlockAudit(journal.block)
        assert [finding for row in journal.rows() for finding in block_audit.take(row)] == []
        settled.append(block_audit.settled_position)
    assert settled == [1, 1, 2]


def orders_stay(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(corrections, "apply_order_cancelled", lambda state, entry: None)


def tickets_stay(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(corrections, "apply_tickets_cancelled", lambda state, entry: None)


def holds_stay(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(corrections, "apply_hold_released", lambda state, entry: None)


@pytest.mark.parametrize("sabotage", [orders_stay, tickets_stay, holds_stay])
def test_a_core_that_gives_nothing_back_is_noticed(sabotage: Callable[[pytest.MonkeyPatch], None]) -> None:
    """Negative control: what the server owes is not what its journal says."""
    with pytest.MonkeyPatch.context() as patch:
        sabotage(patch)
        spoilt_journal = _journal.__wrapped__(corrected=True)
    assert Fault.DIGEST_DIFFERS in faults(audit(spoilt_journal))
