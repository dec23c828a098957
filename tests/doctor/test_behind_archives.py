"""Rows and snapshots behind what an archive has are looked at as all others are, from the row on that it ends with."""

from pathlib import Path
from typing import Any

import pytest

from actors.archive.erasing import erase
from actors.audit.rows import Row, RowCheck, positions_read
from actors.core.entries import Activated
from actors.core.snapshot import freeze
from actors.core.state import BlockState
from serve.doctor import journal_checks
from serve.doctor.findings import SQL, Standing
from serve.doctor.journal_checks import CHAINS
from serve.doctor.snapshot_checks import SNAPSHOTS
from tests.archive.finished import AFTER_ALL_MS, DAY_MS, away, finished_event
from tests.doctor.test_put_away import check_well, put_away_event
from tests.doctor.ward import Ward, ward
from tests.projections.selling import ALL, SellingEvent, World, follow_all

pytestmark = pytest.mark.anyio

CLAIMS = 4


async def claim(event: SellingEvent, shard: str = "shard-1") -> None:
    """Under the epoch that the event has."""
    event.now_ms += DAY_MS
    await event.append([Activated(event.now_ms, shard, event.stamp().key[-8:])])


async def written_behind(ward: Ward, folder: Path) -> SellingEvent:
    """Put away; then claimed again by who had it, with a snapshot, and by others, with one as well, all followed."""
    event = await put_away_event(ward, folder)
    await claim(event)
    await event.save_snapshot()
    for _ in range(CLAIMS - 1):
        event.epoch += 1
        await claim(event)
    await event.save_snapshot()
    await follow_all(ward.world.projector(*[kind() for kind in ALL]))
    return event


HARM = {
    "chain broken": "update journal set recorded_at_ms = 1 where block_id = $1 and position = $2 - 1",
    "row missing": "delete from journal where block_id = $1 and position = $2 - 1",
    "last rows are missing": "delete from journal where block_id = $1 and position = $2",
}


async def check_found(ward: Ward, event: SellingEvent) -> None:
    """Each harm to the rows behind."""
    await check_well(ward)
    rows = await ward.world.rows("select * from journal where block_id = $1", event.block)
    names = "position, epoch, recorded_at_ms, entry_count, block_id, chain, entries"
    for seen, harm in HARM.items():
        await ward.execute(harm.replace("$2", str(len(event.rows))), event.block)
        finding = await ward.found(CHAINS, Standing.WRONG)
        assert seen in finding.seen
        await ward.execute("delete from journal where block_id = $1", event.block)
        for row in rows:
            await ward.execute(f"insert into journal ({names}) values ($1, $2, $3, $4, $5, $6, $7)", *row)
        await check_well(ward)


async def test_damage_to_rows_behind_an_archive_is_found(world: World, tmp_path: Path) -> None:
    async with ward(world) as ill:
        await check_found(ill, await written_behind(ill, tmp_path))


async def test_control_a_doctor_that_leaves_out_what_is_archived_is_noticed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archived = "and not exists (select from archived_blocks where archived_blocks.block_id = blocks.block_id) order by"
    monkeypatch.setitem(SQL, "blocks", SQL["blocks"].replace("order by blocks.block_id", f"{archived} blocks.block_id"))

    async def of_others(connection: Any, blocks: Any) -> dict[str, int]:
        away = {row["block_id"] for row in await connection.fetch(SQL["put_away"])}
        return {block: at for block, at in (await positions_read(connection, blocks)).items() if block not in away}

    monkeypatch.setattr(journal_checks, "positions_read", of_others)
    async with ward(world) as ill:
        event = await written_behind(ill, tmp_path)
        with pytest.raises(AssertionError):
            await check_found(ill, event)


async def check_claims(ward: Ward, folder: Path) -> None:
    """Who began the epoch may claim again behind the archive, which does not say who it was; nobody else may."""
    event = await put_away_event(ward, folder)
    await claim(event)
    await check_well(ward)
    await claim(event, "shard-2")
    seen = (await ward.found(CHAINS, Standing.WRONG)).seen
    assert f"row {len(event.rows)}: activation out of place: shard-2 claims it" in seen


async def test_claims_behind_an_archive_are_held_against_each_other(world: World, tmp_path: Path) -> None:
    async with ward(world) as ill:
        await check_claims(ill, tmp_path)


async def test_control_who_takes_it_that_nobody_began_the_epoch_is_noticed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = RowCheck._begin_behind

    def as_if_known(check: RowCheck, row: Row) -> None:
        shipped(check, row)
        check._knows_owner = True

    monkeypatch.setattr(RowCheck, "_begin_behind", as_if_known)
    async with ward(world) as ill:
        with pytest.raises(AssertionError, match="activation out of place"):
            await check_claims(ill, tmp_path)


async def test_an_epoch_below_that_of_the_archive_is_found(world: World, tmp_path: Path) -> None:
    async with ward(world) as ill:
        event = await put_away_event(ill, tmp_path)
        event.epoch -= 1
        await claim(event)
        assert "epoch 0 follows epoch 1" in (await ill.found(CHAINS, Standing.WRONG)).seen


async def test_what_is_behind_an_erased_event_is_looked_at(world: World, tmp_path: Path) -> None:
    async with ward(world) as ill:
        event = await put_away_event(ill, tmp_path)
        await erase(world.connection, event.block, tmp_path, AFTER_ALL_MS)
        await check_well(ill)
        closing = f"where block_id = $1 and position = {len(event.rows) + 1}"
        await ill.execute(f"update journal set recorded_at_ms = recorded_at_ms + 1 {closing}", event.block)
        assert "chain broken" in (await ill.found(CHAINS, Standing.WRONG)).seen
        await ill.execute(f"delete from journal {closing}", event.block)
        assert "last rows are missing" in (await ill.found(CHAINS, Standing.WRONG)).seen


async def check_snapshots_found(ward: Ward, event: SellingEvent) -> None:
    """The one behind the archive is of another state; then it stands on a row that is not there."""
    newest = f"where block_id = $1 and position = {len(event.rows)}"
    await ward.execute(f"update snapshots set state = $2 {newest}", event.block, freeze(BlockState()))
    assert "leads to another state than the rows" in (await ward.found(SNAPSHOTS, Standing.WRONG)).seen
    await ward.execute(f"update snapshots set chain = $2 {newest}", event.block, bytes(16))
    assert "stands on a row that is not in the journal" in (await ward.found(SNAPSHOTS, Standing.WRONG)).seen
    await ward.examined(repair=True)


async def test_a_snapshot_behind_an_archive_is_held_against_its_rows(world: World, tmp_path: Path) -> None:
    async with ward(world) as ill:
        event = await written_behind(ill, tmp_path)
        await check_snapshots_found(ill, event)


async def test_control_a_doctor_that_reads_no_snapshot_behind_an_archive_is_noticed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SQL, "snapshots", f"{SQL['snapshots'].replace('order by', 'and $3 = 0 order by')}")
    async with ward(world) as ill:
        event = await written_behind(ill, tmp_path)
        with pytest.raises(AssertionError):
            await check_snapshots_found(ill, event)


async def test_without_the_snapshot_that_stands_for_the_archive_only_that_is_told(world: World, tmp_path: Path) -> None:
    async with ward(world) as ill:
        event = await written_behind(ill, tmp_path)
        await ill.execute(
            "delete from snapshots using archived_blocks as away "
            "where snapshots.block_id = $1 and away.block_id = $1 and snapshots.position = away.position",
            event.block,
        )
        (finding,) = await ill.looked(SNAPSHOTS)
        assert finding.standing is Standing.OK, finding
        assert "is not there" in (await ill.found("archived", Standing.WARNING)).seen


async def check_put_away_meanwhile(ward: Ward, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Before its second page is read, what is behind the archive goes into it as well, and that is no damage."""
    event = await written_behind(ward, folder)
    shipped, pages, is_over = ward.patient.connection, 0, False

    class Connection:
        """The doctor's, and what happens before its pages."""

        async def fetch(self, query: str, *arguments: Any) -> Any:
            nonlocal pages, is_over
            if query == SQL["rows"] and arguments[0] == event.block and arguments[2] > 1:
                pages += 1
                if pages == 2:
                    is_over = (await away(ward.world, event, folder)).rows == CLAIMS
            return await shipped.fetch(query, *arguments)

        async def fetchval(self, query: str, *arguments: Any) -> Any:
            return await shipped.fetchval(query, *arguments)

    with patch.context() as inner:
        inner.setattr(journal_checks, "ROWS_PER_PAGE", 2)
        ward.patient = ward.patient._replace(connection=Connection())
        (finding,) = await ward.looked(CHAINS)
    ward.patient = ward.patient._replace(connection=shipped)
    assert is_over
    assert finding.standing is Standing.OK, finding.seen


async def test_rows_that_are_put_away_while_they_are_read_are_well(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ward(world) as well:
        await check_put_away_meanwhile(well, tmp_path, monkeypatch)


async def test_control_a_doctor_that_looks_from_the_former_row_again_finds_damage(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = journal_checks._look

    async def once(patient: Any, block: str, archived_at: int | None, *rest: Any) -> Any:
        at = "null" if archived_at is None else str(archived_at)
        monkeypatch.setitem(SQL, "archived_at", f"select {at}::bigint where $1::text is not null")
        return await shipped(patient, block, archived_at, *rest)

    monkeypatch.setattr(journal_checks, "_look", once)
    async with ward(world) as well:
        with pytest.raises(AssertionError, match=r"row missing|last rows are missing"):
            await check_put_away_meanwhile(well, tmp_path, monkeypatch)


async def test_an_event_with_nothing_behind_its_archive_adds_no_rows(world: World, tmp_path: Path) -> None:
    async with ward(world) as well:
        event = await finished_event(world)
        (before,) = await well.looked(CHAINS)
        await follow_all(world.projector(*[kind() for kind in ALL]))
        await away(world, event, tmp_path)
        (finding,) = await well.looked(CHAINS)
        rows = sum(len(each.rows) for each in well.events)
        assert before.seen == f"{rows + len(event.rows)} rows of 4 blocks are sound"
        assert finding.seen == f"{rows} rows of 3 blocks are sound, and where 1 end that are in archives"
