"""Desks are followed like events, though they have no layout; what is told of events is right, with legs in them."""

from typing import NamedTuple

import pytest

from actors.catalogue.catalogue import Catalogue
from actors.core import block as core
from actors.core.baskets import Deed, LegHeld, LegPlan
from actors.core.commands import (
    AcknowledgeLeg,
    BookLeg,
    CancelOrder,
    CancelTickets,
    ConfirmOrder,
    IntendBasket,
    PinLeg,
    PlaceOrder,
    ReleaseLeg,
    SettleBasket,
)
from actors.core.entries import Activated
from actors.core.ids import BlockId
from actors.core.outcomes import Accepted
from actors.core.replies import PinReply
from actors.core.state import BlockState
from actors.core.wishes import AreaPlaces, Wish
from actors.projections.availability import AvailabilityProjection
from actors.projections.deadlines import DeadlinesProjection
from actors.projections.listing import ListingProjection
from actors.projections.live_events import LiveEvents
from actors.projections.live_writer import LiveWriter
from actors.projections.projector import Projector
from serve.local.redis import Redis
from tests.projections.selling import SEATS, SellingEvent, World, follow_all
from tests.projections.watching import ACME, reading

pytestmark = pytest.mark.anyio

BASKET, ORDER = 70_001, 70_002
PLACE_BY_MS = 20_000
SHARD = "shard-1"


class Shop(NamedTuple):
    """A desk and two events; what is asked of one is appended to its journal, and nothing goes by itself."""

    desk: SellingEvent
    events: tuple[SellingEvent, SellingEvent]

    async def intend(self) -> None:
        """The desk means to hold two seats and two places of each event."""
        wish = Wish(SEATS[:2], (AreaPlaces("floor", 2),))
        plans = tuple(LegPlan(event.block, 80_001 + number, wish) for number, event in enumerate(self.events))
        assert await self.desk.sell(IntendBasket(self.desk.stamp(), BASKET, plans, 60_000)) == 1

    async def settle(self) -> None:
        """Both legs are placed, and the basket is held."""
        held = []
        for event, plan in zip(self.events, self.desk.state.desk.baskets[BASKET].plans, strict=True):
            pin = PinLeg(event.tenant, self.desk.block, BASKET, "ana", plan, 1, event.now_ms + PLACE_BY_MS)
            await event.sell(pin)
            held.append(_held(core.decide(event.state, pin, event.now_ms), event.block))
        assert await self.desk.sell(SettleBasket("acme", BASKET, tuple(held))) == 1

    async def carry_out(self) -> None:
        """What the desk has yet to do is done, and acknowledged."""
        for todo in list(self.desk.state.desk.todos.values()):
            event = next(event for event in self.events if event.block == todo.block)
            book = BookLeg("acme", todo.leg, todo.revision)
            release = ReleaseLeg("acme", todo.leg, todo.revision, todo.tickets)
            assert await event.sell(book if todo.deed is Deed.BOOK else release) == 1
            assert await self.desk.sell(AcknowledgeLeg("acme", todo.leg, todo.revision)) == 1

    async def pass_time(self, by_ms: int) -> None:
        """For all alike."""
        for one in (self.desk, *self.events):
            one.now_ms += by_ms
            await one.tick()


def _held(outcome: object, block: BlockId) -> LegHeld:
    assert isinstance(outcome, Accepted)
    assert isinstance(outcome.reply, PinReply)
    assert outcome.reply.held is not None
    held = outcome.reply.held
    return LegHeld(
        held.leg, block, held.currency, held.seats, held.areas, held.lines, held.of_ticket, held.once, held.chosen
    )


async def open_shop(world: World) -> Shop:
    desk = SellingEvent(world.journal)
    await world.connection.execute(
        "insert into blocks (block_id, tenant, shard) values ($1, 'acme', $2)", desk.block, SHARD
    )
    await desk.append([Activated(desk.now_ms, SHARD, b"nonce678")])
    return Shop(desk, (await world.event(), await world.event()))


async def check_followed(world: World, projector: Projector, shop: Shop) -> None:
    """Everything was followed to its end, events are counted as they are, and a desk has nothing to count.

    What is held at a desk is listed there once, and under each event.
    """
    await follow_all(projector)
    for one in (shop.desk, *shop.events):
        kinds = ("availability", "deadlines", "listing")
        assert await world.positions(one.block) == dict.fromkeys(kinds, (len(one.rows), None))
    for event in shop.events:
        inventory = event.state.inventory
        held = inventory.statuses.count(1) + sum(inventory.area_held)
        sold = inventory.statuses.count(2) + sum(inventory.area_sold)
        query = "select held, sold from availability where block_id = $1"
        assert await world.rows(query, event.block) == [(held, sold)]
        assert await world.rows("select hold from listed_holds where block_id = $1", event.block) == [
            (own_hold(event),)
        ]
        assert await world.rows("select order_number from listed_orders where block_id = $1", event.block) == []
    assert await world.rows("select block_id from availability where block_id = $1", shop.desk.block) == []
    state = shop.desk.state
    for table, listed_under, number, known in (
        ("listed_holds", "listed_baskets", "hold", state.holds),
        ("listed_orders", "listed_basket_orders", "order_number", state.orders),
    ):
        listed = await world.rows(f"select {number} from {table} where block_id = $1", shop.desk.block)
        assert listed == [(one,) for one in known]
        query = f"select event_block_id, {number} from {listed_under} where block_id = $1 order by event_block_id"
        under = await world.rows(query, shop.desk.block)
        assert under == sorted((event.block, one) for event in shop.events for one in known)


def own_hold(event: SellingEvent) -> int:
    """The one hold of the event that is no leg."""
    (hold,) = event.state.holds.keys() - event.state.legs.keys()
    return hold


async def due(world: World, shop: Shop) -> bool:
    """Whether the sweep finds the desk."""
    catalogue = Catalogue(world.database_url)
    try:
        found = await catalogue.due_blocks(SHARD, shop.desk.now_ms, None, 100)
    finally:
        await catalogue.close()
    return shop.desk.block in [one.block for one in found]


async def test_a_desk_and_the_legs_of_its_baskets_are_followed(world: World, redis: Redis) -> None:
    shop = await open_shop(world)
    for event in shop.events:
        await event.sell(event.hold(SEATS[5], places=1))
    projections = AvailabilityProjection(), DeadlinesProjection(), ListingProjection()
    projector = world.projector(*projections, display=LiveWriter(LiveEvents(redis.url)))
    await shop.intend()
    await check_followed(world, projector, shop)
    await shop.settle()
    await check_followed(world, projector, shop)
    await shop.desk.sell(PlaceOrder(shop.desk.stamp(), BASKET, ORDER))
    await shop.desk.sell(ConfirmOrder(shop.desk.stamp(), ORDER))
    await shop.carry_out()
    await check_followed(world, projector, shop)
    async with reading(world.database_url, redis.url) as reader:
        counts = await reader.availability(ACME, shop.events[0].block)
        assert counts is not None
        assert sum(section.counts.sold for section in counts.sections) == 2
        assert await reader.availability(ACME, shop.desk.block) is None
    await shop.desk.save_snapshot()
    await shop.desk.sell(CancelTickets(shop.desk.stamp(), ORDER, (0, 1)))
    await shop.carry_out()
    anew = world.projector(*projections)
    await check_followed(world, anew, shop)
    await shop.desk.sell(CancelOrder(shop.desk.stamp(), ORDER))
    await shop.carry_out()
    await check_followed(world, anew, shop)


async def check_sweep(world: World) -> None:
    """The sweep finds a desk while it has something to do by itself, and then no more."""
    shop = await open_shop(world)
    projector = world.projector(DeadlinesProjection())
    await shop.intend()
    await follow_all(projector)
    assert not await due(world, shop), "its legs may be placed yet"
    shop.desk.now_ms += 30_000
    assert await due(world, shop), "nobody has placed them in time"
    await shop.desk.tick()
    await follow_all(projector)
    assert await due(world, shop), "what may have been placed is to be released"
    await shop.carry_out()
    await follow_all(projector)
    assert not await due(world, shop)

    other = await open_shop(world)
    await other.intend()
    await other.settle()
    await follow_all(projector)
    assert not await due(world, other), "it is held"
    await other.desk.sell(PlaceOrder(other.desk.stamp(), BASKET, ORDER))
    await other.desk.sell(ConfirmOrder(other.desk.stamp(), ORDER))
    await follow_all(projector)
    assert await due(world, other), "its legs are to be booked"
    await other.carry_out()
    await follow_all(projector)
    assert not await due(world, other)


async def test_the_sweep_finds_desks_that_have_something_to_do(world: World) -> None:
    await check_sweep(world)


@pytest.mark.parametrize("forgotten", ["todos", "placing"])
async def test_the_check_notices_deadlines_that_leave_something_out(
    world: World, monkeypatch: pytest.MonkeyPatch, forgotten: str
) -> None:
    """Negative control."""
    whole = core.next_deadline_ms

    def partial(state: BlockState) -> int | None:
        kept = getattr(state.desk, forgotten)
        setattr(state.desk, forgotten, {})
        try:
            return whole(state)
        finally:
            setattr(state.desk, forgotten, kept)

    monkeypatch.setattr(core, "next_deadline_ms", partial)
    with pytest.raises(AssertionError):
        await check_sweep(world)
