"""What the projector asks of whoever keeps how far each projection has followed each block."""

from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

from actors.core.ids import BlockId
from actors.journal.journal import GENESIS, JournalRow
from actors.projections.projection import Progress, Projection


class BlocksRefused(Exception):
    """Postgres refuses what it is asked of these blocks, and not the same of none: one of them is to blame."""


class Seen(msgspec.Struct, frozen=True):
    """How far a projection has followed a block, and the chain it saw there."""

    position: int = 0
    chain: bytes = GENESIS
    quarantined_because: str | None = None


class Step(msgspec.Struct, frozen=True):
    """A projection's way from where it was seen to the end of `progress`."""

    seen: Seen
    progress: Progress


class Quarantined(msgspec.Struct, frozen=True):
    """A projection that does not follow a block any more."""

    projection: str
    block: BlockId
    because: str


class Behind(msgspec.Struct, frozen=True):
    """Blocks that a projection has not followed to their end; `page_end`: where to look on, None after the last."""

    blocks: list[BlockId]
    page_end: BlockId | None


class FoundRows(msgspec.Struct, frozen=True):
    """The next rows of some blocks, and when they were read by the journal's clock."""

    of_block: dict[BlockId, list[JournalRow]]
    cut: frozenset[BlockId]  # those that may have more
    read_at_ms: int


class FollowedPositions(Protocol):
    """Positions move only from where they were seen. Every method may raise LineUnavailable."""

    async def behind(
        self, page_start: BlockId | None, page_limit: int, also: Collection[BlockId], projections: Sequence[str]
    ) -> Behind:
        """Which of a page of the catalogue, and of `also`, have rows that one of the projections has not followed."""
        ...

    async def seen(self, projections: Sequence[str], blocks: Sequence[BlockId]) -> dict[BlockId, dict[str, Seen]]:
        """By block and projection, for all of them; a projection that is new to a block begins there."""
        ...

    async def rows(self, behind: dict[BlockId, int], limit: int) -> FoundRows:
        """Up to `limit` rows of each block behind its position, in order. Raises BlocksRefused."""
        ...

    async def move(self, projection: Projection, steps: Sequence[Step]) -> set[BlockId]:
        """Let the projection write and move its positions, in one transaction; the blocks that are ours.

        The others were moved by another projector, or their last row is not in the journal any more: nothing was
        written of them. Raises BlocksRefused, or what the
        projection raises: then nothing was written at all.
        """
        ...

    async def quarantine(self, block: BlockId, seen: dict[str, Seen], because: str) -> list[str]:
        """Stop these projections of the block, unless they have moved since; those for which this is news."""
        ...

    async def end_quarantine(self, block: BlockId, seen: dict[str, Seen]) -> list[str]:
        """Let these projections of the block go on where they are, unless they do; those that can now."""
        ...

    async def rebuild(self, block: BlockId) -> list[str]:
        """Let every projection begin anew at the block's first row, quarantined or not; which there are.

        None where that row is in an archive.
        """
        ...

    async def quarantined(self) -> list[Quarantined]:
        """Every projection that is stopped, and why."""
        ...

    async def close(self) -> None:
        """End the line."""
        ...
