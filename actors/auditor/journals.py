"""What the auditor reads: where journals end, and their rows, over a line of its own that can only read."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import msgspec

from actors.audit.rows import Row
from actors.database.line import Line, LineRefused
from actors.database.queries import load_queries

_SQL = load_queries(Path(__file__).parent / "auditor.sql")

_SETTINGS = {
    # Every look-up is by key, and a plan made while a table was small would scan it when it is large: plan anew.
    "enable_seqscan": "off",
    "plan_cache_mode": "force_custom_plan",
}

AUDITOR_SESSION = "holdfast-auditor"
BOUND_MS = 30_000
MAX_ROWS_BYTES = 2 * 1024 * 1024  # of all blocks of one page: half a second of audit


_DAMAGE = "XX"  # the class of SQLSTATE; what a disk does not give (58) may come yet


class RowsRefused(Exception):
    """Postgres refuses to read rows of these blocks, and not the same of none: one of them is to blame.

    `is_damage`: it says that what is there is damaged.
    """

    def __init__(self, why: str, sqlstate: str = "") -> None:
        super().__init__(why)
        self.is_damage = sqlstate.startswith(_DAMAGE)


class Heads(msgspec.Struct, frozen=True):
    """The last position of each journal, at one moment, and that row's chain; `page_end`: where to look on, None after
    the last.

    `put_away`: blocks that are not among them, as all of their rows but the last are in an archive.
    """

    positions: dict[str, int]
    page_end: str | None = None
    put_away: frozenset[str] = frozenset()
    chains: dict[str, bytes] = {}


class Span(msgspec.Struct, frozen=True):
    """The rows to be read of a block: those behind a position, up to another."""

    behind: int
    last: int


class Page(msgspec.Struct):
    """The row of a block at the position behind which was read, without its entries, and the next ones."""

    known: Row | None = None
    rows: list[Row] = []


class Journals:
    """The journals in Postgres. Every method raises LineUnavailable where it cannot be reached."""

    def __init__(self, database_url: str) -> None:
        self._line = Line(
            database_url,
            application_name=AUDITOR_SESSION,
            settings=_SETTINGS,
            first=_SQL["begin"],
            bound_ms=BOUND_MS,
        )

    async def heads(self, page_start: str | None, page_limit: int, also: Collection[str]) -> Heads:
        """Of a page of the catalogue, and of `also`; 0 of blocks without rows."""
        found = await self._line.fetch(_SQL["heads"], page_start or "", page_limit, list(also))
        return _heads_of(found, found[0]["page_end"] if found else None)

    async def all_heads(self) -> Heads:
        """Of every block that has rows, whether it is in the catalogue or not."""
        return _heads_of(await self._line.fetch(_SQL["all_heads"]), None)

    async def rows(self, spans: Mapping[str, Span], limit: int) -> dict[str, Page]:
        """Up to `limit` rows of each block, in order, and no more than MAX_ROWS_BYTES and a row. Raises RowsRefused."""
        try:
            found = await self._rows(spans, limit)
        except LineRefused as refusal:
            await self._rows({}, limit)
            raise RowsRefused(str(refusal), refusal.sqlstate) from refusal
        pages = {block: Page() for block in spans}
        for values in found:
            row = Row(*values)
            page = pages[row.block]
            if row.position == spans[row.block].behind:
                page.known = row
            else:
                page.rows.append(row)
        return pages

    async def close(self) -> None:
        """End the line; nothing in flight is waited for."""
        await self._line.close()

    async def _rows(self, spans: Mapping[str, Span], limit: int) -> list[Any]:
        behind, lasts = [span.behind for span in spans.values()], [span.last for span in spans.values()]
        return await self._line.fetch(_SQL["rows"], list(spans), behind, lasts, limit, MAX_ROWS_BYTES)


def _heads_of(found: list[Any], page_end: str | None) -> Heads:
    positions = {row["block_id"]: row["position"] for row in found if not row["put_away"]}
    chains = {row["block_id"]: row["chain"] for row in found if row["chain"] is not None}
    return Heads(positions, page_end, frozenset(row["block_id"] for row in found if row["put_away"]), chains)
