"""Tables, accessible seats and places, as a layout file says them, each fault under its path."""

from typing import Any

import pytest

from actors.core.layout import MAX_SPECIAL_SEATS, Layout, Row, RowKind, Section
from actors.core.layout_soundness import first_fault
from actors.layout_files import seat_fields
from actors.layout_files.layout_file import parse_layout
from actors.layout_files.layout_writer import layout_to_raw
from tests.layout_files.spoiling import faults_of, spoiled

GOOD: dict[str, Any] = {
    "currency": "EUR",
    "categories": [{"name": "Near", "price": 9500}, {"name": "Gala", "price": 20000}],
    "focus": [0, -4.5],
    "sections": [
        {
            "name": "Stalls",
            "category": "Near",
            "at": [-12.5, 3],
            "rows": [
                {"names": "A..B", "seats": "1..22", "accessible": ["22", "1"], "companions": ["2", "21"]},
                {"name": "Bay", "seats": ["W1", "C1", "W2"], "accessible": ["W1", "W2"], "companions": ["C1"]},
                {"name": "Ramp", "seats": "10..19", "accessible": "10..12"},
            ],
            "tables": [
                {"names": "Table 1..2", "seats": "1..8", "sold": "whole", "category": "Gala"},
                {"name": "Bar", "seats": "A..D", "sold": "by_seat"},
            ],
        }
    ],
}
ROW = "sections.0.rows.0"
ROW_PATH = "sections[0].rows[0]"
TABLE_PATH = "sections[0].tables[0]"
HALVES = "must be a whole number of seat widths or a half more"
RANGE_OR_LIST = "must be a list of seats or a range of at most 1000"

ONE_FAULT: list[tuple[str, object, str, str]] = [
    ("focus", 5, "focus", "must be a place such as [0, 12.5], in seat widths, is 5"),
    ("focus", [1, 2, 3], "focus", "must be a place such as [0, 12.5], in seat widths, is a list of 3"),
    ("focus", [0, 1.25], "focus[1]", f"{HALVES}, is 1.25"),
    ("focus", ["0", 1], "focus[0]", f'{HALVES}, is "0"'),
    ("focus", [True, 1], "focus[0]", f"{HALVES}, is true"),
    ("sections.0.at", None, "sections[0].at", "must be a place such as [0, 12.5], in seat widths, is nothing"),
    ("sections.0.at", [10000.5, 0], "sections[0].at[0]", "must be from -10000 to 10000, is 10000.5"),
    ("sections.0.at", [0, -10001], "sections[0].at[1]", "must be from -10000 to 10000, is -10001"),
    (f"{ROW}.accessible", "W1", f"{ROW_PATH}.accessible", f'{RANGE_OR_LIST}, is "W1"'),
    (f"{ROW}.accessible", 1, f"{ROW_PATH}.accessible", f"{RANGE_OR_LIST}, is 1"),
    (f"{ROW}.accessible", "1..1001", f"{ROW_PATH}.accessible", f'{RANGE_OR_LIST}, is "1..1001"'),
    (f"{ROW}.accessible", [], f"{ROW_PATH}.accessible", "must have 1 to 1000 elements, has 0"),
    (f"{ROW}.accessible", [1], f"{ROW_PATH}.accessible[0]", "must be text in quotes, is 1"),
    (f"{ROW}.accessible", ["1", "1"], f"{ROW_PATH}.accessible[1]", f'"1" is already used by {ROW_PATH}.accessible[0]'),
    (f"{ROW}.accessible", ["23"], f"{ROW_PATH}.accessible", '"23" is not one of the seats'),
    (f"{ROW}.accessible", ["01"], f"{ROW_PATH}.accessible", '"01" is not one of the seats'),
    (f"{ROW}.accessible", "22..23", f"{ROW_PATH}.accessible", '"23" is not one of the seats'),
    (f"{ROW}.companions", ["2", "22"], f"{ROW_PATH}.companions", '"22" is an accessible seat already'),
    (f"{ROW}.companion", ["2"], f"{ROW_PATH}.companion", 'is an unknown field, did you mean "companions"?'),
    (f"{ROW}.sold", "whole", f"{ROW_PATH}.sold", "is an unknown field"),
    ("sections.0.rows.1.companions", ["W3"], "sections[0].rows[1].companions", '"W3" is not one of the seats'),
    ("sections.0.tables", {}, "sections[0].tables", "must be a list, is a mapping"),
    ("sections.0.tables", [], "sections[0].tables", "must have 1 to 1000 elements, has 0"),
    ("sections.0.tables.0.sold", ..., f"{TABLE_PATH}.sold", "is missing"),
    ("sections.0.tables.0.sold", "seats", f"{TABLE_PATH}.sold", 'must be whole or by_seat, is "seats"'),
    ("sections.0.tables.0.seats", "1..51", f"{TABLE_PATH}.seats",
     "must be at most 50 if the table is sold whole, is 51"),
    ("sections.0.tables.0.names", "1..1001", f"{TABLE_PATH}.names", "must be at most 1000 tables, is 1001"),
    ("sections.0.tables.1.name", "A", "sections[0].tables[1].name", f'"A" is already used by {ROW_PATH}.names'),
    ("sections.0.tables.1.name", "Table 2", "sections[0].tables[1].name",
     f'"Table 2" is already used by {TABLE_PATH}.names'),
    ("sections.0.tables.0.category", "Far", f"{TABLE_PATH}.category", '"Far" is not one of the categories'),
    ("sections.0.tables.+", {"names": "1..996", "seats": "1..1", "sold": "whole"}, "sections[0].tables",
     "must be at most 1000 rows and tables"),
]  # fmt: skip


def test_seats_are_read_as_they_are_written() -> None:
    layout = parse_layout(GOOD)
    assert isinstance(layout, Layout), layout
    assert layout.focus == (0, -9)
    assert layout.sections == (
        Section(
            "Stalls",
            (
                Row("A", 0, 1, 22, (), RowKind.ROW, (0, 21), (1, 20)),
                Row("B", 0, 1, 22, (), RowKind.ROW, (0, 21), (1, 20)),
                Row("Bay", 0, 0, 3, ("W1", "C1", "W2"), RowKind.ROW, (0, 2), (1,)),
                Row("Ramp", 0, 10, 10, (), RowKind.ROW, (0, 1, 2)),
                Row("Table 1", 1, 1, 8, (), RowKind.WHOLE_TABLE),
                Row("Table 2", 1, 1, 8, (), RowKind.WHOLE_TABLE),
                Row("Bar", 0, 0, 4, ("A", "B", "C", "D"), RowKind.TABLE),
            ),
            (-25, 6),
        ),
    )
    assert first_fault(layout) is None
    assert parse_layout(layout_to_raw(layout)) == layout


def test_tables_come_back_as_a_range_and_places_in_seat_widths() -> None:
    layout = parse_layout(GOOD)
    assert isinstance(layout, Layout)
    raw: Any = layout_to_raw(layout)
    assert raw["focus"] == [0, -4.5]
    assert raw["sections"][0]["at"] == [-12.5, 3]
    assert raw["sections"][0]["tables"] == [
        {"names": "Table 1..2", "seats": "1..8", "category": "Gala", "sold": "whole"},
        {"name": "Bar", "seats": ["A", "B", "C", "D"], "sold": "by_seat"},
    ]


def test_a_section_may_have_tables_only() -> None:
    layout = parse_layout(spoiled(GOOD, "sections.0.rows", ...))
    assert isinstance(layout, Layout), layout
    assert layout.seat_count == 20
    neither = spoiled(spoiled(GOOD, "sections.0.rows", ...), "sections.0.tables", ...)
    assert faults_of(parse_layout, neither) == [("sections[0].rows", "is missing")]


@pytest.mark.parametrize(
    ("place", "value", "path", "problem"), ONE_FAULT, ids=[f"{row}:{case[0]}" for row, case in enumerate(ONE_FAULT)]
)
def test_one_spoiled_field_gives_exactly_its_fault(place: str, value: object, path: str, problem: str) -> None:
    assert faults_of(parse_layout, spoiled(GOOD, place, value)) == [(path, problem)]


def test_what_is_not_a_seat_of_faulty_seats_is_not_said_twice() -> None:
    assert faults_of(parse_layout, spoiled(GOOD, f"{ROW}.seats", "x")) == [
        (f"{ROW_PATH}.seats", 'must be a range such as "1..20" or a list of labels, is "x"')
    ]


def special_rows(rows: int) -> Any:
    """Rows of a thousand seats that are all accessible."""
    row = {"names": f"1..{rows}", "seats": "1..1000", "accessible": "1..1000"}
    return spoiled(GOOD, "sections.0.rows", [row])


def test_accessible_seats_are_bounded_in_all() -> None:
    assert isinstance(parse_layout(special_rows(MAX_SPECIAL_SEATS // 1_000)), Layout)
    assert faults_of(parse_layout, special_rows(MAX_SPECIAL_SEATS // 1_000 + 1)) == [
        ("", f"has more than {MAX_SPECIAL_SEATS} accessible and companion seats")
    ]


def test_negative_control_places_out_of_order_are_unsound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seat_fields, "sorted", lambda places: sorted(places, reverse=True), raising=False)
    layout = parse_layout(GOOD)
    assert isinstance(layout, Layout)
    assert "rows[0].accessible[1]: must be the place of a seat" in (first_fault(layout) or "")
