"""Layouts that a block could not live with are refused, and all that a layout file can describe is sound."""

from types import ModuleType

import msgspec
import pytest
from hypothesis import given

from actors.core import calendar_soundness, layout_soundness
from actors.core.layout import (
    MAX_CATEGORIES,
    MAX_SPECIAL_SEATS,
    MAX_TIME_MS,
    MAX_UNITS,
    MIN_DAY,
    MINUTE_MS,
    Area,
    Calendar,
    Category,
    Fee,
    Hours,
    Layout,
    Resource,
    Row,
    RowKind,
    Section,
    Tax,
)
from actors.core.layout_soundness import first_fault
from actors.core.state import BlockState
from actors.layout_files.layout_file import parse_layout
from actors.layout_files.layout_writer import layout_to_raw
from tests.core.layout_strategy import layouts

DAY_MS = 1_440 * MINUTE_MS
SOUND = Layout(
    "EUR",
    (Category("Near", 9500), Category("Far", 3000)),
    (
        Section("101", (Row("A", 0, 1, 10), Row("Box", 1, 0, 3, ("1", "01", "2A")))),
        Section("102", (Row("A", 1, 0, 2),)),
    ),
    (Area("Floor", 1, 4000), Area("Terrace", 0, 50)),
    (Resource("Court 1", 0, 0), Resource("Court 2", 0, 0, 15 * MINUTE_MS)),
    (Calendar("Europe/Berlin", 30 * MINUTE_MS, ((DAY_MS, 4, 60), (2 * DAY_MS, 2, 60))),),
    ("Adult", "Child", "Member"),
    (Fee("Booking fee", 150), Fee("Service", 0, 75_000), Fee("Order fee", 300, 0, True)),
    Tax("VAT", 190_000, True),
    (0, -9),
)
ROWS = SOUND.sections[0].rows


def but(**fields: object) -> Layout:
    """The sound layout with other fields."""
    return msgspec.structs.replace(SOUND, **fields)


def with_row(**fields: object) -> Layout:
    """The sound layout with another second row in its first section."""
    rows = (ROWS[0], msgspec.structs.replace(ROWS[1], **fields))
    return but(sections=(Section("101", rows), SOUND.sections[1]))


def with_area(**fields: object) -> Layout:
    """The sound layout with another second area."""
    return but(areas=(SOUND.areas[0], msgspec.structs.replace(SOUND.areas[1], **fields)))


def with_tables(*kinds: RowKind, count: int = 4) -> Layout:
    """The sound layout with rows of these kinds in its second section."""
    rows = tuple(Row(f"T{number}", 0, 1, count, kind=kind) for number, kind in enumerate(kinds))
    return but(sections=(SOUND.sections[0], Section("102", rows)))


def with_resource(**fields: object) -> Layout:
    """The sound layout with another second resource."""
    return but(resources=(SOUND.resources[0], msgspec.structs.replace(SOUND.resources[1], **fields)))


def with_calendar(**fields: object) -> Layout:
    """The sound layout with another calendar."""
    return but(calendars=(msgspec.structs.replace(SOUND.calendars[0], **fields),))


def with_hours(**fields: object) -> Layout:
    """The sound layout with opening hours that are written so."""
    hours = Hours(MIN_DAY, MIN_DAY + 10, ((0, 480, 1320), (5, 1200, 1560)), ((MIN_DAY * 1440, MIN_DAY * 1440 + 60),))
    return with_calendar(hours=msgspec.structs.replace(hours, **fields))


def with_prices(*prices: tuple[int, int]) -> Layout:
    """The sound layout with other prices of its second category."""
    return but(categories=(SOUND.categories[0], Category("Far", 3000, prices)))


def with_fee(**fields: object) -> Layout:
    """The sound layout with another last fee."""
    return but(fees=(*SOUND.fees[:2], msgspec.structs.replace(SOUND.fees[2], **fields)))


RUNS = "layout.calendars[0].runs"
SECOND_ROW = "layout.sections[0].rows[1]"
UNSOUND: list[tuple[Layout, str]] = [
    (with_row(count=0, labels=()), f"{SECOND_ROW}.count: must be at least 1"),
    (with_row(count=-3, labels=()), f"{SECOND_ROW}.count: must be at least 1"),
    (with_row(category=2), f"{SECOND_ROW}.category: is not one of the categories"),
    (with_row(category=-1), f"{SECOND_ROW}.category: is not one of the categories"),
    (with_row(count=4), f"{SECOND_ROW}.labels: must be one for each of the 4 seats"),
    (with_row(labels=("1", "2", "1")), f"{SECOND_ROW}.labels[2]: is there twice"),
    (with_row(labels=("1", "", "2")), f"{SECOND_ROW}.labels[1]: must have 1 to 32 characters, has 0"),
    (with_row(labels=("1", "2/3", "2")), f'{SECOND_ROW}.labels[1]: must not contain "/"'),
    (with_row(first=-1, labels=()), f"{SECOND_ROW}.first: must leave all seats between 0 and 999999999"),
    (with_row(first=10**9 - 2, labels=()), f"{SECOND_ROW}.first: must leave all seats between 0 and 999999999"),
    (with_row(name="A"), f"{SECOND_ROW}.name: is there twice"),
    (with_row(name=""), f"{SECOND_ROW}.name: must have 1 to 32 characters, has 0"),
    (with_row(name="A/1"), f'{SECOND_ROW}.name: must not contain "/"'),
    (but(sections=(Section("101", ()),)), "layout.sections[0].rows: must be at least one"),
    (but(sections=(*SOUND.sections, SOUND.sections[0])), "layout.sections[2].name: is there twice"),
    (with_area(name="101"), "layout.areas[1].name: is there twice"),
    (with_area(name="Floor"), "layout.areas[1].name: is there twice"),
    (with_area(capacity=0), "layout.areas[1].capacity: must be at least 1"),
    (with_area(capacity=-1), "layout.areas[1].capacity: must be at least 1"),
    (with_area(category=2), "layout.areas[1].category: is not one of the categories"),
    (with_area(capacity=MAX_UNITS), f"layout: must have 1 to {MAX_UNITS} seats, places and slots"),
    (with_area(capacity=2**63), f"layout: must have 1 to {MAX_UNITS} seats, places and slots"),
    (but(sections=(), areas=(), resources=()), f"layout: must have 1 to {MAX_UNITS} seats, places and slots"),
    (but(categories=()), "layout.sections[0].rows[0].category: is not one of the categories"),
    (but(categories=(Category("Near", 1), Category("Near", 1))), "layout.categories[1].name: is there twice"),
    (but(categories=(Category("Near", -1), Category("Far", 1))), "layout.categories[0].price: must be from 0 to"),
    (but(categories=(Category("Near", 1), Category("Far", 2**60))), "layout.categories[1].price: must be from 0 to"),
    (
        but(categories=tuple(Category(str(number), 1) for number in range(MAX_CATEGORIES + 1))),
        f"layout.categories: must be at most {MAX_CATEGORIES}",
    ),
    (but(currency="eur"), "layout.currency: must be three capital letters"),
    (but(currency="E" * 10_000), "layout.currency: must be three capital letters"),
    (but(sections=(SOUND.sections[0],) * 5_001), "layout.sections: must be at most 5000"),
    (but(areas=(SOUND.areas[0],) * 1_001), "layout.areas: must be at most 1000"),
    (but(resources=(SOUND.resources[0],) * 1_001), "layout.resources: must be at most 1000"),
    (but(sections=(Section("A", (ROWS[0],) * 50_001),)), "layout.rows: must be at most 50000"),
    (but(price_types=tuple(str(number) for number in range(21))), "layout.price_types: must be at most 20"),
    (but(price_types=("Adult", "Adult")), "layout.price_types[1]: is there twice"),
    (but(price_types=("Adult", "")), "layout.price_types[1]: must have 1 to 32 characters, has 0"),
    (with_prices((0, 1)), "layout.categories[1].prices[0]: must be of a price type but the first"),
    (with_prices((3, 1)), "layout.categories[1].prices[0]: must be of a price type but the first"),
    (with_prices((2, 1), (1, 1)), "layout.categories[1].prices[1]: must be of a price type but the first"),
    (with_prices((1, 1), (1, 1)), "layout.categories[1].prices[1]: must be of a price type but the first"),
    (with_prices((1, -1)), "layout.categories[1].prices[0]: must be from 0 to"),
    (with_prices((1, 2**60)), "layout.categories[1].prices[0]: must be from 0 to"),
    (but(fees=(SOUND.fees[0],) * 21), "layout.fees: must be at most 20"),
    (with_fee(name="Service"), "layout.fees[2].name: is there twice"),
    (with_fee(amount=-1), "layout.fees[2].amount: must be from 0 to"),
    (with_fee(amount=2**60), "layout.fees[2].amount: must be from 0 to"),
    (with_fee(share_ppm=1), "layout.fees[2].share_ppm: must be from 0 to 1000000, and 0 if it is charged once"),
    (with_fee(once=False, share_ppm=1_000_001), "layout.fees[2].share_ppm: must be from 0 to 1000000"),
    (with_fee(once=False, share_ppm=-1), "layout.fees[2].share_ppm: must be from 0 to 1000000"),
    (but(tax=Tax("", 1, True)), "layout.tax.name: must have 1 to 32 characters, has 0"),
    (but(tax=Tax("VAT", -1, True)), "layout.tax.rate_ppm: must be from 0 to 1000000"),
    (but(tax=Tax("VAT", 1_000_001, True)), "layout.tax.rate_ppm: must be from 0 to 1000000"),
    (but(focus=(0, 20_001)), "layout.focus: must be within 20000 half seat widths of the origin"),
    (but(sections=(Section("A", ROWS, (-20_001, 0)),)), "layout.sections[0].at: must be within 20000"),
    (with_row(accessible=(3,)), f"{SECOND_ROW}.accessible[0]: must be the place of a seat"),
    (with_row(accessible=(-1,)), f"{SECOND_ROW}.accessible[0]: must be the place of a seat"),
    (with_row(accessible=(1, 0)), f"{SECOND_ROW}.accessible[1]: must be the place of a seat, after the one before"),
    (with_row(companions=(2, 2)), f"{SECOND_ROW}.companions[1]: must be the place of a seat, after the one before"),
    (with_row(accessible=(0,), companions=(0,)), f"{SECOND_ROW}.companions: must not be accessible seats too"),
    (with_tables(RowKind.TABLE, RowKind.ROW), "layout.sections[1].rows[1].kind: must come before the tables"),
    (
        with_tables(RowKind.WHOLE_TABLE, count=51),
        "layout.sections[1].rows[0].count: must be at most 50 at a table that is sold whole",
    ),
    (with_resource(name="Floor"), "layout.resources[1].name: is there twice"),
    (with_resource(name="102"), "layout.resources[1].name: is there twice"),
    (with_resource(name="Court 1"), "layout.resources[1].name: is there twice"),
    (with_resource(name="a/b"), 'layout.resources[1].name: must not contain "/"'),
    (with_resource(category=2), "layout.resources[1].category: is not one of the categories"),
    (with_resource(category=-1), "layout.resources[1].category: is not one of the categories"),
    (with_resource(calendar=1), "layout.resources[1].calendar: is not one of the calendars"),
    (with_resource(calendar=-1), "layout.resources[1].calendar: is not one of the calendars"),
    (with_resource(buffer_ms=-MINUTE_MS), "layout.resources[1].buffer_ms: must be whole minutes"),
    (with_resource(buffer_ms=1), "layout.resources[1].buffer_ms: must be whole minutes"),
    (with_resource(buffer_ms=2 * DAY_MS), "layout.resources[1].buffer_ms: must be whole minutes"),
    (but(calendars=SOUND.calendars * 1_001), "layout.calendars: must be at most 1000"),
    (with_calendar(zone=""), "layout.calendars[0].zone: must be the name of a zone"),
    (with_calendar(zone="x" * 65), "layout.calendars[0].zone: must be the name of a zone"),
    (with_calendar(slot_ms=0), "layout.calendars[0].slot_ms: must be whole minutes"),
    (with_calendar(slot_ms=MINUTE_MS + 1), "layout.calendars[0].slot_ms: must be whole minutes"),
    (with_calendar(slot_ms=2 * DAY_MS), "layout.calendars[0].slot_ms: must be whole minutes"),
    (with_calendar(runs=()), f"{RUNS}: must be at least one"),
    (with_calendar(runs=((DAY_MS, 0, 60),)), f"{RUNS}[0]: must have at least one slot"),
    (with_calendar(runs=((DAY_MS, 2, 60), (2 * DAY_MS, -1, 60))), f"{RUNS}[1]: must have at least one slot"),
    (with_calendar(runs=((-DAY_MS, 1, 60),)), f"{RUNS}[0]: must begin at a whole second, when the run before"),
    (with_calendar(runs=((DAY_MS + 1, 1, 60),)), f"{RUNS}[0]: must begin at a whole second, when the run before"),
    (with_calendar(runs=((2 * DAY_MS, 1, 60), (DAY_MS, 1, 60))), f"{RUNS}[1]: must begin at a whole second, when"),
    (with_calendar(runs=((DAY_MS, 49, 60), (2 * DAY_MS, 1, 60))), f"{RUNS}[1]: must begin at a whole second, when"),
    (with_calendar(runs=((MAX_TIME_MS, 1, 0),)), f"{RUNS}[0]: must be over by"),
    (with_calendar(runs=((DAY_MS, 1, 1440),)), f"{RUNS}[0]: must be less than a day ahead of UTC"),
    (with_calendar(runs=((DAY_MS, 1, -1440),)), f"{RUNS}[0]: must be less than a day ahead of UTC"),
    (with_calendar(runs=((DAY_MS, MAX_UNITS, 0),)), f"layout: must have 1 to {MAX_UNITS} seats, places and slots"),
    (
        with_calendar(runs=tuple((number * DAY_MS, 1, 0) for number in range(1, 50_002))),
        "layout.calendars: must have at most 50000 runs",
    ),
    (with_hours(first_day=MIN_DAY - 1), "layout.calendars[0].hours: must be of days from"),
    (with_hours(first_day=MIN_DAY + 11), "layout.calendars[0].hours: must be of days from"),
    (with_hours(last_day=2**40), "layout.calendars[0].hours: must be of days from"),
    (with_hours(weekly=((7, 0, 60),)), "layout.calendars[0].hours.weekly: must be a weekday"),
    (with_hours(weekly=((0, 60, 60),)), "layout.calendars[0].hours.weekly: must be a weekday"),
    (with_hours(weekly=((0, 60, 1501),)), "layout.calendars[0].hours.weekly: must be a weekday"),
    (with_hours(weekly=((0, 1440, 1500),)), "layout.calendars[0].hours.weekly: must be a weekday"),
    (with_hours(closed=((MIN_DAY * 1440, MIN_DAY * 1440),)), "layout.calendars[0].hours.closed: must be of days from"),
    (with_hours(closed=((0, MIN_DAY * 1440),)), "layout.calendars[0].hours.closed: must be of days from"),
    (
        with_hours(weekly=((0, 480, 1320),) * 20_000),
        "layout.calendars: must have at most 20000 opening hours and closed times",
    ),
]


@pytest.mark.parametrize(("layout", "fault"), UNSOUND, ids=[fault for _, fault in UNSOUND])
def test_an_unsound_layout_is_refused_by_the_path_of_its_fault(layout: Layout, fault: str) -> None:
    assert str(first_fault(layout)).startswith(fault)


def test_the_last_seat_number_can_be_asked_for() -> None:
    layout = with_row(first=10**9 - 3, labels=())
    assert first_fault(layout) is None
    state = BlockState()
    state.set_layout(layout, 1)
    assert state.index.find_unit(state.index.unit_name(12)) == (12, 1)


def test_accessible_seats_are_bounded_in_all() -> None:
    row = Row("", 0, 1, 1_000, accessible=tuple(range(1_000)))
    rows = [msgspec.structs.replace(row, name=str(number)) for number in range(MAX_SPECIAL_SEATS // 1_000 + 1)]
    assert first_fault(but(sections=(Section("A", tuple(rows[1:])),))) is None
    fault = first_fault(but(sections=(Section("A", tuple(rows)),)))
    assert fault == f"layout: must have at most {MAX_SPECIAL_SEATS} accessible and companion seats"


def test_a_time_of_the_last_slot_can_be_written_in_every_zone() -> None:
    for ahead in (-1_439, 0, 1_439):
        layout = with_calendar(runs=((MAX_TIME_MS - 30 * MINUTE_MS, 1, ahead),))
        assert first_fault(layout) is None
        state = BlockState()
        state.set_layout(layout, 1)
        slot = state.index.unit_count - 1
        assert state.index.find_unit(state.index.unit_name(slot)) == (slot, 0)


@given(layouts())
def test_whatever_a_layout_file_describes_is_sound(layout: Layout) -> None:
    assert first_fault(layout) is None
    assert parse_layout(layout_to_raw(layout)) == layout


def unnoticed() -> list[str]:
    """The faults of unsound layouts that are not refused for them."""
    return [fault for layout, fault in UNSOUND if not str(first_fault(layout)).startswith(fault)]


@pytest.mark.parametrize(
    ("module", "look"),
    [
        (layout_soundness, "_count_faults"),
        (layout_soundness, "_price_faults"),
        (layout_soundness, "_row_faults"),
        (layout_soundness, "_place_faults"),
        (calendar_soundness, "_calendar_faults"),
        (calendar_soundness, "_hours_faults"),
    ],
)
def test_negative_control_without_one_of_its_looks_something_unsound_passes(
    module: ModuleType, look: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert unnoticed() == []
    monkeypatch.setattr(module, look, lambda *_: ())
    assert unnoticed() != []


def comes_back_from_a_file(layout: Layout) -> bool:
    """Whether a layout file describes this very layout."""
    try:
        return parse_layout(layout_to_raw(layout)) == layout
    except (LookupError, ValueError, OverflowError):
        return False


def test_nothing_is_refused_that_a_layout_file_could_describe() -> None:
    assert comes_back_from_a_file(SOUND)
    assert [fault for layout, fault in UNSOUND if comes_back_from_a_file(layout)] == []
