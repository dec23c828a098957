"""What the engine asks of the catalogue: who owns a block, which blocks have deadlines, who was alive until when."""

from typing import Protocol

from actors.core.ids import BlockId


class CatalogueUnavailable(Exception):
    """The catalogue cannot be reached."""


class ShardCatalogue(Protocol):
    """The catalogue as one shard sees it. Every method may raise CatalogueUnavailable."""

    async def owner(self, block: BlockId) -> str | None:
        """The shard that is to serve the block, or None for a block that does not exist."""
        ...

    async def due_blocks(self, shard: str, now_ms: int, limit: int) -> list[BlockId]:
        """Blocks of this shard with a deadline at or before `now_ms`, the most overdue first."""
        ...

    async def heartbeat(self, shard: str, epoch: int) -> int:
        """Note that this incarnation is alive; the catalogue's clock in ms."""
        ...

    async def last_heartbeat_ms(self, epoch: int) -> int | None:
        """When the incarnation with this packed epoch was last known alive."""
        ...
