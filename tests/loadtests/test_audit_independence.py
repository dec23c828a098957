"""What the auditor works out by itself: it must come to what the core says, and shares no code with it."""

from collections.abc import Iterator
from random import Random

import msgspec
import pytest

from actors.audit.claiming import torn_tables
from actors.audit.ids import EVENT, HOLD, ORDER, WAITER, block_of_event, home_of, id_of
from actors.audit.keys import journaled_key
from actors.audit.layouts import layout_fault
from actors.audit.plan import WHOLE_TABLE, Plan
from actors.audit.prices import cost_of, price_fault
from actors.core import ids, pricing
from actors.core.entries import EventCreated, HoldPlaced
from actors.core.holds import hold_of
from actors.core.ids import BlockId, Kind, TenantId, event_block, event_id, outside_id, parse_event_id, parse_id
from actors.core.keys import key_hash
from actors.core.layout import Fee, Layout
from actors.core.layout_index import LayoutIndex
from actors.core.lots import freeze_prices, whole_price
from actors.core.pricing import price_point
from actors.core.state import BlockState
from actors.layout_files.layout_file import parse_layout
from loadtests.house import House
from tests.loadtests.journals import BLOCK, LAYOUT
from tests.loadtests.layout_parts import random_layout

SEEDS = range(60)
NUMBERS = [1, 2, 31, 32, 4_711, 1 << 62, (1 << 63) - 1]
BLOCKS = [BLOCK, BlockId("0" * 16), BlockId("z" * 16), event_block(TenantId("another"), "key")]


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("number", NUMBERS)
def test_ids_are_read_and_written_alike(block: BlockId, number: int) -> None:
    for kind, name in ((Kind.HOLD, HOLD), (Kind.ORDER, ORDER), (Kind.WAITER, WAITER)):
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
def test_units_of_the_houses_that_we_load_are_named_counted_and_priced_alike(units: int) -> None:
    layout = LAYOUT if units == LAYOUT.capacity else parse_layout(House(units).layout())
    assert isinstance(layout, Layout)
    assert layout.capacity == units
    check_plan(layout)


@pytest.mark.parametrize("seed", SEEDS)
def test_units_are_named_counted_and_priced_alike(seed: int) -> None:
    check_plan(random_layout(Random(seed)))


def check_plan(layout: Layout) -> None:
    """The auditor's plan of a layout is the core's index of it."""
    created = created_with(layout)
    assert layout_fault(created) == ""
    ours, index = Plan(created), LayoutIndex(layout)
    assert ours.capacity == layout.capacity
    assert (ours.seat_count, ours.unit_count) == (index.seat_count, index.unit_count)
    for unit in range(0, index.unit_count, max(1, index.unit_count // 500)):
        name = index.unit_name(unit)
        assert ours.unit_name(unit) == name
        assert ours.find(ours.name_of(unit)) == unit
        assert ours.units_called(name) == range(unit, unit + 1)
        assert ours.units_below(name) == list(index.find_units(name) or ())
        assert ours.category_of(unit) == index.category_of_unit(unit)
        if unit < index.seat_count:
            row = ours.row_of(unit)
            assert (row.seats if row.kind == WHOLE_TABLE else None) == index.table_of_seat(unit)
            assert ours.units_called(f"{row.section}/{row.name}") == index.find_table(f"{row.section}/{row.name}")
            assert torn_tables(ours, [unit]) == ([f"{row.section}/{row.name}"] if _is_torn(index, unit) else [])
        else:
            assert (ours.begins_ms(unit), ours.begins_ms(unit) + ours.slot_ms(unit)) == index.slots.times_ms(unit)
            assert {unit, *ours.near(unit)} == {*index.slots.around(unit, unit)}
    assert [ours.area_name(area) for area in range(len(layout.areas))] == list(index.area_of_name)
    for name in ("", "/", "A/", "A/1", "A/1/", "A/1/01", "nowhere", "A//1", *index.section_of_name):
        units = index.find_units(name)
        assert ours.units_below(name) == (None if units is None else list(units))


def _is_torn(index: LayoutIndex, seat: int) -> bool:
    table = index.table_of_seat(seat)
    return table is not None and len(table) > 1


@pytest.mark.parametrize("seed", SEEDS)
def test_spans_of_slots_are_read_alike(seed: int) -> None:
    layout = random_layout(random := Random(seed))
    ours, index = Plan(created_with(layout)), LayoutIndex(layout)
    for number, resource in enumerate(layout.resources):
        times_ms = [index.slots.times_ms(slot) for slot in index.slots.of_resource(number)]
        for starts_ms, _ in times_ms:
            for _, ends_ms in times_ms:
                later_ms, longer_ms = (random.choice((0, 0, 0, 60_000)) for _ in range(2))
                span = starts_ms + later_ms, ends_ms + longer_ms
                if span[0] < span[1]:
                    assert ours.span(resource.name, *span) == index.slots.span(number, *span)


@pytest.mark.parametrize("seed", SEEDS)
def test_money_is_worked_out_alike(seed: int) -> None:
    """Whatever the core freezes the audit accepts, and nothing that is one minor unit off."""
    layout = random_layout(random := Random(seed))
    state = BlockState()
    state.set_layout(layout, 1)

    def a_type(category: int) -> int:
        return random.choice([0, *(price_type for price_type, _ in layout.categories[category].prices)])

    seats = random.sample(range(state.index.unit_count), min(state.index.unit_count, 6))
    areas = (
        [(area, random.randint(1, 5)) for area in random.choices(range(len(layout.areas)), k=3)] if layout.areas else []
    )
    categories = [state.index.category_of_unit(seat) for seat in seats]
    categories += [layout.areas[area].category for area, _ in areas]
    points = [price_point(layout, category, a_type(category)) for category in categories]
    priced = freeze_prices(state.index, seats, areas, points)
    plan = Plan(created_with(layout))
    placed = HoldPlaced(
        0, 1, "", tuple(seats), tuple(areas), priced.prices, 1, 1, b"", b"", priced.lines, priced.charges, priced.once
    )
    assert price_fault(plan, placed) == ""
    for wrong in _dearer(placed):
        assert price_fault(plan, wrong) != ""
    total_minor = whole_price(state, hold_of(placed, 1)).total
    charges = placed.charges or ((),) * len(placed.prices)
    ours = sum(
        quantity * cost_of(plan, price, charged)
        for (_, quantity, price), charged in zip(placed.prices, charges, strict=True)
    )
    assert ours + cost_of(plan, 0, placed.once) == total_minor


def _dearer(placed: HoldPlaced) -> Iterator[HoldPlaced]:
    """The same by a minor unit more, each number in turn."""
    for line, (point, quantity, price) in enumerate(placed.prices):
        for other in ((point, quantity, price + 1), (point, quantity + 1, price)):
            prices = (*placed.prices[:line], other, *placed.prices[line + 1 :])
            yield msgspec.structs.replace(placed, prices=prices)
    for line, charged in enumerate(placed.charges):
        for place, amount in enumerate(charged):
            more = (*charged[:place], amount + 1, *charged[place + 1 :])
            charges = (*placed.charges[:line], more, *placed.charges[line + 1 :])
            yield msgspec.structs.replace(placed, charges=charges)
    for place, amount in enumerate(placed.once):
        yield msgspec.structs.replace(placed, once=(*placed.once[:place], amount + 1, *placed.once[place + 1 :]))


@pytest.mark.parametrize("seed", SEEDS)
def test_units_are_the_same_in_another_layout_if_the_core_says_so(seed: int) -> None:
    before = random_layout(random := Random(seed))
    after = _rebuilt(before, *(random.random() < 0.5 for _ in range(4)))
    ours, theirs = Plan(created_with(before)), Plan(created_with(after))
    index, other = LayoutIndex(before), LayoutIndex(after)
    for unit in range(index.unit_count):
        found = other.find_unit(index.unit_name(unit))
        assert theirs.find(ours.name_of(unit)) == (None if found is None else found[0])


def _rebuilt(layout: Layout, turned: bool, shifted: bool, fewer: bool, later: bool) -> Layout:
    """The layout with its parts in another order, its seats numbered otherwise, without some rows, or some slots."""
    step = -1 if turned else 1
    sections = []
    for section in layout.sections[::step]:
        rows = section.rows[::step][fewer and len(section.rows) > 1 :]
        moved = (msgspec.structs.replace(row, first=row.first + shifted, labels=row.labels[::step]) for row in rows)
        sections.append(msgspec.structs.replace(section, rows=tuple(moved)))
    calendars = (msgspec.structs.replace(calendar, runs=calendar.runs[later:]) for calendar in layout.calendars)
    return msgspec.structs.replace(
        layout, sections=tuple(sections), resources=layout.resources[::step], calendars=tuple(calendars)
    )


def created_with(layout: Layout) -> EventCreated:
    """The entry that creates an event with this layout."""
    return EventCreated(0, "acme", "event", layout, 60_000, bytes(16), bytes(16))


def test_control_a_share_rounded_otherwise_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: where the core rounded halves down, the audit would not follow."""
    layout = msgspec.structs.replace(LAYOUT, fees=(Fee("half of it", 0, 500),))
    category_of_first = LayoutIndex(layout).category_of_unit(0)

    def fault() -> str:
        priced = freeze_prices(LayoutIndex(layout), [0], [], [price_point(layout, category_of_first, 0)])
        placed = HoldPlaced(0, 1, "", (0,), (), priced.prices, 1, 1, b"", b"", priced.lines, priced.charges)
        return price_fault(Plan(created_with(layout)), placed)

    assert fault() == ""
    monkeypatch.setattr(pricing, "rounded", lambda numerator, denominator: numerator // denominator)
    assert fault() != ""


def test_control_an_alphabet_of_its_own_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: where the core wrote ids otherwise, the audit would not follow."""
    monkeypatch.setattr(ids, "_ALPHABET", "0123456789abcdefghijklmnopqrstuv")
    assert id_of(HOLD, BLOCK, 31) != outside_id(Kind.HOLD, BLOCK, 31)
