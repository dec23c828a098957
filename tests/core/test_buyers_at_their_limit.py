"""Limits for buyers: what is overdue does not count, at a cost of what the buyer has. Counted, not timed."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from actors.core import holds
from actors.core.baskets import LegPlan
from actors.core.block import decide
from actors.core.commands import Command, ReadRoom, ReleaseHold
from actors.core.layout import Area, Category, Layout
from actors.core.lots import unit_count
from actors.core.outcomes import Rejected
from actors.core.rules import Rules
from actors.core.snapshot import freeze, restore
from actors.core.state import BlockState, Hold, Units
from actors.core.wishes import Wish
from tests.core.bare_block import MINUTE_MS, BareBlock, places
from tests.core.checked_house import FIRST, LEG_1, TENANT, House
from tests.core.invariants import violations

LIMIT = 4
LIMITED = Rules(max_per_buyer=LIMIT)
LAYOUT = Layout("EUR", (Category("standing", 2000),), (), (Area("floor", 0, 5_000),))


def floor_of(rules: Rules = LIMITED) -> BareBlock:
    """A floor of which a buyer may have four places."""
    return BareBlock(LAYOUT, rules)


def left_of_limit(floor: BareBlock, buyer: str) -> int:
    """How many places more the buyer can have."""
    outcome = decide(floor.state, floor.placing(places(LIMIT + 1), buyer), floor.now_ms)
    assert isinstance(outcome, Rejected)
    assert outcome.reason.name == "BUYER_LIMIT_EXCEEDED"
    return outcome.details.available or 0


def crowd(others: int) -> BareBlock:
    """So many others hold a place that is overdue, and zoe holds all that she may have, in two holds, for long."""
    floor = floor_of()
    for number in range(others):
        floor.hold(places(1), f"buyer {number}", MINUTE_MS)
    floor.hold(places(1), "zoe")
    floor.hold(places(LIMIT - 1), "zoe")
    floor.now_ms += MINUTE_MS
    return floor


def looks(others: int, ask: Callable[[BareBlock], Command]) -> int:
    """How many deadlines and holds are looked at to refuse zoe one place more."""
    floor = crowd(others)
    command, counts = ask(floor), Counter[str]()
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in ((BlockState, "_waiting"), (holds, "unit_count")):
            patch.setattr(owner, name, counting(counts, getattr(owner, name)))
        outcome = decide(floor.state, command, floor.now_ms)
    assert isinstance(outcome, Rejected)
    assert (outcome.reason.name, outcome.details.available) == ("BUYER_LIMIT_EXCEEDED", 0)
    return counts.total()


def counting(counts: Counter[str], honest: Callable[..., object]) -> Callable[..., object]:
    """The same, counted."""

    def counted(*given: object) -> object:
        counts["looks"] += 1
        return honest(*given)

    return counted


def a_hold(floor: BareBlock) -> Command:
    """One place more."""
    return floor.placing(places(1), "zoe")


def room(_: BareBlock) -> Command:
    """Whether a leg of one place would be pinned."""
    return ReadRoom("acme", "zoe", places(1))


def from_all_that_is_overdue(state: BlockState, buyer: str, now_ms: int) -> int:
    """As long as they are in the way, all are looked at."""
    own = (hold for hold in state.overdue(now_ms) if hold is not None and hold.buyer == buyer)
    return sum(unit_count(hold) for hold in own)


@pytest.mark.parametrize("ask", [a_hold, room])
def test_a_refusal_looks_at_what_the_buyer_has_only(
    ask: Callable[[BareBlock], Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert looks(20, ask) == looks(2_000, ask) <= 2
    monkeypatch.setattr(holds, "_overdue_units", from_all_that_is_overdue)  # the control
    assert looks(2_000, ask) > 10 * looks(20, ask)


def check_what_counts(ticked: int) -> None:
    """Of what zoe had, what is overdue does not count, whether its end is in the journal yet or not."""
    floor = floor_of()
    floor.hold(places(1), "zoe", MINUTE_MS)
    floor.order(floor.hold(places(1), "zoe", MINUTE_MS))
    floor.pay(floor.order(floor.hold(places(1), "zoe", MINUTE_MS)))
    floor.hold(places(1), "bob", MINUTE_MS)
    assert left_of_limit(floor, "zoe") == 1
    floor.now_ms += MINUTE_MS - 1
    assert left_of_limit(floor, "zoe") == 1
    floor.now_ms += 1
    floor.tick(ticked)
    assert left_of_limit(floor, "zoe") == 3
    floor.hold(places(3), "zoe")
    assert left_of_limit(floor, "zoe") == 0
    assert left_of_limit(floor, "bob") == LIMIT


@pytest.mark.parametrize("ticked", range(4))
def test_what_is_overdue_does_not_count_whatever_the_tick_did(ticked: int) -> None:
    check_what_counts(ticked)


def one_too_few(state: BlockState, buyer: str, now_ms: int) -> int:
    """The first of a buyer's is taken for all."""
    own = state.buyers.holds.get(buyer, [])[:1]
    return sum(unit_count(state.holds[number]) for number in own if state.holds[number].expires_at_ms <= now_ms)


@pytest.mark.parametrize("broken", [one_too_few, lambda *_: 0])
def test_control_what_is_overdue_and_counts_is_noticed(
    broken: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holds, "_overdue_units", broken)
    with pytest.raises(AssertionError):
        check_what_counts(0)


def check_legs() -> None:
    """Ana's leg counts for as long as its desk says nothing."""
    house = House(LIMITED)
    house.pin(LegPlan(FIRST, LEG_1, Wish(("A/1/1", "A/1/2", "A/1/3"))))
    house.now_ms += 60 * MINUTE_MS
    outcome = house.ask(FIRST, ReadRoom(TENANT, "ana", Wish(("A/1/4", "A/1/5"))))
    assert isinstance(outcome, Rejected)
    assert (outcome.reason.name, outcome.details.available) == ("BUYER_LIMIT_EXCEEDED", 1)


def legs_end_by_time(state: BlockState, buyer: str, now_ms: int) -> int:
    """When they are to ask their desk."""
    own = (state.holds[number] for number in state.buyers.holds.get(buyer, ()))
    return sum(unit_count(hold) for hold in own if hold.expires_at_ms <= now_ms)


def test_a_leg_counts_until_its_desk_says_more(monkeypatch: pytest.MonkeyPatch) -> None:
    check_legs()
    monkeypatch.setattr(holds, "_overdue_units", legs_end_by_time)  # the control
    with pytest.raises(AssertionError):
        check_legs()


def lives(rules: Rules) -> Iterator[BlockState]:
    """A block in which holds are held, released, ordered, paid and expired, as it is after each step."""
    floor = floor_of(rules)
    for buyer in ("zoe", "bob", ""):
        if buyer or not rules.max_per_buyer:
            kept, paid = floor.hold(places(1), buyer), floor.hold(places(1), buyer)
            floor.hold(places(1), buyer, MINUTE_MS)
            yield floor.state
            floor.say(ReleaseHold(floor.stamp(buyer), kept))
            yield floor.state
            order = floor.order(paid)
            yield floor.state
            floor.pay(order)
            yield floor.state
            floor.now_ms += MINUTE_MS
            floor.tick(1)
            yield floor.state


def kept_of_buyers(rules: Rules) -> list[int]:
    """How many values are kept for limits, step by step; each is right, live and restored."""
    counts = []
    for state in lives(rules):
        restored = restore(freeze(state))
        for each in (state, restored):
            assert violations(each) == []
        assert (state.buyers.units, state.buyers.holds) == (restored.buyers.units, restored.buyers.holds)
        counts.append(len(state.buyers.units) + sum(map(len, state.buyers.holds.values())))
    return counts


def test_what_ended_or_is_sold_is_not_kept_and_nothing_without_a_limit() -> None:
    assert set(kept_of_buyers(Rules())) == {0}
    assert kept_of_buyers(LIMITED) == [4, 3, 3, 2, 1, 5, 4, 4, 3, 2]


def buyers_are_always_counted(state: BlockState, hold: Hold, units: Units, sign: int, *, is_sold: bool) -> None:
    """Whatever the rules say."""
    state.buyers.count(hold.buyer, sign * sum(q for _, q in units.areas), 0 if is_sold else hold.number)


def what_is_sold_is_kept(patch: pytest.MonkeyPatch) -> None:
    """As if it could be overdue yet."""
    patch.setattr(BlockState, "sell", lambda state, hold, units: state.inventory.sell(hold.number, *units[:2]))


def test_control_what_is_kept_for_nothing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(BlockState, "count_buyer", buyers_are_always_counted)
        with pytest.raises(AssertionError):
            kept_of_buyers(Rules())
    what_is_sold_is_kept(monkeypatch)
    with pytest.raises(AssertionError):
        kept_of_buyers(LIMITED)
