"""Snapshots that stand for rows which are in an archive, or erased: each is the only one, of the format of its time.

A release that reads another format replays a block from its first row instead; of these the first row is not here.
"""

from pathlib import Path

from actors.core.ids import BlockId, event_id
from actors.core.snapshot import FORMAT
from actors.database.connect import connect
from actors.database.queries import load_queries

_SQL = load_queries(Path(__file__).parent / "archive.sql")


async def why_unread(database_url: str) -> str | None:
    """What this version cannot read of what is archived, in one line; None: nothing. Raises `FAULTS`."""
    connection = await connect(database_url, application_name="holdfast archive")
    try:
        found = await connection.fetchrow(_SQL["unread"], FORMAT)
    finally:
        await connection.close()
    if not found["block_count"]:
        return None
    ways = []
    if found["put_away"] is not None:
        away = event_id(BlockId(found["put_away"]))
        ways.append(f"those that are put away ({away} is one) want their archives back: holdfast archive restore FILE")
    if found["erased"] is not None:
        erased = event_id(BlockId(found["erased"]))
        ways.append(
            f"{found['erased_count']:,} are erased ({erased} is of one) and have nothing else: keep to the version "
            "that reads them"
        )
    return (
        f"{found['block_count']:,} archived blocks have no snapshot of format {FORMAT}, which alone is read here, and "
        f"answer nobody: {'; '.join(ways)} (holdfast doctor names them)"
    )
