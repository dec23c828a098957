"""Which shard has a block."""

from typing import NamedTuple

import asyncpg

from actors.core.ids import BlockId

_OWNER = """
select pid, epoch, address from shards join blocks using (shard) where block_id = $1 order by epoch desc limit 1
"""


class Owner(NamedTuple):
    """A shard's newest life. `address`: of its link server."""

    pid: int
    epoch: int
    address: str


async def owner_of(database_url: str, block: BlockId) -> Owner:
    """The shard that has the block, as the catalogue says."""
    connection = await asyncpg.connect(database_url)
    try:
        return Owner(*await connection.fetchrow(_OWNER, block))
    finally:
        await connection.close()
