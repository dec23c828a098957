"""Rules that a block could not live with are refused by the path of what is wrong with them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from actors.core.layout import MAX_TIME_MS
from actors.core.rules import Allotment, Channel, Rules, WaitingList, Window, faults_of_rules
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
