"""What a block weighs in memory: an estimate by what it has of each kind, as walking it would take too long.

It is held to half as much to twice as much as the interpreter counts of an arena: empty, with the trees for best seats
of many kinds of wishes, with holds, with orders. What legs, baskets and waiters weigh is reckoned by their fields. Left
out are calendars, areas and the texts of rules, which are bounded, and of which no block has many.
"""

from itertools import pairwise

from actors.core.layout import Layout
from actors.core.state import BlockState

BLOCK_BYTES = 20_000
UNIT_BYTES = 22  # 14 when nothing is sold, 30 when all is; places of an area are none
ROW_BYTES = 300
FOUND_ROW_BYTES = 200  # for each set of pools from which best seats were wished
JOINT_BYTES = 20  # of the trees for that: 9 to 25
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
    """Bytes, more or less. Costs as much as the block has versions of its layout and trees for best seats: few."""
    desk, index = state.desk, state.index
    of_layouts = UNIT_BYTES * index.unit_count + ROW_BYTES * index.row_count + LABEL_BYTES * index.label_count
    for finders in state.known_finders():
        of_layouts += FOUND_ROW_BYTES * finders.row_count + JOINT_BYTES * finders.joint_count
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
