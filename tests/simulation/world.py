"""A whole Holdfast in virtual time: clusters on a journal in memory, gateways, a network, and what goes wrong."""

import asyncio
import math
from collections.abc import Mapping
from random import Random

from actors.audit.denials import CLOCK_TOLERANCE_MS
from actors.core.ids import BlockId
from actors.dispatch import Dispatcher
from actors.engine.clock import MAX_JUMP_MS
from actors.journal.journal import NewRow
from actors.reservations import Reservations
from loadtests.history.skews import Skews
from tests.simulation.auditing import AuditorProcess
from tests.simulation.boundary import Boundary, Spoken
from tests.simulation.clocks import NEAR_MS, START_MS, JournalTime, loop_s, now_ms
from tests.simulation.faults import CLASSIC, Fault, Faults, Rate
from tests.simulation.folding import Folds
from tests.simulation.gateways import Gateway
from tests.simulation.grouping import Grouping
from tests.simulation.journal_faults import Database, JournalFaults, WatchedStore, sender
from tests.simulation.loads import CALM, Load
from tests.simulation.memory_catalogue import Catalogue
from tests.simulation.network import GatewayRoutes, Network, Parted, asks_to_write
from tests.simulation.projecting import ProjectorProcess, Tables
from tests.simulation.repeats import Copies
from tests.simulation.shards import Cluster, Shard
from tests.simulation.virtual_time import Process

__all__ = ["START_MS", "Catalogue", "GatewayRoutes", "Network", "World", "now_ms"]

MOVE_FAILS = 0.1
ANSWERS_LOST = 0.05
MOST_AHEAD_MS = NEAR_MS + 500  # of its time is a row, whatever a shard's clock does


class World:
    """Everything of one run. `faults`: whether those of CLASSIC go wrong, or which do.

    `wrong`: what was seen to break a rule while it happened.
    """

    def __init__(
        self,
        seed: int,
        shard_names: tuple[str, ...],
        *,
        faults: bool | frozenset[Fault] = True,
        load: Load = CALM,
        rates: Mapping[Fault, Rate] | None = None,
        has_short_lives: bool = False,
    ) -> None:
        self.seed = seed
        self.load = load
        self.has_short_lives = has_short_lives
        self.grouping = Grouping()
        self.random = Random(seed)
        self.directions = Random(f"directions {seed}")  # in which clocks of shards jump
        self.replica_random = Random(f"replica {seed}")  # how long it is away, and what comes of it
        on = ((*CLASSIC, Fault.CATALOGUE_AWAY) if faults else ()) if isinstance(faults, bool) else faults
        self.faults = Faults(self.random, on)
        self.copies = Copies()
        self.faults = Faults(self.random, on, rates=rates)
        self.parted: dict[tuple[str, str], Parted] = {}  # by gateway and shard
        self.wrong: list[str] = []
        self.trace: list[str] | None = None
        self.journal_time = JournalTime()
        self.skews = Skews()  # of what the clocks of this world say and the run's, by the latter
        self.tolerance_ms = CLOCK_TOLERANCE_MS  # clocks are no further apart, until one jumps further than any believes
        self.timed_until_s = math.inf  # when that was
        self.written_s: dict[tuple[BlockId, int], float] = {}  # when each row came
        self.database = Database()
        self.store = WatchedStore(self._told_ms)
        self.store.on_row = self._watch_row
        self.store.on_statement = self.grouping.see_statement
        self.folds = Folds(self.store)
        self.catalogue = Catalogue(self.store)
        self.boundary = Boundary(self.store, self.catalogue.told_to)
        self.catalogue.is_away = lambda: self.faults.strikes(Fault.CATALOGUE_AWAY, MOVE_FAILS)
        self.catalogue.loses_answer = self._catalogue_loses_answer
        self.catalogue.on_change = self.store.changed
        self.journal_faults = JournalFaults(self.random, self.faults, self.store, load.takes_s)
        self.leaving: set[str] = set()
        self.generation = 1
        self.clusters = {1: Cluster(self, 1, cut_over=True)}
        self.gateways: list[Gateway] = []
        self.auditing: AuditorProcess | None = None
        self.tables = Tables()
        self.projectors: list[ProjectorProcess] = []
        for name in shard_names:
            self.succeed(name)
        self.following = asyncio.get_running_loop().create_task(self.catalogue.project())

    @property
    def newest(self) -> dict[str, Shard]:
        """The newest incarnation of each shard of the newest generation."""
        return self.clusters[self.generation].newest

    @property
    def counts(self) -> dict[str, int]:
        """How often each fault that was switched on took effect."""
        return {str(fault): self.faults.counts[fault] for fault in Fault if fault in self.faults.planned}

    def succeed(self, name: str) -> Shard:
        """Start the next incarnation of a shard, whatever became of the last one."""
        return self.clusters[self.generation].succeed(name)

    def project(self) -> ProjectorProcess:
        """Start one more real projector, which from now on knows the deadlines."""
        self.following.cancel()
        projector = ProjectorProcess(self, self.tables, f"projector {len(self.projectors)}")
        self.projectors.append(projector)
        return projector

    def audit(self) -> None:
        """From now on a real auditor follows the journals."""
        self.auditing = AuditorProcess(self, self.seed)

    def now_ms(self) -> int:
        """The journal's clock."""
        return self.journal_time.now_ms()

    def gateway(self) -> Reservations:
        """A gateway that never dies: own routes, own connections."""
        routes = GatewayRoutes(self, self.generation)
        return Reservations(
            Dispatcher(routes, self.now_ms), routes, self.now_ms, lambda: self.random.getrandbits(62) + 1
        )

    def note(self, *what: object) -> None:
        """Write it into the trace, if there is one."""
        if self.trace is not None:
            self.trace.append(f"{asyncio.get_running_loop().time():.6f} {' '.join(map(str, what))}")

    async def deliver(self, shard: Shard, payload: bytes) -> bytes:
        """A batch arrives in the shard's process."""
        cluster = self.clusters[shard.generation]
        if not cluster.cut_over and asks_to_write(payload):
            cluster.cut_over = True
        self.note("batch", shard.process.name, payload.hex() if self.trace is not None else "")
        shard.asked_at_s = loop_s()
        epoch = shard.engine.epoch.packed()
        asked = self.boundary.ask(payload, shard.name, epoch)
        self.grouping.see_batch(payload, self.journal_faults.rows_of(shard.process))
        try:
            answers = await shard.engine.serve(payload)
        finally:
            shard.answered_count += 1
        self.boundary.answer(shard.name, epoch, asked, answers)
        self.note("answers", shard.process.name, answers.hex() if self.trace is not None else "")
        return answers

    def _told_ms(self) -> int:
        """What who asks is told of the time. A jump of it takes effect when a shard hears of it."""
        if self.journal_time.has_jumped_far and self._shard_of(sender()) is not None:
            self.journal_time.has_jumped_far = False
            self.faults.took_effect(Fault.JOURNAL_CLOCK)
        return self.journal_time.now_ms()

    def _catalogue_loses_answer(self) -> bool:
        is_lost = self.faults.strikes(Fault.CATALOGUE_LOST, ANSWERS_LOST)
        if is_lost:
            self.faults.took_effect(Fault.CATALOGUE_LOST)
        return is_lost

    def clocks_jump(self, by_ms: float) -> None:
        """One has just jumped: who goes by clocks alone is not right any more, or if that is little, less so."""
        if self.timed_until_s < math.inf or abs(by_ms) > MAX_JUMP_MS:
            self.timed_until_s = min(self.timed_until_s, loop_s())
            self.skews.lose(now_ms(), MOST_AHEAD_MS + self.journal_time.most_ms)  # as rows are held to (`_latest_ms`)
        else:
            self.tolerance_ms += int(abs(by_ms))
            self.skews.widen(now_ms(), self.tolerance_ms)

    def loses(self, block: str, position: int, asked_ms: int = 0, seen: Spoken | None = None) -> bool:
        """Whether a failover has lost the row of the block at this position, after it was asked then.

        What was told of that row counts no more. `seen`: what was; it counts if shards said it of the row alone that
        came in the place of that one, and is there.
        """
        lost = self.store.lost.get(BlockId(block), ())
        if not any(one.row.position == position and START_MS + one.at_s * 1000 >= asked_ms for one in lost):
            return False
        row = self.store.row_at(BlockId(block), position)
        return seen is None or row is None or not self.boundary.is_of(row, seen)

    def lost_meanwhile(self, block: str, first_ms: int, last_ms: int) -> bool:
        """Whether there was, from the first to the last of these times, a row of the block that a failover lost."""
        lost = self.store.lost.get(BlockId(block), ())
        return any(
            START_MS + int(one.written_s * 1000) <= last_ms + 1 and START_MS + int(one.at_s * 1000) + 1 >= first_ms
            for one in lost
        )

    def _watch_row(self, new: NewRow, writer: Process | None, before: Process | None) -> None:
        row = new.row
        self.note("row", row.block, row.position, row.epoch, row.chain.hex(), writer and writer.name)
        rows = self.store.journals[row.block]
        self.written_s[row.block, row.position] = loop_s()
        self.grouping.see_row(row)
        if len(rows) > 1 and row.epoch < rows[-2].epoch:
            self.wrong.append(f"row {row.position} of {row.block}: epoch {row.epoch} behind {rows[-2].epoch}")
        writing = self._shard_of(writer)
        if row.recorded_at_ms > max(self._latest_ms(writing), rows[-2].recorded_at_ms if len(rows) > 1 else 0):
            self.wrong.append(f"row {row.position} of {row.block} is of a time that has not come")
        if writing is not None and not self.clusters[writing.generation].cut_over:
            self.wrong.append(f"{writing.process.name} wrote to {row.block} before anybody asked it to")
        former = self._shard_of(before)
        if writing is None or former is None or former is writing or former.process.dead:
            return
        if former.generation != writing.generation:
            self.faults.took_effect(Fault.GENERATION)
        elif former.name == writing.name and not former.process.paused and not former.leaving:
            self.faults.took_effect(Fault.DUPLICATE)

    def _latest_ms(self, writing: Shard | None) -> int:
        """Of what time a row may be that this shard writes now, by as much of the journal's clock as it believes."""
        since = (0.0, math.inf, 0.0) if writing is None else (writing.began_s, writing.heard_s, writing.jumped_s)
        return now_ms() + MOST_AHEAD_MS + self.journal_time.most_believed_ms(*since)

    def _shard_of(self, process: Process | None) -> Shard | None:
        return next(
            (shard for cluster in self.clusters.values() for shard in cluster.shards if shard.process is process), None
        )

    async def script_faults(self, until_s: float) -> None:
        """Kill, pause and duplicate shards until then; a successor comes a little later, as detection takes time."""
        loop = asyncio.get_running_loop()
        while loop.time() < until_s:
            await asyncio.sleep(self.random.uniform(1, 5))
            shard = self.newest[self.random.choice(sorted(self.newest))]
            fault = self.random.choice((Fault.CRASH, Fault.PAUSE, Fault.DUPLICATE))
            self.faults.took_effect(fault)
            if fault is Fault.CRASH:
                shard.process.kill()
            elif fault is Fault.PAUSE:
                shard.process.pause()
                loop.call_later(self.random.uniform(0.5, 12), shard.process.resume)
            await asyncio.sleep(self.random.uniform(0.5, 3))
            if fault is Fault.CRASH or self.random.random() < 0.8:
                self.succeed(shard.name)

    async def script_moves(self, until_s: float) -> None:
        """Wish until then that blocks move, those among them that are just moving."""
        while asyncio.get_running_loop().time() < until_s:
            await asyncio.sleep(self.random.uniform(0.2, 3))
            block = self.random.choice(sorted(self.catalogue.owners))
            to_shard = self.random.choice(sorted(self.newest.keys() - self.leaving))
            if to_shard == self.catalogue.owners[block]:
                self.catalogue.wishes.pop(block, None)
            else:
                self.catalogue.wishes[block] = to_shard
