"""The audit finds each planted fault, names it rightly, and finds nothing in a journal that the real core wrote."""

from collections.abc import Callable

import msgspec
import pytest

from actors.core import entries as e
from actors.core.ids import Kind, outside_id
from actors.core.keys import key_hash
from actors.journal.codec import encode_entries
from loadtests.audit.findings import Fault
from loadtests.audit.ledger import _FOLD
from loadtests.audit.replies import Told
from tests.loadtests.journals import BLOCK, EPOCHS, START_MS, TENANT, Journal, audit, clean_journal, faults

KEY, PRINT = b"another key 1234", b"a fingerprint 12"
ROWS, UNITS = Fault.ROW_MISSING, Fault.UNITS_DO_NOT_ADD_UP
DIGEST = Fault.DIGEST_DIFFERS

Spoil = Callable[[Journal], None]


def test_a_clean_journal_yields_nothing() -> None:
    journal = clean_journal()
    kinds = {type(entry) for draft in journal.drafts for entry in draft.entries}
    assert len(kinds) == 11, "the clean journal shows every kind of entry"
    assert audit(journal) == []


def test_the_digest_agrees_when_the_core_has_forgotten_what_ended() -> None:
    assert audit(clean_journal(days_later=True)) == []


def _placed(journal: Journal, hold: int) -> e.HoldPlaced:
    row, place = journal.find(e.HoldPlaced, hold=hold)
    entry = journal.drafts[row].entries[place]
    assert isinstance(entry, e.HoldPlaced)
    return entry


def _last_ms(journal: Journal) -> int:
    return journal.drafts[-1].entries[-1].at_ms


def _another_hold(journal: Journal, **changes: object) -> None:
    """A hold on A/2/2 at the end, right but for `changes`; the live digest is not asked."""
    at_ms = _last_ms(journal)
    hold = e.HoldPlaced(at_ms, 99, "buyer", (7,), (), ((1, 1, 2_000),), at_ms + 60_000, at_ms + 7_200_000, KEY, PRINT)
    journal.add(msgspec.structs.replace(hold, **changes))


def double_sale(journal: Journal) -> None:
    """A/1/1 is sold to hold 1 and claimed again."""
    _another_hold(journal, seats=(0,), prices=((0, 1, 5_000),))


def double_hold(journal: Journal) -> None:
    """A/1/3 is held by hold 4 and claimed again."""
    _another_hold(journal, seats=(2, 7), prices=((0, 1, 5_000), (1, 1, 2_000)))


def area_over_capacity(journal: Journal) -> None:
    """5 of 10 places are held; 6 more are claimed."""
    _another_hold(journal, seats=(), areas=((0, 6),), prices=((2, 6, 1_000),))


def seat_out_of_range(journal: Journal) -> None:
    _another_hold(journal, seats=(14,))


def area_out_of_range(journal: Journal) -> None:
    _another_hold(journal, seats=(), areas=((1, 1),))


def seat_named_twice(journal: Journal) -> None:
    _another_hold(journal, seats=(7, 7))


def price_changed(journal: Journal) -> None:
    _another_hold(journal, prices=((1, 1, 1_999),))


def hold_beyond_its_cap(journal: Journal) -> None:
    _another_hold(journal, expires_at_ms=_last_ms(journal) + 7_200_001)


def hold_while_not_on_sale(journal: Journal) -> None:
    journal.drafts = [draft for draft in journal.drafts if not isinstance(draft.entries[0], e.SaleOpened)]


def hold_number_reused(journal: Journal) -> None:
    _another_hold(journal, hold=3)


def hold_number_out_of_bounds(journal: Journal) -> None:
    _another_hold(journal, hold=0)


def time_going_back(journal: Journal) -> None:
    at_ms = _last_ms(journal) - 5
    _another_hold(journal, at_ms=at_ms, max_expires_at_ms=at_ms + 7_200_000)


def key_with_two_effects(journal: Journal) -> None:
    _another_hold(journal, key=_placed(journal, 4).key)


def event_created_again(journal: Journal) -> None:
    row, place = journal.find(e.EventCreated)
    entry = journal.drafts[row].entries[place]
    journal.add(msgspec.structs.replace(entry, at_ms=_last_ms(journal), key=KEY))


def sale_opened_again(journal: Journal) -> None:
    journal.add(e.SaleOpened(_last_ms(journal), KEY, PRINT))


def resurrected_hold(journal: Journal) -> None:
    """Hold 3 was released, yet is ordered."""
    journal.add(e.OrderPlaced(_last_ms(journal), 103, 3, KEY, PRINT))


def hold_released_after_it_was_ordered(journal: Journal) -> None:
    journal.add(e.HoldReleased(_last_ms(journal), 7, KEY, PRINT))


def unknown_hold_released(journal: Journal) -> None:
    journal.add(e.HoldReleased(_last_ms(journal), 55, KEY, PRINT))


def unknown_order_cancelled(journal: Journal) -> None:
    journal.add(e.OrderCancelled(_last_ms(journal), 155, KEY, PRINT))


def expired_order_confirmed(journal: Journal) -> None:
    """Order 106 has expired in the journal."""
    journal.add(e.OrderConfirmed(_last_ms(journal), 106, KEY, PRINT))


def overdue_order_confirmed(journal: Journal) -> None:
    """Order 107 is pending, but its time is up."""
    journal.add(e.OrderConfirmed(_last_ms(journal) + 60_000, 107, KEY, PRINT))


def order_confirmed_twice(journal: Journal) -> None:
    journal.add(e.OrderConfirmed(_last_ms(journal), 101, KEY, PRINT))


def order_number_reused(journal: Journal) -> None:
    journal.add(e.OrderPlaced(_last_ms(journal), 101, 4, KEY, PRINT))


def hold_expired_early(journal: Journal) -> None:
    """Hold 4 was extended and has minutes left."""
    journal.add(e.HoldExpired(_last_ms(journal), 4))


def order_expired_early(journal: Journal) -> None:
    journal.add(e.OrderExpired(_last_ms(journal), 107))


def hold_shortened(journal: Journal) -> None:
    journal.add(e.HoldExtended(_last_ms(journal), 4, _last_ms(journal) + 1, KEY, PRINT))


def lost_acknowledged_hold(journal: Journal) -> None:
    """A client holds a reply for which there is no entry."""
    reply = journal.replies[0]
    journal.replies.append(msgspec.structs.replace(reply, id=outside_id(Kind.HOLD, BLOCK, 77)))


def lost_acknowledged_cancellation(journal: Journal) -> None:
    """Another order was cancelled than the one that the client was told of."""
    journal.change(e.OrderCancelled, {"order": 108}, order=107)


def reply_before_its_row(journal: Journal) -> None:
    reply = journal.replies[-1]
    journal.replies[-1] = msgspec.structs.replace(reply, position=reply.position - 1)


def reply_with_other_units(journal: Journal) -> None:
    reply = journal.replies[0]
    journal.replies[0] = msgspec.structs.replace(reply, units=("A/1/1", "A/1/6"))


def reply_with_another_price(journal: Journal) -> None:
    confirmed = [index for index, reply in enumerate(journal.replies) if reply.told is Told.CONFIRMED]
    reply = journal.replies[confirmed[0]]
    journal.replies[confirmed[0]] = msgspec.structs.replace(reply, total_minor=reply.total_minor + 1)


def reply_with_another_deadline(journal: Journal) -> None:
    reply = journal.replies[0]
    journal.replies[0] = msgspec.structs.replace(reply, expires_at_ms=reply.expires_at_ms + 1)


def wrong_digest(journal: Journal) -> None:
    journal.live = msgspec.structs.replace(journal.live, ledger_digest=bytes(32))


def live_ahead(journal: Journal) -> None:
    journal.live = msgspec.structs.replace(journal.live, entries_applied=journal.live.entries_applied + 1)


def live_behind_its_row(journal: Journal) -> None:
    journal.live = msgspec.structs.replace(journal.live, position=journal.live.position - 1)


def outage_in_the_future(journal: Journal) -> None:
    row, place = journal.find(e.Activated, at_ms=journal.drafts[-3].entries[0].at_ms)
    entry = journal.drafts[row].entries[place]
    assert isinstance(entry, e.Activated)
    journal.drafts[row].entries[place] = msgspec.structs.replace(entry, down_until_ms=entry.at_ms + 1)


def new_epoch_without_activation(journal: Journal) -> None:
    _another_hold(journal)
    journal.drafts[-1].epoch = EPOCHS[1] + 1


def epoch_going_back(journal: Journal) -> None:
    _another_hold(journal)
    journal.drafts[-1].epoch = EPOCHS[0]


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (double_sale, {Fault.UNIT_CLAIMED_TWICE, UNITS}),
        (double_hold, {Fault.UNIT_CLAIMED_TWICE, UNITS}),
        (area_over_capacity, {Fault.AREA_OVER_CAPACITY}),
        (seat_out_of_range, {Fault.UNIT_OUT_OF_RANGE}),
        (area_out_of_range, {Fault.UNIT_OUT_OF_RANGE}),
        (seat_named_twice, {Fault.HOLD_MALFORMED}),
        (price_changed, {Fault.PRICE_WRONG}),
        (hold_beyond_its_cap, {Fault.DEADLINE_WRONG}),
        (hold_number_reused, {Fault.NUMBER_REUSED}),
        (hold_number_out_of_bounds, {Fault.HOLD_MALFORMED}),
        (time_going_back, {Fault.TIME_WENT_BACK}),
        (key_with_two_effects, {Fault.KEY_USED_TWICE}),
        (event_created_again, {Fault.EVENT_ILLEGAL}),
        (sale_opened_again, {Fault.EVENT_ILLEGAL}),
        (resurrected_hold, {Fault.HOLD_NOT_ACTIVE}),
        (hold_released_after_it_was_ordered, {Fault.HOLD_NOT_ACTIVE}),
        (unknown_hold_released, {Fault.HOLD_UNKNOWN}),
        (unknown_order_cancelled, {Fault.ORDER_UNKNOWN}),
        (expired_order_confirmed, {Fault.ORDER_ENDED}),
        (overdue_order_confirmed, {Fault.AFTER_DEADLINE}),
        (order_confirmed_twice, {Fault.ORDER_ENDED}),
        (order_number_reused, {Fault.NUMBER_REUSED}),
        (hold_expired_early, {Fault.BEFORE_DEADLINE}),
        (order_expired_early, {Fault.BEFORE_DEADLINE}),
        (hold_shortened, {Fault.DEADLINE_WRONG}),
        (lost_acknowledged_hold, {Fault.REPLY_NOT_IN_JOURNAL}),
        (lost_acknowledged_cancellation, {Fault.REPLY_NOT_IN_JOURNAL, DIGEST}),
        (reply_before_its_row, {Fault.REPLY_AHEAD_OF_JOURNAL}),
        (reply_with_other_units, {Fault.REPLY_DIFFERS}),
        (reply_with_another_price, {Fault.REPLY_DIFFERS}),
        (reply_with_another_deadline, {Fault.REPLY_DIFFERS}),
        (wrong_digest, {DIGEST}),
        (live_ahead, {Fault.DIGEST_AHEAD_OF_JOURNAL}),
        (live_behind_its_row, {Fault.DIGEST_AHEAD_OF_JOURNAL}),
        (outage_in_the_future, {Fault.DEADLINE_WRONG}),
        (new_epoch_without_activation, {Fault.EPOCH_NOT_ACTIVATED}),
        (epoch_going_back, {Fault.EPOCH_WENT_BACK}),
    ],
)
def test_a_planted_fault_is_found_and_nothing_else(spoil: Spoil, expected: set[Fault]) -> None:
    journal = clean_journal()
    spoil(journal)
    assert faults(audit(journal)) == expected


def test_a_hold_before_the_sale_is_open_is_found() -> None:
    journal = clean_journal()
    hold_while_not_on_sale(journal)
    assert Fault.NOT_ON_SALE in faults(audit(journal))


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


def test_a_key_may_be_used_again_when_its_life_is_over() -> None:
    journal = clean_journal()
    released = _placed(journal, 3)
    row, place = journal.find(e.HoldReleased, hold=3)
    later_ms = journal.drafts[row].entries[place].at_ms + 10 * 60_000
    _another_hold(journal, at_ms=later_ms, expires_at_ms=later_ms + 1, max_expires_at_ms=later_ms + 1, key=released.key)
    assert audit(journal) == []


def test_a_key_lives_as_long_as_its_hold_though_that_was_extended() -> None:
    journal = clean_journal()
    extended = _placed(journal, 4)
    later_ms = extended.expires_at_ms + 10 * 60_000
    _another_hold(journal, at_ms=later_ms, expires_at_ms=later_ms + 1, max_expires_at_ms=later_ms + 1, key=extended.key)
    assert faults(audit(journal)) == {Fault.KEY_USED_TWICE}


def test_the_books_tell_when_the_fold_itself_forgets_to_give_units_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control of the sums: they are no tautology."""
    monkeypatch.setattr("loadtests.audit.units.Units.give_back", lambda *_, **__: None)
    assert UNITS in faults(audit(clean_journal()))


def test_the_digest_tells_when_the_fold_forgets_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control of the digest: an activation that moves no deadline shows."""
    monkeypatch.setitem(_FOLD, e.Activated, lambda *_: None)
    assert DIGEST in faults(audit(clean_journal()))
