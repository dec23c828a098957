"""What a shard tells the projector while Ray does not answer: one thread waits, and no more."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from actors import shard
from actors.core.ids import BlockId
from actors.engine.hints import Hints

pytestmark = pytest.mark.anyio

BLOCK = BlockId("0" * 16)


async def check_one_thread_waits(patch: pytest.MonkeyPatch) -> None:
    """Ray hangs, and blocks go on moving."""
    begun, over, hints = [0], threading.Event(), Hints(iter(range(0, 1 << 60, 10)).__next__)

    def hangs(_: list[BlockId]) -> None:
        begun[0] += 1
        over.wait(30)

    patch.setattr(shard, "_hint", hangs)
    patch.setattr(shard, "HINTS_S", 0.001)
    patch.setattr(shard, "HINTS_TIMEOUT_S", 0.001)
    telling = asyncio.create_task(shard._tell_projector(hints))
    try:
        for _ in range(100):
            hints.offer((BLOCK,))
            await asyncio.sleep(0.002)
    finally:
        over.set()
        telling.cancel()
        await asyncio.wait((telling,))
    assert begun == [1]


async def test_one_thread_waits_while_ray_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    await check_one_thread_waits(monkeypatch)


async def test_control_threads_that_are_left_behind_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    to_thread = asyncio.to_thread

    async def impatient(work: Callable[..., Any], *arguments: Any) -> Any:
        async with asyncio.timeout(0.001):
            return await to_thread(work, *arguments)

    monkeypatch.setattr(asyncio, "to_thread", impatient)
    with pytest.raises(AssertionError):
        await check_one_thread_waits(monkeypatch)
