"""Exchange in a basket's order: what the new leg holds is placed first, then the desk decides, wholly or not at all."""

import msgspec
import pytest

from actors.core.baskets import LegHeld, LegPlan
from actors.core.commands import (
    AskAboutLeg,
    BookLeg,
    CancelOrder,
    CancelTickets,
    ChangeStatus,
    ConfirmOrder,
    ExchangeTickets,
    IntendExchange,
    ReadHold,
    ReadOrder,
    ReassignTicket,
    ReleaseLeg,
    SettleExchange,
)
from actors.core.desk_exchange import MAX_LEGS_EVER
from actors.core.entries import ExchangeDropped
from actors.core.outcomes import Accepted, Reason, Rejected
from actors.core.replies import EventStatus, LegFateReply, OrderReply, OrderStatus, PlacingReply
from actors.core.wishes import AreaPlaces, Wish
from tests.core.checked_house import (
    BASKET,
    DESK,
    FIRST,
    LAYOUT,
    LEG_1,
    LEG_2,
    ORDER,
    PLACE_BY_MS,
    SECOND,
    START_MS,
    TENANT,
    House,
    pinning,
    stamp,
    why,
)

LEG_3 = 31
SHIFT = Wish(("A/1/2", "A/1/3"))


def intending(
    tickets: tuple[int, ...] = (0, 1), block: str = FIRST, wish: Wish = SHIFT, leg: int = LEG_3, key: str = "exchange"
) -> IntendExchange:
    """To have what is wished for instead of these tickets."""
    return IntendExchange(stamp(key, PLACE_BY_MS), ORDER, tickets, LegPlan(block, leg, wish))


def intend(house: House, command: IntendExchange | None = None) -> LegPlan:
    """What the desk wants to have placed."""
    reply = house.say(DESK, command or intending())
    assert isinstance(reply, PlacingReply)
    assert reply.number == BASKET
    return reply.legs[0]


def exchange(house: House, command: IntendExchange | None = None) -> LegHeld:
    """An exchange, settled; its deeds are not done yet."""
    plan = intend(house, command)
    held = house.pin(plan)
    house.say(DESK, SettleExchange(TENANT, ORDER, plan.leg, held))
    return held


def tickets_of(house: House) -> list[tuple[int, str, str]]:
    """What the order has: place in it, unit, block."""
    reply = house.say(DESK, ReadOrder(TENANT, ORDER))
    assert isinstance(reply, OrderReply)
    return [(ticket.index, ticket.unit, ticket.block) for ticket in reply.tickets]


def test_an_exchange_within_an_event_is_one_step_of_its_new_leg() -> None:
    house = House()
    house.pay()
    plan = intend(house)
    assert plan.instead == ((LEG_1, (0, 1)),)
    held = house.pin(plan)
    assert house.statuses(FIRST) == "SSHAAA", "the seat that is kept is the old leg's until it is booked"
    house.say(DESK, SettleExchange(TENANT, ORDER, LEG_3, held))
    assert house.deeds() == [(LEG_3, "BOOK", 2, ())]
    house.do_deeds()
    assert house.statuses(FIRST) == "ASSAAA"
    assert tickets_of(house)[-2:] == [(8, "A/1/2", FIRST), (9, "A/1/3", FIRST)]
    assert len(tickets_of(house)) == 8


def test_what_a_hold_had_is_told_as_it_was_whatever_was_exchanged_since() -> None:
    """Also to who repeats the key under which it was held."""
    house = House()
    house.pay()
    before = house.say(DESK, ReadHold(TENANT, BASKET))
    exchange(house)
    house.do_deeds()
    assert house.say(DESK, ReadHold(TENANT, BASKET)) == before


def test_an_exchange_between_events_gives_the_tickets_back_where_they_are() -> None:
    house = House()
    house.pay()
    exchange(house, intending((4, 6), FIRST, Wish(("A/1/5",), (AreaPlaces("floor", 1),))))
    assert house.deeds() == [(LEG_3, "BOOK", 2, ()), (LEG_2, "RELEASE", 3, (0, 2))]
    house.do_deeds()
    assert (house.statuses(FIRST), house.statuses(SECOND)) == ("SSAASA", "ASAAAA")
    assert [house.state(block).inventory.area_sold for block in (FIRST, SECOND)] == [[3], [1]]


def test_an_exchange_is_dropped_if_nothing_is_placed_or_not_in_time() -> None:
    for told in (True, False):
        house = House()
        house.pay()
        before = tickets_of(house)
        house.pin(intend(house))
        if told:
            house.say(DESK, SettleExchange(TENANT, ORDER, LEG_3, None))
        else:
            assert house.blocks[DESK].tick(PLACE_BY_MS) == [ExchangeDropped(PLACE_BY_MS, ORDER)]
        assert house.deeds() == [(LEG_3, "RELEASE", 2, ())]
        house.do_deeds()
        assert (house.statuses(FIRST), tickets_of(house)) == ("SSAAAA", before)
        again = house.ask(DESK, intending(leg=LEG_3 + 1))
        assert isinstance(again, Accepted)
        assert not again.replayed, "the key is as if never used"


def test_an_exchange_is_meant_and_settled_once() -> None:
    house = House()
    house.pay()
    plan = intend(house)
    again = house.ask(DESK, intending(leg=77))
    assert isinstance(again, Accepted)
    assert again.replayed
    assert again.reply == PlacingReply(BASKET, (plan,), PLACE_BY_MS)
    held = house.pin(plan)
    house.say(DESK, SettleExchange(TENANT, ORDER, LEG_3, held))
    for outcome in (held, None):
        settled = house.ask(DESK, SettleExchange(TENANT, ORDER, LEG_3, outcome))
        assert isinstance(settled, Accepted)
        assert settled.replayed
        assert isinstance(settled.reply, OrderReply)
    replayed = house.ask(DESK, intending(leg=78))
    assert isinstance(replayed, Accepted)
    assert isinstance(replayed.reply, OrderReply)


def test_settling_is_refused_too_late_for_nobody_and_in_another_currency() -> None:
    house = House(second=msgspec.structs.replace(LAYOUT, currency="EUR"))
    house.pay()
    plan = intend(house)
    held = house.pin(plan)
    dear = msgspec.structs.replace(held, currency="CHF")
    assert why(house.ask(DESK, SettleExchange(TENANT, ORDER, LEG_3, dear))) == (
        "INVALID_ARGUMENT", ("event_id: it is sold in another currency",),
    )  # fmt: skip
    assert why(house.ask(DESK, SettleExchange(TENANT, 4711, LEG_3, held)))[0] == "ORDER_NOT_FOUND"
    assert why(house.ask(DESK, SettleExchange(TENANT, ORDER, 77, held)))[0] == "DEADLINE_EXCEEDED"
    house.now_ms = PLACE_BY_MS
    assert why(house.ask(DESK, SettleExchange(TENANT, ORDER, LEG_3, held)))[0] == "DEADLINE_EXCEEDED"


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        (intending(()), ("tickets: must be one or more, each of them once",)),
        (intending((0, 0)), ("tickets: must be one or more, each of them once",)),
        (intending((8,)), ("tickets: the order has no ticket 9",)),
        (intending(leg=0), ("leg: is malformed",)),
    ],
)
def test_a_malformed_exchange_names_what_is_wrong(command: IntendExchange, fields: tuple[str, ...]) -> None:
    house = House()
    house.pay()
    assert why(house.ask(DESK, command)) == ("INVALID_ARGUMENT", fields)


def test_an_order_that_is_not_in_force_is_not_exchanged() -> None:
    house = House()
    assert why(house.ask(DESK, intending()))[0] == "ORDER_NOT_FOUND"
    house.order()
    assert why(house.ask(DESK, intending()))[0] == "ORDER_PENDING"
    house.say(DESK, ConfirmOrder(stamp("confirm"), ORDER))
    house.do_deeds()
    house.say(DESK, CancelTickets(stamp("some"), ORDER, (0,)))
    assert why(house.ask(DESK, intending()))[0] == "TICKET_VOID"
    house.say(DESK, CancelOrder(stamp("all"), ORDER))
    assert why(house.ask(DESK, intending()))[0] == "ORDER_CANCELLED"


def test_an_order_changes_in_no_other_way_while_it_is_exchanged() -> None:
    house = House()
    house.pay()
    intend(house)
    for command in (
        intending(key="another", leg=77),
        CancelOrder(stamp("cancel"), ORDER),
        CancelTickets(stamp("some"), ORDER, (5,)),
        ReassignTicket(stamp("reassign"), ORDER, 5, "bob"),
    ):
        outcome = house.ask(DESK, command)
        assert isinstance(outcome, Rejected)
        assert (outcome.reason, outcome.details.retry_at_ms) == (Reason.UNAVAILABLE, PLACE_BY_MS)
    plain = house.ask(DESK, ExchangeTickets(stamp("plain"), ORDER, (5,), SHIFT))
    assert isinstance(plain, Rejected)


def test_a_basket_is_not_exchanged_for_ever() -> None:
    house = House()
    house.pay()
    for number in range(MAX_LEGS_EVER - 2):
        tickets = (0, 1) if not number else (6 + 2 * number, 7 + 2 * number)
        exchange(house, intending(tickets, key=f"exchange {number}", leg=100 + number))
        house.do_deeds()
    last = intending((6 + 2 * (MAX_LEGS_EVER - 2),), key="last", leg=4711)
    assert why(house.ask(DESK, last)) == ("INVALID_ARGUMENT", ("order: cannot be exchanged any more",))


def test_a_leg_that_is_not_booked_yet_is_exchanged_a_little_later() -> None:
    house = House()
    house.order()
    house.say(DESK, ConfirmOrder(stamp("confirm"), ORDER))
    plan = intend(house)
    outcome = house.ask(FIRST, pinning(plan))
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.UNAVAILABLE
    assert outcome.details.retry_at_ms is not None
    assert START_MS < outcome.details.retry_at_ms < PLACE_BY_MS
    house.do_deeds()
    house.pin(plan)


def test_tickets_that_are_no_longer_there_are_not_given_for_others() -> None:
    house = House()
    house.pay()
    plan = intend(house)
    house.say(FIRST, ReleaseLeg(TENANT, LEG_1, 9, (0,)))  # by a desk that is mad
    assert why(house.ask(FIRST, pinning(plan)))[0] == "HOLD_RELEASED"


def test_what_was_exchanged_is_exchanged_again_and_the_emptied_leg_is_over() -> None:
    house = House()
    house.pay()
    exchange(house, intending((0,), wish=Wish(("A/1/4",))))
    house.do_deeds()
    exchange(house, intending((8,), wish=Wish(("A/1/5",)), leg=LEG_3 + 1, key="again"))
    house.do_deeds()
    assert house.state(FIRST).orders[LEG_3].status is OrderStatus.CANCELLED
    assert house.statuses(FIRST) == "ASAASA"


@pytest.mark.parametrize("newest_first", [False, True])
def test_an_order_that_is_cancelled_right_after_its_exchange_gives_everything_back(newest_first: bool) -> None:
    """Whichever leg hears of it first: what the new leg stands instead of is the new leg's to give back."""
    house = House()
    house.pay()
    exchange(house)
    house.say(DESK, CancelOrder(stamp("cancel"), ORDER))
    assert house.deeds() == [
        (LEG_3, "BOOK", 2, ()), (LEG_1, "RELEASE", 3, (2, 3)), (LEG_2, "RELEASE", 3, (0, 1, 2, 3)),
        (LEG_3, "RELEASE", 3, (0, 1)),
    ]  # fmt: skip
    house.do_deeds(newest_first=newest_first)
    assert (house.statuses(FIRST), house.statuses(SECOND)) == ("AAAAAA", "AAAAAA")
    assert [house.state(block).inventory.area_sold for block in (FIRST, SECOND)] == [[0], [0]]


def test_a_leg_of_an_exchange_in_doubt_waits_as_long_as_it_is_being_placed() -> None:
    house = House()
    house.pay()
    plan = intend(house)
    held = house.pin(plan)
    leg = house.state(FIRST).legs[LEG_3]
    question = AskAboutLeg(TENANT, leg.basket, LEG_3, leg.revision)
    outcome = house.ask(DESK, question)
    assert isinstance(outcome, Rejected)
    assert (outcome.reason, outcome.details.retry_at_ms) == (Reason.UNAVAILABLE, PLACE_BY_MS)
    house.say(DESK, SettleExchange(TENANT, ORDER, LEG_3, held))
    reply = house.say(DESK, question)
    assert isinstance(reply, LegFateReply)
    assert reply.revision == 2


def test_an_event_that_ends_takes_what_was_exchanged_too_and_waits_for_what_is_being_exchanged() -> None:
    house = House()
    house.pay()
    exchange(house)
    house.do_deeds()
    plan = intend(house, intending((4,), FIRST, Wish(("A/1/6",)), 41, "more"))
    house.say(FIRST, ChangeStatus(stamp("end"), EventStatus.CANCELLED))
    legs = house.state(FIRST).legs
    assert sorted(house.state(FIRST).asking) == [LEG_1, LEG_3]
    for leg in (LEG_1, LEG_3):
        question = AskAboutLeg(TENANT, legs[leg].basket, leg, legs[leg].revision, True)
        assert house.say(DESK, question) == LegFateReply(leg, ask_at_ms=START_MS)
    assert not house.deeds(), "an order that is being exchanged stays what it is"
    assert why(house.ask(FIRST, pinning(plan)))[0] == "SALE_CLOSED"
    house.say(DESK, SettleExchange(TENANT, ORDER, 41, None))
    for leg in (LEG_1, LEG_3):
        house.say(DESK, AskAboutLeg(TENANT, legs[leg].basket, leg, legs[leg].revision, True))
    house.do_deeds()
    assert (house.statuses(FIRST), house.statuses(SECOND)) == ("AAAAAA", "SSAAAA")
    assert not house.state(FIRST).asking
    assert house.state(DESK).orders[ORDER].status is OrderStatus.PARTLY_CANCELLED


def test_a_late_booking_of_an_exchange_that_was_cancelled_does_nothing() -> None:
    house = House()
    house.pay()
    exchange(house)
    house.say(DESK, CancelOrder(stamp("cancel"), ORDER))
    house.do_deeds()
    before = len(house.blocks[FIRST].journal)
    house.say(FIRST, BookLeg(TENANT, LEG_3, 2))
    house.say(FIRST, ReleaseLeg(TENANT, LEG_1, 3, (2, 3)))
    assert len(house.blocks[FIRST].journal) == before


@pytest.mark.parametrize("newest_first", [False, True])
def test_tickets_that_are_cancelled_right_after_their_exchange_in_vain_are_given_back_once(newest_first: bool) -> None:
    """The new leg was pinned beside tickets that are void when it is released: what it claims is the same as ever."""
    house = House()
    house.pay()
    house.pin(intend(house, intending((0, 2), wish=Wish(("A/1/1", "A/1/3"), (AreaPlaces("floor", 3),)))))
    house.say(DESK, SettleExchange(TENANT, ORDER, LEG_3, None))
    house.say(DESK, CancelTickets(stamp("some"), ORDER, (0, 2)))
    house.do_deeds(newest_first=newest_first)
    assert (house.statuses(FIRST), house.state(FIRST).inventory.area_held) == ("ASAAAA", [0])
    assert house.state(FIRST).inventory.area_sold == [1]


def test_a_leg_that_is_emptied_while_it_asks_about_its_cancelled_event_asks_no_more() -> None:
    house = House()
    house.pay()
    exchange(house, intending((0, 1, 2, 3)))
    house.say(FIRST, ChangeStatus(stamp("end"), EventStatus.CANCELLED))
    assert sorted(house.state(FIRST).asking) == [LEG_1, LEG_3]
    house.do_deeds()
    assert list(house.state(FIRST).asking) == [LEG_3]
