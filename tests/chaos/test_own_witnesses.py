"""What the product says of itself is judged: each figure that must be 0, and what is quarantined."""

from typing import Any

import pytest

from actors.audit.findings import Fault
from actors.auditor.alarms import NOT_AUDITED, NOT_CROSSED
from serve.doctor.auditor_checks import ALARMS as DOCTORS_ALARMS
from serve.doctor.findings import Standing
from tests.chaos import own_witnesses
from tests.chaos.own_witnesses import judged, told_by_doctor

WELL: dict[str, Any] = {
    "auditor": {"finding_count": 0, "alarm_count": 0, "stopped_count": 0, "unaudited_count": 0, "lag_rows": 0},
    "quarantined_blocks": [],
    "alarms": [],
}
FINE: dict[str, str] = {"check": "alarms", "standing": "OK", "seen": "none is open"}


def test_who_finds_nothing_objects_to_nothing() -> None:
    assert judged(WELL) == []
    assert told_by_doctor([FINE, {"check": "machine", "standing": "WARNING", "seen": "one disk"}]) == []


@pytest.mark.parametrize("name", ["finding_count", "alarm_count", "stopped_count", "unaudited_count"])
def test_control_each_figure_is_looked_at(name: str) -> None:
    assert len(judged({**WELL, "auditor": {**WELL["auditor"], name: 1}})) == 1


def test_control_what_is_quarantined_is_objected_to() -> None:
    block = {"event_id": "event_x", "why": "sold too cheap"}
    assert judged({**WELL, "quarantined_blocks": [block]}) == ["event_x is quarantined: sold too cheap"]


@pytest.mark.parametrize("what", [NOT_AUDITED, NOT_CROSSED, Fault.NEVER_EXPIRED.name, Fault.TAIL_MISSING.name])
def test_control_an_alarm_that_a_former_process_raised_is_objected_to(what: str) -> None:
    alarm = {"what": what, "sentence": "it was so"}
    assert judged({**WELL, "alarms": [alarm]}) == [f"an alarm is open, {what}: it was so"]


@pytest.mark.parametrize("standing", ["WARNING", "WRONG"])
def test_control_an_alarm_that_the_doctor_tells_is_objected_to(standing: str) -> None:
    told = [FINE, {"check": "alarms", "standing": standing, "seen": "1  NEVER_EXPIRED"}]
    assert told_by_doctor(told) == ["the doctor says of alarms: 1  NEVER_EXPIRED"]


def test_they_speak_of_the_doctor_in_its_own_words() -> None:
    assert own_witnesses.ALARMS == DOCTORS_ALARMS
    assert {own_witnesses.OK, own_witnesses.WRONG} < set(Standing.__members__)
