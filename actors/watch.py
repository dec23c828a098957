"""The watch over a cluster's shards: which has fallen silent, and a successor in its place.

A shard is silent when its link has not answered twice in a row. It is silent as well when its heartbeat has stood still
for ten seconds in which Postgres answered others and let them commit: then it is this shard alone that cannot reach it,
however well its link answers. A catalogue that is away proves nothing, nor does a clock that jumps, nor what the shard
answers: one that says that it cannot write is alive, and a successor could not either.

A shard that was told to stop says so with its heartbeats, and serves until it has a successor.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from actors.catalogue.catalogue import Incarnation
from actors.engine.catalogue_port import CatalogueUnavailable
from actors.journal.journal import Epoch
from actors.link.transport import NotSent, OutcomeUnknown

_log = structlog.get_logger(__name__)

PERIOD_S = 1.0
PING_TIMEOUT_S = 1.0
MISSES_ALLOWED = 1
BEATLESS_S = 10.0


class NoSuccessor(Exception):
    """A successor could not be started; another may be tried."""


class Doorbell(Protocol):
    """The way to one incarnation."""

    async def ping(self, timeout_s: float) -> object:
        """Returns when it has answered. Raises NotSent, OutcomeUnknown."""
        ...

    async def close(self) -> None:
        """Give up the connection."""
        ...


class Beats(Protocol):
    """Where heartbeats are noted."""

    async def witness_heartbeat_ms(self, shard: str, epoch: int) -> int | None:
        """When this incarnation last beat, by its own clock. Raises CatalogueUnavailable where it could not have."""
        ...

    async def wants_successor(self, shard: str, epoch: int) -> bool:
        """Whether this incarnation was told to stop, and serves only until it is succeeded. Raises as above."""
        ...


class Watch:
    """Watches shards. `start_successor` makes a shard's incarnation of this number serve, or raises NoSuccessor."""

    def __init__(
        self,
        connect: Callable[[Incarnation], Doorbell],
        beats: Beats,
        start_successor: Callable[[str, int], Awaitable[Incarnation]],
    ) -> None:
        self._connect = connect
        self._beats = beats
        self._start_successor = start_successor

    async def begin(self, shard: str, known: Incarnation | None, highest: int) -> Incarnation:
        """The incarnation that is known, or else the first that can be started above the highest number there was."""
        return known or await self._replace(shard, highest)

    async def run(self, current: Incarnation) -> None:
        """Ask the shard once a second, and replace what is silent or leaves, for ever."""
        while True:
            why = await self._until_of_no_use(current)
            epoch = Epoch.unpacked(current.epoch)
            _log.warning("shard is to be succeeded", shard=current.shard, epoch=epoch, pid=current.pid, why=why)
            current = await self._replace(current.shard, epoch.incarnation)

    async def _replace(self, shard: str, incarnation: int) -> Incarnation:
        """Start successors until one serves. A number is used once: who was given up may yet come to life."""
        while True:
            incarnation += 1
            try:
                return await self._start_successor(shard, incarnation)
            except NoSuccessor as fault:
                _log.error("no successor yet", shard=shard, incarnation=incarnation, fault=str(fault))
                await asyncio.sleep(PERIOD_S)

    async def _until_of_no_use(self, current: Incarnation) -> str:
        """What shows that it is silent, or that it leaves; returns then."""
        doorbell = self._connect(current)
        loop = asyncio.get_running_loop()
        signs = {
            loop.create_task(_until_unanswered(doorbell)),
            loop.create_task(self._until_beatless(current)),
            loop.create_task(self._until_it_leaves(current)),
        }
        try:
            done, _ = await asyncio.wait(signs, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for sign in signs:
                sign.cancel()
            await doorbell.close()

    async def _until_beatless(self, current: Incarnation) -> str:
        clock_s = asyncio.get_running_loop().time
        last_ms, since_s = None, clock_s()
        while clock_s() - since_s < BEATLESS_S:
            await asyncio.sleep(PERIOD_S)
            try:
                beat_ms = await self._beats.witness_heartbeat_ms(current.shard, current.epoch)
            except CatalogueUnavailable:
                since_s = clock_s()
            else:
                if beat_ms != last_ms:
                    last_ms, since_s = beat_ms, clock_s()
        return f"no heartbeat for {BEATLESS_S:.0f} s"

    async def _until_it_leaves(self, current: Incarnation) -> str:
        while True:
            try:
                if await self._beats.wants_successor(current.shard, current.epoch):
                    return "it was told to stop"
            except CatalogueUnavailable:
                pass
            await asyncio.sleep(PERIOD_S)


async def _until_unanswered(doorbell: Doorbell) -> str:
    misses = 0
    while misses <= MISSES_ALLOWED:
        try:
            await doorbell.ping(PING_TIMEOUT_S)
        except (NotSent, OutcomeUnknown):
            misses += 1
        else:
            misses = 0
            await asyncio.sleep(PERIOD_S)
    return "its link does not answer"
