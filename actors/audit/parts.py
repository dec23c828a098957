"""An event that is split by sections: the blocks that it has beside its home."""

from collections.abc import Iterable
from typing import Any

import msgspec

from actors.audit.rows import RowCheck, rows_of
from actors.core.entries import EventCreated


class Part(msgspec.Struct, frozen=True):
    """A block of the event. One without sections is a ledger: it sells nothing, and counts what buyers have."""

    block: str
    sections: tuple[str, ...]

    @property
    def is_ledger(self) -> bool:
        """Whether it sells nothing."""
        return not self.sections


def parts_in(created: EventCreated) -> tuple[Part, ...]:
    """What the event was split into; it stays so. None if it is not split."""
    return tuple(Part(part.block, part.sections) for part in created.parts)


def selling(home: str, parts: Iterable[Part]) -> list[str]:
    """The blocks that have units of the event, its home first."""
    return [home, *(part.block for part in parts if not part.is_ledger)]


async def parts_of(connection: Any, block: str) -> tuple[Part, ...]:
    """What the event at home in the block was split into when it was created; None if there is no such event.

    Must be called within a transaction. Raises asyncpg.PostgresError.
    """
    check = RowCheck(block)
    async for row in rows_of(connection, block):
        for entry in check.entries_of(row) or ():
            if isinstance(entry, EventCreated):
                return parts_in(entry)
    return ()
