"""What clients of a run saw goes together, or does not, in hand-made cases."""

import msgspec
import pytest

from actors.core.ids import BlockId
from actors.core.prices import Price
from actors.core.replies import HoldReply, HoldStatus
from actors.core.wishes import AreaPlaces
from actors.reservations import Done
from tests.simulation import market_facts
from tests.simulation.market_facts import Facts

BLOCK = BlockId("dhyg1b2eeekbpqzf")
DUE_MS = 50_000
HELD = HoldReply(1, HoldStatus.ACTIVE, "ana", ("A/1/1",), (), Price("EUR", (), (), ()), DUE_MS, DUE_MS, 40_000)
OVER = msgspec.structs.replace(HELD, status=HoldStatus.EXPIRED, now_ms=DUE_MS + 10)
DUE = msgspec.structs.replace(HELD, now_ms=DUE_MS + 20)


def found(*seen: tuple[HoldReply, int]) -> list[str]:
    """What is wrong with these, seen one after the other as of these positions."""
    facts = Facts()
    for reply, position in seen:
        facts.note(Done(BLOCK, reply, False, position), facts.tick(), reply.now_ms)
    return list(facts.check())


def test_who_cannot_know_of_an_outage_says_of_what_is_due_that_it_is_there() -> None:
    assert found((HELD, 3), (OVER, 3), (DUE, 3), (OVER, 3)) == []


@pytest.mark.parametrize(
    "again",
    [
        (msgspec.structs.replace(DUE, now_ms=DUE_MS - 1_000), 3),
        (msgspec.structs.replace(DUE, areas=(AreaPlaces("floor", 1),)), 3),
        (msgspec.structs.replace(DUE, expires_at_ms=DUE_MS + 60_000), 3),
        (DUE, 4),
    ],
    ids=["before it is due", "other units", "extended", "as of a later row"],
)
def test_nothing_else_is_there_that_was_over(again: tuple[HoldReply, int]) -> None:
    assert found((HELD, 3), (OVER, 3), again)


def test_control_where_that_is_not_allowed_it_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_facts, "_is_open", lambda *_: False)
    assert found((OVER, 3), (DUE, 3))
