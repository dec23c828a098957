"""Reasons, the proto's enum, the table and the contract hold together."""

from collections.abc import Iterable, Mapping
from itertools import pairwise

import pytest
from grpc import StatusCode

from actors.core.outcomes import Details, Reason, Rejected
from holdfast.v1 import reasons_pb2
from serve.refusals import ASK_AGAIN_AFTER_MS, STANDINGS, Standing, ask_again_after_ms, explanation, split_fault

CONTRACT: tuple[tuple[tuple[str, ...], tuple[int, ...], StatusCode], ...] = (
    (("TOO_LARGE",), (413,), StatusCode.INVALID_ARGUMENT),
    (("INVALID_ARGUMENT",), (400,), StatusCode.INVALID_ARGUMENT),
    (("UNAUTHENTICATED",), (401,), StatusCode.UNAUTHENTICATED),
    (("PERMISSION_DENIED",), (403,), StatusCode.PERMISSION_DENIED),
    (("RATE_LIMITED", "OVERLOADED"), (429,), StatusCode.RESOURCE_EXHAUSTED),
    (("UNAVAILABLE",), (503,), StatusCode.UNAVAILABLE),
    (("OUTCOME_UNKNOWN", "DEADLINE_EXCEEDED"), (504,), StatusCode.DEADLINE_EXCEEDED),
    (("EVENT_NOT_FOUND", "HOLD_NOT_FOUND", "ORDER_NOT_FOUND"), (404,), StatusCode.NOT_FOUND),
    (("IDEMPOTENCY_KEY_REUSED",), (422,), StatusCode.ALREADY_EXISTS),
    (("UNIT_UNKNOWN",), (422,), StatusCode.INVALID_ARGUMENT),
    (("SALE_NOT_OPEN", "SALE_CLOSED"), (409,), StatusCode.FAILED_PRECONDITION),
    (("HOLD_EXPIRED", "HOLD_RELEASED", "HOLD_CONFIRMED"), (410, 409, 409), StatusCode.FAILED_PRECONDITION),
    (("ORDER_EXPIRED", "ORDER_CANCELLED", "ORDER_CONFIRMED"), (410, 409, 409), StatusCode.FAILED_PRECONDITION),
    (("BUYER_LIMIT_EXCEEDED",), (409,), StatusCode.FAILED_PRECONDITION),
    (("UNITS_BLOCKED", "CHANNEL_REQUIRED"), (409,), StatusCode.FAILED_PRECONDITION),
    (("UNITS_SOLD",), (409,), StatusCode.ABORTED),
    (("UNITS_HELD",), (409,), StatusCode.ABORTED),
    (("NOT_ENOUGH_AVAILABLE",), (409,), StatusCode.ABORTED),
    (("INTERNAL",), (500,), StatusCode.INTERNAL),
)
"""The contract's table of refusals, in its order of precedence; INTERNAL is beside it: a bug, and last."""

BEYOND = {
    "WAITER_NOT_FOUND": (404, StatusCode.NOT_FOUND),
    "REVISION_MISMATCH": (412, StatusCode.ABORTED),
    "TABLE_NOT_WHOLE": (422, StatusCode.INVALID_ARGUMENT),
    "SALE_OPEN": (409, StatusCode.FAILED_PRECONDITION),
    "ORDER_PENDING": (409, StatusCode.FAILED_PRECONDITION),
    "ORDER_CLOSED": (409, StatusCode.FAILED_PRECONDITION),
    "ORDER_NOT_DUE": (409, StatusCode.FAILED_PRECONDITION),
    "TICKET_VOID": (409, StatusCode.FAILED_PRECONDITION),
    "WAITER_GONE": (409, StatusCode.FAILED_PRECONDITION),
    "NO_WAITING_LIST": (409, StatusCode.FAILED_PRECONDITION),
}
"""What is refused beyond the contract's table: of operations that it names without their refusals."""


def contract_rows() -> Iterable[tuple[str, int, StatusCode]]:
    """The contract, one reason a row."""
    for codes, statuses, grpc_code in CONTRACT:
        for index, code in enumerate(codes):
            yield code, statuses[min(index, len(statuses) - 1)], grpc_code


def check(reasons: type[Reason], proto: Mapping[str, int], standings: Mapping[Reason, Standing]) -> None:
    """All four say the same."""
    assert list(standings) == list(reasons)
    assert dict(proto) == {"REASON_UNSPECIFIED": 0} | {f"REASON_{reason.name}": int(reason) for reason in reasons}
    rows = [(reason.name, standing.http_status, standing.grpc_code) for reason, standing in standings.items()]
    assert [row for row in rows if row[0] not in BEYOND] == list(contract_rows())
    assert {code: standing for code, *standing in rows if code in BEYOND} == {
        code: list(standing) for code, standing in BEYOND.items()
    }
    assert all(former < later for former, later in pairwise(reasons))


def test_enum_proto_table_and_contract_agree() -> None:
    check(Reason, dict(reasons_pb2.Reason.items()), STANDINGS)


@pytest.mark.parametrize("broken", ["reason without standing", "proto number", "status", "status beyond", "order"])
def test_the_check_notices_what_disagrees(broken: str) -> None:
    """Negative control."""
    proto, standings = dict(reasons_pb2.Reason.items()), dict(STANDINGS)
    if broken == "reason without standing":
        del standings[Reason.UNITS_HELD]
    elif broken == "proto number":
        proto["REASON_UNITS_HELD"] = 99
    elif broken == "status beyond":
        standings[Reason.TICKET_VOID] = standings[Reason.UNITS_SOLD]
    elif broken == "status":
        standings[Reason.HOLD_EXPIRED] = standings[Reason.HOLD_RELEASED]
    else:
        standings = dict(reversed(standings.items()))
    with pytest.raises(AssertionError):
        check(Reason, proto, standings)


def test_faults_and_only_faults_are_worth_repeating() -> None:
    transient = {reason.name for reason, standing in STANDINGS.items() if standing.transient}
    assert transient == {"RATE_LIMITED", "OVERLOADED", "UNAVAILABLE", "OUTCOME_UNKNOWN", "DEADLINE_EXCEEDED"}


@pytest.mark.parametrize(
    ("refusal", "wait_ms"),
    [
        (Rejected(Reason.OVERLOADED), ASK_AGAIN_AFTER_MS),
        (Rejected(Reason.OVERLOADED, Details(full=True)), None),
        (Rejected(Reason.UNAVAILABLE, Details(retry_at_ms=5_250)), 250),
        (Rejected(Reason.UNAVAILABLE, Details(retry_at_ms=4_000)), 0),
        (Rejected(Reason.UNITS_HELD, Details(retry_at_ms=9_000)), None),
    ],
)
def test_only_a_passing_fault_says_when_to_ask_again(refusal: Rejected, wait_ms: int | None) -> None:
    assert ask_again_after_ms(refusal, now_ms=5_000) == wait_ms


def test_an_explanation_names_a_few_and_counts_the_others() -> None:
    refusal = Rejected(Reason.UNITS_SOLD, Details(units=tuple("abcde")))
    assert explanation(refusal) == "Units are sold: a; b; c; 2 more."
    assert explanation(Rejected(Reason.NOT_ENOUGH_AVAILABLE, Details(units=("Floor",), available=2))) == (
        "There is not enough available: Floor; 2 available."
    )
    assert explanation(Rejected(Reason.HOLD_EXPIRED)) == "The hold has expired."
    assert explanation(Rejected(Reason.OVERLOADED, Details(full=True))).endswith("another key may be taken.")


def test_a_fault_is_split_at_its_first_colon() -> None:
    assert split_fault("layout.rows: must be a range: 1..5") == ("layout.rows", "must be a range: 1..5")
    assert split_fault("nothing to split") == ("", "nothing to split")
