"""Layouts at random, small and full of corner cases, for hypothesis."""

from hypothesis import strategies as st

from actors.core.labels import label_problem
from actors.core.layout import Area, Category, Layout, Row, Section

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
