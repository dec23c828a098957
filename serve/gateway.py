"""A gateway replica: HTTP and gRPC in one process, over one coalescer per shard. Stateless; any replica will do."""

import asyncio
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import structlog
from ray import serve as ray_serve

from actors.auditor.board import Board
from actors.catalogue.catalogue import Catalogue
from actors.core.ids import NUMBER_BITS
from actors.dispatch import MAX_ERRANDS, Dispatcher, RoutesUnavailable
from actors.logs import configure_logs
from actors.projections.live_events import LiveEvents
from actors.projections.read_models import ReadModels
from actors.reservations import Reservations
from actors.routes import CatalogueRoutes
from actors.under_way import MOST_UNDER_WAY
from serve.auth import KeyRing, PostgresKeySource
from serve.grpc_api.methods import GrpcMethods
from serve.http_api.app import build_http_app
from serve.operations import Operations
from serve.status import Quarantine, QuarantineReader, cluster_status, remarks
from serve.wakefulness import Wakefulness

_log = structlog.get_logger(__name__)

# Serve refuses without a hint. Who asks a block is refused before that, by the dispatcher, with one; the others ask
# none, or none yet: lists, counts, whoever waits for a key to be looked up or a layout to be read.
MAX_OTHERS = 2 * MOST_UNDER_WAY
MAX_REQUESTS_AT_ONCE = MAX_ERRANDS + MAX_OTHERS
MAX_REQUESTS_QUEUED = MAX_REQUESTS_AT_ONCE  # Serve counts each as queued for a moment, whatever room there is
CATALOGUE_RETRY_S = 0.5


class GatewayConfig(msgspec.Struct, frozen=True):
    """What every gateway replica is told."""

    database_url: str
    redis_url: str
    link_secret: bytes
    generation: int  # of the cluster whose shards it knows
    log_level: str


@ray_serve.deployment(
    max_ongoing_requests=MAX_REQUESTS_AT_ONCE,
    max_queued_requests=MAX_REQUESTS_QUEUED,
    graceful_shutdown_timeout_s=5,
    health_check_period_s=2,
    ray_actor_options={"num_cpus": 0},
    logging_config={"enable_access_log": False, "log_level": "WARNING"},  # a line a request cost a tenth of the replica
)
@ray_serve.ingress()
class Gateway(GrpcMethods):
    """The composition root of a replica; HTTP routes and gRPC methods share everything below them."""

    async def __init__(self, config: GatewayConfig) -> None:  # type: ignore[misc]  # Serve awaits it
        configure_logs(config.log_level)
        wakefulness = Wakefulness()
        self._routes = CatalogueRoutes(
            Catalogue(config.database_url, application_name="holdfast-gateway"),
            config.link_secret,
            config.generation,
            wakefulness.hangs,
        )
        models = ReadModels(config.database_url, LiveEvents(config.redis_url), now_ms=self._routes.now_ms)
        await self._find_shards()
        self._looking = asyncio.create_task(self._routes.run())
        numbers = random.SystemRandom()
        self._reservations = Reservations(
            Dispatcher(self._routes, self._routes.now_ms),
            self._routes,
            self._routes.now_ms,
            lambda: numbers.getrandbits(NUMBER_BITS) or 1,
        )
        keys = KeyRing(PostgresKeySource(config.database_url), time.monotonic)
        board = Board(config.redis_url)
        reader = QuarantineReader(config.database_url, board)
        projections, alarms = Quarantine(reader.find), Quarantine(reader.find_alarms)
        blocks, silent = Quarantine(reader.find_blocks), Quarantine(reader.find_silent)
        open_alarms, unreceived = Quarantine(reader.find_open_alarms), Quarantine(reader.find_unreceived)
        self._remarks = partial(remarks, blocks, open_alarms, silent, unreceived)
        self.operations = Operations(
            self._reservations,
            models,
            keys.authenticate,
            lambda: cluster_status(self._routes, projections, blocks, alarms, silent, board),
            wakefulness,
        )
        self._beating = asyncio.create_task(wakefulness.run())

    def __serve_build_asgi_app__(self) -> Callable[..., Any]:
        """Called by Serve once, after `__init__`."""
        return build_http_app(self.operations, self._routes.problems, self._remarks)

    async def check_health(self) -> None:
        """Called by Serve; a replica that no longer follows the catalogue is replaced."""
        if self._looking.done():
            raise RuntimeError("the replica has stopped looking at the catalogue")
        if self._beating.done():
            raise RuntimeError("the replica would not notice that it hung")

    async def _find_shards(self) -> None:
        while True:
            try:
                await self._routes.start()
            except RoutesUnavailable as fault:
                _log.warning("waiting for the catalogue", fault=str(fault))
            else:
                return
            await asyncio.sleep(CATALOGUE_RETRY_S)
