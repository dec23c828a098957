"""Layouts that a block could not live with are refused, and all that a layout file can describe is sound."""

import msgspec
import pytest
from hypothesis import given

from actors.core.layout import MAX_CATEGORIES, MAX_UNITS, Area, Category, Layout, Row, Section
from actors.core.layout_soundness import first_fault
from actors.core.state import BlockState
from actors.layout_files.layout_file import parse_layout
from actors.layout_files.layout_writer import layout_to_raw
from tests.core.layout_strategy import layouts

SOUND = Layout(
    "EUR",
    (Category("Near", 9500), Category("Far", 3000)),
    (
        Section("101", (Row("A", 0, 1, 10), Row("Box", 1, 0, 3, ("1", "01", "2A")))),
        Section("102", (Row("A", 1, 0, 2),)),
    ),
    (Area("Floor", 1, 4000), Area("Terrace", 0, 50)),
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
    (but(sections=(), areas=()), f"layout: must have 1 to {MAX_UNITS} seats, places and slots"),
    (but(categories=()), "layout.sections[0].rows[0].category: is not one of the categories"),
    (but(categories=(Category("Near", 1), Category("Near", 1))), "layout.categories[1].name: is there twice"),
    (but(categories=(Category("Near", -1), Category("Far", 1))), "layout.categories[0].price: must be from 0 to"),
    (but(categories=(Category("Near", 1), Category("Far", 2**60))), "layout.categories[1].price: must be from 0 to"),
    (
        but(categories=tuple(Category(str(number), 1) for number in range(MAX_CATEGORIES + 1))),
        f"layout.categories: must be at most {MAX_CATEGORIES}",
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


@given(layouts())
def test_whatever_a_layout_file_describes_is_sound(layout: Layout) -> None:
    assert first_fault(layout) is None
    assert parse_layout(layout_to_raw(layout)) == layout


def comes_back_from_a_file(layout: Layout) -> bool:
    """Whether a layout file describes this very layout."""
    try:
        return parse_layout(layout_to_raw(layout)) == layout
    except LookupError:
        return False


def test_nothing_is_refused_that_a_layout_file_could_describe() -> None:
    assert comes_back_from_a_file(SOUND)
    assert [fault for layout, fault in UNSOUND if comes_back_from_a_file(layout)] == []
