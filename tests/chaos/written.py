"""When rows came to stand in the journal, whatever shards' clocks said: Postgres keeps it of what it commits."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from loadtests.history.timed import Written

KEPT = {"track_commit_timestamp": "on"}
"""By which Postgres does; a replica knows of what its primary has committed when."""

_WRITTEN = """
select block_id, array_agg(position order by position) as positions,
  array_agg(coalesce((extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000000)::bigint, 0) order by position)
    as at_us
from journal
group by block_id
"""


class RowsWritten(NamedTuple):
    """`of`: by block. `wrong`: of how many rows nobody knows when they came; there must be none."""

    of: Mapping[str, Written]
    wrong: list[str]

    def of_block(self, block: str) -> Written:
        """Of one that has rows, or none yet."""
        return self.of.get(block, Written())


async def rows_written(fetch: Callable[[str], Awaitable[Sequence[Any]]]) -> RowsWritten:
    """All that there are. `fetch`: from Postgres, whose clock is the crowds'."""
    found, unknown = dict[str, Written](), 0
    for row in await fetch(_WRITTEN):
        by_row = dict(zip(row["positions"], row["at_us"], strict=True))
        unknown += list(by_row.values()).count(0)
        found[row["block_id"]] = Written([by_row.get(position, 0) for position in range(1, max(by_row) + 1)])
    return RowsWritten(found, [f"of {unknown} rows nobody knows when they came"] if unknown else [])
