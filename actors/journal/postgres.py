"""The journal in Postgres: one line, one statement per append."""

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from actors.core.ids import BlockId
from actors.database.connect import Connection
from actors.database.line import Line, LineLate, LineRefused, LineUnavailable
from actors.database.queries import load_queries
from actors.journal.journal import (
    GENESIS,
    MAX_ROWS_BYTES,
    SILENT_BOUND_MS,
    SNAPSHOT_BOUND_MS,
    STATEMENT_BOUND_MS,
    Appended,
    Head,
    Heads,
    JournalLate,
    JournalRefused,
    JournalRow,
    JournalUnavailable,
    NewRow,
    Snapshot,
)

_SQL = load_queries(Path(__file__).parent / "sql" / "journal.sql")

_SETTINGS = {
    # Every look-up is by key; a plan made while the table was small must not scan it when it is large.
    "enable_seqscan": "off",
    # Else Postgres, which guesses more rows than one, plans each append of one row anew: a third of its time.
    "plan_cache_mode": "force_generic_plan",
}

R = TypeVar("R")


class PostgresJournal:
    """The journal over a line of its own (see `Journal` and `Line`).

    What a shard's replies wait for is given up after `silent_ms` where the statement before it was answered sooner: it
    may be this line's backend alone that hangs. Where it was not, what is slow is Postgres or the way to it, and then
    there is patience as for everything else, so that a commit that takes 4 s is not begun again for ever.
    """

    def __init__(
        self,
        database_url: str,
        *,
        application_name: str = "holdfast-journal",
        bound_ms: int = STATEMENT_BOUND_MS,
        silent_ms: int = SILENT_BOUND_MS,
        snapshot_bound_ms: int = SNAPSHOT_BOUND_MS,
    ) -> None:
        self._snapshot_bound_ms = snapshot_bound_ms
        self._bound_ms = bound_ms
        self._silent_ms = min(silent_ms, bound_ms)
        self._is_slow = True  # for all that is known
        self._line = Line(
            database_url,
            application_name=application_name,
            settings=_SETTINGS,
            first=_SQL["introduce"],
            bound_ms=bound_ms,
        )

    async def append(self, rows: Sequence[NewRow]) -> Appended:
        """See `Journal.append`."""
        assert len({new.row.block for new in rows}) == len(rows), "one row per block"
        return await self._run_soon(partial(_append, rows=rows))

    async def heads(self, blocks: Sequence[BlockId]) -> Heads:
        """See `Journal.heads`."""
        found = await self._run_soon(lambda connection: connection.fetch(_SQL["heads"], blocks))
        heads = {head["block_id"]: Head(head["position"], head["epoch"], head["chain"]) for head in found}
        heads.pop(None, None)  # what bears the clock if no block has rows
        return Heads(heads, found[0]["now_ms"])

    async def until_replicated(self, block: BlockId, position: int, chain: bytes) -> bool:
        """See `Journal.until_replicated`."""
        return bool(await self._run_soon(partial(_already_there, blocks=[block], positions=[position], chains=[chain])))

    async def rows(self, block: BlockId, after_position: int, limit: int) -> list[JournalRow]:
        """See `Journal.rows`."""
        found = await self._fetch("rows", block, after_position, limit, MAX_ROWS_BYTES)
        return [JournalRow(*row) for row in found]

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        """See `Journal.save_snapshot`."""
        await self._fetch("save_snapshot", *msgspec.structs.astuple(snapshot), bound_ms=self._snapshot_bound_ms)

    async def newest_snapshot(self, block: BlockId, format_: int, below_position: int) -> Snapshot | None:
        """See `Journal.newest_snapshot`."""
        found = await self._fetch("newest_snapshot", block, format_, below_position, bound_ms=self._snapshot_bound_ms)
        return Snapshot(*found[0]) if found else None

    async def now_ms(self) -> int:
        """See `Journal.now_ms`."""
        found = await self._fetch("now_ms")
        now_ms: int = found[0]["now_ms"]
        return now_ms

    async def close(self) -> None:
        """See `Journal.close`."""
        await self._line.close()

    async def _fetch(self, query: str, *arguments: object, bound_ms: int | None = None) -> list[Any]:
        return await self._run(lambda connection: connection.fetch(_SQL[query], *arguments), bound_ms)

    async def _run_soon(self, statement: Callable[[Connection], Awaitable[R]]) -> R:
        """Run what is answered at once where all is well. Raises JournalUnavailable."""

        async def timed(connection: Connection) -> R:
            began_s = time.monotonic()
            done = await statement(connection)
            self._is_slow = time.monotonic() - began_s > self._silent_ms / 1000
            return done

        try:
            return await self._run(timed, self._bound_ms if self._is_slow else self._silent_ms)
        except JournalRefused:
            raise
        except JournalUnavailable:
            self._is_slow = True
            raise

    async def _run(self, statement: Callable[[Connection], Awaitable[R]], bound_ms: int | None = None) -> R:
        try:
            return await self._line.run(statement, bound_ms=bound_ms)
        except LineRefused as refusal:
            raise JournalRefused(str(refusal), refusal.sqlstate) from refusal
        except LineLate as fault:
            raise JournalLate(str(fault), fault.sqlstate) from fault
        except LineUnavailable as fault:
            raise JournalUnavailable(str(fault), fault.sqlstate) from fault


async def _append(connection: Connection, *, rows: Sequence[NewRow]) -> Appended:
    inserted = await connection.fetchrow(
        _SQL["append"],
        [new.row.block for new in rows],
        [new.row.position for new in rows],
        [new.row.epoch for new in rows],
        [new.row.recorded_at_ms for new in rows],
        [new.row.entry_count for new in rows],
        [new.row.entries for new in rows],
        [new.row.chain for new in rows],
        [new.prev_chain for new in rows],
        GENESIS,
    )
    durable = frozenset(inserted["block_ids"])
    refused = [new.row for new in rows if new.row.block not in durable]
    if refused:
        durable |= await _already_there(
            connection,
            blocks=[row.block for row in refused],
            positions=[row.position for row in refused],
            chains=[row.chain for row in refused],
        )
    fenced = frozenset(row.block for row in refused) - durable
    return Appended(durable, fenced, inserted["now_ms"])


async def _already_there(
    connection: Connection, *, blocks: Sequence[BlockId], positions: Sequence[int], chains: Sequence[bytes]
) -> frozenset[BlockId]:
    """The blocks whose very row is in the journal, and by now on the replicas: it was sent before, or was only read."""
    found = await connection.fetch(_SQL["already_there"], blocks, positions, chains)
    return frozenset(row["block_id"] for row in found)
