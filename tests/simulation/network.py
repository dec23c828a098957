"""The network of a simulated run: a process' way to the shards of one generation, and what befalls batches on it."""

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from actors.core.commands import Read
from actors.core.ids import BlockId, TenantId
from actors.dispatch import RoutesUnavailable
from actors.link.batch import calls_decoder, command_decoder
from actors.link.coalescer import Coalescer
from actors.link.transport import Hangs, NotSent, OutcomeUnknown, never
from tests.simulation.causes import Cause, cause_of_command
from tests.simulation.faults import Fault

if TYPE_CHECKING:
    from tests.simulation.shards import Shard
    from tests.simulation.world import World

EXCHANGE_S = 3.0
CONNECT_S = 1.0
LATEST_S = 30.0  # what is overtaken may come when its caller's time is over


class Parted(Enum):
    """What is lost between a gateway and a shard: connections, what is asked, or what is answered."""

    ALL = 0
    ASKED = 1
    ANSWERED = 2


class Network:
    """The transport to one incarnation. Who uses it, `origin`, sends all twice (`doubles`), hung so often (`hangs`)."""

    def __init__(
        self,
        world: "World",
        shard: "Shard",
        doubles: Callable[[], bool] = lambda: False,
        hangs: Hangs = never,
        origin: str = "",
    ) -> None:
        self.shard = shard
        self._origin = origin
        self._hangs = hangs
        self._world = world
        self._doubles = doubles

    async def exchange(self, payload: bytes) -> bytes:
        """See `Transport.exchange`."""
        world, random, faults, shard = self._world, self._world.random, self._world.faults, self.shard
        rate, hangs = faults.network_rate, self._hangs()
        world.copies.send(cause for cause, _ in causes_in(payload))
        await asyncio.sleep(world.load.takes_s(random))
        if shard.process.dead or not shard.ready:
            raise NotSent("connection refused")
        await self._lose_what_is_asked()
        if faults.strikes(Fault.REQUEST_LOST, rate):
            faults.took_effect(Fault.REQUEST_LOST)
            await asyncio.sleep(EXCHANGE_S)
            raise OutcomeUnknown("no answer")
        if faults.strikes(Fault.REORDERED, rate):
            self._again(random.uniform(EXCHANGE_S, LATEST_S), payload, Fault.REORDERED)
            await asyncio.sleep(EXCHANGE_S)
            raise OutcomeUnknown("no answer in time")
        await self._delay(rate)
        if self._hangs() != hangs:
            raise OutcomeUnknown("the process hung before all of it was sent, and sends no more")
        shard.asked_count += 1
        serving = shard.process.start(world.deliver(shard, payload))
        if faults.strikes(Fault.REPEATED, rate):
            self._again(random.uniform(0, 2), payload, Fault.REPEATED)
        if self._doubles():
            self._again(0.0, payload, Fault.GATEWAY_DOUBLE)
        cut = faults.strikes(Fault.CUT, rate)
        done, _ = await asyncio.wait([serving], timeout=random.uniform(0, 0.01) if cut else EXCHANGE_S)
        if cut and not done:
            faults.took_effect(Fault.CUT)
            raise OutcomeUnknown("the connection was cut")
        if not done or shard.process.dead:
            raise OutcomeUnknown("no answer in time")
        await self._lose_what_is_answered()
        await asyncio.sleep(world.load.takes_s(random))
        if faults.strikes(Fault.ANSWER_LOST, rate):
            faults.took_effect(Fault.ANSWER_LOST)
            raise OutcomeUnknown("the answer was lost")
        return serving.result()

    def _lost(self) -> Parted | None:
        return self._world.parted.get((self._origin, self.shard.name))

    async def _lose_what_is_asked(self) -> None:
        lost = self._lost()
        if lost in (Parted.ALL, Parted.ASKED):
            self._world.faults.took_effect(Fault.PARTED)
            if lost is Parted.ALL:
                await asyncio.sleep(CONNECT_S)
                raise NotSent("no connection in time")
            await asyncio.sleep(EXCHANGE_S)
            raise OutcomeUnknown("no answer in time")

    async def _lose_what_is_answered(self) -> None:
        if self._lost() is Parted.ANSWERED:
            self._world.faults.took_effect(Fault.PARTED)
            await asyncio.sleep(EXCHANGE_S)
            raise OutcomeUnknown("no answer in time")

    async def _delay(self, rate: float) -> None:
        faults = self._world.faults
        if faults.strikes(Fault.DELAYED, rate):
            await asyncio.sleep(self._world.random.uniform(0.1, 2))
            if not self.shard.process.dead:
                faults.took_effect(Fault.DELAYED)

    def _again(self, delay_s: float, payload: bytes, fault: Fault) -> None:
        """Deliver the batch once more, or late; nobody hears the answer. TCP does not: who is denied may be wrong (see
        `repeats`).
        """

        async def deliver() -> None:
            await asyncio.sleep(delay_s)
            for cause, until_ms in causes_in(payload):
                self._world.copies.note(cause, until_ms, at_once=fault is Fault.GATEWAY_DOUBLE)
            self._world.faults.took_effect(fault)
            await self._world.deliver(self.shard, payload)

        self.shard.process.start(deliver())


def causes_in(payload: bytes) -> list[tuple[Cause, int]]:
    """What the commands of a batch are the causes of that clients asked for, each with the end of its time."""
    causes = (cause_of_command(command_decoder.decode(call.command)) for call in calls_decoder.decode(payload))
    return [(cause, until_ms) for cause, until_ms in filter(None, causes) if cause[0]]


def asks_to_write(payload: bytes) -> bool:
    """Whether one of the commands of a batch is more than a read."""
    return any(not isinstance(command_decoder.decode(call.command), Read) for call in calls_decoder.decode(payload))


class GatewayRoutes:
    """One process' way to the shards of a generation; it may know an incarnation for longer than that is right.

    Where one has let its blocks go it looks for a successor: real gateways do so every second. That there is no such
    block it does not remember, as they do not; whoever asks is told what the catalogue has after that.
    """

    def __init__(
        self,
        world: "World",
        generation: int = 1,
        clock: Callable[[], int] | None = None,
        doubles: Callable[[], bool] = lambda: False,
        hangs: Hangs = never,
        origin: str = "",
    ) -> None:
        self._world = world
        self._origin = origin
        self._hangs = hangs
        self._generation = generation
        self._now_ms = clock or world.now_ms
        self._doubles = doubles
        self._ways: dict[str, Coalescer] = {}
        self._shards: dict[str, Shard] = {}  # where those lead
        self._owners: dict[BlockId, str] = {}

    async def route(self, block: BlockId) -> Coalescer | None:
        """See `Routes.route`."""
        name = self._owners.get(block)
        if name is None:
            await self._ask_catalogue()
            if block not in self._world.catalogue.owners:
                return None
            name = self._owners.setdefault(block, self._world.catalogue.owners[block])
        way = self._ways.get(name)
        if way is None:
            await asyncio.sleep(self._world.random.uniform(0, 0.3))
            await self._ask_catalogue()
            shard = self._world.clusters[self._generation].newest.get(name)
            if shard is None:
                self._owners.pop(block, None)  # it has left: somebody else has the block by now
                raise RoutesUnavailable(f"shard {name} is not known")
            way = self._ways.get(name)
            if way is None:
                self._shards[name] = shard
                way = self._ways[name] = Coalescer(
                    Network(self._world, shard, self._doubles, self._hangs, self._origin),
                    self._now_ms,
                    hangs=self._hangs,
                )
        return way

    def doubt(self, block: BlockId, way: Coalescer) -> None:
        """See `Routes.doubt`."""
        self._owners.pop(block, None)
        self._ways = {name: known for name, known in self._ways.items() if known is not way}
        self._shards = {name: self._shards[name] for name in self._ways}

    def moved(self, block: BlockId) -> None:
        """See `Routes.moved`."""
        name = self._owners.pop(block, "")
        known, newest = self._shards.get(name), self._world.clusters[self._generation].newest.get(name)
        if known is not None and known.leaving and newest is not known and newest is not None and newest.ready:
            del self._ways[name], self._shards[name]

    async def assign(self, block: BlockId, tenant: TenantId) -> None:
        """See `NewBlocks.assign`."""
        if block in self._world.catalogue.owners:
            return
        await self._ask_catalogue()
        staying = [
            name for name in sorted(self._world.clusters[self._generation].newest) if name not in self._world.leaving
        ]
        self._world.catalogue.enter(block, staying[hash_of(block) % len(staying)])
        if self._world.catalogue.loses_answer():
            raise RoutesUnavailable("not known whether it was entered")

    async def _ask_catalogue(self) -> None:
        if self._world.catalogue.is_silent():
            await asyncio.sleep(0.001)
            raise RoutesUnavailable("the catalogue is silent")


def hash_of(block: BlockId) -> int:
    """A hash that is the same in every process."""
    return sum(ord(letter) * (index + 1) for index, letter in enumerate(block))
