"""Layouts at random that have every kind of inventory, for hypothesis."""

import msgspec
from hypothesis import strategies as st

from actors.core.layout import Calendar, Category, Fee, Layout, Resource, Row, RowKind, Section, Tax
from tests.core.layout_strategy import layouts

MINUTE_MS = 60_000
_NAMES = ["court 1", "court 2", "A", "B", "1", "2", "adult", "é"]
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
    types = tuple(draw(st.lists(st.sampled_from(_NAMES), max_size=3, unique=True)))
    known = {section.name for section in layout.sections} | {area.name for area in layout.areas}
    names = [name for name in draw(st.lists(st.sampled_from(_NAMES), max_size=3, unique=True)) if name not in known]
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
            for name in draw(st.lists(st.sampled_from(_NAMES), max_size=2, unique=True))
        ),
        tax=Tax("VAT", draw(millionths), draw(st.booleans())) if draw(st.booleans()) else None,
        focus=draw(st.none() | coordinates),
    )  # fmt: skip
