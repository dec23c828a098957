"""Rules are read whole or refused whole, with every fault named under its path, and come back as they were."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.core.labels import label_problem
from actors.core.layout import MAX_TIME_MS, MAX_UNITS
from actors.core.rules import (
    MAX_ALLOTMENTS,
    MAX_CHANNELS,
    MAX_CLAIM_MS,
    MAX_HOLD_LIFE_MS,
    MAX_RULES_TEXT_BYTES,
    MAX_UNITS_NAMED,
    Allotment,
    Channel,
    Rules,
    WaitingList,
    Window,
    faults_of_rules,
)
from actors.core.wishes import AreaPlaces
from actors.layout_files import local_times, rules_file
from actors.layout_files.faults import MAX_FAULTS, shown
from actors.layout_files.rules_file import parse_rules, rules_to_raw
from actors.layout_files.zones import Zone
from serve.layout_reader import decode_yaml
from tests.layout_files.spoiling import faults_of, spoiled

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "window": {"opens_at": "2026-05-01T10:00:00+02:00", "closes_at": "2026-06-01T18:00:00.500Z"},
    "max_hold_life_seconds": 3600,
    "max_per_buyer": 8,
    "channels": [{"name": "Fan club", "window": {"opens_at": "2026-04-24T10:00+02:00"}}, {"name": "Box office"}],
    "allotments": [
        {"name": "Fans", "channel": "Fan club", "units": ["101", "102/A"], "returns_at": "2026-05-01T08:00:00Z"},
        {"name": "Press", "units": ["101/A/1"], "places": [{"area": "Floor", "quantity": 20}]},
    ],
    "accessible_until": "2026-05-25T00:00:00-05:30",
    "waiting_list": {"claim_seconds": 600},
}
MOMENT = 'must be a time such as 2026-05-01T10:00:00+02:00, or beside "zone" such as 2026-05-01T10:00'
UNIT = "must be the name of a unit, a row, a section or a resource"
SECONDS = "must be a number with at most 3 digits after the point"
CLAIM = "waiting_list.claim_seconds"

ONE_FAULT: list[tuple[str, object, str, str]] = [
    ("windows", {}, "windows", 'is an unknown field, did you mean "window"?'),
    ("zone", "Europe/Berln", "zone",
     'must be the name of a zone such as Europe/Berlin, is "Europe/Berln", did you mean "Europe/Berlin"?'),
    ("zone", None, "zone", "must be the name of a zone such as Europe/Berlin, is nothing"),
    ("window", None, "window", "must be a mapping with the fields opens_at, closes_at; is nothing"),
    ("window.opens_at", None, "window.opens_at", f"{MOMENT}, is nothing"),
    ("window.opens_at", 0, "window.opens_at", f"{MOMENT}, is 0"),
    ("window.opens_at", "2026-05-01T10:00:00", "window.opens_at", f'{MOMENT}, is "2026-05-01T10:00:00"'),
    ("window.opens_at", "2026-05-01", "window.opens_at", f'{MOMENT}, is "2026-05-01"'),
    ("window.opens_at", "2026-05-01 10:00Z", "window.opens_at", f'{MOMENT}, is "2026-05-01 10:00Z"'),
    ("window.opens_at", "20260501T100000Z", "window.opens_at", f'{MOMENT}, is "20260501T100000Z"'),
    ("window.opens_at", "2026-13-01T10:00Z", "window.opens_at", f'{MOMENT}, is "2026-13-01T10:00Z"'),
    ("window.opens_at", "2026-05-01T10:00+24:00", "window.opens_at", f'{MOMENT}, is "2026-05-01T10:00+24:00"'),
    ("window.opens_at", "2026-05-01T10:00:61Z", "window.opens_at", f'{MOMENT}, is "2026-05-01T10:00:61Z"'),
    ("window.opens_at", "1970-01-01T00:00:00Z", "window.opens_at", f'{MOMENT}, is "1970-01-01T00:00:00Z"'),
    ("window.opens_at", "9999-12-31T00:00:00Z", "window.opens_at", f'{MOMENT}, is "9999-12-31T00:00:00Z"'),
    ("window.closes_at", "2026-05-01T08:00:00Z", "window.closes_at", "must be after opens_at"),
    ("max_hold_life_seconds", 0, "max_hold_life_seconds", "must be from 1 to 86400, is 0"),
    ("max_hold_life_seconds", 86401, "max_hold_life_seconds", "must be from 1 to 86400, is 86401"),
    ("max_hold_life_seconds", 0.9999, "max_hold_life_seconds", f"{SECONDS}, is 0.9999"),
    ("max_hold_life_seconds", "1h", "max_hold_life_seconds", f'{SECONDS}, is "1h"'),
    ("max_per_buyer", -1, "max_per_buyer", f"must be from 0 to {MAX_UNITS}, is -1"),
    ("max_per_buyer", "8", "max_per_buyer", 'must be a whole number, is "8"'),
    ("channels", {}, "channels", "must be a list, is a mapping"),
    ("channels", [{}] * 101, "channels", f"must have 0 to {MAX_CHANNELS} elements, has 101"),
    ("channels.+", "Web", "channels[2]", 'must be a mapping with the fields name, window; is "Web"'),
    ("channels.1.name", ..., "channels[1].name", "is missing"),
    ("channels.1.name", "Fan club", "channels[1].name", '"Fan club" is already used by channels[0].name'),
    ("channels.0.window.opens_at", "soon", "channels[0].window.opens_at", f'{MOMENT}, is "soon"'),
    ("channels.0.window.closes_at", "2026-04-24T08:00:00Z", "channels[0].window.closes_at", "must be after opens_at"),
    ("allotments", [{}] * 201, "allotments", f"must have 0 to {MAX_ALLOTMENTS} elements, has 201"),
    ("allotments.0.name", "", "allotments[0].name", 'must have 1 to 32 characters, has 0: ""'),
    ("allotments.1.name", "Fans", "allotments[1].name", '"Fans" is already used by allotments[0].name'),
    ("allotments.0.channel", "Fans", "allotments[0].channel", '"Fans" is not one of the channels'),
    ("allotments.0.channel", "", "allotments[0].channel", 'must have 1 to 32 characters, has 0: ""'),
    ("allotments.0.units", ..., "allotments[0].units", "is missing, and places too"),
    ("allotments.0.units", [], "allotments[0].units", f"must have 1 to {MAX_UNITS_NAMED} elements, has 0"),
    ("allotments.0.units", "101", "allotments[0].units", 'must be a list, is "101"'),
    ("allotments.0.units.+", 101, "allotments[0].units[2]", "must be text, is 101"),
    ("allotments.0.units.+", "", "allotments[0].units[2]", f'{UNIT}, is ""'),
    ("allotments.0.units.+", "x" * 99, "allotments[0].units[2]", f'{UNIT}, is "{"x" * 40}..." (99 characters)'),
    ("allotments.0.units.+", "1\x00", "allotments[0].units[2]", f'{UNIT}, is "1\\u0000"'),
    ("allotments.1.places", [], "allotments[1].places", f"must have 1 to {MAX_UNITS_NAMED} elements, has 0"),
    ("allotments.1.places.0.area", ..., "allotments[1].places[0].area", "is missing"),
    ("allotments.1.places.0.quantity", 0, "allotments[1].places[0].quantity", f"must be from 1 to {MAX_UNITS}, is 0"),
    ("allotments.1.places.+", {"area": "Floor", "quantity": 1}, "allotments[1].places[1].area",
     '"Floor" is already used by allotments[1].places[0].area'),
    ("allotments.1.returns_at", "never", "allotments[1].returns_at", f'{MOMENT}, is "never"'),
    ("accessible_until", "", "accessible_until", f'{MOMENT}, is ""'),
    ("waiting_list", True, "waiting_list", "must be a mapping with the fields claim_seconds; is true"),
    (CLAIM, ..., CLAIM, "is missing"),
    (CLAIM, 0.999, CLAIM, "must be from 1 to 86400, is 0.999"),
    (CLAIM, MAX_CLAIM_MS // 1_000 + 1, CLAIM, "must be from 1 to 86400, is 86401"),
]  # fmt: skip


def test_rules_are_read_as_they_are_written() -> None:
    rules = parse_rules(GOOD)
    assert rules == Rules(
        Window(1_777_622_400_000, 1_780_336_800_500),
        3_600_000,
        8,
        (Channel("Fan club", Window(1_777_017_600_000)), Channel("Box office")),
        (
            Allotment("Fans", "Fan club", ("101", "102/A"), (), 1_777_622_400_000),
            Allotment("Press", "", ("101/A/1",), (AreaPlaces("Floor", 20),)),
        ),
        1_779_687_000_000,
        WaitingList(600_000),
    )
    assert list(faults_of_rules(rules)) == []


def test_nothing_said_is_the_rules_that_an_event_has_anyway() -> None:
    assert parse_rules({}) == Rules()
    assert parse_rules({"window": {}, "channels": [], "allotments": []}) == Rules()
    assert parse_rules(rules_to_raw(Rules())) == Rules()


def test_the_example_of_the_notation_is_right() -> None:
    notation = rules_file.__doc__ or ""
    example = notation[notation.index("    zone:") : notation.index("Everything")]
    rules = parse_rules(decode_yaml(example))
    assert isinstance(rules, Rules), rules
    assert [allotment.name for allotment in rules.allotments] == ["Fans", "Press"]


def test_rules_come_back_in_utc() -> None:
    rules = parse_rules(GOOD)
    assert isinstance(rules, Rules)
    assert rules_to_raw(rules)["window"] == {
        "opens_at": "2026-05-01T08:00:00.000Z",
        "closes_at": "2026-06-01T18:00:00.500Z",
    }
    assert rules_to_raw(rules)["max_hold_life_seconds"] == 3600
    assert parse_rules(rules_to_raw(rules)) == rules


@pytest.mark.parametrize(
    ("place", "value", "path", "problem"), ONE_FAULT, ids=[f"{row}:{case[0]}" for row, case in enumerate(ONE_FAULT)]
)
def test_one_spoiled_field_gives_exactly_its_fault(place: str, value: object, path: str, problem: str) -> None:
    assert faults_of(parse_rules, spoiled(GOOD, place, value)) == [(path, problem)]


def test_all_faults_are_named_at_once() -> None:
    raw = spoiled(GOOD, "window.opens_at", "?")
    raw["channels"][1]["name"] = 7
    raw["allotments"][0]["units"][0] = None
    raw["waiting_list"] = {}
    assert [path for path, _ in faults_of(parse_rules, raw)] == [
        "window.opens_at",
        "channels[1].name",
        "allotments[0].units[0]",
        "waiting_list.claim_seconds",
    ]


@pytest.mark.parametrize("raw", [None, 7, "rules", [], True, 1.5, b"x"])
def test_what_is_no_mapping_at_all_is_refused(raw: object) -> None:
    ((path, problem),) = faults_of(parse_rules, raw)
    assert path == ""
    assert problem.startswith("must be a mapping with the fields zone, window,")
    assert problem.endswith(f"is {shown(raw)}")


def test_names_are_bounded_in_number_and_in_bytes() -> None:
    def named(allotments: int, units: int, name: str) -> Any:
        return {"allotments": [{"name": str(number), "units": [name] * units} for number in range(allotments)]}

    assert isinstance(parse_rules(named(1, MAX_UNITS_NAMED, "101/A/1")), Rules)
    assert faults_of(parse_rules, named(2, MAX_UNITS_NAMED // 2 + 1, "101/A/1")) == [
        ("allotments", f"must name at most {MAX_UNITS_NAMED} units and areas")
    ]
    assert faults_of(parse_rules, named(1, MAX_UNITS_NAMED, "x" * 98)) == [
        ("", f"has more than {MAX_RULES_TEXT_BYTES} bytes of names")
    ]
    nonsense = {"allotments": [{"name": "A", "units": [None] * MAX_UNITS_NAMED}] * MAX_ALLOTMENTS}
    assert len(faults_of(parse_rules, nonsense)) == MAX_FAULTS + 1


_LABELS = st.text(min_size=1, max_size=8).filter(lambda text: label_problem(text) is None)
_MOMENTS = st.one_of(st.just(0), st.integers(1, MAX_TIME_MS - 1))
_UNITS = st.builds("/".join, st.lists(_LABELS, min_size=1, max_size=3))
_WINDOWS = st.builds(Window, _MOMENTS, _MOMENTS).filter(
    lambda window: not window.closes_at_ms or window.closes_at_ms > window.opens_at_ms
)


@st.composite
def rules_at_random(draw: st.DrawFn) -> Rules:
    """Sound rules."""
    names = draw(st.lists(_LABELS, max_size=3, unique=True))
    channels = tuple(Channel(name, draw(st.one_of(st.none(), _WINDOWS))) for name in names)
    allotments = []
    for name in draw(st.lists(_LABELS, max_size=3, unique=True)):
        areas = draw(st.lists(_LABELS, max_size=2, unique=True))
        places = tuple(AreaPlaces(area, draw(st.integers(1, MAX_UNITS))) for area in areas)
        units = tuple(draw(st.lists(_UNITS, min_size=0 if places else 1, max_size=3, unique=True)))
        allotments.append(Allotment(name, draw(st.sampled_from(["", *names])), units, places, draw(_MOMENTS)))
    return Rules(
        draw(_WINDOWS),
        draw(st.integers(1_000, MAX_HOLD_LIFE_MS)),
        draw(st.integers(0, MAX_UNITS)),
        channels,
        tuple(allotments),
        draw(_MOMENTS),
        draw(st.one_of(st.none(), st.builds(WaitingList, st.integers(1_000, MAX_CLAIM_MS)))),
    )


@given(rules_at_random())
def test_rules_survive_the_way_through_their_file(rules: Rules) -> None:
    assert list(faults_of_rules(rules)) == []
    assert parse_rules(msgspec.json.decode(msgspec.json.encode(rules_to_raw(rules)))) == rules


_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=2))
_NAMES = st.one_of(st.sampled_from(sorted({part for place, *_ in ONE_FAULT for part in place.split(".")})), st.text())
_NONSENSE = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4)
)


@given(_NONSENSE)
def test_nonsense_is_refused_or_sound(raw: object) -> None:
    rules = parse_rules(raw)
    if isinstance(rules, Rules):
        assert list(faults_of_rules(rules)) == []
    else:
        assert all(len(str(fault)) <= 300 for fault in rules)


def opening_in(zone: str, local: str) -> object:
    """When a sale opens, as the rules have it that were read."""
    rules = parse_rules({"zone": zone, "window": {"opens_at": local}})
    return rules_to_raw(rules)["window"] if isinstance(rules, Rules) else rules


LOCAL = [
    ("Europe/Berlin", "2026-05-01T10:00", "2026-05-01T08:00:00.000Z"),
    ("Europe/Berlin", "2026-11-26T10:00:30.25", "2026-11-26T09:00:30.250Z"),
    ("Europe/Berlin", "2026-05-01T10:00:00-07:00", "2026-05-01T17:00:00.000Z"),  # says it itself
    ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30:00.000Z"),  # comes twice: the first
    ("Europe/Berlin", "2026-10-25T02:59:59", "2026-10-25T00:59:59.000Z"),
    ("Europe/Berlin", "2026-10-25T03:00", "2026-10-25T02:00:00.000Z"),
    ("Europe/Berlin", "2027-03-28T02:30", "2027-03-28T01:00:00.000Z"),  # is left out: the jump
    ("Europe/Berlin", "2027-03-28T02:30:45", "2027-03-28T01:00:00.000Z"),
    ("Europe/Berlin", "2027-03-28T03:00:45", "2027-03-28T01:00:45.000Z"),
    ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30:00.000Z"),
    ("Asia/Kathmandu", "2026-05-01T10:00", "2026-05-01T04:15:00.000Z"),
    ("UTC", "2026-05-01T10:00", "2026-05-01T10:00:00.000Z"),
]


@pytest.mark.parametrize(("zone", "local", "utc"), LOCAL)
def test_local_times_of_the_zone_are_instants(zone: str, local: str, utc: str) -> None:
    assert opening_in(zone, local) == {"opens_at": utc}


def test_every_time_of_rules_may_be_local() -> None:
    raw = spoiled(GOOD, "zone", "Europe/Berlin")
    raw["window"] = {"opens_at": "2026-05-01T10:00", "closes_at": "2026-06-01T20:00:00.500"}
    raw["channels"][0]["window"]["opens_at"] = "2026-04-24T10:00"
    raw["allotments"][0]["returns_at"] = "2026-05-01T10:00:00"
    raw["accessible_until"] = "2026-05-25T07:30"
    assert parse_rules(raw) == parse_rules(GOOD)


def test_a_faulty_zone_is_the_only_fault_of_local_times() -> None:
    raw = {"zone": "Nowhere/Town", "window": {"opens_at": "2026-05-01T10:00", "closes_at": "2026-04-01T10:00"}}
    assert [path for path, _ in faults_of(parse_rules, raw)] == ["zone"]


@pytest.mark.parametrize(
    "local", ["2026-05-01", "2026-05-01T25:00", "1970-01-01T00:30", "1970-01-01T01:00", "9999-12-31T00:00", "10:00"]
)
def test_what_is_no_local_time_is_refused(local: str) -> None:
    raw = {"zone": "Europe/Berlin", "window": {"opens_at": local}}
    assert faults_of(parse_rules, raw) == [("window.opens_at", f'{MOMENT}, is "{local}"')]


def test_a_window_is_in_order_as_instants() -> None:
    """The later local time is the earlier instant: it comes twice, and means the first."""
    window = {"opens_at": "2026-10-25T02:15+01:00", "closes_at": "2026-10-25T02:45"}
    raw = {"zone": "Europe/Berlin", "window": window}
    assert faults_of(parse_rules, raw) == [("window.closes_at", "must be after opens_at")]


@pytest.mark.parametrize(
    ("broken", "moment"),
    [
        ("the zone is not looked at", lambda zone, local_ms: local_ms),
        ("of two the second", lambda zone, local_ms: zone_shift(zone, local_ms, fold=1)),
        ("what is left out is shifted", lambda zone, local_ms: zone_shift(zone, local_ms, fold=0)),
    ],
)
def test_negative_control_another_rule_for_local_times_is_noticed(
    broken: str, moment: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Zone, "moment", moment)
    assert any(opening_in(zone, local) != {"opens_at": utc} for zone, local, utc in LOCAL), broken


def zone_shift(zone: Zone, local_ms: int, *, fold: int) -> int:
    """When a local time is, as the standard library has it."""
    local = EPOCH.replace(tzinfo=None) + timedelta(milliseconds=local_ms)
    return (local.replace(tzinfo=zone._rules, fold=fold) - EPOCH) // timedelta(milliseconds=1)


def test_negative_control_a_time_that_loses_its_distance_from_utc_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def as_if_utc(text: str) -> int | None:
        return local_times.parse_moment(f"{text[:-6]}Z" if text[-6:-5] in "+-" else text)

    raw = spoiled(GOOD, "window.opens_at", "2026-05-01T10:00:00+02:00")
    right = parse_rules(raw)
    monkeypatch.setattr(rules_file, "parse_moment", as_if_utc)
    assert parse_rules(raw) != right
