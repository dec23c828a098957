"""A house with something of all that can be refused: rows, tables, slots, places, channels, limits, and who waits."""

from functools import cache

from actors.core import commands as c
from actors.core.layout import Area, Calendar, Category, Layout, Resource, Row, RowKind, Section
from actors.core.replies import OrderStatus
from actors.core.rules import Allotment, Channel, Rules, WaitingList, Window
from actors.core.wishes import AreaPlaces, Span, Wish
from tests.loadtests.journals import HOLD_TTL_MS, START_MS, Journal, Shop

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
SLOTS_MS = tuple(START_MS - 20_000 + hour * HOUR_MS for hour in (-1, 0, 1, 2))
"""When the slots of the court begin, whole minutes all of them: two of them before `START_MS`."""
_TABLE = RowKind.WHOLE_TABLE
_LAYOUT = Layout(
    "EUR",
    (Category("seat", 5_000, ((1, 2_500),)), Category("court", 2_000), Category("standing", 1_000)),
    (
        Section("A", (Row("1", 0, 1, 6), Row("2", 0, 1, 6, accessible=(5,)))),
        Section("T", (Row("T1", 0, 1, 4, kind=_TABLE), Row("T2", 0, 1, 4, kind=_TABLE))),
    ),
    (Area("floor", 2, 10), Area("yard", 2, 10)),
    (Resource("court", 1, 0),),
    (Calendar("UTC", HOUR_MS, ((SLOTS_MS[0], 4, 0),)),),
    price_types=("adult", "child"),
)
_RULES = Rules(
    channels=(
        Channel("fans"),
        Channel("early", Window(START_MS + HOUR_MS)),
        Channel("late", Window(0, START_MS - MINUTE_MS)),
    ),
    max_per_buyer=12,
    allotments=(Allotment("house", "", ("A/2/1",)), Allotment("members", "fans", ("A/2/2",))),
    waiting_list=WaitingList(MINUTE_MS),
)


def slot(number: int) -> str:
    """The name of a slot of the court."""
    return f"court/2023-11-14T{21 + number}:13+00:00" if number < 3 else "court/2023-11-15T00:13+00:00"


def span(number: int) -> tuple[str, int, int]:
    """The same slot as it is asked for by its time."""
    return "court", SLOTS_MS[number], SLOTS_MS[number] + HOUR_MS


class _House(Shop):
    def book(self, number: int, wish: Wish, buyer: str = "buyer") -> None:
        """Hold and order, but not pay."""
        self.ask(c.PlaceHold(self.stamp(f"hold {number}", buyer), number, wish))
        self.ask(c.PlaceOrder(self.stamp(f"order {number}"), number, 100 + number))

    def sell(self, number: int, wish: Wish, buyer: str = "buyer") -> None:
        """Hold, order and pay: order 101 on hold 1, and so on."""
        self.book(number, wish, buyer)
        self.ask(c.ConfirmOrder(self.stamp(f"pay {number}"), 100 + number))


@cache
def house() -> Journal:
    """At `START_MS` hold 90 is placed, as the last thing but a hold 91, half a minute later.

    Orders: 101 on a slot that has begun, 102 on one that has not, 103 on a table (tickets 0 to 3) and A/1/1 (4), by
    ana; 104 on two seats of which the first was given back, 105 unpaid, 106 cancelled, 107 expired, 108 closed, 109 on
    the whole floor. Holds: 10 on A/1/4, 11 released, 12 run out. Waiters: 20 waits, for a table, and 21 has left.
    """
    shop = _House()
    shop.now_ms = START_MS - 2 * HOUR_MS
    shop.take_over()
    shop.ask(c.CreateEvent(shop.stamp("the event's key"), "A house", _LAYOUT, HOLD_TTL_MS, _RULES))
    shop.ask(c.OpenSale(shop.stamp("open")))
    shop.sell(1, Wish(spans=(Span(*span(1)),)), "cem")
    shop.sell(2, Wish(spans=(Span(*span(2)),)), "cem")
    shop.sell(3, Wish(("T/T1", "A/1/1")), "ana")
    shop.sell(4, Wish(("A/1/2", "A/1/3")))
    shop.ask(c.CancelTickets(shop.stamp("void"), 104, (0,)))
    shop.sell(6, Wish(("A/2/3",)))
    shop.ask(c.CancelOrder(shop.stamp("cancel"), 106))
    shop.sell(8, Wish(spans=(Span(*span(0)),)))
    shop.sell(9, Wish((), (AreaPlaces("floor", 10),)), "dan")
    shop.ask(c.PlaceHold(shop.stamp("hold 11"), 11, Wish(("A/2/3",))))
    shop.ask(c.ReleaseHold(shop.stamp("release"), 11))
    shop.ask(c.PlaceHold(shop.stamp("hold 12"), 12, Wish(("A/2/3",))))
    shop.book(7, Wish(("A/2/4",)))
    shop.commit()
    shop.now_ms = START_MS
    shop.expire()
    shop.book(5, Wish(("A/1/5",)))
    shop.ask(c.PlaceHold(shop.stamp("hold 10"), 10, Wish(("A/1/4",)), 10 * MINUTE_MS))
    shop.ask(c.JoinWaitingList(shop.stamp("wait 20", "eve"), 20, Wish(("T/T1",))))
    shop.ask(c.JoinWaitingList(shop.stamp("wait 21", "eve"), 21, Wish(("T/T1",))))
    shop.ask(c.LeaveWaitingList(shop.stamp("leave 21", "eve"), 21))
    shop.ask(c.CloseOrder(shop.stamp("close"), 108, OrderStatus.COMPLETED))
    shop.commit()
    for number, seat in ((90, "A/2/5"), (91, "A/2/4")):
        shop.expire()  # and offer to who waits what came back, which is nothing for these
        shop.hold(number, (seat,))
        shop.commit()
        shop.now_ms += MINUTE_MS // 2
    return shop.journal()
