"""Commands for a block that is on its way into memory: one asks for all of them, and whoever leaves stops nobody."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from actors.core.commands import ReadEvent
from actors.core.ids import BlockId
from actors.core.outcomes import Reason, Rejected
from actors.dispatch import SCOUT_PAUSE_S, Dispatcher
from actors.link.batch import Answer, Failed, Fault, Replied, calls_decoder, encoder
from actors.link.coalescer import Coalescer
from actors.parking import MAX_PARKED_PER_BLOCK, Parking, Place
from tests.engine import stage
from tests.engine.stage import on_virtual_time
from tests.simulation.world import now_ms

WRITE = b"write"
READ = encoder.encode(ReadEvent("arena"))
YES = Replied(b"yes", False, 7)
ACTIVATION_S = 1.0
CALLERS = 200


class ActivatingShard:
    """Blocks named `cold...` can be written to after a second; all can be read at once."""

    def __init__(self) -> None:
        self.ready_s = asyncio.get_running_loop().time() + ACTIVATION_S
        self.calls: dict[BlockId, int] = {}
        self._way = Coalescer(self, now_ms)

    async def route(self, block: BlockId) -> Coalescer | None:
        return self._way

    def doubt(self, block: BlockId, way: Coalescer) -> None:
        raise AssertionError("a block that is not ready is no reason to doubt the way")

    async def exchange(self, payload: bytes) -> bytes:
        calls = calls_decoder.decode(payload)
        for call in calls:
            self.calls[call.block] = self.calls.get(call.block, 0) + 1
        return encoder.encode([self._answer(call.block, call.command) for call in calls])

    def _answer(self, block: BlockId, command: bytes) -> Answer:
        ready = asyncio.get_running_loop().time() >= self.ready_s or not block.startswith("cold")
        return YES if ready or command == READ else Failed(Fault.NOT_READY)


async def ask(dispatcher: Dispatcher, block: str, seconds: float = 10, command: bytes = WRITE) -> Replied | Rejected:
    return await dispatcher.ask(
        BlockId(block), command, "arena", now_ms() + int(seconds * 1000), Reason.EVENT_NOT_FOUND,
        to_write=command == WRITE,
    )  # fmt: skip


async def check_that_one_asks_for_all() -> None:
    shard = ActivatingShard()
    dispatcher = Dispatcher(shard, now_ms)
    answers = await asyncio.gather(*(ask(dispatcher, "cold") for _ in range(CALLERS)))
    assert answers == [YES] * CALLERS
    scouted = ACTIVATION_S / SCOUT_PAUSE_S
    assert shard.calls[BlockId("cold")] <= 2 * CALLERS + scouted + 1  # each once before and once after


@on_virtual_time
async def test_one_asks_for_all() -> None:
    await check_that_one_asks_for_all()


def test_that_everyone_asks_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def everyone(self: Parking, place: Place) -> Iterator[bool]:
        yield True

    monkeypatch.setattr(Parking, "scouting", everyone)
    with pytest.raises(AssertionError):
        on_virtual_time(check_that_one_asks_for_all)()


@on_virtual_time
async def test_who_comes_while_others_wait_does_not_ask() -> None:
    shard = ActivatingShard()
    dispatcher = Dispatcher(shard, now_ms)
    loop = asyncio.get_running_loop()
    first = loop.create_task(ask(dispatcher, "cold"))
    await asyncio.sleep(ACTIVATION_S / 2)
    asked_before = shard.calls[BlockId("cold")]
    late = [loop.create_task(ask(dispatcher, "cold")) for _ in range(CALLERS)]
    await asyncio.sleep(2 * SCOUT_PAUSE_S)
    assert shard.calls[BlockId("cold")] <= asked_before + 2
    assert await asyncio.gather(first, *late) == [YES] * (1 + CALLERS)


@pytest.mark.parametrize("leave", ["cancelled", "out of time"])
@on_virtual_time
async def test_when_the_one_that_asks_leaves_another_does(leave: str) -> None:
    shard = ActivatingShard()
    dispatcher = Dispatcher(shard, now_ms)
    loop = asyncio.get_running_loop()
    scout = loop.create_task(ask(dispatcher, "cold", 0.3 if leave == "out of time" else 10))
    await asyncio.sleep(0.1)
    others = [loop.create_task(ask(dispatcher, "cold")) for _ in range(CALLERS)]
    await asyncio.sleep(0.1)
    if leave == "cancelled":
        scout.cancel()
    assert await asyncio.gather(*others) == [YES] * CALLERS
    if leave == "out of time":
        refused = await scout
        assert isinstance(refused, Rejected)
        assert refused.reason is Reason.UNAVAILABLE
    else:
        assert scout.cancelled()


@on_virtual_time
async def test_one_that_waits_and_leaves_disturbs_nobody() -> None:
    dispatcher = Dispatcher(ActivatingShard(), now_ms)
    loop = asyncio.get_running_loop()
    waiting = [loop.create_task(ask(dispatcher, "cold")) for _ in range(CALLERS)]
    await asyncio.sleep(ACTIVATION_S / 2)
    for task in waiting[::2]:
        task.cancel()
    await stage.settle()
    assert await asyncio.gather(*waiting[1::2]) == [YES] * (CALLERS // 2)


@on_virtual_time
async def test_neither_reads_nor_other_blocks_wait() -> None:
    shard = ActivatingShard()
    dispatcher = Dispatcher(shard, now_ms)
    writing = asyncio.get_running_loop().create_task(ask(dispatcher, "cold"))
    await asyncio.sleep(ACTIVATION_S / 2)
    assert await ask(dispatcher, "cold", command=READ) == YES
    assert await ask(dispatcher, "warm") == YES
    assert asyncio.get_running_loop().time() < shard.ready_s
    assert await writing == YES


@on_virtual_time
async def test_no_more_wait_than_there_is_place_for() -> None:
    dispatcher = Dispatcher(ActivatingShard(), now_ms)
    loop = asyncio.get_running_loop()
    scout = loop.create_task(ask(dispatcher, "cold"))
    await asyncio.sleep(0.1)
    waiting = [loop.create_task(ask(dispatcher, "cold")) for _ in range(MAX_PARKED_PER_BLOCK)]
    await stage.settle()
    refused = await ask(dispatcher, "cold")
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.OVERLOADED
    assert refused.details.retry_at_ms is not None
    assert await ask(dispatcher, "warm") == YES
    assert await asyncio.gather(scout, *waiting) == [YES] * (1 + MAX_PARKED_PER_BLOCK)
    assert await ask(dispatcher, "cold") == YES
