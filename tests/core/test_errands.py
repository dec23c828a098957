"""What desks, legs, events and parts are told: every outcome of every errand, or why it is never given."""

from collections import Counter
from collections.abc import Callable

import pytest

from actors.core import block, desk, ground, keys, legs
from actors.core.commands import AskAboutLeg, Command, ReleaseLeg
from actors.core.outcomes import Outcome, Reason, Rejected
from actors.core.state import BlockState
from tests.core.checked_house import House
from tests.core.errand_cases import CASES, Case
from tests.core.scenario import Pair
from tests.core.test_desk_walk import SEEDS, STEPS, Walk
from tests.core.test_scenarios import OF_DESKS, OF_THE_EDGES

_INTENTS = "ACCEPTED REPLAYED INVALID_ARGUMENT OVERLOADED UNAVAILABLE DEADLINE_EXCEEDED IDEMPOTENCY_KEY_REUSED"
CAN_GIVE = {
    "IntendBasket": f"{_INTENTS} EVENT_NOT_FOUND HOLD_NOT_FOUND",
    "IntendExchange": (
        f"{_INTENTS} ORDER_NOT_FOUND TABLE_NOT_WHOLE ORDER_PENDING ORDER_EXPIRED ORDER_CANCELLED ORDER_CLOSED "
        "TICKET_VOID"
    ),
    "SettleBasket": "ACCEPTED REPLAYED INVALID_ARGUMENT UNAVAILABLE DEADLINE_EXCEEDED EVENT_NOT_FOUND",
    "DropBasket": "ACCEPTED REPLAYED EVENT_NOT_FOUND",
    "SettleExchange": "ACCEPTED REPLAYED INVALID_ARGUMENT DEADLINE_EXCEEDED EVENT_NOT_FOUND ORDER_NOT_FOUND",
    "AcknowledgeLeg": "ACCEPTED EVENT_NOT_FOUND",
    "AskAboutLeg": "ACCEPTED UNAVAILABLE EVENT_NOT_FOUND",
    "PinLeg": (
        "ACCEPTED REPLAYED INVALID_ARGUMENT OVERLOADED UNAVAILABLE DEADLINE_EXCEEDED EVENT_NOT_FOUND HOLD_RELEASED "
        "UNIT_UNKNOWN TABLE_NOT_WHOLE SALE_NOT_OPEN SALE_CLOSED BUYER_LIMIT_EXCEEDED UNITS_BLOCKED CHANNEL_REQUIRED "
        "UNITS_SOLD UNITS_HELD NOT_ENOUGH_AVAILABLE"
    ),
    "ReadRoom": (
        "ACCEPTED INVALID_ARGUMENT UNAVAILABLE EVENT_NOT_FOUND UNIT_UNKNOWN TABLE_NOT_WHOLE SALE_NOT_OPEN "
        "SALE_CLOSED BUYER_LIMIT_EXCEEDED UNITS_BLOCKED CHANNEL_REQUIRED UNITS_SOLD UNITS_HELD NOT_ENOUGH_AVAILABLE"
    ),
    "ReadKey": "REPLAYED IDEMPOTENCY_KEY_REUSED HOLD_NOT_FOUND ORDER_NOT_FOUND",
    "ReadRevision": "ACCEPTED EVENT_NOT_FOUND",
    "BookLeg": "ACCEPTED REPLAYED EVENT_NOT_FOUND HOLD_NOT_FOUND",
    "ReleaseLeg": "ACCEPTED REPLAYED EVENT_NOT_FOUND",
    "FollowEvent": "ACCEPTED REPLAYED EVENT_NOT_FOUND",
    "AcknowledgePart": "ACCEPTED EVENT_NOT_FOUND",
}

_OF_WISHES = "what is wished for is asked of the block that has it, and nobody else"
_OF_ORDERS = "the state of an order hinders what is meant for it; what was meant before is settled or dropped"
WHY_NOT_OTHERS = {
    "ACCEPTED": "what a key stands for was so before it was asked for",
    "REPLAYED": "what an acknowledgement or a question finds is told whether it is new or not",
    "INVALID_ARGUMENT": "whoever speaks for a block bears nothing that could be malformed but wishes and what is held",
    "OVERLOADED": "an intent alone needs room for its key and its basket; a leg that is to come is put off",
    "UNAVAILABLE": "is for who can ask again: an intent, a ledger's count of it, a leg that is to come or is sought "
    "room for, a leg in doubt",
    "DEADLINE_EXCEEDED": "what was decided is done, whenever that is",
    "EVENT_NOT_FOUND": "who names an order, or asks for a key, is told that this is not there",
    "IDEMPOTENCY_KEY_REUSED": "intents and who asks for a key alone bear one",
    "HOLD_NOT_FOUND": "is for what was pinned and is not there, and for the key of a basket that is forgotten",
    "HOLD_RELEASED": "is for a leg that comes after its release; what is told of a leg that is released is so already",
    "ORDER_NOT_FOUND": "is for who names an order: an exchange; and for the key of one that is forgotten",
    "UNIT_UNKNOWN": _OF_WISHES,
    "TABLE_NOT_WHOLE": "is for who wishes for seats, or means to give some back",
    "SALE_NOT_OPEN": _OF_WISHES,
    "SALE_CLOSED": _OF_WISHES,
    "BUYER_LIMIT_EXCEEDED": _OF_WISHES,
    "UNITS_BLOCKED": _OF_WISHES,
    "CHANNEL_REQUIRED": _OF_WISHES,
    "UNITS_SOLD": _OF_WISHES,
    "UNITS_HELD": _OF_WISHES,
    "NOT_ENOUGH_AVAILABLE": _OF_WISHES,
    "ORDER_PENDING": _OF_ORDERS,
    "ORDER_EXPIRED": _OF_ORDERS,
    "ORDER_CANCELLED": _OF_ORDERS,
    "ORDER_CLOSED": _OF_ORDERS,
    "TICKET_VOID": "is for who names tickets: an exchange",
    "WAITER_NOT_FOUND": "nobody waits for a basket, or at a desk, or for what is split",
    "WAITER_GONE": "as WAITER_NOT_FOUND",
    "NO_WAITING_LIST": "as WAITER_NOT_FOUND",
    "REVISION_MISMATCH": "revisions of errands are not compared for being the same: what is not newer is so already",
    "SALE_OPEN": "a part becomes what its event is, which was judged there",
    "HOLD_EXPIRED": "a leg never ends by itself, and a basket's hold is asked for like any other",
    "HOLD_CONFIRMED": "as HOLD_EXPIRED",
    "ORDER_CONFIRMED": "only who confirms is told that it is so already, and that is no errand",
    "ORDER_NOT_DUE": "only who closes is told that it is too early, and that is no errand",
}
"""Why the errands that are not in `CAN_GIVE` with an outcome never meet it, and what none of them meets."""

EXPECTED = {Pair(errand, outcome) for errand, outcomes in CAN_GIVE.items() for outcome in outcomes.split()}


def pair_of(command: Command, outcome: Outcome) -> Pair:
    """What was told, and what came of it."""
    name = type(command).__name__
    if isinstance(outcome, Rejected):
        return Pair(name, outcome.reason.name)
    return Pair(name, "REPLAYED" if outcome.replayed else "ACCEPTED")


def ask(case: Case) -> Pair:
    """What comes of the case."""
    house, to, command = case.ask()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "MAX_KEYS_PER_BLOCK", case.room)
        patch.setattr(ground, "MAX_OVERDUE_LOOKED_AT", case.looks)
        return pair_of(command, house.ask(to, command))


def check_all() -> Counter[Pair]:
    """Each case comes out as written, and together they meet what can be given; how often each."""
    met: Counter[Pair] = Counter()
    for case in CASES:
        pair = ask(case)
        assert pair.outcome == case.expected, f"{pair.command}: {case.title}"
        met[pair] += 1
    assert sorted(EXPECTED - set(met)) == [], "never met by a case"
    assert sorted(set(met) - EXPECTED) == [], "met, but missing from the table"
    return met


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.title}: {case.expected}")
def test_an_errand_comes_out_as_written(case: Case) -> None:
    assert ask(case).outcome == case.expected


def test_every_outcome_of_every_errand_is_met() -> None:
    met = check_all()
    for pair, count in sorted(met.items()):
        print(f"{pair.command:16} {pair.outcome:24} {count}")
    assert CAN_GIVE.keys() == OF_DESKS


def test_every_pair_of_an_errand_and_a_reason_is_met_or_explained() -> None:
    outcomes = {"ACCEPTED", "REPLAYED"} | {reason.name for reason in Reason if reason not in OF_THE_EDGES}
    outcomes.add(Reason.UNAVAILABLE.name)
    given_by = {outcome: {name for name, given in CAN_GIVE.items() if outcome in given.split()} for outcome in outcomes}
    assert WHY_NOT_OTHERS.keys() == {outcome for outcome, names in given_by.items() if names != CAN_GIVE.keys()}
    assert {name for given in CAN_GIVE.values() for name in given.split()} <= outcomes


def test_no_walk_meets_what_the_table_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    met: Counter[Pair] = Counter()
    asked = House.ask

    def noting(house: House, to: str, command: Command) -> Outcome:
        outcome = asked(house, to, command)
        met[pair_of(command, outcome)] += type(command).__name__ in OF_DESKS
        return outcome

    monkeypatch.setattr(House, "ask", noting)
    for seed in SEEDS[:4]:
        walk = Walk(seed)
        for _ in range(STEPS):
            walk.step()
    print({f"{pair.command} {pair.outcome}": count for pair, count in sorted((+met).items())})
    assert set(+met) - EXPECTED == set()


def undecided_legs_are_not_there(state: BlockState, command: AskAboutLeg, now_ms: int) -> Outcome:
    """The desk says so, where it should say that it cannot tell yet."""
    outcome = desk.decide_ask_about_leg(state, command, now_ms)
    return Rejected(Reason.HOLD_NOT_FOUND) if isinstance(outcome, Rejected) else outcome


def legs_that_never_came_are_not_there(state: BlockState, command: ReleaseLeg, now_ms: int) -> Outcome:
    """Whoever is told to release one says so."""
    if command.leg not in state.legs:
        return Rejected(Reason.HOLD_NOT_FOUND)
    return legs.decide_release_leg(state, command, now_ms)


@pytest.mark.parametrize(
    ("kind", "sabotage", "title"),
    [
        (AskAboutLeg, undecided_legs_are_not_there, "it is not decided"),
        (ReleaseLeg, legs_that_never_came_are_not_there, "released before it came"),
    ],
)
def test_control_another_reason_is_noticed(
    kind: type, sabotage: Callable[..., Outcome], title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(block._DECIDE_ERRAND, kind, sabotage)
    with pytest.raises(AssertionError, match=title):
        check_all()


def test_control_an_outcome_without_a_case_and_a_case_without_an_outcome_are_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = set(EXPECTED)
    for changed, words in (
        (expected | {Pair("BookLeg", "INTERNAL")}, "never met"),
        (expected - {min(expected)}, "met, but"),
    ):
        monkeypatch.setattr("tests.core.test_errands.EXPECTED", changed)
        with pytest.raises(AssertionError, match=words):
            check_all()
