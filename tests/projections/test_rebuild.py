"""Built anew from the first row, a projection is what it became little by little."""

import asyncio
import re
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from typer.testing import CliRunner

from actors.core.ids import BlockId, event_id
from actors.core.snapshot import freeze, restore
from actors.database.connect import Connection
from actors.projections import positions
from actors.projections.availability import AvailabilityProjection
from actors.projections.deadlines import DeadlinesProjection
from actors.projections.projection import Progress, Projection
from serve.cli import app
from tests.projections.selling import SEATS, SellingEvent, World, follow_all

pytestmark = pytest.mark.anyio

_DERIVED = (
    "select (to_jsonb(availability) - 'as_of_ms')::text from availability order by block_id",
    "select block_id, due_at_ms from deadlines order by block_id",
    "select projection, block_id, position, chain, quarantined_because from projection_positions order by 1, 2",
)


BEGUN = "availability: begins anew at the first row\ndeadlines: begins anew at the first row\n"


async def rebuild(world: World, block: BlockId) -> tuple[int, str, str]:
    """As an operator asks for it: exit code, standard output, standard error."""
    words = ["projections", "rebuild", event_id(block), "--database-url", world.database_url]
    done = await asyncio.to_thread(CliRunner().invoke, app, words)
    return done.exit_code, done.stdout, done.stderr


async def derived(world: World) -> list[list[tuple[Any, ...]]]:
    """All that is derived, but for when it was read."""
    return [await world.rows(query) for query in _DERIVED]


async def check_rebuilding(world: World, seed: int, availability: Projection) -> list[SellingEvent]:
    """Follow random histories in random slices, restarting now and then; then build everything anew."""
    random = Random(seed)
    events = [await world.event(tenant=tenant) for tenant in ("acme", "globex", "acme")]
    projector = world.projector(availability, DeadlinesProjection())
    for _ in range(25):
        event = random.choice(events)
        await event.live_at_random(random, random.randint(1, 6))
        if random.random() < 0.3:
            await event.save_snapshot()
        if random.random() < 0.2:
            slices = random.choice((1, 5, 500))
            projector = world.projector(availability, DeadlinesProjection(), rows_per_slice=slices)
        if random.random() < 0.6:
            await projector.round()
    await follow_all(projector)
    incremental = await derived(world)
    for event in events:
        assert await rebuild(world, event.block) == (0, BEGUN, "")
    await world.connection.execute("update availability set counts = '', statuses = '', layout = '', name = 'spoilt'")
    await follow_all(world.projector(AvailabilityProjection(), DeadlinesProjection()))
    assert await derived(world) == incremental
    return events


@pytest.mark.parametrize("seed", range(8))
async def test_a_rebuild_gives_what_following_gave(world: World, seed: int) -> None:
    events = await check_rebuilding(world, seed, AvailabilityProjection())
    assert {event.state.holds[hold].status for event in events for hold in event.state.holds} >= {0, 1, 2, 3}


class Forgetful(AvailabilityProjection):
    """The negative control: moves its position and writes no more after a while."""

    def __init__(self) -> None:
        self.writes = 0

    async def write(self, connection: Connection, progress: Sequence[Progress]) -> None:
        """See `Projection.write`."""
        self.writes += 1
        if self.writes <= 5:
            await super().write(connection, progress)


async def test_control_a_projection_that_forgets_is_found_out(world: World) -> None:
    with pytest.raises(AssertionError):
        await check_rebuilding(world, 0, Forgetful())


async def check_lost_row(world: World) -> None:
    """A failover has lost a row that was followed; the block goes on with another in its place."""
    event = await world.event()
    await event.live_at_random(Random(1), 8)
    sound = freeze(event.state)
    lost_count = len(event.rows)
    await event.sell(event.hold(SEATS[0], places=1))
    await follow_all(world.projector(AvailabilityProjection(), DeadlinesProjection()))
    await world.connection.execute("delete from journal where block_id = $1 and position > $2", event.block, lost_count)
    del event.rows[lost_count:]
    event.state = restore(sound)
    await event.sell(event.hold(places=2))
    await event.sell(event.hold(places=1))
    projector = world.projector(AvailabilityProjection(), DeadlinesProjection())
    await follow_all(projector)
    assert all(because is not None for _, because in (await world.positions(event.block)).values())
    assert await rebuild(world, event.block) == (0, BEGUN, "")
    await follow_all(projector)
    assert set((await world.positions(event.block)).values()) == {(len(event.rows), None)}
    inventory = event.state.inventory
    held = inventory.statuses.count(1) + sum(inventory.area_held)
    assert await world.rows("select held from availability where block_id = $1", event.block) == [(held,)]


async def test_a_rebuild_ends_a_quarantine_for_what_the_journal_has_lost(world: World) -> None:
    await check_lost_row(world)


async def test_control_a_rebuild_that_only_lets_it_go_on_does_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    released, count = re.subn(r"position = 0, chain = \$2, ", "", positions._SQL["rebuild"])
    assert count == 1
    monkeypatch.setitem(positions._SQL, "rebuild", released.replace("= $1", "= $1 and $2::bytea is not null"))
    with pytest.raises(AssertionError):
        await check_lost_row(world)


async def test_what_cannot_be_rebuilt_is_said(world: World) -> None:
    code, out, err = await rebuild(world, BlockId("0" * 16))
    assert (code, out) == (1, "")
    assert "nothing is derived from a journal of event_" in err
    words = ["projections", "rebuild", "what", "--database-url", world.database_url]
    assert "what is not the id of an event" in (await asyncio.to_thread(CliRunner().invoke, app, words)).stderr
    words = ["projections", "rebuild", event_id(BlockId("0" * 16)), "--database-url", "postgresql://127.0.0.1:1/none"]
    done = await asyncio.to_thread(CliRunner().invoke, app, words)
    assert (done.exit_code, done.stderr.startswith("rebuild: ")) == (1, True)
