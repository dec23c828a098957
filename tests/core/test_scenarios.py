"""The scenario tables, and that together they meet every outcome that the core can give."""

from collections import Counter
from typing import get_args

import pytest

from actors.core.commands import Command, Errand
from actors.core.outcomes import Reason
from tests.core.scenario import Pair, run
from tests.core.scenario_tables import Scenario, all_scenarios

_WRITES = "DEADLINE_EXCEEDED IDEMPOTENCY_KEY_REUSED OVERLOADED ACCEPTED REPLAYED"
_OF_HOLDS = f"{_WRITES} HOLD_NOT_FOUND HOLD_EXPIRED HOLD_RELEASED HOLD_CONFIRMED"
_OF_ORDERS = f"{_WRITES} ORDER_NOT_FOUND ORDER_EXPIRED ORDER_CANCELLED ORDER_CLOSED"
_OF_TICKETS = f"{_OF_ORDERS} INVALID_ARGUMENT ORDER_PENDING TICKET_VOID"
_WISHES = "UNIT_UNKNOWN TABLE_NOT_WHOLE SALE_NOT_OPEN SALE_CLOSED BUYER_LIMIT_EXCEEDED INVALID_ARGUMENT"
_IN_THE_WAY = "UNITS_BLOCKED CHANNEL_REQUIRED UNITS_SOLD UNITS_HELD NOT_ENOUGH_AVAILABLE"
CAN_GIVE = {
    "CreateEvent": f"{_WRITES} EVENT_NOT_FOUND INVALID_ARGUMENT UNIT_UNKNOWN",
    "OpenSale": f"{_WRITES} EVENT_NOT_FOUND SALE_CLOSED",
    "ChangeStatus": f"{_WRITES} EVENT_NOT_FOUND INVALID_ARGUMENT SALE_NOT_OPEN SALE_CLOSED SALE_OPEN",
    "EditEvent": (f"{_WRITES} EVENT_NOT_FOUND INVALID_ARGUMENT REVISION_MISMATCH UNIT_UNKNOWN UNITS_SOLD UNITS_HELD"),
    "PlaceHold": f"{_WRITES} EVENT_NOT_FOUND HOLD_NOT_FOUND {_WISHES} {_IN_THE_WAY}",
    "ExtendHold": f"{_OF_HOLDS} INVALID_ARGUMENT",
    "ReleaseHold": _OF_HOLDS,
    "PlaceOrder": f"{_OF_HOLDS} ORDER_NOT_FOUND INVALID_ARGUMENT",
    "ConfirmOrder": f"{_OF_ORDERS} ORDER_CONFIRMED",
    "CancelOrder": _OF_ORDERS,
    "CloseOrder": f"{_OF_ORDERS} INVALID_ARGUMENT ORDER_PENDING ORDER_NOT_DUE",
    "CancelTickets": f"{_OF_TICKETS} TABLE_NOT_WHOLE",
    "ExchangeTickets": f"{_OF_TICKETS} {_WISHES} {_IN_THE_WAY}",
    "ReassignTicket": _OF_TICKETS,
    "JoinWaitingList": f"{_WRITES} EVENT_NOT_FOUND WAITER_NOT_FOUND {_WISHES} NO_WAITING_LIST NOT_ENOUGH_AVAILABLE",
    "LeaveWaitingList": f"{_WRITES} WAITER_NOT_FOUND WAITER_GONE",
    "ReadEvent": "ACCEPTED EVENT_NOT_FOUND",
    "ReadDigest": "ACCEPTED EVENT_NOT_FOUND",
    "ReadHold": "ACCEPTED HOLD_NOT_FOUND",
    "ReadOrder": "ACCEPTED ORDER_NOT_FOUND",
    "ReadWaiter": "ACCEPTED WAITER_NOT_FOUND",
}

WHY_NOT_OTHERS = {
    "REPLAYED": "reads bear no key",
    "IDEMPOTENCY_KEY_REUSED": "reads bear no key",
    "DEADLINE_EXCEEDED": "a read may be answered at any time",
    "OVERLOADED": "a read needs no room for its key",
    "INVALID_ARGUMENT": (
        "a command that bears numbers alone which somebody has has nothing that could be malformed; "
        "what is asked of an event's parts has a table of its own"
    ),
    "EVENT_NOT_FOUND": "who names a hold, an order or a waiter is told that this is not there",
    "HOLD_NOT_FOUND": "is for who names a hold, or repeats the key that stood for one which is forgotten",
    "ORDER_NOT_FOUND": "is for who names an order, or repeats the key that stood for one which is forgotten",
    "WAITER_NOT_FOUND": "is for who names a waiter, or repeats the key that stood for one which is forgotten",
    "REVISION_MISMATCH": "an edit alone names the revision that it is based on",
    "UNIT_UNKNOWN": "is for who names units: in a wish, or in an allotment",
    "TABLE_NOT_WHOLE": "is for who wishes for seats, or gives some back",
    "SALE_NOT_OPEN": "the sale's state hinders new claims, and the event's own steps; what somebody has goes on",
    "SALE_CLOSED": "as SALE_NOT_OPEN",
    "SALE_OPEN": "an event alone can be too early for its own end",
    "HOLD_EXPIRED": "is for who does something with a hold; reads say it in its status",
    "HOLD_RELEASED": "as HOLD_EXPIRED",
    "HOLD_CONFIRMED": "as HOLD_EXPIRED",
    "ORDER_EXPIRED": "is for who does something with an order; reads say it in its status",
    "ORDER_CANCELLED": "as ORDER_EXPIRED",
    "ORDER_CLOSED": "as ORDER_EXPIRED",
    "ORDER_CONFIRMED": "all but confirming it can be done with a paid order",
    "ORDER_PENDING": "an order that is not paid has no tickets and cannot be over; it can be confirmed and cancelled",
    "ORDER_NOT_DUE": "an order alone that is closed must have begun",
    "TICKET_VOID": "is for who names tickets",
    "WAITER_GONE": "reads say it in the waiter's status; who joins is a new one",
    "NO_WAITING_LIST": "who is in one can leave it, also when there is none any more",
    "BUYER_LIMIT_EXCEEDED": "is for who wishes for units; what somebody has already stays within no new limit",
    "UNITS_BLOCKED": "is for who wishes for units now; who waits, waits for that",
    "CHANNEL_REQUIRED": "as UNITS_BLOCKED",
    "UNITS_SOLD": "is for who wishes for units now, and for an edit that would take them from their buyers",
    "UNITS_HELD": "as UNITS_SOLD",
    "NOT_ENOUGH_AVAILABLE": "is for who wishes for units; an edit names the area whose places it would take away",
}
"""Why the commands that are not in `CAN_GIVE` with an outcome never meet it."""

OF_THE_EDGES = {
    Reason.TOO_LARGE,
    Reason.UNAUTHENTICATED,
    Reason.PERMISSION_DENIED,
    Reason.RATE_LIMITED,
    Reason.UNAVAILABLE,
    Reason.OUTCOME_UNKNOWN,
    Reason.INTERNAL,
}
"""What only those who stand in front of a block can say."""

OF_DESKS = {
    "IntendBasket", "IntendExchange", "ReadRoom", "ReadKey", "ReadRevision",
    *(kind.__name__ for kind in get_args(Errand)),
}  # fmt: skip
"""What desks, legs and parts are told, and asked for baskets, has a table of its own: `test_errands`."""

REASONS_OF_THE_CORE = {reason.name for reason in Reason if reason not in OF_THE_EDGES}


@pytest.mark.parametrize("scenario", all_scenarios(), ids=lambda scenario: f"{scenario.subject}: {scenario.title}")
def test_scenario_comes_out_as_written(scenario: Scenario) -> None:
    run(scenario)


def test_scenarios_meet_every_outcome_of_every_command() -> None:
    expected = {Pair(command, outcome) for command, outcomes in CAN_GIVE.items() for outcome in outcomes.split()}
    met: Counter[Pair] = Counter()
    for scenario in all_scenarios():
        met += run(scenario)[1]
    assert sorted(expected - set(met)) == [], "never met by a scenario"
    assert sorted(set(met) - expected) == [], "met, but missing from the table"


def test_every_pair_of_a_command_and_a_reason_is_met_or_explained() -> None:
    commands = {kind.__name__ for kind in get_args(Command)} - OF_DESKS
    assert CAN_GIVE.keys() == commands
    outcomes = {"REPLAYED"} | REASONS_OF_THE_CORE
    given_by = {outcome: {name for name, given in CAN_GIVE.items() if outcome in given.split()} for outcome in outcomes}
    assert {outcome for outcome, names in given_by.items() if not names} == set(), "no command can give it"
    assert WHY_NOT_OTHERS.keys() == {outcome for outcome, names in given_by.items() if names != commands}
