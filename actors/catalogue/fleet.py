"""The fleet: how many shards there are to be, and the wishes that blocks move between them.

Wishes are rows. Whoever may write to the catalogue may wish; the shards that it concerns carry out what they find
(`actors.engine.moves`), and the directory sees to a fleet that changes (`actors.resizing`). So a wish survives whoever
wished it, and to wish the same again changes nothing.
"""

from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from actors.catalogue.answers import answered
from actors.core.ids import BlockId
from actors.database.line import Line
from actors.database.queries import load_queries
from actors.engine.catalogue_port import EngineCounters

_SQL = load_queries(Path(__file__).parent / "fleet.sql")

DIRECTORY = "directory"  # the actor's name
DIRECTORY_SESSION = "holdfast-directory"
"""What Postgres knows the directory by."""

JOINING, SERVING, LEAVING = "joining", "serving", "leaving"
MAX_SHARDS = 256


def shard_names(count: int) -> tuple[str, ...]:
    """What the shards of a fleet of this size are called."""
    return tuple(f"shard-{number}" for number in range(1, count + 1))


class BlockPlace(msgspec.Struct, frozen=True):
    """Where a block is. `version` rises by one with each move; `moving_to`: a wish, empty if there is none."""

    block: BlockId
    tenant: str
    shard: str
    version: int
    moving_to: str = ""


class LastMove(msgspec.Struct, frozen=True):
    """How a block came to where it is: `epoch` as in `Assignment`; times in ms, 0 if there is none.

    `let_go_at_ms`: 0 if nobody was using it, None if its former shard did not let it go. `written_before_ms` and
    `claimed_ms`: the last row by its former shard and the first by the new one, of the last rows.
    """

    former_shard: str
    epoch: int
    moved_at_ms: int
    let_go_at_ms: int | None
    written_before_ms: int
    claimed_ms: int


class ShardLine(NamedTuple):
    """A shard of the fleet, and what its newest incarnation last said, if there is one."""

    shard: str
    state: str
    epoch: int | None
    pid: int | None
    counters: EngineCounters | None
    silent_ms: int | None
    block_count: int
    coming_count: int
    address: str | None = None


class Fleet:
    """The fleet in Postgres, over one line. Every method raises CatalogueUnavailable where that cannot be reached."""

    def __init__(self, database_url: str, *, application_name: str = "holdfast-fleet") -> None:
        self._line = Line(database_url, application_name=application_name)

    async def found(self, shards: tuple[str, ...]) -> None:
        """Begin with these shards and those that have blocks, unless there is a fleet."""
        await self._fetch("found", shards)

    async def states(self) -> dict[str, str]:
        """JOINING, SERVING or LEAVING, by shard."""
        return {row["shard"]: row["state"] for row in await self._fetch("fleet")}

    async def resize(self, shards: tuple[str, ...]) -> None:
        """Wish that the fleet be these. Who is not there yet joins, whoever else is there leaves."""
        await self._fetch("resize", shards)

    async def has_joined(self, shard: str) -> None:
        """The shard has drawn to itself what it is to have."""
        await self._fetch("has_joined", shard)

    async def retire(self, shard: str, generation: int) -> bool:
        """Let a shard that leaves be gone, if nothing is left there or on its way to it; whether it is."""
        return bool(await self._fetch("retire", shard, generation))

    async def wish(self, to_shards: dict[BlockId, str], *, instead: bool) -> None:
        """Wish that these blocks move; `instead`: also those of which something else is wished.

        Nothing changes for a block that is there, nor where the shard is unknown or leaves.
        """
        await self._fetch("wish", list(to_shards), list(to_shards.values()), instead)

    async def place(self, block: BlockId) -> tuple[BlockPlace, LastMove] | None:
        """Where a block is, and how it came there; None if there is no such block."""
        rows = await self._fetch("whereabouts", block)
        if not rows:
            return None
        row = rows[0]
        (seen,) = await self._fetch("claimed", block, row["assigned_epoch"])
        moved = LastMove(
            row["former_shard"],
            row["assigned_epoch"],
            row["moved_at_ms"],
            row["let_go_at_ms"],
            seen["before_ms"] or 0,
            seen["after_ms"] or 0,
        )
        return _place(row), moved

    async def blocks(self, after: str, limit: int, *, shard: str = "") -> list[BlockPlace]:
        """A page of blocks, by id: of all, or of one shard's."""
        return [_place(row) for row in await self._fetch("blocks", after, shard, limit)]

    async def moving_count(self, blocks: list[BlockId] | None = None) -> int:
        """How many of these blocks, or of all, are to move."""
        return int((await self._fetch("moving_count", blocks))[0][0])

    async def session_limit(self) -> int:
        """How many sessions Postgres lets in."""
        return int((await self._fetch("session_limit"))[0][0])

    async def shards(self) -> list[ShardLine]:
        """The fleet, in order."""
        return [
            ShardLine(
                row["shard"],
                row["state"],
                row["epoch"],
                row["pid"],
                row["counters"] and msgspec.json.decode(row["counters"], type=EngineCounters),
                row["silent_ms"],
                row["block_count"],
                row["coming_count"],
                row["address"],
            )
            for row in await self._fetch("shards")
        ]

    async def close(self) -> None:
        """End the line; nothing in flight is waited for."""
        await self._line.close()

    async def _fetch(self, query: str, *arguments: object) -> list[Any]:
        return await answered(self._line.fetch(_SQL[query], *arguments))


def _place(row: Any) -> BlockPlace:
    return BlockPlace(row["block_id"], row["tenant"], row["shard"], row["version"], row["moving_to"] or "")
