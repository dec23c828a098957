"""Lists of holds and orders agree with the fold: of each buyer and status, page by page, whatever has happened."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any, get_args

import msgspec
import pytest

from actors.core import keys
from actors.core.commands import ChangeStatus, ConfirmOrder, Correct, PlaceOrder, Stamp
from actors.core.corrections import decide_correct
from actors.core.entries import Activated, Corrected, Entry, HoldPlaced
from actors.core.holds import hold_reply
from actors.core.ids import TenantId
from actors.core.orders import order_reply
from actors.core.replies import EventStatus, HoldStatus, OrderStatus
from actors.core.state import BlockState
from actors.journal.codec import decode_entries
from actors.journal.journal import GENESIS
from actors.projections import listing, listing_reader
from actors.projections.cursor import InvalidCursor
from actors.projections.listing import MAY_TOUCH_MANY, TOUCHES_NONE, ListingProjection, touched_by
from actors.projections.listing_reader import ListingReader
from actors.projections.projector import Projector
from tests.projections.selling import SEATS, SellingEvent, World, follow_all

pytestmark = pytest.mark.anyio

ACME, GLOBEX = TenantId("acme"), TenantId("globex")
BUYERS = ("ana", "bo", "")


class Crowd(SellingEvent):
    """An event with several buyers."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._buyers = Random(7)

    def stamp(self) -> Stamp:
        """A key that nobody has used, of one of them."""
        return msgspec.structs.replace(super().stamp(), buyer=self._buyers.choice(BUYERS))


@asynccontextmanager
async def reading(database_url: str) -> AsyncIterator[ListingReader]:
    """A reader to whom everything is stale at once."""
    ticks = iter(range(1 << 60))
    reader = ListingReader(database_url, monotonic=lambda: float(next(ticks)), now_ms=lambda: 0)
    try:
        yield reader
    finally:
        await reader.close()


async def crowd(world: World) -> Crowd:
    event = Crowd(world.journal)
    await event.create(world.connection)
    return event


def projector(world: World, **options: Any) -> Projector:
    return world.projector(ListingProjection(), **options)


async def paged(asking: Callable[..., Any], *arguments: object, limit: int) -> list[Any]:
    """The whole list."""
    found, cursor = [], ""
    while True:
        page = await asking(*arguments, cursor, limit)
        assert page is not None
        assert len(page.listed) <= limit
        found += page.listed
        cursor = page.next_cursor
        if not cursor:
            return found


def placed_at(event: SellingEvent) -> dict[int, int]:
    """When each hold was placed."""
    entries = (entry for row in event.rows for entry in decode_entries(row.entries))
    return {entry.hold: entry.at_ms for entry in entries if isinstance(entry, HoldPlaced)}


def newest(times: dict[int, int]) -> list[int]:
    return sorted(times, key=lambda number: (times[number], number), reverse=True)


async def check_lists(reader: ListingReader, event: SellingEvent, limit: int = 3) -> None:
    """What is listed is what the block remembers, the newest first, under every filter.

    Of what ended in the very millisecond of the oldest that it remembers, it may have forgotten some.
    """
    state = event.state
    times = {number: at for number, at in placed_at(event).items() if number in state.holds}
    holds = [hold_reply(state, state.holds[number], 0) for number in newest(times)]
    ordered = {order.number: order.placed_at_ms for order in state.orders.values()}
    orders = [order_reply(state, state.orders[number], 0) for number in newest(ordered)]
    for buyer in ("", *filter(None, BUYERS)):
        for status in (None, *HoldStatus):
            found = await paged(reader.holds, ACME, event.block, buyer, status, limit=limit)
            expected = [hold for hold in holds if buyer in ("", hold.buyer) and status in (None, hold.status)]
            assert [one for one in found if one.hold in state.holds] == expected, "holds"
            assert not [one for one in found if one.hold not in state.holds and is_surely_forgotten(event, one.hold)]
        for order_status in (None, *OrderStatus):
            found = await paged(reader.orders, ACME, event.block, buyer, order_status, limit=limit)
            expected_orders = [
                order for order in orders if buyer in ("", order.buyer) and order_status in (None, order.status)
            ]
            assert [one for one in found if one.order in state.orders] == expected_orders, "orders"


def is_surely_forgotten(event: SellingEvent, hold: int) -> bool:
    ended = [
        entry.at_ms
        for row in event.rows
        for entry in decode_entries(row.entries)
        if getattr(entry, "hold", 0) == hold or getattr(entry, "order", 0) in orders_of(event, hold)
    ]
    return not event.state.ended or ended[-1] < event.state.ended[0][0]


def orders_of(event: SellingEvent, hold: int) -> set[int]:
    entries = (entry for row in event.rows for entry in decode_entries(row.entries))
    return {entry.order for entry in entries if getattr(entry, "hold", 0) == hold and hasattr(entry, "order")}


async def check_walk(world: World, rows_per_slice: int = 1_000, rows_per_turn: int = 4) -> None:
    event = await crowd(world)
    follower = projector(world, rows_per_slice=rows_per_slice)
    async with reading(world.database_url) as reader:
        for turn in range(48 // rows_per_turn):
            await event.live_at_random(Random(turn), rows_per_turn)
            await follow_all(follower)
            await check_lists(reader, event)


@pytest.mark.parametrize("rows_per_slice", [1, 1_000])
async def test_lists_agree_with_the_fold(world: World, rows_per_slice: int) -> None:
    await check_walk(world, rows_per_slice)


@pytest.mark.parametrize(("rows_per_slice", "rows_per_turn"), [(2, 4), (1_000, 4), (1_000, 24)])
async def test_what_the_block_has_forgotten_is_not_listed(
    world: World, monkeypatch: pytest.MonkeyPatch, rows_per_slice: int, rows_per_turn: int
) -> None:
    """Whether it was listed before, or came and went unseen."""
    monkeypatch.setattr(keys, "ENDED_HOLD_KEPT_MS", 30_000)
    await check_walk(world, rows_per_slice, rows_per_turn)


async def test_control_what_ends_and_is_forgotten_at_once_and_stays_listed_is_noticed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "ENDED_HOLD_KEPT_MS", 30_000)
    monkeypatch.setattr(listing, "_forgotten", lambda events, field: [])
    with pytest.raises(AssertionError):
        await check_walk(world, rows_per_turn=24)


async def test_lists_are_the_same_when_they_are_made_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a hold came and was forgotten in what is now one slice; nothing of before is left."""
    monkeypatch.setattr(keys, "ENDED_HOLD_KEPT_MS", 60_000)
    event = await crowd(world)
    follower = projector(world)
    for turn in range(12):
        await event.live_at_random(Random(turn), 4)
        await follow_all(follower)
    await world.connection.execute("update listed_holds set status = 3, shown = '' where hold % 2 = 0")
    await world.connection.execute("update projection_positions set position = 0, chain = $1", GENESIS)
    await follow_all(projector(world))
    async with reading(world.database_url) as reader:
        await check_lists(reader, event)


async def check_outage(world: World) -> None:
    """A new owner gives what fell due while there was none a little longer."""
    event = await crowd(world)
    await event.sell(event.hold(SEATS[0], ttl_ms=30_000), event.hold(SEATS[1], ttl_ms=600_000))
    (first, _) = event.state.holds
    await event.sell(PlaceOrder(event.stamp(), first, 900_001))
    follower = projector(world)
    await follow_all(follower)
    event.now_ms += 60_000
    await event.append([Activated(event.now_ms, "shard-1", b"nonce679", event.now_ms - 50_000, event.now_ms)])
    assert event.state.holds[first].expires_at_ms > event.now_ms
    await follow_all(follower)
    async with reading(world.database_url) as reader:
        await check_lists(reader, event)


async def test_deadlines_that_an_outage_moved_are_listed(world: World) -> None:
    await check_outage(world)


async def check_cancelled(world: World) -> None:
    """With an event all of its holds and orders end, paid or not."""
    event = await crowd(world)
    await event.live_at_random(Random(3), 20)
    follower = projector(world)
    await follow_all(follower)
    for status in (EventStatus.CANCELLED, EventStatus.ARCHIVED):  # seen in one go
        assert await event.sell(ChangeStatus(event.stamp(), status))
    await follow_all(follower)
    async with reading(world.database_url) as reader:
        await check_lists(reader, event)


async def test_what_ends_with_its_event_is_listed_so(world: World) -> None:
    await check_cancelled(world)


def unlisted(kinds: tuple[type, ...]) -> set[str]:
    """Kinds of entries of which the projection cannot tell what they change."""
    naming = {"hold", "order", "basket"}
    named = {kind for kind in kinds if naming & set(kind.__struct_fields__)}  # type: ignore[attr-defined]
    return {kind.__name__ for kind in set(kinds) - named - {*MAY_TOUCH_MANY, *TOUCHES_NONE}}


def test_of_every_kind_it_is_known_what_it_changes() -> None:
    assert unlisted(get_args(Entry)) == set()


def test_the_check_notices_a_kind_that_names_nothing() -> None:
    """Negative control."""

    class AllHoldsReleased(msgspec.Struct):
        at_ms: int

    assert unlisted((*get_args(Entry), AllHoldsReleased)) == {"AllHoldsReleased"}


def names_holds_only(state: BlockState, entry: Entry) -> Iterator[int]:
    if getattr(entry, "hold", 0):
        yield entry.hold  # type: ignore[union-attr]


def what_it_is_counts(state: BlockState, entry: Entry) -> Iterable[int]:
    """Not what it was when the entry was written."""
    was_cancelled = getattr(entry, "status", None) is EventStatus.CANCELLED
    return () if was_cancelled and state.status is not EventStatus.CANCELLED else touched_by(state, entry)


async def test_control_an_event_that_is_archived_at_once_is_noticed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "touched_by", what_it_is_counts)
    with pytest.raises(AssertionError):
        await check_cancelled(world)


@pytest.mark.parametrize("check", [check_walk, check_outage, check_cancelled])
async def test_control_changes_that_are_left_out_are_noticed(
    world: World, monkeypatch: pytest.MonkeyPatch, check: Callable[[World], Any]
) -> None:
    monkeypatch.setattr(listing, "touched_by", names_holds_only)
    with pytest.raises(AssertionError):
        await check(world)


async def test_control_what_is_forgotten_and_shown_is_noticed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "ENDED_HOLD_KEPT_MS", 60_000)
    for name in ("newest_holds", "newest_orders"):
        query = listing_reader._SQL[name].replace("or ended_at_ms >= listings.forgotten_before_ms", "or true")
        monkeypatch.setitem(listing_reader._SQL, name, query)
    with pytest.raises(AssertionError):
        await check_walk(world)


async def check_tenants(world: World) -> None:
    event = await crowd(world)
    await event.sell(event.hold(SEATS[0]))
    await follow_all(projector(world))
    async with reading(world.database_url) as reader:
        assert await reader.holds(ACME, event.block, "", None, "", 50) is not None
        assert await reader.holds(GLOBEX, event.block, "", None, "", 50) is None
        assert await reader.orders(GLOBEX, event.block, "", None, "", 50) is None


async def test_another_tenant_sees_nothing(world: World) -> None:
    await check_tenants(world)


async def test_control_a_reader_that_forgets_the_tenant_is_noticed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    anyones = listing_reader._SQL["newest_holds"].replace("listings.tenant,", "'globex' as tenant,")
    monkeypatch.setitem(listing_reader._SQL, "newest_holds", anyones)
    with pytest.raises(AssertionError):
        await check_tenants(world)


async def test_a_cursor_is_good_for_its_list_only(world: World) -> None:
    event, other = await crowd(world), await crowd(world)
    for one in (event, other):
        await one.sell(*(one.hold(seat) for seat in SEATS[:4]))
        for number, hold in enumerate(list(one.state.holds)):
            await one.sell(PlaceOrder(one.stamp(), hold, 800_001 + number))
        await one.sell(ConfirmOrder(one.stamp(), 800_001))
    await follow_all(projector(world))
    async with reading(world.database_url) as reader:
        page = await reader.holds(ACME, event.block, "", None, "", 1)
        assert page is not None
        cursor = page.next_cursor
        for asking, tenant, block, bad in (
            (reader.holds, ACME, other.block, cursor),
            (reader.orders, ACME, event.block, cursor),
            (reader.holds, GLOBEX, event.block, cursor),
            (reader.holds, ACME, event.block, cursor[:-1]),
            (reader.holds, ACME, event.block, "\0"),
        ):
            with pytest.raises(InvalidCursor):
                await asking(tenant, block, "", None, bad, 1)


async def test_a_list_says_as_of_when_it_is(world: World) -> None:
    event = await crowd(world)
    follower = projector(world)
    await follow_all(follower)
    async with reading(world.database_url) as reader:
        before_ms = await world.journal.now_ms()
        quiet = await reader.holds(ACME, event.block, "", None, "", 50)
        assert quiet is not None
        assert (quiet.listed, quiet.position) == ((), len(event.rows))
        assert quiet.as_of_ms >= before_ms, "the journal has not gone on since"
        await event.sell(event.hold(SEATS[0]))
        behind = await reader.holds(ACME, event.block, "", None, "", 50)
        assert behind is not None
        assert (behind.listed, behind.position) == ((), quiet.position)
        assert behind.as_of_ms < before_ms, "it was followed no further"


async def check_corrected(world: World) -> None:
    """What a correction ends, and what it gives a grace, is listed so; seen in one go, and apart."""
    event = await crowd(world)
    follower = projector(world)
    kept, ended, pending, paid, whole = (event.hold(seat, ttl_ms=60_000) for seat in SEATS[:5])
    assert await event.sell(kept, ended, pending, paid, whole) == 5
    orders = [PlaceOrder(event.stamp(), hold.hold, 10**9 + place) for place, hold in enumerate((pending, paid, whole))]
    assert await event.sell(*orders) == 3
    assert await event.sell(*(ConfirmOrder(event.stamp(), placed.order) for placed in orders[1:])) == 2
    await follow_all(follower)
    event.now_ms += 61_000
    correct = Correct(
        1, 3, "mara", "looked at it", event.now_ms - 61_000, ((orders[1].order, 0),), (ended.hold,), (orders[0].order,)
    )
    entry = decide_correct(event.state, correct, event.now_ms)
    assert isinstance(entry, Corrected)
    await event.append([entry])
    await follow_all(follower)
    async with reading(world.database_url) as reader:
        await check_lists(reader, event)
        await follow_all(projector(world))
        await check_lists(reader, event)


async def test_what_a_correction_ends_and_prolongs_is_listed_so(world: World) -> None:
    await check_corrected(world)


async def test_the_check_notices_a_correction_that_touches_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    monkeypatch.setattr(listing, "TOUCHES_NONE", (*TOUCHES_NONE, Corrected))
    with pytest.raises(AssertionError):
        await check_corrected(world)
