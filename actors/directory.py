"""The directory: sees to it that every shard of the fleet has one incarnation that serves.

Which shards there are is the fleet's to say, and may change at any time (see `actors.resizing`). It watches them itself
(see `actors.watch`), since Ray never notices a process that only hangs. One that is silent gets a successor under a
higher incarnation: a spare actor that is kept ready. The old one is not waited for and not trusted: the journal fences
it. What the directory knows is in the catalogue, so it may be restarted at any time: whatever an earlier life of it
started and the catalogue does not name is ended first. Shards are judged by their links alone: whom only Ray does not
reach may be one that serves, and is spared until it is heard, or all that should serve have been.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from secrets import token_hex
from typing import Any, TypeVar

import msgspec
import ray
import structlog
from ray.exceptions import ActorDiedError, RayError

from actors.catalogue.catalogue import Catalogue, Incarnation
from actors.catalogue.fleet import DIRECTORY_SESSION, Fleet
from actors.engine.catalogue_port import CatalogueUnavailable
from actors.journal.journal import Epoch
from actors.link.address import parse_address
from actors.link.client import LinkClient
from actors.link.handshake import Identity
from actors.logs import configure_logs
from actors.projections.positions import PROJECTOR_SESSION
from actors.projections.service import PROJECTOR
from actors.resizing import Resizing
from actors.shard import Shard, ShardConfig
from actors.watch import NoSuccessor, Watch
from actors.watchdog import Watchdog, find_actor

_log = structlog.get_logger(__name__)

NAMESPACE = "holdfast"
CATALOGUE_RETRY_S = 1.0
START_TIMEOUT_S = 20.0
SPARE_PERIOD_S = 2.0
FLEET_PERIOD_S = 1.0
FIRST_LOOKS_S = 0.05
ANSWER_TIMEOUT_S = 2.0  # nobody is watched before it is over

T = TypeVar("T")
Standing = tuple[str, int]  # where an actor listens, and its process; neither is unique by itself


class DirectoryConfig(msgspec.Struct, frozen=True):
    """What a cluster consists of. `shards`: the fleet to begin with where the catalogue has none."""

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
        self._catalogue = Catalogue(config.shard.database_url, application_name=DIRECTORY_SESSION)
        self._fleet = Fleet(config.shard.database_url, application_name=DIRECTORY_SESSION)
        self._actors_prefix = f"shard-g{config.generation}-"
        self._spare: Any = None
        self._watch = Watch(self._connect, self._catalogue, self._start_successor)
        self._serving: set[str] = set()
        self._all_serve = asyncio.Event()
        self._running = asyncio.create_task(self._run())

    async def pid(self) -> int:
        """The process of this actor; answers when every shard has served once."""
        await self._all_serve.wait()
        return os.getpid()

    async def _run(self) -> None:
        try:
            await self._watch_all()
        except Exception as bug:  # noqa: BLE001  whatever it is, Ray starts a new process, which finds the shards
            _log.error("the directory failed", exc_info=bug)
        os._exit(1)

    async def _watch_all(self) -> None:
        """Find or start every shard of the fleet, then watch them all for ever, and whichever join."""
        await _insist(lambda: self._fleet.found(self._config.shards))
        unheard = await self._end_strays(await self._known())
        over_projector = Watchdog(self._config.shard.database_url, PROJECTOR_SESSION, partial(find_actor, PROJECTOR))
        async with asyncio.TaskGroup() as group:
            group.create_task(over_projector.run())
            group.create_task(self._follow_fleet(group))
            await self._all_serve.wait()
            group.create_task(self._keep_spare())
            group.create_task(Resizing(self._fleet, self._config.generation).run(self._serving))
            for actor in unheard:
                group.create_task(self._end_if_stray(actor))

    async def _follow_fleet(self, group: asyncio.TaskGroup) -> None:
        """Watch each shard that is to be there, for ever. One that is gone ends by itself, as it has been replaced."""
        watching: dict[str, asyncio.Task[None]] = {}
        while True:
            fleet = (await _insist(self._fleet.states)).keys()
            for shard in sorted(fleet - watching.keys()):
                watching[shard] = group.create_task(self._watch_shard(shard))
            for shard in sorted(watching.keys() - fleet):
                watching.pop(shard).cancel()
                self._serving.discard(shard)
            if fleet <= self._serving:
                self._all_serve.set()
            await asyncio.sleep(FLEET_PERIOD_S if self._all_serve.is_set() else FIRST_LOOKS_S)

    async def _watch_shard(self, shard: str) -> None:
        known = (await self._known()).get(shard)  # also who was registered at the last moment, before it was ended
        highest = await _insist(lambda: self._catalogue.highest_epochs(self._config.generation))
        current = await self._watch.begin(shard, known, Epoch.unpacked(highest.get(shard, 0)).incarnation)
        self._serving.add(shard)
        await self._watch.run(current)

    async def _known(self) -> dict[str, Incarnation]:
        """The newest incarnation of each shard, as soon as the catalogue can be asked."""
        newest, _ = await _insist(lambda: self._catalogue.newest_incarnations(self._config.generation))
        return newest

    async def _end_strays(self, known: dict[str, Incarnation]) -> list[Any]:
        """End what an earlier life started and the catalogue does not name: its spare, and starts that were under way.

        Such a start could come to serve yet, unwatched and under a number that is given again. Returned are those that
        did not answer where some of the known were not heard either: they may be the same.
        """
        actors = self._actors()
        standings = await asyncio.gather(*(_standing_soon(actor) for actor in actors))
        all_heard = known.keys() <= {_shard_of(standing, known) for standing in standings}
        unheard = []
        for actor, standing in zip(actors, standings, strict=True):
            if standing is None and not all_heard:
                unheard.append(actor)
            elif _shard_of(standing, known) is None:
                _end(actor, standing)
        return unheard

    async def _end_if_stray(self, actor: Any) -> None:
        """When the actor answers, however late, end it unless it serves."""
        while True:
            try:
                standing = await actor.standing.remote()
            except ActorDiedError:
                return
            except RayError:
                await asyncio.sleep(ANSWER_TIMEOUT_S)
            else:
                if _shard_of(standing, await self._known()) is None:
                    _end(actor, standing)
                return

    def _actors(self) -> list[Any]:
        """What earlier lives started and has not ended."""
        listed: Any = ray.util.list_named_actors(all_namespaces=True)
        names = [actor["name"] for actor in listed if actor["namespace"] == NAMESPACE]
        actors = []
        for name in names:
            if name.startswith(self._actors_prefix):
                with suppress(ValueError):  # it has ended meanwhile
                    actors.append(ray.get_actor(name, NAMESPACE))
        return actors

    def _connect(self, current: Incarnation) -> LinkClient:
        return LinkClient(
            parse_address(current.address),
            self._config.shard.link_secret,
            expects=Identity(current.shard, current.epoch),
        )

    async def _start_successor(self, shard: str, incarnation: int) -> Incarnation:
        """Let the spare become the shard, when it can be registered. Raises NoSuccessor: that spare is gone."""
        await _insist(lambda: self._catalogue.witness_commit(shard))  # else it costs a spare in vain
        spare = self._spare or self._make_spare()
        self._spare = None
        config = self._config
        try:
            serving = spare.serve_as.remote(shard, config.generation, config.build, incarnation)
            async with asyncio.timeout(START_TIMEOUT_S):
                address = await serving
                pid = await spare.pid.remote()
        except (RayError, TimeoutError) as fault:
            ray.kill(spare)  # else each try would leave a process behind, and one that is only slow would serve yet
            raise NoSuccessor(repr(fault)) from fault
        _log.info("shard serves", shard=shard, incarnation=incarnation, pid=pid)
        self._make_spare()
        return Incarnation(shard, Epoch(config.generation, config.build, incarnation).packed(), address, pid)

    async def _keep_spare(self) -> None:
        """Have a spare that answers, for ever."""
        while True:
            spare = self._make_spare()
            try:
                async with asyncio.timeout(START_TIMEOUT_S):
                    await spare.pid.remote()
            except (RayError, TimeoutError) as fault:
                if spare is self._spare:  # else it serves, or was ended, and is no longer ours to look after
                    _log.warning("the spare is gone", fault=repr(fault))
                    ray.kill(spare)
                    self._spare = None
            await asyncio.sleep(SPARE_PERIOD_S)

    def _make_spare(self) -> Any:
        """Start an actor that only waits. Detached: shards must outlive the directory."""
        if self._spare is None:
            self._spare = _detached(Shard, self._actors_prefix + token_hex(8)).remote(self._config.shard)
        return self._spare


async def _insist(ask: Callable[[], Awaitable[T]]) -> T:
    """The catalogue's answer, as soon as it gives one."""
    while True:
        try:
            return await ask()
        except CatalogueUnavailable as fault:
            _log.error("the catalogue cannot be reached", fault=str(fault))
            await asyncio.sleep(CATALOGUE_RETRY_S)


def _detached(actor: Any, name: str) -> Any:
    """The actor class, to be started under a name and without an owner: shards must outlive the directory."""
    return actor.options(name=name, namespace=NAMESPACE, lifetime="detached")


async def _standing_soon(actor: Any) -> Standing | None:
    """What the actor says, None if it does not within a time."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            standing: Standing = await actor.standing.remote()
    except (RayError, TimeoutError):
        return None
    return standing


def _shard_of(standing: Standing | None, known: dict[str, Incarnation]) -> str | None:
    """The shard that an actor of this standing serves as, by the catalogue."""
    return next((shard for shard, one in known.items() if standing == (one.address, one.pid)), None)


def _end(actor: Any, standing: Standing | None) -> None:
    _log.info("ending what does not serve", standing=standing)
    ray.kill(actor)
