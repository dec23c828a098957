"""Resizing: a fleet that is to change comes to be what it is to be, while it sells.

A shard that joins draws those blocks to itself that would be its own had it always been there (rendezvous hashing); all
others stay. From a shard that leaves every block goes to where it would be without that shard; then the shard is gone.
All of this stands in the catalogue, a page of wishes at a time, so whoever is interrupted begins anew and finds less.
"""

import asyncio
from collections.abc import Set

import structlog

from actors.catalogue.catalogue import rendezvous
from actors.catalogue.fleet import JOINING, LEAVING, Fleet
from actors.core.ids import BlockId
from actors.engine.catalogue_port import CatalogueUnavailable

_log = structlog.get_logger(__name__)

PERIOD_S = 1.0
PAGE_BLOCKS = 200
LOOK_S = 0.25
TOLD_EVERY_S = 10.0


class Resizing:
    """Carries out what the fleet is to become, in one cluster of this generation."""

    def __init__(self, fleet: Fleet, generation: int) -> None:
        self._fleet = fleet
        self._generation = generation

    async def run(self, serving: Set[str]) -> None:
        """See to it for ever. `serving`: the shards that have begun to serve, as that is known by now."""
        while True:
            try:
                states = await self._fleet.states()
                await self._draw(states, serving)
                await self._drain(states)
            except CatalogueUnavailable as fault:
                _log.warning("the catalogue cannot be reached", fault=str(fault))
            await asyncio.sleep(PERIOD_S)

    async def _draw(self, states: dict[str, str], serving: Set[str]) -> None:
        joining = {shard for shard, state in states.items() if state == JOINING}
        if not joining or not joining <= serving:
            return
        staying = _staying(states)
        page = await self._fleet.blocks("", PAGE_BLOCKS)
        while page:
            owners = {place.block: rendezvous(place.block, staying) for place in page}
            await self._move(
                {place.block: owners[place.block] for place in page if owners[place.block] in joining - {place.shard}}
            )
            if await self._fleet.states() != states:
                return
            page = await self._fleet.blocks(page[-1].block, PAGE_BLOCKS)
        for shard in joining:
            await self._fleet.has_joined(shard)
            _log.info("shard has joined", shard=shard)

    async def _drain(self, states: dict[str, str]) -> None:
        staying = _staying(states)
        for leaving in (shard for shard, state in states.items() if state == LEAVING):
            while page := await self._fleet.blocks("", PAGE_BLOCKS, shard=leaving):
                await self._move({place.block: rendezvous(place.block, staying) for place in page})
                if await self._fleet.states() != states:
                    return
                await asyncio.sleep(LOOK_S)
            if await self._fleet.retire(leaving, self._generation):
                _log.info("shard is gone", shard=leaving)

    async def _move(self, to_shards: dict[BlockId, str]) -> None:
        """Wish it, and wait until nothing of it is left to be done; what an operator wishes of a block goes first."""
        if not to_shards:
            return
        await self._fleet.wish(to_shards, instead=False)
        waited_s = 0.0
        while (count := await self._fleet.moving_count(list(to_shards))) > 0:
            await asyncio.sleep(LOOK_S)
            waited_s += LOOK_S
            if waited_s % TOLD_EVERY_S == 0:
                _log.warning("blocks take long to move", count=count, waited_s=waited_s)


def _staying(states: dict[str, str]) -> list[str]:
    return sorted(shard for shard, state in states.items() if state != LEAVING)
