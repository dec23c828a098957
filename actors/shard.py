"""The Ray actor of a shard: an engine and a link server, nothing else. Ray carries no data to it.

An actor starts as a spare, with everything imported, and becomes an incarnation of a shard when the directory says so:
a successor is there in the time of one call. Told to stop by TERM, it hands over (`actors.engine.leaving`) and ends.
Of Ray it wants one thing while it serves, which it can do without: that projector and auditor hear which blocks moved.
"""

import asyncio
import gc
import os
import time
from contextlib import suppress
from secrets import token_bytes
from typing import Any

import msgspec
import ray
import structlog

from actors.auditor import AUDITOR
from actors.catalogue.catalogue import Catalogue, NumberUsed
from actors.core.ids import BlockId
from actors.dispatch import Dispatcher
from actors.engine.catalogue_port import CatalogueUnavailable
from actors.engine.engine import Engine, Lines
from actors.engine.hints import Hints
from actors.engine.timers import Outlived
from actors.journal.journal import Epoch
from actors.journal.postgres import PostgresJournal
from actors.link.address import Address, TcpAddress, UnixAddress
from actors.link.handshake import Identity
from actors.link.server import LinkServer
from actors.logs import configure_logs
from actors.projections.service import PROJECTOR
from actors.routes import CatalogueRoutes
from actors.stop_signal import on_stop_signal

_log = structlog.get_logger(__name__)

HINTS_S = 0.2
HINTS_TIMEOUT_S = 5.0
ALLOCATIONS_PER_COLLECTION = 100_000  # neither the hot path nor a block makes cycles; a full one is a pause for all


class ShardConfig(msgspec.Struct, frozen=True):
    """What every shard of a cluster is told. `link_folder` empty: TCP on the machine's own address."""

    database_url: str
    link_secret: bytes
    link_folder: str
    cut_over: bool
    log_level: str = "info"
    leave_s: float = 20.0  # how long it may take to hand over when it is told to stop; less than it is given to end


@ray.remote(num_cpus=0, max_restarts=0, max_task_retries=0)
class Shard:
    """One process that serves, at most once in its life, as one incarnation of one shard."""

    def __init__(self, config: ShardConfig) -> None:
        if not __debug__:
            raise RuntimeError("a shard keeps its assertions, which stop a block that is wrong: unset PYTHONOPTIMIZE")
        configure_logs(config.log_level)
        self._config = config
        self._serving = False
        self._address = ""
        self._running: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._engine: Engine | None = None
        self._server: LinkServer | None = None
        self._hinting: asyncio.Task[None] | None = None
        self._routing: asyncio.Task[None] | None = None
        on_stop_signal(self._stop)

    async def pid(self) -> int:
        """The process of this actor; answers when it is ready to serve."""
        return os.getpid()

    async def standing(self) -> tuple[str, int]:
        """Where it listens, empty before it does, and its process: what the catalogue has of it once it serves."""
        return self._address, os.getpid()

    async def serve_as(self, shard: str, generation: int, build: int, incarnation: int) -> str:
        """Become this incarnation, be registered in the catalogue; where it listens.

        A process that is not certain to be the only one of this number ends: whoever asked for it may be gone.
        """
        assert not self._serving, "an actor serves once"
        self._serving = True
        config = self._config
        epoch = Epoch(generation, build, incarnation)
        url = config.database_url
        lines = Lines(
            PostgresJournal(url, application_name=f"holdfast-{shard}-commit"),
            PostgresJournal(url, application_name=f"holdfast-{shard}-checks"),
            PostgresJournal(url, application_name=f"holdfast-{shard}-activation"),
            PostgresJournal(url, application_name=f"holdfast-{shard}-snapshots"),
        )
        catalogue = Catalogue(url, application_name=f"holdfast-{shard}-catalogue")
        routes = CatalogueRoutes(
            Catalogue(url, application_name=f"holdfast-{shard}-routes"), config.link_secret, generation
        )
        engine = Engine(
            shard,
            epoch,
            lines,
            catalogue,
            time.monotonic,
            lambda: token_bytes(8),
            others=lambda now_ms: Dispatcher(routes, now_ms),
            cut_over=config.cut_over,
        )
        await engine.start()
        server = LinkServer(
            _address(config, f"{shard}-{epoch.packed():x}-{os.getpid()}"),  # never where another of this number listens
            config.link_secret,
            Identity(shard, epoch.packed()),
            engine.serve,
            trouble=engine.trouble,
        )
        await server.start()
        self._address = str(server.address)
        try:
            await catalogue.register(shard, epoch.packed(), self._address, os.getpid())
        except (NumberUsed, CatalogueUnavailable) as fault:
            _log.error("leaving unregistered", shard=shard, epoch=epoch, fault=repr(fault))
            try:
                await server.stop(grace_s=0.0)  # else each try would leave a socket file behind
            finally:
                os._exit(1)
        gc.collect()
        gc.freeze()
        gc.set_threshold(ALLOCATIONS_PER_COLLECTION, 50, 100)
        self._engine, self._server = engine, server
        self._running = asyncio.create_task(_run(engine))
        self._routing = asyncio.create_task(routes.run())
        self._hinting = asyncio.create_task(_tell_projector(engine.hints))
        return self._address

    def _stop(self) -> None:
        """TERM: who serves hands over first; who only waits goes, and who just begins to serve goes as if killed."""
        if self._engine is None or self._server is None:
            os._exit(0)
        if self._leaving is None:
            _log.info("told to stop", shard=self._engine.shard, epoch=self._engine.epoch)
            self._leaving = asyncio.create_task(_leave(self._engine, self._server, self._config.leave_s))


async def _leave(engine: Engine, server: LinkServer, bound_s: float) -> None:
    """Hand over and end: with 0 when there is a successor, and nothing was left open."""
    code = 1
    try:
        code = 0 if await engine.leave(bound_s, lambda: server.connections > 0) else 1
        await server.stop(grace_s=1.0)
    finally:
        _log.info("left", shard=engine.shard, epoch=engine.epoch, code=code)
        os._exit(code)


async def _run(engine: Engine) -> None:
    """Run until it makes no more sense; then the whole process goes, and the directory starts another."""
    try:
        await engine.run()
    except* Outlived as outlived:
        _log.warning("leaving", shard=engine.shard, epoch=engine.epoch, why=repr(outlived.exceptions))
    except* Exception as bug:  # noqa: BLE001  whatever it is, this process cannot go on
        _log.error("the engine failed", shard=engine.shard, epoch=engine.epoch, exc_info=bug)
    os._exit(1)


async def _tell_projector(hints: Hints) -> None:
    """Tell the projector which blocks have moved, for ever. Whatever goes wrong with that, selling goes on."""
    heard = True
    while True:
        await asyncio.sleep(HINTS_S)
        blocks = hints.drain()
        if not blocks:
            continue
        try:
            asked = await asyncio.to_thread(_hint, blocks)  # for as long as Ray takes, and with one thread at most
            async with asyncio.timeout(HINTS_TIMEOUT_S):
                await asked
        except Exception as fault:  # noqa: BLE001  Ray's or the projector's: hints may get lost
            if heard:
                _log.warning("the projector does not hear of blocks that move", fault=repr(fault))
            heard = False
        else:
            heard = True


def _hint(blocks: list[BlockId]) -> Any:
    """Ask for the projector anew each time, as it may be another by now; in a thread, as Ray may take long to say.

    The auditor is told as well, and nobody hears whether it was: its sweep finds what it misses.
    """
    with suppress(Exception):
        ray.get_actor(AUDITOR).hint.remote(blocks)
    return ray.get_actor(PROJECTOR).hint.remote(blocks)


def _address(config: ShardConfig, name: str) -> Address:
    if config.link_folder:
        return UnixAddress(f"{config.link_folder}/{name}")
    return TcpAddress(ray.util.get_node_ip_address(), 0)  # type: ignore[no-untyped-call]
