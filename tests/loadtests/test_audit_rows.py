"""The audit finds what is wrong with rows: missing, changed, unreadable, of the wrong epoch or time."""

import msgspec
import pytest

from actors.core import entries as e
from actors.core.keys import key_hash
from actors.journal.codec import encode_entries
from loadtests.audit.findings import Fault
from tests.loadtests.journals import (
    EPOCHS,
    PRINT,
    START_MS,
    TENANT,
    Draft,
    Journal,
    Spoil,
    audit,
    clean_journal,
    faults,
)


def new_epoch_without_activation(journal: Journal) -> None:
    journal.add_hold()
    journal.drafts[-1].epoch = EPOCHS[1] + 1


def epoch_going_back(journal: Journal) -> None:
    journal.add_hold()
    journal.drafts[-1].epoch = EPOCHS[0]


def first_epoch_without_activation(journal: Journal) -> None:
    """The lowest epoch is one too."""
    for draft in journal.drafts[:9]:
        draft.epoch = 0
    journal.drafts[0].entries[:] = [e.HoldExpired(START_MS, 1)]


def activation_within_an_epoch(journal: Journal) -> None:
    journal.add(e.Activated(journal.last_ms, "shard-0", b"12345678"))


def activation_behind_another_entry(journal: Journal) -> None:
    journal.add_hold()
    journal.drafts[-1].entries.append(e.Activated(journal.last_ms, "shard-0", b"12345678"))


def nonce_used_twice(journal: Journal) -> None:
    journal.change(e.Activated, {"nonce": EPOCHS[1].to_bytes(8)}, nonce=EPOCHS[0].to_bytes(8))


def activation_without_a_nonce(journal: Journal) -> None:
    journal.change(e.Activated, {}, nonce=b"")


def entry_from_the_future(journal: Journal) -> None:
    """A hold is placed a second after its row was written."""
    before_ms = journal.last_ms
    at_ms = before_ms + 1_000
    journal.add_hold(at_ms=at_ms, max_expires_at_ms=at_ms + 7_200_000)
    journal.drafts[-1].recorded_at_ms = before_ms


def activation_from_the_past(journal: Journal) -> None:
    journal.add(e.Activated(journal.last_ms - 60_001, "shard-0", b"12345678"))
    journal.drafts[-1].epoch = EPOCHS[1] + 1
    journal.drafts[-1].recorded_at_ms = journal.drafts[-2].entries[-1].at_ms


def activation_from_the_future(journal: Journal) -> None:
    """After it the block would live in the year 2100, and whatever is held would be overdue."""
    before_ms = journal.last_ms
    journal.add(e.Activated(4_102_444_800_000, "shard-0", b"12345678"))
    journal.drafts[-1].epoch = EPOCHS[1] + 1
    journal.drafts[-1].recorded_at_ms = before_ms


def row_of_nothing(journal: Journal) -> None:
    journal.drafts.append(Draft(EPOCHS[1], []))


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (new_epoch_without_activation, {Fault.EPOCH_NOT_ACTIVATED}),
        (epoch_going_back, {Fault.EPOCH_WENT_BACK}),
        (activation_within_an_epoch, {Fault.ACTIVATION_MISPLACED}),
        (activation_behind_another_entry, {Fault.ACTIVATION_MISPLACED}),
        (nonce_used_twice, {Fault.NONCE_REUSED}),
        (activation_without_a_nonce, {Fault.NONCE_REUSED}),
        (entry_from_the_future, {Fault.TIME_AHEAD}),
        (activation_from_the_future, {Fault.TIME_AHEAD}),
        (activation_from_the_past, {Fault.TIME_WENT_BACK}),
        (row_of_nothing, {Fault.ENTRY_COUNT_WRONG}),
    ],
)
def test_a_planted_fault_is_found_and_nothing_else(spoil: Spoil, expected: set[Fault]) -> None:
    journal = clean_journal()
    spoil(journal)
    assert faults(audit(journal)) == expected


def test_a_first_epoch_without_an_activation_is_found() -> None:
    journal = clean_journal()
    first_epoch_without_activation(journal)
    assert Fault.EPOCH_NOT_ACTIVATED in faults(audit(journal))


def test_a_missing_row_is_found() -> None:
    journal = clean_journal()
    rows = journal.rows()
    row, _ = journal.find(e.HoldExtended)
    del rows[row]
    found = audit(journal, rows)
    assert found[0].fault is Fault.ROW_MISSING
    assert found[0].position == row + 2
    assert Fault.REPLY_NOT_IN_JOURNAL in faults(found), "what the row held was acknowledged"


def test_a_row_missing_at_the_start_is_found() -> None:
    journal = clean_journal()
    assert audit(journal, journal.rows()[1:])[0].fault is Fault.ROW_MISSING


@pytest.mark.parametrize("first_byte", [b"", b"\x02", b"\x01\xc1"])
def test_entries_that_cannot_be_read_are_found(first_byte: bytes) -> None:
    journal = clean_journal()
    rows = journal.rows()
    rows[-1] = msgspec.structs.replace(rows[-1], entries=first_byte)
    assert Fault.ENTRIES_UNREADABLE in faults(audit(journal, rows))


def test_a_wrong_entry_count_is_found() -> None:
    journal = clean_journal()
    rows = journal.rows()
    rows[3] = msgspec.structs.replace(rows[3], entry_count=rows[3].entry_count + 1)
    assert faults(audit(journal, rows)) == {Fault.ENTRY_COUNT_WRONG}


@pytest.mark.parametrize(
    ("row", "changes"),
    [
        (0, {"epoch": EPOCHS[0] - 1}),
        (5, {"recorded_at_ms": 0}),
        (5, {"chain": bytes(16)}),
        (2, {"entries": encode_entries([e.SaleOpened(START_MS, key_hash(TENANT, "open"), PRINT)])}),
    ],
)
def test_a_row_that_was_changed_breaks_the_chain(row: int, changes: dict[str, object]) -> None:
    journal = clean_journal()
    rows = journal.rows()
    rows[row] = msgspec.structs.replace(rows[row], **changes)
    first = audit(journal, rows)[0]
    assert (first.fault, first.position) == (Fault.CHAIN_BROKEN, row + 1)
