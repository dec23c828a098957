"""What a block is said to weigh is near what it takes."""

import gc
import tracemalloc
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from actors.core.block import decide
from actors.core.commands import CancelOrder, ConfirmOrder, CreateEvent, OpenSale, PlaceHold, PlaceOrder
from actors.core.layout import Category, Layout, Row, Section
from actors.core.plain_seats import PlainSeats
from actors.core.seat_trees import LeastTree
from actors.core.state import BlockState
from actors.core.wishes import BestSeats, Wish
from actors.engine import weights
from actors.engine.weights import weight_of
from tests.measure.core_costs import NOW_MS, holds, on_sale, stamp, take

SOLD = 1_500


def check_weights() -> None:
    """An arena, empty, then with holds, then with orders that were paid and cancelled."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        state = on_sale()
        decide(state, PlaceHold(stamp(3), 3, Wish(best=(BestSeats(2),))), NOW_MS)  # which builds the tree
        found = [(weight_of(state), tracemalloc.get_traced_memory()[0] - before)]
        commands = holds()
        before = tracemalloc.get_traced_memory()[0] - found[0][1]
        for command in commands:
            take(state, command)
        gc.collect()
        found.append((weight_of(state), tracemalloc.get_traced_memory()[0] - before))
        for number, command in enumerate(commands[:SOLD]):
            key = 1_000_000 + 3 * number
            for asked in (
                PlaceOrder(stamp(key), command.hold, command.hold),
                ConfirmOrder(stamp(key + 1), command.hold),
                CancelOrder(stamp(key + 2), command.hold),
            ):
                take(state, asked)
        found.append((weight_of(state), tracemalloc.get_traced_memory()[0] - before))
    finally:
        tracemalloc.stop()
    for told, taken in found:
        assert taken / 2 < told < taken * 2, found


def test_a_block_weighs_about_what_it_takes() -> None:
    check_weights()


SECTIONS = 30
SIZES = range(1, 21)
POOLS = 40


def arena(*, focus: bool = False, accessible: bool = False) -> BlockState:
    """18,000 seats, of which some of each row may be accessible; with a focal point or in the layout's own order."""
    rows = tuple(Row(f"{number}", number % 2, 1, 30, accessible=(0, 1) if accessible else ()) for number in range(20))
    sections = tuple(Section(f"S{number}", rows) for number in range(SECTIONS))
    layout = Layout("EUR", (Category("gold", 9_000), Category("silver", 5_000)), sections, ())
    state = BlockState()
    take(state, CreateEvent(stamp(1), "an arena", replace(layout, focus=(0, 0) if focus else None)))
    take(state, OpenSale(stamp(2)))
    return state


def asked(state: BlockState, most_accessible: int = 0) -> BlockState:
    """For groups of all sizes; nobody takes what is found."""
    for accessible in range(most_accessible + 1):
        for size in SIZES:
            wish = Wish(best=(BestSeats(size, accessible=min(size, accessible)),))
            decide(state, PlaceHold(stamp(3), 3, wish), NOW_MS)
    return state


def with_pools(state: BlockState) -> BlockState:
    """As if best seats had been wished from many sets of pools."""
    for number in range(POOLS):
        state.seat_finders.finder(frozenset((0, number))).find(2, None, None, split=False, accessible=0)
    return state


ARENAS: dict[str, Callable[[], BlockState]] = {
    "nothing was wished": arena,
    "in the layout's order": lambda: asked(arena()),
    "near the focal point": lambda: asked(arena(focus=True)),
    "with accessible seats": lambda: asked(arena(accessible=True), 2),
    "with all of it": lambda: asked(arena(focus=True, accessible=True), 2),
    "from many pools": lambda: with_pools(arena()),
}


def check_arena(made: Callable[[], BlockState]) -> None:
    """What it is told to weigh, and that all of it is free as soon as nobody has it."""
    made()  # what is made once for all is not counted
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        state = made()
        taken, told = tracemalloc.get_traced_memory()[0], weight_of(state)
        del state
        assert gc.collect() == 0, "it would stay until the next collection"
    finally:
        tracemalloc.stop()
        gc.enable()
    assert taken / 2 < told < taken * 2, (told, taken)


@pytest.mark.parametrize("name", ARENAS)
def test_whatever_best_seats_were_wished_the_block_weighs_what_it_takes_and_is_freed_at_once(name: str) -> None:
    check_arena(ARENAS[name])


def test_control_trees_that_know_who_has_them_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    plant = PlainSeats._plant

    def tied(self: PlainSeats, quantity: int, accessible: int) -> LeastTree:
        tree = plant(self, quantity, accessible)
        judge = tree._judge
        tree._judge = lambda number: (judge(number), self)[0]
        return tree

    monkeypatch.setattr(PlainSeats, "_plant", tied)
    with pytest.raises(AssertionError, match="until the next collection"):
        check_arena(ARENAS["near the focal point"])


@pytest.mark.parametrize(
    ("kind", "wrong", "name"), [("FOUND_ROW_BYTES", 2_000, "from many pools"), ("JOINT_BYTES", 0, "with all of it")]
)
def test_control_trees_that_weigh_otherwise_are_noticed(
    kind: str, wrong: int, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, kind, wrong)
    with pytest.raises(AssertionError):
        check_arena(ARENAS[name])


@pytest.mark.parametrize(("kind", "wrong"), [("HOLD_BYTES", 6_800), ("UNIT_BYTES", 300), ("MEMO_BYTES", 2_300)])
def test_control_a_wrong_figure_is_noticed(kind: str, wrong: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, kind, wrong)
    with pytest.raises(AssertionError):
        check_weights()
