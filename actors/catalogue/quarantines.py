"""Quarantines: blocks that nobody is served from until somebody has looked at them.

A quarantine is a row. Whoever may write to the catalogue imposes it, and the shard that has the block stops within a
heartbeat (`actors.engine.withholding`).
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from actors.catalogue.answers import answered
from actors.core.ids import BlockId
from actors.database.line import Line
from actors.database.queries import load_queries

_SQL = load_queries(Path(__file__).parent / "quarantines.sql")
STANDING = _SQL["of"]
"""The query for the fields of `Quarantine`: of the blocks in $1, of all if that is null."""


class Quarantine(msgspec.Struct, frozen=True):
    """A quarantine that stands. `number` tells it from all others there ever were.

    `position`: of the row that was found wrong first, `last_position`: last. `by`: an operator's name or key id, or the
    auditor. `is_ending`: how it is to end has been wished, and not been done yet; `refused_because`: why the last such
    wish could not be.
    """

    number: int
    block: BlockId
    position: int
    last_position: int
    imposed_at_ms: int
    by: str
    why: str
    is_ending: bool = False
    refused_because: str = ""


class Correction(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a quarantine is to end: who says so, why, and what is to end with it (see `Corrected`).

    `tickets`: (order, place in it, from 0). `strikes`, `given_up`: see `Correct`.
    """

    by: str
    why: str
    tickets: tuple[tuple[int, int], ...] = ()
    holds: tuple[int, ...] = ()
    orders: tuple[int, ...] = ()
    strikes: bool = False
    given_up: tuple[int, ...] = ()


class Outcome(msgspec.Struct, frozen=True):
    """What has come of a wish so far. `refused_because`: why the quarantine stands; empty: it has ended, or may yet."""

    has_ended: bool
    refused_because: str


class Ends(msgspec.Struct, frozen=True):
    """What of a block's quarantines has ended. `number`: of the last one that has; `up_to`: up to which row of the
    journal those have looked at it who ended them; 0: none has ended. `is_ending`: one is to end, and has not yet.
    """

    number: int = 0
    up_to: int = 0
    is_ending: bool = False


class OfNewerCluster(Exception):
    """A newer cluster has claimed the block: whether to quarantine it is for that one's auditor to say."""


class Quarantines:
    """The quarantines in Postgres, over one line. Every method raises CatalogueUnavailable where that is away.

    `generation`: of the cluster whose auditor imposes them; None: somebody does who is of no cluster.
    """

    def __init__(
        self,
        database_url: str,
        *,
        generation: int | None = None,
        application_name: str = "holdfast-quarantines",
    ) -> None:
        self._line = Line(database_url, application_name=application_name)
        self._generation = generation

    async def impose(self, block: BlockId, position: int, why: str, by: str) -> bool:
        """Serve nobody from the block, because of what stands in this row of its journal; whether that is new.

        One that stands is kept, with its first reason; it then reaches to this row, if that is later. Raises
        OfNewerCluster.
        """
        (done,) = await self._fetch("impose", block, position, by, why, self._generation)
        if done["is_newer"]:
            raise OfNewerCluster
        return bool(done["is_new"])

    async def ends_of(self, block: BlockId) -> Ends:
        """Which quarantines of the block have ended."""
        return Ends(*(await self._fetch("ends_of", block))[0])

    async def of(self, blocks: Iterable[BlockId]) -> list[Quarantine]:
        """Those of these blocks."""
        return [Quarantine(*row) for row in await self._fetch("of", list(blocks))]

    async def all(self) -> list[Quarantine]:
        """All that stand, by block."""
        return [Quarantine(*row) for row in await self._fetch("of", None)]

    async def wish_end(self, block: BlockId, correction: Correction) -> int | None:
        """Wish that the block's quarantine end so; its number, for `outcome`. None: another such wish is on its way,
        or there is no quarantine.
        """
        rows = await self._fetch("wish", block, msgspec.json.encode(correction).decode())
        return int(rows[0]["number"]) if rows else None

    async def outcome(self, block: BlockId, number: int) -> Outcome:
        """What has become of the last wish that this quarantine end."""
        row = (await self._fetch("outcome", block, number))[0]
        return Outcome(row["has_ended"], row["refused_because"] or "")

    async def head(self, block: BlockId) -> int | None:
        """The position of the last row of the block's journal, 0 if it has none; None if there is no such block."""
        if not await self._fetch("is_block", block):
            return None
        return int((await self._fetch("head", block))[0][0])

    async def close(self) -> None:
        """End the line; nothing in flight is waited for."""
        await self._line.close()

    async def _fetch(self, query: str, *arguments: object) -> list[Any]:
        return await answered(self._line.fetch(_SQL[query], *arguments))
