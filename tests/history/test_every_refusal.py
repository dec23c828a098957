"""By what each refusal is judged, and that a false one is found: hand-made histories of a house, by reason."""

from typing import Any

import pytest

from actors.audit.audit import BlockAudit
from actors.audit.findings import Fault
from actors.core import commands as c
from actors.core.outcomes import Reason
from actors.core.rules import Allotment, Rules
from actors.core.wishes import Wish
from loadtests.history import of_tickets, refusals, rooms, standing
from loadtests.history.calls import Call, Kind
from loadtests.history.rooms import is_not_enough
from loadtests.history.said import SAID, SAID_OF
from loadtests.history.standing import TURNED_AWAY
from loadtests.history.tally import Tally
from loadtests.history.wished import units_named
from loadtests.history.witness import Witness
from tests.history.house import house
from tests.history.notes import ok
from tests.history.said_of_house import (
    FREE,
    HOLD,
    JUDGED,
    LEAVE,
    OF_HOLDS,
    PARTLY,
    REST_OF_TABLE,
    WAIT,
    Case,
    of,
    wish,
)
from tests.loadtests.journals import HOLD_TTL_MS, LAYOUT, Journal, Shop

BEFORE = ok(HOLD, 90, (0, 10), "hold 90", units=("A/2/5",))
AFTER = ok(HOLD, 91, (21, 30), "hold 91", units=("A/2/4",))

VAGUE = {Reason.INVALID_ARGUMENT}
"""What is wrong with a request may not be in its record: these are counted, and few may be."""

UNCHECKED = {
    Reason.TOO_LARGE, Reason.UNAUTHENTICATED, Reason.PERMISSION_DENIED, Reason.IDEMPOTENCY_KEY_REUSED,
    Reason.REVISION_MISMATCH, Reason.SALE_OPEN, Reason.OUTCOME_UNKNOWN, Reason.INTERNAL,
}  # fmt: skip
"""Nobody who writes histories is told these as a no; who is has one that does not suffice."""


def watched(call: Call, journal: Journal | None = None) -> tuple[list[Fault], Tally]:
    """What is found of this call, between the two."""
    journal = journal or house()
    witness = Witness(journal.block, [BEFORE, call, AFTER], 10_000_000, tolerance_ms=None)
    audit = BlockAudit(journal.block, watcher=witness)
    found = [finding.fault for row in journal.rows() for finding in audit.take(row)]
    return [*found, *(finding.fault for finding in audit.finish())], witness.tally


def cases(which: str) -> list[Any]:
    """All of the table."""
    return [
        pytest.param(reason, case, id=f"{reason.name}: {name}")
        for reason, judged in JUDGED.items()
        for name, case in getattr(judged, which).items()
    ]


def test_each_reason_is_judged_or_said_why_not() -> None:
    sorts = [set(JUDGED), VAGUE, UNCHECKED, {Reason[name] for name in TURNED_AWAY}]
    assert sum(map(len, sorts)) == len(set().union(*sorts)), "each is of one sort"
    assert set().union(*sorts) == set(Reason), "and all of some"
    assert all(judged.false for judged in JUDGED.values())
    assert {reason.name for reason in (*JUDGED, *VAGUE, Reason.IDEMPOTENCY_KEY_REUSED)} == SAID


@pytest.mark.parametrize(("reason", "case"), cases("right"))
def test_a_refusal_that_is_so_is_right(reason: Reason, case: Case) -> None:
    found, tally = watched(case(reason.name))
    assert (found, tally.unchecked, tally.vague) == ([], 0, 0)


@pytest.mark.parametrize(("reason", "case"), cases("false"))
def test_a_false_refusal_is_found(reason: Reason, case: Case) -> None:
    found, tally = watched(case(reason.name))
    if tally.unchecked:
        assert not tally.is_known
        assert found == []
    else:
        assert (found, tally.vague) in (([Fault.REFUSED_WRONGLY], 0), ([Fault.READ_WRONGLY], 0))


@pytest.mark.parametrize("kind", Kind)
def test_what_is_never_said_to_such_a_call_does_not_pass(kind: Kind) -> None:
    for reason in SAID - SAID_OF[kind]:
        found, tally = watched(of(kind, _number_of(kind), FREE, tickets=(0,))(reason))
        assert found or not tally.is_known, reason


def _number_of(kind: Kind) -> int:
    if kind in (*OF_HOLDS, Kind.READ_HOLD):
        return 10
    return {HOLD: 0, WAIT: 0, LEAVE: 20}.get(kind, 103)


@pytest.mark.parametrize("reason", [pytest.param(reason, id=reason.name) for reason in sorted(UNCHECKED)])
def test_what_nobody_knows_how_to_judge_does_not_suffice(reason: Reason) -> None:
    found, tally = watched(wish(FREE)(reason.name))
    assert (found, tally.is_known) == ([], False)


@pytest.mark.parametrize(
    ("case", "vague"),
    [
        pytest.param(wish(FREE), 1, id="well asked"),
        pytest.param(of(PARTLY, 103, tickets=(4,)), 1, id="a ticket that is there"),
        pytest.param(wish(FREE, may_be_invalid=True), 0, id="who asked knows that it is wrong"),
        pytest.param(wish(FREE, FREE), 0, id="twice"),
        pytest.param(wish("T/T2", "T/T2/1"), 0, id="twice, by its table"),
        pytest.param(wish(areas=(("yard", 51),)), 0, id="too many"),
        pytest.param(wish(spans=(("court", 10, 10),)), 0, id="no time at all"),
        pytest.param(of(PARTLY, 103, tickets=(5,)), 0, id="a ticket that there is not"),
        pytest.param(of(PARTLY, 103, tickets=(4, 4)), 0, id="a ticket twice"),
        pytest.param(of(Kind.EXTEND, 10, ttl_ms=-1), 0, id="less than no time"),
    ],
)
def test_what_is_called_invalid_shows_it_or_is_vague(case: Case, vague: int) -> None:
    found, tally = watched(case(Reason.INVALID_ARGUMENT.name))
    assert (found, tally.unchecked, tally.vague) == ([], 0, vague)


@pytest.mark.parametrize(("late_ms", "expected"), [(-1, []), (0, [Fault.REFUSED_WRONGLY])])
def test_what_is_for_everybody_by_now_is_not_blocked(late_ms: int, expected: list[Fault]) -> None:
    """Nothing in the journal says so yet."""
    shop = Shop()
    shop.take_over()
    returns = Allotment("house", "", ("A/1/2",), returns_at_ms=shop.now_ms + 1_000)
    shop.ask(
        c.CreateEvent(shop.stamp("the event's key"), "A concert", LAYOUT, HOLD_TTL_MS, Rules(allotments=(returns,)))
    )
    shop.ask(c.OpenSale(shop.stamp("open")))
    shop.ask(c.PlaceHold(shop.stamp("hold 1"), 1, Wish(("A/1/1",))))
    shop.commit()
    shop.now_ms += 1_000 + late_ms
    shop.ask(c.ReleaseHold(shop.stamp("hold 90"), 1))
    shop.commit()
    shop.ask(c.PlaceHold(shop.stamp("hold 91"), 91, Wish(("A/1/3",))))
    shop.commit()
    call = wish("A/1/2")(Reason.UNITS_BLOCKED.name)
    before, after = ok(Kind.RELEASE, 1, (0, 10), "hold 90"), ok(HOLD, 91, (21, 30), "hold 91")
    journal = shop.journal()
    witness = Witness(journal.block, [before, call, after], 10_000_000, tolerance_ms=None)
    audit = BlockAudit(journal.block, watcher=witness)
    found = [finding.fault for row in journal.rows() for finding in audit.take(row)]
    assert [*found, *(finding.fault for finding in audit.finish())] == expected


@pytest.mark.parametrize(
    ("owner", "rule", "by", "reason", "passes"),
    [
        pytest.param(owner, rule, by, reason, passes, id=f"{reason.name}: {passes}")
        for owner, rule, by, reason, passes in (
            (refusals, "_windows", lambda *_: [(1 << 62, 1)], Reason.SALE_CLOSED, "seat"),
            (refusals, "_windows", lambda *_: [(1 << 62, 1)], Reason.SALE_NOT_OPEN, "channel"),
            (refusals, "_has_begun", lambda *_: True, Reason.SALE_CLOSED, "slot"),
            (refusals, "in_the_way", units_named, Reason.SALE_CLOSED, "a slot that is not wished for"),
            (of_tickets, "begins_ms", lambda *_: [1 << 62], Reason.ORDER_NOT_DUE, "it has begun"),
            (of_tickets, "_left_at_tables", lambda *_: {*REST_OF_TABLE}, Reason.TABLE_NOT_WHOLE, "a seat given back"),
            (of_tickets, "_seats_of_tables", lambda *_: range(20), Reason.TABLE_NOT_WHOLE, "another's chairs"),
            (refusals, "may_be_unknown", lambda *_: True, Reason.UNIT_UNKNOWN, "channel"),
            (refusals, "unknown_of", lambda *_: ["fans"], Reason.UNIT_UNKNOWN, "channel, unnamed"),
            (refusals, "in_the_way", units_named, Reason.UNITS_BLOCKED, "another than is wished for"),
            (refusals, "in_the_way", units_named, Reason.CHANNEL_REQUIRED, "another than is wished for"),
            (rooms, "in_the_way", units_named, Reason.UNITS_SOLD, "another than is wished for"),
            (rooms, "in_the_way", units_named, Reason.UNITS_HELD, "another than is wished for"),
            (rooms, "_is_never_enough", is_not_enough, Reason.NOT_ENOUGH_AVAILABLE, "waits for what others have"),
            (rooms, "given_back", lambda *_: [], Reason.UNITS_SOLD, "its own, given back"),
            (rooms, "given_back", lambda *_: [], Reason.NOT_ENOUGH_AVAILABLE, "as many places as are given back"),
            (refusals, "given_back", lambda *_: [], Reason.BUYER_LIMIT_EXCEEDED, "as many as are given back"),
            (standing, "SAID_OF", dict.fromkeys(Kind, SAID), Reason.ORDER_PENDING, "confirmed: which is no hindrance"),
            (standing, "SAID_OF", dict.fromkeys(Kind, SAID), Reason.ORDER_CANCELLED, "read order: is shown"),
        )
    ],
)
def test_control_without_a_rule_a_false_one_passes(
    owner: object, rule: str, by: object, reason: Reason, passes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, rule, by)
    assert watched(JUDGED[reason].false[passes](reason.name))[0] == []
