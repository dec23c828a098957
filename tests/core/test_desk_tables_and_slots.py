"""What a desk knows of tables that are sold only as a whole, and of slots: as much as an event does."""

import msgspec
import pytest

from actors.core import legs
from actors.core.baskets import LegHeld, LegPlan
from actors.core.commands import (
    AskAboutLeg,
    CancelTickets,
    ChangeStatus,
    CloseOrder,
    ConfirmOrder,
    IntendExchange,
    PlaceHold,
    PlaceOrder,
    SettleBasket,
    SettleExchange,
)
from actors.core.layout import Calendar, Resource, Row, RowKind, Section
from actors.core.outcomes import Accepted, Rejected
from actors.core.replies import EventStatus, LegFateReply, OrderReply, OrderStatus, PlacingReply
from actors.core.wishes import AreaPlaces, Span, Wish
from tests.core.checked_house import (
    BASKET,
    DESK,
    FIRST,
    LAYOUT,
    LEG_1,
    LEG_2,
    ORDER,
    SECOND,
    START_MS,
    TENANT,
    House,
    pinning,
    stamp,
    why,
)

HOUR_MS = 3_600_000
FIRST_SLOT_MS = START_MS + 10 * HOUR_MS
TABLES = (Row("t1", 0, 1, 3, (), RowKind.WHOLE_TABLE), Row("t2", 0, 1, 2, (), RowKind.TABLE))
CLUB = msgspec.structs.replace(
    LAYOUT,
    sections=(*LAYOUT.sections, Section("T", TABLES)),
    resources=(Resource("court", 0, 0),),
    calendars=(Calendar("UTC", HOUR_MS, ((FIRST_SLOT_MS, 4, 0),)),),
)
SLOTS = Span("court", FIRST_SLOT_MS + HOUR_MS, FIRST_SLOT_MS + 3 * HOUR_MS)
WISH = Wish(("A/1/1", "T/t1", "T/t2/1"), (AreaPlaces("floor", 1),))
"""Tickets 2 to 7 of the order: a seat, the table's three, another table's one, a place."""


def paid(second: Wish = WISH) -> House:
    """A basket over a plain event, two seats, and the club, paid and booked."""
    house = House(second=CLUB)
    held = _held(house, LegPlan(FIRST, LEG_1, Wish(("A/1/1", "A/1/2"))), LegPlan(SECOND, LEG_2, second))
    assert held[1].block == SECOND
    house.say(DESK, PlaceOrder(stamp("order"), BASKET, ORDER))
    house.say(DESK, ConfirmOrder(stamp("confirm"), ORDER))
    house.do_deeds()
    return house


def _held(house: House, *plans: LegPlan) -> tuple[LegHeld, ...]:
    meant = house.intend("basket", BASKET, *plans)
    assert isinstance(meant, Accepted)
    held = tuple(house.pin(plan) for plan in plans)
    house.say(DESK, SettleBasket(TENANT, BASKET, held))
    return held


def _exchange(house: House, tickets: tuple[int, ...], wish: Wish, key: str = "exchange") -> IntendExchange:
    return IntendExchange(stamp(key, house.now_ms + 5_000), ORDER, tickets, LegPlan(SECOND, 31, wish))


def test_a_leg_tells_its_tables_and_slots() -> None:
    house = House(second=CLUB)
    wish = msgspec.structs.replace(WISH, spans=(SLOTS,))
    _, held = _held(house, LegPlan(FIRST, LEG_1, Wish(("A/1/1",))), LegPlan(SECOND, LEG_2, wish))
    assert held.seats[:5] == ("A/1/1", "T/t1/1", "T/t1/2", "T/t1/3", "T/t2/1")
    assert held.together == ((1, 2, 3),)
    assert held.begins == ((5, FIRST_SLOT_MS + HOUR_MS), (6, FIRST_SLOT_MS + 2 * HOUR_MS))


@pytest.mark.parametrize("tickets", [(3,), (2, 4), (0, 3, 5, 7)])
def test_a_table_is_given_back_whole_or_not_at_all(tickets: tuple[int, ...]) -> None:
    house = paid()
    left = tuple(f"T/t1/{ticket - 2}" for ticket in (3, 4, 5) if ticket not in tickets)
    if any(ticket in (3, 4, 5) for ticket in tickets):
        assert why(house.ask(DESK, CancelTickets(stamp("some"), ORDER, tickets))) == ("TABLE_NOT_WHOLE", left)
        assert why(house.ask(DESK, _exchange(house, tickets, Wish(("A/1/5",))))) == ("TABLE_NOT_WHOLE", left)
    house.say(DESK, CancelTickets(stamp("whole"), ORDER, tuple(sorted({*tickets, 3, 4, 5}))))
    house.do_deeds()
    assert house.statuses(SECOND)[6:9] == "AAA"
    again = house.ask(DESK, CancelTickets(stamp("again"), ORDER, (3,)))
    assert why(again)[0] == "TICKET_VOID", "of a table that is given back nothing is torn"


def test_a_table_is_exchanged_for_itself_and_more() -> None:
    house = paid()
    meant = house.say(DESK, _exchange(house, (3, 4, 5), Wish(("A/1/5", "T/t1"))))
    assert isinstance(meant, PlacingReply)
    house.say(DESK, SettleExchange(TENANT, ORDER, 31, house.pin(meant.legs[0])))
    house.do_deeds()
    torn = why(house.ask(DESK, CancelTickets(stamp("some"), ORDER, (9, 10))))
    assert torn == ("TABLE_NOT_WHOLE", ("T/t1/3",))
    house.say(DESK, CancelTickets(stamp("others"), ORDER, (0, 8)))


@pytest.mark.parametrize("status", [OrderStatus.COMPLETED, OrderStatus.NO_SHOW])
def test_a_baskets_order_on_slots_ends_when_the_first_of_them_has_begun(status: OrderStatus) -> None:
    house = paid(Wish(("A/1/1",), spans=(SLOTS,)))
    early = house.ask(DESK, CloseOrder(stamp("early"), ORDER, status))
    assert why(early)[0] == "ORDER_NOT_DUE"
    assert isinstance(early, Rejected)
    assert early.details.retry_at_ms == FIRST_SLOT_MS + HOUR_MS
    house.now_ms = FIRST_SLOT_MS + HOUR_MS
    closed = house.say(DESK, CloseOrder(stamp("close"), ORDER, status))
    assert isinstance(closed, OrderReply)
    assert (closed.status, len(closed.tickets)) == (status, 5)
    assert house.deeds() == [], "its units stay sold"
    assert why(house.ask(DESK, CancelTickets(stamp("cancel"), ORDER, (0,))))[0] == "ORDER_CLOSED"


def test_a_slot_that_is_given_back_does_not_make_the_order_due() -> None:
    house = paid(Wish(spans=(SLOTS,)))
    house.say(DESK, CancelTickets(stamp("some"), ORDER, (2,)))
    house.now_ms = FIRST_SLOT_MS + HOUR_MS
    early = house.ask(DESK, CloseOrder(stamp("early"), ORDER, OrderStatus.NO_SHOW))
    assert isinstance(early, Rejected)
    assert early.details.retry_at_ms == FIRST_SLOT_MS + 2 * HOUR_MS
    house.say(DESK, CancelTickets(stamp("other"), ORDER, (3,)))
    house.now_ms += HOUR_MS
    never = house.ask(DESK, CloseOrder(stamp("never"), ORDER, OrderStatus.NO_SHOW))
    assert isinstance(never, Rejected)
    assert (never.reason.name, never.details.retry_at_ms) == ("ORDER_NOT_DUE", None)


def test_an_order_that_is_being_exchanged_is_not_closed() -> None:
    house = paid(Wish(spans=(SLOTS,)))
    house.now_ms = FIRST_SLOT_MS + HOUR_MS
    house.say(DESK, _exchange(house, (0,), Wish(("A/1/5",))))
    refused = house.ask(DESK, CloseOrder(stamp("close"), ORDER, OrderStatus.NO_SHOW))
    assert why(refused)[0] == "UNAVAILABLE"
    house.say(DESK, SettleExchange(TENANT, ORDER, 31, None))
    house.say(DESK, CloseOrder(stamp("close"), ORDER, OrderStatus.NO_SHOW))


def test_what_is_over_stays_sold_though_its_event_is_cancelled() -> None:
    """And its leg, in doubt, is told to ask again in a day."""
    house = paid(Wish(spans=(SLOTS,)))
    house.now_ms = FIRST_SLOT_MS + HOUR_MS
    house.say(DESK, CloseOrder(stamp("close"), ORDER, OrderStatus.COMPLETED))
    house.say(SECOND, ChangeStatus(stamp("end"), EventStatus.CANCELLED))
    fate = house.say(DESK, AskAboutLeg(TENANT, BASKET, LEG_2, 2, is_void=True))
    assert isinstance(fate, LegFateReply)
    assert (fate.deed, fate.ask_at_ms) == (None, house.now_ms + 24 * HOUR_MS)
    assert house.deeds() == []


COURT = msgspec.structs.replace(CLUB, resources=(Resource("court", 0, 0, HOUR_MS // 4),))


def slots(first: int, count: int = 1) -> Wish:
    """So many of the court's hours, one after the other."""
    begins_ms = FIRST_SLOT_MS + first * HOUR_MS
    return Wish(spans=(Span("court", begins_ms, begins_ms + count * HOUR_MS),))


def check_buffers_are_kept_between_baskets() -> None:
    """A seat is exchanged for the hour beside the basket's own, and back and forth; nobody else comes so near."""
    house = House(second=COURT)
    _held(house, LegPlan(FIRST, LEG_1, Wish(("A/1/1",))), LegPlan(SECOND, LEG_2, slots(1)))
    house.say(DESK, PlaceOrder(stamp("order"), BASKET, ORDER))
    house.say(DESK, ConfirmOrder(stamp("confirm"), ORDER))
    house.do_deeds()
    for ticket, (given, wish) in enumerate(((0, slots(2)), (1, slots(3)), (3, slots(1))), 2):
        leg = 30 + ticket
        meant = house.say(
            DESK, IntendExchange(stamp(f"x{leg}", house.now_ms + 5_000), ORDER, (given,), LegPlan(SECOND, leg, wish))
        )
        assert isinstance(meant, PlacingReply)
        house.say(DESK, SettleExchange(TENANT, ORDER, leg, house.pin(meant.legs[0])))
        house.do_deeds()
    assert house.statuses(SECOND)[-4:] == "ASSA"
    for near in (0, 3):
        assert why(house.ask(SECOND, PlaceHold(stamp(f"near {near}"), 70, slots(near))))[0] == "UNITS_SOLD"
        other = pinning(LegPlan(SECOND, 71, slots(near)), BASKET + 1)
        assert why(house.ask(SECOND, other))[0] == "UNITS_SOLD"


def test_buffers_are_kept_between_baskets_and_not_within_one() -> None:
    check_buffers_are_kept_between_baskets()


@pytest.mark.parametrize("is_own", [False, True])
def test_control_buffers_within_a_basket_or_between_none_are_noticed(
    monkeypatch: pytest.MonkeyPatch, is_own: bool
) -> None:
    monkeypatch.setattr(legs, "_is_of", lambda *_: is_own)
    with pytest.raises(AssertionError):
        check_buffers_are_kept_between_baskets()


def test_the_desk_needs_what_the_leg_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: legs that say nothing of tables and slots."""
    monkeypatch.setattr("actors.core.legs._tables", lambda *_: ())
    monkeypatch.setattr("actors.core.legs._begins", lambda *_: ())
    with pytest.raises(AssertionError):
        test_a_table_is_given_back_whole_or_not_at_all((3,))
    with pytest.raises(AssertionError):
        test_a_baskets_order_on_slots_ends_when_the_first_of_them_has_begun(OrderStatus.NO_SHOW)
