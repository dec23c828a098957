"""Clean journals of an event that is split by sections, of a plain one, and of the desk of baskets over both."""

from functools import cache
from itertools import count

import msgspec

from actors.core import commands as c
from actors.core.baskets import LegPlan
from actors.core.outcomes import Rejected
from actors.core.replies import EventStatus, OrderStatus
from actors.core.wishes import AreaPlaces, BestSeats, Span, Wish
from tests.loadtests.journals import TENANT, Journal
from tests.loadtests.split_shops import HOME, PARTS, PLAIN, SPLIT_RULES, STALLS, SplitShops, split_layout
from tests.loadtests.whole_house import HOUR_MS, SLOT_MS, SLOTS_FROM_MS

COURT = Span("court 1", SLOTS_FROM_MS, SLOTS_FROM_MS + 2 * SLOT_MS)


def split_journals() -> tuple[Journal, ...]:
    """The desk's, then those of the home, the stalls, the tables, the two ledgers, and the plain event.

    Baskets by their numbers, orders being 100 more, legs 10 times it, in the order of their blocks:

    1: ana's, over stalls, tables, home and the plain event, paid; a stall cancelled, one exchanged for a seat at home
    (leg 19), two places for one stall (18), an exchange refused (17), and one being placed at the end (16). 2: ana's,
    dropped, as the ledger refused. 3: released. 4: expired. 5: placed, and not held yet at the end. 6: held at the end,
    for best seats and slots. 7: ordered at the end. 8: over courts and stalls, and completed.
    The event was edited once before the end, when all parts followed, and once after it, when but the stalls did, of
    which the home has not heard.
    """
    return tuple(journal.copy() for journal in _split_journals())


@cache
def _split_journals() -> tuple[Journal, ...]:
    shops = SplitShops()
    shops.open()
    _hold(shops)
    _exchange(shops)
    _edit(shops)
    _end(shops)
    return shops.journals()


def _hold(shops: SplitShops) -> None:
    desk = shops.desk
    shops.wait(1_000)
    wish = Wish(("A/1/1", "A/1/2", "A/1/3", "T/t2", "H/2/1"), (AreaPlaces("floor", 2, "child"),))
    shops.hold(1, {HOME: wish, PLAIN: Wish(("A/1/1",))})
    shops.pay(1)
    shops.commit()
    plain = shops.events[PLAIN]
    plain.ask(c.PlaceHold(plain.stamp("a hold"), 201, Wish(("A/2/6",))))
    placing = shops.intend(2, {HOME: Wish(("A/1/4", "A/1/5", "H/2/2", "H/2/3"))})
    refused = [shops.pin(placing, plan) for plan in placing.legs]
    assert sum(isinstance(one, Rejected) for one in refused) == 1
    desk.ask(c.DropBasket(TENANT, 2))
    shops.carry_out()
    for basket, wish in (
        (3, Wish(("A/1/5", "T/t1/1"))),
        (4, Wish(("A/1/6",), (AreaPlaces("terrace", 1),))),
        (8, Wish(("A/1/7", "A/1/8"), spans=(COURT,))),
    ):
        shops.hold(basket, {HOME: wish}, buyer=f"buyer {basket}")
    desk.ask(c.ReleaseHold(shops.stamp(), 3))
    shops.pay(8)
    shops.carry_out()
    shops.commit()
    shops.wait(60_000)
    shops.carry_out()
    shops.commit()


def _exchange(shops: SplitShops) -> None:
    desk = shops.desk
    tickets = {name: number for number, name in enumerate(_tickets(shops, 1))}
    desk.ask(c.CancelTickets(shops.stamp(), 101, (tickets["A/1/1"],)))
    desk.ask(c.ReassignTicket(shops.stamp(), 101, tickets["A/1/2"], "dan"))
    shops.carry_out()
    shops.commit()
    assert shops.exchange(101, (tickets["A/1/2"],), _plan(shops, Wish(("H/2/3",)), 19))
    shops.carry_out()
    places = tickets["floor"], tickets["floor"] - 1
    assert shops.exchange(101, places, _plan(shops, Wish(("A/1/1",)), 18))
    shops.carry_out()
    assert not shops.exchange(101, (tickets["A/1/3"],), _plan(shops, Wish(("H/2/1",)), 17))
    shops.carry_out()
    shops.commit()


def _edit(shops: SplitShops) -> None:
    home = shops.home
    rules = msgspec.structs.replace(SPLIT_RULES, max_per_buyer=10)
    home.ask(c.EditEvent(home.stamp("edit"), home.state.revision, "A semi-final", split_layout(6), rules, 90_000))
    shops.follow()
    home.ask(c.ChangeStatus(home.stamp("pause"), EventStatus.PAUSED))
    shops.follow()
    home.ask(c.OpenSale(home.stamp("open again")))
    shops.follow()
    shops.commit()


def _end(shops: SplitShops) -> None:
    desk = shops.desk
    shops.wait(HOUR_MS)
    desk.ask(c.CloseOrder(shops.stamp(), 108, OrderStatus.COMPLETED))
    later = Span("court 2", SLOTS_FROM_MS + 6 * SLOT_MS, SLOTS_FROM_MS + 7 * SLOT_MS)
    best = (BestSeats(2, ("A",)), BestSeats(1, ("H",), price_types=(("child", 1),)))
    shops.hold(6, {HOME: Wish((), (), best, (later,), channel="partner")}, 600_000, "eve")
    shops.hold(7, {HOME: Wish(("T/t1/1",)), PLAIN: Wish(("A/2/2",))}, 600_000, "fay")
    desk.ask(c.PlaceOrder(shops.stamp(), 7, 107))
    placing = shops.intend(5, {HOME: Wish(("A/3/1", "H/2/2"))}, buyer="gus")
    for plan in placing.legs:
        shops.pin(placing, plan, "gus")
    placing = shops.intend_exchange(101, (0,), _plan(shops, Wish(("A/1/3",)), 16))
    shops.pin(placing, placing.legs[0])
    home = shops.home
    home.ask(c.EditEvent(home.stamp("edit again"), home.state.revision, None, split_layout(7)))
    stalls = next(part for part in PARTS if part.block == STALLS)
    shops.tell(stalls)
    shops.commit()


def _plan(shops: SplitShops, wish: Wish, number: int) -> LegPlan:
    """The leg of an exchange, under this number."""
    return next(plan for plan in shops.legs({HOME: wish}, "ana", count(number)) if not plan.counts)


def _tickets(shops: SplitShops, basket: int) -> list[str]:
    """Its units, ticket by ticket."""
    return [name for held in shops.desk.state.desk.baskets[basket].held for name in held.ticket_names]
