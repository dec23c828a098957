"""What a wish means in a layout."""

from actors.core.asking import Asked, read_wish
from actors.core.layout import Calendar, Category, Layout, Resource, Row, RowKind, Section
from actors.core.layout_index import LayoutIndex
from actors.core.outcomes import Reason, Rejected
from actors.core.rules import Rules
from actors.core.wishes import Span, Wish

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
