"""What is put away or erased is no damage; a last row that is not the archive's is, and so is a lost snapshot."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from actors.archive.archive_file import ArchiveFile
from actors.archive.erasing import erase
from actors.archive.kept_snapshots import why_unread
from actors.archive.restoring import restore
from actors.core.ids import BlockId, event_id
from actors.core.snapshot import FORMAT, freeze
from actors.core.state import BlockState
from actors.journal.journal import GENESIS
from actors.projections.positions import Positions
from serve.cli import app
from serve.doctor import journal_checks, kept_snapshot_checks, snapshot_checks
from serve.doctor.findings import SQL, Standing
from serve.doctor.journal_checks import CHAINS
from serve.doctor.kept_snapshot_checks import KEPT_SNAPSHOTS
from serve.doctor.projection_checks import PROJECTIONS
from serve.doctor.snapshot_checks import SNAPSHOTS
from tests.archive.finished import AFTER_ALL_MS, away, finished_event
from tests.doctor.ward import Ward, ward
from tests.projections.selling import ALL, SellingEvent, World, follow_all

pytestmark = pytest.mark.anyio


async def put_away_event(ward: Ward, folder: Path) -> SellingEvent:
    event = await finished_event(ward.world)
    await follow_all(ward.world.projector(*[kind() for kind in ALL]))
    await away(ward.world, event, folder)
    return event


async def check_well(ward: Ward) -> None:
    for check in (CHAINS, SNAPSHOTS, KEPT_SNAPSHOTS):
        (finding,) = await ward.looked(check)
        assert finding.standing is Standing.OK, finding


async def test_what_is_put_away_or_erased_is_well(world: World, tmp_path: Path) -> None:
    async with ward(world) as well:
        event = await put_away_event(well, tmp_path)
        await check_well(well)
        await erase(world.connection, event.block, tmp_path, AFTER_ALL_MS)
        await check_well(well)


async def test_a_last_row_that_is_not_the_archives_is_found(world: World, tmp_path: Path) -> None:
    async with ward(world) as well:
        event = await put_away_event(well, tmp_path)
        await well.execute("update journal set chain = $1 where block_id = $2", GENESIS, event.block)
        finding = await well.found(CHAINS, Standing.WRONG)
        assert "is not the one that its archive ends with" in finding.seen
        await well.execute("delete from journal where block_id = $1", event.block)
        await well.found(CHAINS, Standing.WRONG)


async def check_put_away_meanwhile(ward: Ward, folder: Path, patch: pytest.MonkeyPatch, step: str) -> None:
    """Before this step of the look at its snapshots the event is put away, and that is no damage."""
    event = await finished_event(ward.world)
    await follow_all(ward.world.projector(*[kind() for kind in ALL]))
    shipped, is_away = getattr(snapshot_checks, step), False

    async def first_put_away(*arguments: Any) -> Any:
        nonlocal is_away
        if not is_away and any(getattr(one, "block", one) == event.block for one in arguments):
            is_away = True
            await away(ward.world, event, folder)
        return await shipped(*arguments)

    with patch.context() as inner:
        inner.setattr(snapshot_checks, step, first_put_away)
        (finding,) = await ward.looked(SNAPSHOTS)
    assert is_away
    assert finding.standing is Standing.OK, finding.seen


@pytest.mark.parametrize("step", ["_check_block", "replay"])
async def test_what_is_put_away_while_it_is_looked_at_is_well(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async with ward(world) as well:
        await check_put_away_meanwhile(well, tmp_path, monkeypatch, step)


@pytest.mark.parametrize("step", ["_check_block", "replay"])
async def test_control_a_doctor_that_does_not_look_again_finds_damage(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setitem(SQL, "archived_at", "select null::bigint where $1::text is not null")
    async with ward(world) as well:
        with pytest.raises(AssertionError, match=r"stands on a row that is not in the journal|cannot be compared"):
            await check_put_away_meanwhile(well, tmp_path, monkeypatch, step)


async def test_control_a_doctor_that_knows_no_archives_finds_damage(world: World, tmp_path: Path) -> None:
    async with ward(world) as well:
        event = await put_away_event(well, tmp_path)
        await well.execute("delete from archived_blocks where block_id = $1", event.block)
        with pytest.raises(AssertionError):
            await check_well(well)


async def check_rows_put_away_meanwhile(
    ward: Ward, folder: Path, patch: pytest.MonkeyPatch, *, is_restored: bool = False
) -> None:
    """Before its rows are read, or read on, the event is put away, and that is no damage; nor if it comes back."""
    event = await finished_event(ward.world)
    await follow_all(ward.world.projector(*[kind() for kind in ALL]))
    shipped, pages, rows = ward.patient.connection, 0, SQL["rows"]

    class Connection:
        """The doctor's, and what happens before its pages."""

        async def fetch(self, query: str, *arguments: Any) -> Any:
            nonlocal pages
            if query != rows or arguments[0] != event.block:
                return await shipped.fetch(query, *arguments)
            pages += 1
            done = await away(ward.world, event, folder) if pages == 2 else None
            found = await shipped.fetch(query, *arguments)
            if done is not None and is_restored:
                await restore(ward.world.connection, ArchiveFile(done.path))
            return found

        async def fetchval(self, query: str, *arguments: Any) -> Any:
            return await shipped.fetchval(query, *arguments)

    with patch.context() as inner:
        inner.setattr(journal_checks, "ROWS_PER_PAGE", 2)
        ward.patient = ward.patient._replace(connection=Connection())
        (finding,) = await ward.looked(CHAINS)
    ward.patient = ward.patient._replace(connection=shipped)
    assert pages >= 2
    assert finding.standing is Standing.OK, finding.seen


@pytest.mark.parametrize("is_restored", [False, True])
async def test_rows_that_are_put_away_while_they_are_read_are_well(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_restored: bool
) -> None:
    async with ward(world) as well:
        await check_rows_put_away_meanwhile(well, tmp_path, monkeypatch, is_restored=is_restored)


async def test_control_a_doctor_that_does_not_ask_again_finds_rows_missing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SQL, "archived_at", "select null::bigint where $1::text is not null")
    async with ward(world) as well:
        with pytest.raises(AssertionError, match=r"row missing|last rows are missing"):
            await check_rows_put_away_meanwhile(well, tmp_path, monkeypatch)


HARM = {
    "is not there": "delete from snapshots where block_id = $1",
    f"is of format {FORMAT + 1}, and this version reads {FORMAT}": (
        "update snapshots set format = format + 1 where block_id = $1"
    ),
    "is not the one that was kept, by its hash": (
        "update snapshots set state = overlay(state placing '\\x00ff'::bytea from 40) where block_id = $1"
    ),
    "does not decode (the checksum is that of other bytes)": (
        "with harmed as ("
        "update snapshots set state = overlay(state placing '\\x00ff'::bytea from 40) where block_id = $1"
        ") update archived_blocks set snapshot_hash = null where block_id = $1"
    ),
    "stands on another row than the one that is here": (
        "update snapshots set chain = '\\x00112233445566778899aabbccddeeff'::bytea where block_id = $1"
    ),
}


async def check_found(ward: Ward, event: SellingEvent, standing: Standing, named: str) -> None:
    """Each harm to its one snapshot, and to no other's."""
    kept = (await ward.world.rows("select * from snapshots where block_id = $1", event.block))[0]
    for seen, harm in HARM.items():
        await ward.execute(harm, event.block)
        finding = await ward.found(KEPT_SNAPSHOTS, standing)
        assert finding.seen == f"{event_id(event.block)} is {named}, and the snapshot that stands for it {seen}"
        await ward.execute("delete from snapshots where block_id = $1", event.block)
        await ward.execute("insert into snapshots values ($1, $2, $3, $4, $5, $6)", *kept)
        await check_well(ward)


async def test_the_only_snapshot_of_what_is_put_away_or_erased_is_looked_at(world: World, tmp_path: Path) -> None:
    async with ward(world) as ill:
        event = await put_away_event(ill, tmp_path)
        await check_found(ill, event, Standing.WARNING, "put away")
        await erase(world.connection, event.block, tmp_path, AFTER_ALL_MS)
        await check_found(ill, event, Standing.WRONG, "erased")


async def test_a_snapshot_of_another_state_that_decodes_is_found(world: World, tmp_path: Path) -> None:
    async with ward(world) as ill:
        event = await put_away_event(ill, tmp_path)
        await ill.execute("update snapshots set state = $2 where block_id = $1", event.block, freeze(BlockState()))
        finding = await ill.found(KEPT_SNAPSHOTS, Standing.WARNING)
        assert "is not the one that was kept, by its hash" in finding.seen


async def test_control_a_doctor_that_looks_at_no_archived_block_is_noticed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_: object) -> None:
        return None

    monkeypatch.setattr(kept_snapshot_checks, "_fault", nothing)
    async with ward(world) as ill:
        event = await put_away_event(ill, tmp_path)
        with pytest.raises(AssertionError):
            await check_found(ill, event, Standing.WARNING, "put away")


async def test_a_version_that_reads_another_format_is_warned_of_what_is_archived(world: World, tmp_path: Path) -> None:
    async with ward(world) as ill:
        event = await put_away_event(ill, tmp_path)
        words = ["migrate", "--database-url", world.database_url]
        environ = {"HOLDFAST_DATA_DIR": None}
        said = await asyncio.to_thread(lambda: CliRunner().invoke(app, words, env=environ))
        assert (said.exit_code, said.stdout, said.stderr) == (0, "nothing to do\n", "")
        await ill.execute("update snapshots set format = format - 1")
        said = await asyncio.to_thread(lambda: CliRunner().invoke(app, words, env=environ))
        assert (said.exit_code, said.stdout) == (0, "nothing to do\n")
        begin = f"1 archived blocks have no snapshot of format {FORMAT}, which alone is read here, and answer nobody: "
        named = f"those that are put away ({event_id(event.block)} is one) want their archives back"
        assert said.stderr.startswith(f"warning: {begin}{named}")
        await ill.execute("update snapshots set format = format + 1")
        assert await why_unread(world.database_url) is None
        await erase(world.connection, event.block, tmp_path, AFTER_ALL_MS)
        assert await why_unread(world.database_url) is None
        await ill.execute("update snapshots set format = format - 1")
        assert f"1 are erased ({event_id(event.block)} is of one)" in (await why_unread(world.database_url) or "")


async def check_repair_of_what_is_archived(ward: Ward, folder: Path) -> None:
    """A projection that has stopped at an event that is put away is not said to be rebuilt; once it is back, it is."""
    event = await put_away_event(ward, folder)
    who, ((archive,),) = event_id(event.block), await ward.world.rows("select archive from archived_blocks")
    await ward.execute("update projection_positions set quarantined_because = 'a bug' where block_id = $1", event.block)
    examined = await ward.examined(repair=True, quick=True)
    (repaired,) = [one for one in examined.repairs if one.check == PROJECTIONS]
    assert repaired.done == (
        f"nothing: what is read of {who} is derived from rows that are in the archive {archive}; put them back with "
        "holdfast archive restore, then repair it"
    )
    assert (await ward.found(PROJECTIONS, Standing.WRONG)).seen.endswith(f"{who}: a bug")
    await restore(ward.world.connection, ArchiveFile(folder / archive))
    examined = await ward.examined(repair=True, quick=True)
    (repaired,) = [one for one in examined.repairs if one.check == PROJECTIONS]
    assert repaired.done == f"what is read of {who} is derived anew, as soon as a projector runs"


async def test_a_repair_without_the_rows_to_begin_with_says_where_they_are(world: World, tmp_path: Path) -> None:
    async with ward(world) as ill:
        await check_repair_of_what_is_archived(ill, tmp_path)


async def test_control_a_repair_that_does_not_ask_what_has_begun_is_noticed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = Positions.rebuild

    async def always(positions: Positions, block: BlockId) -> list[str]:
        return await shipped(positions, block) or ["availability"]

    monkeypatch.setattr(Positions, "rebuild", always)
    async with ward(world) as ill:
        with pytest.raises(AssertionError, match="is derived anew"):
            await check_repair_of_what_is_archived(ill, tmp_path)
