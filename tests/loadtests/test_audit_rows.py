"""The audit finds what is wrong with rows: missing, changed, unreadable, of the wrong epoch or time."""

import asyncio
import time
from collections.abc import Callable
from itertools import count

import msgspec
import pytest

from actors.audit.audit import BlockAudit
from actors.audit.findings import Fault
from actors.audit.overdue import Overdue
from actors.core import entries as e
from actors.core.keys import key_hash
from actors.engine.activation import Activator, Outage
from actors.engine.catalogue_port import Assignment
from actors.engine.clock import JournalClock
from actors.journal.codec import encode_entries
from actors.journal.journal import JournalRefused
from actors.journal.memory import MemoryJournal, MemoryStore, NoFaults, Statement
from tests.loadtests.journals import (
    BLOCK,
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
from tests.simulation.journal_audit import row_of


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


def another_shard_within_an_epoch(journal: Journal) -> None:
    """As when a block moves to a shard of the same incarnation number."""
    journal.add(e.Activated(journal.last_ms, "shard-1", b"12345678"))


def owner_of_the_former_epoch_within_an_epoch(journal: Journal) -> None:
    journal.change(e.Activated, {"nonce": EPOCHS[1].to_bytes(8)}, shard="shard-1")
    journal.add(e.Activated(journal.last_ms, "shard-0", b"12345678"))


def owner_of_the_former_epoch_under_it(journal: Journal) -> None:
    journal.add(e.Activated(journal.last_ms, "shard-0", b"12345678"))
    journal.drafts[-1].epoch = EPOCHS[0]


def claimed_again_with_a_used_nonce(journal: Journal) -> None:
    journal.add(e.Activated(journal.last_ms, "shard-0", EPOCHS[0].to_bytes(8)))


def claimed_again_without_a_nonce(journal: Journal) -> None:
    journal.add(e.Activated(journal.last_ms, "shard-0", b""))


def claimed_again_after_an_outage(journal: Journal) -> None:
    """The owner was there all the time, and gives the grace of an outage to whoever is late."""
    journal.add(e.Activated(journal.last_ms, "shard-0", b"12345678", journal.last_ms - 10, journal.last_ms - 5))


def claimed_again_by_one_who_never_expires(journal: Journal) -> None:
    """Order 107 falls due; the owner claims the block every twenty seconds and serves it for half of the time."""
    for turn in range(20):
        at_ms = journal.last_ms + 10_000
        journal.add(e.Activated(at_ms, "shard-0", (100 + turn).to_bytes(8)))
        at_ms += 10_000
        journal.add_hold(
            hold=200 + turn, at_ms=at_ms, expires_at_ms=at_ms + 60_000,
            key=turn.to_bytes(16),
        )  # fmt: skip
        journal.add(e.HoldReleased(at_ms, 200 + turn, (100 + turn).to_bytes(16), PRINT))


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
    journal.add_hold(at_ms=at_ms)
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
        (another_shard_within_an_epoch, {Fault.ACTIVATION_MISPLACED}),
        (owner_of_the_former_epoch_within_an_epoch, {Fault.ACTIVATION_MISPLACED}),
        (owner_of_the_former_epoch_under_it, {Fault.EPOCH_WENT_BACK, Fault.ACTIVATION_MISPLACED}),
        (activation_behind_another_entry, {Fault.ACTIVATION_MISPLACED}),
        (claimed_again_with_a_used_nonce, {Fault.NONCE_REUSED}),
        (claimed_again_without_a_nonce, {Fault.NONCE_REUSED}),
        (claimed_again_after_an_outage, {Fault.OUTAGE_WRONG}),
        (claimed_again_by_one_who_never_expires, {Fault.NEVER_EXPIRED}),
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


def test_whoever_claims_within_an_epoch_of_which_the_beginning_cannot_be_read_is_out_of_place() -> None:
    journal = clean_journal()
    journal.add(e.Activated(journal.last_ms, "shard-0", b"12345678"))
    rows = journal.rows()
    row, _ = journal.find(e.Activated, nonce=EPOCHS[1].to_bytes(8))
    rows[row] = msgspec.structs.replace(rows[row], entries=b"\x02")
    found = audit(journal, rows)
    assert [finding.position for finding in found if finding.fault is Fault.ACTIVATION_MISPLACED] == [len(rows)]


def test_an_owner_may_claim_its_block_again_under_its_own_epoch() -> None:
    """As after it had to drop the block from memory; what buyers were told and the live digest still agree."""
    journal = clean_journal(claims_again=True)
    claims = [entry for draft in journal.drafts for entry in draft.entries if isinstance(entry, e.Activated)]
    assert len(claims) > len(journal.drafts) / 2
    assert audit(journal) == []


def real_claims(nonce: Callable[[], bytes], *shards: str) -> set[Fault]:
    """What is wrong when these claim a block in turn under one epoch; the first claim stands and is said not to."""

    class RefusedThoughItStands(NoFaults):
        async def after(self, statement: Statement) -> None:
            if statement.name == "append" and statement.blocks and len(store.journals[BLOCK]) == 1:
                raise JournalRefused("data corrupted", "XX002")

    async def claim(shard: str) -> None:
        line = MemoryJournal(store, faults=RefusedThoughItStands())
        activator = Activator(line, shard, JournalClock(time.monotonic), nonce, without_an_outage)
        assert await activator.claim(await activator.load(BLOCK), EPOCHS[0], Assignment(shard)) is not None

    store = MemoryStore(lambda: START_MS)
    for shard in shards:
        asyncio.run(claim(shard))
    rows = [row_of(row) for row in store.journals[BLOCK]]
    assert [row.epoch for row in rows] == [EPOCHS[0]] * (1 + len(shards)), "the first claims twice by itself"
    block_audit = BlockAudit(BLOCK)
    return faults([finding for row in rows for finding in block_audit.take(row)])


async def without_an_outage(epoch: int, written_at_ms: int, assignment: Assignment) -> Outage | None:
    """Nobody is known to have been down."""
    return None


def fresh_nonces() -> Callable[[], bytes]:
    """Another one each time."""
    numbers = count(1)
    return lambda: next(numbers).to_bytes(8)


def test_a_real_shard_that_claims_again_is_clean() -> None:
    assert real_claims(fresh_nonces(), "shard-0", "shard-0", "shard-0") == set()


def test_control_a_real_shard_of_one_nonce_is_not() -> None:
    assert real_claims(lambda: b"12345678", "shard-0", "shard-0") == {Fault.NONCE_REUSED}


def test_control_two_real_shards_that_share_an_epoch_are_not() -> None:
    assert real_claims(fresh_nonces(), "shard-0", "shard-1") == {Fault.ACTIVATION_MISPLACED}


def overdue_when_the_block_was_lost() -> Journal:
    """Order 107 is a second overdue in a row, the next row is refused, and two minutes later the owner goes on."""
    journal = clean_journal()
    at_ms = journal.last_ms + 31_000
    journal.add_hold(at_ms=at_ms, expires_at_ms=at_ms + 600_000)
    journal.add(e.Activated(at_ms + 120_000, "shard-0", b"12345678"))
    journal.add(e.OrderExpired(at_ms + 120_000, 107))
    return journal


def test_the_time_without_the_block_is_not_held_against_its_owner() -> None:
    assert audit(overdue_when_the_block_was_lost()) == []


def test_control_counted_all_the_same_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Overdue, "go_on", lambda *_: None)
    assert faults(audit(overdue_when_the_block_was_lost())) == {Fault.NEVER_EXPIRED}


def test_control_with_a_new_minute_for_each_claim_nobody_would_be_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Overdue, "go_on", lambda overdue, _: overdue.begin_anew())
    journal = clean_journal()
    claimed_again_by_one_who_never_expires(journal)
    assert audit(journal) == []


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
