"""Layout files are read whole or refused whole, with every fault named under its path."""

from typing import Any

import msgspec
import pytest
from hypothesis import given

from actors.core.labels import MAX_LABEL_LENGTH, label_problem
from actors.core.layout import MAX_PRICE, MAX_UNITS, Area, Category, Layout, Row, Section
from actors.core.layout_soundness import first_fault
from actors.layout_files import layout_file, layout_writer
from actors.layout_files.faults import MAX_FAULTS, FieldFault, shown
from actors.layout_files.layout_file import parse_layout
from actors.layout_files.layout_writer import layout_to_raw
from actors.layout_files.seat_fields import MAX_ROWS_PER_SECTION
from serve.layout_reader import decode_yaml
from tests.core.layout_strategy import layouts
from tests.layout_files.spoiling import faults_of, spoiled

GOOD: dict[str, Any] = {
    "currency": "EUR",
    "categories": [{"name": "Near", "price": 9500}, {"name": "Far", "price": 0}],
    "sections": [
        {
            "name": "101",
            "category": "Near",
            "rows": [
                {"names": "A..C", "seats": "1..20"},
                {"name": "Box", "seats": ["1", "01", "2A"], "category": "Far"},
                {"name": "Sofa", "seats": "A..D"},
            ],
        }
    ],
    "areas": [{"name": "Floor", "capacity": 4000, "category": "Far"}],
}
"""A small layout; the rows of the table below each spoil one thing in it."""


ROWS = "sections.0.rows"
ROW = f"{ROWS}.0"
ROW_PATH = "sections[0].rows[0]"
AREA = {"name": "Side", "capacity": 1, "category": "Far"}
SECTION = {"name": "102", "category": "Far", "rows": [{"name": "A", "seats": "1..2"}]}
ROOT_FIELDS = (
    "must be a mapping with the fields currency, price_types, categories, fees, tax, focus, sections, areas, resources"
)
LABEL_LENGTH = f"must have 1 to {MAX_LABEL_LENGTH} characters"
RANGE_OR_LIST = 'must be a range such as "1..20" or a list of labels'
ROW_RANGE = 'must be a range such as "A..T" or "1..15"'
CURRENCY = 'must be a currency code of ISO 4217 such as "EUR"'

# where in GOOD, what is put there, and the one fault that this must give: its path and what it says
ONE_FAULT: list[tuple[str, object, str, str]] = [
    ("currency", ..., "currency", "is missing"),
    ("currency", "eur", "currency", f'{CURRENCY}, is "eur"'),
    ("currency", "EURO", "currency", f'{CURRENCY}, is "EURO"'),
    ("currency", "EUR\n", "currency", f'{CURRENCY}, is "EUR\\u000a"'),
    ("currency", 978, "currency", f"{CURRENCY}, is 978"),
    ("categories", ..., "categories", "is missing"),
    ("categories", [], "categories", "must have 1 to 256 elements, has 0"),
    ("categories", {"Near": 9500}, "categories", "must be a list, is a mapping"),
    ("categories.0.name", "Far", "categories[1].name", '"Far" is already used by categories[0].name'),
    ("categories.1.price", ..., "categories[1].price", "is missing"),
    ("categories.1.price", -1, "categories[1].price", f"must be from 0 to {MAX_PRICE}, is -1"),
    ("categories.1.price", MAX_PRICE + 1, "categories[1].price", f"must be from 0 to {MAX_PRICE}, is {MAX_PRICE + 1}"),
    ("categories.1.price", True, "categories[1].price", "must be a whole number, is true"),
    ("categories.1.price", 95.0, "categories[1].price", "must be a whole number, is 95.0"),
    ("categories.1.price", float("nan"), "categories[1].price", "must be a whole number, is nan"),
    ("categories.1.price", float("inf"), "categories[1].price", "must be a whole number, is inf"),
    ("categories.1.price", "95", "categories[1].price", 'must be a whole number, is "95"'),
    ("categories.1.price", None, "categories[1].price", "must be a whole number, is nothing"),
    ("categories.1.prize", 95, "categories[1].prize", 'is an unknown field, did you mean "price"?'),
    ("section", [], "section", 'is an unknown field, did you mean "sections"?'),
    ("colour", "red", "colour", "is an unknown field"),
    ("x y", 1, "", 'has an unknown field "x y"'),
    ("categories.+", "Near", "categories[2]", 'must be a mapping with the fields name, price, prices; is "Near"'),
    ("sections", "101", "sections", 'must be a list, is "101"'),
    ("sections.0.name", ..., "sections[0].name", "is missing"),
    ("sections.0.name", 101, "sections[0].name", "must be text in quotes, is 101"),
    ("sections.0.name", False, "sections[0].name", "must be text in quotes, is false"),
    ("sections.0.name", None, "sections[0].name", "must be text, is nothing"),
    ("sections.0.name", ["101"], "sections[0].name", "must be text, is a list of 1"),
    ("sections.0.name", "", "sections[0].name", f'{LABEL_LENGTH}, has 0: ""'),
    ("sections.0.name", "x" * 33, "sections[0].name", f'{LABEL_LENGTH}, has 33: "{"x" * 33}"'),
    ("sections.0.name", "1/2", "sections[0].name", 'must not contain "/": "1/2"'),
    ("sections.0.name", " 101", "sections[0].name", 'must not begin or end with a space: " 101"'),
    ("sections.0.name", "101 ", "sections[0].name", 'must not begin or end with a space: "101 "'),
    ("sections.0.name", "1\x00", "sections[0].name", 'must have printable characters only: "1\\u0000"'),
    ("sections.0.name", "1\u202e", "sections[0].name", 'must have printable characters only: "1\\u202e"'),
    ("sections.0.name", "\ud800", "sections[0].name", 'must have printable characters only: "\\ud800"'),
    ("sections.0.name", "e\u0301", "sections[0].name", 'must be in Unicode\'s composed form (NFC): "e\u0301"'),
    ("sections.+", SECTION | {"name": "101"}, "sections[1].name", '"101" is already used by sections[0].name'),
    ("areas.+", AREA | {"name": "101"}, "areas[1].name", '"101" is already used by sections[0].name'),
    ("areas.+", AREA | {"name": "Floor"}, "areas[1].name", '"Floor" is already used by areas[0].name'),
    ("sections.0.category", "Middle", "sections[0].category", '"Middle" is not one of the categories'),
    ("sections.0.category", 1, "sections[0].category", "must be text in quotes, is 1"),
    ("sections.0.rows", ..., "sections[0].rows", "is missing"),
    ("sections.0.rows", [], "sections[0].rows", "must have 1 to 1000 elements, has 0"),
    (f"{ROWS}.1.category", "Middle", "sections[0].rows[1].category", '"Middle" is not one of the categories'),
    (f"{ROW}.names", ..., f"{ROW_PATH}.name", "is missing"),
    (f"{ROW}.name", "A", f"{ROW_PATH}.names", 'must not stand beside "name": give one of the two'),
    (f"{ROW}.names", "A-C", f"{ROW_PATH}.names", f'{ROW_RANGE}, is "A-C"'),
    (f"{ROW}.names", "C..A", f"{ROW_PATH}.names", f'{ROW_RANGE}, is "C..A"'),
    (f"{ROW}.names", ["A"], f"{ROW_PATH}.names", f"{ROW_RANGE}, is a list of 1"),
    (f"{ROW}.names", "1..1001", f"{ROW_PATH}.names", f"must be at most {MAX_ROWS_PER_SECTION} rows, is 1001"),
    (f"{ROWS}.+", {"names": "1..996", "seats": "1..1"}, "sections[0].rows", "must be at most 1000 rows and tables"),
    (f"{ROWS}.1.name", "B", "sections[0].rows[1].name", f'"B" is already used by {ROW_PATH}.names'),
    (
        f"{ROWS}.+",
        {"names": "B..D", "seats": "1..2"},
        "sections[0].rows[3].names",
        f'"B" is already used by {ROW_PATH}.names',
    ),
    (f"{ROW}.seats", ..., f"{ROW_PATH}.seats", "is missing"),
    (f"{ROW}.seats", 20, f"{ROW_PATH}.seats", f"{RANGE_OR_LIST}, is 20"),
    (f"{ROW}.seats", "1-20", f"{ROW_PATH}.seats", f'{RANGE_OR_LIST}, is "1-20"'),
    (f"{ROW}.seats", "01..20", f"{ROW_PATH}.seats", f'{RANGE_OR_LIST}, is "01..20"'),
    (f"{ROW}.seats", "20..1", f"{ROW_PATH}.seats", f'{RANGE_OR_LIST}, is "20..1"'),
    (f"{ROW}.seats", "-2..1", f"{ROW_PATH}.seats", f'{RANGE_OR_LIST}, is "-2..1"'),
    (f"{ROW}.seats", "1..1000000", f"{ROW_PATH}.seats", f'{RANGE_OR_LIST}, is "1..1000000"'),
    (f"{ROW}.seats", "\u0661..\u0662", f"{ROW_PATH}.seats", f'{RANGE_OR_LIST}, is "\u0661..\u0662"'),
    (f"{ROW}.seats", "1..10001", f"{ROW_PATH}.seats", "must be at most 10000 seats, is 10001"),
    (f"{ROW}.seats", [], f"{ROW_PATH}.seats", "must have 1 to 1000 elements, has 0"),
    (f"{ROW}.seats", ["1", "2", "1"], f"{ROW_PATH}.seats[2]", f'"1" is already used by {ROW_PATH}.seats[0]'),
    (f"{ROW}.seats", ["1", 2], f"{ROW_PATH}.seats[1]", "must be text in quotes, is 2"),
    ("areas", {}, "areas", "must be a list, is a mapping"),
    ("areas.0.capacity", ..., "areas[0].capacity", "is missing"),
    ("areas.0.capacity", 0, "areas[0].capacity", f"must be from 1 to {MAX_UNITS}, is 0"),
    ("areas.0.capacity", -5, "areas[0].capacity", f"must be from 1 to {MAX_UNITS}, is -5"),
    ("areas.0.capacity", MAX_UNITS + 1, "areas[0].capacity", f"must be from 1 to {MAX_UNITS}, is 1000001"),
    (
        "areas.0.capacity",
        10**5000,
        "areas[0].capacity",
        f"must be from 1 to {MAX_UNITS}, is a number of more than 18 digits",
    ),
    ("areas.0.capacity", True, "areas[0].capacity", "must be a whole number, is true"),
    ("areas.0.category", ..., "areas[0].category", "is missing"),
    ("areas.0.category", "Middle", "areas[0].category", '"Middle" is not one of the categories'),
    ("areas.0.capcity", 5, "areas[0].capcity", 'is an unknown field, did you mean "capacity"?'),
    ("areas.0.capacity", MAX_UNITS, "", f"has more than {MAX_UNITS} seats, places and slots"),
]


def test_the_small_layout_is_accepted_as_it_reads() -> None:
    assert parse_layout(GOOD) == Layout(
        currency="EUR",
        categories=(Category("Near", 9500), Category("Far", 0)),
        sections=(
            Section(
                "101",
                (
                    Row("A", 0, 1, 20),
                    Row("B", 0, 1, 20),
                    Row("C", 0, 1, 20),
                    Row("Box", 1, 0, 3, ("1", "01", "2A")),
                    Row("Sofa", 0, 0, 4, ("A", "B", "C", "D")),
                ),
            ),
        ),
        areas=(Area("Floor", 1, 4000),),
    )


def test_the_example_of_the_notation_is_right() -> None:
    notation = layout_file.__doc__ or ""
    layout = parse_layout(decode_yaml(notation[notation.index("    currency:") : notation.index("`sections`")]))
    assert isinstance(layout, Layout), layout
    assert first_fault(layout) is None
    assert layout.seat_count == 20 * 22 + 3 + 2 * 22 + 10 * 8
    assert layout.slot_count == 12 * sum(count for _, count, _ in layout.calendars[0].runs) > 0
    assert parse_layout(layout_to_raw(layout)) == layout


@pytest.mark.parametrize(
    ("place", "value", "path", "problem"), ONE_FAULT, ids=[f"{row}:{case[0]}" for row, case in enumerate(ONE_FAULT)]
)
def test_one_spoiled_field_gives_exactly_its_fault(place: str, value: object, path: str, problem: str) -> None:
    faults = faults_of(parse_layout, spoiled(GOOD, place, value))
    if place == "categories.0.name":  # "Near" is gone as well, so what names it is at fault too
        faults.remove(("sections[0].category", '"Near" is not one of the categories'))
    assert faults == [(path, problem)]


@pytest.mark.parametrize("raw", [None, 7, "layout", [], [1, 2], True, 1.5, b"x"])
def test_what_is_no_mapping_at_all_is_refused(raw: object) -> None:
    assert faults_of(parse_layout, raw) == [("", f"{ROOT_FIELDS}; is {shown(raw)}")]


def test_a_row_without_any_category_is_refused_row_by_row() -> None:
    raw = spoiled(GOOD, "sections.0.category", ...)
    assert faults_of(parse_layout, raw) == [
        (f"{ROW_PATH}.category", "is missing"),
        ("sections[0].rows[2].category", "is missing"),
    ]


def test_a_layout_of_nothing_is_refused() -> None:
    raw = {"currency": "EUR", "categories": [{"name": "Near", "price": 1}]}
    assert faults_of(parse_layout, raw) == [("", "has nothing to sell: give sections, areas or resources")]


def test_all_faults_are_named_at_once_in_the_order_of_the_file() -> None:
    raw = spoiled(GOOD, "currency", "?")
    raw["categories"][0]["price"] = -1
    raw["sections"][0]["rows"][0]["seats"] = "x"
    raw["sections"][0]["rows"][1]["seats"][1] = "1"
    raw["areas"][0]["capacity"] = 0
    assert [path for path, _ in faults_of(parse_layout, raw)] == [
        "currency",
        "categories[0].price",
        f"{ROW_PATH}.seats",
        "sections[0].rows[1].seats[1]",
        "areas[0].capacity",
    ]


def test_faults_beyond_a_hundred_are_counted() -> None:
    raw = GOOD | {"areas": [AREA | {"name": f"Side {number}", "capacity": 0} for number in range(130)]}
    faults = parse_layout(raw)
    assert isinstance(faults, tuple)
    assert len(faults) == MAX_FAULTS + 1
    assert faults[-1] == FieldFault("", "and 30 more faults")
    assert str(faults[0]) == f"areas[0].capacity: must be from 1 to {MAX_UNITS}, is 0"
    assert str(faults[-1]) == "and 30 more faults"


@given(layouts())
def test_a_layout_survives_the_way_through_its_file(layout: Layout) -> None:
    assert parse_layout(layout_to_raw(layout)) == layout


@given(layouts())
def test_a_layout_survives_json_too(layout: Layout) -> None:
    assert parse_layout(msgspec.json.decode(msgspec.json.encode(layout_to_raw(layout)))) == layout


def test_negative_control_a_wrong_run_of_row_names_does_not_survive(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (Row("X", 0, 1, 2), Row("XA", 0, 1, 2))
    layout = Layout("EUR", (Category("Near", 1),), (Section("101", rows),), ())
    assert parse_layout(layout_to_raw(layout)) == layout
    monkeypatch.setattr(layout_writer, "following_label", lambda label: label + "A")
    assert parse_layout(layout_to_raw(layout)) != layout


def test_rows_alike_come_back_as_one_range_and_others_do_not() -> None:
    layout = parse_layout(GOOD)
    assert isinstance(layout, Layout)
    sections: Any = layout_to_raw(layout)["sections"]
    assert sections[0]["rows"] == [
        {"names": "A..C", "seats": "1..20"},
        {"name": "Box", "seats": ["1", "01", "2A"], "category": "Far"},
        {"name": "Sofa", "seats": ["A", "B", "C", "D"]},
    ]


@pytest.mark.parametrize("label", ["101", "A", "Box 1", "1-20", "A..C", "Étage", "日本", "x" * 32])
def test_labels_that_people_use_are_labels(label: str) -> None:
    assert label_problem(label) is None
