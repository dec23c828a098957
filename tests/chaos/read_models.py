"""What read models show, held against the journals that they are folds of."""

import asyncio
import time
from collections.abc import Mapping
from typing import NamedTuple

from actors.core.ids import BlockId, event_id
from actors.database.connect import Connection, connect
from actors.journal.postgres import PostgresJournal
from actors.projections.split import NOT_SPLIT
from loadtests.server import Administration
from tests.chaos.replayed import COLUMNS, PROJECTIONS, Replayed, Rows

FOLLOWED_WITHIN_S = 60.0
LOOK_EVERY_S = 0.25

_BLOCKS = """
select block_id from blocks
union select block_id from projection_positions
union select block_id from availability
union select block_id from deadlines
union select block_id from listings
union select block_id from listed_holds
union select block_id from listed_orders
order by block_id
"""
_HEAD = "select max(position) from journal where block_id = $1"
_POSITIONS = """
select projection, position, quarantined_because
from projection_positions
where block_id = $1
order by projection
"""


class Shown(NamedTuple):
    """Of a block, as of one moment.

    `head`: where its journal ends, None: it has none. `positions`: of projections, with why they are quarantined.
    `rows`: of each table, where all projections are at the head; else nothing.
    """

    head: int | None
    positions: dict[str, tuple[int, str | None]]
    rows: dict[str, Rows]


async def misread(database_url: str, administration: Administration | None) -> list[str]:
    """Of every block, what is shown in Postgres otherwise than its journal says, and what the server tells otherwise.

    Asked when nobody buys any more: what is still held ends meanwhile, so each is looked at until its read models are
    at the journal's end. `administration`: of the tenant whose events they all are; without one, no server is asked.
    """
    journal = PostgresJournal(database_url, application_name="chaos-read-models")
    connection = await connect(database_url, application_name="chaos")
    try:
        return [
            fault
            for (block,) in await connection.fetch(_BLOCKS)
            for fault in await _of_block(connection, journal, BlockId(block), administration)
        ]
    finally:
        await connection.close()
        await journal.close()


async def _of_block(
    connection: Connection, journal: PostgresJournal, block: BlockId, administration: Administration | None
) -> list[str]:
    name = event_id(block)
    replayed, deadline_s = Replayed(block), time.monotonic() + FOLLOWED_WITHIN_S
    while True:
        shown = await _shown(connection, block)
        for projection, (_, because) in shown.positions.items():
            if because is not None:
                return [f"the read model {projection} of {name} is quarantined: {because}"]
        if shown.head is None:
            return [f"{table} knows {name}, which has no journal" for table, rows in shown.rows.items() if rows]
        if shown.rows and shown.head >= replayed.position:
            await replayed.follow(journal, shown.head)
            asked = administration if _is_whole(replayed) else None
            told = await asked.availability(name) if asked is not None else None
            if asked is None or (told is not None and await connection.fetchval(_HEAD, block) == shown.head):
                break
        if time.monotonic() > deadline_s:
            behind = {projection: position for projection, (position, _) in shown.positions.items()}
            return [f"the read models of {name} are at {behind} and not at {shown.head}"]
        await asyncio.sleep(LOOK_EVERY_S)
    wrong = differing(name, replayed.without_forgotten(shown.rows), replayed.expected())
    if told is not None and told != replayed.available:
        wrong.append(f"the server says of {name} {told}, its journal {replayed.available}")
    return wrong


async def _shown(connection: Connection, block: BlockId) -> Shown:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        head = await connection.fetchval(_HEAD, block)
        positions = {name: (position, why) for name, position, why in await connection.fetch(_POSITIONS, block)}
        is_at_head = all(positions.get(name, (0, None))[0] == head for name in PROJECTIONS)
        tables = COLUMNS if head is None or is_at_head else {}
        rows = {
            table: set(map(tuple, await connection.fetch(f"select {columns} from {table} where block_id = $1", block)))
            for table, columns in tables.items()
        }
    return Shown(head, positions, rows)


def _is_whole(replayed: Replayed) -> bool:
    """Whether it is an event that has no parts and is none."""
    event = replayed.event
    return event is not None and not event.home and event.split == NOT_SPLIT


def differing(name: str, shown: Mapping[str, Rows], expected: Mapping[str, Rows]) -> list[str]:
    """What is shown and is not so, and what is so and is not shown."""
    wrong = []
    for table, rows in expected.items():
        more, less = shown[table] - rows, rows - shown[table]
        if more or less:
            wrong.append(
                f"{table} of {name}: {len(more)} rows are not so, such as {_one(more)}; its journal has {_one(less)}"
            )
    return wrong


def _one(rows: Rows) -> str:
    """The first, without what nobody reads."""
    shown = ", ".join(str(value) for value in min(rows, key=repr) if not isinstance(value, bytes)) if rows else "none"
    return f"({shown})"
