"""A finished event put away: all of its rows in a file, its last in the journal, read as before, and put back."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from actors.archive import archive_file, putting_away, restoring
from actors.archive.archive_file import ArchiveDamaged, ArchiveFile, ArchiveWriter
from actors.archive.putting_away import NotPutAway, finished_before, put_away
from actors.archive.restoring import NotRestored, restore
from actors.core import block as core
from actors.core.snapshot import digest
from actors.journal.journal import GENESIS, JournalRow, NewRow, chain_of
from loadtests.audit_command import CLEAN
from tests.archive.finished import (
    AFTER_ALL_MS,
    audited,
    away,
    check_whole,
    close_and_archive,
    finished_event,
    finished_in_parts,
    followed,
    known,
    loading,
    rows_in_journal,
)
from tests.projections.selling import SellingEvent, World

pytestmark = pytest.mark.anyio


class Stopped(BaseException):
    """What ends a process in the middle."""


async def test_an_event_that_is_put_away_is_read_as_before_and_put_back(world: World, tmp_path: Path) -> None:
    event, other = await finished_event(world), await world.event()
    await followed(world)
    before, shown = await rows_in_journal(world), await world.rows("select * from availability order by block_id")
    done = await away(world, event, tmp_path)
    assert done.rows == len(event.rows) - 1
    await check_whole(world, tmp_path, before)
    left = await world.rows("select position from journal where block_id = $1", event.block)
    assert left == [(len(event.rows),)]

    async with loading(world) as activator:
        loaded = await activator.load(event.block)
        assert (loaded.position, digest(loaded.state)) == (len(event.rows), known(event))
    assert await world.rows("select * from availability order by block_id") == shown
    await other.sell(other.hold("Hall/A/1"))
    await followed(world)
    assert all(because is None for _, because in (await world.positions(event.block)).values())

    assert (await away(world, event, tmp_path)).rows == 0, "it is done"
    assert await restore(world.connection, ArchiveFile(done.path)) == len(event.rows) - 1
    after = [row for row in await rows_in_journal(world) if row[4] == event.block]
    assert after == [row for row in before if row[4] == event.block]
    assert await restore(world.connection, ArchiveFile(done.path)) == 0
    assert (await away(world, event, tmp_path)).rows == len(event.rows) - 1, "and away once more"


async def test_home_and_parts_go_together(world: World, tmp_path: Path) -> None:
    home, part = await finished_in_parts(world)
    await followed(world)
    before = await rows_in_journal(world)
    assert await finished_before(world.connection, AFTER_ALL_MS) == [home.block]
    done = await away(world, home, tmp_path)
    assert [end.block for end in ArchiveFile(done.path).header.blocks] == [home.block, part.block]
    assert len(await rows_in_journal(world)) == 2
    await check_whole(world, tmp_path, before)
    assert await finished_before(world.connection, AFTER_ALL_MS) == []
    assert await audited(world, archives=(tmp_path,)) == CLEAN
    await restore(world.connection, ArchiveFile(done.path))
    assert await rows_in_journal(world) == before


async def test_nobody_begins_it_again_at_its_first_row(world: World, tmp_path: Path) -> None:
    event = await finished_event(world)
    await followed(world)
    await away(world, event, tmp_path)
    entries = event.rows[0].entries
    for position, chain in ((1, GENESIS), (2, event.rows[0].chain)):
        row = JournalRow(event.block, position, 9, 0, 1, entries, chain_of(chain, event.block, position, 9, 0, entries))
        assert (await world.journal.append([NewRow(row, chain)])).fenced == {event.block}
    last = event.rows[-1]
    entries = event.rows[-1].entries
    chain = chain_of(last.chain, event.block, last.position + 1, 9, 0, entries)
    row = JournalRow(event.block, last.position + 1, 9, 0, 1, entries, chain)
    assert (await world.journal.append([NewRow(row, last.chain)])).durable == {event.block}, "its last row is its head"


async def test_what_is_not_over_stays(world: World, tmp_path: Path) -> None:
    selling = await world.event()
    await followed(world)
    with pytest.raises(NotPutAway, match="ON_SALE, and not ARCHIVED"):
        await away(world, selling, tmp_path)
    holding = await world.event()
    await holding.sell(holding.hold("Hall/A/1"))
    holding.now_ms -= 24 * 3_600_000
    await close_and_archive(holding)
    with pytest.raises(NotPutAway, match="still to happen"):
        await away(world, holding, tmp_path)
    finished = await finished_event(world)
    with pytest.raises(NotPutAway, match="too lately"):
        await put_away(world.connection, finished.block, tmp_path, finished.now_ms)
    with pytest.raises(NotPutAway, match="has not followed"):
        await away(world, finished, tmp_path)
    (unchanged,) = await world.rows("select count(*) from journal where block_id = $1", finished.block)
    assert unchanged == (len(finished.rows),)
    _, part = await finished_in_parts(world)
    await followed(world)
    with pytest.raises(NotPutAway, match="no event"):
        await away(world, part, tmp_path)


STEPS = ("fsync", "rename", "sync_folder", "folded", "_drop_rows of the part", "_drop_rows of the home")


@pytest.mark.parametrize("step", STEPS)
async def test_stopped_anywhere_nothing_is_lost_and_again_it_is_done(world: World, tmp_path: Path, step: str) -> None:
    home, _ = await finished_in_parts(world)
    await followed(world)
    before = await rows_in_journal(world)
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, step, home)
        with pytest.raises(Stopped):
            await away(world, home, tmp_path)
    await check_whole(world, tmp_path, before)
    done = await away(world, home, tmp_path)
    assert len(await rows_in_journal(world)) == 2
    await check_whole(world, tmp_path, before)
    assert await restore(world.connection, ArchiveFile(done.path)) == len(before) - 2
    assert await rows_in_journal(world) == before


def stop_at(patch: pytest.MonkeyPatch, step: str, home: SellingEvent) -> None:
    """End it there, once all before it has been done."""

    def stop(*_: object, **__: object) -> None:
        raise Stopped

    match step:
        case "fsync":
            patch.setattr("actors.archive.archive_file.os.fsync", stop)
        case "rename":
            patch.setattr(Path, "rename", stop)
        case "sync_folder":
            patch.setattr(archive_file, "sync_folder", stop)
        case "folded":
            patch.setattr(putting_away, "folded", stop)
        case _:
            drop = putting_away._SQL["drop_rows"]
            shipped = putting_away._drop_rows

            async def until(connection: Any, of: Any, end: Any, *rest: Any) -> int:
                if (end.block == home.block) == step.endswith("home"):
                    patch.setitem(putting_away._SQL, "drop_rows", f"{drop} and 1 / 0 = 1")
                try:
                    return await shipped(connection, of, end, *rest)
                except Exception as stopped:
                    raise Stopped from stopped

            patch.setattr(putting_away, "_drop_rows", until)


async def test_stopped_while_it_is_put_back_it_goes_on(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, part = await finished_in_parts(world)
    await followed(world)
    before = await rows_in_journal(world)
    done = await away(world, home, tmp_path)
    shipped = restoring._restore_block

    async def until(connection: Any, end: Any, rows: Any) -> int:
        count = await shipped(connection, end, rows)
        if end.block == part.block:
            raise Stopped
        return count

    with monkeypatch.context() as patch:
        patch.setattr(restoring, "_restore_block", until)
        with pytest.raises(Stopped):
            await restore(world.connection, ArchiveFile(done.path))
    await check_whole(world, tmp_path, before)
    assert await restore(world.connection, ArchiveFile(done.path)) == len(part.rows) - 1
    assert await rows_in_journal(world) == before


async def test_a_file_of_before_a_later_write_is_written_anew(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = await finished_event(world)
    with pytest.raises(NotPutAway, match="has not followed"):
        await away(world, event, tmp_path)
    await event.append_bytes(event.rows[0].entries)  # a claim, of a shard that was asked to write
    await followed(world)
    monkeypatch.setattr(core, "next_deadline_ms", lambda _: None)
    done = await away(world, event, tmp_path)
    assert ArchiveFile(done.path).header.blocks[0].position == len(event.rows)


async def lose_a_row(world: World, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Put an event away with a writer that leaves a row out; nothing may be lost."""
    event = await finished_event(world)
    await followed(world)
    before = await rows_in_journal(world)
    shipped = ArchiveWriter.add
    patch.setattr(ArchiveWriter, "add", lambda writer, row: None if row.position == 3 else shipped(writer, row))
    with pytest.raises(ArchiveDamaged, match="row 4 does not extend row 2"):
        await away(world, event, folder)
    assert await rows_in_journal(world) == before


async def test_what_was_written_wrongly_is_noticed_before_anything_is_dropped(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lose_a_row(world, tmp_path, monkeypatch)


async def test_the_check_notices_when_the_file_is_not_read_back(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: rows that are dropped with nothing read back."""
    event = await finished_event(world)
    await followed(world)
    before = await rows_in_journal(world)
    shipped = ArchiveWriter.add
    monkeypatch.setattr(ArchiveWriter, "add", lambda writer, row: None if row.position == 3 else shipped(writer, row))
    fold = putting_away.Fold()
    fold.state = event.state
    monkeypatch.setattr(putting_away, "folded", lambda _: {event.block: fold})
    await away(world, event, tmp_path)
    with pytest.raises(ArchiveDamaged):
        await check_whole(world, tmp_path, before)


async def test_the_check_notices_a_head_that_is_not_looked_at(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: the last row goes as well, and the block can be begun again."""
    event = await finished_event(world)
    await followed(world)
    before = await rows_in_journal(world)
    drop = putting_away._SQL["drop_rows"].replace("<", "<=")
    monkeypatch.setitem(putting_away._SQL, "drop_rows", drop)
    await away(world, event, tmp_path)
    with pytest.raises(AssertionError, match="the last row of a block is gone"):
        await check_whole(world, tmp_path, before)


async def test_a_damaged_archive_is_refused_wherever_the_damage_is(world: World, tmp_path: Path) -> None:
    event = await finished_event(world)
    await followed(world)
    done = await away(world, event, tmp_path)
    before = await rows_in_journal(world)
    raw, lines = done.path.read_bytes(), gzip.decompress(done.path.read_bytes()).splitlines(keepends=True)
    swapped = [*lines[:3], lines[4], lines[3], *lines[5:]]
    told = lines[2].replace(b'"entry_count":', b'"entry_count":1')
    renamed = lines[0].replace(b'"name":"Night"', b'"name":"Day"')
    damaged: dict[str, bytes] = {
        "cut": raw[: len(raw) // 2],
        "a byte": raw[:200] + bytes([raw[200] ^ 1]) + raw[201:],
        "no end": gzip.compress(b"".join(lines[:-1])),
        "swapped": gzip.compress(b"".join(swapped)),
        "a row less": gzip.compress(b"".join([*lines[:2], *lines[3:]])),
        "a count": gzip.compress(b"".join([*lines[:2], told, *lines[3:]])),
        "its header": gzip.compress(b"".join([renamed, *lines[1:]])),
        "more": gzip.compress(b"".join([*lines, lines[1]])),
        "nothing": b"",
        "text": b"an archive",
    }
    for what, content in damaged.items():
        spoilt = tmp_path / "spoilt.gz"
        spoilt.write_bytes(content)
        try:
            await restore(world.connection, ArchiveFile(spoilt))
        except ArchiveDamaged:
            continue
        pytest.fail(f"it is not noticed: {what}")
    assert await rows_in_journal(world) == before
    await world.connection.execute("update journal set chain = $1 where block_id = $2", bytes(16), event.block)
    with pytest.raises(NotRestored, match="is another"):
        await restore(world.connection, ArchiveFile(done.path))
