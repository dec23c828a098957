"""The moments of a gateway's call: before each batch that it sends, something else may happen, whole."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from actors.core.ids import BlockId
from actors.dispatch import Dispatcher
from actors.link.coalescer import Coalescer
from actors.link.transport import Transport
from actors.reservations import Reservations
from tests.simulation.network import GatewayRoutes
from tests.simulation.virtual_time import Process
from tests.simulation.world import World


class Moments(GatewayRoutes):
    """A gateway's way to the shards, which counts what is sent on it."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.gateway = Reservations(
            Dispatcher(self, world.now_ms), self, world.now_ms, lambda: world.random.getrandbits(62) + 1
        )
        self.came = asyncio.Event()
        self._left = 0
        self._happens: Callable[[], Awaitable[object]] = _nothing

    def before(self, number: int, happens: Callable[[], Awaitable[object]]) -> None:
        """Let this happen before the batch of this number is sent, counted from now and from 1."""
        self.came.clear()
        self._left, self._happens = number, happens

    async def dies_before(self, number: int, asking: Callable[[], Coroutine[Any, Any, object]]) -> bool:
        """Whether the gateway, which asks this, came to its batch of this number; then it has died instead."""
        process = Process("gateway")

        async def die() -> None:
            process.kill()

        self.before(number, die)
        call, came = process.start(asking()), asyncio.create_task(self.came.wait())
        await asyncio.wait((call, came), return_when=asyncio.FIRST_COMPLETED)
        came.cancel()
        return self.came.is_set()

    async def route(self, block: BlockId) -> Coalescer | None:
        """See `Routes.route`."""
        way = await super().route(block)
        if way is not None and not isinstance(way._transport, _Watched):
            way._transport = _Watched(way._transport, self._sends)
        return way

    async def _sends(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.came.set()
            await self._happens()
            await asyncio.sleep(0)  # who has died does not go on


class _Watched:
    def __init__(self, transport: Transport, sends: Callable[[], Awaitable[None]]) -> None:
        self._transport = transport
        self._sends = sends

    async def exchange(self, payload: bytes) -> bytes:
        await self._sends()
        return await self._transport.exchange(payload)


async def _nothing() -> None:
    pass
