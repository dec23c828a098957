"""What is written of an event after it was put away, as a refund, goes into its archive too, and no row is lost."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from actors.archive import putting_away, restoring
from actors.archive.archive_file import SUFFIX, ArchiveDamaged, ArchiveFile, ArchiveWriter, archives_at
from actors.archive.erasing import erasable_before, erase
from actors.archive.putting_away import ArchiveElsewhere, NotPutAway, finished_before, put_away
from actors.archive.restoring import restore
from actors.core import block as core
from actors.core.commands import CancelOrder, ConfirmOrder, OpenSale, PlaceOrder
from actors.core.entries import Activated
from actors.core.snapshot import digest
from actors.journal.journal import JournalRow
from loadtests.audit_command import CLEAN
from tests.archive.finished import (
    AFTER_ALL_MS,
    DAY_MS,
    audited,
    away,
    check_whole,
    close_and_archive,
    finished_event,
    finished_in_parts,
    followed,
    known,
    loading,
    refund,
    rows_in_journal,
)
from tests.archive.named import BUYER, who_names
from tests.archive.test_commands import id_of, kill_until_done, names_in, said
from tests.archive.test_erasing import listing
from tests.archive.test_putting_away import STEPS, Stopped, stop_at
from tests.projections.selling import SellingEvent, World, follow_all

pytestmark = pytest.mark.anyio

LEGS = 3


async def write_behind(world: World, *events: SellingEvent) -> None:
    """A shard claims the block and takes back what was sold."""
    for event in events:
        event.now_ms += DAY_MS
        event.epoch += 1
        await event.append([Activated(event.now_ms, "shard-1", f"nonce{event.epoch:03}".encode())])
        await refund(event, LEGS)
    await followed(world)


async def put_away_in_parts(world: World, folder: Path) -> tuple[SellingEvent, SellingEvent, list[tuple[Any, ...]]]:
    """Home and part, and the rows that they had."""
    home, part = await finished_in_parts(world, LEGS)
    await followed(world)
    before = await rows_in_journal(world)
    await away(world, home, folder)
    return home, part, before


def with_behind(before: list[tuple[Any, ...]], now: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """All rows that there ever were, in order, by block and position."""
    return [row for _, row in sorted({(row[4], row[0]): row for row in (*before, *now)}.items())]


@pytest.mark.parametrize("written", ["home", "part", "both"])
async def test_it_goes_into_the_file_and_all_is_there(world: World, tmp_path: Path, written: str) -> None:
    home, part, before = await put_away_in_parts(world, tmp_path)
    assert await finished_before(world.connection, AFTER_ALL_MS) == []
    await write_behind(world, *{"home": [home], "part": [part], "both": [home, part]}[written])
    before = with_behind(before, await rows_in_journal(world))
    assert await finished_before(world.connection, AFTER_ALL_MS) == [home.block]
    done = await away(world, home, tmp_path)
    lasts = {event.block: len(event.rows) for event in (home, part)}
    assert done.rows == (4 if written == "both" else 2)
    assert {end.block: end.position for end in ArchiveFile(done.path).header.blocks} == lasts
    assert await rows_in_journal(world) == [row for row in before if row[0] == lasts[row[4]]]
    assert names_in(tmp_path) == [f"{id_of(home)}{SUFFIX}"]
    await check_whole(world, tmp_path, before)
    async with loading(world) as activator:
        for event in (home, part):
            assert digest((await activator.load(event.block)).state) == known(event)
    assert await finished_before(world.connection, AFTER_ALL_MS) == []
    assert await restore(world.connection, ArchiveFile(done.path)) == len(before) - 2
    assert await rows_in_journal(world) == before


async def test_an_order_that_is_cancelled_long_after_is_audited_with_the_rest(world: World, tmp_path: Path) -> None:
    event = await world.event()
    hold = event.hold("Hall/A/1")
    assert await event.sell(hold, PlaceOrder(event.stamp(), hold.hold, 77), ConfirmOrder(event.stamp(), 77)) == 3
    await close_and_archive(event)
    await followed(world)
    await away(world, event, tmp_path)
    event.now_ms += DAY_MS
    assert await event.sell(CancelOrder(event.stamp(), 77)) == 1
    await followed(world)
    assert (await away(world, event, tmp_path)).rows == 1
    assert await audited(world, archives=(tmp_path,)) == CLEAN
    async with loading(world) as activator:
        assert digest((await activator.load(event.block)).state) == known(event)


@pytest.mark.parametrize("step", STEPS)
async def test_stopped_anywhere_nothing_is_lost_and_again_it_is_done(world: World, tmp_path: Path, step: str) -> None:
    """Though it is written to once more before it goes on."""
    home, part, before = await put_away_in_parts(world, tmp_path)
    await write_behind(world, home, part)
    before = with_behind(before, await rows_in_journal(world))
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, step, home)
        with pytest.raises(Stopped):
            await away(world, home, tmp_path)
    await check_whole(world, tmp_path, before)
    await write_behind(world, home, part)
    before = with_behind(before, await rows_in_journal(world))
    assert await finished_before(world.connection, AFTER_ALL_MS) == [home.block]
    done = await away(world, home, tmp_path)
    assert len(await rows_in_journal(world)) == 2
    await check_whole(world, tmp_path, before)
    assert await restore(world.connection, ArchiveFile(done.path)) == len(before) - 2
    assert await rows_in_journal(world) == before


async def test_killed_anywhere_nothing_is_lost_and_again_it_is_done(world: World, tmp_path: Path) -> None:
    """SIGKILL to retention a little after its first words, again and again until it comes to its end."""
    events = [await finished_event(world, seed) for seed in range(6)]
    await followed(world)
    words = ("--older-than", "30", "--into", str(tmp_path), "--apply")
    before = await rows_in_journal(world)
    await said(world, 0, "retention", *words)
    for event in events:
        event.now_ms += DAY_MS
        await event.append([Activated(event.now_ms, "shard-1", b"nonce901")])
    await followed(world)
    before = with_behind(before, await rows_in_journal(world))
    kills = await kill_until_done(world, words, Random(1), lambda: check_whole(world, tmp_path, before))
    assert kills >= 2
    assert len(await rows_in_journal(world)) == len(events)
    assert names_in(tmp_path) == sorted(f"{id_of(event)}{SUFFIX}" for event in events)
    await said(world, 0, "audit", "--archive", str(tmp_path))


async def check_back_from_anywhere(world: World, folder: Path, step: str) -> None:
    """Stopped there, all that there was can be put back; the file may have more than is out of the journal."""
    home, part, before = await put_away_in_parts(world, folder)
    await write_behind(world, home, part)
    before = with_behind(before, await rows_in_journal(world))
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, step, home)
        with pytest.raises(Stopped):
            await away(world, home, folder)
    await restore(world.connection, ArchiveFile(folder / f"{id_of(home)}{SUFFIX}"))
    assert await rows_in_journal(world) == before
    assert await world.rows("select count(*) from archived_blocks") == [(0,)]


@pytest.mark.parametrize("step", STEPS)
async def test_stopped_anywhere_it_can_be_put_back(world: World, tmp_path: Path, step: str) -> None:
    await check_back_from_anywhere(world, tmp_path, step)


async def test_control_who_puts_back_only_to_the_last_row_of_the_file_is_noticed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was when a file always ended with the first row of the journal."""
    shipped = restoring._copy

    async def to_the_last(connection: Any, rows: Any, first: Any) -> int:
        ends = {end.position for archive in archives_at(tmp_path) for end in archive.header.blocks}
        return await shipped(connection, rows, first) if first["position"] in ends else 0

    monkeypatch.setattr(restoring, "_copy", to_the_last)
    with pytest.raises(AssertionError):
        await check_back_from_anywhere(world, tmp_path, STEPS[-1])


async def check_read_in_no_transaction(world: World, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Postgres ends who is idle in one for long: not while what came behind is put away, nor when it is erased."""
    home, part, _ = await put_away_in_parts(world, folder)
    await write_behind(world, home, part)
    shipped = ArchiveFile.rows

    def watched(archive: ArchiveFile) -> Iterator[JournalRow]:
        for row in shipped(archive):
            assert not world.connection.is_in_transaction()
            yield row

    patch.setattr(ArchiveFile, "rows", watched)
    await away(world, home, folder)
    await erase(world.connection, home.block, folder, AFTER_ALL_MS)


async def test_its_file_is_read_in_no_transaction(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_read_in_no_transaction(world, tmp_path, monkeypatch)


async def test_control_a_file_that_is_read_in_a_transaction_is_noticed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = putting_away._write_on

    async def as_of_one_moment(connection: Any, *rest: Any) -> ArchiveFile:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await shipped(connection, *rest)

    monkeypatch.setattr(putting_away, "_write_on", as_of_one_moment)
    with pytest.raises(AssertionError):
        await check_read_in_no_transaction(world, tmp_path, monkeypatch)


async def lose_a_row(world: World, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """The file is written anew by a writer that leaves a row out, of which it has the only copy."""
    home, part, before = await put_away_in_parts(world, folder)
    await write_behind(world, home, part)
    before = with_behind(before, await rows_in_journal(world))
    shipped = ArchiveWriter.add
    with patch.context() as inner:
        inner.setattr(ArchiveWriter, "add", lambda writer, row: None if row.position == 3 else shipped(writer, row))
        with pytest.raises(ArchiveDamaged, match="row 4 does not extend row 2"):
            await away(world, home, folder)
    await check_whole(world, folder, before)
    await away(world, home, folder)
    await check_whole(world, folder, before)


async def test_what_was_written_wrongly_does_not_take_the_place_of_what_was_right(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lose_a_row(world, tmp_path, monkeypatch)


async def test_control_a_file_that_has_its_name_before_it_was_read_back_is_noticed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = ArchiveWriter.end

    def named(writer: ArchiveWriter) -> ArchiveFile:
        archive = shipped(writer)
        writer.give_name()
        return ArchiveFile(archive.path.with_suffix(""))

    monkeypatch.setattr(ArchiveWriter, "end", named)
    monkeypatch.setattr(ArchiveWriter, "finish", named)
    with pytest.raises(ArchiveDamaged):
        await lose_a_row(world, tmp_path, monkeypatch)


async def test_what_does_not_fit_or_is_not_over_stays(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, part, _ = await put_away_in_parts(world, tmp_path)
    path = tmp_path / f"{id_of(home)}{SUFFIX}"
    first = path.read_bytes()
    await write_behind(world, part)
    before, files = await rows_in_journal(world), [path.name]

    async def refused(why: str, before_ms: int = AFTER_ALL_MS) -> None:
        with pytest.raises(NotPutAway, match=why):
            await put_away(world.connection, home.block, tmp_path, before_ms)
        assert await rows_in_journal(world) == before
        assert names_in(tmp_path) == files

    assert await finished_before(world.connection, part.now_ms) == []
    await refused(f"{id_of(part)}: it was written to too lately", part.now_ms)
    with monkeypatch.context() as patch:
        patch.setattr(core, "next_deadline_ms", lambda _: 1)
        await refused("something of it is still to happen")
    assert path.read_bytes() == first
    await part.append_bytes(part.rows[0].entries)
    before = await rows_in_journal(world)
    await refused("has not followed its journal to the end yet")
    await followed(world)
    await away(world, home, tmp_path)
    path.write_bytes(first)
    before = await rows_in_journal(world)
    await refused("is not the archive that it was put into")
    other, _ = await finished_in_parts(world, LEGS)
    await followed(world)
    path.write_bytes((await away(world, other, tmp_path)).path.read_bytes())
    files = names_in(tmp_path)
    before = await rows_in_journal(world)
    await refused(f"is of {id_of(other)}")
    assert ArchiveFile(path).header.event_id == id_of(other)
    path.unlink()
    with pytest.raises(ArchiveElsewhere, match="give the folder that has it, or restore it first"):
        await away(world, home, tmp_path)
    assert not await home.sell(OpenSale(home.stamp()))


async def check_erased_in_the_end(world: World, folder: Path) -> None:
    """Retention puts away what came behind an archive, and erases the event when it is time."""
    home, part = await finished_in_parts(world, LEGS)
    await follow_all(listing(world))
    words = ("retention", "--older-than", "30", "--into", str(folder))
    await said(world, 0, *words, "--apply")
    await write_behind(world, home, part)
    await follow_all(listing(world))
    printed, _ = await said(world, 0, *words, "--erase-after", "60")
    assert printed == [
        f"{id_of(home)}: to put away, 4 rows",
        f"{id_of(home)}: to erase as well, once it is put away",
        "1 to put away, 1 to erase, 0 refused",
        "nothing was changed: --apply does it",
    ]
    printed, _ = await said(world, 0, *words, "--erase-after", "60", "--apply")
    assert printed[0].endswith(" bytes; 4 rows left the journal")
    assert printed[1].startswith(f"{id_of(home)}: erased, with ")
    assert printed[2:] == ["1 put away, 1 erased, 0 refused"]
    for event in (home, part):
        assert BUYER in repr(event.state.holds), "there was somebody"
        assert await who_names(world, folder, event.block) == []
    assert await said(world, 0, *words, "--erase-after", "60", "--apply") == (["0 put away, 0 erased, 0 refused"], [])


async def test_retention_erases_what_was_written_to_since(world: World, tmp_path: Path) -> None:
    await check_erased_in_the_end(world, tmp_path)


async def test_control_a_retention_that_leaves_it_behind_is_noticed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished, behind = putting_away._SQL["finished"], "bool_or(head.position > archived_blocks.position)"
    assert behind in finished
    monkeypatch.setitem(putting_away._SQL, "finished", finished.replace(behind, "false"))
    with pytest.raises(AssertionError):
        await check_erased_in_the_end(world, tmp_path)


async def test_without_its_archive_it_stays_and_is_not_erased(world: World, tmp_path: Path) -> None:
    there, elsewhere = tmp_path / "there", tmp_path / "elsewhere"
    there.mkdir()
    home, part, _ = await put_away_in_parts(world, there)
    await write_behind(world, part)
    before = await rows_in_journal(world)
    words = ("retention", "--older-than", "30", "--into", str(elsewhere), "--apply")
    printed, errors = await said(world, 0, *words)
    assert errors == []
    assert printed == [
        f"{id_of(home)}: the rows before {before[0][0]} are in {id_of(home)}{SUFFIX}: give the folder that has it, or "
        "restore it first; until then what was written since stays",
        "0 put away, 0 erased, 0 refused",
    ]
    _, (line,) = await said(world, 1, *words, "--erase-after", "60")
    assert f"its archive {id_of(home)}{SUFFIX} is not in {elsewhere}: give the folder that has it" in line
    assert await rows_in_journal(world) == before
    printed, _ = await said(world, 0, "archive", "put", id_of(home), "--into", str(there))
    assert printed[0].endswith(" bytes; 2 rows left the journal")
    assert await erasable_before(world.connection, AFTER_ALL_MS) == [home.block]
    await erase(world.connection, home.block, there, AFTER_ALL_MS)
    with pytest.raises(NotPutAway, match="it was erased on 2"):
        await away(world, home, there)
