"""From a block that it knows to be quarantined a shard tells nobody anything: neither yes nor no."""

import pytest

from actors.core.commands import ReadEvent
from actors.core.ids import BlockId
from actors.core.outcomes import Details, Reason
from actors.core.replies import RevisionReply
from actors.link.batch import Answer, Call, Failed, Fault, Refused, Replied, encoder
from tests.engine.stage import on_virtual_time
from tests.simulation.boundary import Boundary
from tests.simulation.buyers import TENANT
from tests.simulation.world import World

BLOCK = BlockId("0" * 16)
YES = Replied(encoder.encode(RevisionReply(1)))
NO = Refused(Reason.UNITS_HELD, Details())
NOTHING = Failed(Fault.QUARANTINED)
KNEW = f"{BLOCK}, and knew that it is quarantined"


def _wrong(answer: Answer, before: dict[BlockId, int], after: dict[BlockId, int]) -> list[str]:
    """What the boundary finds, if a shard that knew of these quarantines before and after says that."""
    found: list[str] = []

    @on_virtual_time
    async def main() -> None:
        known = [before, after]
        boundary = Boundary(World(1, (), faults=False).store, lambda *_: known.pop(0))
        asked = boundary.ask(encoder.encode([Call(BLOCK, encoder.encode(ReadEvent(TENANT)))]), "s1", 1)
        boundary.answer("s1", 1, asked, encoder.encode([answer]))
        found.extend(boundary.wrong)

    main()
    return found


@pytest.mark.parametrize(
    ("answer", "found"),
    [(YES, [f"s1 served {KNEW}"]), (NO, [f"s1 said no for {KNEW}"]), (NOTHING, [])],
    ids=["yes", "no", "nothing"],
)
def test_who_knows_of_a_quarantine_says_nothing(answer: Answer, found: list[str]) -> None:
    assert _wrong(answer, {BLOCK: 1}, {BLOCK: 1}) == found


@pytest.mark.parametrize("answer", [YES, NO], ids=["yes", "no"])
@pytest.mark.parametrize(
    ("before", "after"),
    [({}, {BLOCK: 1}), ({BLOCK: 1}, {}), ({BLOCK: 1}, {BLOCK: 2}), ({}, {})],
    ids=["later", "over", "another", "none"],
)
def test_who_did_not_know_all_the_time_may_say_so(
    answer: Answer, before: dict[BlockId, int], after: dict[BlockId, int]
) -> None:
    assert _wrong(answer, before, after) == []
