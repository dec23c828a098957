"""An event that has every kind of inventory and every rule, and a clean journal that uses all that entries can bear."""

from functools import cache

import msgspec

from actors.core import commands as c
from actors.core.entries import HoldPlaced
from actors.core.layout import (
    Area,
    Calendar,
    Category,
    Fee,
    Layout,
    Resource,
    Row,
    RowKind,
    Section,
    Tax,
)
from actors.core.lots import freeze_prices
from actors.core.replies import EventStatus, OrderStatus
from actors.core.rules import Allotment, Channel, Rules, WaitingList, Window
from actors.core.state import BlockState
from actors.core.wishes import AreaPlaces, BestSeats, Span, Wish
from tests.loadtests.journals import HOLD_TTL_MS, KEY, PRINT, START_MS, Journal, Shop

HOUR_MS = 60 * 60_000
SLOT_MS = HOUR_MS // 2
SLOTS_FROM_MS = (START_MS // HOUR_MS + 1) * HOUR_MS  # 46 min 40 s later
ROOM_FROM_MS, ROOM_TO_MS = SLOTS_FROM_MS + HOUR_MS, SLOTS_FROM_MS + 2 * HOUR_MS
CLAIM_MS = 120_000
MAX_HOLD_LIFE_MS = 1_800_000

WHOLE_LAYOUT = Layout(
    "EUR",
    (
        Category("near", 5_000, ((1, 2_505),)),
        Category("far", 2_000, ((1, 999), (2, 0))),
        Category("standing", 1_000, ((1, 1_000),)),
        Category("court", 3_333),
    ),
    (
        Section("A", (Row("1", 0, 1, 8), Row("2", 1, 1, 8, accessible=(2, 5), companions=(3,)), Row("3", 1, 1, 4))),
        Section("T", (Row("t1", 1, 1, 4, kind=RowKind.TABLE), Row("t2", 0, 1, 3, kind=RowKind.WHOLE_TABLE)), (20, 0)),
        Section("H", (Row("1", 1, 0, 2, ("left", "right")), Row("2", 1, 1, 5))),
    ),
    (Area("floor", 2, 12), Area("terrace", 1, 6)),
    (Resource("court 1", 3, 0), Resource("court 2", 3, 0, SLOT_MS), Resource("room", 1, 1, SLOT_MS // 2)),
    (
        Calendar("Europe/Berlin", SLOT_MS, ((SLOTS_FROM_MS, 4, 120), (SLOTS_FROM_MS + 4 * SLOT_MS, 4, 60))),
        Calendar("UTC", HOUR_MS, ((SLOTS_FROM_MS, 2, 0), (SLOTS_FROM_MS + 4 * HOUR_MS, 2, 0))),
    ),
    ("adult", "child", "member"),
    (Fee("service", 50, 12_345), Fee("order", 199, 0, once=True)),
    Tax("VAT", 70_000, included=False),
)

WHOLE_RULES = Rules(
    Window(START_MS - HOUR_MS, START_MS + 90 * HOUR_MS),
    MAX_HOLD_LIFE_MS,
    12,
    (Channel("partner"), Channel("presale", Window(START_MS - HOUR_MS, START_MS + HOUR_MS)), Channel("box")),
    (
        Allotment("house", "", ("H/1", "H/2/5"), (AreaPlaces("terrace", 1),)),
        Allotment("of the partner", "partner", ("A/3", "room"), (AreaPlaces("floor", 4),), START_MS + 20 * 60_000),
        Allotment("of the box", "box", ("H/2/4",), (AreaPlaces("floor", 2),)),
    ),
    START_MS + 30 * 60_000,
    WaitingList(CLAIM_MS),
)


def another_layout(number: int) -> Layout:
    """The same units numbered otherwise and at other prices; the odd ones have a focus and one row more."""
    step = -1 if number % 4 > 1 else 1
    sections = WHOLE_LAYOUT.sections[::step]
    if number % 2:
        sections = (Section("N", (Row("1", 0, 1, 3),), (0, 40)), *sections)
    categories = tuple(
        msgspec.structs.replace(category, price=category.price + number) for category in WHOLE_LAYOUT.categories
    )
    return msgspec.structs.replace(
        WHOLE_LAYOUT,
        categories=categories,
        sections=sections,
        areas=WHOLE_LAYOUT.areas[::step],
        resources=WHOLE_LAYOUT.resources[::step],
        focus=(3, 1) if number % 2 else None,
        tax=Tax("VAT", 190_000, included=True) if number % 3 else None,
        fees=WHOLE_LAYOUT.fees[: number % 3],
    )


LAST_LAYOUT = another_layout(7)
LAST_HOLD_LIFE_MS = 2_400_000
LAST_RULES = msgspec.structs.replace(WHOLE_RULES, max_per_buyer=8, max_hold_life_ms=LAST_HOLD_LIFE_MS)
"""What the whole journal's event has become at its end."""


class _WholeShop:
    """A shop, a command a line."""

    def __init__(self) -> None:
        self.shop = Shop()
        self._keys = 0

    def stamp(self, buyer: str = "ana") -> c.Stamp:
        self._keys += 1
        return self.shop.stamp(f"key {self._keys}", buyer)

    def then(self, *commands: c.Write, after_ms: int = 1_000) -> None:
        """Time passes, what is due ends, and all this is one row."""
        self.shop.now_ms += after_ms
        self.shop.expire()
        for command in commands:
            self.shop.ask(command)
            self.shop.expire()
        self.shop.commit()

    def hold(self, number: int, wish: Wish, buyer: str = "ana") -> c.PlaceHold:
        return c.PlaceHold(self.stamp(buyer), number, wish)

    def wait(self, number: int, wish: Wish, buyer: str = "ben") -> c.JoinWaitingList:
        return c.JoinWaitingList(self.stamp(buyer), number, wish)

    def paid(self, hold: int) -> tuple[c.Write, c.Write]:
        """The hold is ordered as 100 more, and paid."""
        return c.PlaceOrder(self.stamp(), hold, 100 + hold), c.ConfirmOrder(self.stamp(), 100 + hold)

    def edit(self, **changes: object) -> c.EditEvent:
        return c.EditEvent(self.stamp(), self.shop.state.revision, **changes)  # type: ignore[arg-type]


def whole_journal() -> Journal:
    """Every kind of entry, with all that it can bear. Holds by their numbers, orders being 100 more:

    1: A/1/1 and A/1/2, for a child; paid. 2: A/3/1 and places of the floor at two price types, through the partner;
    paid. 3: best seats A/1/3-5; paid; ticket 1 cancelled, 2 twice another buyer's, 3 exchanged for the best of H. 4:
    slots of court 1 and court 2; paid, and closed as completed. 5: table T/t2; released. 6: the accessible seat A/2/3
    and its companion; extended, expired. 7: table T/t1, released, and so offered as 21, who had waited; paid. 8:
    H/2/1-3, released, of which 24 is offered the best two; extended, expired. 22 leaves, 23 waits at the end. 9: of
    another layout and at its prices, some of it chosen; pending as 109 at the end. 10: ordered as 110, which
    expired. 11: a slot of the room
    and a place of the terrace, once the partner's are returned; paid, and cancelled. 12: released, and so offered as
    25, active at the end. 13: active at the end.
    """
    return _whole_journal().copy()


@cache
def _whole_journal() -> Journal:
    whole = _WholeShop()
    whole.shop.take_over()
    whole.then(c.CreateEvent(whole.stamp(), "A concert", WHOLE_LAYOUT, HOLD_TTL_MS, WHOLE_RULES), after_ms=0)
    whole.then(c.OpenSale(whole.stamp()))
    whole.then(
        whole.hold(1, Wish(("A/1/1", "A/1/2"), seat_types=(("A/1/2", "child"),))),
        whole.hold(
            2, Wish(("A/3/1",), (AreaPlaces("floor", 3), AreaPlaces("floor", 1, "child")), channel="partner"), "ben"
        ),
    )
    whole.then(whole.hold(3, Wish(best=(BestSeats(3, ("A",), ("near",), price_types=(("child", 1),)),)), "cem"))
    courts = (Span("court 1", SLOTS_FROM_MS, SLOTS_FROM_MS + 2 * SLOT_MS),
              Span("court 2", SLOTS_FROM_MS, SLOTS_FROM_MS + SLOT_MS))  # fmt: skip
    whole.then(
        whole.hold(4, Wish(spans=courts)),
        whole.hold(5, Wish(("T/t2",))),
        whole.hold(6, Wish(("A/2/3", "A/2/4"), accessible=True)),
        whole.hold(7, Wish(("T/t1",)), "dan"),
        whole.hold(8, Wish(("H/2/1", "H/2/2", "H/2/3")), "eve"),
        whole.hold(10, Wish(("A/1/8",))),
    )
    whole.then(*(command for hold in (1, 2, 3, 4) for command in whole.paid(hold)))
    whole.then(c.PlaceOrder(whole.stamp(), 10, 110))
    whole.then(
        c.ReleaseHold(whole.stamp(), 5),
        whole.wait(21, Wish(("T/t1/1", "T/t1/2"), (AreaPlaces("terrace", 1, "child"),), channel="partner")),
        whole.wait(22, Wish(("T/t1",))),
        whole.wait(23, Wish(("A/1/1",)), "hal"),
        whole.wait(24, Wish(best=(BestSeats(2, ("H",), price_types=(("child", 1),)),)), "cem"),
        c.ExtendHold(whole.stamp(), 6, HOUR_MS),
    )
    whole.then(c.LeaveWaitingList(whole.stamp(), 22))
    whole.then(c.ReleaseHold(whole.stamp(), 7), c.ReleaseHold(whole.stamp(), 8))
    whole.then(*whole.paid(21), c.ExtendHold(whole.stamp(), 24, HOUR_MS))
    whole.then(
        c.CancelTickets(whole.stamp(), 103, (0,)),
        c.ReassignTicket(whole.stamp(), 103, 1, "dan"),
        c.ExchangeTickets(
            whole.stamp(), 103, (2,), Wish((), (AreaPlaces("floor", 1),), (BestSeats(1, ("H", "A")),), channel="box")
        ),
        c.ReassignTicket(whole.stamp(), 103, 1, "eve"),
        c.ReassignTicket(whole.stamp(), 103, 4, "fay"),
    )
    whole.then(c.ChangeStatus(whole.stamp(), EventStatus.PAUSED))
    whole.then(c.OpenSale(whole.stamp()))
    whole.then(whole.edit(name="A better concert", hold_ttl_ms=600_000))
    whole.then(whole.edit(layout=LAST_LAYOUT))
    whole.then(whole.edit(rules=LAST_RULES))
    whole.then(after_ms=20 * 60_000)  # the partner's are returned, 10 expires
    whole.then(after_ms=10 * 60_000)  # so are the accessible seats
    whole.shop.now_ms += 17 * 60_000
    whole.then(c.CloseOrder(whole.stamp(), 104, OrderStatus.COMPLETED))
    best = (BestSeats(2, price_types=(("child", 1),)), BestSeats(3, ("A",), split=True))
    whole.then(whole.hold(9, Wish(("N/1/1",), (AreaPlaces("terrace", 1),), best, channel="presale"), "gus"))
    whole.then(
        whole.hold(11, Wish((), (AreaPlaces("terrace", 1),), spans=(Span("room", ROOM_FROM_MS, ROOM_TO_MS),))),
        *whole.paid(11),
        c.PlaceOrder(whole.stamp("gus"), 9, 109),
        whole.hold(12, Wish(("H/2/1",)), "eve"),
        whole.hold(13, Wish(("H/2/2",), (AreaPlaces("floor", 2),), channel="box"), "fay"),
        whole.wait(25, Wish(("H/2/1",), channel="presale"), "gus"),
    )
    whole.then(c.CancelOrder(whole.stamp(), 111), c.ReleaseHold(whole.stamp(), 12), after_ms=2_000)
    return whole.shop.journal()


def a_hold(
    journal: Journal, *units: str, areas: tuple[tuple[str, int], ...] = (), **changes: object
) -> HoldPlaced:  # fmt: skip
    """A hold of the whole journal's event at its end, of units by name for adults, right but for `changes`."""
    state = BlockState()
    state.set_layout(LAST_LAYOUT, 1)
    found = [state.index.find_unit(name) for name in units]
    seats = [unit[0] for unit in found if unit is not None]
    assert len(seats) == len(units), f"{units} are not there"
    places = [(state.index.area_of_name[area], quantity) for area, quantity in areas]
    priced = freeze_prices(state, seats, places, [0] * len(seats), [0] * len(places))
    at_ms = journal.last_ms
    placed = HoldPlaced(
        at_ms, 99, "zoe", tuple(seats), tuple(places), priced.prices, at_ms + 60_000, at_ms + LAST_HOLD_LIFE_MS, KEY,
        PRINT, priced.lines, priced.charges, priced.once,
    )  # fmt: skip
    return msgspec.structs.replace(placed, **changes)
