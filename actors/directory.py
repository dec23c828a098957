"""The directory: sees to it that every shard of the cluster has one incarnation that serves.

It watches them itself (see `actors.watch`), since Ray never notices a process that only hangs. One that is silent gets
a successor under a higher incarnation: a spare actor that is kept ready. The old one is not waited for and not trusted:
the journal fences it. What the directory knows is in the catalogue, so it may be restarted at any time.
"""

import asyncio
import os
from itertools import count
from typing import Any

import msgspec
import ray
import structlog
from ray.exceptions import RayError

from actors.catalogue.catalogue import Catalogue, Incarnation
from actors.engine.catalogue_port import CatalogueUnavailable
from actors.journal.journal import Epoch
from actors.link.address import parse_address
from actors.link.client import LinkClient
from actors.link.handshake import Identity
from actors.logs import configure_logs
from actors.shard import Shard, ShardConfig
from actors.watch import NoSuccessor, Watch

_log = structlog.get_logger(__name__)

NAMESPACE = "holdfast"
CATALOGUE_RETRY_S = 1.0
START_TIMEOUT_S = 20.0


class DirectoryConfig(msgspec.Struct, frozen=True):
    """What a cluster consists of."""

    generation: int
    build: int
    shards: tuple[str, ...]
    shard: ShardConfig


@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=0)
class Directory:
    """One per cluster, by name. Begins to watch with its process, so that Ray may restart it at any time."""

    def __init__(self, config: DirectoryConfig) -> None:
        configure_logs(config.shard.log_level)
        self._config = config
        self._catalogue = Catalogue(config.shard.database_url, application_name="holdfast-directory")
        self._spare: Any = None
        self._spare_numbers = count(1)
        self._all_serve = asyncio.Event()
        self._running = asyncio.create_task(self._run())

    async def pid(self) -> int:
        """The process of this actor; answers when every shard has served once."""
        await self._all_serve.wait()
        return os.getpid()

    async def _run(self) -> None:
        """Find or start every shard, then watch them all for ever."""
        known = await self._known()
        watch = Watch(self._connect, self._catalogue, self._start_successor)
        current = await asyncio.gather(*(watch.begin(name, known.get(name)) for name in self._config.shards))
        self._all_serve.set()
        self._make_spare()
        await asyncio.gather(*(watch.run(incarnation) for incarnation in current))

    async def _known(self) -> dict[str, Incarnation]:
        """The incarnations that an earlier life of this directory has started."""
        while True:
            try:
                return (await self._catalogue.newest_incarnations(self._config.generation))[0]
            except CatalogueUnavailable as fault:
                _log.error("the catalogue cannot be reached", fault=str(fault))
                await asyncio.sleep(CATALOGUE_RETRY_S)

    def _connect(self, current: Incarnation) -> LinkClient:
        return LinkClient(
            parse_address(current.address),
            self._config.shard.link_secret,
            expects=Identity(current.shard, current.epoch),
        )

    async def _start_successor(self, shard: str, incarnation: int) -> Incarnation:
        """Let the spare become the shard. Raises NoSuccessor: that spare is gone."""
        spare = self._spare or self._make_spare()
        self._spare = None
        config = self._config
        try:
            serving = spare.serve_as.remote(shard, config.generation, config.build, incarnation)
            address = await asyncio.wait_for(serving, START_TIMEOUT_S)
            pid = await asyncio.wait_for(spare.pid.remote(), START_TIMEOUT_S)
        except (RayError, TimeoutError) as fault:
            ray.kill(spare)  # else each try would leave a process behind, and one that is only slow would serve yet
            raise NoSuccessor(repr(fault)) from fault
        _log.info("shard serves", shard=shard, incarnation=incarnation, pid=pid)
        self._make_spare()
        return Incarnation(shard, Epoch(config.generation, config.build, incarnation).packed(), address, pid)

    def _make_spare(self) -> Any:
        """Start an actor that only waits. Detached: shards must outlive the directory."""
        if self._spare is None:
            name = f"shard-g{self._config.generation}-{os.getpid()}-{next(self._spare_numbers)}"
            self._spare = _detached(Shard, name).remote(self._config.shard)
        return self._spare


def _detached(actor: Any, name: str) -> Any:
    """The actor class, to be started under a name and without an owner: shards must outlive the directory."""
    return actor.options(name=name, namespace=NAMESPACE, lifetime="detached")
