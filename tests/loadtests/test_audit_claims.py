"""The audit finds each planted fault in who may have what, at what price, by what choice, and with what tickets."""

import msgspec
import pytest

from actors.audit.findings import Fault
from actors.core import entries as e
from actors.core.replies import EventStatus, OrderStatus
from actors.core.rules import Window
from tests.loadtests.journals import PRINT, START_MS, Journal, Spoil, audit, faults
from tests.loadtests.planting import (
    KEYS,
    a_hold,
    cancel_101,
    changed_status,
    edited,
    exchanged,
    later,
    offer,
    score,
    sell_whole_table,
    slot,
)
from tests.loadtests.whole_house import HOUR_MS, LAST_RULES, SLOT_MS, SLOTS_FROM_MS, WHOLE_RULES
from tests.loadtests.whole_journal import journal_before_correction


def hold_through_its_channel(journal: Journal) -> None:
    journal.add(a_hold(journal, "H/2/4", channel="box"))


def three_places_of_the_terrace(journal: Journal) -> None:
    journal.add(a_hold(journal, areas=(("terrace", 3),)))


def whole_table_sold_and_cancelled(journal: Journal) -> None:
    sell_whole_table(journal)
    journal.add(e.OrderCancelled(journal.last_ms, 199, KEYS[1], PRINT))


def slot_a_buffer_away(journal: Journal) -> None:
    journal.add(a_hold(journal, slot("court 2", 2)))


def slot_beside_its_own(journal: Journal) -> None:
    """Order 104 is closed; another one on court 2 is exchanged for the slot behind its own."""
    journal.add(a_hold(journal, slot("court 2", 2)))
    at_ms = journal.last_ms
    journal.add(e.OrderPlaced(at_ms, 199, 99, KEYS[5], PRINT), e.OrderConfirmed(at_ms, 199, KEYS[6], PRINT))
    journal.add(exchanged(journal, (0,), a_hold(journal, slot("court 2", 2), slot("court 2", 3)), 199))


def offer_in_turn(journal: Journal) -> None:
    cancel_101(journal)
    journal.add(offer(journal, 23, "A/1/1"), a_hold(journal, "A/1/2"))


def exchange_of_as_many_over_the_limit(journal: Journal) -> None:
    """gus has 8 of at most 8; with fewer for each, one may still be exchanged for one."""
    journal.add(edited(journal, rules=msgspec.structs.replace(LAST_RULES, max_per_buyer=1, allotments=())))
    journal.add(exchanged(journal, (0,), a_hold(journal, "H/2/5")))


def event_cancelled(journal: Journal) -> None:
    journal.add(changed_status(journal, EventStatus.CANCELLED))
    journal.add(changed_status(journal, EventStatus.ARCHIVED, KEYS[8]))


@pytest.mark.parametrize(
    "go_on",
    [
        hold_through_its_channel,
        three_places_of_the_terrace,
        whole_table_sold_and_cancelled,
        slot_a_buffer_away,
        slot_beside_its_own,
        offer_in_turn,
        exchange_of_as_many_over_the_limit,
        event_cancelled,
    ],
)
def test_what_is_right_is_not_found(go_on: Spoil) -> None:
    journal = journal_before_correction()
    go_on(journal)
    assert [str(finding) for finding in audit(journal)] == []


# Who may have what.


def unit_of_the_house(journal: Journal) -> None:
    journal.add(a_hold(journal, "H/2/5", channel="box"))


def unit_of_another_channel(journal: Journal) -> None:
    journal.add(a_hold(journal, "H/2/4", channel="presale"))


def places_of_the_house(journal: Journal) -> None:
    """4 places of the terrace are left, of which the house keeps one."""
    journal.add(a_hold(journal, areas=(("terrace", 4),)))


def more_places_than_there_are(journal: Journal) -> None:
    journal.add(a_hold(journal, areas=(("terrace", 5),)))


def unknown_channel(journal: Journal) -> None:
    journal.add(a_hold(journal, "H/2/3", channel="boxoffice"))


def after_the_window_of_its_channel(journal: Journal) -> None:
    journal.add(a_hold(journal, "H/2/3", channel="presale", **later(journal, START_MS + HOUR_MS)))


def after_the_window_of_the_event(journal: Journal) -> None:
    journal.add(edited(journal, rules=msgspec.structs.replace(LAST_RULES, window=Window(0, journal.last_ms))))
    journal.add(a_hold(journal, "H/2/3"))


def while_paused(journal: Journal) -> None:
    journal.add(changed_status(journal, EventStatus.PAUSED))
    journal.add(a_hold(journal, "H/2/3"))


def part_of_a_table(journal: Journal) -> None:
    journal.add(a_hold(journal, "T/t2/1", "T/t2/2"))


def slot_that_has_begun(journal: Journal) -> None:
    journal.add(a_hold(journal, slot("court 1", 3), **later(journal, SLOTS_FROM_MS + 3 * SLOT_MS)))


def slot_within_a_buffer(journal: Journal) -> None:
    journal.add(a_hold(journal, slot("court 2", 1)))


def over_the_limit(journal: Journal) -> None:
    """ben has 5 units as order 102, and 3 as 121."""
    journal.add(a_hold(journal, "H/2/3", buyer="ben"))


def nobodys_under_a_limit(journal: Journal) -> None:
    journal.add(a_hold(journal, "H/2/3", buyer=""))


def over_the_limit_by_an_exchange(journal: Journal) -> None:
    journal.add(exchanged(journal, (0,), a_hold(journal, "H/2/3", "A/1/8"), 102))


def life_of_other_rules(journal: Journal) -> None:
    journal.add(a_hold(journal, "H/2/3", max_expires_at_ms=journal.last_ms + WHOLE_RULES.max_hold_life_ms))


# Money.


def no_fees(journal: Journal) -> None:
    journal.add(a_hold(journal, "H/2/3", charges=()))


def another_fee(journal: Journal) -> None:
    journal.add(a_hold(journal, "H/2/3", charges=((76, 332),)))


def price_before_the_edit(journal: Journal) -> None:
    journal.add(a_hold(journal, "H/2/3", prices=((3, 1, 2000),)))


def price_type_that_is_not_sold(journal: Journal) -> None:
    """The cheapest category has two more price types; courts have none."""
    journal.add(a_hold(journal, slot("court 1", 2), prices=((10, 1, 0),)))


def price_by_the_hour(journal: Journal) -> None:
    journal.add(a_hold(journal, slot("court 1", 2), prices=((9, 1, 3340),)))


def lines_of_each_other(journal: Journal) -> None:
    placed = a_hold(journal, "H/2/3", "A/1/8")
    journal.add(msgspec.structs.replace(placed, lines=placed.lines[::-1]))


def dearer_exchange(journal: Journal) -> None:
    placed = a_hold(journal, "H/2/3")
    journal.add(exchanged(journal, (0,), msgspec.structs.replace(placed, prices=((3, 1, 1),))))


# Choices.


def another_score(journal: Journal) -> None:
    journal.add(a_hold(journal, "H/2/3", chosen=((1_000_000, 0),)))


def other_orphans(journal: Journal) -> None:
    """H/2/3 stands alone: those beside it are held or set aside."""
    journal.add(a_hold(journal, "H/2/3", chosen=((score(journal, "H/2/3"), 1),)))


def more_choices_than_seats(journal: Journal) -> None:
    journal.add(a_hold(journal, "H/2/3", chosen=((score(journal, "H/2/3"), 0),) * 2))


# Tickets.


def tickets_cancelled_twice(journal: Journal) -> None:
    journal.add(e.TicketsCancelled(journal.last_ms, 103, (0,), KEYS[1], PRINT))


def ticket_that_never_was(journal: Journal) -> None:
    journal.add(e.TicketsCancelled(journal.last_ms, 103, (5,), KEYS[1], PRINT))


def one_ticket_twice(journal: Journal) -> None:
    journal.add(e.TicketsCancelled(journal.last_ms, 103, (1, 1), KEYS[1], PRINT))


def no_tickets(journal: Journal) -> None:
    journal.add(e.TicketsCancelled(journal.last_ms, 103, (), KEYS[1], PRINT))


def all_tickets(journal: Journal) -> None:
    journal.add(e.TicketsCancelled(journal.last_ms, 103, (1, 3, 4), KEYS[1], PRINT))


def tickets_of_an_unpaid_order(journal: Journal) -> None:
    journal.add(e.TicketsCancelled(journal.last_ms, 109, (0,), KEYS[1], PRINT))


def tickets_of_a_closed_order(journal: Journal) -> None:
    journal.add(e.TicketsCancelled(journal.last_ms, 104, (0,), KEYS[1], PRINT))


def exchange_of_a_void_ticket(journal: Journal) -> None:
    journal.add(exchanged(journal, (0,), a_hold(journal, "H/2/3"), 103))


def exchange_for_what_another_has(journal: Journal) -> None:
    journal.add(exchanged(journal, (0,), a_hold(journal, "A/3/1")))


def part_of_a_table_cancelled(journal: Journal) -> None:
    sell_whole_table(journal)
    journal.add(e.TicketsCancelled(journal.last_ms, 199, (0,), KEYS[1], PRINT))


def void_ticket_reassigned(journal: Journal) -> None:
    journal.add(e.TicketReassigned(journal.last_ms, 103, 0, "ivy", KEYS[1], PRINT))


def ticket_reassigned_to_nobody(journal: Journal) -> None:
    journal.add(e.TicketReassigned(journal.last_ms, 103, 1, "", KEYS[1], PRINT))


def order_without_slots_closed(journal: Journal) -> None:
    journal.add(e.OrderClosed(journal.last_ms, 101, OrderStatus.NO_SHOW, KEYS[1], PRINT))


def order_closed_as_cancelled(journal: Journal) -> None:
    journal.change(e.OrderClosed, {}, status=OrderStatus.CANCELLED)


def closed_order_cancelled(journal: Journal) -> None:
    journal.add(e.OrderCancelled(journal.last_ms, 104, KEYS[1], PRINT))


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (unit_of_the_house, {Fault.SET_ASIDE}),
        (unit_of_another_channel, {Fault.SET_ASIDE}),
        (places_of_the_house, {Fault.SET_ASIDE}),
        (more_places_than_there_are, {Fault.AREA_OVER_CAPACITY}),
        (unknown_channel, {Fault.CHANNEL_UNKNOWN}),
        (after_the_window_of_its_channel, {Fault.NOT_ON_SALE}),
        (after_the_window_of_the_event, {Fault.NOT_ON_SALE}),
        (while_paused, {Fault.NOT_ON_SALE}),
        (part_of_a_table, {Fault.TABLE_NOT_WHOLE}),
        (slot_that_has_begun, {Fault.SLOT_BEGUN}),
        (slot_within_a_buffer, {Fault.BUFFER_BROKEN}),
        (over_the_limit, {Fault.OVER_LIMIT}),
        (nobodys_under_a_limit, {Fault.OVER_LIMIT}),
        (over_the_limit_by_an_exchange, {Fault.OVER_LIMIT}),
        (life_of_other_rules, {Fault.DEADLINE_WRONG}),
        (no_fees, {Fault.PRICE_WRONG}),
        (another_fee, {Fault.PRICE_WRONG}),
        (price_before_the_edit, {Fault.PRICE_WRONG}),
        (price_type_that_is_not_sold, {Fault.PRICE_WRONG}),
        (price_by_the_hour, {Fault.PRICE_WRONG}),
        (lines_of_each_other, {Fault.PRICE_WRONG}),
        (dearer_exchange, {Fault.PRICE_WRONG}),
        (another_score, {Fault.CHOICE_WRONG}),
        (other_orphans, {Fault.CHOICE_WRONG}),
        (more_choices_than_seats, {Fault.CHOICE_WRONG}),
        (tickets_cancelled_twice, {Fault.TICKETS_WRONG}),
        (ticket_that_never_was, {Fault.TICKETS_WRONG}),
        (one_ticket_twice, {Fault.TICKETS_WRONG}),
        (no_tickets, {Fault.TICKETS_WRONG}),
        (all_tickets, {Fault.TICKETS_WRONG}),
        (tickets_of_an_unpaid_order, {Fault.ORDER_ENDED}),
        (tickets_of_a_closed_order, {Fault.ORDER_ENDED}),
        (exchange_of_a_void_ticket, {Fault.TICKETS_WRONG}),
        (exchange_for_what_another_has, {Fault.UNIT_CLAIMED_TWICE, Fault.UNITS_DO_NOT_ADD_UP}),
        (part_of_a_table_cancelled, {Fault.TABLE_NOT_WHOLE}),
        (void_ticket_reassigned, {Fault.TICKETS_WRONG}),
        (ticket_reassigned_to_nobody, {Fault.TICKETS_WRONG}),
        (order_without_slots_closed, {Fault.ORDER_NOT_DUE}),
        (closed_order_cancelled, {Fault.ORDER_ENDED}),
    ],
)
def test_a_planted_fault_is_found_and_nothing_else(spoil: Spoil, expected: set[Fault]) -> None:
    journal = journal_before_correction()
    spoil(journal)
    assert faults(audit(journal)) == expected


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (order_closed_as_cancelled, Fault.ORDER_MALFORMED),
    ],
)
def test_a_planted_fault_is_found_among_what_follows_from_it(spoil: Spoil, expected: Fault) -> None:
    journal = journal_before_correction()
    spoil(journal)
    assert expected in faults(audit(journal))
