"""The audit finds each planted fault in whole tables of baskets' orders, and in how orders on slots end."""

import pytest

from actors.audit.findings import Fault
from actors.core import entries as e
from actors.core.baskets import LegHeld, LegPlan
from actors.core.replies import OrderStatus
from actors.core.wishes import Wish
from tests.loadtests.basket_planting import KEYS
from tests.loadtests.journals import PRINT
from tests.loadtests.split_planting import Journals, Plant
from tests.loadtests.split_shops import STALLS


def tickets_of(journals: Journals, basket: int, section: str) -> tuple[int, ...]:
    """Those of the basket's tickets that are of units whose names begin so."""
    names = [name for held in _held(journals, basket) for name in held.ticket_names]
    return tuple(number for number, name in enumerate(names) if name.startswith(section))


def _held(journals: Journals, basket: int) -> tuple[LegHeld, ...]:
    row, place = journals.desk.find(e.BasketSettled, basket=basket)
    settled = journals.desk.drafts[row].entries[place]
    assert isinstance(settled, e.BasketSettled)
    return settled.held


def _cancel(journals: Journals, tickets: tuple[int, ...]) -> None:
    at_ms = journals.now_ms
    journals.desk.add(e.ExchangeDropped(at_ms, 101), e.TicketsCancelled(at_ms, 101, tickets, KEYS[1], PRINT))


def whole_table_cancelled(journals: Journals) -> None:
    _cancel(journals, tickets_of(journals, 1, "T/"))


def part_of_a_table_cancelled(journals: Journals) -> None:
    _cancel(journals, tickets_of(journals, 1, "T/")[1:])


def _exchange(journals: Journals, tickets: tuple[int, ...]) -> None:
    at_ms, held = journals.now_ms, _held(journals, 1)
    ledger = next(leg.block for leg in held if leg.counts)
    journals.desk.add(e.ExchangeDropped(at_ms, 101))
    plan = LegPlan(STALLS, 901, Wish(("A/2/7",)), (), ledger)
    journals.desk.add(e.ExchangeIntended(at_ms, 101, tickets, plan, at_ms + 10_000, KEYS[1], PRINT))


def whole_table_exchanged(journals: Journals) -> None:
    _exchange(journals, tickets_of(journals, 1, "T/"))


def part_of_a_table_exchanged(journals: Journals) -> None:
    _exchange(journals, tickets_of(journals, 1, "T/")[:1])


def table_told_as_single_seats(journals: Journals) -> None:
    leg = next(held.leg for held in _held(journals, 1) if held.together)
    journals.change_leg(1, leg, {}, {"together": ()})


def slots_told_to_begin_later(journals: Journals) -> None:
    leg, begins = next((held.leg, held.begins) for held in _held(journals, 6) if held.begins)
    journals.change_leg(6, leg, {}, {"begins": tuple((ticket, at_ms + 1) for ticket, at_ms in begins)})


def closed_before_it_began(journals: Journals) -> None:
    begins_ms = min(at_ms for held in _held(journals, 8) for _, at_ms in held.begins)
    journals.desk.change(e.OrderClosed, {"order": 108}, at_ms=begins_ms - 1)


def closed_when_it_began(journals: Journals) -> None:
    begins_ms = min(at_ms for held in _held(journals, 8) for _, at_ms in held.begins)
    journals.desk.change(e.OrderClosed, {"order": 108}, at_ms=begins_ms)


def closed_without_slots(journals: Journals) -> None:
    at_ms = journals.now_ms
    closed = e.OrderClosed(at_ms, 101, OrderStatus.NO_SHOW, KEYS[1], PRINT)
    journals.desk.add(e.ExchangeDropped(at_ms, 101), closed)


def closed_as_it_was(journals: Journals) -> None:
    journals.desk.change(e.OrderClosed, {"order": 108}, status=OrderStatus.PARTLY_CANCELLED)


def closed_otherwise_than_the_server_says(journals: Journals) -> None:
    journals.desk.change(e.OrderClosed, {"order": 108}, status=OrderStatus.NO_SHOW)


def closed_twice(journals: Journals) -> None:
    journals.desk.add(e.OrderClosed(journals.now_ms, 108, OrderStatus.NO_SHOW, KEYS[1], PRINT))


def closed_while_it_is_exchanged(journals: Journals) -> None:
    journals.desk.add(e.OrderClosed(journals.now_ms, 101, OrderStatus.NO_SHOW, KEYS[1], PRINT))


def cancelled_after_it_was_closed(journals: Journals) -> None:
    journals.desk.add(e.OrderCancelled(journals.now_ms, 108, KEYS[1], PRINT))


def leg_closed_as_an_order(journals: Journals) -> None:
    leg = next(held.leg for held in _held(journals, 8) if held.begins)
    journals.home.add(e.OrderClosed(journals.now_ms, leg, OrderStatus.COMPLETED, KEYS[1], PRINT))


@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        (whole_table_cancelled, set()),
        (whole_table_exchanged, set()),
        (closed_when_it_began, set()),
        (part_of_a_table_cancelled, {Fault.TABLE_NOT_WHOLE}),
        (part_of_a_table_exchanged, {Fault.TABLE_NOT_WHOLE}),
        (table_told_as_single_seats, {Fault.LEG_DIFFERS}),
        (slots_told_to_begin_later, {Fault.LEG_DIFFERS}),
        (closed_before_it_began, {Fault.ORDER_NOT_DUE}),
        (closed_without_slots, {Fault.ORDER_NOT_DUE}),
        (closed_as_it_was, {Fault.ORDER_MALFORMED, Fault.DIGEST_DIFFERS}),
        (closed_otherwise_than_the_server_says, {Fault.DIGEST_DIFFERS}),
        (closed_twice, {Fault.ORDER_ENDED}),
        (closed_while_it_is_exchanged, {Fault.EXCHANGE_OPEN, Fault.ORDER_NOT_DUE}),
        (cancelled_after_it_was_closed, {Fault.ORDER_ENDED}),
        (leg_closed_as_an_order, {Fault.ORDER_ENDED}),
    ],
)
def test_a_planted_fault_is_found_and_nothing_else(plant: Plant, expected: set[Fault]) -> None:
    journals = Journals()
    plant(journals)
    assert journals.found() == expected
