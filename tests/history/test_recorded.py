"""The calls of a run go to the blocks in which they are at home, and tell the audit what buyers were told."""

import asyncio
from pathlib import Path

import pytest

from actors.audit.denials import Denied
from actors.audit.ids import desk_of, event_of, id_of
from actors.audit.keys import journaled_key
from actors.audit.replies import Acknowledged, Told
from loadtests.calls import Accepted, Answer, Ask, Broken, Passing, Refused, Sight
from loadtests.history.calls import Call, Kind, Outcome, Recorder, Seen, line_of
from loadtests.history.recorded import Histories, RecordedShop, answers_of
from tests.history.notes import fail, info, ok
from tests.loadtests.journals import BLOCK, TENANT

DESK = desk_of(TENANT, journaled_key(TENANT, "k", BLOCK))


class _Shop:
    protocol = "none"

    def __init__(self, answer: Answer | None) -> None:
        self._answer = answer

    async def ask(self, ask: Ask, key: str) -> Answer:
        """See `Shop.ask`."""
        if self._answer is None:
            await asyncio.sleep(60)
            raise AssertionError("nobody waits so long")
        return self._answer

    async def look(self, kind: Kind, own: str) -> Sight:
        """See `Shop.look`."""
        raise AssertionError("nobody looks")


class _Looking(_Shop):
    def __init__(self, sight: Sight) -> None:
        super().__init__(None)
        self._sight = sight

    async def look(self, kind: Kind, own: str) -> Sight:
        """See `Shop.look`."""
        return self._sight


@pytest.mark.parametrize(
    ("sight", "outcome", "reason"),
    [
        (Seen("ACTIVE"), Outcome.OK, ""),
        (Refused("HOLD_NOT_FOUND"), Outcome.FAIL, "HOLD_NOT_FOUND"),
        (Passing("UNAVAILABLE"), Outcome.FAIL, "UNAVAILABLE"),
        (Passing("HTTP: no answer within 10 s"), Outcome.INFO, "HTTP: no answer within 10 s"),
    ],
)
def test_reads_are_recorded_as_well(sight: Sight, outcome: Outcome, reason: str) -> None:
    kept: list[Call] = []
    shop = RecordedShop(_Looking(sight), Recorder(lambda: 7, kept.append), event_of(BLOCK), "anna")
    assert asyncio.run(shop.look(Kind.READ_HOLD, "hold_x")) == sight
    (call,) = kept
    assert (call.kind, call.id, call.key, call.outcome, call.reason) == (Kind.READ_HOLD, "hold_x", "", outcome, reason)
    assert call.told == (sight if isinstance(sight, Seen) else None)


@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [
        (Accepted(Acknowledged(Told.HELD, "hold_x", (), (), 0), False), Outcome.OK, ""),
        (Refused("UNITS_HELD", ("A/1/1",)), Outcome.FAIL, "UNITS_HELD"),
        (Passing("OVERLOADED"), Outcome.FAIL, "OVERLOADED"),
        (Passing("OUTCOME_UNKNOWN"), Outcome.INFO, "OUTCOME_UNKNOWN"),
        (Passing("HTTP: no answer within 10 s"), Outcome.INFO, "HTTP: no answer within 10 s"),
        (Broken("INTERNAL"), Outcome.INFO, "INTERNAL"),
        (None, Outcome.INFO, "left"),
    ],
)
def test_what_is_no_for_certain_is_a_failure_and_all_else_may_have_happened(
    answer: Answer | None, outcome: Outcome, reason: str
) -> None:
    kept: list[Call] = []
    shop = RecordedShop(_Shop(answer), Recorder(lambda: 7, kept.append), event_of(BLOCK), "anna")

    async def ask() -> None:
        call = asyncio.create_task(shop.ask(Ask(Told.HELD, seats=("A/1/1",)), "k"))
        await asyncio.sleep(0)
        if answer is None:
            call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    asyncio.run(ask())
    assert [(call.outcome, call.reason, call.key, call.block, call.units) for call in kept] == [
        (outcome, reason, "k", BLOCK, ("A/1/1",))
    ]


def test_the_audit_is_told_what_buyers_were_told() -> None:
    denied = fail(Kind.HOLD, 0, (5, 9), "NOT_ENOUGH_AVAILABLE", "k2", areas=(("floor", 3),))
    calls = [
        ok(Kind.HOLD, 1, (0, 2), "k1"),
        info(Kind.HOLD, 0, 1, "k2", areas=(("floor", 3),)),
        denied,
        fail(Kind.HOLD, 0, (6, 8), "NOT_ENOUGH_AVAILABLE", best=(2,)),
        fail(Kind.HOLD, 0, (7, 8), "NOT_ENOUGH_AVAILABLE", best=(1,)),
    ]
    assert list(answers_of(calls)) == [
        calls[0].told,
        Denied(event_of(BLOCK), "floor", 1, 9, 3),
        Denied(event_of(BLOCK), "", 7, 8, 1),
    ]


@pytest.mark.parametrize(("tenant", "asked_at"), [("", BLOCK), (TENANT, DESK)])
def test_what_is_asked_of_an_event_is_at_home_there_or_if_it_is_split_at_a_desk(
    tmp_path: Path, tenant: str, asked_at: str
) -> None:
    held = info(Kind.HOLD, 0, 1, "k", over_us=9)
    of_order = Call("anna", Kind.CANCEL, BLOCK, 2, Outcome.INFO, key="c", id=id_of("order", "0" * 16, 1))
    (tmp_path / "calls").write_bytes(line_of(held) + line_of(of_order))
    histories = Histories(tmp_path, tenant)
    histories.sort([tmp_path / "calls"])
    assert list(histories.witnesses(0)) == [asked_at, "0" * 16]
    assert histories.over_us == 9


def test_desks_come_before_the_blocks_of_the_events_that_they_refuse_for(tmp_path: Path) -> None:
    of_event = Call("anna", Kind.CANCEL, BLOCK, 1, Outcome.INFO, key="c", id=id_of("order", BLOCK, 1))
    (tmp_path / "calls").write_bytes(line_of(of_event) + line_of(info(Kind.HOLD, 0, 2, "k")))
    histories = Histories(tmp_path, TENANT, {BLOCK: [BLOCK, "a part"]})
    histories.sort([tmp_path / "calls"])
    assert list(histories.witnesses(0)) == [DESK, BLOCK, "a part"]
