"""What is kept so that errands need not be looked for is what looking would find, live and restored alike."""

from collections.abc import Callable

import pytest

from actors.core.block import next_deadline_ms
from actors.core.desk_state import Desk, Todo
from actors.core.snapshot import freeze, restore
from actors.core.state import BlockState, Leg
from tests.core.test_desk_walk import Walk

TELLING = 2  # a walk in which legs have several deeds, and ask a second time
SEEDS = range(6)
STEPS = 200


def check_kept(state: BlockState) -> None:
    """Each leg's deeds, oldest first; who asks, and when the first does; since when the oldest deed is to be done."""
    todos = list(state.desk.todos.values())
    assert list(state.desk.todos) == [(todo.leg, todo.revision) for todo in todos]
    deeds: dict[int, list[Todo]] = {}
    for todo in sorted(todos, key=lambda todo: todo.revision):
        deeds.setdefault(todo.leg, []).append(todo)
    assert state.desk.deeds == deeds
    assert state.desk.next_deed_ms() == min((todo.since_ms for todo in todos), default=None)
    asking = {leg.number: leg for leg in state.legs.values() if leg.ask_at_ms}
    assert dict(state.asking) == asking
    assert state.next_ask_ms() == min((leg.ask_at_ms for leg in asking.values()), default=None)
    assert state.desk.demand_count >= len(todos)
    assert state.ask_count >= len(asking)


def check_walk(seed: int) -> None:
    walk = Walk(seed)
    for _ in range(STEPS):
        walk.step()
        for block in walk.house.blocks:
            live = walk.house.state(block)
            restored = restore(freeze(live))
            check_kept(live)
            check_kept(restored)
            assert next_deadline_ms(restored) == next_deadline_ms(live)
    walk.settle()


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_kept_is_what_looking_would_find(seed: int) -> None:
    check_walk(seed)


def test_times_to_ask_that_do_not_count_any_more_are_fewer_than_those_that_do() -> None:
    state = BlockState()
    legs = [Leg(number, "desk", number, 1, (), 0) for number in range(100)]
    for at_ms in range(1, 300):
        for leg in legs:
            state.legs[leg.number] = leg
            state.let_ask(leg, at_ms)
    assert len(state._ask_dues) <= 2 * len(legs) + 1_000
    assert state.next_ask_ms() == 299


def newest_deed_first(patch: pytest.MonkeyPatch) -> None:
    demand = Desk.demand

    def first(self: Desk, todo: Todo) -> None:
        demand(self, todo)
        self.deeds[todo.leg].reverse()

    patch.setattr(Desk, "demand", first)


def times_are_not_dropped(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(BlockState, "next_ask_ms", lambda self: self._ask_dues._dues[0][0] if self._ask_dues else None)


def times_are_kept_of_the_first_only(patch: pytest.MonkeyPatch) -> None:
    def let_ask(self: BlockState, leg: Leg, at_ms: int) -> None:
        is_new = leg.number not in self.asking
        leg.ask_at_ms = at_ms
        self.asking[leg.number] = leg
        if not at_ms:
            del self.asking[leg.number]
        elif is_new:
            self.ask_count += 1
            self._ask_dues.push(leg.number)

    patch.setattr(BlockState, "let_ask", let_ask)


@pytest.mark.parametrize("break_it", [newest_deed_first, times_are_not_dropped, times_are_kept_of_the_first_only])
def test_the_check_notices(break_it: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative controls."""
    break_it(monkeypatch)
    with pytest.raises(AssertionError):
        check_walk(TELLING)
