"""An archive of several blocks is put back however long its file takes to read: no transaction waits for it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from actors.archive import restoring
from actors.archive.archive_file import ArchiveFile, archives_at
from actors.archive.restoring import NotRestored, restore
from actors.journal.journal import JournalRow
from tests.archive.finished import away, finished_in_parts, followed, rows_in_journal
from tests.archive.test_written_behind import put_away_in_parts, write_behind
from tests.projections.selling import World

pytestmark = pytest.mark.anyio

TIMEOUT_S = 1
SLOWLY_S = 0.025
LEGS = 20  # of each block, so that its rows take longer than a session may be idle in a transaction


async def check_slow_file(world: World, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Each row that is read in a transaction takes long, and Postgres ends who waits for too many of them at a time."""
    home, part = await finished_in_parts(world, LEGS)
    await followed(world)
    before = await rows_in_journal(world)
    done = await away(world, home, folder)
    shipped = ArchiveFile.rows

    def slowly(archive: ArchiveFile) -> Iterator[JournalRow]:
        for row in shipped(archive):
            if world.connection.is_in_transaction():
                time.sleep(SLOWLY_S)
            yield row

    assert min(len(home.rows), len(part.rows)) * SLOWLY_S > TIMEOUT_S
    await world.connection.execute(f"set idle_in_transaction_session_timeout = '{TIMEOUT_S}s'")
    patch.setattr(ArchiveFile, "rows", slowly)
    patch.setattr(restoring, "ROWS_PER_COPY", 2)
    assert await restore(world.connection, ArchiveFile(done.path)) == len(before) - 2
    assert await rows_in_journal(world) == before


async def test_rows_of_other_blocks_are_read_in_no_transaction(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_slow_file(world, tmp_path, monkeypatch)


async def test_control_who_reads_all_of_the_file_for_a_block_is_cut_off(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = restoring._restore_block

    async def reads_on(connection: Any, end: Any, rows: Iterator[JournalRow]) -> int:
        count = await shipped(connection, end, rows)
        (archive,) = archives_at(tmp_path)
        assert [*archive.rows_of(end.block)]
        return count

    monkeypatch.setattr(restoring, "_restore_block", reads_on)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await check_slow_file(world, tmp_path, monkeypatch)


async def test_rows_that_do_not_lead_to_the_first_that_is_here_are_not_put_back(world: World, tmp_path: Path) -> None:
    home, part = await finished_in_parts(world, 1)
    await followed(world)
    done = await away(world, home, tmp_path)
    last = part.rows[-1]
    stray = (part.block, last.position - 1, 1, 1, 1, last.entries, bytes(16))
    insert = (
        "insert into journal (block_id, position, epoch, recorded_at_ms, entry_count, entries, chain) "
        "values ($1, $2, $3, $4, $5, $6, $7)"
    )
    await world.connection.execute(insert, *stray)
    with pytest.raises(NotRestored, match="is another in this journal"):
        await restore(world.connection, ArchiveFile(done.path))
    assert await world.rows("select count(*) from journal where block_id = $1", part.block) == [(2,)]


async def check_older_database(world: World, folder: Path) -> None:
    """It is from a backup; what was written behind the archive came later, and so did the file with that in it."""
    home, part, before = await put_away_in_parts(world, folder)
    for table in ("journal", "archived_blocks"):
        await world.connection.execute(f"create table older_{table} as table {table}")
    await write_behind(world, home, part)
    done = await away(world, home, folder)
    for table in ("journal", "archived_blocks"):
        await world.connection.execute(f"truncate {table}; insert into {table} table older_{table}")
    assert await restore(world.connection, ArchiveFile(done.path)) == len(before) - 2
    assert await rows_in_journal(world) == before
    assert await world.rows("select count(*) from archived_blocks") == [(0,)]


async def test_a_file_with_rows_that_an_older_database_does_not_have_is_put_back_up_to_its_own(
    world: World, tmp_path: Path
) -> None:
    await check_older_database(world, tmp_path)


async def test_control_who_asks_for_its_last_row_loses_the_event(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = restoring._restore_block

    async def asks_for_the_last(connection: Any, end: Any, rows: Iterator[JournalRow]) -> int:
        if await connection.fetchval(restoring._SQL["chain_at"], end.block, end.position) != end.chain:
            raise NotRestored(f"row {end.position} of {end.block} is not in this journal, or is another")
        return await shipped(connection, end, rows)

    monkeypatch.setattr(restoring, "_restore_block", asks_for_the_last)
    with pytest.raises(NotRestored, match="is not in this journal"):
        await check_older_database(world, tmp_path)
