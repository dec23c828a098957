"""Each block's next deadline is where the sweep of the shards looks, and nothing is there when nothing falls due."""

import pytest

from actors.core.commands import ConfirmOrder, ExtendHold, PlaceOrder, ReleaseHold
from actors.projections.deadlines import DeadlinesProjection
from tests.projections.selling import SEATS, START_MS, World, follow_all

pytestmark = pytest.mark.anyio


async def test_the_earliest_deadline_is_kept_while_there_is_one(world: World) -> None:
    event, quiet = await world.event(), await world.event()
    projector = world.projector(DeadlinesProjection())

    async def due_after_s() -> list[float]:
        await follow_all(projector)
        rows = await world.rows("select block_id, due_at_ms from deadlines")
        assert quiet.block not in [block for block, _ in rows]
        return [(due_at_ms - START_MS) / 1000 for _, due_at_ms in rows]

    assert await due_after_s() == []
    first, second = event.hold(SEATS[0], ttl_ms=60_000), event.hold(SEATS[1], ttl_ms=90_000)
    await event.sell(first, second)
    assert await due_after_s() == [60]
    await event.sell(ExtendHold(event.stamp(), first.hold, 120_000))
    assert await due_after_s() == [90]
    order = PlaceOrder(event.stamp(), second.hold, 5)
    await event.sell(order)
    assert await due_after_s() == [90], "an order is to be paid by then"
    await event.sell(ConfirmOrder(event.stamp(), order.order))
    assert await due_after_s() == [120]
    await event.sell(ReleaseHold(event.stamp(), first.hold))
    assert await due_after_s() == []
    await event.sell(event.hold(SEATS[2], ttl_ms=30_000))
    assert await due_after_s() == [30]
    event.now_ms += 30_000
    await event.tick()
    assert await due_after_s() == []
