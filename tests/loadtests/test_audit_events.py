"""The audit finds each planted fault in the life of an event, its layouts, its rules and its returns."""

import msgspec
import pytest

from actors.audit.findings import Fault
from actors.core import entries as e
from actors.core.layout import Area, Calendar, Layout, Resource
from actors.core.replies import EventStatus
from actors.core.rules import Allotment, Channel, Rules, WaitingList, Window
from tests.loadtests.journals import KEY, PRINT, Journal, Spoil, audit, faults
from tests.loadtests.planting import changed_status, edited
from tests.loadtests.whole_house import LAST_LAYOUT, LAST_RULES, SLOT_MS, SLOTS_FROM_MS
from tests.loadtests.whole_journal import journal_before_correction


def archived_while_on_sale(journal: Journal) -> None:
    journal.add(changed_status(journal, EventStatus.ARCHIVED))


def opened_after_its_close(journal: Journal) -> None:
    journal.add(changed_status(journal, EventStatus.CLOSED), e.SaleOpened(journal.last_ms, KEY, PRINT))


def hold_of_a_cancelled_event(journal: Journal) -> None:
    """Its holds ended with it."""
    journal.add(changed_status(journal, EventStatus.CANCELLED), e.HoldReleased(journal.last_ms, 13, KEY, PRINT))


def order_of_a_cancelled_event(journal: Journal) -> None:
    journal.add(changed_status(journal, EventStatus.CANCELLED), e.OrderCancelled(journal.last_ms, 101, KEY, PRINT))


def _edit_layout(journal: Journal, **changes: object) -> None:
    journal.add(edited(journal, layout=msgspec.structs.replace(LAST_LAYOUT, **changes)))


def layout_without_a_row(journal: Journal) -> None:
    """A/1, of which much is sold."""
    sections = list(LAST_LAYOUT.sections)
    assert sections[-1].name == "A"
    sections[-1] = msgspec.structs.replace(sections[-1], rows=sections[-1].rows[1:])
    _edit_layout(journal, sections=tuple(sections))


def area_smaller_than_its_claims(journal: Journal) -> None:
    smaller = {"terrace": 1, "floor": 12}
    areas = (msgspec.structs.replace(area, capacity=smaller[area.name]) for area in LAST_LAYOUT.areas)
    _edit_layout(journal, areas=tuple(areas))


def slots_of_another_length(journal: Journal) -> None:
    calendars = (msgspec.structs.replace(calendar, slot_ms=2 * SLOT_MS, runs=((SLOTS_FROM_MS, 2, 120),))
                 for calendar in LAST_LAYOUT.calendars[:1])  # fmt: skip
    _edit_layout(journal, calendars=(*calendars, *LAST_LAYOUT.calendars[1:]))


def another_currency(journal: Journal) -> None:
    _edit_layout(journal, currency="USD")


def price_type_twice(journal: Journal) -> None:
    _edit_layout(journal, price_types=("adult", "child", "child"))


def price_of_no_type(journal: Journal) -> None:
    _edit_layout(journal, price_types=())


def fee_below_nothing(journal: Journal) -> None:
    _edit_layout(journal, fees=(msgspec.structs.replace(LAST_LAYOUT.fees[0], amount=-1),))


def resource_without_a_calendar(journal: Journal) -> None:
    _edit_layout(journal, resources=(*LAST_LAYOUT.resources, Resource("court 3", 3, 2)))


def slots_at_once(journal: Journal) -> None:
    calendar = Calendar("UTC", SLOT_MS, ((SLOTS_FROM_MS, 2, 0), (SLOTS_FROM_MS + SLOT_MS, 2, 0)))
    _edit_layout(journal, calendars=(*LAST_LAYOUT.calendars, calendar))


def slots_beyond_all_times(journal: Journal) -> None:
    _edit_layout(journal, calendars=(*LAST_LAYOUT.calendars, Calendar("UTC", SLOT_MS, ((1 << 60, 1, 0),))))


def slots_of_no_zone(journal: Journal) -> None:
    _edit_layout(journal, calendars=(*LAST_LAYOUT.calendars, Calendar("UTC", SLOT_MS, ((SLOTS_FROM_MS, 1, 1_440),))))


def accessible_seat_beyond_its_row(journal: Journal) -> None:
    first = LAST_LAYOUT.sections[0]
    row = msgspec.structs.replace(first.rows[0], accessible=(3,))
    sections = (msgspec.structs.replace(first, rows=(row, *first.rows[1:])), *LAST_LAYOUT.sections[1:])
    _edit_layout(journal, sections=sections)


def resource_called_as_an_area(journal: Journal) -> None:
    _edit_layout(journal, areas=(*LAST_LAYOUT.areas, Area("court 1", 0, 1)))


def _edit_rules(journal: Journal, **changes: object) -> None:
    journal.add(edited(journal, rules=msgspec.structs.replace(LAST_RULES, **changes)))


def allotment_of_what_is_not_there(journal: Journal) -> None:
    _edit_rules(journal, allotments=(Allotment("x", "", ("A/9",)),))


def allotment_of_a_unit_twice(journal: Journal) -> None:
    _edit_rules(journal, allotments=(Allotment("x", "", ("A/3", "A/3")),))


def allotment_of_an_unknown_channel(journal: Journal) -> None:
    _edit_rules(journal, allotments=(Allotment("x", "nobody", ("A",)),))


def two_channels_of_one_name(journal: Journal) -> None:
    _edit_rules(journal, channels=(*LAST_RULES.channels, Channel("box")))


def window_that_closes_first(journal: Journal) -> None:
    _edit_rules(journal, window=Window(2, 1))


def offers_for_no_time(journal: Journal) -> None:
    _edit_rules(journal, waiting_list=WaitingList(0))


def layout_without_what_is_set_aside(journal: Journal) -> None:
    """H/1 is the house's, and nobody has it."""
    sections = tuple(
        msgspec.structs.replace(section, rows=section.rows[1:]) if section.name == "H" else section
        for section in LAST_LAYOUT.sections
    )
    _edit_layout(journal, sections=sections)


def holds_longer_than_they_can_be(journal: Journal) -> None:
    journal.add(edited(journal, hold_ttl_ms=LAST_RULES.max_hold_life_ms + 1))


def unknown_allotment_returned(journal: Journal) -> None:
    journal.add(e.AllotmentReturned(journal.last_ms, "of nobody"))


def allotment_that_never_is_returned(journal: Journal) -> None:
    journal.add(e.AllotmentReturned(journal.last_ms, "house"))


def allotment_returned_twice(journal: Journal) -> None:
    journal.add(e.AllotmentReturned(journal.last_ms, "of the partner"))


def allotment_returned_early(journal: Journal) -> None:
    at_ms = journal.last_ms
    late = Allotment("late", "box", ("A/3/4",), (), at_ms + 1)
    journal.add(edited(journal, rules=msgspec.structs.replace(LAST_RULES, allotments=(late,))))
    journal.add(e.AllotmentReturned(at_ms, "late"))


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (archived_while_on_sale, {Fault.EVENT_ILLEGAL}),
        (opened_after_its_close, {Fault.EVENT_ILLEGAL}),
        (hold_of_a_cancelled_event, {Fault.HOLD_NOT_ACTIVE}),
        (order_of_a_cancelled_event, {Fault.ORDER_ENDED}),
        (area_smaller_than_its_claims, {Fault.UNIT_LOST}),
        (another_currency, {Fault.LAYOUT_WRONG}),
        (price_type_twice, {Fault.LAYOUT_WRONG}),
        (price_of_no_type, {Fault.LAYOUT_WRONG}),
        (fee_below_nothing, {Fault.LAYOUT_WRONG}),
        (resource_without_a_calendar, {Fault.LAYOUT_WRONG}),
        (slots_at_once, {Fault.LAYOUT_WRONG}),
        (slots_beyond_all_times, {Fault.LAYOUT_WRONG}),
        (slots_of_no_zone, {Fault.LAYOUT_WRONG}),
        (accessible_seat_beyond_its_row, {Fault.LAYOUT_WRONG}),
        (resource_called_as_an_area, {Fault.LAYOUT_WRONG}),
        (allotment_of_what_is_not_there, {Fault.RULES_WRONG}),
        (allotment_of_a_unit_twice, {Fault.RULES_WRONG}),
        (allotment_of_an_unknown_channel, {Fault.RULES_WRONG}),
        (two_channels_of_one_name, {Fault.RULES_WRONG}),
        (window_that_closes_first, {Fault.RULES_WRONG}),
        (offers_for_no_time, {Fault.RULES_WRONG}),
        (layout_without_what_is_set_aside, {Fault.RULES_WRONG}),
        (holds_longer_than_they_can_be, {Fault.EVENT_ILLEGAL}),
        (unknown_allotment_returned, {Fault.RETURN_WRONG}),
        (allotment_that_never_is_returned, {Fault.RETURN_WRONG}),
        (allotment_returned_twice, {Fault.RETURN_WRONG}),
        (allotment_returned_early, {Fault.RETURN_WRONG}),
    ],
)
def test_a_planted_fault_is_found_and_nothing_else(spoil: Spoil, expected: set[Fault]) -> None:
    journal = journal_before_correction()
    spoil(journal)
    assert faults(audit(journal)) == expected


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (layout_without_a_row, Fault.UNIT_LOST),
        (slots_of_another_length, Fault.UNIT_LOST),
    ],
)
def test_a_planted_fault_is_found_among_what_follows_from_it(spoil: Spoil, expected: Fault) -> None:
    journal = journal_before_correction()
    spoil(journal)
    assert expected in faults(audit(journal))


@pytest.mark.parametrize("allotment", ["of the partner", ""])
def test_what_is_never_returned_is_found(allotment: str) -> None:
    """Its time was in the past, and the owner goes on for minutes."""
    journal = journal_before_correction()
    row, place = journal.find(e.AllotmentReturned, allotment=allotment)
    del journal.drafts[row].entries[place]
    assert Fault.NEVER_RETURNED in faults(audit(journal))


def test_the_layout_and_rules_of_the_last_edit_are_those_at_the_end() -> None:
    """What the faults above are planted into."""
    edits = [
        entry
        for draft in journal_before_correction().drafts
        for entry in draft.entries
        if isinstance(entry, e.EventEdited)
    ]
    last_layout: Layout | None = next(edit.layout for edit in reversed(edits) if edit.layout is not None)
    last_rules: Rules | None = next(edit.rules for edit in reversed(edits) if edit.rules is not None)
    assert (last_layout, last_rules) == (LAST_LAYOUT, LAST_RULES)
