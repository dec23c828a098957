"""Rules that a block could not live with are refused by the path of what is wrong with them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from actors.core.layout import MAX_TIME_MS
from actors.core.rules import (
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

SOUND = Rules(
    Window(1_000, 2_000),
    channels=(Channel("Partner", Window(500, 1_000)), Channel("Box office")),
    allotments=(
        Allotment("Press", "", ("101/A",), returns_at_ms=1_500),
        Allotment("Fans", "Partner", (), (AreaPlaces("Floor", 200),)),
    ),
    accessible_until_ms=MAX_TIME_MS - 1,
    waiting_list=WaitingList(600_000),
)


@pytest.mark.parametrize("hours", [-23, 0, 14, 23])
def test_the_last_time_can_be_written_in_every_zone(hours: int) -> None:
    at = datetime.fromtimestamp(MAX_TIME_MS / 1_000, UTC) - timedelta(milliseconds=1)
    assert at.astimezone(timezone(timedelta(hours=hours))).year == 9999


def test_sound_rules_have_no_faults() -> None:
    assert list(faults_of_rules(SOUND)) == []


@pytest.mark.parametrize("at_ms", [-1, MAX_TIME_MS, 1 << 52, 1 << 63])
def test_times_that_cannot_be_written_are_refused(at_ms: int) -> None:
    rules = Rules(
        Window(at_ms, 0),
        channels=(Channel("Partner", Window(at_ms)),),
        allotments=(Allotment("Press", "", ("101",), returns_at_ms=at_ms),),
        accessible_until_ms=at_ms,
    )
    assert list(faults_of_rules(rules)) == [
        "rules.window.opens_at_ms: is out of bounds",
        "rules.accessible_until_ms: is out of bounds",
        "rules.channels[0].window.opens_at_ms: is out of bounds",
        "rules.allotments[0].returns_at_ms: is out of bounds",
    ]


def test_an_allotment_names_each_of_its_units_once() -> None:
    twice = Allotment("Press", "", ("101/A", "101/B", "101/A"))
    rules = Rules(allotments=(Allotment("House", "", ("101/A",)), twice))
    assert list(faults_of_rules(rules)) == ["rules.allotments[1].units: a name is there twice"]


def with_names(units: int, areas: int, length: int) -> Rules:
    """Rules of one allotment that names so many units and areas, each in so many bytes."""
    return Rules(
        allotments=(
            Allotment(
                "A",
                "",
                tuple(f"{number:0{length}}" for number in range(units)),
                tuple(AreaPlaces(f"{number:0{length}}", 1) for number in range(areas)),
            ),
        )
    )


def test_rules_are_bounded_in_names_and_in_their_bytes() -> None:
    assert list(faults_of_rules(with_names(MAX_UNITS_NAMED // 2, MAX_UNITS_NAMED // 2, 16))) == []
    assert list(faults_of_rules(with_names(MAX_UNITS_NAMED // 2, MAX_UNITS_NAMED // 2 + 1, 16))) == [
        "rules.allotments: must name at most 10000 units and areas"
    ]
    long = with_names(MAX_RULES_TEXT_BYTES // 100 + 1, 0, 99)
    assert long.text_bytes > MAX_RULES_TEXT_BYTES
    assert list(faults_of_rules(long)) == ["rules.allotments: must have at most 524288 bytes of names"]
