"""An event that is split by sections: the blocks that it has beside its home."""

from typing import Any

import msgspec

from actors.core.entries import EventCreated
from loadtests.audit.rows import RowCheck, rows_of


class Part(msgspec.Struct, frozen=True):
    """A block of the event. One without sections is a ledger: it sells nothing, and counts what buyers have."""

    block: str
    sections: tuple[str, ...]


async def parts_of(connection: Any, block: str) -> list[Part]:
    """What the event at home in the block was split into when it was created; it stays so.

    None if there is no such event. Must be called within a transaction. Raises asyncpg.PostgresError.
    """
    check = RowCheck(block)
    async for row in rows_of(connection, block):
        for entry in check.entries_of(row) or ():
            if isinstance(entry, EventCreated):
                return [Part(part.block, part.sections) for part in entry.parts]
    return []
