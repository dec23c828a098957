"""Where the journals of blocks that were let go ended: so it is noticed when a failover has lost a row of ours since.

As long as a block is in memory its next commit or answer notices that. Of one that was let go, the next claim by the
same incarnation does, which then has it no more than if it had stayed.
"""

from typing import NamedTuple

from actors.core.ids import BlockId
from actors.engine.hosted import HostedBlock

MAX_ENDS_KNOWN = 100_000  # 30 MB; of older ones a loss is not noticed, as of what has moved away


class _End(NamedTuple):
    epoch: int
    position: int
    chain: bytes


class Ends:
    """Of the blocks that this incarnation had claimed and let go, the last ones."""

    def __init__(self) -> None:
        self._ends: dict[BlockId, _End] = {}

    def note(self, hosted: HostedBlock) -> None:
        """It is let go, and all of it is durable."""
        if hosted.claimed:
            self.forget(hosted.block)
            if len(self._ends) >= MAX_ENDS_KNOWN:
                del self._ends[next(iter(self._ends))]
            self._ends[hosted.block] = _End(hosted.epoch, hosted.position, hosted.chain)

    def is_behind(self, loaded: HostedBlock, epoch: int) -> bool:
        """Whether what was loaded is less than, or other than, what this incarnation wrote under this epoch.

        Who had it before may have gone on where rows of ours are lost, and further than they were.
        """
        end = self._ends.get(loaded.block)
        if end is None or end.epoch != epoch:
            return False
        if loaded.position <= end.position:
            return (loaded.position, loaded.chain) != (end.position, end.chain)
        return loaded.epoch < end.epoch

    def forget(self, block: BlockId) -> None:
        """It is claimed again."""
        self._ends.pop(block, None)
