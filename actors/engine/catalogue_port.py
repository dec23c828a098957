"""What the engine asks of the catalogue: who owns a block, which blocks have deadlines, who was alive until when."""

from typing import NamedTuple, Protocol

import msgspec

from actors.core.commands import Correct
from actors.core.ids import BlockId


class CatalogueUnavailable(Exception):
    """The catalogue cannot be reached."""


class EngineCounters(msgspec.Struct, frozen=True):
    """What an engine has done since it started, and what waits in it now."""

    call_count: int = 0
    batch_count: int = 0
    commit_count: int = 0
    row_count: int = 0
    entry_count: int = 0
    block_count: int = 0
    calls_waiting: int = 0
    quarantined_count: int = 0  # blocks that are not served because their state cannot be trusted
    wants_successor: bool = False  # it was told to stop, and serves until there is one
    block_bytes: int = 0  # what the blocks in memory weigh, by estimate
    evicted_count: int = 0  # blocks that were let go as they were idle and memory was full


class Quarantined(msgspec.Struct, frozen=True):
    """A block of the shard that it is to serve nobody from. `correct`: how that is to end, if it has been wished."""

    block: BlockId
    number: int
    correct: Correct | None = None


class Beat(NamedTuple):
    """What a heartbeat is answered with: the journal's clock, and the highest epoch of this shard in its generation.

    `quarantined`: all those of its blocks that are. `is_cut_over`: a shard of its generation has written rows.
    """

    now_ms: int
    newest_epoch: int
    quarantined: tuple[Quarantined, ...] = ()
    is_cut_over: bool = False


class Due(NamedTuple):
    """A block whose next deadline has come; in the order in which they are swept."""

    due_at_ms: int
    block: BlockId


class Assignment(NamedTuple):
    """Whose a block is. `epoch`: from which on its owner claims it (see `epoch_of_claim`), 0 if it has never moved.

    `former_shard` had it until `moved_at_ms`, by the journal's clock. `claiming_generation`: of the newest cluster that
    has claimed it; no older one moves it any more.
    """

    shard: str
    epoch: int = 0
    former_shard: str = ""
    moved_at_ms: int = 0
    is_quarantined: bool = False
    claiming_generation: int = 0


class Move(NamedTuple):
    """A wish: that a block go from one shard to another. `version`: of the assignment that it is to follow."""

    block: BlockId
    shard: str
    to_shard: str
    version: int


class Assignments(Protocol):
    """Whose blocks are. Every method may raise CatalogueUnavailable."""

    async def assignment(self, block: BlockId) -> Assignment | None:
        """Whose the block is, or None for a block that does not exist."""
        ...

    async def claim(self, block: BlockId, shard: str, generation: int) -> Assignment | None:
        """As `assignment`; and if it is this shard's, no cluster older than this generation moves it any more.

        To be asked before the block is claimed in the journal: else an older cluster could move it behind the
        claimant's back, and the shard that it goes to would claim it under the same epoch.
        """
        ...


class ShardCatalogue(Assignments, Protocol):
    """The catalogue as one shard sees it. Every method may raise CatalogueUnavailable."""

    async def moves(self, shard: str, generation: int, limit: int) -> list[Move]:
        """What is to be moved to this shard, and from it to one that beats."""
        ...

    async def carry_out(self, move: Move, generation: int, let_go_at_ms: int | None) -> bool:
        """Assign the block to the shard that it is to go to; whether that was done now, and by nobody else.

        `let_go_at_ms`: since when its shard serves nobody from it, 0 if it did not anyway, None if it does not let go.
        """
        ...

    async def end_quarantine(self, block: BlockId, correct: Correct) -> bool:
        """The correction is in the block's journal; whether none is left.

        What was found meanwhile, behind its position, is a quarantine of its own.
        """
        ...

    async def refuse_correction(self, block: BlockId, correct: Correct, why: str) -> None:
        """The quarantine stands: it cannot be ended so."""
        ...

    async def due_blocks(self, shard: str, now_ms: int, after: Due | None, limit: int) -> list[Due]:
        """Blocks of this shard with a deadline at or before `now_ms`, the most overdue first; those behind `after`."""
        ...

    async def heartbeat(self, shard: str, epoch: int, now_ms: int, counters: EngineCounters) -> Beat:
        """Note that this incarnation is alive at `now_ms` by its own clock, and what it has done."""
        ...

    async def last_heartbeat_ms(self, shard: str, epoch: int) -> int | None:
        """When the shard's incarnation with this packed epoch last beat, by its own clock."""
        ...
