"""The audit finds each planted fault in a desk's baskets, in their legs, and between the two."""

from collections.abc import Callable

import msgspec
import pytest

from actors.core import entries as e
from actors.core.baskets import LegPlan
from actors.core.wishes import Wish
from loadtests.audit.findings import Fault
from tests.loadtests.basket_journals import basket_journals
from tests.loadtests.basket_shops import DESK, FIRST, SECOND, THIRD
from tests.loadtests.journals import PRINT, Journal, audit_together, faults

KEYS = tuple(bytes(4) + bytes([number]) * 12 for number in range(1, 9))
"""Keys whose desk is the journals' own."""
DEADLINE_MS = 30_000

Plant = Callable[["Journals"], None]


class Journals:
    """The clean journals, by what they are of."""

    def __init__(self) -> None:
        self.all = basket_journals()
        self.desk, self.first, self.second, self.third = self.all
        assert [journal.block for journal in self.all] == [DESK, FIRST, SECOND, THIRD]

    def at_desk(self, *entries: e.Entry) -> None:
        """More entries, at the end of the desk's journal."""
        self.desk.add(*entries)

    @property
    def now_ms(self) -> int:
        """The time of the last entry, in all of them."""
        return max(journal.last_ms for journal in self.all)

    def found(self, *, whole: bool = True) -> set[Fault]:
        """The kinds of what the audit finds."""
        return faults(audit_together(self.all, whole=whole))


def meant(journals: Journals, **changes: object) -> e.BasketIntended:
    """One more basket, over the last two events, right but for `changes`."""
    at_ms = journals.now_ms
    legs = (LegPlan(SECOND, 901, Wish(("A/2/2",))), LegPlan(THIRD, 902, Wish(("A/2/2",))))
    entry = e.BasketIntended(at_ms, "organizer", 90, "zoe", legs, 60_000, at_ms + 10_000, KEYS[0], PRINT)
    return msgspec.structs.replace(entry, **changes)


def pinned(journal: Journal, number: int, **changes: object) -> e.LegPinned:
    """The entry by which the leg was pinned."""
    row, place = journal.find(e.LegPinned, leg=number)
    entry = journal.drafts[row].entries[place]
    assert isinstance(entry, e.LegPinned)
    return msgspec.structs.replace(entry, **changes)


def held_by(journals: Journals, basket: int) -> e.BasketSettled:
    row, place = journals.desk.find(e.BasketSettled, basket=basket)
    entry = journals.desk.drafts[row].entries[place]
    assert isinstance(entry, e.BasketSettled)
    return entry


def change_held(journals: Journals, basket: int, number: int, **changes: object) -> None:
    held = list(held_by(journals, basket).held)
    held[number] = msgspec.structs.replace(held[number], **changes)
    journals.desk.change(e.BasketSettled, {"basket": basket}, held=tuple(held))


def left_out(journal: Journal, kind: type[e.Entry], **fields: object) -> None:
    row, place = journal.find(kind, **fields)
    del journal.drafts[row].entries[place]


# What may be.


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


@pytest.mark.parametrize(
    "plant",
    [
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


# The desk alone.


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
    journals.second.add(_pin(journals, (2,)))


def pinned_at_another_price(journals: Journals) -> None:
    journals.at_desk(meant(journals, legs=(LegPlan(SECOND, 901, Wish(("A/2/2",))),)))
    journals.second.add(_pin(journals, (7,), prices=((1, 1, 1_999),)))


def pinned_after_the_event_was_cancelled(journals: Journals) -> None:
    journals.at_desk(meant(journals, legs=(LegPlan(THIRD, 901, Wish(("A/2/2",))),)))
    journals.third.add(_pin(journals, (7,)))


def _pin(journals: Journals, seats: tuple[int, ...], **changes: object) -> e.LegPinned:
    """Leg 901 of basket 90, in a plain event."""
    at_ms = journals.now_ms
    price = ((1, len(seats), 2_000),) if seats[0] > 5 else ((0, len(seats), 5_000),)
    pin = e.LegPinned(
        at_ms, 901, DESK, 90, 1, "zoe", seats, (), price, (), (), (), "", (), (), at_ms + 15_000
    )  # fmt: skip
    return msgspec.structs.replace(pin, **changes)


# Legs against desks.


def pinned_for_nobody(journals: Journals) -> None:
    journals.second.add(_pin(journals, (7,)))


def pinned_for_another_buyer(journals: Journals) -> None:
    journals.at_desk(meant(journals, legs=(LegPlan(SECOND, 901, Wish(("A/2/2",))),)))
    journals.second.add(_pin(journals, (7,), buyer="eve"))


def pinned_for_another_basket(journals: Journals) -> None:
    journals.at_desk(meant(journals, legs=(LegPlan(SECOND, 901, Wish(("A/2/2",))),)))
    journals.second.add(_pin(journals, (7,), basket=1))


def pinned_until_tomorrow(journals: Journals) -> None:
    journals.at_desk(meant(journals, legs=(LegPlan(SECOND, 901, Wish(("A/2/2",))),)))
    journals.second.add(_pin(journals, (7,), ask_at_ms=journals.now_ms + 86_400_000))


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
        (held_after_the_time_for_placing, Fault.AFTER_DEADLINE),
        (held_with_another_leg, Fault.BASKET_MALFORMED),
        (held_in_two_currencies, Fault.BASKET_MALFORMED),
        (held_otherwise_than_wished, Fault.BASKET_MALFORMED),
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
