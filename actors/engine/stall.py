"""By which block it is known that the journal lets none in: it is tried again without being asked for."""

from actors.core.ids import BlockId
from actors.engine.hosted import HostedBlock
from actors.journal.journal import JournalUnavailable


class Stall:
    """`by`: who is tried again, and whether to be claimed; None: it is not known that none comes in."""

    def __init__(self) -> None:
        self.by: tuple[BlockId, bool] | None = None

    def is_of(self, block: BlockId) -> bool:
        """Whether it is this block that is tried again."""
        return self.by is not None and self.by[0] == block

    def begin(self, block: BlockId, fault: Exception, *, to_write: bool) -> None:
        """The block did not come in. Where Postgres itself says why, that stands for all, until it is known how."""
        stalls = isinstance(fault, JournalUnavailable) and bool(fault.sqlstate)
        if stalls and (self.by is None or to_write > self.by[1]):
            self.by = (block, to_write)

    def end(self, block: BlockId, hosted: HostedBlock | None, *, to_write: bool) -> None:
        """A try of the block is over: so is the stall, if it was by this block, or this one has come in as far as that
        one could not. `hosted`: what is here of it.
        """
        if self.by is not None:
            stalled, stalled_to_write = self.by
            came_in = hosted is not None and (hosted.claimed or not stalled_to_write)
            if came_in or (block == stalled and to_write >= stalled_to_write):
                self.by = None
