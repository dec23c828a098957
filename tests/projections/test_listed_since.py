"""As of when a hold is listed, and which blocks have lists at all, however much of a journal is followed in one go."""

import pytest

from actors.core.entries import Activated, EventFollowed
from actors.core.replies import EventStatus
from actors.core.rules import Rules
from actors.journal.journal import GENESIS
from actors.projections import listing
from actors.projections.listing import ListingProjection
from tests.projections.selling import LAYOUT, SEATS, SellingEvent, World, follow_all

pytestmark = pytest.mark.anyio


async def check_placed_after_an_outage(world: World) -> None:
    """It is listed as of when it was placed, whether it is seen in one go with the outage or not."""
    event = await world.event()
    apart = world.projector(ListingProjection())
    await follow_all(apart)
    await event.append([Activated(event.now_ms, "shard-1", b"nonce679", event.now_ms - 50_000, event.now_ms)])
    event.now_ms += 40_000
    placed = event.hold(SEATS[0])
    await event.sell(placed)
    for follower in (apart, world.projector(ListingProjection())):
        await follow_all(follower)
        query = "select placed_at_ms from listed_holds where hold = $1"
        assert await world.rows(query, placed.hold) == [(event.now_ms,)]
        await world.connection.execute("update projection_positions set position = 0, chain = $1", GENESIS)


async def test_what_was_placed_after_an_outage_is_listed_as_of_then(world: World) -> None:
    await check_placed_after_an_outage(world)


async def test_control_an_outage_that_counts_for_whatever_came_later_is_noticed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MAY_TOUCH_MANY", ())
    with pytest.raises(AssertionError):
        await check_placed_after_an_outage(world)


async def check_a_part_is_not_listed(world: World) -> None:
    """Also when its claim was followed before it was told what it is."""
    part = SellingEvent(world.journal)
    follower = world.projector(ListingProjection())
    query = "insert into blocks (block_id, tenant, shard) values ($1, 'acme', 'shard-1')"
    await world.connection.execute(query, part.block)
    await part.append([Activated(part.now_ms, "shard-1", b"nonce678")])
    await follow_all(follower)
    home, on_sale = "0" * 16, EventStatus.ON_SALE
    await part.append([EventFollowed(part.now_ms, "acme", home, 1, "Night", on_sale, 60_000, LAYOUT, Rules())])
    await follow_all(follower)
    assert await world.rows("select block_id from listings") == []


async def test_a_part_of_an_event_is_not_listed(world: World) -> None:
    await check_a_part_is_not_listed(world)


async def test_control_a_part_whose_claim_stays_listed_is_noticed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_follows_an_event", lambda progress: False)
    with pytest.raises(AssertionError):
        await check_a_part_is_not_listed(world)
