"""Gateways of a simulated run, as processes: what is asked through one that dies has an open outcome."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from actors.dispatch import Dispatcher
from actors.reservations import Reservations
from tests.simulation.clocks import GatewayClock
from tests.simulation.network import GatewayRoutes
from tests.simulation.virtual_time import Process

if TYPE_CHECKING:
    from tests.simulation.world import World

REFUSED_S = 0.01

T = TypeVar("T")


class ConnectionLost(Exception):
    """The gateway died, or was dead, with the call in flight: what became of it is not known."""


class Gateway:
    """One gateway, whatever processes it has had."""

    def __init__(self, world: "World", name: str) -> None:
        self.name = name
        self.generation = world.generation
        self.doubles = False
        self.in_flight = 0
        self._world = world
        self._begin()

    def _begin(self) -> None:
        world = self._world
        self.process = Process(self.name)
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        clock = GatewayClock(world.journal_time)
        self.process.start(clock.run())
        routes = GatewayRoutes(world, self.generation, clock.now_ms, lambda: self.doubles)
        self._reservations = Reservations(
            Dispatcher(routes, clock.now_ms), routes, clock.now_ms, lambda: world.random.getrandbits(62) + 1
        )

    async def ask(self, call: Callable[[Reservations], Awaitable[T]]) -> T:
        """What the gateway answers; the call runs in its process. Raises ConnectionLost."""
        await asyncio.sleep(REFUSED_S if self.process.dead else 0)
        if self.process.dead:
            raise ConnectionLost(self.name)
        asking, gone = self.process.start(_run(call, self._reservations)), self._gone
        self.in_flight += 1
        try:
            await asyncio.wait((asking, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.in_flight -= 1
        if not asking.done():
            raise ConnectionLost(self.name)
        return asking.result()

    def crash(self) -> bool:
        """Like SIGKILL; whether somebody was just asking."""
        had_calls = self.in_flight > 0
        self.process.kill()
        if not self._gone.done():
            self._gone.set_result(None)
        return had_calls

    def come_back(self) -> None:
        """A new process, which remembers nothing."""
        if self.process.dead:
            self._begin()

    def move_to(self, generation: int) -> None:
        """From now on it belongs to another cluster: whoever is connected loses the connection."""
        self.generation = generation
        self.crash()
        self._begin()


async def _run(call: Callable[[Reservations], Awaitable[T]], reservations: Reservations) -> T:
    return await call(reservations)
