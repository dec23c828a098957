"""The audit finds each planted fault of a journal that uses all that an event can have, and names it rightly."""

from typing import Any

import msgspec
import pytest

from actors.core import entries as e
from actors.core.layout import Area, Calendar, Layout, Resource
from actors.core.replies import EventStatus, OrderStatus
from actors.core.rules import Allotment, Channel, Rules, WaitingList, Window
from actors.core.wishes import AreaPlaces, BestSeats, Wish
from loadtests.audit.findings import Fault
from tests.loadtests.journals import KEY, PRINT, START_MS, Journal, Spoil, audit, faults
from tests.loadtests.whole_house import (
    CLAIM_MS,
    HOUR_MS,
    LAST_LAYOUT,
    LAST_RULES,
    SLOT_MS,
    SLOTS_FROM_MS,
    WHOLE_RULES,
    a_hold,
    whole_journal,
)

KEYS = tuple(bytes([number]) * 16 for number in range(9))


def slot(resource: str, number: int) -> str:
    """The name of the slot; the first four are an hour further ahead of UTC than those behind them."""
    minutes = {0: "00:00", 1: "00:30", 2: "01:00", 3: "01:30"}[number]
    hour, minute = map(int, minutes.split(":"))
    return f"{resource}/2023-11-15T{1 + hour:02}:{minute:02}+02:00"


def changed_status(journal: Journal, status: EventStatus, key: bytes = KEYS[1]) -> e.StatusChanged:
    return e.StatusChanged(journal.last_ms, status, key, PRINT)


def edited(journal: Journal, **changes: object) -> e.EventEdited:
    nothing = e.EventEdited(journal.last_ms, None, None, None, None, KEYS[2], PRINT)
    return msgspec.structs.replace(nothing, **changes)


def waiting(journal: Journal, waiter: int, wish: Wish, buyer: str = "zoe", key: bytes = KEYS[3]) -> e.WaiterJoined:
    return e.WaiterJoined(journal.last_ms, waiter, buyer, wish, key, PRINT)


def cancel_101(journal: Journal) -> None:
    """A/1/1 is back, for which 23 waits, and A/1/2."""
    journal.add(e.OrderCancelled(journal.last_ms, 101, KEYS[4], PRINT))


def offer(journal: Journal, waiter: int, *units: str, **changes: object) -> e.HoldPlaced:
    given: dict[str, Any] = {
        "hold": waiter, "waiter": waiter, "buyer": "hal", "key": b"", "fingerprint": b"",
        "expires_at_ms": journal.last_ms + CLAIM_MS,
    }  # fmt: skip
    return a_hold(journal, *units, **(given | changes))


def sell_whole_table(journal: Journal) -> None:
    """T/t2 as order 199."""
    journal.add(a_hold(journal, "T/t2/1", "T/t2/2", "T/t2/3"))
    at_ms = journal.last_ms
    journal.add(e.OrderPlaced(at_ms, 199, 99, KEYS[5], PRINT), e.OrderConfirmed(at_ms, 199, KEYS[6], PRINT))


def exchanged(journal: Journal, tickets: tuple[int, ...], placed: e.HoldPlaced, order: int = 101) -> e.TicketsExchanged:
    """The exchange of these tickets of the order for what the hold would have."""
    return e.TicketsExchanged(
        journal.last_ms, order, tickets, placed.seats, placed.areas, placed.prices, placed.lines, placed.charges,
        placed.chosen, KEYS[7], PRINT, placed.channel,
    )  # fmt: skip


# What must not be found.


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
    journal = whole_journal()
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
    journal.add(a_hold(journal, "H/2/3", channel="presale", **_later(journal, START_MS + HOUR_MS)))


def after_the_window_of_the_event(journal: Journal) -> None:
    journal.add(edited(journal, rules=msgspec.structs.replace(LAST_RULES, window=Window(0, journal.last_ms))))
    journal.add(a_hold(journal, "H/2/3"))


def while_paused(journal: Journal) -> None:
    journal.add(changed_status(journal, EventStatus.PAUSED))
    journal.add(a_hold(journal, "H/2/3"))


def part_of_a_table(journal: Journal) -> None:
    journal.add(a_hold(journal, "T/t2/1", "T/t2/2"))


def slot_that_has_begun(journal: Journal) -> None:
    journal.add(a_hold(journal, slot("court 1", 3), **_later(journal, SLOTS_FROM_MS + 3 * SLOT_MS)))


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
    journal.add(a_hold(journal, "H/2/3", chosen=((_score(journal, "H/2/3"), 1),)))


def more_choices_than_seats(journal: Journal) -> None:
    journal.add(a_hold(journal, "H/2/3", chosen=((_score(journal, "H/2/3"), 0),) * 2))


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


# The event.


def archived_while_on_sale(journal: Journal) -> None:
    journal.add(changed_status(journal, EventStatus.ARCHIVED))


def opened_after_its_close(journal: Journal) -> None:
    journal.add(changed_status(journal, EventStatus.CLOSED), e.SaleOpened(journal.last_ms, KEY, PRINT))


def hold_of_a_cancelled_event(journal: Journal) -> None:
    """Its holds ended with it."""
    journal.add(changed_status(journal, EventStatus.CANCELLED), e.HoldReleased(journal.last_ms, 13, KEY, PRINT))


def order_of_a_cancelled_event(journal: Journal) -> None:
    journal.add(changed_status(journal, EventStatus.CANCELLED), e.OrderCancelled(journal.last_ms, 101, KEY, PRINT))


def _edit_layout(journal: Journal, **changes: object) -> None:
    journal.add(edited(journal, layout=msgspec.structs.replace(LAST_LAYOUT, **changes)))


def layout_without_a_row(journal: Journal) -> None:
    """A/1, of which much is sold."""
    sections = list(LAST_LAYOUT.sections)
    assert sections[-1].name == "A"
    sections[-1] = msgspec.structs.replace(sections[-1], rows=sections[-1].rows[1:])
    _edit_layout(journal, sections=tuple(sections))


def area_smaller_than_its_claims(journal: Journal) -> None:
    smaller = {"terrace": 1, "floor": 12}
    areas = (msgspec.structs.replace(area, capacity=smaller[area.name]) for area in LAST_LAYOUT.areas)
    _edit_layout(journal, areas=tuple(areas))


def slots_of_another_length(journal: Journal) -> None:
    calendars = (msgspec.structs.replace(calendar, slot_ms=2 * SLOT_MS, runs=((SLOTS_FROM_MS, 2, 120),))
                 for calendar in LAST_LAYOUT.calendars[:1])  # fmt: skip
    _edit_layout(journal, calendars=(*calendars, *LAST_LAYOUT.calendars[1:]))


def another_currency(journal: Journal) -> None:
    _edit_layout(journal, currency="USD")


def price_type_twice(journal: Journal) -> None:
    _edit_layout(journal, price_types=("adult", "child", "child"))


def price_of_no_type(journal: Journal) -> None:
    _edit_layout(journal, price_types=())


def fee_below_nothing(journal: Journal) -> None:
    _edit_layout(journal, fees=(msgspec.structs.replace(LAST_LAYOUT.fees[0], amount=-1),))


def resource_without_a_calendar(journal: Journal) -> None:
    _edit_layout(journal, resources=(*LAST_LAYOUT.resources, Resource("court 3", 3, 2)))


def slots_at_once(journal: Journal) -> None:
    calendar = Calendar("UTC", SLOT_MS, ((SLOTS_FROM_MS, 2, 0), (SLOTS_FROM_MS + SLOT_MS, 2, 0)))
    _edit_layout(journal, calendars=(*LAST_LAYOUT.calendars, calendar))


def accessible_seat_beyond_its_row(journal: Journal) -> None:
    first = LAST_LAYOUT.sections[0]
    row = msgspec.structs.replace(first.rows[0], accessible=(3,))
    sections = (msgspec.structs.replace(first, rows=(row, *first.rows[1:])), *LAST_LAYOUT.sections[1:])
    _edit_layout(journal, sections=sections)


def resource_called_as_an_area(journal: Journal) -> None:
    _edit_layout(journal, areas=(*LAST_LAYOUT.areas, Area("court 1", 0, 1)))


def _edit_rules(journal: Journal, **changes: object) -> None:
    journal.add(edited(journal, rules=msgspec.structs.replace(LAST_RULES, **changes)))


def allotment_of_what_is_not_there(journal: Journal) -> None:
    _edit_rules(journal, allotments=(Allotment("x", "", ("A/9",)),))


def allotment_of_an_unknown_channel(journal: Journal) -> None:
    _edit_rules(journal, allotments=(Allotment("x", "nobody", ("A",)),))


def two_channels_of_one_name(journal: Journal) -> None:
    _edit_rules(journal, channels=(*LAST_RULES.channels, Channel("box")))


def window_that_closes_first(journal: Journal) -> None:
    _edit_rules(journal, window=Window(2, 1))


def offers_for_no_time(journal: Journal) -> None:
    _edit_rules(journal, waiting_list=WaitingList(0))


def layout_without_what_is_set_aside(journal: Journal) -> None:
    """H/1 is the house's, and nobody has it."""
    sections = tuple(
        msgspec.structs.replace(section, rows=section.rows[1:]) if section.name == "H" else section
        for section in LAST_LAYOUT.sections
    )
    _edit_layout(journal, sections=sections)


def holds_longer_than_they_can_be(journal: Journal) -> None:
    journal.add(edited(journal, hold_ttl_ms=LAST_RULES.max_hold_life_ms + 1))


def unknown_allotment_returned(journal: Journal) -> None:
    journal.add(e.AllotmentReturned(journal.last_ms, "of nobody"))


def allotment_that_never_is_returned(journal: Journal) -> None:
    journal.add(e.AllotmentReturned(journal.last_ms, "house"))


def allotment_returned_twice(journal: Journal) -> None:
    journal.add(e.AllotmentReturned(journal.last_ms, "of the partner"))


def allotment_returned_early(journal: Journal) -> None:
    at_ms = journal.last_ms
    late = Allotment("late", "box", ("A/3/4",), (), at_ms + 1)
    journal.add(edited(journal, rules=msgspec.structs.replace(LAST_RULES, allotments=(late,))))
    journal.add(e.AllotmentReturned(at_ms, "late"))


# Who waits.


def number_of_a_waiter(journal: Journal) -> None:
    journal.add(a_hold(journal, "H/2/3", hold=23))


def waiter_with_the_number_of_a_hold(journal: Journal) -> None:
    journal.add(waiting(journal, 13, Wish(("A/1/1",))))


def waiter_without_a_number(journal: Journal) -> None:
    journal.add(waiting(journal, 0, Wish(("A/1/1",))))


def waits_for_what_is_not_there(journal: Journal) -> None:
    journal.add(waiting(journal, 98, Wish(("A/9/1",))))


def waits_for_part_of_a_table(journal: Journal) -> None:
    journal.add(waiting(journal, 98, Wish(("T/t2/1",))))


def waits_for_what_is_not_sold_so(journal: Journal) -> None:
    journal.add(waiting(journal, 98, Wish(("A/1/1",), seat_types=(("A/1/1", "member"),))))


def waits_for_more_than_the_limit(journal: Journal) -> None:
    journal.add(waiting(journal, 98, Wish(best=(BestSeats(9),))))


def waits_through_an_unknown_channel(journal: Journal) -> None:
    journal.add(waiting(journal, 98, Wish(("A/1/1",), channel="nobody")))


def waits_without_a_list(journal: Journal) -> None:
    _edit_rules(journal, waiting_list=None)
    journal.add(waiting(journal, 98, Wish(("A/1/1",))))


def waits_while_paused(journal: Journal) -> None:
    journal.add(changed_status(journal, EventStatus.PAUSED), waiting(journal, 98, Wish(("A/1/1",))))


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
    journal.add(offer(journal, 98, "T/t1/3", buyer="zoe", chosen=((_score(journal, "T/t1/3"), 1),)))


def offer_of_another_section(journal: Journal) -> None:
    journal.add(waiting(journal, 98, Wish(best=(BestSeats(1, ("T",)),))))
    journal.add(offer(journal, 98, "H/2/3", buyer="zoe", chosen=((_score(journal, "H/2/3"), 0),)))


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


def _later(journal: Journal, at_ms: int) -> dict[str, Any]:
    """The times of a hold that is placed then."""
    assert at_ms >= journal.last_ms
    cap_ms = at_ms + LAST_RULES.max_hold_life_ms
    return {"at_ms": at_ms, "expires_at_ms": at_ms + 1, "max_expires_at_ms": cap_ms}


def _score(journal: Journal, unit: str) -> int:
    """The squared distance of a seat from the focus, in half seat widths; all rows here are where they say."""
    assert LAST_LAYOUT.focus is not None
    (seat,) = a_hold(journal, unit).seats
    base = 0
    for section in LAST_LAYOUT.sections:
        for depth, row in enumerate(section.rows):
            if base <= seat < base + row.count:
                x = section.at[0] - row.count + 1 + 2 * (seat - base) - LAST_LAYOUT.focus[0]
                return int(x * x + (section.at[1] + 2 * depth - LAST_LAYOUT.focus[1]) ** 2)
            base += row.count
    raise AssertionError(f"{unit} is not there")


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
        (archived_while_on_sale, {Fault.EVENT_ILLEGAL}),
        (opened_after_its_close, {Fault.EVENT_ILLEGAL}),
        (hold_of_a_cancelled_event, {Fault.HOLD_NOT_ACTIVE}),
        (order_of_a_cancelled_event, {Fault.ORDER_ENDED}),
        (area_smaller_than_its_claims, {Fault.UNIT_LOST}),
        (another_currency, {Fault.LAYOUT_WRONG}),
        (price_type_twice, {Fault.LAYOUT_WRONG}),
        (price_of_no_type, {Fault.LAYOUT_WRONG}),
        (fee_below_nothing, {Fault.LAYOUT_WRONG}),
        (resource_without_a_calendar, {Fault.LAYOUT_WRONG}),
        (slots_at_once, {Fault.LAYOUT_WRONG}),
        (accessible_seat_beyond_its_row, {Fault.LAYOUT_WRONG}),
        (resource_called_as_an_area, {Fault.LAYOUT_WRONG}),
        (allotment_of_what_is_not_there, {Fault.RULES_WRONG}),
        (allotment_of_an_unknown_channel, {Fault.RULES_WRONG}),
        (two_channels_of_one_name, {Fault.RULES_WRONG}),
        (window_that_closes_first, {Fault.RULES_WRONG}),
        (offers_for_no_time, {Fault.RULES_WRONG}),
        (layout_without_what_is_set_aside, {Fault.RULES_WRONG}),
        (holds_longer_than_they_can_be, {Fault.EVENT_ILLEGAL}),
        (unknown_allotment_returned, {Fault.RETURN_WRONG}),
        (allotment_that_never_is_returned, {Fault.RETURN_WRONG}),
        (allotment_returned_twice, {Fault.RETURN_WRONG}),
        (allotment_returned_early, {Fault.RETURN_WRONG}),
        (number_of_a_waiter, {Fault.NUMBER_REUSED}),
        (waiter_with_the_number_of_a_hold, {Fault.NUMBER_REUSED}),
        (waiter_without_a_number, {Fault.WAITER_MALFORMED}),
        (waits_for_what_is_not_there, {Fault.WAITER_MALFORMED}),
        (waits_for_part_of_a_table, {Fault.WAITER_MALFORMED}),
        (waits_for_what_is_not_sold_so, {Fault.WAITER_MALFORMED}),
        (waits_for_more_than_the_limit, {Fault.WAITER_MALFORMED}),
        (waits_through_an_unknown_channel, {Fault.WAITER_MALFORMED}),
        (waits_without_a_list, {Fault.WAITER_MALFORMED}),
        (waits_while_paused, {Fault.WAITER_MALFORMED}),
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
        (newcomer_before_who_waits, {Fault.OUT_OF_TURN}),
        (exchange_before_who_waits, {Fault.OUT_OF_TURN}),
        (later_before_earlier, {Fault.OUT_OF_TURN}),
        (later_before_earlier_of_best_seats_and_places, {Fault.OUT_OF_TURN}),
    ],
)
def test_a_planted_fault_is_found_and_nothing_else(spoil: Spoil, expected: set[Fault]) -> None:
    journal = whole_journal()
    spoil(journal)
    assert faults(audit(journal)) == expected


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (order_closed_as_cancelled, Fault.ORDER_MALFORMED),
        (layout_without_a_row, Fault.UNIT_LOST),
        (slots_of_another_length, Fault.UNIT_LOST),
    ],
)
def test_a_planted_fault_is_found_among_what_follows_from_it(spoil: Spoil, expected: Fault) -> None:
    journal = whole_journal()
    spoil(journal)
    assert expected in faults(audit(journal))


@pytest.mark.parametrize("allotment", ["of the partner", ""])
def test_what_is_never_returned_is_found(allotment: str) -> None:
    """Its time was in the past, and the owner goes on for minutes."""
    journal = whole_journal()
    row, place = journal.find(e.AllotmentReturned, allotment=allotment)
    del journal.drafts[row].entries[place]
    assert Fault.NEVER_RETURNED in faults(audit(journal))


def test_the_layout_and_rules_of_the_last_edit_are_those_at_the_end() -> None:
    """What the faults above are planted into."""
    edits = [entry for draft in whole_journal().drafts for entry in draft.entries if isinstance(entry, e.EventEdited)]
    last_layout: Layout | None = next(edit.layout for edit in reversed(edits) if edit.layout is not None)
    last_rules: Rules | None = next(edit.rules for edit in reversed(edits) if edit.rules is not None)
    assert (last_layout, last_rules) == (LAST_LAYOUT, LAST_RULES)
