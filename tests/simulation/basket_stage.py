"""A stage for baskets: a desk and three legs on a shard each, gateways, and a network and a journal full of points."""

import asyncio
from collections.abc import Sequence
from itertools import count

from actors.baskets import Baskets
from actors.core.block import next_deadline_ms
from actors.core.ids import BlockId, TenantId
from actors.dispatch import Dispatcher
from actors.engine.engine import Engine, Lines
from actors.engine.timers import Outlived
from actors.journal.codec import decode_entries
from actors.journal.journal import Epoch, JournalUnavailable
from actors.journal.memory import MemoryJournal, Statement
from actors.link.batch import calls_decoder, command_decoder
from actors.link.coalescer import Coalescer
from actors.link.transport import NotSent, OutcomeUnknown
from actors.reservations import Reservations
from tests.simulation.basket_check import WatchedStore
from tests.simulation.basket_points import (
    AWAY,
    DELAY,
    DOUBLE,
    LATE,
    LOSE,
    REFUSE,
    REPEAT,
    REPEAT_AFTER_TAKEOVER,
    Points,
    Step,
    Strike,
)
from tests.simulation.virtual_time import Process, is_dead
from tests.simulation.world import Catalogue, now_ms

LATENCY_S = 0.001
EXCHANGE_S = 1.5  # who hears nothing for so long believes it lost
DELAY_S = 2.5
REPEAT_S = 2.0
TAKEOVER_S = 1.0
AWAY_S = 12.0
STATEMENT_BOUND_MS = 2_000
LATE_S = 3.0


class FoldedCatalogue(Catalogue):
    """Deadlines come from the store's folds, up to a second late."""

    def __init__(self, store: WatchedStore) -> None:
        super().__init__(store)
        self._watched = store

    async def project(self) -> None:
        """See `Catalogue.project`."""
        while True:
            await asyncio.sleep(1.0)
            for block, fold in self._watched.folds.items():
                self.deadlines[block] = next_deadline_ms(fold)


class JournalPoints:
    """The points of one shard's statements: what it writes, and whether it looks at heads before it answers."""

    def __init__(self, stage: "Stage", role: str) -> None:
        self._stage = stage
        self._role = role

    async def before(self, statement: Statement) -> None:
        await asyncio.sleep(LATENCY_S)
        fault = await self._reach(statement, Step.APPEND, Step.CHECK)
        if fault == LATE:
            await asyncio.sleep(LATE_S)
        elif fault == REFUSE:
            raise JournalUnavailable("refused")

    async def after(self, statement: Statement) -> None:
        if await self._reach(statement, Step.APPENDED, Step.CHECKED) == LOSE:
            raise JournalUnavailable("the acknowledgement was lost")

    async def _reach(self, statement: Statement, append: Step, check: Step) -> str:
        points = self._stage.points
        if not points.tracing or not statement.blocks:
            return ""
        if statement.name == "append":
            kinds = [type(entry).__name__ for new in statement.rows for entry in decode_entries(new.row.entries)]
            return await points.reach(append, f"{self._role} {'+'.join(kinds)}", self._role)
        if statement.name == "heads":
            return await points.reach(check, self._role, self._role)
        return ""


class Shard:
    """One incarnation of a shard, as a process. `gone`: done when it is dead."""

    def __init__(self, stage: "Stage", role: str, incarnation: int) -> None:
        self.process = Process(f"{role}.{incarnation}")
        self.role = role
        self.incarnation = incarnation
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ready = False
        epoch = Epoch(1, 1, incarnation)
        points = JournalPoints(stage, role)
        lines = Lines(*(MemoryJournal(stage.store, faults=points, bound_ms=STATEMENT_BOUND_MS) for _ in range(4)))
        nonces = count(epoch.packed() << 8)
        self.engine = Engine(
            role,
            epoch,
            lines,
            stage.catalogue,
            asyncio.get_running_loop().time,
            lambda: next(nonces).to_bytes(8),
            others=lambda clock: Dispatcher(Routes(stage, role), clock),
            cut_over=True,
        )
        self._register = stage.catalogue.register
        self.process.start(self._run())

    async def _run(self) -> None:
        await self.engine.start()
        self.ready = True
        assert self._register(self.role, self.engine.epoch.packed())
        try:
            await self.engine.run()
        except* Outlived:
            self.die()

    def die(self) -> None:
        """Like SIGKILL: whoever waits for an answer learns that its connection is broken."""
        self.process.kill()
        if not self.gone.done():
            self.gone.set_result(None)


class Wire:
    """The transport from one process to one incarnation of a shard."""

    def __init__(self, stage: "Stage", sender: str, shard: Shard) -> None:
        self._stage = stage
        self._sender = sender
        self._shard = shard

    async def exchange(self, payload: bytes) -> bytes:
        """See `Transport.exchange`."""
        stage, shard = self._stage, self._shard
        parties = self._sender, shard.role
        what = f"{self._sender}>{shard.role} {commands_in(payload)}"
        fault = await stage.points.reach(Step.SEND, what, *parties)
        if fault == DELAY:
            stage.later(DELAY_S, shard.role, payload, what, parties)
            await asyncio.sleep(EXCHANGE_S)
            raise OutcomeUnknown("no answer")
        if fault == REPEAT:
            stage.later(REPEAT_S, shard.role, payload, what, parties)
        if fault == REPEAT_AFTER_TAKEOVER:
            stage.later(REPEAT_S, shard.role, payload, what, parties, after_takeover=True)
        await asyncio.sleep(LATENCY_S)
        if shard.process.dead or not shard.ready:
            raise NotSent("connection refused")
        serving = shard.process.start(stage.arrive(shard, payload, what, parties))
        await asyncio.wait((serving, shard.gone), timeout=EXCHANGE_S, return_when=asyncio.FIRST_COMPLETED)
        answers = serving.result() if serving.done() else None
        if answers is None:
            await asyncio.sleep(LATENCY_S if shard.gone.done() else EXCHANGE_S)
            raise OutcomeUnknown("no answer")
        await asyncio.sleep(LATENCY_S)
        await stage.points.reach(Step.ANSWERED, what, *parties)
        return answers


class Routes:
    """One process' way to the shards; it may know an incarnation for longer than that is right."""

    def __init__(self, stage: "Stage", sender: str) -> None:
        self._stage = stage
        self._sender = sender
        self._ways: dict[str, Coalescer] = {}

    async def route(self, block: BlockId) -> Coalescer | None:
        role = self._stage.catalogue.owners.get(block)
        if role is None:
            return None
        way = self._ways.get(role)
        if way is None:
            way = self._ways[role] = Coalescer(Wire(self._stage, self._sender, self._stage.newest[role]), now_ms)
        return way

    def doubt(self, block: BlockId, way: Coalescer) -> None:
        role = self._stage.catalogue.owners[block]
        if self._ways.get(role) is way:
            del self._ways[role]

    def moved(self, block: BlockId) -> None:
        """Nothing moves here, and owners are never remembered."""


class Gateway:
    """A gateway as a process. `gone`: done when it is dead."""

    def __init__(self, stage: "Stage") -> None:
        self.process = Process("gateway")
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.dispatcher = Dispatcher(Routes(stage, "gateway"), now_ms)
        self.baskets = Baskets(self.dispatcher, stage.assign, stage.number)
        self.reservations = Reservations(self.dispatcher, stage, now_ms, stage.number)

    def die(self) -> None:
        """See `Shard.die`."""
        self.process.kill()
        if not self.gone.done():
            self.gone.set_result(None)


class Stage:
    """One run's world."""

    def __init__(self, store: WatchedStore, roles: Sequence[str], incarnation: int, strikes: Sequence[Strike]) -> None:
        self.store = store
        self.catalogue = FoldedCatalogue(store)
        self.network = Process("network")
        self.points = Points(strikes, self._strike, is_dead)
        self.pending = 0  # what the network will deliver yet, and shards that are to come
        self.newest: dict[str, Shard] = {}
        self.next_number = 1_000
        for role in roles:
            self.newest[role] = Shard(self, role, incarnation)
        self.gateway = Gateway(self)
        self.network.start(self.catalogue.project())

    def number(self) -> int:
        """A fresh number."""
        self.next_number += 1
        return self.next_number

    async def assign(self, block: BlockId, _: TenantId) -> None:
        """Enter a desk."""
        self.catalogue.owners.setdefault(block, "desk")

    def is_writing(self) -> bool:
        """Whether somebody who lives has something in memory that is not durable yet."""
        return any(
            hosted.pending or hosted.position != len(self.store.journals.get(block, ()))
            for shard in self.newest.values()
            for block, hosted in shard.engine.residence.blocks.items()
            if not shard.process.dead and not hosted.lost and hosted.claimed
        )

    def another_gateway(self) -> Gateway:
        """Whoever comes next comes to this one."""
        self.gateway = Gateway(self)
        return self.gateway

    async def arrive(self, shard: Shard, payload: bytes, what: str, parties: Sequence[str]) -> bytes | None:
        """Serve a batch, in the shard's process; None: the answer is lost."""
        await self.points.reach(Step.RECEIVE, what, *parties)
        answers = await shard.engine.serve(payload)
        lost = await self.points.reach(Step.ANSWER, what, *parties) == LOSE
        return None if lost else answers

    def later(
        self,
        seconds: float,
        role: str,
        payload: bytes,
        what: str,
        parties: Sequence[str],
        *,
        after_takeover: bool = False,
    ) -> None:
        """Deliver a batch late, to whoever is the shard then; nobody hears the answer."""

        async def deliver() -> None:
            await asyncio.sleep(seconds)
            if after_takeover:
                self._end(role, TAKEOVER_S)
                await asyncio.sleep(TAKEOVER_S + 0.5)
            self.pending -= 1
            shard = self.newest[role]
            if shard.ready and not shard.process.dead:
                shard.process.start(self.arrive(shard, payload, f"late {what}", parties))

        self.pending += 1
        self.network.start(deliver())

    def _strike(self, fault: str) -> None:
        how, role = fault.split()
        if role == "gateway":
            self.gateway.die()
        elif how == DOUBLE:
            self._succeed(role)
        else:
            self._end(role, AWAY_S if how == AWAY else TAKEOVER_S)

    def _end(self, role: str, takeover_s: float) -> None:
        shard = self.newest[role]
        if shard.process.dead:
            return  # and somebody comes already

        async def come() -> None:
            await asyncio.sleep(takeover_s)
            self.pending -= 1
            self._succeed(role)

        shard.die()
        self.pending += 1
        self.network.start(come())

    def _succeed(self, role: str) -> None:
        self.newest[role] = Shard(self, role, self.newest[role].incarnation + 1)


def commands_in(payload: bytes) -> str:
    """The names of the commands of a batch."""
    return "+".join(type(command_decoder.decode(call.command)).__name__ for call in calls_decoder.decode(payload))
