"""The scenario tables, and that together they meet every outcome that the core can give."""

from collections import Counter

import pytest

from tests.core.scenario import Pair, Scenario, all_scenarios, run

_WRITES = "DEADLINE_EXCEEDED IDEMPOTENCY_KEY_REUSED OVERLOADED ACCEPTED REPLAYED"
_ENDED_HOLD = "HOLD_EXPIRED HOLD_RELEASED HOLD_CONFIRMED"
_REFUSED_UNITS = "UNIT_UNKNOWN SALE_NOT_OPEN UNITS_SOLD UNITS_HELD NOT_ENOUGH_AVAILABLE"
_CAN_GIVE = {
    "CreateEvent": f"{_WRITES} EVENT_NOT_FOUND INVALID_ARGUMENT",
    "OpenSale": f"{_WRITES} EVENT_NOT_FOUND",
    "PlaceHold": f"{_WRITES} EVENT_NOT_FOUND HOLD_NOT_FOUND INVALID_ARGUMENT {_REFUSED_UNITS}",
    "ExtendHold": f"{_WRITES} HOLD_NOT_FOUND INVALID_ARGUMENT {_ENDED_HOLD}",
    "ReleaseHold": f"{_WRITES} HOLD_NOT_FOUND {_ENDED_HOLD}",
    "PlaceOrder": f"{_WRITES} HOLD_NOT_FOUND ORDER_NOT_FOUND INVALID_ARGUMENT {_ENDED_HOLD}",
    "ConfirmOrder": f"{_WRITES} ORDER_NOT_FOUND ORDER_EXPIRED ORDER_CANCELLED ORDER_CONFIRMED",
    "CancelOrder": f"{_WRITES} ORDER_NOT_FOUND ORDER_EXPIRED ORDER_CANCELLED",
    "ReadEvent": "ACCEPTED EVENT_NOT_FOUND",
    "ReadDigest": "ACCEPTED EVENT_NOT_FOUND",
    "ReadHold": "ACCEPTED HOLD_NOT_FOUND",
    "ReadOrder": "ACCEPTED ORDER_NOT_FOUND",
}


@pytest.mark.parametrize("scenario", all_scenarios(), ids=lambda scenario: f"{scenario.subject}: {scenario.title}")
def test_scenario_comes_out_as_written(scenario: Scenario) -> None:
    run(scenario)


def test_scenarios_meet_every_outcome_of_every_command() -> None:
    expected = {Pair(command, outcome) for command, outcomes in _CAN_GIVE.items() for outcome in outcomes.split()}
    met: Counter[Pair] = Counter()
    for scenario in all_scenarios():
        met += run(scenario)[1]
    assert sorted(expected - set(met)) == [], "never met by a scenario"
    assert sorted(set(met) - expected) == [], "met, but missing from the table"
