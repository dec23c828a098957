"""The continuous audit goes on when events are put away, and finds nothing in what is left of them."""

from pathlib import Path
from random import Random

import pytest

from actors.archive.erasing import erase
from actors.auditor import journals
from actors.auditor.journals import Heads
from tests.archive.finished import AFTER_ALL_MS, away, finished_event, finished_in_parts, followed
from tests.auditor.watched import Watched, audit_all
from tests.projections.selling import World

pytestmark = pytest.mark.anyio


async def check_that_nothing_is_found(world: World, folder: Path) -> None:
    """By who has followed before, and by who comes when it is over."""
    watched = Watched(world)
    try:
        event, (home, *_), other = await finished_event(world), await finished_in_parts(world), await world.event()
        await followed(world)
        before = watched.auditor()
        await audit_all(before)
        await away(world, event, folder)
        await away(world, home, folder)
        await erase(world.connection, event.block, folder, AFTER_ALL_MS)
        await other.live_at_random(Random(3), 20)
        after = watched.auditor()
        for auditor in (before, after):
            await audit_all(auditor)
            figures = auditor.figures
            assert (figures.finding_count, figures.begun_anew_count, figures.block_count) == (0, 0, 1)
        assert after.figures.row_count == len(other.rows)
        assert await watched.stopped() == []
    finally:
        await watched.close()


async def test_nothing_is_found_in_what_is_put_away(world: World, tmp_path: Path) -> None:
    await check_that_nothing_is_found(world, tmp_path)


async def test_control_an_auditor_that_knows_no_archives_stops_the_event(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(found: list[dict[str, object]], page_end: str | None) -> Heads:
        return Heads({str(row["block_id"]): int(str(row["position"])) for row in found}, page_end)

    monkeypatch.setattr(journals, "_heads_of", forgetful)
    with pytest.raises(AssertionError):
        await check_that_nothing_is_found(world, tmp_path)
