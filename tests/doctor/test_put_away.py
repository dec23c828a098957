"""What is put away, and what is erased, is no damage; a last row that is not the archive's is."""

from pathlib import Path
from typing import Any

import pytest

from actors.archive.erasing import erase
from actors.journal.journal import GENESIS
from serve.doctor import snapshot_checks
from serve.doctor.findings import SQL, Standing
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
    monkeypatch.setitem(SQL, "is_put_away", "select false where $1::text is not null")
    async with ward(world) as well:
        with pytest.raises(AssertionError, match=r"stands on a row that is not in the journal|cannot be compared"):
            await check_put_away_meanwhile(well, tmp_path, monkeypatch, step)


async def test_control_a_doctor_that_knows_no_archives_finds_damage(world: World, tmp_path: Path) -> None:
    async with ward(world) as well:
        event = await put_away_event(well, tmp_path)
        await well.execute("delete from archived_blocks where block_id = $1", event.block)
        with pytest.raises(AssertionError):
            await check_well(well)
