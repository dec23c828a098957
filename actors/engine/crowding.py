"""Which tenants have so many holds in this shard that they get no more of them: its memory is for all.

They are counted once a second over the blocks that are here, so a tenant may come to have as many more as are placed in
a second. What ends a hold, or makes an order of it, is served as ever; so it passes by itself.
"""

import asyncio
from collections import Counter

import structlog

from actors.engine.residence import Residence

_log = structlog.get_logger(__name__)

MAX_HOLDS_PER_TENANT = 2_000_000  # 1.8 GB
COUNTED_EVERY_S = 1.0
BLOCKS_AT_ONCE = 1_000


class Crowding:
    """`tenants`: those who get no more holds, as of the last count."""

    def __init__(self, residence: Residence) -> None:
        self._residence = residence
        self.tenants: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Count, for ever."""
        while True:
            await asyncio.sleep(COUNTED_EVERY_S)
            await self._count()

    async def _count(self) -> None:
        counts = Counter[str]()
        for number, hosted in enumerate(self._residence.blocks.one_by_one(), 1):
            counts[hosted.state.tenant] += hosted.state.live_hold_count
            if number % BLOCKS_AT_ONCE == 0:
                await asyncio.sleep(0)  # buyers have their turn
        crowded = frozenset(tenant for tenant, count in counts.items() if count >= MAX_HOLDS_PER_TENANT)
        for tenant in sorted(crowded - self.tenants):
            _log.warning("a tenant gets no more holds", tenant=tenant, holds=counts[tenant], most=MAX_HOLDS_PER_TENANT)
        self.tenants = crowded
