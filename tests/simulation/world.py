"""A whole Holdfast in virtual time: shards on a journal in memory, gateways, a network, and a script of faults."""

import asyncio
from collections.abc import Callable
from random import Random

from actors.core import block as core
from actors.core.commands import Correct, Errand, Read
from actors.core.ids import BlockId, TenantId
from actors.core.state import BlockState
from actors.dispatch import Dispatcher
from actors.engine.catalogue_port import Assignment, Beat, CatalogueUnavailable, Due, EngineCounters, Move, Quarantined
from actors.engine.engine import Engine, Lines
from actors.engine.timers import Outlived
from actors.journal.codec import decode_entries
from actors.journal.journal import Epoch, JournalRefused, JournalUnavailable
from actors.journal.memory import MemoryJournal, MemoryStore, Statement
from actors.link.batch import calls_decoder, command_decoder
from actors.link.coalescer import Coalescer
from actors.link.transport import NotSent, OutcomeUnknown
from actors.reservations import Reservations
from tests.simulation.virtual_time import Process

START_MS = 1_700_000_000_000
EXCHANGE_S = 3.0
PING_S = 1.0


def now_ms() -> int:
    """The journal's clock."""
    return START_MS + int(asyncio.get_running_loop().time() * 1000)


class Catalogue:
    """Blocks, heartbeats and deadlines. Deadlines come from a fold that lags, as a projection does."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.owners: dict[BlockId, str] = {}
        self.is_away: Callable[[], bool] = lambda: False  # asked before a move is carried out, and after
        self.wishes: dict[BlockId, str] = {}  # where blocks are to move
        self.let_go_at_ms: dict[BlockId, int | None] = {}  # as the last move says
        self.versions: dict[BlockId, int] = {}
        self._moved: dict[BlockId, tuple[int, str, int]] = {}  # assigned epoch, former shard, when
        self.beats_ms: dict[tuple[str, int], int] = {}
        self.quarantined: dict[BlockId, Quarantined] = {}
        self.corrections_refused: list[str] = []  # of corrections
        self._folds: dict[BlockId, tuple[BlockState, int]] = {}
        self._deadlines: dict[BlockId, int | None] = {}

    async def assignment(self, block: BlockId) -> Assignment | None:
        await asyncio.sleep(0.001)
        owner = self.owners.get(block)
        moved = self._moved.get(block, (0, "", 0))
        return None if owner is None else Assignment(owner, *moved, block in self.quarantined)

    async def moves(self, shard: str, generation: int, limit: int) -> list[Move]:
        await asyncio.sleep(0.001)
        return [
            Move(block, self.owners[block], to_shard, self.versions.get(block, 1))
            for block, to_shard in self.wishes.items()
            if to_shard == shard or (self.owners[block] == shard and self._beats(to_shard, generation))
        ][:limit]

    async def carry_out(self, move: Move, generation: int, let_go_at_ms: int | None) -> bool:
        await asyncio.sleep(0.001)
        if self.is_away():
            raise CatalogueUnavailable("nothing was carried out")
        carried_out = self._carry_out(move, generation, let_go_at_ms)
        if self.is_away():
            raise CatalogueUnavailable("not known whether it was carried out")
        return carried_out

    def _carry_out(self, move: Move, generation: int, let_go_at_ms: int | None) -> bool:
        version, (assigned, _, _) = self.versions.get(move.block, 1), self._moved.get(move.block, (0, "", 0))
        current = (self.owners[move.block], self.wishes.get(move.block), version)
        if current != (move.shard, move.to_shard, move.version) or assigned >> 40 > generation:
            return False
        del self.wishes[move.block]
        self.owners[move.block] = move.to_shard
        self.versions[move.block] = version + 1
        assigned = max(assigned, generation << 40) + (1 << 28)
        self._moved[move.block] = assigned, move.shard, self._store.clock_ms()
        self.let_go_at_ms[move.block] = let_go_at_ms
        return True

    def _beats(self, shard: str, generation: int) -> bool:
        """Whether the shard has, lately."""
        return any(
            name == shard and epoch >> 40 == generation and at_ms > self._store.clock_ms() - 3_000
            for (name, epoch), at_ms in self.beats_ms.items()
        )

    async def due_blocks(self, shard: str, now_ms: int, after: Due | None, limit: int) -> list[Due]:
        await asyncio.sleep(0.001)
        due = [
            Due(deadline, block)
            for block, deadline in self._deadlines.items()
            if deadline is not None and deadline <= now_ms and self.owners.get(block) == shard
        ]
        return sorted(one for one in due if after is None or one > after)[:limit]

    async def heartbeat(self, shard: str, epoch: int, now_ms: int, counters: EngineCounters) -> Beat:
        await asyncio.sleep(0.001)
        self.beats_ms[shard, epoch] = now_ms
        generation = Epoch.unpacked(epoch).generation
        newest = max(
            beaten
            for name, beaten in self.beats_ms
            if name == shard and Epoch.unpacked(beaten).generation == generation
        )
        quarantined = (told for block, told in self.quarantined.items() if self.owners.get(block) == shard)
        return Beat(self._store.clock_ms(), newest, tuple(quarantined))

    async def end_quarantine(self, block: BlockId, correct: Correct) -> bool:
        await asyncio.sleep(0.001)
        if block in self.quarantined and self.quarantined[block].number == correct.quarantine:
            del self.quarantined[block]
        return True

    async def refuse_correction(self, block: BlockId, correct: Correct, why: str) -> None:
        await asyncio.sleep(0.001)
        self.quarantined[block] = Quarantined(block, correct.quarantine)
        self.corrections_refused.append(why)

    async def last_heartbeat_ms(self, shard: str, epoch: int) -> int | None:
        await asyncio.sleep(0.001)
        return self.beats_ms.get((shard, epoch))

    async def project(self) -> None:
        """Follow the journals a second behind."""
        while True:
            await asyncio.sleep(1.0)
            for block in list(self._store.journals):
                state, position = self._folds.get(block, (BlockState(), 0))
                for row in self._store.rows(block, position, 10_000):
                    for entry in decode_entries(row.entries):
                        core.apply(state, entry)
                    position = row.position
                self._folds[block] = state, position
                self._deadlines[block] = core.next_deadline_ms(state)


class JournalFaults:
    """Delays always; now and then fails, loses an acknowledgement, lets a line hang, or will have none of a block."""

    def __init__(self, random: Random, counts: dict[str, int], rate: float) -> None:
        self._random = random
        self._counts = counts
        self._rate = rate
        self._refused_until_s: dict[BlockId, float] = {}

    async def before(self, statement: Statement) -> None:
        await asyncio.sleep(self._random.uniform(0.0002, 0.002))
        if self._random.random() < self._rate:
            self._counts["refused statement"] += 1
            raise JournalUnavailable("refused")
        if statement.name == "append" and statement.blocks and self._random.random() < self._rate:
            self._counts["no room"] += 1
            raise JournalUnavailable("no room", "53100")
        self._refuse_blocks(statement)
        if self._random.random() < self._rate / 4:
            self._counts["late statement"] += 1
            await asyncio.sleep(self._random.uniform(1, 8))
        if statement.name in ("rows", "newest_snapshot") and self._random.random() < 5 * self._rate:
            self._counts["slow replay"] += 1
            await asyncio.sleep(self._random.uniform(0.5, 3))

    def _refuse_blocks(self, statement: Statement) -> None:
        if statement.name not in ("append", "heads", "rows", "newest_snapshot") or "" in statement.blocks:
            return
        now_s = asyncio.get_running_loop().time()
        if statement.blocks and self._random.random() < self._rate / 20:
            self._refused_until_s[self._random.choice(statement.blocks)] = now_s + self._random.uniform(0.01, 1)
        if any(now_s < self._refused_until_s.get(block, 0) for block in statement.blocks):
            self._counts["refused block"] += 1
            raise JournalRefused("of no use", "XX001")

    async def after(self, statement: Statement) -> None:
        if self._random.random() < self._rate:
            self._counts["lost acknowledgement"] += statement.name == "append"
            raise JournalUnavailable("the acknowledgement was lost")


class Shard:
    """One incarnation of a shard, as a process."""

    def __init__(self, world: "World", name: str, incarnation: int) -> None:
        self.process = Process(f"{name}.{incarnation}")
        self.name = name
        self.incarnation = incarnation
        lines = Lines(*(MemoryJournal(world.store, faults=world.journal_faults) for _ in range(4)))
        loop = asyncio.get_running_loop()
        self.engine = Engine(
            name,
            Epoch(1, 1, incarnation),
            lines,
            world.catalogue,
            loop.time,
            lambda: world.random.randbytes(8),
            others=lambda clock: Dispatcher(GatewayRoutes(world), clock),
            cut_over=True,
        )
        self.ready = False
        self.process.start(self._run())

    async def _run(self) -> None:
        while not self.ready:
            try:
                await self.engine.start()
                self.ready = True
            except JournalUnavailable:
                await asyncio.sleep(0.1)
        try:
            await self.engine.run()
        except* Outlived:
            self.process.kill()


class Network:
    """The transport to one incarnation: delays, losses on either way, repetition."""

    def __init__(self, world: "World", shard: Shard) -> None:
        self.shard = shard
        self._world = world

    async def exchange(self, payload: bytes) -> bytes:
        world, random = self._world, self._world.random
        await asyncio.sleep(random.uniform(0.0002, 0.002))
        if self.shard.process.dead or not self.shard.ready:
            raise NotSent("connection refused")
        if random.random() < world.network_fault_rate:
            world.counts["request lost"] += 1
            await asyncio.sleep(EXCHANGE_S)
            raise OutcomeUnknown("no answer")
        serving = self.shard.process.start(self.shard.engine.serve(payload))
        if random.random() < world.network_fault_rate:
            world.counts["request repeated"] += 1
            world.repeated_keys |= keys_in(payload)
            self.shard.process.start(_later(random.uniform(0, 2), self.shard, payload))
        done, _ = await asyncio.wait([serving], timeout=EXCHANGE_S)
        if not done or self.shard.process.dead:
            raise OutcomeUnknown("no answer in time")
        await asyncio.sleep(random.uniform(0.0002, 0.002))
        if random.random() < world.network_fault_rate:
            world.counts["answer lost"] += 1
            raise OutcomeUnknown("the answer was lost")
        return serving.result()


def keys_in(payload: bytes) -> set[bytes]:
    """The keys of the commands of a batch."""
    commands = [command_decoder.decode(call.command) for call in calls_decoder.decode(payload)]
    return {command.stamp.key for command in commands if not isinstance(command, Read | Errand)}


async def _later(delay_s: float, shard: Shard, payload: bytes) -> None:
    await asyncio.sleep(delay_s)
    await shard.engine.serve(payload)


class GatewayRoutes:
    """One gateway's way to the shards; it may know an incarnation for longer than that is right."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._ways: dict[str, Coalescer] = {}
        self._owners: dict[BlockId, str] = {}

    async def route(self, block: BlockId) -> Coalescer | None:
        if block not in self._world.catalogue.owners:
            return None
        name = self._owners.setdefault(block, self._world.catalogue.owners[block])
        way = self._ways.get(name)
        if way is None:
            await asyncio.sleep(self._world.random.uniform(0, 0.3))
            network = Network(self._world, self._world.newest[name])
            way = self._ways.setdefault(name, Coalescer(network, now_ms))
        return way

    def doubt(self, block: BlockId, way: Coalescer) -> None:
        self._owners.pop(block, None)
        self._ways = {name: known for name, known in self._ways.items() if known is not way}

    def moved(self, block: BlockId) -> None:
        self._owners.pop(block, None)

    async def assign(self, block: BlockId, tenant: TenantId) -> None:
        shards = sorted(self._world.newest)
        self._world.catalogue.owners.setdefault(block, shards[hash_of(block) % len(shards)])


def hash_of(block: BlockId) -> int:
    """A hash that is the same in every process."""
    return sum(ord(letter) * (index + 1) for index, letter in enumerate(block))


class World:
    """Everything of one run. `counts` tells which faults took effect."""

    def __init__(self, seed: int, shard_names: tuple[str, ...], *, faults: bool = True) -> None:
        self.random = Random(seed)
        self.counts: dict[str, int] = dict.fromkeys(FAULTS, 0)
        self.repeated_keys: set[bytes] = set()  # of commands that the network delivered twice
        self.store = MemoryStore(now_ms)
        self.catalogue = Catalogue(self.store)
        self.catalogue.is_away = lambda: faults and self.random.random() < 0.1
        self.network_fault_rate = 0.01 if faults else 0.0
        self.journal_faults = JournalFaults(self.random, self.counts, 0.01 if faults else 0.0)
        self.shards: list[Shard] = []
        self.newest: dict[str, Shard] = {}
        for name in shard_names:
            self.succeed(name)
        self._projecting = asyncio.get_running_loop().create_task(self.catalogue.project())

    def succeed(self, name: str) -> Shard:
        """Start the next incarnation of a shard, whatever became of the last one."""
        incarnation = self.newest[name].incarnation + 1 if name in self.newest else 1
        shard = Shard(self, name, incarnation)
        self.shards.append(shard)
        self.newest[name] = shard
        return shard

    def gateway(self) -> Reservations:
        """A gateway of its own: own routes, own connections."""
        routes = GatewayRoutes(self)
        return Reservations(Dispatcher(routes, now_ms), routes, now_ms, lambda: self.random.getrandbits(62) + 1)

    async def script_faults(self, until_s: float) -> None:
        """Kill, pause and duplicate shards until then; a successor comes a little later, as detection takes time."""
        loop = asyncio.get_running_loop()
        while loop.time() < until_s:
            await asyncio.sleep(self.random.uniform(1, 5))
            shard = self.newest[self.random.choice(sorted(self.newest))]
            fault = self.random.choice(("crash", "pause", "duplicate owner"))
            self.counts[fault] += 1
            if fault == "crash":
                shard.process.kill()
            elif fault == "pause":
                shard.process.pause()
                loop.call_later(self.random.uniform(0.5, 12), shard.process.resume)
            await asyncio.sleep(self.random.uniform(0.5, 3))
            if fault == "crash" or self.random.random() < 0.8:
                self.succeed(shard.name)

    async def script_moves(self, until_s: float) -> None:
        """Wish until then that blocks move, those among them that are just moving."""
        while asyncio.get_running_loop().time() < until_s:
            await asyncio.sleep(self.random.uniform(0.2, 3))
            block = self.random.choice(sorted(self.catalogue.owners))
            to_shard = self.random.choice(sorted(self.newest))
            if to_shard == self.catalogue.owners[block]:
                self.catalogue.wishes.pop(block, None)
            else:
                self.catalogue.wishes[block] = to_shard


FAULTS = (
    "crash",
    "pause",
    "duplicate owner",
    "refused statement",
    "refused block",
    "no room",
    "late statement",
    "slow replay",
    "lost acknowledgement",
    "request lost",
    "request repeated",
    "answer lost",
)
