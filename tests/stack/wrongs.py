"""Wrong rows for the journal of a stack that runs, rightly chained, as an owner with a bug would write them."""

import asyncpg
import msgspec

from actors.core.entries import Corrected, HoldPlaced
from actors.core.ids import BlockId, Kind, outside_id
from actors.journal.codec import decode_entries, encode_entries
from actors.journal.journal import JournalRow, chain_of

WRONG_PRICE = 1
_ROWS = """
select block_id, position, epoch, recorded_at_ms, entry_count, entries, chain from journal where block_id = $1
order by position
"""
_APPEND = """
insert into journal (block_id, position, epoch, recorded_at_ms, entry_count, entries, chain)
values ($1, $2, $3, $4, $5, $6, $7)
"""


async def rows_of(database_url: str, block: BlockId) -> list[JournalRow]:
    """All of the block's rows."""
    connection = await asyncpg.connect(database_url)
    try:
        return [JournalRow(*values) for values in await connection.fetch(_ROWS, block)]
    finally:
        await connection.close()


async def sell_too_cheap(database_url: str, block: BlockId, seat: int) -> str:
    """The last hold of a seat is placed again, of another seat and for a price that it never had; the new one's id."""
    rows = await rows_of(database_url, block)
    held = [entry for row in rows for entry in decode_entries(row.entries) if isinstance(entry, HoldPlaced)][-1]
    ((point, quantity, _),) = held.prices
    cheap = msgspec.structs.replace(
        held, hold=held.hold ^ 1, seats=(seat,), prices=((point, quantity, WRONG_PRICE),), key=b"k" * 16
    )
    last, entries = rows[-1], encode_entries([cheap])
    chain = chain_of(last.chain, block, last.position + 1, last.epoch, last.recorded_at_ms, entries)
    row = JournalRow(block, last.position + 1, last.epoch, last.recorded_at_ms, 1, entries, chain)
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(_APPEND, *msgspec.structs.astuple(row))
    finally:
        await connection.close()
    return outside_id(Kind.HOLD, block, cheap.hold)


async def corrections(database_url: str, block: BlockId) -> list[Corrected]:
    """Those in the block's journal."""
    rows = await rows_of(database_url, block)
    return [entry for row in rows for entry in decode_entries(row.entries) if isinstance(entry, Corrected)]
