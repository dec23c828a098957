"""A clean journal that uses all that entries can bear, of the whole house's event, made by the real core."""

from functools import cache

from actors.core import commands as c
from actors.core.replies import EventStatus, OrderStatus
from actors.core.wishes import AreaPlaces, BestSeats, Span, Wish
from tests.loadtests.journals import HOLD_TTL_MS, Journal, Shop
from tests.loadtests.whole_house import (
    HOUR_MS,
    LAST_LAYOUT,
    LAST_RULES,
    ROOM_FROM_MS,
    ROOM_TO_MS,
    SLOT_MS,
    SLOTS_FROM_MS,
    WHOLE_LAYOUT,
    WHOLE_RULES,
)


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
    another layout and at its prices, some of it chosen; pending as 109, until that is corrected. 10: ordered as 110,
    which expired. 11: a slot of the room and a place of the terrace, once the partner's are returned; paid, and
    cancelled. 12: released, and so offered as 25, active at the end. 13: active at the end. 14: ended by the
    correction, which voids tickets of 2 and ends 109 as well.
    """
    return _journal(corrected=True).copy()


def journal_before_correction() -> Journal:
    """The same, without 14 and what ends with its correction."""
    return _journal(corrected=False).copy()


@cache
def _journal(*, corrected: bool) -> Journal:
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
    _wait_and_change(whole)
    _edit_and_go_on(whole)
    if corrected:
        _correct(whole)
    return whole.shop.journal()


def _wait_and_change(whole: _WholeShop) -> None:
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


def _edit_and_go_on(whole: _WholeShop) -> None:
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


def _correct(whole: _WholeShop) -> None:
    """It was quarantined, and tickets, a hold and an order end with that."""
    whole.then(whole.hold(14, Wish((), (AreaPlaces("terrace", 1),))))
    position = len(whole.shop.drafts)
    whole.shop.correct(
        c.Correct(1, position, "mara", "sold twice elsewhere", whole.shop.now_ms, ((102, 0), (102, 1)), (14,), (109,))
    )
