"""The audit finds each planted fault in what a desk journals of baskets, and none where there is none."""

import msgspec
import pytest

from actors.audit.findings import Fault
from actors.core import entries as e
from actors.core.baskets import LegPlan
from actors.core.wishes import Wish
from tests.loadtests.basket_planting import (
    DEADLINE_MS,
    KEYS,
    Journals,
    Plant,
    change_held,
    held_by,
    meant,
)
from tests.loadtests.basket_shops import SECOND
from tests.loadtests.journals import PRINT, audit_together


def basket_meant(journals: Journals) -> None:
    journals.at_desk(meant(journals))


def key_of_a_dropped_basket_used_again(journals: Journals) -> None:
    row, place = journals.desk.find(e.BasketDropped)
    dropped = journals.desk.drafts[row].entries[place]
    assert isinstance(dropped, e.BasketDropped)
    row, place = journals.desk.find(e.BasketIntended, basket=dropped.basket)
    before = journals.desk.drafts[row].entries[place]
    assert isinstance(before, e.BasketIntended)
    journals.at_desk(meant(journals, key=before.key))


def nothing_acknowledged_yet(journals: Journals) -> None:
    """The leg has done it, the desk does not know."""
    journals.at_desk(e.HoldReleased(journals.now_ms, 11, KEYS[1], PRINT))
    journals.second.add(e.LegReleased(journals.now_ms, 112, 2, ()))


def exchange_meant_and_nothing_done(journals: Journals) -> None:
    at_ms = journals.now_ms
    plan = LegPlan(SECOND, 903, Wish(("A/2/2",)), ((12, (0,)),))
    journals.at_desk(e.ExchangeDropped(at_ms, 101))
    journals.at_desk(e.ExchangeIntended(at_ms, 101, (4,), plan, at_ms + 10_000, KEYS[1], PRINT))


def journals_end_before_what_they_meant_is_done(journals: Journals) -> None:
    """The second event's journal ends before its last leg is released, and that was not acknowledged."""
    journals.at_desk(e.OrderCancelled(journals.now_ms, 112, KEYS[1], PRINT))


def exchange_dropped_and_its_order_cancelled(journals: Journals) -> None:
    """The leg that the order was to have is released after what it was to stand instead of."""
    at_ms = journals.now_ms
    journals.at_desk(e.ExchangeDropped(at_ms, 101), e.OrderCancelled(at_ms, 101, KEYS[1], PRINT))
    journals.first.add(e.LegReleased(at_ms, 11, 4, (0,)), e.LegReleased(at_ms, 16, 2, ()))


@pytest.mark.parametrize(
    "plant",
    [
        exchange_dropped_and_its_order_cancelled,
        basket_meant,
        key_of_a_dropped_basket_used_again,
        nothing_acknowledged_yet,
        exchange_meant_and_nothing_done,
        journals_end_before_what_they_meant_is_done,
    ],
)
def test_what_is_right_is_not_found(plant: Plant) -> None:
    journals = Journals()
    plant(journals)
    assert [str(finding) for finding in audit_together(journals.all)] == []


def basket_of_another_desks_key(journals: Journals) -> None:
    journals.at_desk(meant(journals, key=b"\1\1\1\1" + bytes(12)))


def basket_of_another_tenant(journals: Journals) -> None:
    journals.at_desk(meant(journals, tenant="somebody else"))


def basket_without_legs(journals: Journals) -> None:
    journals.at_desk(meant(journals, legs=()))


def two_legs_in_one_block(journals: Journals) -> None:
    journals.at_desk(meant(journals, legs=(LegPlan(SECOND, 901, Wish(("A/2/2",))), LegPlan(SECOND, 902, Wish()))))


def leg_number_twice(journals: Journals) -> None:
    journals.at_desk(meant(journals, legs=(LegPlan(SECOND, 11, Wish(("A/2/2",))),)))


def basket_number_twice(journals: Journals) -> None:
    journals.at_desk(meant(journals, basket=1))


def placed_for_hours(journals: Journals) -> None:
    journals.at_desk(meant(journals, place_by_ms=journals.now_ms + DEADLINE_MS + 1))


def key_of_a_held_basket_used_again(journals: Journals) -> None:
    row, place = journals.desk.find(e.BasketIntended, basket=11)
    before = journals.desk.drafts[row].entries[place]
    assert isinstance(before, e.BasketIntended)
    journals.at_desk(meant(journals, key=before.key))


def held_twice(journals: Journals) -> None:
    journals.at_desk(msgspec.structs.replace(held_by(journals, 11), at_ms=journals.now_ms))


def held_after_the_time_for_placing(journals: Journals) -> None:
    at_ms = journals.now_ms
    journals.at_desk(meant(journals, legs=(LegPlan(SECOND, 901, Wish(("A/2/2",))),), place_by_ms=at_ms + 1))
    held = msgspec.structs.replace(held_by(journals, 1).held[1], leg=901, seats=("A/2/2",), areas=(), of_ticket=(0, 1))
    held = msgspec.structs.replace(held, of_ticket=(0,), lines=held.lines[:1])
    journals.at_desk(e.BasketSettled(at_ms + 1, 90, (held,), at_ms + 60_001, at_ms + 7_200_001))


def held_for_longer(journals: Journals) -> None:
    entry = held_by(journals, 11)
    journals.desk.change(e.BasketSettled, {"basket": 11}, max_expires_at_ms=entry.max_expires_at_ms + 1)


def held_with_another_leg(journals: Journals) -> None:
    change_held(journals, 11, 1, leg=999)


def held_in_two_currencies(journals: Journals) -> None:
    change_held(journals, 11, 1, currency="USD")


def held_otherwise_than_wished(journals: Journals) -> None:
    change_held(journals, 4, 1, seats=("A/2/2",))


def held_what_was_dropped(journals: Journals) -> None:
    journals.at_desk(e.BasketSettled(journals.now_ms, 2, (), journals.now_ms + 1, journals.now_ms + 7_200_000))


def dropped_what_is_held(journals: Journals) -> None:
    journals.at_desk(e.BasketDropped(journals.now_ms, 11))


def never_dropped(journals: Journals) -> None:
    """The desk goes on for minutes, and knows that a basket is still to be placed."""
    at_ms = journals.now_ms
    journals.at_desk(meant(journals))
    for later_ms in range(40_000, 200_000, 20_000):
        key = later_ms.to_bytes(16)
        journals.at_desk(e.HoldExtended(at_ms + later_ms, 11, at_ms + 600_000, key, PRINT))


def acknowledged_without_a_demand(journals: Journals) -> None:
    journals.at_desk(e.LegAcknowledged(journals.now_ms, 111, 2))


def acknowledged_twice(journals: Journals) -> None:
    journals.at_desk(e.LegAcknowledged(journals.now_ms, 101, 2))


def exchanged_instead_of_what_is_another_legs(journals: Journals) -> None:
    journals.at_desk(e.ExchangeDropped(journals.now_ms, 101))
    at_ms = journals.now_ms
    plan = LegPlan(SECOND, 903, Wish(("A/2/2",)), ((11, (0,)),))
    journals.at_desk(e.ExchangeIntended(at_ms, 101, (0,), plan, at_ms + 10_000, KEYS[1], PRINT))


def exchanged_for_what_was_not_meant(journals: Journals) -> None:
    held = msgspec.structs.replace(held_by(journals, 1).held[0], leg=16)
    journals.at_desk(e.ExchangeDropped(journals.now_ms, 101), e.ExchangeSettled(journals.now_ms, 101, held))


def void_tickets_exchanged(journals: Journals) -> None:
    at_ms = journals.now_ms
    journals.at_desk(e.ExchangeDropped(at_ms, 101))
    plan = LegPlan(SECOND, 903, Wish(("A/2/2",)))
    journals.at_desk(e.ExchangeIntended(at_ms, 101, (3,), plan, at_ms + 10_000, KEYS[1], PRINT))


def cancelled_while_it_is_exchanged(journals: Journals) -> None:
    journals.at_desk(e.OrderCancelled(journals.now_ms, 101, KEYS[1], PRINT))


def ticket_given_while_it_is_exchanged(journals: Journals) -> None:
    journals.at_desk(e.TicketReassigned(journals.now_ms, 101, 4, "eve", KEYS[1], PRINT))


def void_ticket_cancelled(journals: Journals) -> None:
    journals.at_desk(e.ExchangeDropped(journals.now_ms, 101))
    journals.at_desk(e.TicketsCancelled(journals.now_ms, 101, (3,), KEYS[1], PRINT))


def exchanged_as_if_it_were_no_basket(journals: Journals) -> None:
    exchanged = e.TicketsExchanged(journals.now_ms, 110, (0,), (), (), (), (), (), (), KEYS[1], PRINT)
    journals.at_desk(exchanged)


def ended_without_a_key(journals: Journals) -> None:
    """No event of basket 11 is cancelled."""
    journals.at_desk(e.HoldReleased(journals.now_ms, 11, b"", b""))


@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        (basket_of_another_desks_key, {Fault.BASKET_MALFORMED}),
        (basket_of_another_tenant, {Fault.EVENT_ILLEGAL, Fault.BASKET_MALFORMED}),
        (basket_without_legs, {Fault.BASKET_MALFORMED}),
        (two_legs_in_one_block, {Fault.BASKET_MALFORMED}),
        (leg_number_twice, {Fault.NUMBER_REUSED}),
        (basket_number_twice, {Fault.NUMBER_REUSED}),
        (placed_for_hours, {Fault.BASKET_MALFORMED}),
        (key_of_a_held_basket_used_again, {Fault.KEY_USED_TWICE}),
        (held_twice, {Fault.BASKET_ENDED}),
        (held_what_was_dropped, {Fault.BASKET_ENDED}),
        (dropped_what_is_held, {Fault.BASKET_ENDED}),
        (never_dropped, {Fault.NEVER_EXPIRED}),
        (acknowledged_without_a_demand, {Fault.NOT_DEMANDED}),
        (acknowledged_twice, {Fault.NOT_DEMANDED}),
        (held_for_longer, {Fault.DEADLINE_WRONG}),
        (exchanged_instead_of_what_is_another_legs, {Fault.BASKET_MALFORMED}),
        (exchanged_for_what_was_not_meant, {Fault.BASKET_ENDED}),
        (void_tickets_exchanged, {Fault.TICKETS_WRONG}),
        (cancelled_while_it_is_exchanged, {Fault.EXCHANGE_OPEN}),
        (ticket_given_while_it_is_exchanged, {Fault.EXCHANGE_OPEN}),
        (void_ticket_cancelled, {Fault.TICKETS_WRONG}),
        (exchanged_as_if_it_were_no_basket, {Fault.ORDER_MALFORMED, Fault.EVENT_ILLEGAL}),
        (ended_without_a_key, {Fault.VOIDED_WRONGLY}),
    ],
)
def test_a_planted_fault_is_found_and_nothing_else(plant: Plant, expected: set[Fault]) -> None:
    journals = Journals()
    plant(journals)
    assert journals.found() == expected


@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        (held_after_the_time_for_placing, Fault.AFTER_DEADLINE),
        (held_with_another_leg, Fault.BASKET_MALFORMED),
        (held_in_two_currencies, Fault.BASKET_MALFORMED),
        (held_otherwise_than_wished, Fault.BASKET_MALFORMED),
    ],
)
def test_a_planted_fault_is_found_among_what_follows_from_it(plant: Plant, expected: Fault) -> None:
    journals = Journals()
    plant(journals)
    assert expected in journals.found()
