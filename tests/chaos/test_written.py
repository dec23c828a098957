"""Postgres says when each row came, also one that has taken over from another."""

import asyncio
import time
from pathlib import Path

from actors.core.ids import BlockId
from actors.database.connect import connect
from actors.database.migrate import migrate
from actors.journal.journal import GENESIS, JournalRow, NewRow, chain_of
from actors.journal.postgres import PostgresJournal
from loadtests.history.timed import Written
from tests.chaos.database import Database
from tests.chaos.written import RowsWritten, rows_written

BLOCK = BlockId("0123456789abcdef")
LAST = 3
APART_S = 0.2
OFF_MS = 100


async def write_some(url: str) -> list[int]:
    """Rows that say to be of 1970; when each was asked for, in µs."""
    journal, before, asked_us = PostgresJournal(url), GENESIS, []
    try:
        for position in range(1, LAST + 1):
            await asyncio.sleep(APART_S)
            asked_us.append(time.time_ns() // 1000)
            chain = chain_of(before, BLOCK, position, 1, 0, b"")
            appended = await journal.append([NewRow(JournalRow(BLOCK, position, 1, 0, 1, b"", chain), before)])
            assert appended.durable
            before = chain
    finally:
        await journal.close()
    return asked_us


async def told(url: str, *statements: str) -> RowsWritten:
    """What Postgres says, when these have been carried out."""
    connection = await connect(url, application_name="tests")
    try:
        for statement in statements:
            await connection.execute(statement)
        return await rows_written(connection.fetch)
    finally:
        await connection.close()


def test_postgres_and_its_successor_say_when_each_row_came(tmp_path: Path) -> None:
    password_file = tmp_path / "password"
    password_file.write_text("for-tests-only")
    primary = Database(tmp_path / "postgres-1", password_file)
    primary.start()
    try:
        asyncio.run(migrate(primary.url))
        asked_us = asyncio.run(write_some(primary.url))
        standby = primary.standby(tmp_path / "postgres-2")
        standby.start()
        try:
            rows = asyncio.run(told(primary.url, "vacuum (freeze) journal"))
            primary.kill()
            standby.promote()
            assert asyncio.run(told(standby.url)) == rows
            fewer = asyncio.run(told(standby.url, "delete from journal where position = 2"))
        finally:
            standby.stop()
    finally:
        primary.stop()
    assert rows.wrong == []
    at_us = [rows.of_block(BLOCK).of(position) for position in range(LAST + 2)]
    assert (at_us[0], at_us[-1], rows.of_block("another").of(1)) == (0, 0, 0), "there are no such rows"
    late_ms = [(row_us - its_us) / 1000 for row_us, its_us in zip(at_us[1:], asked_us, strict=False)]
    assert all(-OFF_MS < ms < APART_S * 1000 for ms in late_ms), late_ms
    assert list(fewer.of_block(BLOCK).at_us) == [at_us[1], 0, at_us[3]], "what is missing is missing in its place"


def test_rows_of_which_nobody_knows_when_they_came_are_counted() -> None:
    async def fetch(_: str) -> list[dict[str, object]]:
        return [{"block_id": BLOCK, "positions": [1, 2, 4], "at_us": [5, 0, 7]}]

    rows = asyncio.run(rows_written(fetch))
    assert rows == RowsWritten({BLOCK: Written([5, 0, 0, 7])}, ["of 1 rows nobody knows when they came"])
