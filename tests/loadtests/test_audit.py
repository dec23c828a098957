"""The audit finds each planted fault, names it rightly, and finds nothing in a journal that the real core wrote."""

import msgspec
import pytest

from actors.audit.findings import Fault
from actors.core import entries as e
from actors.core.layout import Area, Layout, Row, Section
from tests.loadtests.journals import KEY, LAYOUT, PRINT, START_MS, Journal, Spoil, audit, clean_journal, faults

UNITS = Fault.UNITS_DO_NOT_ADD_UP


def test_a_clean_journal_yields_nothing() -> None:
    journal = clean_journal()
    kinds = {type(entry) for draft in journal.drafts for entry in draft.entries}
    assert len(kinds) == 11, "the clean journal shows every kind of entry"
    assert audit(journal) == []


def test_the_digest_agrees_when_the_core_has_forgotten_what_ended() -> None:
    assert audit(clean_journal(days_later=True)) == []


def double_sale(journal: Journal) -> None:
    """A/1/1 is sold to hold 1 and claimed again."""
    journal.add_hold(seats=(0,), prices=((0, 1, 5_000),))


def double_hold(journal: Journal) -> None:
    """A/1/3 is held by hold 4 and claimed again."""
    journal.add_hold(seats=(2, 7), prices=((0, 1, 5_000), (1, 1, 2_000)))


def area_over_capacity(journal: Journal) -> None:
    """5 of 10 places are held; 6 more are claimed."""
    journal.add_hold(seats=(), areas=((0, 6),), prices=((2, 6, 1_000),))


def seat_out_of_range(journal: Journal) -> None:
    journal.add_hold(seats=(14,))


def area_out_of_range(journal: Journal) -> None:
    journal.add_hold(seats=(), areas=((1, 1),))


def seat_named_twice(journal: Journal) -> None:
    journal.add_hold(seats=(7, 7))


def price_changed(journal: Journal) -> None:
    journal.add_hold(prices=((1, 1, 1_999),))


def hold_beyond_its_cap(journal: Journal) -> None:
    journal.add_hold(expires_at_ms=journal.last_ms + 7_200_001)


def cap_beyond_two_hours(journal: Journal) -> None:
    journal.add_hold(max_expires_at_ms=journal.last_ms + 7_200_001)


def hold_extended_past_its_cap(journal: Journal) -> None:
    cap_ms = journal.placed(4).max_expires_at_ms
    journal.add(e.HoldExtended(journal.last_ms, 4, cap_ms + 1, KEY, PRINT))


def hold_while_not_on_sale(journal: Journal) -> None:
    journal.drafts = [draft for draft in journal.drafts if not isinstance(draft.entries[0], e.SaleOpened)]


def hold_number_reused(journal: Journal) -> None:
    journal.add_hold(hold=3)


def hold_number_out_of_bounds(journal: Journal) -> None:
    journal.add_hold(hold=0)


def time_going_back(journal: Journal) -> None:
    at_ms = journal.last_ms - 5
    journal.add_hold(at_ms=at_ms)


def key_of_another_length(journal: Journal) -> None:
    journal.add_hold(key=KEY[:-1])


def fingerprint_of_another_length(journal: Journal) -> None:
    journal.add_hold(fingerprint=b"")


def key_with_two_effects(journal: Journal) -> None:
    journal.add_hold(key=journal.placed(4).key)


def event_created_again(journal: Journal) -> None:
    row, place = journal.find(e.EventCreated)
    entry = journal.drafts[row].entries[place]
    journal.add(msgspec.structs.replace(entry, at_ms=journal.last_ms, key=KEY))


def sale_opened_again(journal: Journal) -> None:
    journal.add(e.SaleOpened(journal.last_ms, KEY, PRINT))


def resurrected_hold(journal: Journal) -> None:
    """Hold 3 was released, yet is ordered."""
    journal.add(e.OrderPlaced(journal.last_ms, 103, 3, KEY, PRINT))


def hold_released_after_it_was_ordered(journal: Journal) -> None:
    journal.add(e.HoldReleased(journal.last_ms, 7, KEY, PRINT))


def unknown_hold_released(journal: Journal) -> None:
    journal.add(e.HoldReleased(journal.last_ms, 55, KEY, PRINT))


def unknown_order_cancelled(journal: Journal) -> None:
    journal.add(e.OrderCancelled(journal.last_ms, 155, KEY, PRINT))


def expired_order_confirmed(journal: Journal) -> None:
    """Order 106 has expired in the journal."""
    journal.add(e.OrderConfirmed(journal.last_ms, 106, KEY, PRINT))


def overdue_order_confirmed(journal: Journal) -> None:
    """Order 107 is pending, but its time is up."""
    journal.add(e.OrderConfirmed(journal.last_ms + 60_000, 107, KEY, PRINT))


def order_confirmed_twice(journal: Journal) -> None:
    journal.add(e.OrderConfirmed(journal.last_ms, 101, KEY, PRINT))


def order_number_reused(journal: Journal) -> None:
    journal.add(e.OrderPlaced(journal.last_ms, 101, 4, KEY, PRINT))


def order_number_out_of_bounds(journal: Journal) -> None:
    """An order numbered 0 would be taken for none at all."""
    journal.add(e.OrderPlaced(journal.last_ms, 0, 4, KEY, PRINT))


def paid_order_expired(journal: Journal) -> None:
    journal.add(e.OrderExpired(journal.last_ms + 120_000, 101))


def cancelled_order_confirmed(journal: Journal) -> None:
    journal.add(e.OrderConfirmed(journal.last_ms, 108, KEY, PRINT))


def hold_expired_early(journal: Journal) -> None:
    """Hold 4 was extended and has minutes left."""
    journal.add(e.HoldExpired(journal.last_ms, 4))


def order_expired_early(journal: Journal) -> None:
    journal.add(e.OrderExpired(journal.last_ms, 107))


def hold_shortened(journal: Journal) -> None:
    journal.add(e.HoldExtended(journal.last_ms, 4, journal.last_ms + 1, KEY, PRINT))


def hold_that_never_expires(journal: Journal) -> None:
    """Order 107 falls due while others go on buying and giving back for more than a minute."""
    for turn in range(20):
        at_ms = journal.last_ms + 10_000
        journal.add_hold(
            hold=200 + turn, at_ms=at_ms, expires_at_ms=at_ms + 60_000,
            key=turn.to_bytes(16),
        )  # fmt: skip
        journal.add(e.HoldReleased(at_ms, 200 + turn, (100 + turn).to_bytes(16), PRINT))


def _change_takeover(journal: Journal, **changes: object) -> None:
    """Falsify the second activation, which names an outage."""
    last = max(entry.at_ms for draft in journal.drafts for entry in draft.entries if isinstance(entry, e.Activated))
    journal.change(e.Activated, {"at_ms": last}, **changes)


def outage_in_the_future(journal: Journal) -> None:
    _change_takeover(journal, down_until_ms=journal.last_ms + 1)


def outage_without_a_beginning(journal: Journal) -> None:
    _change_takeover(journal, down_from_ms=0)


def outage_while_others_were_served(journal: Journal) -> None:
    """It is to have begun before the event was created, and would move every deadline since."""
    _change_takeover(journal, down_from_ms=START_MS - 1)


def _change_layout(journal: Journal, **changes: object) -> None:
    journal.change(e.EventCreated, {}, layout=msgspec.structs.replace(LAYOUT, **changes))


def two_rows_of_one_name(journal: Journal) -> None:
    _change_layout(journal, sections=(*LAYOUT.sections, Section("A", (Row("1", 0, 1, 6),))))


def two_areas_of_one_name(journal: Journal) -> None:
    _change_layout(journal, areas=LAYOUT.areas * 2)


def area_without_a_price(journal: Journal) -> None:
    _change_layout(journal, areas=(Area("floor", 3, 10),))


def row_of_fewer_than_no_seats(journal: Journal) -> None:
    _change_layout(journal, sections=(*LAYOUT.sections, Section("C", (Row("1", 0, 1, -1),))))


def labels_that_are_too_few(journal: Journal) -> None:
    _change_layout(journal, sections=(*LAYOUT.sections, Section("C", (Row("1", 0, 1, 2, ("left",)),))))


def event_without_units(journal: Journal) -> None:
    journal.change(e.EventCreated, {}, layout=Layout("EUR", LAYOUT.categories, (), ()))


def holds_that_live_no_time(journal: Journal) -> None:
    journal.change(e.EventCreated, {}, hold_ttl_ms=0)


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
        (cap_beyond_two_hours, {Fault.DEADLINE_WRONG}),
        (hold_extended_past_its_cap, {Fault.DEADLINE_WRONG}),
        (hold_number_reused, {Fault.NUMBER_REUSED}),
        (hold_number_out_of_bounds, {Fault.HOLD_MALFORMED}),
        (time_going_back, {Fault.TIME_WENT_BACK}),
        (key_with_two_effects, {Fault.KEY_USED_TWICE}),
        (key_of_another_length, {Fault.KEY_MALFORMED}),
        (fingerprint_of_another_length, {Fault.KEY_MALFORMED}),
        (event_created_again, {Fault.EVENT_ILLEGAL}),
        (sale_opened_again, {Fault.EVENT_ILLEGAL}),
        (resurrected_hold, {Fault.HOLD_NOT_ACTIVE}),
        (hold_released_after_it_was_ordered, {Fault.HOLD_NOT_ACTIVE}),
        (unknown_hold_released, {Fault.HOLD_UNKNOWN}),
        (unknown_order_cancelled, {Fault.ORDER_UNKNOWN}),
        (expired_order_confirmed, {Fault.ORDER_ENDED}),
        (overdue_order_confirmed, {Fault.AFTER_DEADLINE}),
        (order_confirmed_twice, {Fault.ORDER_ENDED}),
        (order_number_out_of_bounds, {Fault.ORDER_MALFORMED}),
        (paid_order_expired, {Fault.ORDER_ENDED}),
        (cancelled_order_confirmed, {Fault.ORDER_ENDED}),
        (order_number_reused, {Fault.NUMBER_REUSED}),
        (hold_expired_early, {Fault.BEFORE_DEADLINE}),
        (order_expired_early, {Fault.BEFORE_DEADLINE}),
        (hold_shortened, {Fault.DEADLINE_WRONG}),
        (hold_that_never_expires, {Fault.NEVER_EXPIRED}),
        (outage_in_the_future, {Fault.OUTAGE_WRONG}),
        (outage_while_others_were_served, {Fault.OUTAGE_WRONG}),
        (holds_that_live_no_time, {Fault.EVENT_ILLEGAL}),
    ],
)
def test_a_planted_fault_is_found_and_nothing_else(spoil: Spoil, expected: set[Fault]) -> None:
    journal = clean_journal()
    spoil(journal)
    assert faults(audit(journal)) == expected


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (hold_while_not_on_sale, Fault.NOT_ON_SALE),
        (outage_without_a_beginning, Fault.OUTAGE_WRONG),
        (two_rows_of_one_name, Fault.LAYOUT_WRONG),
        (two_areas_of_one_name, Fault.LAYOUT_WRONG),
        (area_without_a_price, Fault.LAYOUT_WRONG),
        (row_of_fewer_than_no_seats, Fault.LAYOUT_WRONG),
        (labels_that_are_too_few, Fault.LAYOUT_WRONG),
        (event_without_units, Fault.LAYOUT_WRONG),
    ],
)
def test_a_planted_fault_is_found_among_what_follows_from_it(spoil: Spoil, expected: Fault) -> None:
    journal = clean_journal()
    spoil(journal)
    assert expected in faults(audit(journal))


def test_a_key_may_be_used_again_when_its_life_is_over() -> None:
    journal = clean_journal()
    released = journal.placed(3)
    row, place = journal.find(e.HoldReleased, hold=3)
    later_ms = journal.drafts[row].entries[place].at_ms + 10 * 60_000
    journal.add_hold(at_ms=later_ms, expires_at_ms=later_ms + 1, key=released.key)
    assert audit(journal) == []


def test_a_key_lives_as_long_as_its_hold_though_that_was_extended() -> None:
    journal = clean_journal()
    extended = journal.placed(4)
    later_ms = extended.expires_at_ms + 10 * 60_000
    journal.add_hold(at_ms=later_ms, expires_at_ms=later_ms + 1, key=extended.key)
    assert faults(audit(journal)) == {Fault.KEY_USED_TWICE}


def test_the_books_tell_when_the_fold_itself_forgets_to_give_units_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control of the sums: they are no tautology."""
    monkeypatch.setattr("actors.audit.units.Units.give_back", lambda *_, **__: None)
    assert UNITS in faults(audit(clean_journal()))
