"""Opening hours become slots: over changes of the clock, over midnight, around closed times, always exactly as long."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo, reset_tzpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.core.layout import MINUTE_MS, Calendar, Category, Hours, Layout, Resource
from actors.core.layout_index import LayoutIndex
from actors.layout_files import calendars
from actors.layout_files.calendars import opening_count, runs_of
from actors.layout_files.local_times import parse_begin, parse_day, parse_end, parse_opening
from actors.layout_files.zones import Zone, zone_names, zone_of
from tests.core.layout_strategy import ZONES, hours

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def on_days(first: str, last: str, opening: str, *closed: tuple[str, str]) -> Hours:
    """Hours that are the same on all weekdays."""
    days, begin_end = (parse_day(first), parse_day(last)), parse_opening(opening)
    assert days[0] is not None
    assert days[1] is not None
    assert begin_end is not None
    times = tuple((parse_begin(begin) or 0, parse_end(end) or 0) for begin, end in closed)
    return Hours(days[0], days[1], tuple((weekday, *begin_end) for weekday in range(7)), times)


def names(zone: str, slot_minutes: int, written: Hours) -> list[str]:
    """When each slot begins, as the slots are named."""
    calendar = Calendar(zone, slot_minutes * MINUTE_MS, runs_of(written, slot_minutes * MINUTE_MS, zone_of(zone)))
    layout = Layout("EUR", (Category("Court", 1),), (), (), (Resource("C", 0, 0),), (calendar,))
    index = LayoutIndex(layout)
    return [index.unit_name(unit).removeprefix("C/") for unit in range(index.unit_count)]


# zone, day, hours, minutes of a slot; how many slots, and some of them by their position
CLOCK_CHANGES: list[tuple[str, str, str, int, int, dict[int, str]]] = [
    (
        "Europe/Berlin", "2026-10-25", "00:00-24:00", 30, 50,
        {0: "2026-10-25T00:00+02:00", 5: "2026-10-25T02:30+02:00", 6: "2026-10-25T02:00+01:00",
         7: "2026-10-25T02:30+01:00", 8: "2026-10-25T03:00+01:00", 49: "2026-10-25T23:30+01:00"},
    ),
    (
        "Europe/Berlin", "2027-03-28", "00:00-24:00", 30, 46,
        {3: "2027-03-28T01:30+01:00", 4: "2027-03-28T03:00+02:00", 45: "2027-03-28T23:30+02:00"},
    ),
    ("Europe/Berlin", "2026-10-25", "08:00-22:00", 30, 28, {0: "2026-10-25T08:00+01:00"}),
    ("Europe/Berlin", "2026-10-24", "22:00-04:00", 60, 7, {4: "2026-10-25T02:00+02:00", 5: "2026-10-25T02:00+01:00"}),
    ("Europe/Berlin", "2027-03-27", "22:00-04:00", 60, 5, {3: "2027-03-28T01:00+01:00", 4: "2027-03-28T03:00+02:00"}),
    # a time that comes twice is its first; one that is left out is the moment of the jump
    ("Europe/Berlin", "2026-10-25", "00:00-02:30", 30, 5, {4: "2026-10-25T02:00+02:00"}),
    ("Europe/Berlin", "2026-10-25", "02:30-04:00", 30, 5, {0: "2026-10-25T02:30+02:00", 1: "2026-10-25T02:00+01:00"}),
    ("Europe/Berlin", "2027-03-28", "02:30-04:00", 30, 2, {0: "2027-03-28T03:00+02:00"}),
    ("Europe/Berlin", "2027-03-28", "01:00-02:30", 30, 2, {1: "2027-03-28T01:30+01:00"}),
    ("Europe/Berlin", "2027-03-28", "02:00-03:00", 30, 0, {}),
    # a slot is exactly as long as it says, also over the change
    ("Europe/Berlin", "2026-10-25", "00:00-24:00", 120, 12, {1: "2026-10-25T02:00+02:00", 2: "2026-10-25T03:00+01:00"}),
    (
        "America/New_York", "2026-11-01", "00:00-24:00", 60, 25,
        {1: "2026-11-01T01:00-04:00", 2: "2026-11-01T01:00-05:00"},
    ),
    (
        "America/New_York", "2026-03-08", "00:00-24:00", 60, 23,
        {1: "2026-03-08T01:00-05:00", 2: "2026-03-08T03:00-04:00"},
    ),
    ("America/New_York", "2026-03-07", "20:00-03:00", 60, 6, {5: "2026-03-08T01:00-05:00"}),
    (
        "Australia/Lord_Howe", "2026-04-05", "00:00-24:00", 30, 49,
        {3: "2026-04-05T01:30+11:00", 4: "2026-04-05T01:30+10:30", 5: "2026-04-05T02:00+10:30"},
    ),
    (
        "Australia/Lord_Howe", "2026-10-04", "00:00-24:00", 30, 47,
        {3: "2026-10-04T01:30+10:30", 4: "2026-10-04T02:30+11:00"},
    ),
    ("Australia/Lord_Howe", "2026-04-05", "00:00-24:00", 60, 24, {2: "2026-04-05T01:30+10:30"}),
    ("Asia/Tokyo", "2026-10-25", "00:00-24:00", 30, 48, {47: "2026-10-25T23:30+09:00"}),
    ("UTC", "2026-10-25", "00:00-24:00", 30, 48, {0: "2026-10-25T00:00+00:00"}),
    (
        "America/St_Johns", "2026-11-01", "00:00-03:00", 60, 4,
        {1: "2026-11-01T01:00-02:30", 2: "2026-11-01T01:00-03:30"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("zone", "day", "opening", "slot_minutes", "count", "some"), CLOCK_CHANGES)
def test_slots_over_a_change_of_the_clock(
    zone: str, day: str, opening: str, slot_minutes: int, count: int, some: dict[int, str]
) -> None:
    found = names(zone, slot_minutes, on_days(day, day, opening))
    assert len(found) == count
    assert {position: found[position] for position in some} == some


@pytest.mark.parametrize(
    ("closed", "left"),
    [
        (("2026-10-01T09:00", "2026-10-01T10:00"), ["08:00", "08:30", "10:00", "10:30"]),
        (("2026-10-01T09:10", "2026-10-01T09:20"), ["08:00", "08:30", "09:30", "10:00", "10:30"]),
        (("2026-10-01T09:29", "2026-10-01T09:31"), ["08:00", "08:30", "10:00", "10:30"]),
        (("2026-10-01T00:00", "2026-10-01T08:00"), ["08:00", "08:30", "09:00", "09:30", "10:00", "10:30"]),
        (("2026-10-01T00:00", "2026-10-01T08:01"), ["08:30", "09:00", "09:30", "10:00", "10:30"]),
        (("2026-10-01T10:59", "2026-10-05T00:00"), ["08:00", "08:30", "09:00", "09:30", "10:00"]),
        (("2026-10-01T11:00", "2026-10-05T00:00"), ["08:00", "08:30", "09:00", "09:30", "10:00", "10:30"]),
        (("2026-10-01", "2026-10-01"), []),
        (("2026-09-30", "2026-09-30"), ["08:00", "08:30", "09:00", "09:30", "10:00", "10:30"]),
    ],
)
def test_a_slot_of_which_any_part_is_closed_is_not_there(closed: tuple[str, str], left: list[str]) -> None:
    found = names("Europe/Berlin", 30, on_days("2026-10-01", "2026-10-01", "08:00-11:00", closed))
    assert [name[11:16] for name in found] == left


def test_what_is_left_before_closing_is_not_sold() -> None:
    found = names("Europe/Berlin", 45, on_days("2026-10-01", "2026-10-01", "08:00-10:00"))
    assert [name[11:16] for name in found] == ["08:00", "08:45"]


def test_hours_around_the_clock_are_one_run_until_the_clock_changes() -> None:
    runs = runs_of(on_days("2026-10-01", "2026-11-29", "00:00-24:00"), 30 * MINUTE_MS, zone_of("Europe/Berlin"))
    assert [(count, ahead) for _, count, ahead in runs] == [(24 * 48 + 6, 120), (60 * 48 + 2 - 24 * 48 - 6, 60)]


def test_a_club_of_sixty_days_over_the_change() -> None:
    written = on_days("2026-10-01", "2026-11-29", "08:00-22:00", ("2026-10-03", "2026-10-03"))
    found = names("Europe/Berlin", 30, written)
    assert len(found) == 59 * 28
    assert {name[11:16] for name in found if name.endswith("+02:00")} == {name[11:16] for name in found}
    assert not any(name.startswith("2026-10-03") for name in found)
    assert found[0] == "2026-10-01T08:00+02:00"
    assert found[-1] == "2026-11-29T21:30+01:00"


def first_instant(rules: ZoneInfo, local: datetime) -> datetime:
    """The first minute at which the zone's clocks show this time or a later one, found by looking at each."""
    at = local.replace(tzinfo=UTC) - 15 * timedelta(hours=1)
    while at.astimezone(rules).replace(tzinfo=None) < local:
        at += MINUTE
    return at


def naive_slots(written: Hours, slot: timedelta, rules: ZoneInfo) -> Iterator[tuple[int, int]]:
    """Begin in ms and minutes ahead of UTC of each slot, one by one, by another way."""
    start = datetime(1970, 1, 1)  # noqa: DTZ001 - local time
    closed = [
        (first_instant(rules, start + begin * MINUTE), first_instant(rules, start + end * MINUTE))
        for begin, end in written.closed
    ]
    for day in range(written.first_day, written.last_day + 1):
        for weekday, opens, closes in written.weekly:
            if weekday != (start + day * DAY).weekday():
                continue
            at = first_instant(rules, start + day * DAY + opens * MINUTE)
            end = first_instant(rules, start + day * DAY + closes * MINUTE)
            while at + slot <= end:
                if not any(begin < until and at < until and begin < at + slot for begin, until in closed):
                    ahead = at.astimezone(rules).utcoffset()
                    assert ahead is not None
                    yield (at - EPOCH) // timedelta(milliseconds=1), ahead // MINUTE
                at += slot


def slots_agree(written: Hours, slot_minutes: int, zone: str) -> bool:
    """Whether the runs hold just the slots that come out by the other way, and as few runs as can be."""
    runs = runs_of(written, slot_minutes * MINUTE_MS, zone_of(zone))
    found = [
        (start_ms + number * slot_minutes * MINUTE_MS, ahead)
        for start_ms, count, ahead in runs
        for number in range(count)
    ]
    ends = {(start_ms + count * slot_minutes * MINUTE_MS, ahead) for start_ms, count, ahead in runs}
    joined = not ends & {(start_ms, ahead) for start_ms, _, ahead in runs}
    return joined and found == list(naive_slots(written, slot_minutes * MINUTE, ZoneInfo(zone)))


@given(hours(), st.sampled_from([1, 7, 30, 60, 90]), st.sampled_from(ZONES))
def test_slots_agree_with_another_way_to_find_them(written: Hours, slot_minutes: int, zone: str) -> None:
    assert slots_agree(written, slot_minutes, zone)


CHANGING = on_days("2027-03-27", "2027-03-28", "02:30-01:00", ("2027-03-28T04:00", "2027-03-28T05:00"))
CHANGING_BACK = on_days("2026-10-24", "2026-10-25", "02:30-02:15", ("2026-10-25T04:00", "2026-10-25T05:00"))


def listed_agree(begin_ms: int, count: int, slot_minutes: int, zone: str) -> bool:
    """Whether each slot of a listed opening is as far ahead of UTC as the zone is then, in as few runs as can be."""
    slot_ms, rules = slot_minutes * MINUTE_MS, ZoneInfo(zone)
    runs = calendars.runs_listed([(begin_ms, count)], slot_ms, zone_of(zone))
    found = [(start_ms + n * slot_ms, ahead) for start_ms, length, ahead in runs for n in range(length)]
    expected = []
    for at_ms in range(begin_ms, begin_ms + count * slot_ms, slot_ms):
        ahead = (EPOCH + timedelta(milliseconds=at_ms)).astimezone(rules).utcoffset()
        assert ahead is not None
        expected.append((at_ms, ahead // MINUTE))
    return found == expected and all(before[2] != after[2] for before, after in pairwise(runs))


def ms_of(text: str) -> int:
    """A time of RFC 3339 in ms."""
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(milliseconds=1)


@given(
    st.integers(0, 2_000_000_000), st.integers(1, 3_000), st.sampled_from([7, 60, 300, 1_440]), st.sampled_from(ZONES)
)
def test_slots_of_listed_openings_agree_with_the_zone(begin_s: int, count: int, minutes: int, zone: str) -> None:
    assert listed_agree(begin_s * 1_000, count, minutes, zone)


YEARS = [
    ("2026-10-24T22:00+02:00", 36, 60, "Europe/Berlin"),  # over one change
    ("2026-01-10T00:00+01:00", 365, 1_440, "Europe/Berlin"),  # over two, which end where they began
    ("2026-02-01T00:00+01:00", 24 * 60, 60, "Africa/Casablanca"),  # over two within a month
    ("2011-12-20T00:00Z", 24 * 20, 60, "Pacific/Apia"),  # over a day left out
]


@pytest.mark.parametrize(("begin", "count", "minutes", "zone"), YEARS)
def test_listed_openings_are_parted_at_each_change(begin: str, count: int, minutes: int, zone: str) -> None:
    assert listed_agree(ms_of(begin), count, minutes, zone)


def test_negative_control_a_listed_opening_whose_ends_alone_are_looked_at_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begin, count, minutes, zone = YEARS[1]
    monkeypatch.setattr(calendars, "_DAY_MS", 400 * 1_440 * MINUTE_MS)
    assert not listed_agree(ms_of(begin), count, minutes, zone)


@pytest.mark.parametrize(
    ("broken", "how"),
    [
        ("a time that is left out is shifted", lambda zone, minute: zone_shift(zone, minute, fold=0)),
        ("a time that comes twice is its second", lambda zone, minute: zone_shift(zone, minute, fold=1)),
    ],
)
def test_negative_control_another_rule_for_times_of_the_change_is_noticed(
    broken: str, how: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert slots_agree(CHANGING, 30, "Europe/Berlin")
    assert slots_agree(CHANGING_BACK, 30, "Europe/Berlin")
    monkeypatch.setattr(Zone, "instant", how)
    agree = slots_agree(CHANGING, 30, "Europe/Berlin") and slots_agree(CHANGING_BACK, 30, "Europe/Berlin")
    assert not agree, broken


def zone_shift(zone: Zone, minute: int, *, fold: int) -> int:
    """When a local time is, as the standard library has it."""
    local = (EPOCH + minute * MINUTE).replace(tzinfo=zone._rules, fold=fold)
    return (local - EPOCH) // timedelta(milliseconds=1)


def test_negative_control_slots_by_the_wall_clock_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        calendars, "_by_distance", lambda begin, count, slot, zone: [(begin, count, zone.minutes_ahead(begin))]
    )
    assert not slots_agree(CHANGING_BACK, 30, "Europe/Berlin")


def test_negative_control_closed_times_that_are_not_joined_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    written = on_days(
        "2026-10-01", "2026-10-03", "08:00-22:00",
        ("2026-10-01T09:00", "2026-10-02T18:00"), ("2026-10-01T10:00", "2026-10-01T11:00"),
    )  # fmt: skip
    assert slots_agree(written, 30, "Europe/Berlin")
    monkeypatch.setattr(calendars, "_joined", lambda times: times)
    assert not slots_agree(written, 30, "Europe/Berlin")


@pytest.mark.parametrize("zone", [*ZONES, "Africa/Casablanca", "Pacific/Apia", "Asia/Kathmandu"])
def test_no_later_local_time_is_an_earlier_instant(zone: str) -> None:
    rules = zone_of(zone)
    begin = (date(2026, 10, 24) - date(1970, 1, 1)).days * 1440
    for first in (begin, begin + 154 * 1440, begin + 7 * 1440, begin - 203 * 1440, begin - 21 * 1440):
        instants = [rules.instant(minute) for minute in range(first, first + 3 * 1440, 5)]
        assert instants == sorted(instants)


def test_a_day_that_a_zone_left_out_has_no_slots() -> None:
    day = on_days("2011-12-29", "2011-12-31", "00:00-24:00")
    assert {name[:10] for name in names("Pacific/Apia", 30, day)} == {"2011-12-29", "2011-12-31"}


def test_openings_are_counted_before_they_are_resolved() -> None:
    written = on_days("2026-10-01", "2026-11-29", "08:00-22:00")
    assert opening_count(written) == 60
    assert opening_count(Hours(written.first_day, written.first_day, ((0, 0, 60), (3, 0, 60), (3, 90, 99)))) == 2


def test_all_zones_can_be_read() -> None:
    assert "Europe/Berlin" in zone_names()
    assert not any(name.startswith(("posix", "right")) or name == "localtime" for name in zone_names())
    assert all(-1_440 < zone_of(name).minutes_ahead(1_790_834_400_000) < 1_440 for name in zone_names())


def test_zones_are_those_of_the_release_whatever_the_machine_has(tmp_path: Path) -> None:
    (tmp_path / "Europe").mkdir()
    tokyo = (files("tzdata") / "zoneinfo" / "Asia" / "Tokyo").read_bytes()
    (tmp_path / "Europe" / "Berlin").write_bytes(tokyo)
    before = TZPATH
    try:
        reset_tzpath([str(tmp_path)])
        assert ZoneInfo.no_cache("Europe/Berlin").utcoffset(datetime(2026, 1, 1)) == timedelta(hours=9)  # noqa: DTZ001
        assert zone_of.__wrapped__("Europe/Berlin").minutes_ahead(1_790_834_400_000) == 120
    finally:
        reset_tzpath(before)
