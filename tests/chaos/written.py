"""When rows came to stand in the journal: as Postgres has kept it of what it committed, whatever shards' clocks said."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from loadtests.history.timed import Written

KEPT = {"track_commit_timestamp": "on"}
"""By which Postgres does; a replica knows of what its primary has committed when."""

_WRITTEN = """
select block_id, array_agg(position order by position) as positions,
  array_agg((extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000000)::bigint order by position) as at_us
from journal
group by block_id
"""


async def rows_written(fetch: Callable[[str], Awaitable[Sequence[Any]]]) -> dict[str, Written]:
    """By block. `fetch`: from Postgres, whose clock is the crowds'."""
    return {row["block_id"]: _of_block(row["positions"], row["at_us"]) for row in await fetch(_WRITTEN)}


def unwritten(written: Mapping[str, Written]) -> list[str]:
    """Of how many rows nobody knows when they came; there must be none. Those that are missing are another's business."""
    count = sum(at_us is None for one in written.values() for at_us in one.at_us)
    return [f"of {count} rows nobody knows when they came"] if count else []


def _of_block(positions: Sequence[int], at_us: Sequence[int | None]) -> Written:
    by_row = dict(zip(positions, at_us, strict=True))
    return Written([by_row.get(position, 0) for position in range(1, positions[-1] + 1)])
