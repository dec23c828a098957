"""Legs of baskets where several things happen at once: to the basket, to its events, to the block's memory."""

from actors.core import commands as c
from actors.core.baskets import LegHeld, LegPlan
from actors.core.block import next_due
from actors.core.outcomes import Accepted, Reason, Rejected
from actors.core.replies import EventStatus, LegFateReply, OrderStatus, PlacingReply
from actors.core.snapshot import freeze, restore
from actors.core.wishes import Wish
from tests.loadtests.basket_shops import FIRST, THIRD, BasketShops
from tests.loadtests.journals import TENANT


def _shops() -> BasketShops:
    shops = BasketShops()
    shops.open()
    return shops


def _over_two(shops: BasketShops, *, paid: bool = True) -> None:
    """Basket 1, of legs 11 and 12."""
    shops.hold(1, {FIRST: Wish(("A/1/1", "A/1/2")), THIRD: Wish(("A/1/1", "A/1/2"))}, 600_000)
    if paid:
        shops.pay(1)


def _cancel_third(shops: BasketShops) -> None:
    third = shops.events[THIRD]
    third.ask(c.ChangeStatus(third.stamp("cancel"), EventStatus.CANCELLED))


def test_a_leg_does_not_expire_in_a_restored_block() -> None:
    """It asks its desk; no time of its own ends it."""
    shops = _shops()
    _over_two(shops, paid=False)
    state = restore(freeze(shops.events[THIRD].state))
    assert next_due(state, shops.now_ms + 10**9) is None


def test_the_leg_of_an_exchange_names_its_basket_when_it_asks() -> None:
    """A desk that knows the basket tells no leg of it to go while it has it."""
    shops = _shops()
    _over_two(shops)
    assert shops.exchange(101, (0,), LegPlan(THIRD, 19, Wish(("A/1/3",))))
    shops.carry_out()
    assert shops.events[THIRD].state.legs[19].basket == 1
    _cancel_third(shops)
    assert shops.ask_desk(THIRD, 19)
    order = shops.desk.state.orders[101]
    assert (order.status, order.code_revisions) == (OrderStatus.PARTLY_CANCELLED, (0, 1, 1, 1, 0))


def test_a_leg_that_is_booked_after_its_event_was_cancelled_asks_its_desk_once_more() -> None:
    shops = _shops()
    _over_two(shops, paid=False)
    _cancel_third(shops)
    shops.pay(1)
    third = shops.events[THIRD].state
    assert 12 in third.asking
    shops.desk.ask(c.CancelTickets(shops.stamp(), 101, (2,)))
    shops.carry_out()
    assert 12 in third.asking
    assert shops.ask_desk(THIRD, 12)
    shops.carry_out()
    assert 12 not in third.asking
    assert not any(third.inventory.owners)


def test_a_leg_gives_back_only_what_it_had_though_another_came_instead_of_the_same_tickets() -> None:
    """The first exchange came to nothing; its leg hears of that when the second one is booked."""
    shops = _shops()
    _over_two(shops)
    placing = shops.intend_exchange(101, (1,), LegPlan(FIRST, 18, Wish(("A/1/2", "A/1/3"))))
    assert isinstance(shops.pin(placing, placing.legs[0]), LegHeld)
    shops.desk.ask(c.SettleExchange(TENANT, 101, 18, None))
    assert shops.exchange(101, (1,), LegPlan(FIRST, 19, Wish(("A/1/2", "A/1/4"))))
    shops.carry_out(19)
    shops.carry_out(18)
    first = shops.events[FIRST].state
    assert list(first.inventory.owners[:4]) == [11, 19, 0, 19]


def test_a_late_duplicate_of_a_dropped_basket_waits_until_its_legs_are_released() -> None:
    """Else a leg could come once more, and be released by the first one's drop while the second one is held."""
    shops = _shops()
    plans = (LegPlan(FIRST, 11, Wish(("A/1/1",))),)
    intent = c.IntendBasket(shops.stamp(), 1, plans, 60_000)
    shops.desk.ask(intent)
    shops.desk.ask(c.DropBasket(TENANT, 1))
    again = shops.desk.try_ask(intent)
    assert isinstance(again, Rejected)
    assert again.reason is Reason.UNAVAILABLE
    shops.carry_out()
    placing = shops.desk.ask(intent)
    assert isinstance(placing, PlacingReply)
    assert shops.pin(placing, plans[0]) == Rejected(Reason.HOLD_RELEASED)


def test_a_late_duplicate_of_a_dropped_exchange_is_refused() -> None:
    shops = _shops()
    _over_two(shops)
    intent = c.IntendExchange(shops.stamp(), 101, (0,), LegPlan(FIRST, 19, Wish(("A/1/3",))))
    shops.desk.ask(intent)
    shops.desk.ask(c.SettleExchange(TENANT, 101, 19, None))
    assert shops.desk.try_ask(intent) == Rejected(Reason.DEADLINE_EXCEEDED)


def test_a_leg_of_a_forgotten_basket_is_told_to_go() -> None:
    shops = _shops()
    outcome = shops.desk.try_ask(c.AskAboutLeg(TENANT, 77, 771, 1))
    assert isinstance(outcome, Accepted)
    assert isinstance(outcome.reply, LegFateReply)
    assert outcome.reply.revision == 2
