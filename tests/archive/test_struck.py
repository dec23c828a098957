"""A finished event that sold a unit twice, which was struck: put away, read, erased and put back as any other."""

from pathlib import Path
from random import Random

import pytest

from actors.archive import putting_away
from actors.archive.archive_file import ArchiveFile
from actors.archive.putting_away import Fold, NotPutAway
from actors.archive.restoring import restore
from actors.core.ids import BlockId
from actors.core.snapshot import digest
from loadtests.audit_command import CLEAN
from tests.archive.finished import (
    audited,
    away,
    check_whole,
    close_and_archive,
    followed,
    known,
    loading,
    rows_in_journal,
)
from tests.projections.selling import SellingEvent, World
from tests.projections.striking import sell_twice, strike

pytestmark = pytest.mark.anyio


async def struck_event(world: World) -> SellingEvent:
    """Over and archived, followed to its end."""
    event = await world.event()
    first, _ = await sell_twice(event)
    await strike(event, first)
    await event.live_at_random(Random(5), 10)
    await close_and_archive(event)
    await followed(world)
    return event


async def check_away_and_back(world: World, folder: Path) -> None:
    """What is read of it is the same all the way."""
    event = await struck_event(world)
    before = await rows_in_journal(world)
    done = await away(world, event, folder)
    assert done.rows == len(event.rows) - 1
    await check_whole(world, folder, before)
    async with loading(world) as activator:
        assert digest((await activator.load(event.block)).state) == known(event)
    assert await audited(world, event.block, archives=(done.path,)) == CLEAN
    assert digest(putting_away.folded(ArchiveFile(done.path))[BlockId(event.block)].state) == known(event)
    assert await restore(world.connection, ArchiveFile(done.path)) == len(event.rows) - 1
    assert await rows_in_journal(world) == before


async def test_it_is_put_away_and_put_back(world: World, tmp_path: Path) -> None:
    await check_away_and_back(world, tmp_path)


async def test_control_whoever_folds_it_all_does_not_put_it_away(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(putting_away, "struck_in", lambda _: [])
    with pytest.raises(NotPutAway, match="claimed twice"):
        await check_away_and_back(world, tmp_path)
    assert Fold().struck == frozenset()
