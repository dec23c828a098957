"""Layouts at random, small and full of corner cases, for hypothesis."""

from datetime import date

import msgspec
from hypothesis import assume
from hypothesis import strategies as st

from actors.core.labels import label_problem
from actors.core.layout import (
    DAY_MINUTES,
    MAX_HALF_WIDTHS,
    MAX_PPM,
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
from actors.layout_files.calendars import runs_listed, runs_of
from actors.layout_files.local_times import weekly_overlap
from actors.layout_files.zones import zone_of

_TELLING = [
    "A", "B", "C", "Z", "a", "1", "2", "01", "9", "10", "999999", "A..C", "1..3", "-", "é", "Box 1", "Box 2", "Box 9",
    "Box 10", "- 1", "- 2", "1, 2", "1, 3", "Stand A", "Stand B",
]  # fmt: skip
_LABELS = st.one_of(
    st.sampled_from(_TELLING), st.text(min_size=1, max_size=8).filter(lambda text: label_problem(text) is None)
)
_PRICES = st.integers(0, 10**12)
_PPM = st.one_of(st.integers(0, MAX_PPM), st.sampled_from([0, 1, 70_000, 75_000, 190_000, MAX_PPM]))
_HALF_WIDTHS = st.integers(-MAX_HALF_WIDTHS, MAX_HALF_WIDTHS)
_PLACES = st.one_of(st.just((0, 0)), st.tuples(_HALF_WIDTHS, _HALF_WIDTHS))
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo", "UTC", "America/St_Johns"]
_DAYS = [
    (date(*day) - date(1970, 1, 1)).days
    for day in ((2026, 10, 20), (2027, 3, 25), (2026, 3, 6), (2026, 4, 3), (2000, 1, 1), (2199, 12, 1))
]


@st.composite
def _rows(draw: st.DrawFn, categories: int, kinds: list[RowKind]) -> Row:
    category = draw(st.integers(0, categories - 1))
    if draw(st.booleans()):
        row = Row("", category, draw(st.integers(0, 20)), draw(st.integers(1, 12)))
    else:
        labels = draw(st.lists(_LABELS, min_size=1, max_size=5, unique=True))
        row = Row("", category, 0, len(labels), tuple(labels))
    special = draw(st.lists(st.integers(0, row.count - 1), max_size=4, unique=True))
    cut = draw(st.integers(0, len(special)))
    return msgspec.structs.replace(
        row,
        kind=draw(st.sampled_from(kinds)),
        accessible=tuple(sorted(special[:cut])),
        companions=tuple(sorted(special[cut:])),
    )


@st.composite
def _sections(draw: st.DrawFn, name: str, categories: int) -> Section:
    names = draw(st.lists(_LABELS, min_size=1, max_size=7, unique=True))
    cut = draw(st.integers(0, len(names)))
    rows: list[Row] = []
    for named, kinds in ((names[:cut], [RowKind.ROW]), (names[cut:], [RowKind.TABLE, RowKind.WHOLE_TABLE])):
        shape = draw(_rows(categories, kinds))
        for row_name in named:
            row = shape if draw(st.booleans()) else draw(_rows(categories, kinds))  # alike: ranges of names
            rows.append(msgspec.structs.replace(row, name=row_name))
    return Section(name, tuple(rows), draw(_PLACES))


@st.composite
def hours(draw: st.DrawFn) -> Hours:
    """Opening hours of up to three weeks, most of them around a change of the clock, with closed times."""
    first_day = draw(st.sampled_from(_DAYS)) + draw(st.integers(0, 7))
    last_day = first_day + draw(st.integers(0, 21))
    openings = st.tuples(st.integers(0, 6), st.integers(0, DAY_MINUTES - 1), st.integers(30, DAY_MINUTES))
    weekly = sorted(
        (weekday, opens, opens + length) for weekday, opens, length in draw(st.lists(openings, min_size=1, max_size=6))
    )
    assume(weekly_overlap(weekly) is None)
    minutes = st.integers(first_day * DAY_MINUTES, (last_day + 1) * DAY_MINUTES)
    closed = {(min(ends), max(ends)) for ends in draw(st.lists(st.tuples(minutes, minutes), max_size=4))}
    return Hours(
        first_day, last_day, tuple(weekly), tuple(sorted((begin, end) for begin, end in closed if begin < end))
    )


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    """A calendar that was resolved from opening hours, or one of which only the runs are known."""
    zone = draw(st.sampled_from(ZONES))
    slot_ms = draw(st.sampled_from([1, 7, 15, 30])) * MINUTE_MS
    if draw(st.booleans()):
        written = draw(hours())
        runs = runs_of(written, slot_ms, zone_of(zone))
        assume(runs)
        return Calendar(zone, slot_ms, runs, written)
    listed, minute = [], draw(st.integers(1, 40_000_000))
    for gap, count in draw(st.lists(st.tuples(st.integers(0, 600), st.integers(1, 9)), min_size=1, max_size=5)):
        minute += gap
        listed.append((minute * MINUTE_MS, count))
        minute += count * slot_ms // MINUTE_MS
    return Calendar(zone, slot_ms, runs_listed(listed, slot_ms, zone_of(zone)))


@st.composite
def _resources(draw: st.DrawFn, names: list[str], categories: int) -> tuple[tuple[Resource, ...], tuple[Calendar, ...]]:
    """Resources of these names, and their calendars in the order in which they name them."""
    if not names:
        return (), ()
    found = draw(st.lists(calendars(), min_size=1, max_size=2))
    number_of: dict[Calendar, int] = {}
    resources = []
    for name in names:
        number = number_of.setdefault(draw(st.sampled_from(found)), len(number_of))
        buffer_ms = draw(st.sampled_from([0, 15, DAY_MINUTES])) * MINUTE_MS
        resources.append(Resource(name, draw(st.integers(0, categories - 1)), number, buffer_ms))
    return tuple(resources), tuple(number_of)


@st.composite
def _categories(draw: st.DrawFn, price_types: int) -> tuple[Category, ...]:
    return tuple(
        Category(name, draw(_PRICES), tuple((n, draw(_PRICES)) for n in range(1, price_types) if draw(st.booleans())))
        for name in draw(st.lists(_LABELS, min_size=1, max_size=3, unique=True))
    )


@st.composite
def _fees(draw: st.DrawFn) -> tuple[Fee, ...]:
    names = draw(st.lists(_LABELS, max_size=3, unique=True))
    once = {name: draw(st.booleans()) for name in names}
    return tuple(Fee(name, draw(_PRICES), 0 if once[name] else draw(_PPM), once[name]) for name in names)


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    """Sound layouts with 1 to 3 categories and 1 to 5 sections, areas and resources."""
    price_types = tuple(draw(st.lists(_LABELS, max_size=3, unique=True)))
    categories = draw(_categories(len(price_types)))
    names = draw(st.lists(_LABELS, min_size=1, max_size=5, unique=True))
    cut, second = sorted(draw(st.tuples(st.integers(0, len(names)), st.integers(0, len(names)))))
    resources, calendars_of_them = draw(_resources(names[second:], len(categories)))
    return Layout(
        currency=draw(st.sampled_from(["EUR", "USD", "JPY"])),
        categories=categories,
        sections=tuple(draw(_sections(name, len(categories))) for name in names[:cut]),
        areas=tuple(
            Area(name, draw(st.integers(0, len(categories) - 1)), draw(st.integers(1, 5000)))
            for name in names[cut:second]
        ),
        resources=resources,
        calendars=calendars_of_them,
        price_types=price_types,
        fees=draw(_fees()),
        tax=draw(st.one_of(st.none(), st.builds(Tax, _LABELS, _PPM, st.booleans()))),
        focus=draw(st.one_of(st.none(), _PLACES)),
    )
