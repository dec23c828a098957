"""Deadlines: found in order, at a cost of what is looked at. Counted, not timed."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.core import ground
from actors.core.block import apply, decide
from actors.core.commands import PlaceHold, Stamp
from actors.core.entries import (
    EventCreated,
    HoldExtended,
    HoldPlaced,
    HoldReleased,
    OrderConfirmed,
    OrderPlaced,
    SaleOpened,
)
from actors.core.layout import Area, Category, Layout
from actors.core.outcomes import Accepted, Outcome, Reason, Rejected
from actors.core.state import BlockState, Hold
from actors.core.wishes import AreaPlaces, Wish

START_MS = 1_700_000_000_000
CAP_MS = START_MS + 7_200_000
LAYOUT = Layout("EUR", (Category("standing", 2000),), (), (Area("floor", 0, 10_000), Area("balcony", 0, 1)))
PRINT = b"p" * 16


def on_sale() -> BlockState:
    state = BlockState()
    apply(state, EventCreated(START_MS, "acme", "Night", LAYOUT, 60_000, b"create".ljust(16), PRINT))
    apply(state, SaleOpened(START_MS, b"open".ljust(16), PRINT))
    return state


def place(state: BlockState, number: int, due_ms: int, area: int = 0) -> None:
    key = number.to_bytes(16, "big")
    areas = ((area, 1),)
    apply(state, HoldPlaced(START_MS, number, "ana", (), areas, ((0, 1, 2000),), due_ms, CAP_MS, key, PRINT))


def release(state: BlockState, number: int) -> None:
    apply(state, HoldReleased(START_MS, number, (1 << 64 | number).to_bytes(16, "big"), PRINT))


def sold_out(overdue: int) -> BlockState:
    """So many overdue holds of a place of the floor each, and the rest of both areas held for long."""
    state = on_sale()
    for number in range(1, 10_001):
        place(state, number, START_MS + number if number <= overdue else CAP_MS)
    place(state, 10_001, CAP_MS, area=1)
    return state


def ask(state: BlockState, area: str, quantity: int) -> Outcome:
    stamp = Stamp("acme", "bob", b"ask".ljust(16), PRINT, CAP_MS)
    return decide(state, PlaceHold(stamp, 99_999, Wish(areas=(AreaPlaces(area, quantity),))), START_MS + 60_000)


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts the deadlines that were looked at."""
    counts: Counter[str] = Counter()
    waiting = BlockState._waiting

    def counted(state: BlockState, due_ms: int, number: int) -> Hold | None:
        counts["deadlines"] += 1
        return waiting(state, due_ms, number)

    monkeypatch.setattr(BlockState, "_waiting", counted)
    return counts


@given(st.lists(st.tuples(st.sampled_from("pre"), st.integers(0, 30), st.integers(0, 50))), st.integers(0, 60))
def test_overdue_holds_are_those_that_are_due_in_the_order_of_their_deadlines(
    changes: list[tuple[str, int, int]], now: int
) -> None:
    state = on_sale()
    due: dict[int, int] = {}
    for count, (change, pick, ahead) in enumerate(changes):
        number = sorted(due)[pick % len(due)] if due else 0
        if change == "p":
            due[count + 1] = START_MS + ahead
            place(state, count + 1, START_MS + ahead)
        elif change == "r" and number:
            del due[number]
            release(state, number)
        elif number:
            due[number] += ahead % 3
            apply(state, HoldExtended(START_MS, number, due[number], (2 << 64 | count).to_bytes(16, "big"), PRINT))
    before = list(state.deadlines)
    found = [hold.number for hold in state.overdue(START_MS + now) if hold is not None]
    expected = sorted((due_ms, number) for number, due_ms in due.items() if due_ms <= START_MS + now)
    assert found == [number for _, number in expected]
    assert state.deadlines == before


def test_a_decision_looks_at_no_more_overdue_holds_than_it_needs(looked_at: Counter[str]) -> None:
    state = sold_out(overdue=5_000)
    looked_at.clear()
    outcome = ask(state, "floor", 3)
    assert isinstance(outcome, Accepted)
    assert [entry.hold for entry in outcome.entries] == [1, 2, 3, 99_999]  # type: ignore[union-attr]
    assert looked_at["deadlines"] == 3


def test_a_decision_looks_at_nothing_when_nothing_is_overdue(looked_at: Counter[str]) -> None:
    state = sold_out(overdue=0)
    looked_at.clear()
    assert isinstance(ask(state, "floor", 1), Rejected)
    assert looked_at["deadlines"] == 0


def looked_at_in_vain(looked_at: Counter[str], still_held: int) -> int:
    """How many deadlines are looked at for an area of which nothing is overdue; of 5,000 that have come, so many are
    those of holds that are still held.
    """
    state = sold_out(overdue=5_000)
    for number in range(1, 5_001 - still_held):
        release(state, number * 7 % 5_000 or 5_000)
    looked_at.clear()
    outcome = ask(state, "balcony", 1)
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.OVERLOADED
    return looked_at["deadlines"]


@pytest.mark.parametrize("still_held", [5_000, 600])
def test_what_is_looked_at_in_vain_is_bounded(still_held: int, looked_at: Counter[str]) -> None:
    assert looked_at_in_vain(looked_at, still_held) == ground.MAX_OVERDUE_LOOKED_AT


def all_at_once(state: BlockState, at_ms: int) -> Iterator[Hold | None]:
    """The deadlines that have come, sorted anew."""
    found = [state._waiting(due_ms, number) for due_ms, number in sorted(state.deadlines)]
    return iter([hold for hold in found if hold is not None and hold.expires_at_ms <= at_ms])


def only_those_that_count(state: BlockState, at_ms: int) -> Iterator[Hold | None]:
    """Stale ones are looked at for nothing."""
    return filter(None, OVERDUE(state, at_ms))


OVERDUE = BlockState.overdue


@pytest.mark.parametrize("overdue", [all_at_once, only_those_that_count])
def test_control_what_is_not_counted_is_noticed(
    overdue: Callable[..., Iterator[Hold | None]], looked_at: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BlockState, "overdue", overdue)
    assert looked_at_in_vain(looked_at, 600) > 2 * ground.MAX_OVERDUE_LOOKED_AT


def test_nothing_is_looked_at_for_an_area_of_which_nothing_is_held(looked_at: Counter[str]) -> None:
    """It is sold; so however much is overdue, the answer is for certain."""
    state = sold_out(overdue=5_000)
    apply(state, OrderPlaced(START_MS, 1, 10_001, b"order".ljust(16), PRINT))
    apply(state, OrderConfirmed(START_MS, 1, b"pay".ljust(16), PRINT))
    looked_at.clear()
    outcome = ask(state, "balcony", 1)
    assert isinstance(outcome, Rejected)
    assert (outcome.reason, outcome.details.available) == (Reason.NOT_ENOUGH_AVAILABLE, 0)
    assert not looked_at


def deadlines_after_many_came_and_went() -> int:
    """How many deadlines are kept when ten holds live and thousands were released long before their time."""
    state = on_sale()
    for number in range(1, 8_001):
        place(state, number, CAP_MS - number)
        if number > 10:
            release(state, number)
    assert len(list(filter(None, state.overdue(CAP_MS)))) == 10
    return len(state.deadlines)


def test_deadlines_of_holds_that_ended_early_do_not_pile_up() -> None:
    assert deadlines_after_many_came_and_went() < 2_000


def test_control_without_dropping_them_they_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BlockState, "_drop_stale_deadlines", lambda state: None)
    assert deadlines_after_many_came_and_went() > 5_000
