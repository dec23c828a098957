"""What an append costs against a plain insert: `python -m tests.measure.journal_costs`.

The embedded PostgreSQL, as durable as the real one; one connection each, side by side, rounds interleaved. Figures are
medians, in milliseconds.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import median

import uvloop

from actors.core.ids import BlockId
from actors.database.connect import connect
from actors.database.migrate import migrate
from actors.journal.journal import GENESIS, JournalRow, NewRow, chain_of
from actors.journal.postgres import PostgresJournal
from serve.local.postgres import temporary_postgres

ROUNDS = 300
ENTRIES = bytes(150)
PLAIN = "insert into plain select * from unnest($1::text[], $2::bigint[], $3::bytea[])"


class Chains:
    """Blocks that grow by a row at a time."""

    def __init__(self, count: int) -> None:
        self._ends = {BlockId(f"{count:03d}-{number:012d}"): (0, GENESIS) for number in range(count)}

    def next_rows(self) -> list[NewRow]:
        """The next row of each block."""
        rows = []
        for block, (position, chain) in self._ends.items():
            grown = chain_of(chain, block, position + 1, 1, 0, ENTRIES)
            rows.append(NewRow(JournalRow(block, position + 1, 1, 0, 1, ENTRIES, grown), chain))
            self._ends[block] = position + 1, grown
        return rows


async def took_ms(work: Callable[[], Awaitable[object]]) -> float:
    """How long it takes, once."""
    begun = time.perf_counter()
    await work()
    return (time.perf_counter() - begun) * 1000


async def compare(url: str) -> None:
    """Print both, for small and large commits."""
    await migrate(url)
    connection = await connect(url, application_name="measure")
    await connection.execute("create table plain (block_id text, position bigint, entries bytea)")
    await connection.execute("create unique index on plain (block_id, position)")
    journal = PostgresJournal(url, application_name="measure")
    for count in (1, 10, 200):
        chains = Chains(count)
        appends, inserts, heads = [], [], []
        for _ in range(ROUNDS):
            rows = chains.next_rows()
            names, positions = [new.row.block for new in rows], [new.row.position for new in rows]
            columns = (names, positions, [ENTRIES] * count)
            inserts.append(await took_ms(lambda columns=columns: connection.fetch(PLAIN, *columns)))  # type: ignore[misc]
            appends.append(await took_ms(lambda rows=rows: journal.append(rows)))  # type: ignore[misc]
            heads.append(await took_ms(lambda names=names: journal.heads(names)))  # type: ignore[misc]
        print(
            f"{count:4} rows: append {median(appends):5.2f}, plain insert {median(inserts):5.2f}, "
            f"ratio {median(appends) / median(inserts):4.2f}, heads {median(heads):5.2f}"
        )
    await journal.close()
    await connection.close()


if __name__ == "__main__":
    with temporary_postgres() as url:
        uvloop.install()
        asyncio.run(compare(url))
