"""What things cost, as a layout file says it: price types, fees and tax, each fault under its path."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.core.layout import MAX_FEES, MAX_PPM, MAX_PRICE, MAX_PRICE_TYPES, Category, Fee, Layout, Tax
from actors.core.layout_soundness import first_fault
from actors.layout_files import fields
from actors.layout_files.fields import read_decimal, written_decimal
from actors.layout_files.layout_file import parse_layout
from actors.layout_files.layout_writer import layout_to_raw
from tests.layout_files.spoiling import faults_of, spoiled

GOOD: dict[str, Any] = {
    "currency": "EUR",
    "price_types": ["Adult", "Child 6-14", "Member"],
    "categories": [
        {"name": "Near", "price": 9500, "prices": {"Member": 8000, "Child 6-14": 4000}},
        {"name": "Far", "price": 0},
    ],
    "fees": [
        {"name": "Booking fee", "amount": 150},
        {"name": "Service", "percent": "7.5", "amount": 10},
        {"name": "Order fee", "amount": 300, "per": "order"},
        {"name": "Nothing", "amount": 0, "per": "unit"},
    ],
    "tax": {"name": "VAT", "percent": 19, "included": True},
    "areas": [{"name": "Floor", "capacity": 4000, "category": "Far"}],
}
NUMBER = "must be a number with at most 4 digits after the point"
NO_MORE = "is of more price types than the first, and price_types names none"

ONE_FAULT: list[tuple[str, object, str, str]] = [
    ("price_types", "Adult", "price_types", 'must be a list, is "Adult"'),
    ("price_types.+", "Adult", "price_types[3]", '"Adult" is already used by price_types[0]'),
    ("price_types.+", 7, "price_types[3]", "must be text in quotes, is 7"),
    ("price_types.+", "a/b", "price_types[3]", 'must not contain "/": "a/b"'),
    ("price_types", ["A"] * 21, "price_types", f"must have 0 to {MAX_PRICE_TYPES} elements, has 21"),
    ("price_types", ["Adult"], "categories[0].prices", NO_MORE),
    ("price_types", ..., "categories[0].prices", NO_MORE),
    ("price_types.2", "Senior", "categories[0].prices.Member", "is an unknown field"),
    ("categories.0.prices", [], "categories[0].prices",
     "must be a mapping with the fields Child 6-14, Member; is a list of 0"),
    ("categories.0.prices.Adult", 1, "categories[0].prices", '"Adult" is the first price type: its price is "price"'),
    ("categories.0.prices.Membr", 1, "categories[0].prices.Membr", 'is an unknown field, did you mean "Member"?'),
    ("categories.0.prices.x y", 1, "categories[0].prices", 'has an unknown field "x y"'),
    ("categories.0.prices.Member", -1, "categories[0].prices.Member", f"must be from 0 to {MAX_PRICE}, is -1"),
    ("categories.0.prices.Member", 1.5, "categories[0].prices.Member", "must be a whole number, is 1.5"),
    ("fees", {}, "fees", "must be a list, is a mapping"),
    ("fees", [{}] * 21, "fees", f"must have 0 to {MAX_FEES} elements, has 21"),
    ("fees.0.name", ..., "fees[0].name", "is missing"),
    ("fees.1.name", "Booking fee", "fees[1].name", '"Booking fee" is already used by fees[0].name'),
    ("fees.0.amount", ..., "fees[0].amount", "is missing"),
    ("fees.0.amount", -1, "fees[0].amount", f"must be from 0 to {MAX_PRICE}, is -1"),
    ("fees.0.amount", "150", "fees[0].amount", 'must be a whole number, is "150"'),
    ("fees.1.percent", "7.50001", "fees[1].percent", f'{NUMBER}, is "7.50001"'),
    ("fees.1.percent", 7.50001, "fees[1].percent", f"{NUMBER}, is 7.50001"),
    ("fees.1.percent", "7,5", "fees[1].percent", f'{NUMBER}, is "7,5"'),
    ("fees.1.percent", "7.5%", "fees[1].percent", f'{NUMBER}, is "7.5%"'),
    ("fees.1.percent", "1e1", "fees[1].percent", f'{NUMBER}, is "1e1"'),
    ("fees.1.percent", " 7", "fees[1].percent", f'{NUMBER}, is " 7"'),
    ("fees.1.percent", "", "fees[1].percent", f'{NUMBER}, is ""'),
    ("fees.1.percent", "\u0667", "fees[1].percent", f'{NUMBER}, is "\u0667"'),
    ("fees.1.percent", True, "fees[1].percent", f"{NUMBER}, is true"),
    ("fees.1.percent", None, "fees[1].percent", f"{NUMBER}, is nothing"),
    ("fees.1.percent", float("nan"), "fees[1].percent", f"{NUMBER}, is nan"),
    ("fees.1.percent", 1e300, "fees[1].percent", f"{NUMBER}, is 1e+300"),
    ("fees.1.percent", 10**5000, "fees[1].percent", f"{NUMBER}, is a number of more than 18 digits"),
    ("fees.1.percent", "-0.5", "fees[1].percent", 'must be from 0 to 100, is "-0.5"'),
    ("fees.1.percent", 100.0001, "fees[1].percent", "must be from 0 to 100, is 100.0001"),
    ("fees.0.per", "ticket", "fees[0].per", 'must be unit or order, is "ticket"'),
    ("fees.0.per", ["order"], "fees[0].per", "must be unit or order, is a list of 1"),
    ("fees.2.percent", "5", "fees[2].percent", "is of each unit's price: a fee per order has an \"amount\" only"),
    ("fees.0.percentage", 5, "fees[0].percentage", 'is an unknown field, did you mean "percent"?'),
    ("tax", 19, "tax", "must be a mapping with the fields name, percent, included; is 19"),
    ("tax.name", "", "tax.name", 'must have 1 to 32 characters, has 0: ""'),
    ("tax.percent", ..., "tax.percent", "is missing"),
    ("tax.percent", "101", "tax.percent", 'must be from 0 to 100, is "101"'),
    ("tax.included", ..., "tax.included", "is missing"),
    ("tax.included", "yes", "tax.included", 'must be true or false, is "yes"'),
    ("tax.included", 1, "tax.included", "must be true or false, is 1"),
]  # fmt: skip


def test_prices_are_read_as_they_are_written() -> None:
    layout = parse_layout(GOOD)
    assert isinstance(layout, Layout), layout
    assert layout.price_types == ("Adult", "Child 6-14", "Member")
    assert layout.categories == (Category("Near", 9500, ((1, 4000), (2, 8000))), Category("Far", 0))
    assert layout.fees == (
        Fee("Booking fee", 150),
        Fee("Service", 10, 75_000),
        Fee("Order fee", 300, 0, True),
        Fee("Nothing", 0),
    )
    assert layout.tax == Tax("VAT", 190_000, True)
    assert first_fault(layout) is None
    assert parse_layout(layout_to_raw(layout)) == layout


def not_json(place: str, value: object) -> Any:
    """`GOOD` with a value that JSON cannot say."""
    raw = spoiled(GOOD, place, 0)
    *way, last = (int(step) if step.isdigit() else step for step in place.split("."))
    target = raw
    for step in way:
        target = target[step]
    target[last] = value
    return raw


@pytest.mark.parametrize(
    ("place", "value", "path", "problem"), ONE_FAULT, ids=[f"{row}:{case[0]}" for row, case in enumerate(ONE_FAULT)]
)
def test_one_spoiled_field_gives_exactly_its_fault(place: str, value: object, path: str, problem: str) -> None:
    raw = spoiled(GOOD, place, value) if value is ... or place.endswith("+") else not_json(place, value)
    assert faults_of(parse_layout, raw) == [(path, problem)]


@pytest.mark.parametrize(
    ("value", "ppm"),
    [("7.5", 75_000), (7.5, 75_000), (7, 70_000), ("7.5000000", 75_000), (0, 0), ("0.0001", 1), (0.0001, 1),
     (19.6, 196_000), (0.07, 700), (1.1, 11_000), ("100", MAX_PPM), (100.0, MAX_PPM), (33.3333, 333_333)],
)  # fmt: skip
def test_percentages_are_exact(value: object, ppm: int) -> None:
    layout = parse_layout(spoiled(GOOD, "tax.percent", value))
    assert isinstance(layout, Layout), layout
    assert layout.tax == Tax("VAT", ppm, True)


@given(st.integers(-(10**12), 10**12), st.integers(1, 6))
def test_decimals_come_back(value: int, places: int) -> None:
    assert read_decimal(written_decimal(value, places), places) == value


def every_percentage_is_exact() -> bool:
    """Whether each hundredth of a percent, written as a number, is read as what it says."""
    return all(fields.read_decimal(float(f"{n // 100}.{n % 100:02}"), 4) == n * 100 for n in range(10_001))


def test_no_percentage_is_rounded_on_its_way() -> None:
    assert every_percentage_is_exact()


def test_negative_control_arithmetic_with_floats_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "read_decimal", lambda value, places: int(value * 10**places))
    assert not every_percentage_is_exact()
