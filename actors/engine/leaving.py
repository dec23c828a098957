"""Leaving: how an incarnation that is told to stop hands over to its successor.

It says with its heartbeats that it wants one, and goes on serving until that is registered: to wait for it costs nobody
anything. Then it serves nobody any more, waits until all that it decided is durable, and says of every block that it is
another's; so gateways look for the shard anew and find the successor, which claims what is asked for. Nobody's command
is cut short. Whoever still comes to it is told the same until all have found the other way.

Nothing of this is needed for blocks to be safe: an incarnation that is killed instead has a successor as well, later.
"""

import asyncio
from collections.abc import Callable

import structlog

from actors.engine.catalogue_port import CatalogueUnavailable, EngineCounters, ShardCatalogue
from actors.engine.clock import JournalClock
from actors.engine.group_commit import GroupCommit
from actors.engine.residence import Residence
from actors.engine.withholding import Withholding

_log = structlog.get_logger(__name__)

LOOK_S = 0.05
LINGER_S = 3.0  # gateways look for shards every second
DURABLE_S = 5.0  # of the bound, kept for what is decided to become durable


class Leaver:
    """Lets one incarnation of a shard leave. `epoch`: ours, packed."""

    def __init__(
        self,
        catalogue: ShardCatalogue,
        shard: str,
        epoch: int,
        clock: JournalClock,
        residence: Residence,
        commit: GroupCommit,
        withholding: Withholding,
        counters: Callable[[], EngineCounters],
    ) -> None:
        self._catalogue = catalogue
        self._shard = shard
        self._epoch = epoch
        self._clock = clock
        self._residence = residence
        self._commit = commit
        self._withholding = withholding
        self._counters = counters

    async def leave(self, bound_s: float, is_connected: Callable[[], bool]) -> bool:
        """Hand over, within so many seconds; whether there is a successor and all that was decided here is durable.

        Where nobody is connected, nobody starts a successor and nobody waits for one. When the time is over this stops
        serving, whoever is there: what was not answered by then is open, as after a crash, and what was is durable.
        """
        until_s = self._clock.monotonic() + bound_s
        succeeded = await self._until_succeeded(until_s - min(DURABLE_S, bound_s / 2), is_connected)
        self._residence.close()
        blocks = [hosted for hosted in self._residence.blocks.values() if hosted.claimed]
        try:
            async with asyncio.timeout(until_s - self._clock.monotonic()):
                await self._commit.collect(blocks).wait()
        except TimeoutError:
            _log.error("leaving with commands whose outcome is open", shard=self._shard)
            return False
        for hosted in blocks:
            hosted.lost = True
        self._residence.let_all_go()
        _log.info("shard has let go", shard=self._shard, block_count=len(blocks), succeeded=succeeded)
        until_s = min(until_s, self._clock.monotonic() + LINGER_S)
        while is_connected() and self._clock.monotonic() < until_s:  # noqa: ASYNC110  (rare, and over within seconds)
            await asyncio.sleep(LOOK_S)
        return succeeded

    async def _until_succeeded(self, until_s: float, is_connected: Callable[[], bool]) -> bool:
        while is_connected() and self._clock.monotonic() < until_s:
            known = self._withholding.known()
            try:
                beat = await self._catalogue.heartbeat(self._shard, self._epoch, self._clock.now_ms(), self._counters())
            except CatalogueUnavailable as fault:
                _log.warning("leaving, and no successor can be asked for", shard=self._shard, fault=str(fault))
            else:
                self._withholding.heed(beat.quarantined, known)
                if beat.newest_epoch > self._epoch:
                    return True
            await asyncio.sleep(LOOK_S)
        return False
