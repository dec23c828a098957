"""Clean journals of a desk and of the events of its baskets, with every kind of entry of a basket."""

from functools import cache

from actors.core import commands as c
from actors.core.baskets import LegPlan
from actors.core.replies import EventStatus
from actors.core.wishes import AreaPlaces, BestSeats, Span, Wish
from tests.loadtests.basket_shops import FIRST, SECOND, THIRD, BasketShops
from tests.loadtests.journals import TENANT, Journal
from tests.loadtests.whole_house import SLOT_MS, SLOTS_FROM_MS


def basket_journals() -> tuple[Journal, ...]:
    """The desk's, then those of the three events. Baskets by their numbers, orders being 100 more, legs 10 times it:

    1: over the first two events, paid; one ticket cancelled, one another buyer's, some exchanged in the same event (leg
    19), one for a place of the other event (18), an exchange refused (17), and one being placed at the end (16). 2:
    dropped, as its second leg was refused, and the third never came. 3: extended, released. 4: expired. 5: placed, and
    not held yet at the end. 6: its order expired. 7: paid and cancelled, of which the second leg has not heard yet. 8,
    9, 10: over the third event too, when that is cancelled: held, ordered, and paid. 11: held at the end, for best
    seats, slots and places through a channel. 12: ordered at the end.
    """
    return tuple(journal.copy() for journal in _basket_journals())


@cache
def _basket_journals() -> tuple[Journal, ...]:
    shops = BasketShops()
    shops.open()
    _hold_and_drop(shops)
    _exchange(shops)
    _cancel_an_event(shops)
    _end(shops)
    return shops.journals()


def _hold_and_drop(shops: BasketShops) -> None:
    desk = shops.desk
    shops.wait(1_000)
    shops.hold(
        1,
        {
            FIRST: Wish(("A/1/1", "A/1/2"), (AreaPlaces("floor", 2, "child"),), seat_types=(("A/1/2", "child"),)),
            SECOND: Wish(("A/1/1",), (AreaPlaces("floor", 3),)),
        },
    )
    for number, (block, seat) in enumerate(((FIRST, "A/1/8"), (SECOND, "A/2/6"), (THIRD, "A/2/6")), 201):
        shops.events[block].ask(c.PlaceHold(shops.events[block].stamp("a hold"), number, Wish((seat,))))
    shops.commit()
    shops.wait(1_000)
    placing = shops.intend(
        2, dict.fromkeys((FIRST, SECOND, THIRD), Wish(("A/1/1",))) | {FIRST: Wish(("A/1/3",))}, buyer="ben"
    )
    shops.commit()
    shops.pin(placing, placing.legs[0], "ben")
    shops.pin(placing, placing.legs[1], "ben")
    desk.ask(c.DropBasket(TENANT, 2))
    shops.carry_out()
    shops.commit()
    for basket, first, second in (
        (3, "A/1/3", "A/1/2"),
        (4, "A/1/4", "A/1/3"),
        (6, "A/1/5", "A/1/4"),
        (7, "H/2/1", "A/2/1"),
    ):
        shops.hold(basket, {FIRST: Wish((first,)), SECOND: Wish((second,))}, buyer=f"buyer {basket}")
    shops.commit()
    desk.ask(c.ExtendHold(shops.stamp(), 3, 90_000))
    desk.ask(c.ReleaseHold(shops.stamp(), 3))
    desk.ask(c.PlaceOrder(shops.stamp(), 6, 106))
    shops.pay(7)
    shops.pay(1)
    shops.commit()
    shops.wait(60_000)
    shops.carry_out()
    desk.ask(c.CancelOrder(shops.stamp(), 107))
    shops.carry_out(71)
    shops.commit()


def _exchange(shops: BasketShops) -> None:
    desk = shops.desk
    desk.ask(c.CancelTickets(shops.stamp(), 101, (3, 5)))
    shops.carry_out(11, 12)
    desk.ask(c.ReassignTicket(shops.stamp(), 101, 4, "dan"))
    shops.commit()
    shops.wait(1_000)
    assert shops.exchange(101, (1, 2), LegPlan(FIRST, 19, Wish(("A/1/2", "A/1/3"))))
    shops.carry_out(11, 19)
    shops.commit()
    assert shops.exchange(101, (6,), LegPlan(FIRST, 18, Wish(("A/1/4",), (AreaPlaces("terrace", 1),))))
    shops.carry_out(12, 18)
    assert not shops.exchange(101, (0,), LegPlan(SECOND, 17, Wish(("A/1/1",))))
    shops.carry_out(17)
    shops.commit()


def _cancel_an_event(shops: BasketShops) -> None:
    for basket, own, other in ((8, "A/1/5", "A/1/1"), (9, "A/1/6", "A/1/2"), (10, "A/1/7", "A/1/3")):
        shops.hold(basket, {FIRST: Wish((own,)), THIRD: Wish((other,))}, 600_000, f"buyer {basket}")
    shops.desk.ask(c.PlaceOrder(shops.stamp(), 9, 109))
    shops.pay(10)
    shops.commit()
    shops.wait(1_000)
    third = shops.events[THIRD]
    third.ask(c.ChangeStatus(third.stamp("cancel"), EventStatus.CANCELLED))
    third.commit()
    for leg in (82, 92, 102):
        assert shops.ask_desk(THIRD, leg)
    shops.carry_out(81, 82, 91, 92, 101, 102)
    shops.commit()


def _end(shops: BasketShops) -> None:
    shops.wait(1_000)
    span = Span("court 1", SLOTS_FROM_MS, SLOTS_FROM_MS + 2 * SLOT_MS)
    best = (BestSeats(2, ("A",)), BestSeats(1, ("H",), price_types=(("child", 1),)))
    wish = Wish((), (AreaPlaces("floor", 1), AreaPlaces("floor", 1, "child")), best, (span,), channel="partner")
    shops.hold(11, {FIRST: wish, SECOND: Wish(("B/1/left",), best=(BestSeats(2),))}, 600_000, "eve")
    shops.hold(12, {FIRST: Wish(("T/t2",)), SECOND: Wish((), (AreaPlaces("floor", 1),))}, 600_000, "fay")
    shops.desk.ask(c.PlaceOrder(shops.stamp(), 12, 112))
    placing = shops.intend(5, {FIRST: Wish(("T/t1",)), SECOND: Wish(("A/2/5",))}, buyer="gus")
    for plan in placing.legs:
        shops.pin(placing, plan, "gus")
    placing = shops.intend_exchange(101, (0,), LegPlan(FIRST, 16, Wish(("A/1/1", "A/1/8"))))
    shops.pin(placing, placing.legs[0])
    shops.commit()
