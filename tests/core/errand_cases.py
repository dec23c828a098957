"""What desks, legs, events and parts are told, case by case: a house as it is just then, whom it is told, and what."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import msgspec

from actors.core.baskets import LegHeld, LegPlan
from actors.core.commands import (
    AcknowledgeLeg,
    AcknowledgePart,
    AskAboutLeg,
    BookLeg,
    CancelOrder,
    ChangeStatus,
    CloseOrder,
    Command,
    ConfirmOrder,
    DropBasket,
    IntendBasket,
    IntendExchange,
    PinLeg,
    PlaceHold,
    PlaceOrder,
    ReleaseHold,
    ReleaseLeg,
    SettleBasket,
    SettleExchange,
)
from actors.core.following import what_to_follow
from actors.core.keys import MAX_KEYS_PER_BLOCK
from actors.core.parts import Part
from actors.core.replies import EventStatus, OrderStatus, PlacingReply
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
    START_MS,
    TENANT,
    WISH,
    House,
    pinning,
    stamp,
)
from tests.core.divided_house import HOME, NORTH, PARTS, RULES, DividedHouse, counted
from tests.core.test_desk_tables_and_slots import CLUB, FIRST_SLOT_MS, HOUR_MS

Asked: TypeAlias = tuple[House | DividedHouse, str, Command]

PLANS = (LegPlan(FIRST, LEG_1, WISH), LegPlan(SECOND, LEG_2, WISH))
ALL_PLACES = Wish(areas=(AreaPlaces("floor", 5),))
NEW_LEG = 31
DAY_MS = 24 * HOUR_MS
BOX = msgspec.structs.replace(
    RULES, channels=(Channel("box"),), allotments=(Allotment("late", "box", ("north/2/4",)),)
)  # fmt: skip


class Case(NamedTuple):
    """`expected`: the name of a reason, ACCEPTED, or REPLAYED for what was so already. `room`: for so many keys."""

    expected: str
    title: str
    ask: Callable[[], Asked]
    room: int = MAX_KEYS_PER_BLOCK


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


def forgotten() -> Asked:
    """Eight baskets were released in one instant, a day ago: the desk forgets them and their keys a few at a time."""
    house = House()
    for number in range(8):
        plan = LegPlan(FIRST, LEG_1 + number, Wish(areas=(AreaPlaces("floor", 1),)))
        house.intend(f"basket {number}", BASKET + number, plan)
        house.say(DESK, SettleBasket(TENANT, BASKET + number, (house.pin(plan, BASKET + number),)))
        house.say(DESK, ReleaseHold(stamp(f"release {number}"), BASKET + number))
        house.do_deeds()
    house.now_ms += DAY_MS
    house.say(DESK, IntendBasket(stamp("another"), 1, (LegPlan(FIRST, 1, WISH),)))
    state = house.state(DESK)
    number = next(
        number
        for number in range(8)
        if stamp(f"basket {number}").key in state.memos and BASKET + number not in state.holds
    )
    plan = LegPlan(FIRST, 2, Wish(areas=(AreaPlaces("floor", 1),)))
    return house, DESK, IntendBasket(stamp(f"basket {number}"), 2, (plan,), 60_000)


def after(house: House, *commands: tuple[str, Command]) -> House:
    """When this was done as well."""
    for block, command in commands:
        house.say(block, command)
    return house


def pin(wish: Wish, *before: tuple[str, Command]) -> Asked:
    """A leg in an event of which something was held before."""
    return after(House(), *before), FIRST, pinning(LegPlan(FIRST, LEG_1, wish))


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


INTENTS = (
    Case("ACCEPTED", "a basket", lambda: (House(), DESK, intend())),
    Case("REPLAYED", "a basket again", lambda: (meant()[0], DESK, intend())),
    Case("REPLAYED", "a basket that is held", lambda: (held(), DESK, intend())),
    Case("INVALID_ARGUMENT", "no legs", lambda: (House(), DESK, IntendBasket(stamp("k"), BASKET, ()))),
    Case("OVERLOADED", "no room for a key", lambda: (meant()[0], DESK, intend("other")), 1),
    Case("UNAVAILABLE", "legs that are being released", lambda: (dropped(), DESK, intend())),
    Case("DEADLINE_EXCEEDED", "too late", lambda: (House(), DESK, intend("basket", START_MS - 1))),
    Case("EVENT_NOT_FOUND", "an event", lambda: (House(), FIRST, intend())),
    Case("HOLD_NOT_FOUND", "the key of what is forgotten", forgotten),
    Case("IDEMPOTENCY_KEY_REUSED", "a key for another basket", lambda: (meant()[0], DESK, intend(asked="else"))),
    Case("ACCEPTED", "an exchange", lambda: (paid(), DESK, intend_exchange())),
    Case("REPLAYED", "an exchange again", lambda: (exchanging()[0], DESK, intend_exchange())),
    Case("REPLAYED", "an exchange that is settled", lambda: (exchanged(), DESK, intend_exchange())),
    Case("INVALID_ARGUMENT", "an exchange of no ticket", lambda: (paid(), DESK, intend_exchange(tickets=()))),
    Case("OVERLOADED", "no room for its key", lambda: (paid(), DESK, intend_exchange()), 3),
    Case("UNAVAILABLE", "an exchange meanwhile", lambda: (exchanging()[0], DESK, intend_exchange("another"))),
    Case(
        "DEADLINE_EXCEEDED",
        "an exchange that came to nothing",
        lambda: (after(exchanging()[0], (DESK, settle_exchange(None))), DESK, intend_exchange()),
    ),
    Case("ORDER_NOT_FOUND", "an exchange in no order", lambda: (paid(), DESK, intend_exchange(order=1))),
    Case(
        "IDEMPOTENCY_KEY_REUSED",
        "a key for another exchange",
        lambda: (exchanging()[0], DESK, intend_exchange(asked="else")),
    ),
    Case(
        "TABLE_NOT_WHOLE",
        "a seat of a table",
        lambda: (club(Wish(("T/t1",))), DESK, intend_exchange()),
    ),
    Case("ORDER_PENDING", "an order that is not paid", lambda: (ordered(), DESK, intend_exchange())),
    Case(
        "ORDER_EXPIRED",
        "an order nobody paid in time",
        lambda: (at(START_MS + 60_000, ordered()), DESK, intend_exchange()),
    ),
    Case(
        "ORDER_CANCELLED",
        "an order that is cancelled",
        lambda: (after(paid(), (DESK, CancelOrder(stamp("cancel"), ORDER))), DESK, intend_exchange()),
    ),
    Case("ORDER_CLOSED", "an order that is over", lambda: (closed(), DESK, intend_exchange())),
    Case("TICKET_VOID", "a ticket that was given back", lambda: (exchanged(), DESK, intend_exchange("another"))),
)
"""What is meant."""

DECISIONS = (
    Case("ACCEPTED", "all legs are pinned", lambda: (meant()[0], DESK, SettleBasket(TENANT, BASKET, meant()[1]))),
    Case("REPLAYED", "told twice", lambda: (held(), DESK, SettleBasket(TENANT, BASKET, meant()[1]))),
    Case("INVALID_ARGUMENT", "other legs", lambda: (meant()[0], DESK, SettleBasket(TENANT, BASKET, meant()[1][:1]))),
    Case(
        "DEADLINE_EXCEEDED",
        "too late",
        lambda: (at(PLACE_BY_MS, meant()[0]), DESK, SettleBasket(TENANT, BASKET, meant()[1])),
    ),
    Case("DEADLINE_EXCEEDED", "no such basket", lambda: (held(), DESK, SettleBasket(TENANT, 1, meant()[1]))),
    Case("EVENT_NOT_FOUND", "a stranger settles", lambda: (meant()[0], DESK, SettleBasket("eve", BASKET, meant()[1]))),
    Case("ACCEPTED", "a leg was refused", lambda: (meant()[0], DESK, DropBasket(TENANT, BASKET))),
    Case("ACCEPTED", "a basket that is not there is dropped", lambda: (held(), DESK, DropBasket(TENANT, 1))),
    Case("REPLAYED", "what is held is not dropped", lambda: (held(), DESK, DropBasket(TENANT, BASKET))),
    Case("EVENT_NOT_FOUND", "a stranger drops", lambda: (meant()[0], DESK, DropBasket("eve", BASKET))),
    Case("ACCEPTED", "the new leg is pinned", lambda: (exchanging()[0], DESK, settle_exchange(exchanging()[1]))),
    Case("ACCEPTED", "the new leg was refused", lambda: (exchanging()[0], DESK, settle_exchange(None))),
    Case("REPLAYED", "it is pinned, told twice", lambda: (exchanged(), DESK, settle_exchange(exchanging()[1]))),
    Case(
        "INVALID_ARGUMENT",
        "for another currency",
        lambda: (
            exchanging()[0],
            DESK,
            settle_exchange(msgspec.structs.replace(exchanging()[1], currency="CHF")),
        ),
    ),
    Case(
        "DEADLINE_EXCEEDED",
        "another leg than was meant",
        lambda: (exchanging()[0], DESK, settle_exchange(exchanging()[1], leg=NEW_LEG + 1)),
    ),
    Case("ORDER_NOT_FOUND", "of no order", lambda: (paid(), DESK, settle_exchange(None, order=1))),
    Case("EVENT_NOT_FOUND", "a stranger exchanges", lambda: (paid(), DESK, settle_exchange(None, tenant="eve"))),
    Case("ACCEPTED", "a deed is done", lambda: (dropped(), DESK, AcknowledgeLeg(TENANT, LEG_1, 2))),
    Case("ACCEPTED", "no such deed", lambda: (held(), DESK, AcknowledgeLeg(TENANT, LEG_1, 2))),
    Case("EVENT_NOT_FOUND", "a stranger's deed", lambda: (dropped(), DESK, AcknowledgeLeg("eve", LEG_1, 2))),
    Case("ACCEPTED", "what is to become of a leg", lambda: (held(), DESK, AskAboutLeg(TENANT, BASKET, LEG_1, 1))),
    Case("UNAVAILABLE", "it is not decided", lambda: (meant()[0], DESK, AskAboutLeg(TENANT, BASKET, LEG_1, 1))),
    Case("EVENT_NOT_FOUND", "a stranger's leg", lambda: (held(), DESK, AskAboutLeg("eve", BASKET, LEG_1, 1))),
)
"""What a desk is told, and asked."""

DEEDS = (
    Case("ACCEPTED", "booked", lambda: (held(), FIRST, BookLeg(TENANT, LEG_1, 2))),
    Case("REPLAYED", "booked again", lambda: (paid(), FIRST, BookLeg(TENANT, LEG_1, 2))),
    Case("HOLD_NOT_FOUND", "a leg that is not there", lambda: (House(), FIRST, BookLeg(TENANT, LEG_1, 2))),
    Case("EVENT_NOT_FOUND", "booked by a stranger", lambda: (held(), FIRST, BookLeg("eve", LEG_1, 2))),
    Case("ACCEPTED", "released", lambda: (held(), FIRST, ReleaseLeg(TENANT, LEG_1, 2))),
    Case("ACCEPTED", "released before it came", lambda: (House(), FIRST, ReleaseLeg(TENANT, LEG_1, 2))),
    Case(
        "REPLAYED",
        "released again",
        lambda: (after(held(), (FIRST, ReleaseLeg(TENANT, LEG_1, 2))), FIRST, ReleaseLeg(TENANT, LEG_1, 2)),
    ),
    Case(
        "REPLAYED",
        "released again before it came",
        lambda: (after(House(), (FIRST, ReleaseLeg(TENANT, LEG_1, 2))), FIRST, ReleaseLeg(TENANT, LEG_1, 2)),
    ),
    Case("EVENT_NOT_FOUND", "released by a stranger", lambda: (held(), FIRST, ReleaseLeg("eve", LEG_1, 2))),
)
"""What a leg is told once it is pinned."""

PINS = (
    Case("ACCEPTED", "pinned", lambda: pin(WISH)),
    Case("REPLAYED", "pinned again", lambda: (meant()[0], FIRST, pinning(PLANS[0]))),
    Case("INVALID_ARGUMENT", "nothing is wished for", lambda: pin(Wish())),
    Case("DEADLINE_EXCEEDED", "too late", lambda: (at(PLACE_BY_MS + 1, House()), FIRST, pinning(PLANS[0]))),
    Case("EVENT_NOT_FOUND", "in a desk", lambda: (held(), DESK, pinning(PLANS[0]))),
    Case("EVENT_NOT_FOUND", "by a stranger", lambda: (House(), FIRST, pinning(PLANS[0], tenant="eve"))),
    Case("HOLD_RELEASED", "released before", lambda: pin(WISH, (FIRST, ReleaseLeg(TENANT, LEG_1, 2)))),
    Case("UNAVAILABLE", "counted by nobody", lambda: pin_in_part(Wish(("north/1/3",)), counts=False)),
    Case("UNIT_UNKNOWN", "no such seat", lambda: pin(Wish(("A/9/9",)))),
    Case(
        "TABLE_NOT_WHOLE",
        "a seat of a table",
        lambda: (House(first=CLUB), FIRST, pinning(LegPlan(FIRST, LEG_1, Wish(("T/t1/1",))))),
    ),
    Case("SALE_NOT_OPEN", "of a draft", lambda: pin_in_part(Wish(("north/1/3",)), opens=False)),
    Case("SALE_CLOSED", "when it is over", lambda: pin(WISH, (FIRST, ChangeStatus(stamp("x"), EventStatus.CLOSED)))),
    Case(
        "BUYER_LIMIT_EXCEEDED",
        "more than a buyer may have",
        lambda: pin_in_part(Wish(("north/1/3", "north/1/4")), msgspec.structs.replace(RULES, max_per_buyer=1)),
    ),
    Case("UNITS_BLOCKED", "what the house keeps", lambda: pin_in_part(Wish(("north/2/4",)))),
    Case("CHANNEL_REQUIRED", "what a channel has", lambda: pin_in_part(Wish(("north/2/4",)), BOX)),
    Case("UNITS_SOLD", "what is sold", lambda: pin(WISH, *sold_first("A/1/1"))),
    Case("UNITS_HELD", "what is held", lambda: pin(WISH, sold_first("A/1/1")[0])),
    Case(
        "NOT_ENOUGH_AVAILABLE",
        "more than there is",
        lambda: pin(WISH, (FIRST, PlaceHold(stamp("all"), 1, ALL_PLACES))),
    ),
)
"""What is asked of the block of a leg."""

OF_PARTS = (
    Case("ACCEPTED", "what is new", lambda: told(DividedHouse(), revision=5)),
    Case("REPLAYED", "told again", lambda: told(DividedHouse())),
    Case("REPLAYED", "told of what was before", lambda: told(DividedHouse(), revision=1)),
    Case("EVENT_NOT_FOUND", "told by another event", lambda: told(DividedHouse(), home=DESK, revision=9)),
    Case("EVENT_NOT_FOUND", "told by a stranger", lambda: told(DividedHouse(), tenant="eve", revision=9)),
    Case("ACCEPTED", "a part knows", lambda: (DividedHouse(opens=False), HOME, AcknowledgePart(TENANT, NORTH, 1))),
    Case("ACCEPTED", "it is known already", lambda: (DividedHouse(), HOME, AcknowledgePart(TENANT, NORTH, 1))),
    Case("EVENT_NOT_FOUND", "a stranger's part", lambda: (DividedHouse(), HOME, AcknowledgePart("eve", NORTH, 9))),
)
"""What parts and their event tell each other."""

CASES = (*INTENTS, *DECISIONS, *DEEDS, *PINS, *OF_PARTS)
