"""Who needs rows that were put away is told where they are, or is given them from there."""

import gzip
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from actors.archive import archive_file
from actors.archive.archive_file import ArchiveWriter, archives_at
from actors.archive.journal_with_archives import with_archives
from actors.audit import archives as audit_archives
from actors.audit import audit
from actors.core.snapshot import FORMAT
from actors.journal.journal import Snapshot
from actors.journal.postgres import PostgresJournal
from actors.journal.succession import JournalDamaged
from actors.projections.past import Instant, Past, Position
from actors.projections.past import PutAway as InArchive
from actors.projections.positions import Positions
from loadtests.audit_command import CLEAN, WRONG
from serve.replay import NotReplayable, replay_twice
from tests.archive.finished import (
    audited,
    away,
    finished_event,
    followed,
    known,
    loading,
)
from tests.projections.selling import World

pytestmark = pytest.mark.anyio


async def test_who_needs_the_rows_is_told_where_they_are(world: World, tmp_path: Path) -> None:
    event, other = await finished_event(world), await world.event()
    await followed(world)
    done = await away(world, event, tmp_path)
    last = event.rows[-1]
    past = Past(PostgresJournal(world.database_url))
    for ask in (
        lambda: past.shown(event.block, Position(3)),
        lambda: past.shown(event.block, Instant(event.rows[2].recorded_at_ms)),
        lambda: past.layout(event.block, 1),
    ):
        with pytest.raises(InArchive) as told:
            await ask()
        assert told.value.position == last.position
    assert (await past.shown(event.block, Position(last.position))).position == last.position
    await past.close()

    positions = Positions(world.database_url)
    assert await positions.rebuild(event.block) == []
    assert await positions.archive_of(event.block) == done.path.name
    assert await positions.rebuild(other.block) != []
    await positions.close()

    bare = with_archives(world.database_url, "tests", ())
    with pytest.raises(NotReplayable, match="in an archive, or lost"):
        await replay_twice(bare, event.block, None)
    await bare.close()
    whole = with_archives(world.database_url, "tests", archives_at(tmp_path))
    for position in (None, len(event.rows) - 1, 5):
        replayed = await replay_twice(whole, event.block, position)
        assert replayed.same
        if position is None:
            assert replayed.from_first_row.digest == known(event).hex()
            assert replayed.snapshot_position == last.position
    await whole.close()


async def test_the_audit_takes_archives_and_says_what_it_leaves_out(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    event = await finished_event(world)
    await world.event()
    await followed(world)
    done = await away(world, event, tmp_path)
    assert await audited(world) == CLEAN
    assert f"not audited: what is in the archive {done.path.name}" in capsys.readouterr().out
    assert await audited(world, event.block) == WRONG
    assert "give it with --archive" in capsys.readouterr().out
    assert await audited(world, archives=(tmp_path,)) == CLEAN
    said = capsys.readouterr().out
    assert "not audited" not in said
    assert "2 blocks" in said
    lines = gzip.decompress(done.path.read_bytes()).splitlines(keepends=True)
    done.path.write_bytes(gzip.compress(b"".join([*lines[:4], *lines[5:]])))
    assert await audited(world, archives=(tmp_path,)) == WRONG
    assert "row missing" in capsys.readouterr().out
    await world.connection.execute("delete from archived_blocks")
    assert await audited(world) == WRONG, "rows that are gone, and in no archive, are lost"


async def test_the_snapshot_of_the_last_row_stays(world: World, tmp_path: Path) -> None:
    event = await finished_event(world)
    await followed(world)
    await away(world, event, tmp_path)
    last = event.rows[-1].position
    kept = await world.rows("select position from snapshots where block_id = $1", event.block)
    assert kept == [(last,)]
    for later in (1, 2, 3):
        await world.journal.save_snapshot(Snapshot(event.block, last + later, bytes(16), FORMAT, b""))
    kept = await world.rows("select position from snapshots where block_id = $1 order by 1", event.block)
    assert kept == [(last,), (last + 2,), (last + 3,)]


async def test_a_shard_without_that_snapshot_says_where_the_rows_are(world: World, tmp_path: Path) -> None:
    event = await finished_event(world)
    await followed(world)
    await away(world, event, tmp_path)
    await world.connection.execute("update snapshots set format = format - 1")
    async with loading(world) as activator:
        with pytest.raises(JournalDamaged, match="in an archive, or lost"):
            await activator.load(event.block)


def test_the_file_says_what_it_is_to_whoever_opens_it(tmp_path: Path) -> None:
    header = archive_file.Header("event_0", "Night", "acme", 0, ())
    writer = ArchiveWriter(tmp_path / "a.gz", header)
    writer.finish()
    first, last = gzip.decompress((tmp_path / "a.gz").read_bytes()).splitlines()
    assert msgspec.json.decode(first)["event_id"] == "event_0"
    assert msgspec.json.decode(last)["rows"] == 0


async def check_slow_file(world: World, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """The audit reads an archive in a transaction, for longer than the database lets others be idle in one."""
    event = await finished_event(world)
    await followed(world)
    done = await away(world, event, folder)
    ((database,),) = await world.rows("select current_database()")
    await world.connection.execute(f"alter database {database} set idle_in_transaction_session_timeout = '1s'")
    shipped = audit_archives._lines

    def slowly(file: Path) -> Iterator[bytes]:
        for line in shipped(file):
            time.sleep(1.5 / len(event.rows))
            yield line

    patch.setattr(audit_archives, "_lines", slowly)
    assert await audited(world, event.block, archives=(done.path,)) == CLEAN


async def test_an_audit_may_take_long_over_an_archive(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_slow_file(world, tmp_path, monkeypatch)


async def test_control_an_audit_that_goes_by_the_database_s_bound_is_cut_off(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def as_it_comes(database_url: str) -> Any:
        return await asyncpg.connect(database_url)

    monkeypatch.setattr(audit, "connect_to_read", as_it_comes)
    with pytest.raises((AssertionError, asyncpg.PostgresError)):
        await check_slow_file(world, tmp_path, monkeypatch)
