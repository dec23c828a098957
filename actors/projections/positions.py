"""How far each projection has followed each block, in Postgres; positions and rows move in one transaction."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from actors.core.ids import BlockId
from actors.database.connect import Connection
from actors.database.line import Line
from actors.database.queries import load_queries
from actors.journal.journal import GENESIS, JournalRow
from actors.projections.projection import Progress, Projection

_SQL = load_queries(Path(__file__).parent / "sql" / "positions.sql")

_SETTINGS = {
    # Every look-up is by key, and a plan made while a table was small would scan it when it is large: plan anew.
    "enable_seqscan": "off",
    "plan_cache_mode": "force_custom_plan",
}

# What Postgres says when it is the rows that are wrong, and not the database or the way to it.
_REFUSALS = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    asyncpg.DataCorruptedError,
    asyncpg.IndexCorruptedError,
)


class RowsRefused(Exception):
    """Postgres cannot read rows that are in the journal."""


class WriteRefused(Exception):
    """Postgres does not accept what a projection wrote."""


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
    read_at_ms: int


class Positions:
    """A line to the positions. Every method raises LineUnavailable where Postgres cannot be reached."""

    def __init__(self, database_url: str, *, bound_ms: int = 30_000) -> None:
        self._line = Line(database_url, application_name="holdfast-projector", settings=_SETTINGS, bound_ms=bound_ms)

    async def behind(
        self, page_start: BlockId | None, page_limit: int, also: Collection[BlockId], projections: Sequence[str]
    ) -> Behind:
        """Which of a page of the catalogue, and of `also`, have rows that one of the projections has not followed."""
        (found,) = await self._fetch("behind", page_start or "", page_limit, list(also), projections)
        return Behind(found["behind"], found["page_end"])

    async def seen(self, projections: Sequence[str], blocks: Sequence[BlockId]) -> dict[BlockId, dict[str, Seen]]:
        """By block and projection, for all of them; a projection that is new to a block begins there."""
        seen: dict[BlockId, dict[str, Seen]] = {block: {} for block in blocks}
        for row in await self._fetch("positions", projections, blocks):
            seen[row["block_id"]][row["projection"]] = Seen(row["position"], row["chain"], row["quarantined_because"])
        missing = [(name, block) for block in blocks for name in projections if name not in seen[block]]
        if missing:
            await self._fetch("begin", [name for name, _ in missing], [block for _, block in missing], GENESIS)
            for name, block in missing:
                seen[block][name] = Seen()
        return seen

    async def rows(self, behind: dict[BlockId, int], limit: int) -> FoundRows:
        """Up to `limit` rows of each block behind its position, in order. Raises RowsRefused: one's are damaged."""

        async def read(connection: Connection) -> list[Any]:
            try:
                rows: list[Any] = await connection.fetch(_SQL["rows"], list(behind), list(behind.values()), limit)
            except _REFUSALS as refusal:
                raise RowsRefused(f"{refusal.sqlstate}: {refusal}") from refusal
            return rows

        found = await self._line.run(read)
        rows: dict[BlockId, list[JournalRow]] = {block: [] for block in behind}
        for _, *row in found:
            rows[row[0]].append(JournalRow(*row))
        return FoundRows(rows, found[0]["read_at_ms"] if found else 0)

    async def move(self, projection: Projection, steps: Sequence[Step]) -> set[BlockId]:
        """Let the projection write and move its positions, in one transaction; the blocks that are ours.

        The others were moved by another projector: nothing was written of them. Raises WriteRefused, or what the
        projection raises: then nothing was written at all.
        """

        async def transaction(connection: Connection) -> set[BlockId]:
            async with connection.transaction():
                ours = await self._compare_and_set(connection, projection.name, steps)
                try:
                    await projection.write(connection, [step.progress for step in steps if step.progress.block in ours])
                except _REFUSALS as refusal:
                    raise WriteRefused(str(refusal)) from refusal
            return ours

        return await self._line.run(transaction)

    async def quarantine(self, block: BlockId, seen: dict[str, Seen], because: str) -> list[str]:
        """Stop these projections of the block, unless they have moved since; those that are stopped now."""
        positions = [one.position for one in seen.values()]
        stopped = await self._fetch("quarantine", block, list(seen), positions, because)
        return [row["projection"] for row in stopped]

    async def quarantined(self) -> list[Quarantined]:
        """Every projection that is stopped, and why."""
        return [Quarantined(*row) for row in await self._fetch("quarantined")]

    async def rebuild(self, projection: str, blocks: Sequence[BlockId]) -> None:
        """Let the projection begin anew at the first row of these blocks, quarantined or not."""
        await self._fetch("rebuild", projection, blocks, GENESIS)

    async def close(self) -> None:
        """End the line."""
        await self._line.close()

    async def _compare_and_set(self, connection: Connection, projection: str, steps: Sequence[Step]) -> set[BlockId]:
        ends = [step.progress.rows[-1].row for step in steps]
        moved = await connection.fetch(
            _SQL["move"],
            projection,
            [end.block for end in ends],
            [step.seen.position for step in steps],
            [step.seen.chain for step in steps],
            [end.position for end in ends],
            [end.chain for end in ends],
        )
        return {row["block_id"] for row in moved}

    async def _fetch(self, query: str, *arguments: object) -> list[Any]:
        return await self._line.fetch(_SQL[query], *arguments)
