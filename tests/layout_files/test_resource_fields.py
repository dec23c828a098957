"""Resources and when their slots are, as a layout file says it, each fault under its path."""

from typing import Any

import msgspec
import pytest

from actors.core.layout import MAX_HOURS, MAX_RESOURCES, MAX_RUNS, Calendar, Hours, Layout, Resource
from actors.core.layout_index import LayoutIndex
from actors.core.layout_soundness import first_fault
from actors.layout_files import resource_fields
from actors.layout_files.layout_file import parse_layout
from actors.layout_files.layout_writer import layout_to_raw
from actors.layout_files.zones import zone_of
from tests.layout_files.spoiling import faults_of, spoiled

GOOD: dict[str, Any] = {
    "currency": "EUR",
    "categories": [{"name": "Court", "price": 2400}],
    "areas": [{"name": "Terrace", "capacity": 10, "category": "Court"}],
    "resources": [
        {
            "names": "Court 1..12",
            "category": "Court",
            "zone": "Europe/Berlin",
            "from": "2026-10-01",
            "until": "2026-11-29",
            "slot_minutes": 30,
            "buffer_minutes": 15,
            "hours": {"mon-fri": "08:00-22:00", "sat": ["09:00-12:00", "13:00-20:00"], "sun": "20:00-02:00"},
            "unavailable": [
                {"from": "2026-11-01T08:00", "until": "2026-11-01T20:30"},
                {"from": "2026-10-03", "until": "2026-10-03"},
            ],
        },
        {
            "name": "Hall",
            "category": "Court",
            "zone": "Europe/Berlin",
            "slot_minutes": 60,
            "openings": [
                {"from": "2026-10-24T22:00+02:00", "until": "2026-10-25T03:00+02:00"},
                {"from": "2026-10-25T02:00+01:00", "until": "2026-10-25T04:30+01:00"},
            ],
        },
    ],
}
PLACE = "resources.0"
PATH = "resources[0]"
HALL = "resources[1].openings"
DAY = "must be a day such as 2026-10-01, of the years 2000 to 2199"
TIME = "must be a local time such as 2026-12-24T18:00, or a day"
HOURS = "must be opening hours such as 08:00-22:00"
INSTANT = "must be a time in whole seconds with its distance from UTC, such as 2026-10-25T08:00+01:00"
ZONE = "must be the name of a zone such as Europe/Berlin"
WEEKDAYS = 'must be a weekday such as "sat", or "mon-fri"'
FIELDS = (
    "must be a mapping with the fields name, names, category, zone, slot_minutes, buffer_minutes, from, until, hours, "
    "unavailable, openings"
)
ALL_SAID = 'must not stand beside "openings", which say it all'

ONE_FAULT: list[tuple[str, object, str, str]] = [
    ("resources", {}, "resources", "must be a list, is a mapping"),
    ("resources", [7] * 1001, "resources", "must have 0 to 1000 elements, has 1001"),
    ("resources.1", None, "resources[1]", f"{FIELDS}; is nothing"),
    (f"{PLACE}.names", ..., f"{PATH}.name", "is missing"),
    (f"{PLACE}.name", "Court", f"{PATH}.names", 'must not stand beside "name": give one of the two'),
    (f"{PLACE}.names", "Court 1-12", f"{PATH}.names", 'must be a range such as "A..T" or "1..15", is "Court 1-12"'),
    (f"{PLACE}.names", "1..1001", f"{PATH}.names", "must be at most 1000 resources, is 1001"),
    (f"{PLACE}.names", [], f"{PATH}.names", "must have 1 to 1000 elements, has 0"),
    (f"{PLACE}.names", ["Red", "Red"], f"{PATH}.names[1]", f'"Red" is already used by {PATH}.names[0]'),
    (f"{PLACE}.names", ["Red", 7], f"{PATH}.names[1]", "must be text in quotes, is 7"),
    (f"{PLACE}.names", ["Terrace"], f"{PATH}.names[0]", '"Terrace" is already used by areas[0].name'),
    ("resources.1.name", "Terrace", "resources[1].name", '"Terrace" is already used by areas[0].name'),
    ("resources.1.name", "Court 7", "resources[1].name", f'"Court 7" is already used by {PATH}.names'),
    (f"{PLACE}.category", ..., f"{PATH}.category", "is missing"),
    (f"{PLACE}.category", "Hall", f"{PATH}.category", '"Hall" is not one of the categories'),
    (f"{PLACE}.zone", ..., f"{PATH}.zone", "is missing"),
    (f"{PLACE}.zone", "Europe/Berln", f"{PATH}.zone", f'{ZONE}, is "Europe/Berln", did you mean "Europe/Berlin"?'),
    (f"{PLACE}.zone", "CET+1", f"{PATH}.zone", f'{ZONE}, is "CET+1", did you mean "CET"?'),
    (f"{PLACE}.zone", "../../etc/passwd", f"{PATH}.zone", f'{ZONE}, is "../../etc/passwd"'),
    (f"{PLACE}.zone", "localtime", f"{PATH}.zone", f'{ZONE}, is "localtime"'),
    (f"{PLACE}.zone", "", f"{PATH}.zone", f'{ZONE}, is ""'),
    (f"{PLACE}.zone", 60, f"{PATH}.zone", f"{ZONE}, is 60"),
    (f"{PLACE}.slot_minutes", ..., f"{PATH}.slot_minutes", "is missing"),
    (f"{PLACE}.slot_minutes", 0, f"{PATH}.slot_minutes", "must be from 1 to 1440, is 0"),
    (f"{PLACE}.slot_minutes", 1441, f"{PATH}.slot_minutes", "must be from 1 to 1440, is 1441"),
    (f"{PLACE}.slot_minutes", "30", f"{PATH}.slot_minutes", 'must be a whole number, is "30"'),
    (f"{PLACE}.slot_minutes", 200, f"{PATH}.hours.sat[0]", 'is shorter than a slot: "09:00-12:00"'),
    (f"{PLACE}.buffer_minutes", -1, f"{PATH}.buffer_minutes", "must be from 0 to 1440, is -1"),
    (f"{PLACE}.from", ..., f"{PATH}.from", "is missing"),
    (f"{PLACE}.from", "2026-10-32", f"{PATH}.from", f'{DAY}, is "2026-10-32"'),
    (f"{PLACE}.from", "01.10.2026", f"{PATH}.from", f'{DAY}, is "01.10.2026"'),
    (f"{PLACE}.from", "2026-W40-4", f"{PATH}.from", f'{DAY}, is "2026-W40-4"'),
    (f"{PLACE}.from", "1999-12-31", f"{PATH}.from", f'{DAY}, is "1999-12-31"'),
    (f"{PLACE}.from", 20261001, f"{PATH}.from", f"{DAY}, is 20261001"),
    (f"{PLACE}.until", "2200-01-01", f"{PATH}.until", f'{DAY}, is "2200-01-01"'),
    (f"{PLACE}.until", "2026-09-30", f"{PATH}.until", 'must not be before the day of "from"'),
    (f"{PLACE}.hours", ..., f"{PATH}.hours", "is missing"),
    (f"{PLACE}.hours", "08:00-22:00", f"{PATH}.hours",
     'must be a mapping of weekdays to opening hours, is "08:00-22:00"'),
    (f"{PLACE}.hours", {}, f"{PATH}.hours", "must be a mapping of weekdays to opening hours, is a mapping"),
    (f"{PLACE}.hours.monday", "08:00-22:00", f"{PATH}.hours", f'has the field "monday": {WEEKDAYS}'),
    (f"{PLACE}.hours.mon-", "08:00-22:00", f"{PATH}.hours", f'has the field "mon-": {WEEKDAYS}'),
    (f"{PLACE}.hours.Mon", "08:00-22:00", f"{PATH}.hours", f'has the field "Mon": {WEEKDAYS}'),
    (f"{PLACE}.hours.wed", "23:00-24:00", f"{PATH}.hours.wed", "has a day that mon-fri has already"),
    (f"{PLACE}.hours.fri-sun", "22:30-23:00", f"{PATH}.hours.fri-sun", "has a day that mon-fri has already"),
    (f"{PLACE}.hours.sun", "20-02", f"{PATH}.hours.sun", f'{HOURS}, is "20-02"'),
    (f"{PLACE}.hours.sun", "8:00-20:00", f"{PATH}.hours.sun", f'{HOURS}, is "8:00-20:00"'),
    (f"{PLACE}.hours.sun", "08:60-20:00", f"{PATH}.hours.sun", f'{HOURS}, is "08:60-20:00"'),
    (f"{PLACE}.hours.sun", "08:00-24:01", f"{PATH}.hours.sun", f'{HOURS}, is "08:00-24:01"'),
    (f"{PLACE}.hours.sun", "24:00-02:00", f"{PATH}.hours.sun", f'{HOURS}, is "24:00-02:00"'),
    (f"{PLACE}.hours.sun", None, f"{PATH}.hours.sun", f"{HOURS}, is nothing"),
    (f"{PLACE}.hours.sun", [], f"{PATH}.hours.sun", "must have 1 to 20 elements, has 0"),
    (f"{PLACE}.hours.sat", ["09:00-12:00", 13], f"{PATH}.hours.sat[1]", f"{HOURS}, is 13"),
    (f"{PLACE}.hours.sat", ["09:00-12:00", "11:00-13:00"], f"{PATH}.hours",
     "sat 09:00-12:00 goes on into sat 11:00-13:00"),
    (f"{PLACE}.hours.sun", "20:00-08:30", f"{PATH}.hours", "sun 20:00-08:30 goes on into mon 08:00-22:00"),
    (f"{PLACE}.hours.mon-fri", "10:00-09:30", f"{PATH}.hours", "fri 10:00-09:30 goes on into sat 09:00-12:00"),
    (f"{PLACE}.until", "2026-10-03", f"{PATH}.hours", "leave no slot between the first day and the last"),
    (f"{PLACE}.unavailable", {}, f"{PATH}.unavailable", "must be a list, is a mapping"),
    (f"{PLACE}.unavailable.0", "2026-11-01", f"{PATH}.unavailable[0]",
     'must be a mapping with the fields from, until; is "2026-11-01"'),
    (f"{PLACE}.unavailable.0.from", ..., f"{PATH}.unavailable[0].from", "is missing"),
    (f"{PLACE}.unavailable.0.from", "2026-11-01 8:00", f"{PATH}.unavailable[0].from", f'{TIME}, is "2026-11-01 8:00"'),
    (f"{PLACE}.unavailable.0.until", "2026-11-01T24:01", f"{PATH}.unavailable[0].until",
     f'{TIME}, is "2026-11-01T24:01"'),
    (f"{PLACE}.unavailable.0.until", "2026-11-01T08:00", f"{PATH}.unavailable[0].until", 'must be after "from"'),
    ("resources.1.hours", {"mon": "08:00-09:00"}, "resources[1].hours", ALL_SAID),
    ("resources.1.from", "2026-10-01", "resources[1].from", ALL_SAID),
    ("resources.1.unavailable", [], "resources[1].unavailable", ALL_SAID),
    ("resources.1.openings", [], HALL, "must have 1 to 10000 elements, has 0"),
    ("resources.1.openings.0.from", "2026-10-24T22:00", f"{HALL}[0].from", f'{INSTANT}, is "2026-10-24T22:00"'),
    ("resources.1.openings.0.from", "2026-10-24T22:00:00.5Z", f"{HALL}[0].from",
     f'{INSTANT}, is "2026-10-24T22:00:00.5Z"'),
    ("resources.1.openings.0.from", "1969-10-24T22:00Z", f"{HALL}[0].from", f'{INSTANT}, is "1969-10-24T22:00Z"'),
    ("resources.1.openings.1.until", "9999-12-31T22:00Z", f"{HALL}[1].until", f'{INSTANT}, is "9999-12-31T22:00Z"'),
    ("resources.1.openings.0.until", "2026-10-24T22:30+02:00", f"{HALL}[0].until",
     'must be after "from" by a slot at least'),
    ("resources.1.openings.1.from", "2026-10-25T02:59+02:00", f"{HALL}[1].from",
     "must not be before the end of the opening before it"),
    ("resources.1.openings.1.to", "x", f"{HALL}[1].to", "is an unknown field"),
    (f"{PLACE}.slots", 30, f"{PATH}.slots", 'is an unknown field'),
]  # fmt: skip
ONLY_SATURDAYS = {"sat": "09:00-12:00"}


def test_the_club_is_read_as_it_is_written() -> None:
    layout = parse_layout(GOOD)
    assert isinstance(layout, Layout), layout
    assert layout.resources == (
        *(Resource(f"Court {number}", 0, 0, 900_000) for number in range(1, 13)),
        Resource("Hall", 0, 1),
    )
    club, hall = layout.calendars
    assert hall == Calendar("Europe/Berlin", 3_600_000, ((1_792_872_000_000, 5, 120), (1_792_890_000_000, 2, 60)))
    weekly = (*((day, 480, 1320) for day in range(5)), (5, 540, 720), (5, 780, 1200), (6, 1200, 1560))
    closed = ((29_849_760, 29_851_200), (29_892_000, 29_892_750))
    assert club.hours == Hours(20_727, 20_786, weekly, closed)
    assert first_fault(layout) is None
    names = LayoutIndex(layout)
    for name in ("Court 12/2026-10-25T21:30+01:00", "Court 1/2026-10-26T01:30+01:00", "Hall/2026-10-25T02:00+02:00",
                 "Hall/2026-10-25T02:00+01:00"):  # fmt: skip
        assert names.find_unit(name) is not None, name
    for name in ("Court 1/2026-10-03T09:00+02:00", "Court 1/2026-11-01T20:00+01:00", "Hall/2026-10-25T04:00+01:00"):
        assert names.find_unit(name) is None, name


def test_the_club_comes_back_as_it_was_written() -> None:
    layout = parse_layout(GOOD)
    assert isinstance(layout, Layout)
    raw: Any = layout_to_raw(layout)
    club, hall = raw["resources"]
    good_club, good_hall = GOOD["resources"]
    assert club == good_club | {"unavailable": list(reversed(good_club["unavailable"]))}
    cut = {"from": "2026-10-25T02:00+01:00", "until": "2026-10-25T04:00+01:00"}  # what is too short is not there
    assert hall == good_hall | {"openings": [good_hall["openings"][0], cut]}
    assert parse_layout(raw) == layout


HALL_OPEN = {"from": "2026-10-24T22:00+02:00", "until": "2026-10-26T10:00+01:00"}


@pytest.mark.parametrize(
    "opening",
    [
        HALL_OPEN,
        {"from": "2026-10-24T20:00Z", "until": "2026-10-26T09:00Z"},
        {"from": "2026-10-24T13:00-07:00", "until": "2026-10-26T02:00-07:00"},
    ],
)
def test_slots_of_openings_are_named_in_the_zone_however_they_are_written(opening: dict[str, str]) -> None:
    layout = parse_layout(spoiled(GOOD, "resources.1.openings", [opening]))
    assert isinstance(layout, Layout), layout
    index = LayoutIndex(layout)
    names = [index.unit_name(unit) for unit in range(index.unit_count)][-37:]
    assert (names[0], names[4], names[5], names[-1]) == (
        "Hall/2026-10-24T22:00+02:00",
        "Hall/2026-10-25T02:00+02:00",
        "Hall/2026-10-25T02:00+01:00",
        "Hall/2026-10-26T09:00+01:00",
    )
    assert len(set(names)) == 37
    raw: Any = layout_to_raw(layout)
    assert raw["resources"][1]["openings"] == [
        {"from": "2026-10-24T22:00+02:00", "until": "2026-10-25T03:00+02:00"},
        {"from": "2026-10-25T02:00+01:00", "until": "2026-10-26T10:00+01:00"},
    ]
    assert parse_layout(raw) == layout


def test_calendars_that_come_out_equal_are_one() -> None:
    hall = GOOD["resources"][1] | {"openings": [HALL_OPEN]}
    parted = [{"from": HALL_OPEN["from"], "until": "2026-10-25T01:00Z"}]
    parted.append({"from": "2026-10-25T01:00Z", "until": HALL_OPEN["until"]})
    layout = parse_layout(GOOD | {"resources": [hall, hall | {"name": "Gym", "openings": parted}]})
    assert isinstance(layout, Layout), layout
    assert len(layout.calendars) == 1
    assert parse_layout(layout_to_raw(layout)) == layout


def test_listed_openings_of_too_many_slots_are_refused_before_they_are_parted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource_fields, "runs_listed", lambda listed, slot_ms, zone: pytest.fail("they were parted"))
    ages = {"from": "1970-01-02T00:00Z", "until": "9999-01-01T00:00Z"}
    hall = GOOD["resources"][1] | {"openings": [ages], "slot_minutes": 1}
    assert faults_of(parse_layout, GOOD | {"resources": [hall]}) == [
        ("", "has more than 1000000 seats, places and slots")
    ]


def test_equal_calendars_are_one_and_resolved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def counted(name: str) -> object:
        asked.append(name)
        return zone_of(name)

    monkeypatch.setattr(resource_fields, "zone_of", counted)
    court = GOOD["resources"][0]
    same = [court | {"names": f"{letter} 1..20", "buffer_minutes": 5 * number} for number, letter in enumerate("ABCD")]
    other = court | {"names": ["Red", "Blue"], "slot_minutes": 60}
    layout = parse_layout(GOOD | {"resources": [*same, other]})
    assert isinstance(layout, Layout), layout
    assert len(layout.calendars) == len(asked) == 2
    assert {resource.calendar for resource in layout.resources[:80]} == {0}
    raw: Any = layout_to_raw(layout)
    assert [resource["names"] for resource in raw["resources"]] == [
        "A 1..20", "B 1..20", "C 1..20", "D 1..20", ["Red", "Blue"]
    ]  # fmt: skip
    assert parse_layout(raw) == layout


@pytest.mark.parametrize(
    ("place", "value", "path", "problem"), ONE_FAULT, ids=[f"{row}:{case[0]}" for row, case in enumerate(ONE_FAULT)]
)
def test_one_spoiled_field_gives_exactly_its_fault(place: str, value: object, path: str, problem: str) -> None:
    good = GOOD
    if problem.startswith("leave no slot"):
        good = spoiled(spoiled(GOOD, f"{PLACE}.hours", ONLY_SATURDAYS), f"{PLACE}.until", "2026-10-09")
    assert faults_of(parse_layout, spoiled(good, place, value)) == [(path, problem)]


def test_resources_are_bounded_in_all() -> None:
    court = GOOD["resources"][0] | {"until": "2026-10-02"}
    most = [court | {"names": "1..999"}, court | {"name": "Hall"}]
    del most[1]["names"]
    assert isinstance(parse_layout(GOOD | {"resources": most}), Layout)
    more = [most[0], court | {"names": ["Hall", "Gym"]}]
    assert faults_of(parse_layout, GOOD | {"resources": more}) == [
        ("resources", f"must be at most {MAX_RESOURCES} resources")
    ]


def test_more_slots_than_units_may_be_are_refused() -> None:
    resource = GOOD["resources"][0] | {"names": "1..1000", "slot_minutes": 1}
    assert faults_of(parse_layout, GOOD | {"resources": [resource]}) == [
        ("", "has more than 1000000 seats, places and slots")
    ]


def years(first: int, count: int, **fields: object) -> Any:
    """The club, open on all days of so many years."""
    resource = GOOD["resources"][0] | {"from": f"{first}-01-01", "until": f"{first + count - 1}-12-31", "names": ["A"]}
    return resource | {"hours": {"mon-sun": "08:00-09:00"}} | fields


def test_openings_are_bounded_in_all_before_they_are_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(parse_layout(GOOD | {"resources": [years(2026, 100)]}), Layout)
    monkeypatch.setattr(resource_fields, "runs_of", lambda hours, slot_ms, zone: pytest.fail("it was resolved"))
    assert faults_of(parse_layout, GOOD | {"resources": [years(2026, 150)]}) == [
        ("", f"has more than {MAX_RUNS} opening hours on all days together")
    ]


def test_closed_times_are_bounded_in_all() -> None:
    closed = [{"from": "2026-10-03", "until": "2026-10-03"}] * 1_000
    resources = [years(2026, 1, names=[str(number)], unavailable=closed) for number in range(MAX_HOURS // 1_000)]
    assert faults_of(parse_layout, GOOD | {"resources": resources}) == [
        ("", f"has more than {MAX_HOURS} opening hours of weeks and closed times")
    ]


def test_times_of_the_last_days_come_back() -> None:
    resource = years(2199, 1, unavailable=[{"from": "2199-12-31", "until": "2199-12-31"}])
    layout = parse_layout(GOOD | {"resources": [resource]})
    assert isinstance(layout, Layout), layout
    assert first_fault(layout) is None
    assert parse_layout(layout_to_raw(layout)) == layout


def test_negative_control_hours_that_differ_from_the_runs_do_not_come_back() -> None:
    layout = parse_layout(GOOD)
    assert isinstance(layout, Layout)
    club = layout.calendars[0]
    assert club.hours is not None
    later = msgspec.structs.replace(club, hours=msgspec.structs.replace(club.hours, first_day=club.hours.first_day + 1))
    changed = msgspec.structs.replace(layout, calendars=(later, layout.calendars[1]))
    assert first_fault(changed) is None, "it is for people, and a block knows no zones"
    assert parse_layout(layout_to_raw(changed)) != changed
