"""What a desk decides: a basket is meant, settled or dropped; what follows, and what legs in doubt are told."""

import msgspec
import pytest

from actors.core.baskets import Deed, LegHeld, LegLine, LegPlan
from actors.core.block import apply, decide
from actors.core.commands import (
    AcknowledgeLeg,
    AskAboutLeg,
    CancelOrder,
    CancelTickets,
    ChangeStatus,
    ConfirmOrder,
    DropBasket,
    ExtendHold,
    IntendBasket,
    PlaceHold,
    PlaceOrder,
    ReadDigest,
    ReadHold,
    ReadOrder,
    ReleaseHold,
    SettleBasket,
)
from actors.core.entries import BasketDropped, BasketIntended, HoldExpired, OrderExpired
from actors.core.outcomes import Accepted, Reason, Rejected
from actors.core.replies import (
    DigestReply,
    EventStatus,
    HoldReply,
    HoldStatus,
    LegFateReply,
    OrderReply,
    OrderStatus,
    PlacingReply,
)
from actors.core.snapshot import ledger_digest
from actors.core.state import BlockState
from actors.core.wishes import Wish
from actors.journal.codec import decode_entries
from tests.core.checked_house import (
    BASKET,
    DESK,
    FIRST,
    LAYOUT,
    LEG_1,
    LEG_2,
    ORDER,
    PLACE_BY_MS,
    SECOND,
    START_MS,
    TENANT,
    WISH,
    House,
    stamp,
    why,
)
from tests.golden.write_entries import FOLDER

PLANS = (LegPlan(FIRST, LEG_1, WISH), LegPlan(SECOND, LEG_2, WISH))
RELEASE_ALL = [(LEG_1, "RELEASE", 2, ()), (LEG_2, "RELEASE", 2, ())]
BOOK_ALL = [(LEG_1, "BOOK", 2, ()), (LEG_2, "BOOK", 2, ())]


@pytest.mark.parametrize(
    ("legs", "ttl_ms", "basket", "fields"),
    [
        ((), 0, BASKET, ("legs: must be 1 to 8",)),
        (tuple(LegPlan(f"block-{n}", n + 1, WISH) for n in range(9)), 0, BASKET, ("legs: must be 1 to 8",)),
        ((PLANS[0], PLANS[0]), 0, BASKET, ("legs: must be of different blocks",)),
        ((LegPlan(FIRST, 0, WISH),), 0, BASKET, ("legs[0].leg: is malformed",)),
        ((LegPlan(FIRST, LEG_1, WISH, ((1, (0,)),)),), 0, BASKET, ("legs[0].leg: is malformed",)),
        ((PLANS[0],), -1, BASKET, ("ttl_ms: must not be negative",)),
        ((PLANS[0],), 0, 0, ("basket: the number is out of bounds",)),
    ],
)
def test_a_malformed_basket_names_what_is_wrong(
    legs: tuple[LegPlan, ...], ttl_ms: int, basket: int, fields: tuple[str, ...]
) -> None:
    house = House()
    assert why(house.ask(DESK, IntendBasket(stamp("k"), basket, legs, ttl_ms))) == ("INVALID_ARGUMENT", fields)


def test_a_wish_that_is_malformed_is_named_with_its_leg() -> None:
    refused = House().intend("k", BASKET, LegPlan(FIRST, LEG_1, Wish(("A/1/1", "A/1/1"))))
    reason, fields = why(refused)
    assert reason == "INVALID_ARGUMENT"
    assert all(field.startswith("legs[0].") for field in fields)


def test_a_desk_tells_its_digest() -> None:
    house = House()
    assert why(house.ask(DESK, ReadDigest(TENANT)))[0] == "EVENT_NOT_FOUND"
    house.hold()
    told = house.say(DESK, ReadDigest(TENANT))
    assert isinstance(told, DigestReply)
    assert told.ledger_digest == ledger_digest(house.state(DESK))
    assert why(house.ask(DESK, ReadDigest("another tenant")))[0] == "EVENT_NOT_FOUND"


def test_a_basket_is_meant_once_a_key() -> None:
    house = House()
    meant = house.intend()
    assert isinstance(meant, Accepted)
    assert meant.reply == PlacingReply(BASKET, PLANS, PLACE_BY_MS)
    again = house.intend("basket", BASKET + 1, LegPlan(FIRST, 77, WISH), LegPlan(SECOND, 78, WISH))
    assert isinstance(again, Accepted)
    assert again.replayed
    assert again.reply == meant.reply, "the same legs, whatever numbers were drawn for the second time"
    other = IntendBasket(stamp("basket", asked="something else"), BASKET, PLANS, 0)
    assert why(house.ask(DESK, other)) == ("IDEMPOTENCY_KEY_REUSED", ())


def test_a_basket_has_at_most_half_a_minute_to_be_placed() -> None:
    house = House()
    reply = house.say(DESK, IntendBasket(stamp("k"), BASKET, PLANS))
    assert isinstance(reply, PlacingReply)
    assert reply.place_by_ms == START_MS + 30_000


def test_who_comes_too_late_or_to_an_event_or_from_elsewhere_is_refused() -> None:
    house = House()
    late = IntendBasket(stamp("k", START_MS - 1), BASKET, PLANS)
    assert why(house.ask(DESK, late))[0] == "DEADLINE_EXCEEDED"
    assert why(house.ask(FIRST, IntendBasket(stamp("k"), BASKET, PLANS)))[0] == "EVENT_NOT_FOUND"
    house.intend()
    stranger = IntendBasket(stamp("k", tenant="another"), BASKET, PLANS)
    assert why(house.ask(DESK, stranger))[0] == "EVENT_NOT_FOUND"
    assert why(house.ask(DESK, SettleBasket("another", BASKET, ())))[0] == "EVENT_NOT_FOUND"
    assert why(house.ask(DESK, PlaceHold(stamp("plain"), 1, WISH)))[0] == "EVENT_NOT_FOUND"


def test_a_number_of_a_basket_that_is_held_is_in_use() -> None:
    house = House()
    house.hold()
    refused = house.intend("another key")
    assert why(refused) == ("INVALID_ARGUMENT", ("basket: the number is in use",))


def test_a_settled_basket_is_a_hold() -> None:
    house = House()
    held = house.hold()
    read = house.say(DESK, ReadHold(TENANT, BASKET))
    assert isinstance(read, HoldReply)
    assert (read.status, read.price.total, len(read.legs)) == (HoldStatus.ACTIVE, 2 * 26_000, 2)
    again = house.ask(DESK, SettleBasket(TENANT, BASKET, held))
    assert isinstance(again, Accepted)
    assert again.replayed
    assert again.reply == read
    assert not house.deeds()


def test_settling_is_refused_too_late_with_other_legs_or_of_two_currencies() -> None:
    house = House(second=msgspec.structs.replace(LAYOUT, currency="CHF"))
    house.intend()
    held = tuple(house.pin(plan) for plan in PLANS)
    assert why(house.ask(DESK, SettleBasket(TENANT, BASKET, held[:1]))) == (
        "INVALID_ARGUMENT", ("held: must be of the basket's legs",),
    )  # fmt: skip
    assert why(house.ask(DESK, SettleBasket(TENANT, BASKET, held))) == (
        "INVALID_ARGUMENT", ("legs: the events are sold in different currencies",),
    )  # fmt: skip
    house.now_ms = PLACE_BY_MS
    assert why(house.ask(DESK, SettleBasket(TENANT, BASKET, held)))[0] == "DEADLINE_EXCEEDED"
    assert why(house.ask(DESK, SettleBasket(TENANT, 4711, held)))[0] == "DEADLINE_EXCEEDED"


def test_a_dropped_basket_is_released_and_its_key_is_as_if_never_used() -> None:
    house = House()
    house.intend()
    held = tuple(house.pin(plan) for plan in PLANS)
    assert house.say(DESK, DropBasket(TENANT, BASKET)) == PlacingReply(BASKET, (), 0)
    assert house.deeds() == RELEASE_ALL
    assert house.say(DESK, DropBasket(TENANT, BASKET)) == PlacingReply(BASKET, (), 0)
    assert why(house.ask(DESK, SettleBasket(TENANT, BASKET, held)))[0] == "DEADLINE_EXCEEDED"
    house.do_deeds()
    assert (house.statuses(FIRST), house.statuses(SECOND)) == ("AAAAAA", "AAAAAA")
    assert not house.state(DESK).memos
    meant = house.intend("basket", BASKET + 1, LegPlan(FIRST, 21, WISH))
    assert isinstance(meant, Accepted)
    assert not meant.replayed


def test_a_held_basket_is_not_dropped_whoever_asks() -> None:
    house = House()
    house.hold()
    told = house.ask(DESK, DropBasket(TENANT, BASKET))
    assert isinstance(told, Accepted)
    assert told.replayed
    assert isinstance(told.reply, HoldReply)
    assert told.reply.status is HoldStatus.ACTIVE
    assert not house.deeds()


def test_what_is_not_placed_in_time_is_dropped() -> None:
    house = House()
    house.intend()
    assert house.blocks[DESK].tick(PLACE_BY_MS - 1) == []
    assert house.blocks[DESK].tick(PLACE_BY_MS) == [BasketDropped(PLACE_BY_MS, BASKET)]
    assert house.deeds() == RELEASE_ALL


def test_what_is_overdue_for_longest_is_dropped_first_live_or_restored() -> None:
    house = House()
    house.intend()
    house.say(DESK, IntendBasket(stamp("sooner", PLACE_BY_MS - 1), BASKET + 1, (LegPlan(FIRST, 21, WISH),)))
    entries = house.blocks[DESK].tick(PLACE_BY_MS)
    assert entries == [BasketDropped(PLACE_BY_MS, BASKET + 1), BasketDropped(PLACE_BY_MS, BASKET)]


@pytest.mark.parametrize("is_ordered", [False, True])
def test_a_basket_that_ends_releases_all_its_legs(is_ordered: bool) -> None:
    house = House()
    (house.order if is_ordered else house.hold)()
    due_ms = house.state(DESK).holds[BASKET].expires_at_ms
    ended = house.blocks[DESK].tick(due_ms)
    assert ended == [OrderExpired(due_ms, ORDER) if is_ordered else HoldExpired(due_ms, BASKET)]
    assert house.deeds() == RELEASE_ALL
    house.do_deeds()
    assert house.statuses(FIRST) == "AAAAAA"
    assert house.state(SECOND).inventory.area_held == [0]


def test_a_basket_lives_on_like_any_hold() -> None:
    house = House()
    house.hold()
    longer = house.say(DESK, ExtendHold(stamp("longer"), BASKET, 3_600_000))
    assert isinstance(longer, HoldReply)
    assert longer.expires_at_ms == START_MS + 3_600_000
    house.say(DESK, ReleaseHold(stamp("release"), BASKET))
    assert house.deeds() == RELEASE_ALL
    assert why(house.ask(DESK, PlaceOrder(stamp("late"), BASKET, ORDER)))[0] == "HOLD_RELEASED"


def test_deeds_go_until_acknowledged_and_once() -> None:
    house = House()
    house.order()
    house.say(DESK, ConfirmOrder(stamp("confirm"), ORDER))
    assert house.deeds() == BOOK_ALL
    assert house.say(DESK, AcknowledgeLeg(TENANT, LEG_1, 2)) == LegFateReply(LEG_1)
    assert house.deeds() == BOOK_ALL[1:]
    count = len(house.blocks[DESK].journal)
    assert house.say(DESK, AcknowledgeLeg(TENANT, LEG_1, 2)) == LegFateReply(LEG_1)
    assert house.say(DESK, AcknowledgeLeg(TENANT, LEG_2, 1)) == LegFateReply(LEG_2)
    assert len(house.blocks[DESK].journal) == count


def test_some_tickets_are_given_back_by_the_legs_that_have_them() -> None:
    house = House()
    house.pay()
    house.say(DESK, CancelTickets(stamp("some"), ORDER, (1, 4)))
    assert house.deeds() == [(LEG_1, "RELEASE", 3, (1,)), (LEG_2, "RELEASE", 3, (0,))]
    house.do_deeds()
    assert (house.statuses(FIRST), house.statuses(SECOND)) == ("SAAAAA", "ASAAAA")
    cancelled = house.say(DESK, CancelOrder(stamp("all"), ORDER))
    assert isinstance(cancelled, OrderReply)
    assert cancelled.status is OrderStatus.CANCELLED
    assert house.deeds() == [(LEG_1, "RELEASE", 4, (0, 2, 3)), (LEG_2, "RELEASE", 4, (1, 2, 3))]
    house.do_deeds()
    assert (house.statuses(FIRST), house.state(SECOND).inventory.area_sold) == ("AAAAAA", [0])


def ask_about(house: House, leg: int, revision: int = 1, *, is_void: bool = False, basket: int = BASKET) -> object:
    outcome = house.ask(DESK, AskAboutLeg(TENANT, basket, leg, revision, is_void))
    return outcome.reply if isinstance(outcome, Accepted) else outcome


def test_a_leg_in_doubt_is_told_what_is_decided_and_nothing_else() -> None:
    house = House()
    house.intend()
    waiting = ask_about(house, LEG_1)
    assert isinstance(waiting, Rejected)
    assert (waiting.reason, waiting.details.retry_at_ms) == (Reason.UNAVAILABLE, PLACE_BY_MS)
    held = tuple(house.pin(plan) for plan in PLANS)
    house.say(DESK, SettleBasket(TENANT, BASKET, held))
    expires_at_ms = house.state(DESK).holds[BASKET].expires_at_ms
    assert ask_about(house, LEG_1) == LegFateReply(LEG_1, ask_at_ms=expires_at_ms)
    house.say(DESK, PlaceOrder(stamp("order"), BASKET, ORDER))
    house.say(DESK, ConfirmOrder(stamp("confirm"), ORDER))
    house.say(DESK, CancelOrder(stamp("cancel"), ORDER))
    assert ask_about(house, LEG_1) == LegFateReply(LEG_1, Deed.BOOK, 2), "the oldest deed comes first"
    house.say(DESK, AcknowledgeLeg(TENANT, LEG_1, 2))
    assert ask_about(house, LEG_1, 2) == LegFateReply(LEG_1, Deed.RELEASE, 3, (0, 1, 2, 3))


def test_a_leg_that_no_basket_has_is_to_be_released() -> None:
    house = House()
    house.hold()
    assert ask_about(house, 77) == LegFateReply(77, Deed.RELEASE, 2)
    assert ask_about(house, 77, 5, basket=4711) == LegFateReply(77, Deed.RELEASE, 6)


def test_an_event_that_is_cancelled_ends_a_basket_that_is_not_paid() -> None:
    for is_ordered in (False, True):
        house = House()
        (house.order if is_ordered else house.hold)()
        house.say(SECOND, ChangeStatus(stamp("end"), EventStatus.CANCELLED))
        assert [leg.number for leg in house.state(SECOND).asking.values()] == [LEG_2]
        assert ask_about(house, LEG_2, is_void=True) == LegFateReply(LEG_2, ask_at_ms=START_MS)
        assert house.deeds() == RELEASE_ALL
        house.do_deeds()
        assert (house.statuses(FIRST), house.statuses(SECOND)) == ("AAAAAA", "AAAAAA")
        assert not house.state(SECOND).asking


def test_an_event_that_is_cancelled_takes_its_tickets_out_of_a_paid_basket() -> None:
    house = House()
    house.pay()
    house.say(SECOND, ChangeStatus(stamp("end"), EventStatus.CANCELLED))
    ask_about(house, LEG_2, 2, is_void=True)
    assert house.deeds() == [(LEG_2, "RELEASE", 3, (0, 1, 2, 3))]
    count = len(house.blocks[DESK].journal)
    house.do_deeds()
    assert len(house.blocks[DESK].journal) == count + 1
    read = house.say(DESK, ReadOrder(TENANT, ORDER))
    assert isinstance(read, OrderReply)
    assert (read.status, len(read.tickets)) == (OrderStatus.PARTLY_CANCELLED, 4)
    assert (house.statuses(FIRST), house.statuses(SECOND)) == ("SSAAAA", "AAAAAA")
    house.say(FIRST, ChangeStatus(stamp("end too"), EventStatus.CANCELLED))
    ask_about(house, LEG_1, 2, is_void=True)
    house.do_deeds()
    assert house.state(DESK).orders[ORDER].status is OrderStatus.CANCELLED
    assert not any(house.state(block).asking for block in (FIRST, SECOND))


def test_a_leg_that_is_booked_in_a_cancelled_event_asks_at_once() -> None:
    """Else the buyer would keep tickets of an event that is not: the order was paid just when the event ended."""
    house = House()
    house.order()
    house.say(SECOND, ChangeStatus(stamp("end"), EventStatus.CANCELLED))
    house.say(DESK, ConfirmOrder(stamp("confirm"), ORDER))
    assert ask_about(house, LEG_2, is_void=True) == LegFateReply(LEG_2, Deed.BOOK, 2)
    house.do_deeds()
    assert list(house.state(SECOND).asking) == [LEG_2]
    house.say(DESK, CancelTickets(stamp("one"), ORDER, (4,)))
    house.do_deeds()
    assert list(house.state(SECOND).asking) == [LEG_2], "it has tickets still"
    ask_about(house, LEG_2, 3, is_void=True)
    house.do_deeds()
    assert not house.state(SECOND).asking
    assert house.statuses(SECOND) == "AAAAAA"


def test_a_basket_that_was_meant_before_any_had_a_life_of_its_own_lives_for_two_hours() -> None:
    """As journals of that time say nothing of it."""
    (entry,) = decode_entries((FOLDER / "BasketIntended.bin").read_bytes())
    assert isinstance(entry, BasketIntended)
    state = BlockState()
    apply(state, entry)
    held = tuple(
        LegHeld(plan.leg, plan.block, "EUR", ("A/1/1",), (), (LegLine("", "", 1),), (0,)) for plan in entry.legs
    )
    outcome = decide(state, SettleBasket(entry.tenant, entry.basket, held), entry.at_ms)
    assert isinstance(outcome, Accepted)
    assert isinstance(outcome.reply, HoldReply)
    assert outcome.reply.expires_at_ms == entry.at_ms + entry.ttl_ms
    assert outcome.reply.max_expires_at_ms == entry.at_ms + 2 * 60 * 60_000
