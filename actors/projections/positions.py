"""How far each projection has followed each block, in Postgres; positions and rows move in one transaction."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from actors.core.ids import BlockId
from actors.database.connect import Connection
from actors.database.line import Line, LineRefused
from actors.database.queries import load_queries
from actors.journal.journal import GENESIS, JournalRow
from actors.projections.positions_port import Behind, BlocksRefused, FoundRows, Quarantined, Seen, Step
from actors.projections.projection import Projection

_SQL = load_queries(Path(__file__).parent / "sql" / "positions.sql")

_SETTINGS = {
    # Every look-up is by key, and a plan made while a table was small would scan it when it is large: plan anew.
    "enable_seqscan": "off",
    "plan_cache_mode": "force_custom_plan",
}

PROJECTOR_SESSION = "holdfast-projector"
MAX_ROWS_BYTES = 16 * 1024 * 1024  # of all blocks of one look: 9 s over 15 Mbit/s

R = TypeVar("R")


class Positions:
    """See `FollowedPositions`. Every method raises LineUnavailable where Postgres cannot be reached."""

    def __init__(self, database_url: str, *, application_name: str = PROJECTOR_SESSION, bound_ms: int = 30_000) -> None:
        self._line = Line(database_url, application_name=application_name, settings=_SETTINGS, bound_ms=bound_ms)

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
        """Up to `limit` rows of each block behind its position, in order. Raises BlocksRefused.

        The last row of all is the one with which their entries come to MAX_ROWS_BYTES.
        """

        async def read(connection: Connection, behind: dict[BlockId, int]) -> list[Any]:
            blocks, positions = list(behind), list(behind.values())
            rows: list[Any] = await connection.fetch(_SQL["rows"], blocks, positions, limit, MAX_ROWS_BYTES)
            return rows

        found = await self._asked_of_blocks(partial(read, behind=behind), partial(read, behind={}))
        rows: dict[BlockId, list[JournalRow]] = {block: [] for block in behind}
        size_bytes = 0
        for _, *row in found:
            rows[row[0]].append(JournalRow(*row))
            size_bytes += len(rows[row[0]][-1].entries)
        cut = [block for block in behind if size_bytes >= MAX_ROWS_BYTES or len(rows[block]) >= limit]
        return FoundRows(rows, frozenset(cut), found[0]["read_at_ms"] if found else 0)

    async def move(self, projection: Projection, steps: Sequence[Step]) -> set[BlockId]:
        """Let the projection write and move its positions, in one transaction; the blocks that are ours.

        The others were moved by another projector: nothing was written of them. Raises BlocksRefused, or what the
        projection raises: then nothing was written at all.
        """

        async def transaction(connection: Connection, steps: Sequence[Step]) -> set[BlockId]:
            async with connection.transaction():
                ours = await self._compare_and_set(connection, projection.name, steps)
                await projection.write(connection, [step.progress for step in steps if step.progress.block in ours])
            return ours

        return await self._asked_of_blocks(partial(transaction, steps=steps), partial(transaction, steps=()))

    async def quarantine(self, block: BlockId, seen: dict[str, Seen], because: str) -> list[str]:
        """Stop these projections of the block, unless they have moved since; those for which this is news."""
        positions = [one.position for one in seen.values()]
        stopped = await self._fetch("quarantine", block, list(seen), positions, because)
        return [row["projection"] for row in stopped]

    async def end_quarantine(self, block: BlockId, seen: dict[str, Seen]) -> list[str]:
        """Let these projections of the block go on where they are, unless they do; those that can now."""
        positions = [one.position for one in seen.values()]
        return [row["projection"] for row in await self._fetch("end_quarantine", block, list(seen), positions)]

    async def quarantined(self) -> list[Quarantined]:
        """Every projection that is stopped, and why."""
        return [Quarantined(*row) for row in await self._fetch("quarantined")]

    async def rebuild(self, block: BlockId) -> list[str]:
        """Let every projection begin anew at the block's first row, quarantined or not; which there are.

        None where that row is in an archive (`archive_of`).
        """
        return [row["projection"] for row in await self._fetch("rebuild", block, GENESIS)]

    async def archive_of(self, block: BlockId) -> str | None:
        """The name of the archive that has all rows of the block but the last; None: they are in the journal."""
        found = await self._fetch("archive_of", block)
        return found[0]["archive"] if found else None

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
            [step.seen.quarantined_because for step in steps],
            [end.position for end in ends],
            [end.chain for end in ends],
        )
        return {row["block_id"] for row in moved}

    async def _asked_of_blocks(
        self, ask: Callable[[Connection], Awaitable[R]], ask_of_none: Callable[[Connection], Awaitable[R]]
    ) -> R:
        """What Postgres answers. If it refuses the same about no block as well, that is for somebody to mend."""
        try:
            return await self._line.run(ask)
        except LineRefused as refusal:
            await self._line.run(ask_of_none)
            raise BlocksRefused(str(refusal)) from refusal

    async def _fetch(self, query: str, *arguments: object) -> list[Any]:
        return await self._line.fetch(_SQL[query], *arguments)
