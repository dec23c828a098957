"""The Ray actor around the projector: start it, and leave if it fails, so that Ray starts it anew."""

import asyncio
import os
from functools import partial

import ray
import structlog

from actors.catalogue.fleet import DIRECTORY, DIRECTORY_SESSION
from actors.core.ids import BlockId
from actors.journal.postgres import PostgresJournal
from actors.logs import configure_logs
from actors.projections.availability import AvailabilityProjection
from actors.projections.deadlines import DeadlinesProjection
from actors.projections.listing import ListingProjection
from actors.projections.live_events import LiveEvents
from actors.projections.live_writer import LiveWriter
from actors.projections.positions import Positions
from actors.projections.projector import Projector
from actors.watchdog import Watchdog, find_actor

_log = structlog.get_logger(__name__)

PROJECTOR = "projector"  # the actor's name


@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=0)
class ProjectorService:
    """One per cluster, by name. Follows the journals from the start of its process; all it knows is in Postgres,
    and shown in Redis."""

    def __init__(self, database_url: str, redis_url: str, log_level: str) -> None:
        configure_logs(log_level)
        self._projector = Projector(
            Positions(database_url),
            PostgresJournal(database_url, application_name="holdfast-projector-snapshots"),
            (AvailabilityProjection(), DeadlinesProjection(), ListingProjection()),
            display=LiveWriter(LiveEvents(redis_url)),
        )
        self._over_directory = Watchdog(database_url, DIRECTORY_SESSION, partial(find_actor, DIRECTORY))
        self._running = asyncio.create_task(self._run())

    async def pid(self) -> int:
        """The process of this actor."""
        return os.getpid()

    async def hint(self, blocks: list[BlockId]) -> None:
        """These blocks have moved (see `Projector.hint`)."""
        self._projector.hint(blocks)

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._projector.run())
                group.create_task(self._over_directory.run())
        except Exception as bug:  # noqa: BLE001  whatever it is, a new process begins from what is committed
            _log.error("the projector failed", exc_info=bug)
        os._exit(1)
