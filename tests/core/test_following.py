"""What a part is told and tells: every outcome of the two errands, and what can be asked of parts otherwise."""

from collections.abc import Callable

import msgspec
import pytest

from actors.core import following, snapshot
from actors.core.baskets import LegPlan
from actors.core.block import next_deadline_ms
from actors.core.commands import (
    AcknowledgePart,
    CancelOrder,
    ChangeStatus,
    Command,
    ConfirmOrder,
    CreateEvent,
    EditEvent,
    FollowEvent,
    IntendBasket,
    IntendExchange,
    JoinWaitingList,
    OpenSale,
    PinLeg,
    PlaceHold,
    PlaceOrder,
    ReadEvent,
    SettleBasket,
    SettleExchange,
)
from actors.core.following import what_to_follow
from actors.core.layout import Category, Layout
from actors.core.outcomes import Accepted, Outcome, Reason, Rejected
from actors.core.parts import Part
from actors.core.replies import EventReply, EventStatus, OrderReply, PlacingReply, RevisionReply
from actors.core.rules import Rules, WaitingList
from actors.core.snapshot import digest, freeze, restore
from actors.core.state import BlockState
from actors.core.wishes import AreaPlaces, Wish
from tests.core.checked_house import BASKET, DESK, ORDER, PLACE_BY_MS, TENANT, House, stamp, why
from tests.core.divided_house import (
    EAST,
    HOME,
    LAYOUT,
    LEDGER_1,
    LEDGER_2,
    NORTH,
    PARTS,
    RULES,
    DividedHouse,
    counted,
    counting,
)
from tests.core.invariants import violations


def told(house: DividedHouse, part: str = NORTH, **changes: object) -> FollowEvent:
    """What the home tells a part now, but for these changes."""
    of = next(one for one in PARTS if one.block == part)
    return msgspec.structs.replace(what_to_follow(house.state(HOME), HOME, of), **changes)


def word(outcome: Outcome) -> str:
    """What became of an errand: the reason, or whether it changed something, with the revision that is told."""
    if isinstance(outcome, Rejected):
        return outcome.reason.name
    assert isinstance(outcome.reply, RevisionReply)
    changed = "REPLAYED" if outcome.replayed else "CHANGED" if outcome.entries else "KNOWN"
    return f"{changed} {outcome.reply.revision}"


Make = Callable[[DividedHouse], tuple[str, Command]]

FOLLOW: dict[str, tuple[Make, str]] = {
    "told again": (lambda house: (NORTH, told(house)), "REPLAYED 2"),
    "told of what was before": (lambda house: (NORTH, told(house, revision=1)), "REPLAYED 2"),
    "told of what is new": (lambda house: (NORTH, told(house, revision=5, name="Finals")), "CHANGED 5"),
    "told by another tenant": (lambda house: (NORTH, told(house, tenant="eve")), "EVENT_NOT_FOUND"),
    "told by another event": (lambda house: (NORTH, told(house, home=EAST, revision=9)), "EVENT_NOT_FOUND"),
    "an event itself": (lambda house: (HOME, told(house, revision=9)), "EVENT_NOT_FOUND"),
    "a desk": (lambda house: (DESK, told(house, revision=9)), "EVENT_NOT_FOUND"),
}
ACKNOWLEDGE: dict[str, tuple[Make, str]] = {
    "heard again": (lambda _: (HOME, AcknowledgePart(TENANT, NORTH, 2)), "KNOWN 2"),
    "heard of what was before": (lambda _: (HOME, AcknowledgePart(TENANT, NORTH, 1)), "KNOWN 1"),
    "no part of it": (lambda _: (HOME, AcknowledgePart(TENANT, "elsewhere", 9)), "KNOWN 9"),
    "in a part": (lambda _: (EAST, AcknowledgePart(TENANT, NORTH, 9)), "KNOWN 9"),
    "heard by another tenant": (lambda _: (HOME, AcknowledgePart("eve", NORTH, 2)), "EVENT_NOT_FOUND"),
}


@pytest.mark.parametrize("case", [*FOLLOW, *ACKNOWLEDGE])
def test_an_errand_comes_out_as_written(case: str) -> None:
    make, expected = (FOLLOW | ACKNOWLEDGE)[case]
    house = DividedHouse()
    house.say(DESK, IntendBasket(stamp("basket"), BASKET, (LegPlan(NORTH, 1, Wish(("north/1/3",))),)))
    assert word(house.ask(*make(house))) == expected


def test_what_a_part_has_heard_is_heard_once() -> None:
    house = DividedHouse(opens=False)
    assert [part.block for part in house.state(HOME).parts_behind] == [NORTH, EAST, LEDGER_1, LEDGER_2]
    assert word(house.ask(NORTH, told(house))) == "CHANGED 1"
    assert word(house.ask(HOME, AcknowledgePart(TENANT, NORTH, 1))) == "CHANGED 1"
    assert word(house.ask(HOME, AcknowledgePart(TENANT, NORTH, 1))) == "KNOWN 1"
    seen = house.say(HOME, ReadEvent(TENANT))
    assert isinstance(seen, EventReply)
    assert seen.behind == 3
    house.follow()
    assert house.state(HOME).parts_behind == []


def test_no_other_reason_is_ever_given() -> None:
    expected = {outcome.split()[0] for _, outcome in (FOLLOW | ACKNOWLEDGE).values()}
    assert expected - {"REPLAYED", "CHANGED", "KNOWN"} == {Reason.EVENT_NOT_FOUND.name}


# What a part is.


def test_parts_have_the_whole_layout_between_them() -> None:
    house = DividedHouse()
    sections = {block: [s.name for s in house.state(block).index.layout.sections] for block in (HOME, NORTH, EAST)}
    assert sections == {HOME: ["west"], NORTH: ["north"], EAST: ["east", "south"]}
    assert house.state(HOME).index.layout.areas == LAYOUT.areas
    assert house.state(NORTH).index.layout.areas == ()
    for ledger in (LEDGER_1, LEDGER_2):
        (area,) = house.state(ledger).index.layout.areas
        assert (area.name, area.capacity, house.state(ledger).is_ledger) == ("units", 2 * LAYOUT.capacity, True)
    seen = house.say(HOME, ReadEvent(TENANT))
    assert isinstance(seen, EventReply)
    assert (seen.layout, seen.parts, seen.behind, seen.home) == (LAYOUT, PARTS, 0, "")
    part = house.say(NORTH, ReadEvent(TENANT))
    assert isinstance(part, EventReply)
    assert (part.home, part.rules, part.revision, part.status) == (HOME, RULES, 2, EventStatus.ON_SALE)


def test_what_is_new_of_an_event_reaches_its_parts_and_who_has_units_keeps_them() -> None:
    house = DividedHouse()
    house.hold(BASKET, (counted(1, NORTH, Wish(("north/1/3",))), counting(2, 1)))
    dearer = msgspec.structs.replace(LAYOUT, categories=(Category("gold", 9_900), LAYOUT.categories[1]))
    rules = msgspec.structs.replace(RULES, max_per_buyer=5, allotments=())
    house.say(HOME, EditEvent(stamp("edit"), 2, "Finals", dearer, rules, 30_000))
    house.say(HOME, ChangeStatus(stamp("pause"), EventStatus.PAUSED))
    assert house.state(NORTH).name == "A final"
    house.follow()
    for part in PARTS:
        state = house.state(part.block)
        assert (state.name, state.hold_ttl_ms, state.rules, state.revision) == ("Finals", 30_000, rules, 4)
        assert state.status is EventStatus.PAUSED
        assert state.legs or violations(state) == []
    assert house.state(NORTH).index.layout.categories == dearer.categories
    assert [owner for owner in house.state(NORTH).inventory.owners if owner] == [1]
    assert house.state(NORTH).buyers.units == {"ana": 1}


def test_a_part_that_hears_late_hears_the_last_word() -> None:
    house = DividedHouse()
    early = told(house, revision=3, name="Semi-final")
    house.say(HOME, EditEvent(stamp("edit"), 2, "Semi-final"))
    house.say(HOME, EditEvent(stamp("edit again"), 3, "Finals"))
    house.follow()
    assert word(house.ask(NORTH, early)) == "REPLAYED 4"
    assert house.state(NORTH).name == "Finals"


def test_a_layout_that_stays_is_not_journaled_anew() -> None:
    house = DividedHouse()
    outcome = house.ask(NORTH, told(house, revision=5, name="Finals"))
    assert isinstance(outcome, Accepted)
    (entry,) = outcome.entries
    assert (getattr(entry, "layout", 0), getattr(entry, "rules", 0)) == (None, None)


# What can be asked of an event that is split, and of its parts.


@pytest.mark.parametrize(
    ("block", "command", "expected"),
    [
        (
            HOME,
            EditEvent(stamp("k"), 2, layout=msgspec.structs.replace(LAYOUT, sections=LAYOUT.sections[1:])),
            ("layout.sections: the seats of north cannot change, as the event is split",),
        ),
        (
            HOME,
            EditEvent(stamp("k"), 2, rules=Rules(waiting_list=WaitingList(60_000))),
            ("rules.waiting_list: is not for an event that is split",),
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(block: str, command: Command, expected: tuple[str, ...]) -> None:
    assert why(DividedHouse().ask(block, command)) == ("INVALID_ARGUMENT", expected)


@pytest.mark.parametrize(
    ("block", "command"),
    [
        (NORTH, OpenSale(stamp("k"))),
        (NORTH, ChangeStatus(stamp("k"), EventStatus.CANCELLED)),
        (NORTH, EditEvent(stamp("k"), 2, "mine")),
        (NORTH, JoinWaitingList(stamp("k"), 78, Wish(("north/1/3",)))),
        (LEDGER_1, ChangeStatus(stamp("k"), EventStatus.PAUSED)),
    ],
)
def test_a_part_is_no_event(block: str, command: Command) -> None:
    assert why(DividedHouse().ask(block, command)) == ("EVENT_NOT_FOUND", ())


def test_a_limit_is_there_from_the_first_hold_on_or_never() -> None:
    house = DividedHouse(Rules(), opens=False)
    house.say(HOME, EditEvent(stamp("limit"), 1, rules=RULES))
    house.say(HOME, EditEvent(stamp("no limit"), 2, rules=Rules()))
    house.say(HOME, OpenSale(stamp("open")))
    expected = ("rules.max_per_buyer: of an event that is split cannot be set once it is no draft any more",)
    assert why(house.ask(HOME, EditEvent(stamp("late"), 4, rules=RULES))) == ("INVALID_ARGUMENT", expected)


@pytest.mark.parametrize("block", [HOME, NORTH, LEDGER_1])
def test_nothing_is_held_of_it_by_itself(block: str) -> None:
    house = DividedHouse()
    refused = house.ask(block, PlaceHold(stamp("hold"), 77, Wish(("north/1/3",))))
    assert isinstance(refused, Rejected)
    assert (refused.reason, refused.details.divided) == (Reason.INVALID_ARGUMENT, True)
    waited = house.ask(block, JoinWaitingList(stamp("wait"), 78, Wish(("north/1/3",))))
    assert isinstance(waited, Rejected)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((Part("a", ("north",)), Part("b", ("north",))), "split[1][0]: is there twice"),
        ((Part("a", ("attic",)),), "split[0][0]: is no section of the layout"),
        ((Part("a", ("north",)), Part("a", ("east",))), "split: two parts have one block"),
        (tuple(Part(str(number)) for number in range(65)), "split: must be at most 64 parts"),
    ],
)
def test_a_split_that_cannot_be_names_what_is_wrong(parts: tuple[Part, ...], expected: str) -> None:
    house = House()
    create = CreateEvent(stamp("split"), "A final", LAYOUT, parts=parts)
    assert why(house.ask(HOME if HOME in house.blocks else DESK, create)) == ("INVALID_ARGUMENT", (expected,))


# Ledgers.


def test_a_leg_that_nobody_counts_is_not_pinned_under_a_limit() -> None:
    house = DividedHouse()
    plan = LegPlan(NORTH, 1, Wish(("north/1/3",)))
    for block in (NORTH, HOME):
        wish = plan.wish if block == NORTH else Wish(("west/1/1",))
        pin = PinLeg(TENANT, DESK, BASKET, "ana", LegPlan(block, 1, wish), 1, PLACE_BY_MS)
        assert why(house.ask(block, pin))[0] == "UNAVAILABLE"
    unlimited = DividedHouse(Rules())
    unlimited.say(NORTH, PinLeg(TENANT, DESK, BASKET, "ana", plan, 1, PLACE_BY_MS))


@pytest.mark.parametrize("counts", [1, 3])
def test_a_ledger_that_counts_other_units_is_not_settled(counts: int) -> None:
    house = DividedHouse()
    plans = (counted(1, NORTH, Wish(("north/1/3", "north/1/4"))), counting(2, counts))
    house.say(DESK, IntendBasket(stamp("basket", PLACE_BY_MS), BASKET, plans, 60_000))
    held = tuple(house.pin(BASKET, plan) for plan in plans)
    settled = house.ask(DESK, SettleBasket(TENANT, BASKET, held))
    assert isinstance(settled, Rejected)
    assert (settled.reason, settled.details.fields, settled.details.miscounted) == (Reason.UNAVAILABLE, (), True)


def units_of(house: DividedHouse, ledger: str = LEDGER_1) -> int:
    """How many units the ledger says that ana has."""
    return house.state(ledger).buyers.units.get("ana", 0)


def paid(house: DividedHouse) -> None:
    """Two seats in the north and two places at home, paid."""
    plans = (
        counted(1, HOME, Wish(areas=(AreaPlaces("floor", 2),))),
        counted(2, NORTH, Wish(("north/1/3", "north/1/4"))),
        counting(3, 4),
    )
    house.hold(BASKET, sorted(plans, key=lambda plan: plan.block))
    house.say(DESK, PlaceOrder(stamp("order"), BASKET, ORDER))
    house.say(DESK, ConfirmOrder(stamp("confirm"), ORDER))
    house.do_deeds()


def test_a_ledger_counts_what_its_buyer_still_has() -> None:
    house = DividedHouse()
    paid(house)
    assert units_of(house) == 4
    exchange(house, (0, 1), counted(4, EAST, Wish(("east/1/1",))))
    assert units_of(house) == 3
    house.say(DESK, CancelOrder(stamp("cancel"), ORDER))
    house.do_deeds()
    assert units_of(house) == 0
    for block in (HOME, NORTH, EAST, LEDGER_1):
        assert not any(house.state(block).inventory.owners)
        assert not any(house.state(block).inventory.area_sold)


def exchange(house: DividedHouse, tickets: tuple[int, ...], plan: LegPlan) -> None:
    """These tickets for what the leg wishes for."""
    placing = house.say(DESK, IntendExchange(stamp(f"exchange {plan.leg}", PLACE_BY_MS), ORDER, tickets, plan))
    assert isinstance(placing, PlacingReply)
    held = house.pin(BASKET, placing.legs[0])
    house.say(DESK, SettleExchange(TENANT, ORDER, plan.leg, held))
    house.do_deeds()


def test_an_exchange_for_more_or_for_what_no_ledger_counts_is_refused() -> None:
    house = DividedHouse()
    paid(house)
    wish = Wish(("east/1/1", "east/1/2"))
    elsewhere = LegPlan(EAST, 4, wish, counted_by=LEDGER_2)
    refused = house.ask(DESK, IntendExchange(stamp("elsewhere"), ORDER, (0,), elsewhere))
    assert why(refused) == ("INVALID_ARGUMENT", ("event_id: the order has nothing of this event",))
    placing = house.say(DESK, IntendExchange(stamp("more", PLACE_BY_MS), ORDER, (0,), counted(5, EAST, wish)))
    assert isinstance(placing, PlacingReply)
    held = house.pin(BASKET, placing.legs[0])
    settled = house.ask(DESK, SettleExchange(TENANT, ORDER, 5, held))
    assert why(settled) == ("INVALID_ARGUMENT", ("tickets: are fewer than the new units",))
    kept = house.say(DESK, SettleExchange(TENANT, ORDER, 5, None))
    assert isinstance(kept, OrderReply)
    assert len(kept.tickets) == 4


# Snapshots.


def test_an_event_that_is_split_is_restored_whole() -> None:
    house = DividedHouse()
    paid(house)
    house.say(HOME, EditEvent(stamp("edit"), 2, "Finals"))
    for block in house.blocks:
        state = house.state(block)
        restored = restore(freeze(state))
        assert digest(restored) == digest(state)
        assert (restored.parts, restored.whole, restored.home) == (state.parts, state.whole, state.home)
        assert restored.parts_behind == state.parts_behind
        for number, basket in state.desk.baskets.items():
            assert restored.desk.baskets[number] == basket
            assert (basket.counted, basket.life_ms) == ({3: 4}, 2 * 60 * 60_000)


@pytest.mark.parametrize("forgotten", ["home", "parts", "whole"])
def test_control_what_a_snapshot_does_not_bear_is_noticed(forgotten: str, monkeypatch: pytest.MonkeyPatch) -> None:
    thaw = snapshot._thaw_head

    def forgetful(state: BlockState, head: snapshot._Head) -> None:
        empty: dict[str, object] = {"home": "", "parts": {}, "whole": None}
        thaw(state, head)
        setattr(state, forgotten, empty[forgotten])

    monkeypatch.setattr(snapshot, "_thaw_head", forgetful)
    with pytest.raises(AssertionError):
        paid(DividedHouse())


def test_control_a_part_with_another_layout_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def all_of_it(layout: Layout, _: Part) -> Layout:
        return layout

    monkeypatch.setattr(following, "layout_of_part", all_of_it)
    with pytest.raises(AssertionError):
        test_parts_have_the_whole_layout_between_them()


def test_a_part_that_was_told_of_what_was_is_still_behind() -> None:
    house = DividedHouse()
    house.say(HOME, EditEvent(stamp("edit"), 2, "Finals"))
    house.say(HOME, AcknowledgePart(TENANT, NORTH, 2))
    assert [part.block for part in house.state(HOME).parts_behind] == [NORTH, EAST, LEDGER_1, LEDGER_2]


def test_an_event_whose_parts_are_behind_is_due() -> None:
    """So that a shard that nobody asks for it finds it."""
    house = DividedHouse()
    assert next_deadline_ms(house.state(HOME)) is None
    house.say(HOME, EditEvent(stamp("edit"), 2, "Finals"))
    due_ms = next_deadline_ms(house.state(HOME))
    assert due_ms is not None
    assert due_ms <= house.now_ms
