"""What a desk is placing is found by time, at the same cost however much there is; and how many baskets it can have."""

from collections.abc import Callable
from random import Random

import msgspec
import pytest

from actors.core import desk, desk_state, due_heap
from actors.core.baskets import MAX_LEGS, LegHeld, LegLine, LegPlan
from actors.core.block import apply, decide, next_deadline_ms, next_due
from actors.core.commands import (
    CancelOrder,
    Command,
    ConfirmOrder,
    DropBasket,
    IntendBasket,
    IntendExchange,
    PlaceOrder,
    ReleaseHold,
    SettleBasket,
)
from actors.core.desk_state import Basket, Desk, Exchange
from actors.core.due_heap import DueHeap
from actors.core.keys import ENDED_HOLD_KEPT_MS
from actors.core.outcomes import Accepted, Details, Outcome, Reason, Rejected
from actors.core.replies import HoldReply, PlacingReply
from actors.core.snapshot import freeze, restore
from actors.core.state import BlockState
from actors.core.wishes import Wish
from tests.core.checked_house import DESK, FIRST, PLACE_BY_MS, START_MS, TENANT, House, stamp, why

Sabotage = Callable[[pytest.MonkeyPatch], None]
SEEDS = range(10)
STEPS = 600
SEAT = Wish(("A/1/1",))


def _plan(leg: int) -> LegPlan:
    return LegPlan(FIRST, leg, SEAT)


def _held(leg: int) -> LegHeld:
    return LegHeld(leg, FIRST, "EUR", ("A/1/1",), (), (LegLine("gold", "", 9_000),), (0,))


def _basket(number: int, place_by_ms: int) -> Basket:
    return Basket(number, "ana", (_plan(number),), 60_000, place_by_ms, b"", b"", 60_000)


def scanned(of: Desk) -> list[tuple[int, int]]:
    """(when its time is over, number) of all that is being placed, the first first."""
    return sorted(
        (each.place_by_ms if each.exchange is None else each.exchange.place_by_ms, number)
        for number, each in of.placing.items()
    )


def restored(of: Desk) -> Desk:
    """As a snapshot gives it back."""
    other = Desk()
    for basket in of.baskets.values():
        other.add(basket)
    return other


def check_history(seed: int) -> None:
    """Whatever is meant, settled, exchanged, dropped and forgotten, in whatever order."""
    random, live, number, looked = Random(seed), Desk(), 0, 0
    for _ in range(STEPS):
        idle = [each for each in live.baskets.values() if each.number not in live.placing]
        busy = list(live.placing.values())
        at_ms = random.randint(0, 20)
        kind = random.randrange(5)
        if kind <= 1:
            number += 1
            live.add(_basket(number, at_ms))
        elif kind == 2 and idle:
            basket = random.choice(idle)
            basket.exchange = Exchange(1, (0,), _plan(1_000 + number), at_ms, b"")
            live.add(basket)
        elif kind == 3 and busy:
            basket = random.choice(busy)
            if basket.exchange is not None:
                live.drop_exchange(basket, 0)
            else:
                basket.held = (_held(basket.number),)
                live.add(basket)
        elif kind == 4 and live.baskets:
            live.forget(random.choice(list(live.baskets)))
        if random.random() < 0.1:
            live = restored(live)
        if random.random() < 0.5:
            looked += bool(live.placing)
            check_alike(live, random.randint(0, 20))
    assert looked > STEPS // 4


def check_alike(live: Desk, at_ms: int) -> None:
    """What is found is what a scan of everything finds."""
    placing = scanned(live)
    assert live.next_place_by_ms() == (placing[0][0] if placing else None)
    found = live.overdue(at_ms)
    assert (found.number if found is not None else None) == next((of for due, of in placing if due <= at_ms), None)


def check_histories() -> None:
    for seed in SEEDS:
        check_history(seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_overdue_is_what_a_scan_finds(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due_heap, "FEW_STALE", 8)
    check_history(seed)


def _stale_ones_count(patch: pytest.MonkeyPatch) -> None:
    """Whatever a basket's time was when it came is its time."""

    def first(self: DueHeap[Basket]) -> Basket | None:
        while self._dues and self._dues[0][1] not in self._live:
            self._dues.pop(0)
        return self._live[self._dues[0][1]] if self._dues else None

    patch.setattr(DueHeap, "first", first)


def _exchanges_are_not_noted(patch: pytest.MonkeyPatch) -> None:
    push = DueHeap.push
    patch.setattr(DueHeap, "push", lambda self, number: None if self._live[number].exchange else push(self, number))


@pytest.mark.parametrize("sabotage", [_stale_ones_count, _exchanges_are_not_noted], ids=lambda each: each.__name__)
def test_the_check_notices(sabotage: Sabotage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative controls."""
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, KeyError)):
        check_histories()


def placing(count: int) -> BlockState:
    """A desk that is placing so many baskets, a millisecond after each other."""
    state = BlockState()
    for number in range(1, count + 1):
        intend = IntendBasket(stamp(f"k{number}", START_MS + 1_000 + number), number, (_plan(10_000 + number),))
        take(state, intend)
    return state


def take(state: BlockState, command: Command, now_ms: int = START_MS) -> Outcome:
    outcome = decide(state, command, now_ms)
    for entry in outcome.entries if isinstance(outcome, Accepted) else ():
        apply(state, entry)
    return outcome


def looks_of_a_round(count: int, patch: pytest.MonkeyPatch) -> int:
    """At how many baskets a desk looks that is placing so many: in a tick, for its deadline, and to drop fifty."""
    state = placing(count)
    looks, place_by_ms = 0, desk_state._place_by_ms

    def counting(basket: Basket) -> int:
        nonlocal looks
        looks += 1
        return place_by_ms(basket)

    with patch.context() as counted:
        counted.setattr(desk_state, "_place_by_ms", counting)
        counted.setattr(state.desk._place_dues, "_due_ms", counting)
        assert next_due(state, START_MS) is None
        assert next_deadline_ms(state) == START_MS + 1_001
        for _ in range(50):
            entry = next_due(state, START_MS + 1_050)
            assert entry is not None
            apply(state, entry)
    assert len(state.desk.placing) == count - 50
    assert next_deadline_ms(restore(freeze(state))) == next_deadline_ms(state)
    return looks


def check_costs(patch: pytest.MonkeyPatch) -> None:
    few, many = (looks_of_a_round(count, patch) for count in (100, 2_000))
    print(f"{few} looks at 100 baskets, {many} at 2,000")
    assert many <= few + 10


def test_a_tick_costs_the_same_however_many_are_being_placed(monkeypatch: pytest.MonkeyPatch) -> None:
    check_costs(monkeypatch)


def test_the_check_notices_a_desk_that_looks_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""

    def scan(self: DueHeap[Basket]) -> Basket | None:
        dues = ((self._due_ms(basket), number) for number, basket in self._live.items())
        return self._live[min(dues)[1]] if self._live else None

    monkeypatch.setattr(DueHeap, "first", scan)
    with pytest.raises(AssertionError):
        check_costs(monkeypatch)


def check_stale_are_few(patch: pytest.MonkeyPatch) -> None:
    """Baskets that are settled or dropped leave their times behind, while nobody looks; many of them, then few."""
    patch.setattr(due_heap, "FEW_STALE", 10)
    live = Desk()
    for number in range(1, 1_001):
        live.add(_basket(number, 1_000_000 - number))
    for number in range(1, 1_000):
        live.forget(number)
    for number in range(1_001, 2_001):
        live.add(_basket(number, 1_000_000 - number))
        live.forget(number)
    assert len(live._place_dues) <= 2 * 2 + 10


def test_times_that_do_not_count_any_more_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    check_stale_are_few(monkeypatch)


def test_the_check_notices_times_that_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    monkeypatch.setattr(DueHeap, "push", lambda self, number: self._dues.append((0, number)))
    with pytest.raises(AssertionError):
        check_stale_are_few(monkeypatch)


def buy(house: House, number: int) -> None:
    """A basket that is paid, of which nothing is left to do at the desk."""
    house.say(DESK, IntendBasket(stamp(f"hold {number}", PLACE_BY_MS), number, (_plan(10_000 + number),), 60_000))
    house.say(DESK, SettleBasket(TENANT, number, (_held(10_000 + number),)))
    house.say(DESK, PlaceOrder(stamp(f"order {number}"), number, number))
    house.say(DESK, ConfirmOrder(stamp(f"confirm {number}"), number))


def check_bound(patch: pytest.MonkeyPatch) -> None:
    """Four baskets: whatever came to nothing makes room, whatever was ever paid does not."""
    patch.setattr(desk, "MAX_BASKETS", 4)
    house = House()
    for number in (1, 2):
        buy(house, number)
    house.say(DESK, CancelOrder(stamp("cancel"), 2))
    for number in (3, 4):
        meant = IntendBasket(stamp(f"hold {number}", PLACE_BY_MS), number, (_plan(10_000 + number),), 60_000)
        assert isinstance(house.say(DESK, meant), PlacingReply)
    more = IntendBasket(stamp("hold 5", PLACE_BY_MS), 5, (_plan(10_005),), 60_000)
    assert why(house.ask(DESK, more)) == ("OVERLOADED", ())
    assert house.ask(DESK, more) == Rejected(Reason.OVERLOADED), "that may pass"
    late = IntendBasket(stamp("hold 5", START_MS - 1), 5, (_plan(10_005),), 60_000)
    assert why(house.ask(DESK, late)) == ("OVERLOADED", ()), "which comes before DEADLINE_EXCEEDED"
    again = house.ask(DESK, IntendBasket(stamp("hold 3", PLACE_BY_MS), 6, (_plan(10_006),), 60_000))
    assert isinstance(again, Accepted)
    assert again.replayed
    house.say(DESK, DropBasket(TENANT, 4))
    assert isinstance(house.say(DESK, more), PlacingReply)
    assert isinstance(house.say(DESK, SettleBasket(TENANT, 3, (_held(10_003),))), HoldReply)
    assert isinstance(house.say(DESK, SettleBasket(TENANT, 5, (_held(10_005),))), HoldReply)
    another = IntendBasket(stamp("hold 6", PLACE_BY_MS), 6, (_plan(10_006),), 60_000)
    assert why(house.ask(DESK, another)) == ("OVERLOADED", ())
    exchange = IntendExchange(stamp("exchange", PLACE_BY_MS), 1, (0,), _plan(20_000))
    assert isinstance(house.say(DESK, exchange), PlacingReply), "what is had can be changed"
    house.say(DESK, ReleaseHold(stamp("release"), 3))
    assert isinstance(house.say(DESK, another), PlacingReply), "though what was released is readable yet"
    house.now_ms = PLACE_BY_MS
    house.blocks[DESK].tick(PLACE_BY_MS)
    buy_late = START_MS + 2 * ENDED_HOLD_KEPT_MS
    house.now_ms = buy_late
    house.blocks[DESK].tick(buy_late)
    assert set(house.state(DESK).orders) == {1, 2}
    assert len(house.state(DESK).desk.baskets) - len(house.state(DESK).ended) == 2
    place_by_ms = buy_late + 20_000
    patch.setattr(desk, "MAX_BASKETS", 2)
    more = IntendBasket(stamp("hold 7", place_by_ms), 7, (_plan(10_007),), 60_000)
    assert house.ask(DESK, more) == Rejected(Reason.OVERLOADED, Details(full=True)), "that will never pass"


def test_a_desk_has_so_many_baskets_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    check_bound(monkeypatch)


def _there_is_no_bound(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(desk, "is_full", lambda _: False)


def _what_is_over_counts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(desk, "is_full", lambda state: len(state.desk.baskets) >= desk.MAX_BASKETS)


def _full_for_good_is_not_told(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(desk, "is_full_for_good", lambda _: False)


def _always_full_for_good(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(desk, "is_full_for_good", desk.is_full)


def _only_what_is_in_force_counts(patch: pytest.MonkeyPatch) -> None:
    def is_full(state: BlockState) -> bool:
        good = [order for order in state.orders.values() if order.status.name == "CONFIRMED"]
        return len(good) + len(state.desk.placing) >= desk.MAX_BASKETS

    patch.setattr(desk, "is_full", is_full)


@pytest.mark.parametrize(
    "sabotage",
    [
        _there_is_no_bound,
        _what_is_over_counts,
        _only_what_is_in_force_counts,
        _full_for_good_is_not_told,
        _always_full_for_good,
    ],
    ids=lambda each: each.__name__,
)
def test_the_check_notices_another_bound(sabotage: Sabotage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative controls."""
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        check_bound(monkeypatch)


@pytest.mark.parametrize("more", [0, 1])
def test_a_basket_has_as_many_legs_as_it_may_have(more: int) -> None:
    house = House()
    plans = tuple(LegPlan(f"block-{number}", number, SEAT) for number in range(1, MAX_LEGS + more + 1))
    outcome = house.ask(DESK, IntendBasket(stamp("k", PLACE_BY_MS), 1, plans))
    if more:
        assert isinstance(outcome, Rejected)
        assert (outcome.reason, outcome.details.fields) == (Reason.INVALID_ARGUMENT, ("legs: must be 1 to 8",))
        return
    held = tuple(msgspec.structs.replace(_held(plan.leg), block=plan.block) for plan in plans)
    reply = house.say(DESK, SettleBasket(TENANT, 1, held))
    assert isinstance(reply, HoldReply)
    assert [leg.block for leg in reply.legs] == [plan.block for plan in plans]
