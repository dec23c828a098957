"""The inventory is the last to say no: what decided wrongly, or was journaled wrongly, never oversells."""

import pytest

from actors.core.block import apply
from actors.core.entries import Entry, EventCreated, HoldPlaced, SaleOpened
from actors.core.inventory import Inventory
from actors.core.layout import Area, Category, Layout, Row, Section
from actors.core.state import BlockState
from tests.core.invariants import violations

LAYOUT = Layout("EUR", (Category("one", 100),), (Section("Hall", (Row("A", 0, 1, 2),)),), (Area("floor", 0, 3),))
PRINT = b"p" * 16


def placed(hold: int, seats: tuple[int, ...], places: int) -> HoldPlaced:
    """A hold as no sound decision would place it, perhaps."""
    quantity = len(seats) + places
    areas = ((0, places),) if places else ()
    return HoldPlaced(3, hold, "ana", seats, areas, ((0, quantity, 100),), 60_000, 60_000, bytes([hold]) * 16, PRINT)


def block_after(*entries: Entry) -> BlockState:
    """A block on sale after these entries."""
    state = BlockState()
    apply(state, EventCreated(1, "acme", "Night", LAYOUT, 60_000, b"create".ljust(16), PRINT))
    apply(state, SaleOpened(2, b"open".ljust(16), PRINT))
    for entry in entries:
        apply(state, entry)
    return state


def test_all_there_is_can_be_held() -> None:
    state = block_after(placed(1, (0, 1), 1), placed(2, (), 2))
    assert state.inventory.available(0) == 0
    assert not violations(state)


OVERSELLING = [
    ("a seat twice", placed(1, (0,), 0), placed(2, (0,), 0)),
    ("a place too many in one hold", placed(1, (), 4), None),
    ("a place too many in two holds", placed(1, (), 3), placed(2, (1,), 1)),
]


@pytest.mark.parametrize(("what", "first", "second"), OVERSELLING, ids=[what for what, _, _ in OVERSELLING])
def test_apply_stops_rather_than_oversell(what: str, first: Entry, second: Entry | None) -> None:
    with pytest.raises(AssertionError):
        block_after(first, *([second] if second is not None else []))


def test_control_a_claim_that_does_not_count_oversells(monkeypatch: pytest.MonkeyPatch) -> None:
    def unlimited(inventory: Inventory, area: int) -> int:
        return 1_000

    monkeypatch.setattr(Inventory, "available", unlimited)
    assert violations(block_after(placed(1, (), 3), placed(2, (1,), 1)))
