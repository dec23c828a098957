"""What a gateway knows of the cluster it serves: shards, what went through them, what is quarantined and audited."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from actors.auditor.board import Board
from actors.auditor.figures import AuditorFigures
from actors.core.ids import BlockId, event_id
from actors.database.line import Line, LineUnavailable
from actors.database.queries import load_queries
from actors.engine.catalogue_port import EngineCounters
from actors.journal.journal import Epoch
from actors.link.coalescer import CoalescerCounters
from actors.routes import CatalogueRoutes
from serve.wire_time import rfc3339

QUARANTINE_FRESH_S = 5.0
"""How old what is known of the quarantine may be: Postgres is asked no more often, whoever asks for the status."""

BOUND_MS = 2_000
MAX_BLOCKS = 100

_QUERIES = load_queries(Path(__file__).parent / "sql" / "quarantine.sql")


class ShardStatus(msgspec.Struct, frozen=True):
    """The newest incarnation of a shard; its own counters are a second old, `sent` is this gateway's share."""

    shard: str
    generation: int
    build: int
    incarnation: int
    pid: int
    served: EngineCounters
    sent: CoalescerCounters


class QuarantinedProjection(msgspec.Struct, frozen=True):
    """A projection that has stopped following some blocks, as what it read there cannot be right."""

    projection: str
    block_count: int


class QuarantinedBlock(msgspec.Struct, frozen=True):
    """A block that nobody is served from: since when, by whom, because of which row of its journal (0: none), why."""

    event_id: str
    since: str
    by: str
    position: int
    why: str


class ClusterStatus(msgspec.Struct, frozen=True):
    """One gateway's view. What is quarantined is empty when all is well, and null while Postgres cannot be asked.

    `auditor`: what it has told of itself within the last minute; null if nothing, or while Redis cannot be asked.
    """

    shards: list[ShardStatus]
    quarantined: list[QuarantinedProjection] | None
    quarantined_blocks: list[QuarantinedBlock] | None
    auditor: AuditorFigures | None = None


T = TypeVar("T")


class QuarantineReader:
    """The quarantine as the projector has noted it in Postgres."""

    def __init__(self, database_url: str) -> None:
        self._line = Line(database_url, application_name="holdfast-status", bound_ms=BOUND_MS)

    async def find(self) -> list[QuarantinedProjection]:
        """Every projection that has stopped somewhere. Raises LineUnavailable."""
        return [QuarantinedProjection(*row) for row in await self._line.fetch(_QUERIES["quarantined"])]

    async def find_blocks(self) -> list[QuarantinedBlock]:
        """The blocks that nobody is served from, a hundred at most. Raises LineUnavailable."""
        return [
            QuarantinedBlock(event_id(BlockId(block)), rfc3339(at_ms), *rest)
            for block, at_ms, *rest in await self._line.fetch(_QUERIES["quarantined_blocks"], MAX_BLOCKS)
        ]

    async def close(self) -> None:
        """End the line; nothing in flight is waited for."""
        await self._line.close()


class Quarantine(Generic[T]):
    """What is quarantined: read when somebody asks, but not again within a few seconds. For one event loop."""

    def __init__(
        self, find: Callable[[], Awaitable[list[T]]], monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._find = find
        self._monotonic_s = monotonic_s
        self._fresh_until_s = float("-inf")
        self._known: list[T] | None = None
        self._turn = asyncio.Lock()

    async def known(self) -> list[T] | None:
        """All of it; None if that cannot be read."""
        async with self._turn:
            if self._monotonic_s() >= self._fresh_until_s:
                try:
                    self._known = await self._find()
                except LineUnavailable:
                    self._known = None
                self._fresh_until_s = self._monotonic_s() + QUARANTINE_FRESH_S
            return self._known


async def cluster_status(
    routes: CatalogueRoutes,
    projections: Quarantine[QuarantinedProjection],
    blocks: Quarantine[QuarantinedBlock],
    board: Board,
) -> ClusterStatus:
    """The shards that these routes lead to, by name, what is quarantined, and what is audited."""
    quarantined, quarantined_blocks, auditor = await asyncio.gather(projections.known(), blocks.known(), board.find())
    shards = []
    for incarnation, sent in routes.known():
        epoch = Epoch.unpacked(incarnation.epoch)
        shards.append(ShardStatus(incarnation.shard, *epoch, incarnation.pid, incarnation.counters, sent))
    return ClusterStatus(shards, quarantined, quarantined_blocks, auditor)


async def remarks(blocks: Quarantine[QuarantinedBlock]) -> tuple[str, ...]:
    """What an operator should know of a cluster that sells: how many blocks do not."""
    known = await blocks.known()
    return (f"{len(known)} quarantined: see holdfast quarantine list",) if known else ()
