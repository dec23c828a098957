"""Nobody keeps anything of an event that was cancelled, though it was archived before all had heard of that."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from actors.core import following
from actors.core.commands import FollowEvent
from actors.core.ids import BlockId
from actors.core.parts import Part
from actors.core.replies import EventStatus, OrderStatus
from actors.core.state import BlockState
from actors.core.wishes import Wish
from actors.engine import errands
from actors.reservations import Done, Request
from tests.engine.stage import on_virtual_time
from tests.simulation.buyers import CALLER
from tests.simulation.test_divided_events import LAYOUT, Stadium

Break = Callable[[pytest.MonkeyPatch], None]

OVER_S = 60.0


async def cancel_and_archive(stadium: Stadium, event: str) -> None:
    """In one go, without waiting for parts."""
    for status in (EventStatus.CANCELLED, EventStatus.ARCHIVED):
        request = Request(CALLER, f"it is {status.name}", 2_000)
        done = await stadium.gateway.change_status(request, event, status)
        assert isinstance(done, Done), done


async def what_is_left(stadium: Stadium, order: str) -> tuple[OrderStatus, int]:
    """Of a paid order: its status, and how many tickets are good."""
    read = await stadium.gateway.get_order(CALLER, order, 5_000)
    assert isinstance(read, Done), read
    return read.reply.status, len(read.reply.tickets)


def has_nothing(state: BlockState) -> bool:
    """Whether all of the block's units are available."""
    return not any((*state.inventory.owners, *state.inventory.area_held, *state.inventory.area_sold))


async def check_a_basket_over_two_events() -> None:
    stadium, events = Stadium(), list[BlockId]()
    for number in range(2):
        created = await stadium.gateway.create_event(
            stadium.request(), f"plain {number}", LAYOUT, 600_000, stadium.rules
        )
        assert isinstance(created, Done), created
        events.append(created.block)
        await stadium.gateway.open_sale(stadium.request(), f"event_{created.block}")
    wish = Wish(("north/1/1",))
    held = await stadium.gateway.place_basket(stadium.request(), [(f"event_{event}", wish) for event in events])
    assert isinstance(held, Done), held
    order = await stadium.order(held)
    await asyncio.sleep(2)  # the legs are booked
    await cancel_and_archive(stadium, f"event_{events[0]}")
    await asyncio.sleep(OVER_S)
    assert await what_is_left(stadium, order) == (OrderStatus.PARTLY_CANCELLED, 1)
    assert [has_nothing(stadium.state(event)) for event in events] == [True, False]


async def check_a_part_that_was_away() -> None:
    stadium = Stadium()
    part = await open_with_a_part_elsewhere(stadium)
    order = await stadium.order(await stadium.hold(Wish(("north/1/1", "north/1/2"))))
    await asyncio.sleep(2)
    shard = stadium.world.catalogue.owners[part]
    stadium.world.newest[shard].process.kill()
    await cancel_and_archive(stadium, stadium.event)
    await asyncio.sleep(8)
    stadium.world.succeed(shard)
    await asyncio.sleep(OVER_S)
    assert stadium.state(stadium.home).parts_behind == []
    assert stadium.state(part).status is EventStatus.ARCHIVED
    assert await what_is_left(stadium, order) == (OrderStatus.CANCELLED, 0)
    assert has_nothing(stadium.state(part))


async def open_with_a_part_elsewhere(stadium: Stadium) -> BlockId:
    """An event whose first part lives in another shard than its home; which block that part is."""
    owners = stadium.world.catalogue.owners
    while True:  # events under key after key
        await stadium.open()
        part = BlockId(next(iter(stadium.state(stadium.home).parts)).block)
        if owners[part] != owners[BlockId(stadium.home)]:
            return part


CHECKS = {
    "a basket over two events": check_a_basket_over_two_events,
    "a part that was away": check_a_part_that_was_away,
}


@pytest.mark.parametrize("what", CHECKS)
def test_nobody_has_anything_of_an_event_that_was_cancelled_and_archived(what: str) -> None:
    on_virtual_time(CHECKS[what])()


def archived_is_not_cancelled(patch: pytest.MonkeyPatch) -> None:
    """Only what the event is counts, and not what it was."""
    is_now = property(lambda state: state.status is EventStatus.CANCELLED, lambda *_: None)
    patch.setattr(BlockState, "was_cancelled", is_now, raising=False)


def parts_are_told_what_it_is_only(patch: pytest.MonkeyPatch) -> None:
    tell = following.what_to_follow

    def only_what_it_is(state: BlockState, home: str, part: Part) -> FollowEvent:
        return msgspec.structs.replace(tell(state, home, part), was_cancelled=False)

    patch.setattr(errands, "what_to_follow", only_what_it_is)


@pytest.mark.parametrize(
    ("break_it", "what"),
    [
        (archived_is_not_cancelled, "a basket over two events"),
        (archived_is_not_cancelled, "a part that was away"),
        (parts_are_told_what_it_is_only, "a part that was away"),
    ],
)
def test_the_check_notices_what_is_forgotten(break_it: Break, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative controls."""
    break_it(monkeypatch)
    with pytest.raises(AssertionError):
        on_virtual_time(CHECKS[what])()
