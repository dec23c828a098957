"""Desks are followed like events, though they have no layout; what is told of events is right, with legs in them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
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
from actors.core.due_heap import DueHeap
from actors.core.entries import Activated
from actors.core.holds import hold_reply
from actors.core.ids import BlockId, desks_of
from actors.core.orders import order_reply
from actors.core.outcomes import Accepted
from actors.core.replies import HoldStatus, OrderStatus, PinReply
from actors.core.state import BlockState, Hold
from actors.core.wishes import AreaPlaces, Wish
from actors.projections import listing, listing_reader
from actors.projections.availability import AvailabilityProjection
from actors.projections.deadlines import DeadlinesProjection
from actors.projections.listing import ListingProjection
from actors.projections.listing_reader import ListingReader
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
    known = await world.rows("select block_id from blocks")
    desk.block = next(block for block in sorted(desks_of(ACME)) if (block,) not in known)
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
    async with lists(world.database_url) as reader:
        for event in shop.events:
            await check_listed(reader, shop.desk, event)


@asynccontextmanager
async def lists(database_url: str) -> AsyncIterator[ListingReader]:
    """A reader to whom everything is stale at once."""
    ticks = iter(range(1 << 60))
    reader = ListingReader(database_url, monotonic=lambda: float(next(ticks)), now_ms=lambda: 0)
    try:
        yield reader
    finally:
        await reader.close()


async def check_listed(reader: ListingReader, desk: SellingEvent, event: SellingEvent) -> None:
    """What the desk has of the event is listed with what the event has itself, under every filter, page by page."""
    for kind, reading_of, known in (
        (HoldStatus, reader.holds, [hold_reply(one.state, hold, 0) for one in (desk, event) for hold in own(one)]),
        (
            OrderStatus,
            reader.orders,
            [
                order_reply(one.state, order, 0)
                for one in (desk, event)
                for order in one.state.orders.values()
                if order.number not in one.state.legs
            ],
        ),
    ):
        for buyer in ("", "ana", "bo"):
            for status in (None, *kind):
                found, cursor = [], ""
                while True:
                    page = await reading_of(ACME, event.block, buyer, status, cursor, 1)
                    assert page is not None
                    found += [(home, one) for home, one in zip(page.homes, page.listed, strict=True)]
                    cursor = page.next_cursor
                    if not cursor:
                        break
                wanted = [one for one in known if buyer in ("", one.buyer) and status in (None, one.status)]
                assert {repr(one) for _, one in found} == {repr(one) for one in wanted}
                assert len(found) == len(wanted)
                assert {home for home, _ in found} <= {desk.block, event.block}
        assert await reading_of(ACME, desk.block, "", None, "", 1) is None, "a desk is no event"


def own(one: SellingEvent) -> list[Hold]:
    return [hold for hold in one.state.holds.values() if hold.number not in one.state.legs]


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


@pytest.mark.parametrize(
    ("forgotten", "nothing"),
    [("todos", {}), ("_place_dues", DueHeap({}, lambda _: 0))],
    ids=["todos", "placing"],
)
async def test_the_check_notices_deadlines_that_leave_something_out(
    world: World, monkeypatch: pytest.MonkeyPatch, forgotten: str, nothing: object
) -> None:
    """Negative control."""
    whole = core.next_deadline_ms

    def partial(state: BlockState) -> int | None:
        kept = getattr(state.desk, forgotten)
        setattr(state.desk, forgotten, nothing)
        try:
            return whole(state)
        finally:
            setattr(state.desk, forgotten, kept)

    monkeypatch.setattr(core, "next_deadline_ms", partial)
    with pytest.raises(AssertionError):
        await check_sweep(world)


async def check_as_of(world: World) -> None:
    """A list is as old as the oldest of what it is made of: the event's own block and the tenant's desks."""
    shop = await open_shop(world)
    projector = world.projector(ListingProjection())
    await shop.intend()
    await shop.settle()
    await follow_all(projector)
    async with lists(world.database_url) as reader:

        async def as_of_ms() -> int:
            page = await reader.orders(ACME, shop.events[0].block, "", None, "", 50)
            assert page is not None
            return page.as_of_ms

        before_ms = await world.journal.now_ms()
        assert await as_of_ms() >= before_ms, "all is followed"
        await shop.desk.sell(PlaceOrder(shop.desk.stamp(), BASKET, ORDER))
        assert await as_of_ms() < before_ms, "the order is not there yet"
        await follow_all(projector)
        before_ms = await world.journal.now_ms()
        assert await as_of_ms() >= before_ms
        unheard_of = SellingEvent(world.journal)
        unheard_of.block = max(desks_of(ACME))
        await unheard_of.append([Activated(unheard_of.now_ms, SHARD, b"nonce678")])
        assert await as_of_ms() < before_ms, "a desk that nobody has followed"


async def test_a_list_is_as_old_as_the_oldest_that_it_is_made_of(world: World) -> None:
    await check_as_of(world)


async def test_the_check_notices_a_list_whose_desks_are_not_looked_at(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    query = listing_reader._SQL["newest_orders"].replace("$7::text[]", "($7::text[])[1:0]")
    monkeypatch.setitem(listing_reader._SQL, "newest_orders", query)
    with pytest.raises(AssertionError, match="not there yet"):
        await check_as_of(world)


def baskets_are_of_one_event(patch: pytest.MonkeyPatch) -> None:
    honest = listing._events_of
    patch.setattr(listing, "_events_of", lambda state, hold: set(sorted(honest(state, hold))[:1]))


def lists_have_what_is_at_home(patch: pytest.MonkeyPatch) -> None:
    for name in ("newest_holds", "newest_orders"):
        query = listing_reader._SQL[name].replace("where of_event.event_block_id = $1", "where false")
        patch.setitem(listing_reader._SQL, name, query)


@pytest.mark.parametrize("sabotage", [baskets_are_of_one_event, lists_have_what_is_at_home])
async def test_the_check_notices_lists_without_baskets(
    world: World, redis: Redis, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """Negative control."""
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        await test_a_desk_and_the_legs_of_its_baskets_are_followed(world, redis)
