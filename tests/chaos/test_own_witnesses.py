"""What the product says of itself is judged: each figure that must be 0, and what is quarantined."""

from typing import Any

import pytest

from tests.chaos.own_witnesses import judged

WELL: dict[str, Any] = {
    "auditor": {"finding_count": 0, "alarm_count": 0, "stopped_count": 0, "unaudited_count": 0, "lag_rows": 0},
    "quarantined_blocks": [],
}


def test_who_finds_nothing_objects_to_nothing() -> None:
    assert judged(WELL) == []


@pytest.mark.parametrize("name", ["finding_count", "alarm_count", "stopped_count", "unaudited_count"])
def test_control_each_figure_is_looked_at(name: str) -> None:
    assert len(judged({**WELL, "auditor": {**WELL["auditor"], name: 1}})) == 1


def test_control_what_is_quarantined_is_objected_to() -> None:
    block = {"event_id": "event_x", "why": "sold too cheap"}
    assert judged({**WELL, "quarantined_blocks": [block]}) == ["event_x is quarantined: sold too cheap"]
