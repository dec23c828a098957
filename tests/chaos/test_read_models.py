"""Read models that differ from their journals are found, and those that do not are let be."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from actors.core import keys
from actors.core.commands import CancelTickets, ConfirmOrder, PlaceOrder
from actors.core.entries import Entry
from actors.core.ids import BlockId, TenantId, event_id
from actors.projections import deadlines, listing, positions
from actors.projections.availability import AvailabilityProjection
from actors.projections.availability_reader import AvailabilityReader
from actors.projections.deadlines import DeadlinesProjection
from actors.projections.listing import ListingProjection
from tests.chaos import read_models
from tests.chaos.looks import Look, regarded
from tests.chaos.patches import sitecustomize
from tests.chaos.read_models import misread
from tests.chaos.replayed import COLUMNS, PROJECTIONS
from tests.chaos.within import Within
from tests.projections.selling import SEATS, World, follow_all, selling
from tests.projections.test_desks import BASKET, ORDER, open_shop
from tests.projections.test_two_projectors import Hanging

pytestmark = pytest.mark.anyio

_KINDS = (AvailabilityProjection, DeadlinesProjection, ListingProjection)


@pytest.fixture
async def world(anyio_backend: str, own_database_url: str) -> AsyncIterator[World]:
    """Events that sell, and projectors, in a database of their own."""
    async with selling(own_database_url) as world:
        yield world


async def follow(world: World) -> None:
    await follow_all(world.projector(*(kind() for kind in _KINDS)))


async def sold(world: World) -> None:
    """Two events with histories, one of which has something that is due, and a basket at a desk, all followed."""
    for seed in range(2):
        event = await world.event()
        await event.live_at_random(Random(seed), 20)
    shop = await open_shop(world)
    await shop.intend()
    await shop.settle()
    await follow(world)
    await shop.desk.sell(PlaceOrder(shop.desk.stamp(), BASKET, ORDER))
    await shop.desk.sell(ConfirmOrder(shop.desk.stamp(), ORDER))
    await shop.carry_out()
    await shop.desk.sell(CancelTickets(shop.desk.stamp(), ORDER, (0, 1)))
    await follow(world)


async def test_what_follows_its_journal_is_let_be(world: World) -> None:
    await sold(world)
    assert await misread(world.database_url, None) == []
    for table in COLUMNS:
        assert await world.rows(f"select from {table}"), f"nothing is looked at in {table}"


def test_all_that_a_projection_writes_is_looked_at() -> None:
    assert tuple(kind.name for kind in _KINDS) == PROJECTIONS


async def test_every_column_is_looked_at_that_a_journal_knows(world: World) -> None:
    query = "select column_name from information_schema.columns where table_schema = 'public' and table_name = $1"
    for table, columns in COLUMNS.items():
        there = {name for (name,) in await world.rows(query, table)}
        assert there - set(columns.split(", ")) - {"as_of_ms"} == {"block_id"}, table


async def look(world: World, block: BlockId) -> Look:
    """What a gateway that has just begun, and finds nothing in Redis, shows of an event."""
    reader, asked_s = AvailabilityReader(world.database_url), time.monotonic()
    try:
        shown = await reader.availability(TenantId("acme"), block)
    finally:
        await reader.close()
    assert shown is not None
    now_s, now_ms = time.monotonic(), time.time_ns() // 1_000_000
    return Look(event_id(block), "counts", asked_s, now_s, now_ms, shown.position, shown.as_of_ms)


async def two_projectors(world: World) -> list[str]:
    """What is found when one projector hangs with what it has read, and another has followed further meanwhile.

    In the end all is as the journal says either way, as what went back is followed again; what was shown is held
    against what had been, as of who looks while Redis and the projector are struck.
    """
    event = await world.event()
    await event.live_at_random(Random(1), 10)
    hanging, began_s = Hanging(world.database_url), time.monotonic()
    late = asyncio.create_task(world.projector(*(kind() for kind in _KINDS), positions=hanging).round())
    await hanging.hangs.wait()
    await follow(world)
    await event.live_at_random(Random(2), 10)
    await follow(world)
    looks = [await look(world, event.block)]
    hanging.goes_on.set()
    await late
    looks.append(await look(world, event.block))
    await follow(world)
    found = await misread(world.database_url, None)
    return found + regarded(looks, began_s, time.monotonic(), is_promised=True).wrong


async def test_what_two_projectors_have_followed_is_let_be(world: World) -> None:
    assert await two_projectors(world) == []


async def test_control_projectors_that_compare_no_positions_are_found(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By the patch that a real stack has: only the statement that is shipped lacks its comparison."""
    monkeypatch.setattr(positions, "_SQL", positions._SQL)
    monkeypatch.setattr(sitecustomize, "FOLDER", tmp_path)
    sitecustomize.patch_positions(positions)
    assert await two_projectors(world) == [], "it is broken though nobody wants that"
    Within(tmp_path).move_positions_from_anywhere()
    found = await two_projectors(world)
    assert any("shown behind row" in one for one in found), found


async def test_what_is_forgotten_may_be_listed_or_not(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "ENDED_HOLD_KEPT_MS", 30_000)
    event = await world.event()
    for turn in range(6):
        await event.live_at_random(Random(turn), 8)
        await follow(world)
    query = "select hold from listed_holds"
    assert {number for (number,) in await world.rows(query)} - event.state.holds.keys(), "something is forgotten"
    assert await misread(world.database_url, None) == []
    oldest = "select hold from listed_holds where ended_at_ms is not null order by ended_at_ms limit 1"
    await world.rows(f"update listed_holds set ended_at_ms = null where hold = ({oldest}) returning 1")
    assert "listed_holds" in " ".join(await misread(world.database_url, None))


@pytest.mark.parametrize(
    ("planted", "noticed"),
    [
        ("update availability set available = available + 1", "availability"),
        ("update availability set statuses = set_byte(statuses, 0, get_byte(statuses, 0) # 1)", "availability"),
        ("update availability set position = position - 1", "availability"),
        ("update availability set name = 'Day'", "availability"),
        ("delete from availability", "availability"),
        ("update deadlines set due_at_ms = due_at_ms + 1", "deadlines"),
        ("delete from deadlines", "deadlines"),
        ("update listings set forgotten_before_ms = forgotten_before_ms + 1", "listings"),
        ("delete from listings", "listings"),
        ("update listed_holds set status = status + 1", "listed_holds"),
        ("update listed_holds set placed_at_ms = placed_at_ms + 1", "listed_holds"),
        ("update listed_holds set ended_at_ms = coalesce(ended_at_ms, 0) + 1", "listed_holds"),
        ("update listed_holds set shown = ''", "listed_holds"),
        ("update listed_orders set status = status + 1", "listed_orders"),
        ("delete from listed_orders", "listed_orders"),
        ("delete from listed_baskets", "listed_baskets"),
        ("update listed_basket_orders set buyer = 'bo'", "listed_basket_orders"),
        ("update projection_positions set position = position - 1", "and not at"),
        ("update projection_positions set quarantined_because = 'why not'", "is quarantined: why not"),
    ],
)
async def test_control_what_differs_is_found(
    world: World, monkeypatch: pytest.MonkeyPatch, planted: str, noticed: str
) -> None:
    monkeypatch.setattr(read_models, "FOLLOWED_WITHIN_S", 0.5)
    await sold(world)
    table = planted.removeprefix("update ").removeprefix("delete from ").split()[0]
    await world.rows(f"{planted} where block_id = (select min(block_id) from {table}) returning 1")
    (found,) = await misread(world.database_url, None)
    assert noticed in found


async def test_control_projections_that_leave_something_out_are_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What becomes of orders, and deadlines that are over."""
    monkeypatch.setattr(listing, "touched_by", lambda state, entry: [number for number in [_hold_of(entry)] if number])
    monkeypatch.setitem(deadlines._SQL, "forget", "select $1::text[]")
    event = await world.event()
    hold = event.hold(SEATS[0], ttl_ms=30_000)
    await event.sell(hold)
    await follow(world)
    await event.sell(PlaceOrder(event.stamp(), hold.hold, ORDER))
    await follow(world)
    await event.sell(ConfirmOrder(event.stamp(), ORDER))
    await follow(world)
    found = " ".join(await misread(world.database_url, None))
    assert "deadlines" in found
    assert "listed_orders" in found


def _hold_of(entry: Entry) -> int:
    number: int = getattr(entry, "hold", 0)
    return number
