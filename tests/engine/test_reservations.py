"""What the edges are told when nobody answers in time: a read leaves no outcome open, a write does."""

from collections.abc import Callable
from itertools import count

import pytest

from actors.core.ids import BlockId, Kind, TenantId, event_id, outside_id
from actors.core.outcomes import Reason, Rejected
from actors.dispatch import Dispatcher
from actors.reservations import Caller, Request, Reservations
from tests.engine.stage import on_virtual_time
from tests.engine.test_dispatch import SILENCE, Shard
from tests.simulation.world import now_ms

BLOCK = BlockId("0000000000000001")
CALLER = Caller(TenantId("arena"), "somebody")
REQUEST = Request(CALLER, "key", 1_000)


class SilentShard(Shard):
    """Of a block with an id that the edges can name."""

    def doubt(self, block: BlockId, way: object) -> None:
        self.doubts += 1

    async def assign(self, block: BlockId, tenant: TenantId) -> None:
        """It is there."""


async def check_silence() -> None:
    shard = SilentShard(SILENCE)
    numbers = count(1)
    reservations = Reservations(Dispatcher(shard, now_ms), shard, now_ms, lambda: next(numbers))
    hold, order, event = outside_id(Kind.HOLD, BLOCK, 7), outside_id(Kind.ORDER, BLOCK, 8), event_id(BLOCK)
    reads = [
        await reservations.get_event(CALLER, event, 1_000),
        await reservations.get_hold(CALLER, hold, 1_000),
        await reservations.get_order(CALLER, order, 1_000),
        await reservations.get_digest(CALLER, event, 1_000),
    ]
    assert reads == [Rejected(Reason.DEADLINE_EXCEEDED)] * len(reads)
    writes = [
        await reservations.open_sale(REQUEST, event),
        await reservations.place_hold(REQUEST, event, ("A/1/1",), ()),
        await reservations.release_hold(REQUEST, hold),
        await reservations.cancel_order(REQUEST, order),
    ]
    assert writes == [Rejected(Reason.OUTCOME_UNKNOWN)] * len(writes)


@on_virtual_time
async def test_silence_leaves_the_outcome_of_a_write_open_and_of_no_read() -> None:
    await check_silence()


def all_is_written(patch: pytest.MonkeyPatch) -> None:
    _as_if(patch, to_write=True)


def all_is_read(patch: pytest.MonkeyPatch) -> None:
    _as_if(patch, to_write=False)


def _as_if(patch: pytest.MonkeyPatch, *, to_write: bool) -> None:
    ask = Dispatcher.ask

    async def same_for_all(self: Dispatcher, *asked: object, **_: object) -> object:
        return await ask(self, *asked, to_write=to_write)  # type: ignore[arg-type]

    patch.setattr(Dispatcher, "ask", same_for_all)


@pytest.mark.parametrize("sabotage", [all_is_written, all_is_read])
def test_one_verdict_for_all_would_be_noticed(
    sabotage: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        on_virtual_time(check_silence)()
