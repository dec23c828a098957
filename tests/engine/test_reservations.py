"""What the edges are told when nobody answers in time: a read leaves no outcome open, a write does.

Nor where it is not yet known who would have to answer: a new event's block is entered within the same bounds.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from itertools import count
from typing import Any

import pytest

from actors.core.ids import BlockId, Kind, TenantId, event_id, outside_id
from actors.core.layout import Layout
from actors.core.outcomes import Reason, Rejected
from actors.core.wishes import Wish
from actors.dispatch import Dispatcher, RoutesUnavailable
from actors.reservations import Caller, Request, Reservations
from tests.engine import stage
from tests.engine.stage import on_virtual_time
from tests.engine.test_dispatch import HELD, SILENCE, Shard, bound_errands
from tests.simulation.buyers import LAYOUT
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
        await reservations.place_hold(REQUEST, event, Wish(("A/1/1",))),
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


class SlowCatalogue:
    """Enters one block at a time, and fails after 5 s, so many times."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self._turn = asyncio.Lock()

    async def assign(self, block: BlockId, tenant: TenantId) -> None:
        async with self._turn:
            if self.failures:
                self.failures -= 1
                await asyncio.sleep(5)
                raise RoutesUnavailable("away")


def creating(blocks: SlowCatalogue, deadline_ms: int) -> Callable[[str], Awaitable[object]]:
    """To create an event, by its key, at a shard that finds the key used otherwise."""
    reservations = Reservations(Dispatcher(SilentShard(HELD), now_ms), blocks, now_ms, lambda: 1)
    layout: Layout = LAYOUT
    return lambda key: reservations.create_event(Request(CALLER, key, deadline_ms), "Gala", layout, 60_000)


async def check_that_creating_keeps_its_deadline() -> None:
    create = creating(SlowCatalogue(1_000), 1_000)
    begun_s = asyncio.get_running_loop().time()
    answers = await asyncio.gather(*(create(f"key {number}") for number in range(5)))
    assert asyncio.get_running_loop().time() - begun_s < 1.1
    for answer in answers:
        assert isinstance(answer, Rejected)
        assert answer.reason is Reason.UNAVAILABLE, "entering a block sells nothing, and can be done again"
        assert answer.details.retry_at_ms is not None
        assert answer.details.retry_at_ms > now_ms()


@on_virtual_time
async def test_an_event_whose_block_cannot_be_entered_is_refused_within_the_deadline() -> None:
    await check_that_creating_keeps_its_deadline()


async def check_that_creating_is_bounded() -> None:
    with pytest.MonkeyPatch.context() as patch:
        bound_errands(patch, "MAX_ERRANDS", 1, 1)
        create = creating(SlowCatalogue(1_000), 10_000)
    waiting = [asyncio.ensure_future(create(f"key {number}")) for number in range(2)]
    await stage.settle()
    first, second = waiting
    assert not first.done()
    assert second.done()
    answer = second.result()
    assert isinstance(answer, Rejected)
    assert answer.reason is Reason.OVERLOADED
    first.cancel()


@on_virtual_time
async def test_events_whose_blocks_are_being_entered_are_bounded() -> None:
    await check_that_creating_is_bounded()


@on_virtual_time
async def test_an_event_is_created_although_entering_its_block_failed_at_first() -> None:
    answer = await creating(SlowCatalogue(1), 10_000)("key")
    assert isinstance(answer, Rejected)
    assert answer.reason is Reason.UNITS_HELD, "it has come to its block"
    assert 5 <= asyncio.get_running_loop().time() < 5.1


def entered_outside(patch: pytest.MonkeyPatch) -> None:
    ask = Dispatcher.ask

    async def entering_first(
        self: Dispatcher, *asked: object, enter: Callable[[], Awaitable[None]] | None = None, **how: object
    ) -> object:
        assert enter is not None
        try:
            await enter()
        except RoutesUnavailable:
            return Rejected(Reason.UNAVAILABLE)
        return await ask(self, *asked, **how)  # type: ignore[arg-type]

    patch.setattr(Dispatcher, "ask", entering_first)


@pytest.mark.parametrize("check", [check_that_creating_keeps_its_deadline, check_that_creating_is_bounded])
def test_blocks_entered_outside_of_all_bounds_would_be_noticed(
    check: Callable[[], Coroutine[Any, Any, None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    entered_outside(monkeypatch)
    with pytest.raises(AssertionError):
        on_virtual_time(check)()
