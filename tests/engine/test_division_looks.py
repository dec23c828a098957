"""That there is no such event is told by a look that began after the question, and by none that others wait for."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from actors.core.ids import BlockId, event_block
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import EventReply, EventStatus
from actors.reservations import Caller
from actors.reservations.divisions import Divisions
from actors.shared_reads import SharedRead, SharedReads
from tests.engine.stage import on_virtual_time
from tests.simulation.buyers import CALLER, LAYOUT
from tests.simulation.world import now_ms


class Looks:
    """Divisions whose looks at an event are under way until `end` is set."""

    def __init__(self) -> None:
        self.events: dict[BlockId, EventReply] = {}
        self.end = asyncio.Event()
        self.begun = 0
        self.divisions = Divisions(self._read, self._read_revision, now_ms)

    async def _read(self, caller: Caller, block: BlockId) -> EventReply | Rejected:
        self.begun += 1
        seen = self.events.get(block, Rejected(Reason.EVENT_NOT_FOUND))
        await self.end.wait()
        return seen

    async def _read_revision(self, caller: Caller, block: BlockId) -> int | Rejected:
        return self.events[block].revision


async def check_look_under_way() -> None:
    """How an event is split is looked at, in vain; it is created, and asked for while the look is still under way."""
    looks, block = Looks(), event_block(CALLER.tenant, "key")
    before = asyncio.create_task(looks.divisions.of(CALLER, block))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert looks.begun == 1
    looks.events[block] = EventReply("arena", "event", EventStatus.DRAFT, LAYOUT, 600_000, 1)
    after = [asyncio.create_task(looks.divisions.of(CALLER, block)) for _ in range(5)]
    await asyncio.sleep(0)
    looks.end.set()
    assert await before == Rejected(Reason.EVENT_NOT_FOUND)
    assert await asyncio.gather(*after) == [None] * len(after), "a false no"
    assert looks.begun == 2


@on_virtual_time
async def test_a_look_that_began_before_an_event_was_there_says_nothing_to_who_asks_after() -> None:
    await check_look_under_way()


def test_control_a_look_under_way_is_anybodys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SharedReads, "join", as_if_it_began_now(SharedReads.join))
    with pytest.raises(AssertionError, match="a false no"):
        on_virtual_time(check_look_under_way)()


def as_if_it_began_now(join: Callable[..., SharedRead[Any]]) -> Callable[..., SharedRead[Any]]:
    def joined(self: SharedReads[Any, Any], *asked: Any) -> SharedRead[Any]:
        return join(self, *asked)._replace(number=1 << 60)

    return joined
