"""A shard whose blocks are on their way into memory, and those who ask it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from actors.core.commands import ReadEvent
from actors.core.ids import BlockId
from actors.core.outcomes import Reason, Rejected
from actors.dispatch import Dispatcher
from actors.link.batch import Answer, Failed, Fault, Replied, calls_decoder, encoder
from actors.link.coalescer import Coalescer
from actors.link.transport import OutcomeUnknown
from tests.engine import stage
from tests.simulation.world import now_ms

WRITE = b"write"
READ = encoder.encode(ReadEvent("arena"))
YES = Replied(b"yes", False, 7)
ACTIVATION_S = 1.0
CALLERS = 200
SPOILED = b"spoiled"
Check = Callable[..., Coroutine[Any, Any, None]]


class ActivatingShard:
    """Blocks named `cold...` can be written to after a second; all can be read at once. Some are of another shard."""

    def __init__(self, exchange_s: float = 0.0) -> None:
        self.ready_s = asyncio.get_running_loop().time() + ACTIVATION_S
        self.calls: dict[BlockId, int] = {}
        self.served: list[bytes] = []  # commands that were answered with yes, in order
        self.when_ready: Answer | None = YES  # None: the block is gone
        self.until_ready: Answer = Failed(Fault.NOT_READY)
        self.spoiled = False  # a command of that name cannot be served
        self.deadly = False  # a command of that name ends a shard that has the block
        self.served_before_deaths: list[int] = []
        self.cools_down = False  # after the first yes the block needs another second
        self.most_waiting = 0
        self.exchange_s = exchange_s
        self.way = Coalescer(self, now_ms)
        self._another = Coalescer(self, now_ms, shard="another")

    async def route(self, block: BlockId) -> Coalescer | None:
        if self.when_ready is None and self._is_ready(block):
            return None
        return self._another if block.endswith("elsewhere") else self.way

    def doubt(self, block: BlockId, way: Coalescer) -> None:
        assert self.deadly, "a block that is not ready is no reason to doubt the way"

    def moved(self, block: BlockId) -> None:
        raise AssertionError("no block moves here")

    async def exchange(self, payload: bytes) -> bytes:
        calls = calls_decoder.decode(payload)
        self.most_waiting = max(self.most_waiting, len(calls) + self.way.counters.waiting_calls)
        await asyncio.sleep(self.exchange_s)
        if self.deadly and any(call.command == SPOILED and self._is_ready(call.block) for call in calls):
            self.served_before_deaths.append(len(self.served))
            raise OutcomeUnknown("the shard is gone")
        for call in calls:
            self.calls[call.block] = self.calls.get(call.block, 0) + 1
        return encoder.encode([self._answer(call.block, call.command) for call in calls])

    def _is_ready(self, block: BlockId) -> bool:
        return asyncio.get_running_loop().time() >= self.ready_s or not block.startswith("cold")

    def _answer(self, block: BlockId, command: bytes) -> Answer:
        if self.spoiled and command == SPOILED:
            return Failed(Fault.BUG)
        if command == READ:
            return YES
        if self.when_ready is None or not self._is_ready(block):
            return self.until_ready
        if self.cools_down:
            self.cools_down = False
            self.ready_s = asyncio.get_running_loop().time() + ACTIVATION_S
        self.served.append(command)
        return self.when_ready


async def ask(
    dispatcher: Dispatcher, block: str, seconds: float = 10, command: bytes = WRITE, tenant: str = "arena"
) -> Replied | Rejected:
    return await dispatcher.ask(
        BlockId(block), command, tenant, now_ms() + int(seconds * 1000), Reason.EVENT_NOT_FOUND,
        to_write=command != READ,
    )  # fmt: skip


async def parked(
    dispatcher: Dispatcher, block: str, count: int, tenant: str = "arena", command: bytes = WRITE
) -> list[asyncio.Task[Replied | Rejected]]:
    """So many that wait for the block; the first asks in their name."""
    start = asyncio.get_running_loop().create_task
    scout = start(ask(dispatcher, block, command=command, tenant=tenant))
    await asyncio.sleep(0.05)
    others = [start(ask(dispatcher, block, command=command, tenant=tenant)) for _ in range(count - 1)]
    await stage.settle()
    return [scout, *others]


def is_overloaded(answer: Replied | Rejected) -> bool:
    """With a hint when to come again."""
    return (
        isinstance(answer, Rejected)
        and answer.reason is Reason.OVERLOADED
        and answer.details.retry_at_ms is not None
        and answer.details.retry_at_ms > now_ms()
    )
