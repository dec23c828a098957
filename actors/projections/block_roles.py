"""What each block is that is not a whole event: home, part or ledger of one that is split; as far as it is followed."""

from enum import StrEnum
from pathlib import Path

import msgspec

from actors.core.ids import BlockId, event_id
from actors.database.line import Line
from actors.database.queries import load_queries
from actors.projections.split import decode_split

_SQL = load_queries(Path(__file__).parent / "sql" / "availability.sql")


class Role(StrEnum):
    """What a block is to its event."""

    HOME = "home"
    PART = "part"
    LEDGER = "ledger"


class BlockRole(msgspec.Struct, frozen=True):
    """What a block is to the event at home in `home`, and the sections that it has; of a home those of no part."""

    role: Role
    home: BlockId
    sections: tuple[str, ...] = ()

    def __str__(self) -> str:
        sections = f" ({', '.join(self.sections)})" if self.sections else ""
        return f"{self.role}{sections}" if self.role is Role.HOME else f"{self.role} of {event_id(self.home)}{sections}"


async def roles_of_blocks(line: Line) -> dict[BlockId, BlockRole]:
    """The blocks of all events that are split. Raises LineUnavailable."""
    roles: dict[BlockId, BlockRole] = {}
    for home, kept in await line.fetch(_SQL["splits"]):
        split = decode_split(kept)
        sections: dict[str, tuple[str, ...]] = {"": ()}
        for name, block in split.sections:
            sections[block] = (*sections.get(block, ()), name)
        roles[home] = BlockRole(Role.HOME, home, sections.pop(""))
        roles |= {BlockId(part): BlockRole(Role.PART, home, names) for part, names in sections.items()}
        roles |= {BlockId(ledger): BlockRole(Role.LEDGER, home) for ledger in split.ledgers}
    return roles


async def blocks_beside(line: Line, block: BlockId) -> dict[BlockId, BlockRole] | None:
    """All blocks of the event that is split and has this one, itself among them; empty: it is of no such event.

    None: as nothing has followed the block yet, that is not known. Raises LineUnavailable.
    """
    roles = await roles_of_blocks(line)
    if block not in roles:
        return {} if await line.fetch(_SQL["is_known"], block) else None
    home = roles[block].home
    return {one: role for one, role in roles.items() if role.home == home}
