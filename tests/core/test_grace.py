"""What is over for one who only reads: that which whoever takes the block over cannot give a grace."""

import pytest

from actors.core.block import apply
from actors.core.entries import Activated, EventCreated, HoldPlaced, SaleOpened
from actors.core.holds import OUTAGE_GRACE_MS, is_over
from actors.core.layout import Area, Category, Layout
from actors.core.rules import DEFAULT_HOLD_LIFE_MS
from actors.core.state import BlockState

LAYOUT = Layout("EUR", (Category("A", 1),), (), (Area("Hall", 0, 3),))
LAST_MS = 1_000_000
KEY = b"k" * 16


def with_hold(expires_at_ms: int, max_expires_at_ms: int) -> BlockState:
    """A hold with this deadline, and a last entry at LAST_MS."""
    state = BlockState()
    apply(state, EventCreated(1, "arena", "An evening", LAYOUT, 600_000, b"a" * 16, KEY))
    apply(state, SaleOpened(2, b"b" * 16, KEY))
    for number, due_ms, cap_ms, at_ms in (
        (1, expires_at_ms, max_expires_at_ms, 3),
        (2, LAST_MS * 9, LAST_MS * 9, LAST_MS),
    ):
        apply(
            state, HoldPlaced(at_ms, number, "", (), ((0, 1),), ((0, 1, 1),), due_ms, cap_ms, bytes([number]) * 16, KEY)
        )
    return state


@pytest.mark.parametrize(
    ("expires_at_ms", "max_expires_at_ms", "is_certain"),
    [
        (LAST_MS - 1, 2 * LAST_MS, True),
        (LAST_MS, 2 * LAST_MS, False),  # an outage may begin with the last entry
        (LAST_MS + 1, 2 * LAST_MS, False),
        (LAST_MS + 1, LAST_MS + DEFAULT_HOLD_LIFE_MS, False),
        (LAST_MS + 1, LAST_MS + 1, True),
    ],
)
def test_it_is_certain_where_the_longest_outage_changes_nothing(
    expires_at_ms: int, max_expires_at_ms: int, is_certain: bool
) -> None:
    state, now_ms = with_hold(expires_at_ms, max_expires_at_ms), LAST_MS + 60_000
    hold = state.holds[1]
    assert is_over(state, hold, now_ms, hold.expires_at_ms, ends_by_time=False) is is_certain
    assert is_over(state, hold, now_ms, hold.expires_at_ms, ends_by_time=True)
    apply(state, Activated(now_ms, "s1", b"nonce678", LAST_MS, now_ms))
    assert (hold.expires_at_ms <= now_ms) is is_certain
    assert hold.expires_at_ms <= now_ms + OUTAGE_GRACE_MS
