"""Shards of a simulated run as processes, and clusters of them: one generation each, with what starts successors."""

import asyncio
import math
from typing import TYPE_CHECKING

from actors.dispatch import Dispatcher
from actors.engine.catalogue_port import CatalogueUnavailable
from actors.engine.clock import MAX_JUMP_MS
from actors.engine.engine import Engine, Lines
from actors.engine.timers import Outlived
from actors.journal.journal import Epoch, JournalUnavailable
from actors.journal.memory import MemoryJournal
from tests.simulation.clocks import loop_s
from tests.simulation.faults import Fault
from tests.simulation.network import GatewayRoutes
from tests.simulation.virtual_time import Process

if TYPE_CHECKING:
    from tests.simulation.world import World

LOOK_S = 1.0
PAUSE_NOTICED_S = 3.0
VAGUE_S = 6.0  # an answer that took long is no measure of time: the next is believed as well
RESTS_S = 2.0  # nobody is connected who has not asked for so long


class Shard:
    """One incarnation of a shard, as a process."""

    def __init__(self, world: "World", name: str, incarnation: int, generation: int = 1) -> None:
        self.process = Process(f"{name}.{generation}.{incarnation}")
        self.name = name
        self.incarnation = incarnation
        self.generation = generation
        self.paused_since_s: float | None = None
        self.leaving = False
        self.asked_at_s = 0.0
        self.asked_count = self.answered_count = 0  # of batches, also while it stands still
        self._off_s = 0.0  # its monotonic clock
        self.jumped_s = 0.0  # the furthest that this was ever off, either way
        self._has_jumped_far = False  # further than it believes, and it has not looked yet
        self._took_effect = world.faults.took_effect
        start = world.database.carry_out
        lines = Lines(*(MemoryJournal(world.store, faults=world.journal_faults, start=start) for _ in range(4)))
        self.engine = Engine(
            name,
            Epoch(generation, 1, incarnation),
            lines,
            world.catalogue,
            self._monotonic,
            lambda: world.random.randbytes(8),
            others=lambda clock: Dispatcher(GatewayRoutes(world, generation, clock), clock),
            cut_over=world.clusters[generation].begins_cut_over,
        )
        self.ready = False
        self.began_s = loop_s()
        self.heard_s = math.inf  # since when it has known what time it is by the journal
        self._wrong = world.wrong
        self._register = world.catalogue.register
        self.process.start(self._run())

    async def _run(self) -> None:
        while not self.ready:
            try:
                await self.engine.start()
                self.ready, self.heard_s = True, loop_s() + VAGUE_S
            except JournalUnavailable:
                await asyncio.sleep(0.1)
        try:
            is_new = self._register(self.name, self.engine.epoch.packed())
        except CatalogueUnavailable:
            is_new = False
        if not is_new:
            self.process.kill()  # a newer one was quicker, or it does not know
            return
        try:
            await self.engine.run()
        except* Outlived:
            self.process.kill()
        except* Exception as bug:  # whatever it is, no fault explains it
            self._wrong.append(f"the engine of {self.process.name} failed: {bug!r} in {bug.exceptions}")
            self.process.kill()

    def jump(self, by_s: float) -> None:
        """Its monotonic clock jumps, forth or back; what it has said before, the clock that goes by it does not take
        back.
        """
        self._off_s += by_s
        self.jumped_s = max(self.jumped_s, abs(self._off_s))
        self._has_jumped_far |= abs(by_s) * 1000 > MAX_JUMP_MS

    def _monotonic(self) -> float:
        """Its monotonic clock, in seconds."""
        if self._has_jumped_far:
            self._has_jumped_far = False
            self._took_effect(Fault.SHARD_CLOCK)
        return loop_s() + self._off_s

    def pause(self) -> None:
        """Like SIGSTOP."""
        self.process.pause()
        self.paused_since_s = loop_s()

    def resume(self) -> bool:
        """Like SIGCONT; whether somebody waits for it."""
        held_up = self.asked_count > self.answered_count
        self.paused_since_s = None
        self.process.resume()
        return held_up

    async def leave(self, bound_s: float) -> bool:
        """Like SIGTERM: it hands over and ends; whether that went well."""
        self.leaving = True
        handing_over = self.process.start(self.engine.leave(bound_s, self._is_connected))
        await asyncio.wait((handing_over,), timeout=bound_s + 1)  # it may die meanwhile, or stand still
        self.process.kill()
        return handing_over.done() and handing_over.result()

    def _is_connected(self) -> bool:
        return loop_s() < self.asked_at_s + RESTS_S

    def wants_successor(self) -> bool:
        """Whether it was told to stop, and heartbeats have said so."""
        return self.leaving and self.engine.counters().wants_successor

    def hangs(self) -> bool:
        """Whether pings have found that out."""
        return self.paused_since_s is not None and loop_s() - self.paused_since_s > PAUSE_NOTICED_S


class Cluster:
    """One generation. `cut_over`: somebody has asked one of its shards to write, or they need not wait for that."""

    def __init__(self, world: "World", generation: int, *, cut_over: bool) -> None:
        self.generation = generation
        self.begins_cut_over = self.cut_over = cut_over
        self.newest: dict[str, Shard] = {}
        self.shards: list[Shard] = []
        self.ended = False
        self._directing: asyncio.Task[None] | None = None
        self._world = world

    def succeed(self, name: str) -> Shard:
        """Start the next incarnation of a shard, whatever became of the last one."""
        incarnation = self.newest[name].incarnation + 1 if name in self.newest else 1
        shard = Shard(self._world, name, incarnation, self.generation)
        self.shards.append(shard)
        self.newest[name] = shard
        return shard

    def begin_directing(self) -> None:
        """From now on successors come by themselves."""
        self._directing = asyncio.get_running_loop().create_task(self._direct())

    async def _direct(self) -> None:
        """Start a successor of each shard that is dead, hangs or wants one, a moment after that shows."""
        while not self.ended:
            await asyncio.sleep(LOOK_S)
            for name, shard in list(self.newest.items()):
                if not self.ended and (shard.process.dead or shard.hangs() or shard.wants_successor()):
                    self.succeed(name)

    def end(self) -> None:
        """All of it at once."""
        self.ended = True
        for shard in self.shards:
            shard.process.kill()
