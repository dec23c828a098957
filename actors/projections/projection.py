"""The projection's port: what the projector asks of whatever is derived from the journals."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from actors.core.entries import Entry
from actors.core.ids import BlockId
from actors.core.state import BlockState
from actors.database.connect import Connection
from actors.journal.journal import JournalRow


class FollowedRow(msgspec.Struct, frozen=True):
    """A row of the journal whose chain is verified, and those of its entries that count."""

    row: JournalRow
    entries: tuple[Entry, ...]


class Progress(msgspec.Struct, frozen=True):
    """How far one block has come since the projection last wrote of it."""

    block: BlockId
    rows: Sequence[FollowedRow]  # all of them behind the projection's position, in order; at least one
    state: BlockState  # after the last of the rows; to read, not to keep
    as_of_ms: int  # the state holds all that was acknowledged before, by the journal's clock

    @property
    def position(self) -> int:
        """Where the projection will be."""
        return self.rows[-1].row.position


class Projection(Protocol):
    """Something that is derived from the journals. A new one starts at the first row of every block."""

    @property
    def name(self) -> str:
        """Under which its positions are kept; never changes."""
        ...

    async def write(self, connection: Connection, progress: Sequence[Progress]) -> None:
        """Write what became of these blocks, each at most once, inside the transaction that moves the positions.

        Raises whatever the database says. What one block is to blame for stops that block alone: the others are
        written again without it.
        """
        ...


class Display(Protocol):
    """Where others see what was followed, outside the database: of no consequence, and free to lose anything."""

    async def show(self, progress: Sequence[Progress]) -> None:
        """Show these blocks, each at most once, as they are after their last rows. Never raises, never takes long."""
        ...
