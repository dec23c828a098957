"""A shard on the other side of the transport port that repeats what it is told, when the test lets it."""

import asyncio
from collections import deque

from actors.core.ids import BlockId
from actors.link.batch import Answer, Replied, calls_decoder, encoder
from actors.link.coalescer import Coalescer, CoalescerBounds

BLOCK = BlockId("0123456789abcdef")


class EchoShard:
    """A transport whose shard repeats each command; `let_go` lets one held batch be answered, or fail."""

    def __init__(self, held: bool = False) -> None:
        self.batches: list[list[bytes]] = []
        self.sizes: list[int] = []
        self.held = held
        self._gates: deque[asyncio.Future[Exception | bytes | None]] = deque()

    async def exchange(self, payload: bytes) -> bytes:
        calls = calls_decoder.decode(payload)
        self.batches.append([call.command for call in calls])
        self.sizes.append(len(payload))
        if self.held:
            self._gates.append(asyncio.get_running_loop().create_future())
            outcome = await self._gates[-1]
            if isinstance(outcome, Exception):
                raise outcome
            if outcome is not None:
                return outcome
        return encoder.encode([Replied(call.command) for call in calls])

    def let_go(self, outcome: Exception | bytes | None = None) -> None:
        gate = self._gates.popleft()
        if not gate.done():  # else its batch was given up
            gate.set_result(outcome)


class Setting:
    """A coalescer before a shard, with a clock that stands still unless moved."""

    def __init__(self, shard: EchoShard, bounds: CoalescerBounds | None = None) -> None:
        self.now_ms = 1_000
        self.hangs = 0
        self.shard = shard
        self.coalescer = Coalescer(shard, lambda: self.now_ms, bounds, hangs=lambda: self.hangs)

    def call(
        self,
        command: bytes,
        tenant: str = "t",
        not_after_ms: int = 2_000,
        alone: bool = False,
        hangs: int | None = None,
    ) -> asyncio.Task[Answer]:
        call = self.coalescer.call(BLOCK, command, tenant, not_after_ms, alone=alone, hangs=hangs)
        return asyncio.get_running_loop().create_task(call)


async def settle() -> None:
    """Let everything run that can run."""
    for _ in range(10):
        await asyncio.sleep(0)


def names(first: int, count: int) -> list[bytes]:
    return [b"%04d" % number for number in range(first, first + count)]
