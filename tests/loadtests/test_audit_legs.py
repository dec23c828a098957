"""The audit finds each planted fault in the legs of baskets, in their block and against their desk."""

import msgspec
import pytest

from actors.audit.findings import Fault
from actors.core import entries as e
from actors.core.baskets import LegPlan
from actors.core.wishes import Wish
from tests.loadtests.basket_planting import (
    KEYS,
    Journals,
    Plant,
    a_pin,
    change_held,
    held_by,
    left_out,
    meant,
    pinned,
)
from tests.loadtests.basket_shops import SECOND, THIRD
from tests.loadtests.journals import PRINT, audit_together

# Legs alone.


def booked_twice(journals: Journals) -> None:
    journals.third.add(e.LegBooked(journals.now_ms, 102, 9))


def booked_unknown(journals: Journals) -> None:
    journals.second.add(e.LegBooked(journals.now_ms, 999, 2))


def done_under_a_lower_revision(journals: Journals) -> None:
    journals.second.add(e.LegReleased(journals.now_ms, 12, 2, (0,)))


def pinned_after_it_was_barred(journals: Journals) -> None:
    entry = pinned(journals.second, 122, leg=22, at_ms=journals.now_ms)
    journals.second.add(entry)


def barred_though_it_is_there(journals: Journals) -> None:
    journals.second.add(e.LegBarred(journals.now_ms, 112, 2, journals.now_ms + 86_400_000))


def barred_for_a_moment(journals: Journals) -> None:
    row, place = journals.second.find(e.LegBarred)
    entry = journals.second.drafts[row].entries[place]
    assert isinstance(entry, e.LegBarred)
    journals.second.drafts[row].entries[place] = msgspec.structs.replace(entry, until_ms=entry.until_ms - 1)


def barred_again(journals: Journals, after_ms: int) -> None:
    """Once more under the revision under which it was barred, so long after that."""
    row, place = journals.second.find(e.LegBarred)
    first = journals.second.drafts[row].entries[place]
    assert isinstance(first, e.LegBarred)
    lasts_ms = first.until_ms - first.at_ms
    at_ms = first.at_ms + after_ms
    journals.second.add(msgspec.structs.replace(first, at_ms=at_ms, until_ms=at_ms + lasts_ms))


def pinned_under_another_revision(journals: Journals) -> None:
    journals.second.change(e.LegPinned, {"leg": 112}, revision=0)


def leg_released_as_a_hold(journals: Journals) -> None:
    journals.second.add(e.HoldReleased(journals.now_ms, 112, KEYS[1], PRINT))


def leg_expired_as_a_hold(journals: Journals) -> None:
    journals.second.add(e.HoldExpired(journals.now_ms + 3_600_000, 112))


def leg_ordered_as_a_hold(journals: Journals) -> None:
    journals.second.add(e.OrderPlaced(journals.now_ms, 901, 112, KEYS[1], PRINT))


def leg_cancelled_as_an_order(journals: Journals) -> None:
    journals.second.add(e.OrderCancelled(journals.now_ms, 12, KEYS[1], PRINT))


def void_tickets_released(journals: Journals) -> None:
    journals.second.add(e.LegReleased(journals.now_ms, 12, 9, (1,)))


def unbooked_tickets_released(journals: Journals) -> None:
    journals.second.add(e.LegReleased(journals.now_ms, 112, 2, (1,)))


def pinned_what_another_has(journals: Journals) -> None:
    """A/1/3 is leg 112's."""
    journals.at_desk(meant(journals, legs=(LegPlan(SECOND, 901, Wish(("A/1/3",))),)))
    journals.second.add(a_pin(journals, (2,)))


def pinned_at_another_price(journals: Journals) -> None:
    journals.at_desk(meant(journals, legs=(LegPlan(SECOND, 901, Wish(("A/2/2",))),)))
    journals.second.add(a_pin(journals, (7,), prices=((1, 1, 1_999),)))


def pinned_after_the_event_was_cancelled(journals: Journals) -> None:
    journals.at_desk(meant(journals, legs=(LegPlan(THIRD, 901, Wish(("A/2/2",))),)))
    journals.third.add(a_pin(journals, (7,)))


# Legs against desks.


def pinned_for_nobody(journals: Journals) -> None:
    journals.second.add(a_pin(journals, (7,)))


def pinned_for_another_buyer(journals: Journals) -> None:
    journals.at_desk(meant(journals, legs=(LegPlan(SECOND, 901, Wish(("A/2/2",))),)))
    journals.second.add(a_pin(journals, (7,), buyer="eve"))


def pinned_for_another_basket(journals: Journals) -> None:
    journals.at_desk(meant(journals, legs=(LegPlan(SECOND, 901, Wish(("A/2/2",))),)))
    journals.second.add(a_pin(journals, (7,), basket=1))


def pinned_until_tomorrow(journals: Journals) -> None:
    journals.at_desk(meant(journals, legs=(LegPlan(SECOND, 901, Wish(("A/2/2",))),)))
    journals.second.add(a_pin(journals, (7,), ask_at_ms=journals.now_ms + 86_400_000))


def desk_says_another_price(journals: Journals) -> None:
    held = held_by(journals, 11).held[1]
    line = msgspec.structs.replace(held.lines[0], price=held.lines[0].price + 1)
    change_held(journals, 11, 1, lines=(line, *held.lines[1:]))
    journals.desk.replies.clear()


def desk_says_another_seat(journals: Journals) -> None:
    seats = held_by(journals, 11).held[1].seats
    change_held(journals, 11, 1, seats=(*seats[:-1], "A/1/6"))
    journals.desk.replies.clear()


def desk_holds_what_no_leg_has(journals: Journals) -> None:
    """Leg 112 was never pinned."""
    left_out(journals.second, e.LegPinned, leg=112)


def booked_without_a_demand(journals: Journals) -> None:
    journals.second.add(e.LegBooked(journals.now_ms, 112, 2))


def booked_instead_of_released(journals: Journals) -> None:
    journals.at_desk(e.HoldReleased(journals.now_ms, 11, KEYS[1], PRINT))
    journals.second.add(e.LegBooked(journals.now_ms, 112, 2))


def released_other_tickets(journals: Journals) -> None:
    journals.at_desk(
        e.ExchangeDropped(journals.now_ms, 101), e.TicketsCancelled(journals.now_ms, 101, (4,), KEYS[1], PRINT)
    )
    journals.second.add(e.LegReleased(journals.now_ms, 12, 5, (3,)))


def acknowledged_and_not_done(journals: Journals) -> None:
    journals.at_desk(e.HoldReleased(journals.now_ms, 11, KEYS[1], PRINT))
    journals.at_desk(e.LegAcknowledged(journals.now_ms, 112, 2))


def barred_for_no_desk(journals: Journals) -> None:
    journals.second.add(e.LegBarred(journals.now_ms, 999, 2, journals.now_ms + 86_400_000))


def desk_lost_a_cancellation(journals: Journals) -> None:
    """Basket 3 was released, its legs too: but not in the desk's journal, nor what they acknowledged."""
    left_out(journals.desk, e.HoldReleased, hold=3)
    for leg in (31, 32):
        left_out(journals.desk, e.LegAcknowledged, leg=leg)


def leg_pinned_once_more_after_all_was_over(journals: Journals) -> None:
    """A day later the block does not know any more that the leg of the dropped basket was barred."""
    late_ms = journals.now_ms + 2 * 86_400_000
    entry = pinned(journals.second, 122, leg=22, basket=2, buyer="ben", at_ms=late_ms, seats=(0,), areas=())
    ask_at_ms = pinned(journals.first, 21).ask_at_ms
    journals.second.add(msgspec.structs.replace(entry, prices=((0, 1, 5_000),), lines=(), ask_at_ms=ask_at_ms))


@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        (booked_twice, {Fault.LEG_ENDED, Fault.DEED_NOT_DEMANDED}),
        (booked_unknown, {Fault.LEG_UNKNOWN}),
        (barred_for_a_moment, {Fault.DEADLINE_WRONG}),
        (barred_though_it_is_there, {Fault.LEG_ENDED}),
        (leg_released_as_a_hold, {Fault.HOLD_NOT_ACTIVE}),
        (leg_expired_as_a_hold, {Fault.HOLD_NOT_ACTIVE}),
        (leg_ordered_as_a_hold, {Fault.HOLD_NOT_ACTIVE}),
        (leg_cancelled_as_an_order, {Fault.ORDER_ENDED}),
        (pinned_at_another_price, {Fault.PRICE_WRONG}),
        (pinned_after_the_event_was_cancelled, {Fault.NOT_ON_SALE}),
        (pinned_what_another_has, {Fault.UNIT_CLAIMED_TWICE, Fault.UNITS_DO_NOT_ADD_UP}),
        (pinned_for_nobody, {Fault.LEG_ASTRAY}),
        (pinned_for_another_buyer, {Fault.LEG_DIFFERS}),
        (pinned_for_another_basket, {Fault.LEG_DIFFERS}),
        (pinned_until_tomorrow, {Fault.LEG_DIFFERS}),
        (desk_says_another_price, {Fault.LEG_DIFFERS}),
        (desk_says_another_seat, {Fault.LEG_DIFFERS}),
        (desk_holds_what_no_leg_has, {Fault.LEG_MISSING, Fault.DIGEST_AHEAD_OF_JOURNAL}),
        (booked_without_a_demand, {Fault.DEED_NOT_DEMANDED, Fault.TICKETS_DIFFER}),
        (booked_instead_of_released, {Fault.DEED_NOT_DEMANDED}),
        (released_other_tickets, {Fault.DEED_NOT_DEMANDED}),
        (acknowledged_and_not_done, {Fault.DEED_MISSING, Fault.LEG_LEFT_OVER}),
        (barred_for_no_desk, {Fault.LEG_ASTRAY}),
    ],
)
def test_a_planted_fault_is_found_and_nothing_else(plant: Plant, expected: set[Fault]) -> None:
    journals = Journals()
    plant(journals)
    assert journals.found() == expected


@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        (done_under_a_lower_revision, Fault.REVISION_WRONG),
        (pinned_under_another_revision, Fault.REVISION_WRONG),
        (pinned_after_it_was_barred, Fault.LEG_ENDED),
        (void_tickets_released, Fault.TICKETS_WRONG),
        (unbooked_tickets_released, Fault.TICKETS_WRONG),
        (desk_lost_a_cancellation, Fault.DEED_NOT_DEMANDED),
        (leg_pinned_once_more_after_all_was_over, Fault.LEG_LEFT_OVER),
    ],
)
def test_a_planted_fault_is_found_among_what_follows_from_it(plant: Plant, expected: Fault) -> None:
    journals = Journals()
    plant(journals)
    assert expected in journals.found()


def test_what_needs_both_journals_is_judged_of_both_alone() -> None:
    """Of a desk without its events, and of events without their desk, nothing is said that cannot be known."""
    journals = Journals()
    for journal in journals.all:
        assert audit_together([journal], whole=False) == []
    assert {finding.fault for finding in audit_together([journals.desk])} == {Fault.LEG_MISSING, Fault.DEED_MISSING}
    assert {finding.fault for finding in audit_together([journals.first])} == {Fault.LEG_ASTRAY}


@pytest.mark.parametrize(("after_ms", "found"), [(86_400_000, False), (86_399_999, True)], ids=["forgotten", "known"])
def test_a_leg_may_be_barred_again_once_its_block_has_forgotten_it(after_ms: int, found: bool) -> None:
    journals = Journals()
    barred_again(journals, after_ms)
    assert (Fault.REVISION_WRONG in journals.found()) == found
