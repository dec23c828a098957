"""Who may have been asked second, as a replica died or hung, does not say of a write that it was not done."""

import inspect
from collections.abc import Awaitable, Callable

import pytest

from actors.core.outcomes import Details, Reason, Rejected
from serve import second_hand
from serve.admission import Admission
from serve.operations import Operations
from serve.second_hand import NOT_YET, as_known, is_second_hand
from tests.edges.asking import Answered, Ask, ask_grpc, ask_http
from tests.edges.edge_stack import Edges

pytestmark = pytest.mark.anyio

Asking = Callable[[Edges, Ask], Awaitable[Answered]]
PROTOCOLS = pytest.mark.parametrize("asking", [ask_http, ask_grpc])
FINAL = (Reason.UNITS_HELD, Reason.EVENT_NOT_FOUND, Reason.IDEMPOTENCY_KEY_REUSED, Reason.OUTCOME_UNKNOWN)
NAMES = {
    "none": ((), ()),
    "its own": (("one",), ("one",)),
    "another's": (("one",), ("two",)),
    "the first": (("one",), ()),
}
OWN = ("none", "its own")


async def check_first_and_second(edges: Edges, asking: Asking, patch: pytest.MonkeyPatch) -> None:
    """What no shard has decided: the first says it was not done, the second that nobody knows. A final no stays."""
    body = {"areas": [{"area": "Hall", "quantity": 1}]}
    for reason in (*sorted(NOT_YET), *FINAL):

        async def place_hold(*_: object, reason: Reason = reason, **__: object) -> Rejected:
            return Rejected(reason)

        patch.setattr(edges.operations._reservations, "place_hold", place_hold)
        for named, (first, asked) in NAMES.items():
            ask = Ask("place_hold", body, "event_0000000000000001", key=f"{reason}", first=first, asked=asked)
            told = (await asking(edges, ask)).code
            expected = Reason.OUTCOME_UNKNOWN if named not in OWN and reason in NOT_YET else reason
            assert told == expected.name, f"{reason.name} under {named}"


@PROTOCOLS
async def test_what_may_have_been_asked_of_another_is_not_said_to_be_undone(
    edges: Edges, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_first_and_second(edges, asking, monkeypatch)


def test_what_bears_two_names_is_nobodys_own() -> None:
    assert is_second_hand(["one", "two"], ["one"])
    assert is_second_hand(["one"], ["one", "two"])


async def test_control_who_says_what_the_first_alone_knows_is_noticed(
    edges: Edges, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_hand, "as_known", lambda outcome, **_: outcome)
    with pytest.raises(AssertionError, match="under another's"):
        await check_first_and_second(edges, ask_http, monkeypatch)


def test_every_write_is_answered_so_and_no_read() -> None:
    writes = {
        name
        for name, method in inspect.getmembers(Operations, inspect.isfunction)
        if "_admit_write(" in inspect.getsource(inspect.unwrap(method)) and name != Admission._admit_write.__name__
    }
    answered = {
        name
        for name, method in inspect.getmembers(Operations, inspect.isfunction)
        if inspect.unwrap(method) is not method
    }
    assert len(writes) > 15
    assert writes == answered


def test_nothing_is_told_of_what_is_not_known() -> None:
    hint = Rejected(Reason.UNAVAILABLE, Details(retry_at_ms=5))
    assert as_known(hint, second_hand=True) == Rejected(Reason.OUTCOME_UNKNOWN)
    assert as_known(hint, second_hand=False) is hint
