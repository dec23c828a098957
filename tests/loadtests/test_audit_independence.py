"""What the auditor works out by itself: it must come to what the core says, and shares no code with it."""

import pytest

from actors.core import ids
from actors.core.entries import EventCreated
from actors.core.ids import BlockId, Kind, TenantId, event_block, event_id, outside_id, parse_event_id, parse_id
from actors.core.keys import key_hash
from actors.core.layout import Layout
from actors.core.layout_index import LayoutIndex
from actors.layout_files.layout_file import parse_layout
from loadtests.audit.ids import EVENT, HOLD, ORDER, block_of_event, home_of, id_of
from loadtests.audit.keys import journaled_key
from loadtests.audit.layouts import layout_fault
from loadtests.audit.units import Units
from loadtests.house import House
from tests.loadtests.journals import BLOCK, LAYOUT

NUMBERS = [1, 2, 31, 32, 4_711, 1 << 62, (1 << 63) - 1]
BLOCKS = [BLOCK, BlockId("0" * 16), BlockId("z" * 16), event_block(TenantId("another"), "key")]


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("number", NUMBERS)
def test_ids_are_read_and_written_alike(block: BlockId, number: int) -> None:
    for kind, name in ((Kind.HOLD, HOLD), (Kind.ORDER, ORDER)):
        text = outside_id(kind, block, number)
        assert id_of(name, block, number) == text
        assert home_of(name, text) == parse_id(kind, text) == (block, number)
    assert block_of_event(event_id(block)) == block


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hold_",
        f"order_{BLOCK}{'0' * 12}1",
        f"hold_{BLOCK}{'0' * 13}",
        f"hold_{BLOCK}{'0' * 12}i",
        f"hold_{BLOCK}{'0' * 12}1\n",
        f"hold_{BLOCK}{'0' * 12}_1",
        f"hold_{BLOCK}+{'0' * 12}",
        f"hold_{BLOCK}8{'0' * 12}",
        f"HOLD_{BLOCK}{'0' * 12}1",
        f"hold_{BLOCK.upper()}{'0' * 12}1",
    ],
)
def test_what_is_no_id_to_the_core_is_none_to_the_audit(text: str) -> None:
    assert parse_id(Kind.HOLD, text) is None
    with pytest.raises(ValueError, match="is not the id of a hold"):
        home_of(HOLD, text)


@pytest.mark.parametrize("text", ["", EVENT, f"event_{BLOCK}0", f"event_{BLOCK[:-1]}", f"hold_{BLOCK}"])
def test_what_is_no_event_to_the_core_is_none_to_the_audit(text: str) -> None:
    assert parse_event_id(text) is None
    with pytest.raises(ValueError, match="is not the id of an event"):
        block_of_event(text)


@pytest.mark.parametrize(("tenant", "key"), [("acme", "k"), ("a", "cme:k"), ("", ""), ("ünder", "ключ")])
def test_keys_are_hashed_alike(tenant: str, key: str) -> None:
    assert journaled_key(tenant, key) == key_hash(TenantId(tenant), key)


@pytest.mark.parametrize("units", [LAYOUT.capacity, 1_000, 40_000])
def test_units_are_named_counted_and_priced_alike(units: int) -> None:
    layout = LAYOUT if units == LAYOUT.capacity else parse_layout(House(units).layout())
    assert isinstance(layout, Layout)
    created = EventCreated(0, "acme", "event", layout, 60_000, bytes(16), bytes(16))
    assert layout_fault(created) == ""
    ours, index = Units(created), LayoutIndex(layout)
    assert ours.capacity == layout.capacity == units
    assert len(ours.statuses) == index.seat_count
    for seat in range(0, index.seat_count, max(1, index.seat_count // 500)):
        assert ours.seat_name(seat) == index.unit_name(seat)
        category = index.category_of_unit(seat)
        assert ours.price_lines((seat,), ()) == ((category, 1, layout.categories[category].price),)
    assert [ours.area_name(area) for area in range(len(layout.areas))] == list(index.area_of_name)


def test_control_an_alphabet_of_its_own_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: where the core wrote ids otherwise, the audit would not follow."""
    monkeypatch.setattr(ids, "_ALPHABET", "0123456789abcdefghijklmnopqrstuv")
    assert id_of(HOLD, BLOCK, 31) != outside_id(Kind.HOLD, BLOCK, 31)
