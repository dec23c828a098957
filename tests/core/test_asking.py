"""What a wish means in a layout."""

import tracemalloc

import pytest

from actors.core import asking
from actors.core.asking import Asked, read_wish
from actors.core.layout import MAX_UNITS, Calendar, Category, Layout, Resource, Row, RowKind, Section
from actors.core.layout_index import LayoutIndex
from actors.core.outcomes import Reason, Rejected
from actors.core.rules import Rules
from actors.core.wishes import MAX_PARTS, Span, Wish, faults_of_wish

HOUR_MS = 3_600_000
LAYOUT = Layout(
    "EUR",
    (Category("Any", 1000),),
    (Section("Salon", (Row("T1", 0, 1, 4, kind=RowKind.WHOLE_TABLE),)),),
    (),
    resources=(Resource("Court", 0, 0),),
    calendars=(Calendar("UTC", HOUR_MS, ((0, 24, 0),)),),
)
INDEX = LayoutIndex(LAYOUT)
SPAN = Span("Court", HOUR_MS, 3 * HOUR_MS)


def test_a_slot_is_no_part_of_a_table() -> None:
    """It is numbered behind the last row, which is a table here."""
    asked = read_wish(INDEX, Rules(), Wish(spans=(SPAN,)))
    assert isinstance(asked, Asked)
    assert asked.seats == [5, 6]


def test_a_table_is_asked_for_whole_or_not_at_all() -> None:
    whole = read_wish(INDEX, Rules(), Wish(("Salon/T1",), spans=(SPAN,)))
    assert isinstance(whole, Asked)
    assert whole.seats == [0, 1, 2, 3, 5, 6]
    part = read_wish(INDEX, Rules(), Wish(("Salon/T1/2", "Salon/T1/3"), spans=(SPAN,)))
    assert isinstance(part, Rejected)
    assert (part.reason, part.details.units) == (Reason.TABLE_NOT_WHOLE, ("Salon/T1/1", "Salon/T1/4"))


def test_what_is_not_there_is_named() -> None:
    refused = read_wish(INDEX, Rules(), Wish(("Salon/T2", "Salon/T1/9"), spans=(Span("Court", 0, 25 * HOUR_MS),)))
    assert isinstance(refused, Rejected)
    assert (refused.reason, refused.details.units) == (Reason.UNIT_UNKNOWN, ("Salon/T2", "Salon/T1/9", "Court"))


def peak_bytes(slots: int) -> int:
    """What it takes at most to read, and to refuse, as many spans of so many slots as a wish can have."""
    courts = tuple(Resource(f"Court {number}", 0, 0) for number in range(MAX_PARTS))
    index = LayoutIndex(Layout("EUR", LAYOUT.categories, (), (), courts, (Calendar("UTC", 60_000, ((0, slots, 0),)),)))
    wish = Wish(spans=tuple(Span(court.name, 0, slots * 60_000) for court in courts))
    assert faults_of_wish(wish) == ()
    tracemalloc.start()
    try:
        refused = read_wish(index, Rules(), wish)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(refused, Rejected)
    assert refused.details.fields[0].startswith("units: ")
    return peak


def check_long_spans() -> None:
    """What is too much for a hold is counted, whatever it is."""
    assert peak_bytes(MAX_UNITS // MAX_PARTS) < 2 * peak_bytes(3)


def test_slots_that_are_too_many_are_only_counted() -> None:
    check_long_spans()


def test_negative_control_slots_that_are_gathered_before_they_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking._Reading, "_add", gathering)
    with pytest.raises(AssertionError):
        check_long_spans()


def gathering(reading: asking._Reading, asked: Asked, units: range, category: int, price_type: int) -> None:
    """As a list grows that nobody bounds."""
    asked.seats.extend(units)
    asked.seat_points.extend(category + price_type for _ in units)
    reading.named += len(units)


@pytest.mark.parametrize("other", [SPAN, Span("Court", 0, 2 * HOUR_MS), Span("Court", 2 * HOUR_MS, 24 * HOUR_MS)])
def test_spans_of_a_resource_do_not_overlap(other: Span) -> None:
    for spans in ((SPAN, other), (other, SPAN)):
        (fault,) = faults_of_wish(Wish(spans=spans))
        assert fault.startswith("spans[")
        assert fault.endswith("]: overlaps another of the same resource")


def test_spans_may_follow_each_other_or_be_of_two_resources() -> None:
    behind, elsewhere = Span("Court", 3 * HOUR_MS, 4 * HOUR_MS), Span("Field", HOUR_MS, 3 * HOUR_MS)
    assert faults_of_wish(Wish(spans=(behind, SPAN, elsewhere))) == ()
    asked = read_wish(INDEX, Rules(), Wish(spans=(behind, SPAN)))
    assert isinstance(asked, Asked)
    assert asked.seats == [7, 5, 6]
