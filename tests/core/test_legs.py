"""What the block of a leg decides: pinned, booked, released, each once; and nothing by itself."""

import msgspec
import pytest

from actors.core import block, legs
from actors.core.baskets import LegPlan
from actors.core.block import next_deadline_ms
from actors.core.commands import (
    BookLeg,
    CancelOrder,
    ChangeStatus,
    Command,
    EditEvent,
    ExtendHold,
    JoinWaitingList,
    PlaceHold,
    PlaceOrder,
    ReadHold,
    ReadOrder,
    ReleaseHold,
    ReleaseLeg,
)
from actors.core.entries import Activated, HoldExpired, LegBarred, LegPinned
from actors.core.layout import Area, Row, Section
from actors.core.legs import ASK_AFTER_MS, BARRED_MS
from actors.core.outcomes import Accepted
from actors.core.replies import EventStatus, PinReply
from actors.core.rules import Allotment, Channel, Rules, WaitingList
from actors.core.wishes import AreaPlaces, Wish
from tests.core.checked_house import (
    DESK,
    FIRST,
    LAYOUT,
    LEG_1,
    PLACE_BY_MS,
    START_MS,
    TENANT,
    WISH,
    House,
    pinning,
    stamp,
    why,
)

PLAN = LegPlan(FIRST, LEG_1, WISH)
ANOTHER = LegPlan(FIRST, 21, WISH)


def kinds(house: House) -> list[str]:
    """What the leg's block has written of legs."""
    return [type(entry).__name__ for entry in house.blocks[FIRST].journal if type(entry).__name__.startswith("Leg")]


def test_a_leg_is_pinned_once_and_says_what_it_holds() -> None:
    house = House()
    held = house.pin(PLAN)
    assert (held.seats, held.areas, held.ticket_names) == (
        ("A/1/1", "A/1/2"), (AreaPlaces("floor", 2),), ("A/1/1", "A/1/2", "floor", "floor"),
    )  # fmt: skip
    assert [held.lines[line].price for line in held.of_ticket] == [9000, 9000, 4000, 4000]
    again = house.ask(FIRST, pinning(PLAN))
    assert isinstance(again, Accepted)
    assert again.replayed
    assert again.reply == PinReply(LEG_1, msgspec.structs.replace(held, block=""))
    assert (house.statuses(FIRST), kinds(house)) == ("HHAAAA", ["LegPinned"])


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (Wish(()), "INVALID_ARGUMENT"),
        (Wish(("A/9/9",)), "UNIT_UNKNOWN"),
        (Wish(("A/1/6",)), "UNITS_HELD"),
        (Wish((), (AreaPlaces("floor", 6),)), "NOT_ENOUGH_AVAILABLE"),
        (Wish(("A/1/1",), channel="fans"), "UNIT_UNKNOWN"),
        (Wish(("A/1/1", "A/1/2", "A/1/3", "A/1/4")), "BUYER_LIMIT_EXCEEDED"),
    ],
)
def test_a_leg_is_refused_like_any_hold(wish: Wish, reason: str) -> None:
    house = House(Rules(max_per_buyer=3) if reason == "BUYER_LIMIT_EXCEEDED" else Rules())
    house.say(FIRST, PlaceHold(stamp("plain"), 1, Wish(("A/1/6",))))
    assert why(house.ask(FIRST, pinning(LegPlan(FIRST, LEG_1, wish))))[0] == reason
    assert not house.state(FIRST).legs


def check_that_legs_are_put_off() -> None:
    """What is back is due to who waits, until it was offered; what is pinned already is not touched by that."""
    house = House(Rules(waiting_list=WaitingList(60_000)))
    house.pin(PLAN)
    house.say(FIRST, PlaceHold(stamp("plain"), 1, Wish(("A/1/6",))))
    house.say(FIRST, JoinWaitingList(stamp("wait"), 2, Wish(("A/1/6",))))
    house.blocks[FIRST].tick(house.now_ms)
    house.say(FIRST, ReleaseHold(stamp("release"), 1))
    seat = LegPlan(FIRST, 21, Wish(("A/1/6",)))
    assert why(house.ask(FIRST, pinning(seat)))[0] == "OVERLOADED"
    again = house.ask(FIRST, pinning(PLAN))
    assert isinstance(again, Accepted)
    assert again.replayed
    house.blocks[FIRST].tick(house.now_ms)
    assert why(house.ask(FIRST, pinning(seat)))[0] == "UNITS_HELD"


def test_a_leg_is_put_off_until_those_who_wait_have_their_offers() -> None:
    check_that_legs_are_put_off()


def test_control_legs_before_the_offers_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block, "_puts_off", lambda *_: False)
    with pytest.raises(AssertionError):
        check_that_legs_are_put_off()


def test_a_leg_is_refused_too_late_from_elsewhere_where_nothing_is_and_when_it_is_over() -> None:
    house = House()
    assert why(house.ask(FIRST, pinning(PLAN, tenant="another")))[0] == "EVENT_NOT_FOUND"
    assert why(house.ask(DESK, pinning(PLAN)))[0] == "EVENT_NOT_FOUND"
    house.now_ms = PLACE_BY_MS + 1
    assert why(house.ask(FIRST, pinning(PLAN)))[0] == "DEADLINE_EXCEEDED"
    house.now_ms = START_MS
    house.say(FIRST, ChangeStatus(stamp("close"), EventStatus.CLOSED))
    assert why(house.ask(FIRST, pinning(PLAN)))[0] == "SALE_CLOSED"


def test_nobody_but_the_desk_can_name_a_leg() -> None:
    house = House()
    house.pin(PLAN)
    commands: tuple[Command, ...] = (
        ReadHold(TENANT, LEG_1),
        ReleaseHold(stamp("r"), LEG_1),
        ExtendHold(stamp("e"), LEG_1, 1_000),
        PlaceOrder(stamp("o"), LEG_1, 5),
    )
    for command in commands:
        assert why(house.ask(FIRST, command))[0] == "HOLD_NOT_FOUND"
    house.say(FIRST, BookLeg(TENANT, LEG_1, 2))
    assert why(house.ask(FIRST, ReadOrder(TENANT, LEG_1)))[0] == "ORDER_NOT_FOUND"
    assert why(house.ask(FIRST, CancelOrder(stamp("c"), LEG_1)))[0] == "ORDER_NOT_FOUND"


def test_deeds_are_done_once_whatever_comes_again_or_late() -> None:
    house = House()
    house.pin(PLAN)
    for _ in range(2):
        assert house.say(FIRST, BookLeg(TENANT, LEG_1, 2)) == PinReply(LEG_1)
    for _ in range(2):
        house.say(FIRST, ReleaseLeg(TENANT, LEG_1, 3, (0,)))
    assert house.statuses(FIRST) == "ASAAAA"
    house.say(FIRST, ReleaseLeg(TENANT, LEG_1, 4))
    house.pin(ANOTHER)
    for late in (BookLeg(TENANT, LEG_1, 2), ReleaseLeg(TENANT, LEG_1, 3, (0,)), ReleaseLeg(TENANT, LEG_1, 4)):
        outcome = house.ask(FIRST, late)
        assert isinstance(outcome, Accepted)
        assert outcome.replayed
    assert kinds(house) == ["LegPinned", "LegBooked", "LegReleased", "LegReleased", "LegPinned"]
    assert house.statuses(FIRST) == "HHAAAA", "another's by now"


def test_all_tickets_one_by_one_are_the_whole_leg() -> None:
    house = House()
    house.pin(PLAN)
    house.say(FIRST, BookLeg(TENANT, LEG_1, 2))
    house.say(FIRST, ReleaseLeg(TENANT, LEG_1, 3, (0, 2)))
    house.say(FIRST, ReleaseLeg(TENANT, LEG_1, 4, (0, 1, 3)))
    assert (house.statuses(FIRST), house.state(FIRST).inventory.area_sold) == ("AAAAAA", [0])
    house.say(FIRST, ReleaseLeg(TENANT, LEG_1, 5, (1,)))
    house.say(FIRST, ReleaseLeg(TENANT, LEG_1, 6))


def test_a_leg_that_is_released_before_it_came_never_comes() -> None:
    house = House()
    house.say(FIRST, ReleaseLeg(TENANT, LEG_1, 2))
    assert house.blocks[FIRST].journal[-1] == LegBarred(START_MS, LEG_1, 2, START_MS + BARRED_MS)
    count = len(house.blocks[FIRST].journal)
    house.say(FIRST, ReleaseLeg(TENANT, LEG_1, 2))
    assert len(house.blocks[FIRST].journal) == count
    house.say(FIRST, ReleaseLeg(TENANT, LEG_1, 3))
    assert len(house.blocks[FIRST].journal) == count + 1
    assert why(house.ask(FIRST, pinning(PLAN)))[0] == "HOLD_RELEASED"
    assert why(house.ask(FIRST, BookLeg(TENANT, LEG_1, 2)))[0] == "HOLD_NOT_FOUND"


def test_what_bars_a_leg_is_forgotten_after_a_day() -> None:
    house = House()
    house.say(FIRST, ReleaseLeg(TENANT, LEG_1, 2))
    house.now_ms += BARRED_MS
    house.say(FIRST, PlaceHold(stamp("plain"), 1, WISH))
    assert not house.state(FIRST).barred


def test_a_leg_that_was_released_is_not_pinned_again() -> None:
    house = House()
    house.pin(PLAN)
    house.say(FIRST, ReleaseLeg(TENANT, LEG_1, 2))
    assert why(house.ask(FIRST, pinning(PLAN)))[0] == "HOLD_RELEASED"
    house.pin(ANOTHER)


def test_a_leg_is_forgotten_a_day_after_its_release() -> None:
    house = House()
    house.pin(PLAN)
    house.say(FIRST, ReleaseLeg(TENANT, LEG_1, 2))
    house.now_ms += 24 * 60 * 60_000
    house.say(FIRST, PlaceHold(stamp("plain"), 1, WISH))
    assert not house.state(FIRST).legs
    assert list(house.state(FIRST).holds) == [1]
    assert why(house.ask(FIRST, BookLeg(TENANT, LEG_1, 3)))[0] == "HOLD_NOT_FOUND"


def test_time_never_ends_a_leg_not_even_one_that_was_restored() -> None:
    """Its desk decides. `CheckedState` has a block restored before each entry; what it has due must be the same."""
    house = House()
    house.pin(PLAN)
    house.say(FIRST, PlaceHold(stamp("plain"), 1, Wish(("A/1/6",)), 1_000))
    later_ms = PLACE_BY_MS + ASK_AFTER_MS + 1
    assert house.blocks[FIRST].tick(later_ms) == [HoldExpired(later_ms, 1)]
    assert next_deadline_ms(house.state(FIRST)) == PLACE_BY_MS + ASK_AFTER_MS, "it asks"
    house.now_ms = later_ms
    assert why(house.ask(FIRST, PlaceHold(stamp("another"), 2, Wish(("A/1/1",)))))[0] == "UNITS_HELD"
    many = Wish((), (AreaPlaces("floor", 5),))
    assert why(house.ask(FIRST, PlaceHold(stamp("many"), 3, many)))[0] == "NOT_ENOUGH_AVAILABLE"
    down = Activated(later_ms, "s1", b"nonce", START_MS, later_ms)
    house.blocks[FIRST].apply((down,))
    assert house.state(FIRST).holds[LEG_1].expires_at_ms == PLACE_BY_MS + ASK_AFTER_MS


def test_a_leg_keeps_its_units_when_the_layout_changes() -> None:
    house = House()
    house.pin(PLAN)
    house.say(FIRST, BookLeg(TENANT, LEG_1, 2))
    house.say(FIRST, pinning(LegPlan(FIRST, 21, Wish(("A/1/1", "A/1/3")), ((LEG_1, (0,)),))))
    rows = (Row("0", 0, 1, 2), Row("1", 0, 1, 6))
    layout = msgspec.structs.replace(LAYOUT, sections=(Section("A", rows),), areas=(Area("floor", 1, 9),))
    revision = house.state(FIRST).revision
    house.say(FIRST, EditEvent(stamp("edit"), revision, layout=layout))
    assert house.statuses(FIRST) == "AA" + "SSHAAA"
    house.say(FIRST, BookLeg(TENANT, 21, 2))
    assert house.statuses(FIRST) == "AA" + "SSSAAA"
    house.say(FIRST, ReleaseLeg(TENANT, LEG_1, 3, (1, 2, 3)))
    assert house.statuses(FIRST) == "AA" + "SASAAA"
    smaller = msgspec.structs.replace(layout, sections=(Section("A", (Row("1", 0, 2, 5),)),))
    refused = house.ask(FIRST, EditEvent(stamp("smaller"), revision + 1, layout=smaller))
    assert why(refused) == ("UNITS_SOLD", ("A/1/1",))


def test_a_cancelled_event_leaves_its_legs_to_their_desk() -> None:
    house = House()
    house.pin(PLAN)
    house.say(FIRST, ChangeStatus(stamp("end"), EventStatus.CANCELLED))
    assert house.statuses(FIRST) == "HHAAAA"
    assert next_deadline_ms(house.state(FIRST)) == START_MS
    house.say(FIRST, ReleaseLeg(TENANT, LEG_1, 2))
    assert (house.statuses(FIRST), next_deadline_ms(house.state(FIRST))) == ("AAAAAA", None)


def check_what_is_set_aside_stays_so() -> None:
    """While places of a channel are exchanged for others of the same area, nobody gets what was set aside for it."""
    allotment = Allotment("fans", "fans", places=(AreaPlaces("floor", 2),))
    house = House(Rules(channels=(Channel("fans"),), allotments=(allotment,), max_per_buyer=2))
    two = (AreaPlaces("floor", 2),)
    house.pin(LegPlan(FIRST, LEG_1, Wish(areas=two, channel="fans")))
    house.say(FIRST, BookLeg(TENANT, LEG_1, 2))
    house.pin(LegPlan(FIRST, 21, Wish(areas=two), ((LEG_1, (0, 1)),)))
    both = PlaceHold(msgspec.structs.replace(stamp("ben"), buyer="ben"), 1, Wish(areas=two))
    assert why(house.ask(FIRST, both))[0] == "NOT_ENOUGH_AVAILABLE", "one is open to all, and two are the channel's"
    house.say(FIRST, BookLeg(TENANT, 21, 2))
    inventory = house.state(FIRST).inventory
    assert (inventory.area_held, inventory.area_sold) == ([0], [2])
    fans = msgspec.structs.replace(stamp("eve"), buyer="eve")
    house.say(FIRST, PlaceHold(fans, 2, Wish(areas=two, channel="fans")))


def test_what_is_set_aside_stays_so_while_places_of_its_channel_are_exchanged() -> None:
    check_what_is_set_aside_stays_so()


def test_control_places_that_are_shared_over_channels_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legs, "_shared", lambda given, _: given)
    with pytest.raises(AssertionError):
        check_what_is_set_aside_stays_so()


def test_a_leg_takes_what_an_overdue_hold_has() -> None:
    house = House()
    house.say(FIRST, PlaceHold(stamp("plain"), 1, Wish(("A/1/1",)), 1_000))
    house.now_ms += 1_000
    outcome = house.ask(FIRST, pinning(PLAN))
    assert isinstance(outcome, Accepted)
    assert [type(entry) for entry in outcome.entries] == [HoldExpired, LegPinned]
