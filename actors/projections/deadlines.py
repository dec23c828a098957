"""Projection "deadlines": when each block next has something to expire, for the shards' sweep."""

from collections.abc import Sequence
from pathlib import Path

from actors.core import block as core
from actors.database.connect import Connection
from actors.database.queries import load_queries
from actors.projections.projection import Progress

_SQL = load_queries(Path(__file__).parent / "sql" / "deadlines.sql")


class DeadlinesProjection:
    """One row per block with a deadline; none where nothing will fall due."""

    name = "deadlines"

    async def write(self, connection: Connection, progress: Sequence[Progress]) -> None:
        """See `Projection.write`."""
        due_at_ms = {one.block: core.next_deadline_ms(one.state) for one in progress}
        await connection.execute(_SQL["forget"], [block for block, due in due_at_ms.items() if due is None])
        dues = {block: due for block, due in due_at_ms.items() if due is not None}
        await connection.execute(_SQL["remember"], list(dues), list(dues.values()))
