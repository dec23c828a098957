"""For shards of which no block speaks to another."""

from collections.abc import Callable

from actors.core.ids import BlockId
from actors.core.outcomes import Reason, Rejected
from actors.engine.errands import OtherBlocks
from actors.link.batch import Replied


class _Nobody:
    async def ask(
        self, block: BlockId, command: bytes, tenant: str, not_after_ms: int, unknown_block: Reason
    ) -> Replied | Rejected:
        raise AssertionError(f"a block speaks to {block}")


def alone(_: Callable[[], int]) -> OtherBlocks:
    """No way to other blocks."""
    return _Nobody()
