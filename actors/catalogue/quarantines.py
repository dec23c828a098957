"""Quarantines: blocks that nobody is served from until somebody has looked at them.

A quarantine is a row. Whoever may write to the catalogue imposes it, and the shard that has the block stops within a
heartbeat (`actors.engine.withheld`).
"""

from collections.abc import Awaitable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from actors.core.ids import BlockId
from actors.database.line import Line, LineUnavailable
from actors.database.queries import load_queries
from actors.engine.catalogue_port import CatalogueUnavailable

_SQL = load_queries(Path(__file__).parent / "quarantines.sql")


class Quarantine(msgspec.Struct, frozen=True):
    """A quarantine that stands. `number` tells it from all others there ever were.

    `position`: of the row that was found wrong first, `last_position`: last. `by`: an operator's name or key id, or the
    auditor. `is_ending`: how it is to end has been wished, and not been done yet.
    """

    number: int
    block: BlockId
    position: int
    last_position: int
    imposed_at_ms: int
    by: str
    why: str
    is_ending: bool = False


class Quarantines:
    """The quarantines in Postgres, over one line. Every method raises CatalogueUnavailable where that cannot be asked."""

    def __init__(self, database_url: str, *, application_name: str = "holdfast-quarantines") -> None:
        self._line = Line(database_url, application_name=application_name)

    async def impose(self, block: BlockId, position: int, why: str, by: str) -> bool:
        """Serve nobody from the block, because of what stands in this row of its journal; whether that is new.

        One that stands is kept, with its first reason; it then reaches to this row, if that is later.
        """
        return bool(await self._fetch("impose", block, position, by, why))

    async def of(self, blocks: Iterable[BlockId]) -> list[Quarantine]:
        """Those of these blocks."""
        return [Quarantine(*row) for row in await self._fetch("of", list(blocks))]

    async def all(self) -> list[Quarantine]:
        """All that stand, by block."""
        return [Quarantine(*row) for row in await self._fetch("of", None)]

    async def close(self) -> None:
        """End the line; nothing in flight is waited for."""
        await self._line.close()

    async def _fetch(self, query: str, *arguments: object) -> list[Any]:
        return await _answered(self._line.fetch(_SQL[query], *arguments))


async def _answered(asking: Awaitable[list[Any]]) -> list[Any]:
    try:
        return await asking
    except LineUnavailable as fault:
        raise CatalogueUnavailable(str(fault)) from fault
