"""What is put away, and what is erased, is no damage; a last row that is not the archive's is."""

from pathlib import Path

import pytest

from actors.archive.erasing import erase
from actors.journal.journal import GENESIS
from serve.doctor.findings import Standing
from serve.doctor.journal_checks import CHAINS
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
    for check in (CHAINS, SNAPSHOTS):
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


async def test_control_a_doctor_that_knows_no_archives_finds_damage(world: World, tmp_path: Path) -> None:
    async with ward(world) as well:
        event = await put_away_event(well, tmp_path)
        await well.execute("delete from archived_blocks where block_id = $1", event.block)
        with pytest.raises(AssertionError):
            await check_well(well)
