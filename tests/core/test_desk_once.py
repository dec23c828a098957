"""What an event charges once for an order is charged once, however many of its blocks have a leg of it."""

import msgspec
import pytest

from actors.core import desk, desk_exchange
from actors.core.baskets import LegHeld, LegPlan
from actors.core.commands import CancelTickets, ConfirmOrder, IntendExchange, PlaceOrder, SettleBasket, SettleExchange
from actors.core.desk_state import once_an_event
from actors.core.layout import Fee
from actors.core.outcomes import Accepted
from actors.core.replies import HoldReply, OrderReply, PlacingReply
from actors.core.wishes import Wish
from tests.core.checked_house import BASKET, DESK, FIRST, LAYOUT, LEG_1, LEG_2, ORDER, SECOND, TENANT, House, stamp

DEARER = msgspec.structs.replace(LAYOUT, fees=(Fee("order", 300, 0, True),))
SEATS = Wish(("A/1/1", "A/1/2"))


def fees_of(reply: object) -> tuple[int, list[int]]:
    """How often the fee is charged, in all and of each event."""
    assert isinstance(reply, HoldReply | OrderReply)
    prices = (reply.price, *(leg.price for leg in reply.legs))
    total, *of_legs = (sum(fee.quantity for fee in price.fees) for price in prices)
    return total, of_legs


def test_a_fee_is_charged_once_an_event_also_after_an_exchange() -> None:
    """Both blocks are one event's, which is at home in another."""
    house = House(first=DEARER, second=DEARER)
    plans = (LegPlan(FIRST, LEG_1, SEATS), LegPlan(SECOND, LEG_2, SEATS))
    meant = house.intend("basket", BASKET, *plans)
    assert isinstance(meant, Accepted)
    held = tuple(_of_one_event(house.pin(plan)) for plan in plans)
    assert all(leg.once is not None for leg in held), "each block tells what it would charge alone"
    assert fees_of(house.say(DESK, SettleBasket(TENANT, BASKET, held))) == (1, [1])
    house.say(DESK, PlaceOrder(stamp("order"), BASKET, ORDER))
    house.say(DESK, ConfirmOrder(stamp("confirm"), ORDER))
    house.do_deeds()
    exchange = IntendExchange(stamp("exchange"), ORDER, (0, 1), LegPlan(SECOND, 31, Wish(("A/1/5",))))
    placing = house.say(DESK, exchange)
    assert isinstance(placing, PlacingReply)
    house.say(DESK, SettleExchange(TENANT, ORDER, 31, _of_one_event(house.pin(placing.legs[0]))))
    house.do_deeds()
    assert fees_of(house.say(DESK, CancelTickets(stamp("some"), ORDER, (2,)))) == (1, [1])


def test_each_of_two_events_charges_its_own() -> None:
    house = House(first=DEARER, second=DEARER)
    meant = house.intend("basket", BASKET, LegPlan(FIRST, LEG_1, SEATS), LegPlan(SECOND, LEG_2, SEATS))
    assert isinstance(meant, Accepted)
    assert isinstance(meant.reply, PlacingReply)
    held = tuple(house.pin(plan) for plan in meant.reply.legs)
    assert fees_of(house.say(DESK, SettleBasket(TENANT, BASKET, held))) == (2, [1, 1])


def test_what_was_charged_once_stays_in_the_whole_price_when_nothing_of_its_event_is_left() -> None:
    house = House(first=DEARER, second=DEARER)
    house.pay()
    assert fees_of(house.say(DESK, CancelTickets(stamp("first"), ORDER, (0, 1, 2, 3)))) == (2, [1])


def test_a_leg_behind_its_ledgers_charges_what_a_ledger_cannot() -> None:
    house = House(first=DEARER)
    house.intend("basket", BASKET, LegPlan(FIRST, LEG_1, SEATS))
    held = _of_one_event(house.pin(LegPlan(FIRST, LEG_1, SEATS)))
    ledger = LegHeld(LEG_2, SECOND, held.currency, (), (), (), (), counts=2, home="home")
    assert held.once is not None
    assert once_an_event(held, (ledger,)).once == held.once
    assert once_an_event(held, (ledger, held)).once is None


def test_the_check_notices_a_desk_that_lets_every_leg_charge_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    for module in (desk, desk_exchange):
        monkeypatch.setattr(module, "once_an_event", lambda held, _: held)
    with pytest.raises(AssertionError):
        test_a_fee_is_charged_once_an_event_also_after_an_exchange()


def _of_one_event(held: LegHeld) -> LegHeld:
    return msgspec.structs.replace(held, home="home")
