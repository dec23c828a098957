"""What read models show, held against the journals that they are folds of."""

import asyncio
import time

from actors.core.ids import BlockId, event_id
from actors.database.connect import Connection, connect
from actors.engine.replay import before_first_row, replay
from actors.journal.postgres import PostgresJournal
from actors.projections.seat_statuses import pack
from actors.projections.shown import event_shown
from loadtests.server import Administration, Availability

FOLLOWED_WITHIN_S = 60.0
LOOK_EVERY_S = 0.25

_EVENTS = "select block_id, home <> '' or length(split) > 0 as is_in_parts from availability order by block_id"
_SHOWN = """
select availability.position, status, capacity, available, held, sold, statuses, quarantined_because,
  (select max(position) from journal where journal.block_id = $1) as head
from availability
join projection_positions on projection = 'availability' and projection_positions.block_id = availability.block_id
where availability.block_id = $1
"""


async def misread(database_url: str, administration: Administration | None) -> list[str]:
    """Of every event, what is shown in Postgres otherwise than its journal says, and what the server tells otherwise.

    Asked when nobody buys any more: what is still held ends meanwhile, so each is looked at until its read model is at
    the journal's end. `administration`: of the tenant whose events they all are; without one, no server is asked.
    """
    journal = PostgresJournal(database_url, application_name="chaos-read-models")
    connection = await connect(database_url, application_name="chaos")
    try:
        found = [
            fault
            for block, is_in_parts in await connection.fetch(_EVENTS)
            for fault in await _of_event(connection, journal, BlockId(block), None if is_in_parts else administration)
        ]
    finally:
        await connection.close()
        await journal.close()
    return found


async def _of_event(
    connection: Connection, journal: PostgresJournal, block: BlockId, administration: Administration | None
) -> list[str]:
    hosted, deadline_s = before_first_row(block), time.monotonic() + FOLLOWED_WITHIN_S
    while True:
        shown = await connection.fetchrow(_SHOWN, block)
        assert shown is not None, "it was listed"
        if shown["quarantined_because"] is not None:
            return [f"the read model of {event_id(block)} is quarantined: {shown['quarantined_because']}"]
        if shown["position"] >= hosted.position and shown["position"] == shown["head"]:
            await replay(journal, hosted, shown["position"])
            told = await administration.availability(event_id(block)) if administration is not None else None
            after = await connection.fetchrow(_SHOWN, block)
            if after is not None and after["head"] == hosted.position and (administration is None or told is not None):
                break
        if time.monotonic() > deadline_s:
            return [f"the read model of {event_id(block)} is at {shown['position']} and not at {shown['head']}"]
        await asyncio.sleep(LOOK_EVERY_S)
    event, statuses = event_shown(hosted.state)
    total = event.counts.total
    counted = (event.status, total.capacity, total.available, total.held, total.sold, pack(statuses))
    shown_counts = tuple(shown[name] for name in ("status", "capacity", "available", "held", "sold", "statuses"))
    wrong = []
    if shown_counts != counted:
        wrong.append(f"the read model of {event_id(block)} says {shown_counts[:5]}, its journal {counted[:5]}")
    if told is not None and told != Availability(total.available, total.held, total.sold):
        wrong.append(f"the server says of {event_id(block)} {told}, its journal {counted[2:5]}")
    return wrong
