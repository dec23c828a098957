"""A shard with less memory than its blocks want, and what its tests ask of it."""

import asyncio
from typing import NamedTuple

import pytest

from actors.core.ids import BlockId
from actors.engine import eviction
from actors.engine.weights import weight_of
from actors.link.batch import Replied
from tests.engine.stage import Running, Stage, hold

FITTING = 4
IDLE_S = eviction.IDLE_S + 0.1


class Full(NamedTuple):
    """A shard, and blocks of which it can have no more than `FITTING` in memory; each with a hold of its first seat."""

    stage: Stage
    shard: Running
    blocks: list[BlockId]

    @property
    def here(self) -> list[BlockId]:
        """Those that are in memory."""
        return [block for block in self.blocks if block in self.shard.engine.residence.blocks]

    @property
    def weight(self) -> int:
        """What is in memory weighs."""
        return sum(weight_of(hosted.state) for hosted in self.shard.engine.residence.blocks.values())

    async def add(self, ttl_ms: int = 0) -> BlockId:
        """One more block, idle by now; the others are a while longer."""
        block = await self.stage.on_sale(self.shard)
        self.blocks.append(block)
        assert isinstance(await self.shard.ask_one(block, hold(1, "1/1", ttl_ms=ttl_ms)), Replied)
        await asyncio.sleep(IDLE_S)
        return block


async def full(patch: pytest.MonkeyPatch, count: int, fitting: int = FITTING, ttl_ms: int = 0) -> Full:
    """So many blocks, made one after the other. `fitting`: of how many the next one still finds room."""
    stage = Stage()
    house = Full(stage, await stage.engine(), [])
    await house.add(ttl_ms)
    patch.setattr(eviction, "MAX_BYTES", fitting * house.weight - house.weight // 2)
    for _ in range(count - 1):
        await house.add(ttl_ms)
    return house
