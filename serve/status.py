"""What a gateway knows of the cluster it serves: shards, what went through them, what is quarantined and audited."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from actors.auditor.board import Board
from actors.auditor.figures import AuditorFigures
from actors.database.line import Line, LineUnavailable
from actors.database.queries import load_queries
from actors.engine.catalogue_port import EngineCounters
from actors.journal.journal import Epoch
from actors.link.coalescer import CoalescerCounters
from actors.routes import CatalogueRoutes

QUARANTINE_FRESH_S = 5.0
"""How old what is known of the quarantine may be: Postgres is asked no more often, whoever asks for the status."""

BOUND_MS = 2_000

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


class ClusterStatus(msgspec.Struct, frozen=True):
    """One gateway's view. `quarantined` is empty when all is well, and null while Postgres cannot be asked.

    `auditor`: what it has told of itself within the last minute; null if nothing, or while Redis cannot be asked.
    """

    shards: list[ShardStatus]
    quarantined: list[QuarantinedProjection] | None
    auditor: AuditorFigures | None = None


FindQuarantined = Callable[[], Awaitable[list[QuarantinedProjection]]]
"""Reads every projection that has stopped somewhere. Raises LineUnavailable."""


class QuarantineReader:
    """The quarantine as the projector has noted it in Postgres."""

    def __init__(self, database_url: str) -> None:
        self._line = Line(database_url, application_name="holdfast-status", bound_ms=BOUND_MS)

    async def find(self) -> list[QuarantinedProjection]:
        """See `FindQuarantined`."""
        return [QuarantinedProjection(*row) for row in await self._line.fetch(_QUERIES["quarantined"])]

    async def close(self) -> None:
        """End the line; nothing in flight is waited for."""
        await self._line.close()


class Quarantine:
    """What is quarantined: read when somebody asks, but not again within a few seconds. For one event loop."""

    def __init__(self, find: FindQuarantined, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._find = find
        self._monotonic_s = monotonic_s
        self._fresh_until_s = float("-inf")
        self._known: list[QuarantinedProjection] | None = None
        self._turn = asyncio.Lock()

    async def projections(self) -> list[QuarantinedProjection] | None:
        """The projections that have stopped somewhere; None if that cannot be read."""
        async with self._turn:
            if self._monotonic_s() >= self._fresh_until_s:
                try:
                    self._known = await self._find()
                except LineUnavailable:
                    self._known = None
                self._fresh_until_s = self._monotonic_s() + QUARANTINE_FRESH_S
            return self._known


async def cluster_status(routes: CatalogueRoutes, quarantine: Quarantine, board: Board) -> ClusterStatus:
    """The shards that these routes lead to, by name, what is quarantined, and what is audited."""
    quarantined, auditor = await asyncio.gather(quarantine.projections(), board.find())
    shards = []
    for incarnation, sent in routes.known():
        epoch = Epoch.unpacked(incarnation.epoch)
        shards.append(ShardStatus(incarnation.shard, *epoch, incarnation.pid, incarnation.counters, sent))
    return ClusterStatus(shards, quarantined, auditor)
