"""Gateways of a simulated run, as processes, behind a front that gives up those that hang, as HAProxy does.

In most seeds one stands by: what was asked of one that dies or hangs is asked of another, which is told so, and may
know nothing; so what the first had not sent by then must never be sent. In the others, as where all are asked, it has
an open outcome. Writes are let in as the shipped edges let them in.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import msgspec

from actors.core.outcomes import Reason, Rejected
from actors.dispatch import Dispatcher
from actors.reservations import Request, Reservations
from serve.second_hand import as_known
from serve.wakefulness import Wakefulness
from tests.simulation.clocks import GatewayClock, loop_s, now_ms
from tests.simulation.faults import Fault
from tests.simulation.network import GatewayRoutes
from tests.simulation.virtual_time import Process

if TYPE_CHECKING:
    from tests.simulation.world import World

REFUSED_S = 0.01
GIVEN_UP_S = 3.0
LEAVES = 0.1  # of the calls, where clients do
ONE_STANDS_BY = 0.75  # of the seeds

T = TypeVar("T")
Write: TypeAlias = Callable[[Reservations, Request], Awaitable[Any]]


class ConnectionLost(Exception):
    """The gateway died, or was dead, with the call in flight: what became of it is not known."""


class HasLeft(ConnectionLost):
    """Who asked did not wait: the call was cancelled."""


class GivenUp(Exception):
    """The gateway hangs: another is asked."""


class Gateway:
    """One gateway, whatever processes it has had."""

    def __init__(self, world: "World", name: str) -> None:
        self.name = name
        self.generation = world.generation
        self.faults = world.faults
        self.seed = world.seed
        self.doubles = False
        self.in_flight = self.asked_count = 0
        self._world = world
        self._begin()

    def _begin(self) -> None:
        world = self._world
        self.process = Process(self.name)
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._given_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wakefulness = Wakefulness(loop_s)
        self.process.start(self._wakefulness.run())
        clock = GatewayClock(world.journal_time)
        self.process.start(clock.run())
        routes = GatewayRoutes(
            world, self.generation, clock.now_ms, lambda: self.doubles, self._wakefulness.hangs, self.name
        )
        self._reservations = Reservations(
            Dispatcher(routes, clock.now_ms), routes, clock.now_ms, lambda: world.random.getrandbits(62) + 1
        )

    async def ask(self, call: Callable[[Reservations], Awaitable[T]], leaves_s: float = math.inf) -> T:
        """What the gateway answers; the call runs in its process, and is cancelled when whoever asks leaves, at
        `leaves_s` of virtual time. Raises ConnectionLost, HasLeft, GivenUp.
        """
        await asyncio.sleep(REFUSED_S if self.process.dead else 0)
        if self.process.dead:
            raise ConnectionLost(self.name)
        asking, ends = self.process.start(_run(call, self._reservations)), (self._gone, self._given_up)
        self.in_flight += 1
        self.asked_count += 1
        try:
            left_s = None if leaves_s == math.inf else max(leaves_s - loop_s(), 0)
            done, _ = await asyncio.wait((asking, *ends), timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.in_flight -= 1
        if not done:
            asking.cancel()
            self.faults.took_effect(Fault.CLIENT_LEAVES)
            raise HasLeft(self.name)
        if not asking.done():
            raise GivenUp(self.name) if ends[1].done() else ConnectionLost(self.name)
        return asking.result()

    async def ask_to_write(
        self, call: Write, request: Request, arrived_ms: int, leaves_s: float = math.inf, *, second_hand: bool = False
    ) -> Any:
        """As `ask`. What came before the end of a hang is refused; the rest bears how often there had been one.

        `arrived_ms`: when the front had it. `second_hand`: another had been asked.
        """
        wakefulness = self._wakefulness

        async def let_in(reservations: Reservations) -> Any:
            from_ms, hangs = reservations.now_ms(), wakefulness.hangs()
            left_ms = request.deadline_ms - (now_ms() - arrived_ms)
            if (left_ms <= 0 and request.deadline_ms) or wakefulness.slept_through(arrived_ms):
                return Rejected(Reason.DEADLINE_EXCEEDED)
            admitted = msgspec.structs.replace(request, deadline_ms=left_ms, counted_from_ms=from_ms, hangs=hangs)
            return await call(reservations, admitted)

        async def answered(reservations: Reservations) -> Any:
            return as_known(await let_in(reservations), second_hand=second_hand)

        return await self.ask(answered, leaves_s)

    @property
    def is_given_up(self) -> bool:
        """Whether it has hung for so long that nobody is sent to it."""
        return self._given_up.done()

    def pause(self) -> None:
        """Like SIGSTOP."""
        self.process.pause()
        asyncio.get_running_loop().call_later(GIVEN_UP_S, self._give_up, self.process, self._given_up)

    def resume(self) -> None:
        """Like SIGCONT."""
        self.process.resume()
        self._given_up = asyncio.get_running_loop().create_future()

    @staticmethod
    def _give_up(process: Process, given_up: "asyncio.Future[None]") -> None:
        if process.paused and not process.dead and not given_up.done():
            given_up.set_result(None)

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


class Front:
    """What a client asks: it sends him to some gateway that does not hang, and, where one stands by, to another if that
    one dies or hangs.

    Now and then the client leaves before he is answered. When that is, is drawn apart from all else.
    """

    def __init__(self, gateways: Sequence[Gateway], random: Random, name: str) -> None:
        self._gateways = gateways
        self._random = random
        self._leaving = Random(f"{name} leaves {gateways[0].seed}")
        self._one_stands_by = Random(f"one stands by {gateways[0].seed}").random() < ONE_STANDS_BY

    async def ask(self, call: Callable[[Reservations], Awaitable[T]]) -> T:
        """See `Gateway.ask`. Raises ConnectionLost."""
        leaves_s = self._leaves_s()
        return await self._ask_some(lambda gateway, _: gateway.ask(call, leaves_s))

    async def ask_to_write(self, call: Write, request: Request) -> Any:
        """See `Gateway.ask_to_write`. Raises ConnectionLost."""
        arrived_ms, leaves_s = now_ms(), self._leaves_s()
        return await self._ask_some(
            lambda gateway, again: gateway.ask_to_write(call, request, arrived_ms, leaves_s, second_hand=again)
        )

    def _leaves_s(self) -> float:
        """When the client leaves: in a millisecond, in ten seconds, or in between; inf: he waits."""
        is_on = self._gateways[0].faults.on(Fault.CLIENT_LEAVES)
        if not is_on or self._leaving.random() >= LEAVES:
            return math.inf
        return loop_s() + 10 ** self._leaving.uniform(-3, 1)

    async def _ask_some(self, ask: Callable[[Gateway, bool], Awaitable[T]]) -> T:
        """`ask`: is told whether another was asked."""
        left = list(self._gateways)
        while left:
            gateway = self._random.choice([one for one in left if not one.is_given_up] or left)
            try:
                return await ask(gateway, len(left) < len(self._gateways))
            except HasLeft:
                raise
            except (ConnectionLost, GivenUp):
                left = [one for one in left if one is not gateway] if self._one_stands_by else []
        raise ConnectionLost("no gateway answers")


async def _run(call: Callable[[Reservations], Awaitable[T]], reservations: Reservations) -> T:
    return await call(reservations)
