"""What a block is said to weigh is near what it takes."""

import gc
import tracemalloc

import pytest

from actors.core.block import decide
from actors.core.commands import CancelOrder, ConfirmOrder, PlaceHold, PlaceOrder
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


@pytest.mark.parametrize(("kind", "wrong"), [("HOLD_BYTES", 6_800), ("UNIT_BYTES", 300), ("MEMO_BYTES", 2_300)])
def test_control_a_wrong_figure_is_noticed(kind: str, wrong: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, kind, wrong)
    with pytest.raises(AssertionError):
        check_weights()
