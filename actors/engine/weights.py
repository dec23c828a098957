"""What a block weighs in memory: an estimate by what it has of each kind, as walking it would take too long.

`python -m tests.measure.core_costs` and `inventory_scale` measure what it is held to: half as much to twice as much as
the interpreter counts, whatever the block is full of.
"""

from itertools import pairwise

from actors.core.layout import Layout
from actors.core.state import BlockState

BLOCK_BYTES = 20_000
UNIT_BYTES = 30  # of which 14 when nothing is sold; places of an area are none
ROW_BYTES = 640  # with its part of the tree for best seats
LABEL_BYTES = 110
VERSION_BYTES = 3_000
ROW_OF_VERSION_BYTES = 200  # of one that is not the present one, and has rows of its own
HOLD_BYTES = 680
ORDER_BYTES = 300
MEMO_BYTES = 230
LEG_BYTES = 500
BASKET_BYTES = 3_000
WAITER_BYTES = 700
SMALL_BYTES = 150  # what is noted of something that is over, or to be done


def weight_of(state: BlockState) -> int:
    """Bytes, more or less. Costs as much as the block has versions of its layout, which are few."""
    desk, index = state.desk, state.index
    of_layouts = UNIT_BYTES * index.unit_count + ROW_BYTES * index.row_count + LABEL_BYTES * index.label_count
    if len(state.layouts) > 1 or state.whole is not None:
        of_layouts += _of_versions(state)
    return (
        BLOCK_BYTES
        + of_layouts
        + HOLD_BYTES * len(state.holds)
        + ORDER_BYTES * len(state.orders)
        + MEMO_BYTES * len(state.memos)
        + LEG_BYTES * len(state.legs)
        + BASKET_BYTES * len(desk.baskets)
        + WAITER_BYTES * len(state.waiters)
        + SMALL_BYTES * (len(state.ended) + len(state.barred) + len(desk.todos) + len(state.gone_waiters))
    )


def _of_versions(state: BlockState) -> int:
    """Those that are kept for what was sold under them, and the layout of an event that is split."""
    layouts = tuple(state.layouts.values())
    own = (before for before, after in pairwise(layouts) if before.sections is not after.sections)
    rows = sum(map(_row_count, own)) + (0 if state.whole is None else _row_count(state.whole))
    return VERSION_BYTES * len(layouts) + ROW_OF_VERSION_BYTES * rows


def _row_count(layout: Layout) -> int:
    return sum(len(section.rows) for section in layout.sections)
