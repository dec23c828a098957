"""Layouts at random, small and full of corner cases, for hypothesis."""

import msgspec
from hypothesis import strategies as st

from actors.core.labels import label_problem
from actors.core.layout import (
    Area,
    Calendar,
    Category,
    Fee,
    Layout,
    Resource,
    Row,
    RowKind,
    Section,
    Tax,
)

_TELLING = ["A", "B", "C", "Z", "a", "1", "2", "01", "9", "10", "999999", "A..C", "1..3", "-", "é", "Box 1"]
_LABELS = st.one_of(
    st.sampled_from(_TELLING), st.text(min_size=1, max_size=8).filter(lambda text: label_problem(text) is None)
)


@st.composite
def _rows(draw: st.DrawFn, name: str, categories: int) -> Row:
    category = draw(st.integers(0, categories - 1))
    if draw(st.booleans()):
        return Row(name, category, draw(st.integers(0, 20)), draw(st.integers(1, 12)))
    labels = draw(st.lists(_LABELS, min_size=1, max_size=5, unique=True))
    return Row(name, category, 0, len(labels), tuple(labels))


@st.composite
def _sections(draw: st.DrawFn, name: str, categories: int) -> Section:
    shape = draw(_rows("", categories))
    rows = []
    for row_name in draw(st.lists(_LABELS, min_size=1, max_size=6, unique=True)):
        row = shape if draw(st.booleans()) else draw(_rows("", categories))  # rows alike exercise the ranges of names
        rows.append(Row(row_name, row.category, row.first, row.count, row.labels))
    return Section(name, tuple(rows))


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    """Valid layouts with 1 to 3 categories and 1 to 4 sections and areas."""
    categories = tuple(
        Category(name, draw(st.integers(0, 10**12)))
        for name in draw(st.lists(_LABELS, min_size=1, max_size=3, unique=True))
    )
    names = draw(st.lists(_LABELS, min_size=1, max_size=4, unique=True))
    cut = draw(st.integers(0, len(names)))
    return Layout(
        currency=draw(st.sampled_from(["EUR", "USD", "JPY"])),
        categories=categories,
        sections=tuple(draw(_sections(name, len(categories))) for name in names[:cut]),
        areas=tuple(
            Area(name, draw(st.integers(0, len(categories) - 1)), draw(st.integers(1, 5000))) for name in names[cut:]
        ),
    )


MINUTE_MS = 60_000
_START_MS = 1_792_000_000_000 // MINUTE_MS * MINUTE_MS
_MINUTES_AHEAD = [-210, -60, 0, 60, 120, 345]


@st.composite
def _calendars(draw: st.DrawFn) -> Calendar:
    slot_ms = draw(st.sampled_from([15, 30, 60, 90])) * MINUTE_MS
    start_ms = _START_MS + draw(st.integers(0, 1_000)) * MINUTE_MS
    runs = []
    for _ in range(draw(st.integers(1, 4))):
        count = draw(st.integers(1, 5))
        runs.append((start_ms, count, draw(st.sampled_from(_MINUTES_AHEAD))))
        start_ms += count * slot_ms + draw(st.sampled_from([0, 0, 15, 600])) * MINUTE_MS
    return Calendar("somewhere", slot_ms, tuple(runs))


@st.composite
def _priced(draw: st.DrawFn, category: Category, type_count: int) -> Category:
    types = draw(st.sets(st.integers(1, type_count - 1))) if type_count > 1 else ()
    prices = tuple((price_type, draw(st.integers(0, 10**6))) for price_type in sorted(types))
    return Category(category.name, category.price, prices)


@st.composite
def _furnished(draw: st.DrawFn, row: Row) -> Row:
    kind = draw(st.sampled_from(RowKind))
    special = draw(st.lists(st.integers(0, row.count - 1), unique=True, max_size=4))
    cut = draw(st.integers(0, len(special)))
    accessible, companions = tuple(sorted(special[:cut])), tuple(sorted(special[cut:]))
    return msgspec.structs.replace(row, kind=kind, accessible=accessible, companions=companions)


@st.composite
def whole_layouts(draw: st.DrawFn) -> Layout:
    """Layouts with tables, accessible seats, slots, price types, fees, tax and a focus as well, each of them or not."""
    layout = draw(layouts())
    types = tuple(draw(st.lists(st.sampled_from(_TELLING), max_size=3, unique=True)))
    known = {section.name for section in layout.sections} | {area.name for area in layout.areas}
    names = [name for name in draw(st.lists(st.sampled_from(_TELLING), max_size=3, unique=True)) if name not in known]
    calendars = tuple(draw(_calendars()) for _ in range(draw(st.integers(1, 2)))) if names else ()
    whose = st.integers(0, len(layout.categories) - 1)
    coordinates = st.tuples(st.integers(-50, 50), st.integers(-50, 50))
    millionths = st.integers(0, 250_000)
    return msgspec.structs.replace(
        layout,
        categories=tuple(draw(_priced(category, len(types))) for category in layout.categories),
        sections=tuple(
            Section(section.name, tuple(draw(_furnished(row)) for row in section.rows), draw(coordinates))
            for section in layout.sections
        ),
        resources=tuple(
            Resource(
                name, draw(whose), draw(st.integers(0, len(calendars) - 1)),
                draw(st.sampled_from([0, 0, 10, 15, 45])) * MINUTE_MS,
            )
            for name in names
        ),
        calendars=calendars,
        price_types=types,
        fees=tuple(
            Fee(name, draw(st.integers(0, 999)), 0, True)
            if draw(st.booleans())
            else Fee(name, draw(st.integers(0, 999)), draw(millionths))
            for name in draw(st.lists(st.sampled_from(_TELLING), max_size=2, unique=True))
        ),
        tax=Tax("VAT", draw(millionths), draw(st.booleans())) if draw(st.booleans()) else None,
        focus=draw(st.none() | coordinates),
    )  # fmt: skip
