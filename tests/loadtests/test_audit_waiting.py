"""The audit finds each planted fault in who waits, what is offered, and whose turn it is."""

import msgspec
import pytest

from actors.audit import wishes
from actors.audit.findings import Fault
from actors.core import entries as e
from actors.core.replies import EventStatus
from actors.core.rules import Allotment
from actors.core.wishes import AreaPlaces, BestSeats, Span, Wish
from tests.loadtests.journals import KEY, PRINT, Journal, Spoil, audit, faults
from tests.loadtests.planting import KEYS, a_hold, cancel_101, changed_status, edited, exchanged, offer, score, waiting
from tests.loadtests.whole_house import CLAIM_MS, LAST_RULES, SLOT_MS, SLOTS_FROM_MS
from tests.loadtests.whole_journal import journal_before_correction


def number_of_a_waiter(journal: Journal) -> None:
    journal.add(a_hold(journal, "H/2/3", hold=23))


def waiter_with_the_number_of_a_hold(journal: Journal) -> None:
    journal.add(waiting(journal, 13, Wish(("A/1/1",))))


def waiter_without_a_number(journal: Journal) -> None:
    journal.add(waiting(journal, 0, Wish(("A/1/1",))))


def waits_for_what_is_not_there(journal: Journal) -> None:
    journal.add(waiting(journal, 98, Wish(("A/9/1",))))


def waits_for_absurdly_much(journal: Journal) -> None:
    journal.add(waiting(journal, 98, Wish(best=(BestSeats(1 << 60),))))


def waits_until_the_end_of_time(journal: Journal) -> None:
    span = Span("court 1", SLOTS_FROM_MS, SLOTS_FROM_MS + (SLOT_MS << 30))
    journal.add(waiting(journal, 98, Wish(spans=(span,))))


def waits_for_part_of_a_table(journal: Journal) -> None:
    journal.add(waiting(journal, 98, Wish(("T/t2/1",))))


def waits_for_what_is_not_sold_so(journal: Journal) -> None:
    journal.add(waiting(journal, 98, Wish(("A/1/1",), seat_types=(("A/1/1", "member"),))))


def waits_for_more_than_the_limit(journal: Journal) -> None:
    journal.add(waiting(journal, 98, Wish(best=(BestSeats(9),))))


def waits_through_an_unknown_channel(journal: Journal) -> None:
    journal.add(waiting(journal, 98, Wish(("A/1/1",), channel="nobody")))


def waits_without_a_list(journal: Journal) -> None:
    journal.add(edited(journal, rules=msgspec.structs.replace(LAST_RULES, waiting_list=None)))
    journal.add(waiting(journal, 98, Wish(("A/1/1",))))


def waits_while_paused(journal: Journal) -> None:
    journal.add(changed_status(journal, EventStatus.PAUSED), waiting(journal, 98, Wish(("A/1/1",))))


def waits_for_a_longer_row(journal: Journal) -> None:
    journal.add(waiting(journal, 98, Wish(best=(BestSeats(5, ("T",)),))))


def waits_for_a_larger_area(journal: Journal) -> None:
    journal.add(waiting(journal, 98, Wish(areas=(AreaPlaces("terrace", 7),))))


def waits_for_accessible_seats_where_none_are(journal: Journal) -> None:
    journal.add(waiting(journal, 98, Wish(best=(BestSeats(1, ("T",), accessible=1),))))


def waits_too_often(journal: Journal) -> None:
    for number in range(21):
        key = bytes((200 + number,)) * 16
        journal.add(waiting(journal, 300 + number, Wish(("A/1/1",)), "pat", key))


def leaves_twice(journal: Journal) -> None:
    journal.add(e.WaiterLeft(journal.last_ms, 22, KEYS[1], PRINT))


def waits_after_the_close(journal: Journal) -> None:
    """Who waits has left with the close."""
    journal.add(changed_status(journal, EventStatus.CLOSED), e.WaiterLeft(journal.last_ms, 23, KEYS[0], PRINT))


def offer_to_nobody(journal: Journal) -> None:
    journal.add(offer(journal, 97, "H/2/3"))


def offer_under_another_number(journal: Journal) -> None:
    cancel_101(journal)
    journal.add(offer(journal, 23, "A/1/1", hold=97))


def offer_with_a_key(journal: Journal) -> None:
    cancel_101(journal)
    journal.add(offer(journal, 23, "A/1/1", key=KEY, fingerprint=PRINT))


def offer_of_something_else(journal: Journal) -> None:
    """Before 23 is offered what it waits for, which makes it 23's turn as well."""
    journal.add(offer(journal, 23, "H/2/3"))


def offer_to_another_buyer(journal: Journal) -> None:
    cancel_101(journal)
    journal.add(offer(journal, 23, "A/1/1", buyer="zoe"))


def offer_for_another_time(journal: Journal) -> None:
    cancel_101(journal)
    journal.add(offer(journal, 23, "A/1/1", expires_at_ms=journal.last_ms + CLAIM_MS + 1))


def offer_at_another_price_type(journal: Journal) -> None:
    cancel_101(journal)
    journal.add(waiting(journal, 98, Wish(("A/1/2",), seat_types=(("A/1/2", "child"),)), "hal"))
    journal.add(offer(journal, 23, "A/1/1"), offer(journal, 98, "A/1/2"))


def offer_of_too_few_seats(journal: Journal) -> None:
    journal.add(waiting(journal, 98, Wish(best=(BestSeats(2, ("T",)),))))
    journal.add(offer(journal, 98, "T/t1/3", buyer="zoe", chosen=((score(journal, "T/t1/3"), 1),)))


def offer_of_another_section(journal: Journal) -> None:
    journal.add(waiting(journal, 98, Wish(best=(BestSeats(1, ("T",)),))))
    journal.add(offer(journal, 98, "H/2/3", buyer="zoe", chosen=((score(journal, "H/2/3"), 0),)))


def sets_access_aside(journal: Journal) -> None:
    """The accessible A/2/6 is in an allotment, and kept for who needs one for ever."""
    box = Allotment("all of the box", "box", ("A/2",))
    journal.add(edited(journal, rules=msgspec.structs.replace(LAST_RULES, allotments=(box,), accessible_until_ms=0)))


def offer_of_what_is_kept_for_access(journal: Journal) -> None:
    sets_access_aside(journal)
    journal.add(waiting(journal, 98, Wish(("A/2/6",), channel="box")))
    journal.add(offer(journal, 98, "A/2/6", buyer="zoe", channel="box"))


def newcomer_before_who_waits(journal: Journal) -> None:
    cancel_101(journal)
    journal.add(a_hold(journal, "A/1/1"))


def exchange_before_who_waits(journal: Journal) -> None:
    cancel_101(journal)
    journal.add(exchanged(journal, (0,), a_hold(journal, "A/1/1"), 102))


def later_before_earlier(journal: Journal) -> None:
    journal.add(waiting(journal, 98, Wish(("A/1/1", "A/1/2")), "hal"))
    cancel_101(journal)
    journal.add(offer(journal, 98, "A/1/1", "A/1/2"))


def later_before_earlier_of_best_seats_and_places(journal: Journal) -> None:
    """All of the terrace that is not the house's, and both seats of table t1 that are left."""
    wish = Wish((), (AreaPlaces("terrace", 1),), (BestSeats(2, ("T",)),))
    journal.add(waiting(journal, 98, wish), waiting(journal, 97, Wish(("H/2/3",)), "ivy", KEYS[8]))
    journal.add(offer(journal, 97, "H/2/3", buyer="ivy"))


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (number_of_a_waiter, {Fault.NUMBER_REUSED}),
        (waiter_with_the_number_of_a_hold, {Fault.NUMBER_REUSED}),
        (waiter_without_a_number, {Fault.WAITER_MALFORMED}),
        (waits_for_what_is_not_there, {Fault.WAITER_MALFORMED}),
        (waits_for_absurdly_much, {Fault.WAITER_MALFORMED}),
        (waits_until_the_end_of_time, {Fault.WAITER_MALFORMED}),
        (waits_for_part_of_a_table, {Fault.WAITER_MALFORMED}),
        (waits_for_what_is_not_sold_so, {Fault.WAITER_MALFORMED}),
        (waits_for_more_than_the_limit, {Fault.WAITER_MALFORMED}),
        (waits_through_an_unknown_channel, {Fault.WAITER_MALFORMED}),
        (waits_without_a_list, {Fault.WAITER_MALFORMED}),
        (waits_while_paused, {Fault.WAITER_MALFORMED}),
        (waits_for_a_longer_row, {Fault.WAITER_MALFORMED}),
        (waits_for_a_larger_area, {Fault.WAITER_MALFORMED}),
        (waits_for_accessible_seats_where_none_are, {Fault.WAITER_MALFORMED}),
        (waits_too_often, {Fault.WAITER_MALFORMED}),
        (leaves_twice, {Fault.WAITER_UNKNOWN}),
        (waits_after_the_close, {Fault.WAITER_UNKNOWN}),
        (offer_to_nobody, {Fault.WAITER_UNKNOWN}),
        (offer_under_another_number, {Fault.NUMBER_REUSED}),
        (offer_with_a_key, {Fault.KEY_MALFORMED}),
        (offer_of_something_else, {Fault.OFFER_DIFFERS}),
        (offer_to_another_buyer, {Fault.OFFER_DIFFERS}),
        (offer_for_another_time, {Fault.DEADLINE_WRONG}),
        (offer_at_another_price_type, {Fault.OFFER_DIFFERS}),
        (offer_of_too_few_seats, {Fault.OFFER_DIFFERS}),
        (offer_of_another_section, {Fault.OFFER_DIFFERS}),
        (offer_of_what_is_kept_for_access, {Fault.OFFER_DIFFERS}),
        (newcomer_before_who_waits, {Fault.OUT_OF_TURN}),
        (exchange_before_who_waits, {Fault.OUT_OF_TURN}),
        (later_before_earlier, {Fault.OUT_OF_TURN}),
        (later_before_earlier_of_best_seats_and_places, {Fault.OUT_OF_TURN}),
    ],
)
def test_a_planted_fault_is_found_and_nothing_else(spoil: Spoil, expected: set[Fault]) -> None:
    journal = journal_before_correction()
    spoil(journal)
    assert faults(audit(journal)) == expected


@pytest.mark.parametrize(("asks", "expected"), [(False, set()), (True, {Fault.OUT_OF_TURN})])
def test_who_does_not_ask_for_access_is_passed_over(asks: bool, expected: set[Fault]) -> None:
    journal = journal_before_correction()
    sets_access_aside(journal)
    journal.add(waiting(journal, 98, Wish(("A/2/6",), channel="box", accessible=asks)))
    journal.add(waiting(journal, 97, Wish(("A/2/6",), channel="box", accessible=True), "ivy", KEYS[8]))
    journal.add(offer(journal, 97, "A/2/6", buyer="ivy", channel="box"))
    assert faults(audit(journal)) == expected


def test_negative_control_an_allotment_is_all_that_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wishes, "kept_for_access", lambda books, units: [])
    with pytest.raises(AssertionError):
        test_a_planted_fault_is_found_and_nothing_else(offer_of_what_is_kept_for_access, {Fault.OFFER_DIFFERS})
    with pytest.raises(AssertionError):
        test_who_does_not_ask_for_access_is_passed_over(False, set())
