"""Houses as they are just then, whom something is told or asked in them, and what."""

from typing import TypeAlias

import msgspec

from actors.core.baskets import LegHeld, LegPlan
from actors.core.commands import (
    CancelOrder,
    CloseOrder,
    Command,
    ConfirmOrder,
    DropBasket,
    IntendBasket,
    IntendExchange,
    PinLeg,
    PlaceHold,
    PlaceOrder,
    ReadKey,
    ReleaseHold,
    SettleBasket,
    SettleExchange,
    Stamp,
)
from actors.core.following import what_to_follow
from actors.core.parts import Part
from actors.core.replies import OrderStatus, PlacingReply
from actors.core.rules import Allotment, Channel, Rules
from actors.core.wishes import AreaPlaces, Span, Wish
from tests.core.checked_house import (
    BASKET,
    DESK,
    FIRST,
    LEG_1,
    LEG_2,
    ORDER,
    PLACE_BY_MS,
    SECOND,
    TENANT,
    WISH,
    House,
    pinning,
    stamp,
)
from tests.core.divided_house import HOME, NORTH, PARTS, RULES, DividedHouse, counted, counting
from tests.core.test_desk_tables_and_slots import CLUB, FIRST_SLOT_MS, HOUR_MS

Asked: TypeAlias = tuple[House | DividedHouse, str, Command]

PLANS = (LegPlan(FIRST, LEG_1, WISH), LegPlan(SECOND, LEG_2, WISH))
ALL_PLACES = Wish(areas=(AreaPlaces("floor", 5),))
NEW_LEG = 31
DAY_MS = 24 * HOUR_MS
BOX = msgspec.structs.replace(
    RULES, channels=(Channel("box"),), allotments=(Allotment("late", "box", ("north/2/4",)),)
)  # fmt: skip


def intend(key: str = "basket", not_after_ms: int = PLACE_BY_MS, *, tenant: str = TENANT, asked: str = "") -> Command:
    """A basket over both events."""
    return IntendBasket(stamp(key, not_after_ms, tenant=tenant, asked=asked), BASKET, PLANS, 60_000)


def intend_exchange(
    key: str = "exchange", tickets: tuple[int, ...] = (0,), order: int = ORDER, *, tenant: str = TENANT, asked: str = ""
) -> Command:
    """A seat of the first event for these tickets."""
    plan = LegPlan(FIRST, NEW_LEG, Wish(("A/1/5",)))
    return IntendExchange(stamp(key, tenant=tenant, asked=asked), order, tickets, plan)


def meant() -> tuple[House, tuple[LegHeld, ...]]:
    """A basket whose legs are pinned, and the desk is not told yet."""
    house = House()
    house.intend()
    return house, tuple(house.pin(plan) for plan in PLANS)


def miscounted() -> Asked:
    """A basket of two seats is to be settled, and its ledger was to count one."""
    house = DividedHouse()
    plans = (counted(LEG_1, NORTH, Wish(("north/1/3", "north/1/4"))), counting(LEG_2, 1))
    house.say(DESK, IntendBasket(stamp("basket", PLACE_BY_MS), BASKET, plans))
    return house, DESK, SettleBasket(TENANT, BASKET, tuple(house.pin(BASKET, plan) for plan in plans))


def held() -> House:
    """A basket that is held."""
    house = House()
    house.hold()
    return house


def ordered() -> House:
    """A basket that is ordered."""
    house = House()
    house.order()
    return house


def paid() -> House:
    """A basket that is paid, and booked."""
    house = House()
    house.pay()
    return house


def exchanging() -> tuple[House, LegHeld]:
    """An order whose new leg is pinned, and the desk is not told yet."""
    house = paid()
    placing = house.say(DESK, intend_exchange())
    assert isinstance(placing, PlacingReply)
    return house, house.pin(placing.legs[0])


def settle_exchange(held: LegHeld | None, *, order: int = ORDER, leg: int = NEW_LEG, tenant: str = TENANT) -> Command:
    """How the placing of the new leg went."""
    return SettleExchange(tenant, order, leg, held)


def exchanged() -> House:
    """An exchange that is settled."""
    house, new = exchanging()
    house.say(DESK, settle_exchange(new))
    return house


def club(wish: Wish, leg: int = LEG_1) -> House:
    """A basket over the club, paid."""
    house = House(first=CLUB)
    plan = LegPlan(FIRST, leg, wish)
    house.intend("basket", BASKET, plan)
    house.say(DESK, SettleBasket(TENANT, BASKET, (house.pin(plan),)))
    house.say(DESK, PlaceOrder(stamp("order"), BASKET, ORDER))
    house.say(DESK, ConfirmOrder(stamp("confirm"), ORDER))
    house.do_deeds()
    return house


def closed() -> House:
    """An order on slots that has ended as it should."""
    house = club(Wish(spans=(Span("court", FIRST_SLOT_MS, FIRST_SLOT_MS + HOUR_MS),)))
    house.now_ms = FIRST_SLOT_MS
    house.say(DESK, CloseOrder(stamp("close"), ORDER, OrderStatus.COMPLETED))
    return house


def a_day_ago() -> House:
    """Eight baskets came to nothing in one instant, a day ago: the desk forgets them and their keys a few at a time."""
    house = House()
    for number in range(8):
        plan = LegPlan(FIRST, LEG_1 + number, Wish(areas=(AreaPlaces("floor", 1),)))
        house.intend(f"basket {number}", BASKET + number, plan)
        house.say(DESK, SettleBasket(TENANT, BASKET + number, (house.pin(plan, BASKET + number),)))
        if number % 2:
            house.say(DESK, PlaceOrder(stamp(f"order {number}"), BASKET + number, ORDER + number))
            house.say(DESK, CancelOrder(stamp(f"cancel {number}"), ORDER + number))
        else:
            house.say(DESK, ReleaseHold(stamp(f"release {number}"), BASKET + number))
        house.do_deeds()
    house.now_ms += DAY_MS
    house.say(DESK, IntendBasket(stamp("another"), 1, (LegPlan(FIRST, 1, WISH),)))
    return house


def forgotten(kind: str, house: House) -> Stamp:
    """The stamp of one whose basket, or order, is forgotten, and its key is not."""
    state = house.state(DESK)
    return next(
        stamp(f"{kind} {number}")
        for number in range(8)
        if stamp(f"{kind} {number}").key in state.memos and BASKET + number not in state.holds
    )


def forgotten_basket() -> Asked:
    """It is meant once more."""
    house = a_day_ago()
    plan = LegPlan(FIRST, 2, Wish(areas=(AreaPlaces("floor", 1),)))
    return house, DESK, IntendBasket(forgotten("basket", house), 2, (plan,), 60_000)


def read_key(house: House, of: Stamp | None = None, *, tenant: str = TENANT) -> Asked:
    """What the key of a basket stands for, or another's."""
    of = of or stamp("basket")
    return house, DESK, ReadKey(tenant, of.key, of.fingerprint)


def ask_forgotten(kind: str) -> Asked:
    """What the key of one that is forgotten stands for."""
    house = a_day_ago()
    return read_key(house, forgotten(kind, house))


def after(house: House, *commands: tuple[str, Command]) -> House:
    """When this was done as well."""
    for block, command in commands:
        house.say(block, command)
    return house


def pin(wish: Wish, *before: tuple[str, Command]) -> Asked:
    """A leg in an event of which something was held before."""
    return after(House(), *before), FIRST, pinning(LegPlan(FIRST, LEG_1, wish))


def pin_overdue() -> Asked:
    """A leg on all the places, which two holds had until a moment ago."""
    two = Wish(areas=(AreaPlaces("floor", 2),))
    house = after(House(), *((FIRST, PlaceHold(stamp(f"hold {number}"), number, two, 1_000)) for number in (1, 2)))
    return at(house.now_ms + 1_000, house), FIRST, pinning(LegPlan(FIRST, LEG_1, ALL_PLACES))


def pin_in_part(wish: Wish, rules: Rules = RULES, *, opens: bool = True, counts: bool = True) -> Asked:
    """A leg in the north of an event that is split."""
    house = DividedHouse(rules, opens=opens)
    house.follow()
    plan = counted(1, NORTH, wish) if counts else LegPlan(NORTH, 1, wish)
    return house, NORTH, PinLeg(TENANT, DESK, BASKET, "ana", plan, 1, PLACE_BY_MS)


def sold_first(seat: str) -> tuple[tuple[str, Command], ...]:
    """Somebody has bought it."""
    return (
        (FIRST, PlaceHold(stamp("hold"), 1, Wish((seat,)))),
        (FIRST, PlaceOrder(stamp("order it"), 1, 2)),
        (FIRST, ConfirmOrder(stamp("pay"), 2)),
    )


def told(house: DividedHouse, part: Part = PARTS[0], **changes: object) -> Asked:
    """What the home tells a part now, but for these changes."""
    return house, part.block, msgspec.structs.replace(what_to_follow(house.state(HOME), HOME, part), **changes)


def at(now_ms: int, house: House) -> House:
    """Then."""
    house.now_ms = now_ms
    return house


def dropped() -> House:
    """A basket that came to nothing, and its legs have not heard of it."""
    house, _ = meant()
    return after(house, (DESK, DropBasket(TENANT, BASKET)))
