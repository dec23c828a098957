"""What desks, legs, events and parts are told and asked, case by case, and what comes of it."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from actors.core.baskets import LegPlan
from actors.core.commands import (
    AcknowledgeLeg,
    AcknowledgePart,
    AskAboutLeg,
    BookLeg,
    CancelOrder,
    ChangeStatus,
    DropBasket,
    IntendBasket,
    PinLeg,
    PlaceHold,
    ReadRevision,
    ReadRoom,
    ReleaseLeg,
    SettleBasket,
)
from actors.core.ground import MAX_OVERDUE_LOOKED_AT
from actors.core.keys import MAX_KEYS_PER_BLOCK
from actors.core.replies import EventStatus
from actors.core.wishes import Wish
from tests.core.checked_house import (
    BASKET,
    DESK,
    FIRST,
    LEG_1,
    ORDER,
    PLACE_BY_MS,
    START_MS,
    TENANT,
    WISH,
    House,
    pinning,
    stamp,
)
from tests.core.divided_house import HOME, NORTH, RULES, DividedHouse
from tests.core.errand_houses import (
    ALL_PLACES,
    BOX,
    NEW_LEG,
    PLANS,
    Asked,
    after,
    ask_forgotten,
    at,
    closed,
    club,
    dropped,
    exchanged,
    exchanging,
    forgotten_basket,
    held,
    intend,
    intend_exchange,
    meant,
    miscounted,
    ordered,
    paid,
    pin,
    pin_in_part,
    pin_overdue,
    read_key,
    settle_exchange,
    sold_first,
    told,
)
from tests.core.test_desk_tables_and_slots import CLUB


class Case(NamedTuple):
    """`expected`: the name of a reason, ACCEPTED, or REPLAYED for what was so already. `room`: for so many keys.
    `looks`: at so many deadlines.
    """

    expected: str
    title: str
    ask: Callable[[], Asked]
    room: int = MAX_KEYS_PER_BLOCK
    looks: int = MAX_OVERDUE_LOOKED_AT


INTENTS = (
    Case("ACCEPTED", "a basket", lambda: (House(), DESK, intend())),
    Case("REPLAYED", "a basket again", lambda: (meant()[0], DESK, intend())),
    Case("REPLAYED", "a basket that is held", lambda: (held(), DESK, intend())),
    Case("INVALID_ARGUMENT", "no legs", lambda: (House(), DESK, IntendBasket(stamp("k"), BASKET, ()))),
    Case("OVERLOADED", "no room for a key", lambda: (meant()[0], DESK, intend("other")), 1),
    Case("UNAVAILABLE", "legs that are being released", lambda: (dropped(), DESK, intend())),
    Case("DEADLINE_EXCEEDED", "too late", lambda: (House(), DESK, intend("basket", START_MS - 1))),
    Case("EVENT_NOT_FOUND", "an event", lambda: (House(), FIRST, intend())),
    Case("HOLD_NOT_FOUND", "the key of what is forgotten", forgotten_basket),
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
    Case("UNAVAILABLE", "its ledger counts other units", miscounted),
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
    Case("OVERLOADED", "overdue, behind what is looked at", pin_overdue, looks=1),
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

OTHERWISE = {
    "pinned again": "UNITS_HELD",
    "too late": "ACCEPTED",
    "overdue, behind what is looked at": "ACCEPTED",
    "released before": "ACCEPTED",
}
"""Where there is room, or none, or may be some, though a leg is told something else."""


def read_room(case: Case) -> Case:
    """Whether there is room for a leg, where one is asked for."""

    def ask() -> Asked:
        house, to, pinned = case.ask()
        assert isinstance(pinned, PinLeg)
        return house, to, ReadRoom(pinned.tenant, pinned.buyer, pinned.plan.wish, bool(pinned.plan.counted_by))

    expected = OTHERWISE.get(case.title, case.expected)
    return Case(expected, f"room for what is {case.title}", ask, looks=case.looks)


QUESTIONS = (
    *map(read_room, PINS),
    Case("REPLAYED", "what is being placed", lambda: read_key(meant()[0])),
    Case("REPLAYED", "what is held", lambda: read_key(held())),
    Case("IDEMPOTENCY_KEY_REUSED", "another basket's key", lambda: read_key(held(), stamp("basket", asked="else"))),
    Case("HOLD_NOT_FOUND", "a key that nobody knows", lambda: read_key(held(), stamp("nothing"))),
    Case("HOLD_NOT_FOUND", "a stranger's key", lambda: read_key(held(), tenant="eve")),
    Case("HOLD_NOT_FOUND", "a key whose basket is forgotten", lambda: ask_forgotten("basket")),
    Case("ORDER_NOT_FOUND", "a key whose order is forgotten", lambda: ask_forgotten("order")),
    Case("ACCEPTED", "the revision", lambda: (House(), FIRST, ReadRevision(TENANT))),
    Case("EVENT_NOT_FOUND", "the revision of a desk", lambda: (held(), DESK, ReadRevision(TENANT))),
    Case("EVENT_NOT_FOUND", "a stranger's revision", lambda: (House(), FIRST, ReadRevision("eve"))),
)
"""What is asked before anything is meant."""

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

CASES = (*INTENTS, *DECISIONS, *DEEDS, *PINS, *QUESTIONS, *OF_PARTS)
