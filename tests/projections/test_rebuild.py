"""Built anew from the first row, a projection is what it became little by little."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from actors.database.connect import Connection
from actors.projections.availability import AvailabilityProjection
from actors.projections.deadlines import DeadlinesProjection
from actors.projections.projection import Progress, Projection
from tests.projections.selling import SellingEvent, World, follow_all

pytestmark = pytest.mark.anyio

_DERIVED = (
    "select (to_jsonb(availability) - 'as_of_ms')::text from availability order by block_id",
    "select block_id, due_at_ms from deadlines order by block_id",
    "select projection, block_id, position, chain, quarantined_because from projection_positions order by 1, 2",
)


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
    for name in ("availability", "deadlines"):
        await projector.rebuild(name, [event.block for event in events])
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
