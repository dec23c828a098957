"""Nonsense of any size is refused after bounded work: counted in elements looked at, not in seconds."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.core.layout import (
    MAX_HOURS,
    MAX_RESOURCES,
    MAX_ROWS,
    MAX_RUNS,
    MAX_SECTIONS,
    MAX_SPECIAL_SEATS,
    MAX_TEXT_BYTES,
    MAX_UNITS,
    Layout,
)
from actors.core.layout_soundness import first_fault
from actors.layout_files import reading, seat_fields
from actors.layout_files.faults import MAX_FAULTS
from actors.layout_files.layout_file import parse_layout
from actors.layout_files.layout_writer import layout_to_raw
from tests.layout_files.test_price_fields import GOOD as PRICES
from tests.layout_files.test_resource_fields import GOOD as RESOURCES
from tests.layout_files.test_seat_fields import GOOD as SEATS

HUGE = 1_000_000
CATEGORIES = [{"name": "Near", "price": 1}]


class CountedList(list[Any]):
    """A list that counts how many of its elements are handed out, all lists together."""

    handed_out = 0

    def __iter__(self) -> Iterator[Any]:
        for element in super().__iter__():
            CountedList.handed_out += 1
            yield element


@pytest.fixture(autouse=True)
def _count_from_zero() -> None:
    CountedList.handed_out = 0


def a_layout_with(**fields: object) -> dict[str, object]:
    """A layout that is fine but for `fields`."""
    return {"currency": "EUR", "categories": CATEGORIES} | fields


def rows_of_nonsense() -> dict[str, object]:
    """Millions of faulty rows, spread so that no single list is over its bound."""
    rows = CountedList([7] * 1_000)
    return a_layout_with(sections=CountedList([{"name": "101", "category": "Near", "rows": rows}] * MAX_SECTIONS))


def seats_of_nonsense() -> dict[str, object]:
    """Millions of faulty seats, spread so that no single list is over its bound."""
    row = {"name": "A", "seats": CountedList([None] * 1_000)}
    rows = CountedList([row] * 1_000)
    return a_layout_with(sections=CountedList([{"name": "101", "category": "Near", "rows": rows}] * MAX_SECTIONS))


def ranges_that_unfold() -> dict[str, object]:
    """A few kilobytes that describe hundreds of millions of rows and seats."""
    rows = CountedList([{"names": "1..1000", "seats": "1..1"}])
    sections = [{"name": str(number), "category": "Near", "rows": rows} for number in range(MAX_SECTIONS)]
    return a_layout_with(sections=CountedList(sections))


def with_resources(**fields: object) -> dict[str, object]:
    """A layout of resources that are fine but for `fields`."""
    court: dict[str, object] = {
        "category": "Near",
        "zone": "UTC",
        "from": "2026-01-01",
        "until": "2026-01-01",
        "slot_minutes": 60,
    }
    court |= {"hours": {"mon-sun": "00:00-24:00"}} | fields
    return a_layout_with(resources=CountedList(court | {"name": str(number)} for number in range(1_000)))


def accessible_nonsense() -> dict[str, object]:
    """Millions of accessible seats, none of them a seat, spread so that no single list is over its bound."""
    row = {"name": "A", "seats": "1..1", "accessible": CountedList(["2"] * 1_000)}
    rows = CountedList([row] * 1_000)
    return a_layout_with(sections=CountedList([{"name": "101", "category": "Near", "rows": rows}] * MAX_SECTIONS))


def openings_of_nonsense() -> dict[str, object]:
    """Millions of openings, spread so that no single list is over its bound."""
    hall: dict[str, object] = {"category": "Near", "zone": "UTC", "slot_minutes": 60}
    hall["openings"] = CountedList([{"from": "x", "until": "x"}] * 10_000)
    return a_layout_with(resources=CountedList(hall | {"name": str(number)} for number in range(1_000)))


def nested(depth: int) -> Any:
    """Lists in lists."""
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


SHAPES: list[tuple[str, Callable[[], object], int]] = [
    # shape, its maker, how many elements may be looked at before it is refused
    ("a list instead of a layout", lambda: CountedList([7] * HUGE), 0),
    ("a list of categories", lambda: a_layout_with(categories=CountedList([7] * HUGE)), 0),
    ("a list of sections", lambda: a_layout_with(sections=CountedList([7] * HUGE)), 0),
    ("a list of areas", lambda: a_layout_with(areas=CountedList([7] * HUGE)), 0),
    ("as many sections as may be", lambda: a_layout_with(sections=CountedList([7] * MAX_SECTIONS)), MAX_SECTIONS),
    ("rows everywhere", rows_of_nonsense, MAX_ROWS + MAX_SECTIONS),
    ("seats everywhere", seats_of_nonsense, MAX_UNITS + 2 * MAX_SECTIONS),
    ("ranges that unfold", ranges_that_unfold, MAX_ROWS),
    ("accessible seats everywhere", accessible_nonsense, MAX_SPECIAL_SEATS + 2_000),
    ("a list of price types", lambda: a_layout_with(price_types=CountedList(["x"] * HUGE)), 0),
    ("a list of fees", lambda: a_layout_with(fees=CountedList([7] * HUGE)), 0),
    ("a list of resources", lambda: a_layout_with(resources=CountedList([7] * HUGE)), 0),
    ("resources everywhere", lambda: with_resources(zone=7), MAX_RESOURCES),
    ("a list of hours", lambda: with_resources(hours={"mon": CountedList(["x"] * HUGE)}), MAX_RESOURCES),
    ("hours everywhere", lambda: with_resources(hours={"mon": CountedList(["x"] * 20)}), 21 * MAX_RESOURCES),
    (
        "closed times everywhere",
        lambda: with_resources(unavailable=CountedList([{"from": "2026-01-01", "until": "2026-01-01"}] * 1_000)),
        MAX_HOURS + 2_000,
    ),
    ("openings everywhere", openings_of_nonsense, MAX_RUNS + 20_000),
    ("days without end", lambda: with_resources(until="2199-12-31"), 1),
    ("a mapping of days", lambda: with_resources(hours={f"{n}": "x" for n in range(HUGE)}), MAX_RESOURCES),
    ("a huge zone", lambda: with_resources(zone="x" * 10_000_000), MAX_RESOURCES),
    ("a huge time", lambda: with_resources(**{"from": "2" * 10_000_000}), MAX_RESOURCES),
    ("a huge percentage", lambda: a_layout_with(tax={"name": "VAT", "percent": "1" * 10_000_000}), 0),
    ("deep nesting", lambda: a_layout_with(sections=CountedList([nested(100_000)])), 1),
    ("a huge text", lambda: a_layout_with(currency="E" * 10_000_000), 0),
    ("a huge number", lambda: a_layout_with(sections=1 << 80_000_000), 0),
    ("a mapping of a million fields", lambda: {f"field{number}": number for number in range(HUGE)}, 0),
    ("a field with a huge name", lambda: a_layout_with(**{"x" * 10_000_000: 1}), 0),
    ("a huge label", lambda: a_layout_with(categories=[{"name": "x" * 10_000_000, "price": 1}]), 0),
    ("a huge range", lambda: a_layout_with(sections=[{"name": "A", "rows": [{"names": "1" * 10_000_000}]}]), 0),
]


def refusal_is_bounded(raw: object, bound: int) -> bool:
    """Whether `raw` is refused in few words after at most `bound` elements."""
    faults = parse_layout(raw)
    assert isinstance(faults, tuple), "accepted"
    short = len(faults) <= MAX_FAULTS + 1 and all(len(str(fault)) <= 300 for fault in faults)
    return short and CountedList.handed_out <= bound


@pytest.mark.parametrize(("shape", "make", "bound"), SHAPES, ids=[shape for shape, _, _ in SHAPES])
def test_nonsense_is_refused_after_bounded_work(shape: str, make: Callable[[], object], bound: int) -> None:
    assert refusal_is_bounded(make(), bound), shape


def test_negative_control_without_the_bound_on_rows_the_work_is_not_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_ROWS", 2 * MAX_ROWS)
    assert not refusal_is_bounded(rows_of_nonsense(), MAX_ROWS + MAX_SECTIONS)


def test_negative_control_without_the_bound_on_sections_a_long_list_is_looked_into(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(seat_fields, "MAX_SECTIONS", HUGE)
    assert not refusal_is_bounded(a_layout_with(sections=CountedList([7] * (MAX_SECTIONS + 1))), 0)


def test_too_many_rows_and_too_many_units_are_said() -> None:
    assert "has more than 50000 rows" in [fault.problem for fault in parse_layout(ranges_that_unfold())]  # type: ignore[union-attr]
    rows = [{"names": "1..1000", "seats": "1..1001"}]
    faults = parse_layout(a_layout_with(sections=[{"name": "101", "category": "Near", "rows": rows}]))
    assert [str(fault) for fault in faults] == ["has more than 1000000 seats, places and slots"]  # type: ignore[union-attr]


def labels_that_unfold(rows: int) -> object:
    """Rows that share a list of 1,000 long labels: a few kilobytes that stand for many megabytes."""
    labels = [f"{number:032}" for number in range(1_000)]
    return a_layout_with(
        sections=[{"name": "101", "category": "Near", "rows": [{"names": f"1..{rows}", "seats": labels}]}]
    )


def test_more_text_than_a_frame_carries_is_refused() -> None:
    row_bytes = 1_000 * 33
    most = (MAX_TEXT_BYTES - 1_000) // row_bytes
    layout = parse_layout(labels_that_unfold(most))
    assert isinstance(layout, Layout)
    assert most * row_bytes < layout.text_bytes <= MAX_TEXT_BYTES
    assert first_fault(layout) is None
    faults = parse_layout(labels_that_unfold(most + 1))
    assert [str(fault) for fault in faults] == ["has more than 4194304 bytes of row names and seat labels"]  # type: ignore[union-attr]
    more = (*layout.sections, msgspec.structs.replace(layout.sections[0], name="102"))
    assert "bytes of row names" in str(first_fault(msgspec.structs.replace(layout, sections=more)))


_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=2),
    st.sampled_from(["1..3", "A..C", "Court 1..2", "Near", "2026-10-25", "2026-10-25T02:30", "08:00-22:00", "UTC"]),
)  # fmt: skip
_NAMES = st.sampled_from(
    ["name", "names", "price", "prices", "seats", "rows", "from", "until", "mon-fri", "hours", "x y"]
)
_NONSENSE = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4)
)


def places_in(raw: Any, place: str = "") -> Iterator[str]:
    """The dotted places of all that is in a file."""
    within = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    for name, part in within:
        here = f"{place}.{name}" if place else str(name)
        yield here
        yield from places_in(part, here)


@pytest.mark.parametrize("good", [PRICES, SEATS, RESOURCES], ids=["prices", "seats", "resources"])
@given(data=st.data())
def test_nonsense_anywhere_is_refused_in_few_words_or_sound(good: Any, data: st.DataObject) -> None:
    raw = copy.deepcopy(good)
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(sorted(places_in(raw)))).split(".")
        target = raw
        for step in way:
            target = target[int(step) if isinstance(target, list) else step]
        target[int(last) if isinstance(target, list) else last] = data.draw(_NONSENSE)
    parsed = parse_layout(raw)
    if isinstance(parsed, Layout):
        assert first_fault(parsed) is None
        assert parse_layout(layout_to_raw(parsed)) == parsed
    else:
        assert all(len(str(fault)) <= 300 for fault in parsed)


@given(_NONSENSE)
def test_nonsense_is_no_layout(raw: object) -> None:
    assert isinstance(parse_layout(raw), tuple)
