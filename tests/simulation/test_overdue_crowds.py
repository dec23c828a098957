"""A crowd's holds run out at once, more than a turn ends: who asks meanwhile is put off, never denied what is there."""

import asyncio

import pytest

from actors.core import ground
from actors.core.ground import Ground
from actors.core.ids import Kind, outside_id
from actors.core.outcomes import Details, Reason, Rejected
from actors.core.replies import RoomReply
from actors.core.wishes import AreaPlaces, Wish
from actors.engine import block_host
from actors.reservations import Done
from actors.reservations.baskets import BasketAsks
from tests.engine.stage import on_virtual_time
from tests.simulation.test_divided_events import LAYOUT, SECTIONS, Stadium
from tests.simulation.world import now_ms

CROWD_MS = 60_000
FLOOR, SEAT = Wish(areas=(AreaPlaces("floor", 30),)), Wish(("west/1/1",))


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground, "MAX_OVERDUE_LOOKED_AT", 5)
    monkeypatch.setattr(block_host, "DUES_PER_TICK", 3)


async def crowded(stadium: Stadium) -> tuple[str, str]:
    """Two events that are not split; in the first all but one seat are overdue, and since later the whole floor."""
    events = []
    for number in range(2):
        created = await stadium.gateway.create_event(stadium.request(), f"plain {number}", LAYOUT, 600_000)
        assert isinstance(created, Done), created
        events.append(f"event_{created.block}")
        await stadium.gateway.open_sale(stadium.request(), events[-1])
    begun_ms = now_ms()
    seats = [f"{section}/{row}/{seat}" for section in SECTIONS for row in (1, 2) for seat in range(1, 5)]
    for wish in (*(Wish((seat,)) for seat in seats if seat not in SEAT.seats), FLOOR):
        ttl_ms = begun_ms + CROWD_MS + (wish is FLOOR) - now_ms()
        held = await stadium.gateway.place_hold(stadium.request(), events[0], wish, ttl_ms)
        assert isinstance(held, Done), held
    await asyncio.sleep((begun_ms + CROWD_MS + 2 - now_ms()) / 1000)
    return events[0], events[1]


async def nobody_is_denied_what_is_there() -> None:
    """Whoever comes again when told to has all of it soon; and nothing is kept of the tries before."""
    stadium = Stadium()
    crowd, other = await crowded(stadium)
    tries = 0
    while True:
        tries += 1
        basket = await stadium.gateway.place_basket(stadium.request(key="mine"), [(crowd, FLOOR), (other, SEAT)])
        if isinstance(basket, Done):
            break
        assert (basket.reason, basket.details.event) == (Reason.OVERLOADED, crowd)
        assert basket.details.retry_at_ms is not None
        await asyncio.sleep((basket.details.retry_at_ms - now_ms()) / 1000)
        seat = await stadium.gateway.place_hold(stadium.request(key=f"probe {tries}"), other, SEAT)
        assert isinstance(seat, Done), "the other event's seat is kept by a basket that came to nothing"
        await stadium.gateway.release_hold(stadium.request(), outside_id(Kind.HOLD, seat.block, seat.reply.hold))
    assert 1 < tries < 8
    assert [leg.areas for leg in basket.reply.legs if leg.areas] == [FLOOR.areas]
    gone = await stadium.gateway.place_hold(stadium.request(), crowd, FLOOR)
    assert isinstance(gone, Rejected)
    assert gone.reason is Reason.NOT_ENOUGH_AVAILABLE


def test_nobody_is_denied_what_is_there() -> None:
    on_virtual_time(nobody_is_denied_what_is_there)()


def test_nor_who_hears_of_it_from_a_leg(monkeypatch: pytest.MonkeyPatch) -> None:
    """There seemed to be room, and the legs find out: the intent is dropped, and the other event's seat is back."""

    async def room_for_all(*_: object) -> RoomReply:
        return RoomReply(600_000, 600_000)

    monkeypatch.setattr(BasketAsks, "_ask_for_room", room_for_all)
    on_virtual_time(nobody_is_denied_what_is_there)()


def test_the_check_notices_a_no_before_all_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""

    def no_for_certain(_: Ground, named: tuple[str, ...], available: int) -> Rejected:
        return Rejected(Reason.NOT_ENOUGH_AVAILABLE, Details(units=named, available=available))

    monkeypatch.setattr(Ground, "_not_enough", no_for_certain)
    with pytest.raises(AssertionError, match="NOT_ENOUGH_AVAILABLE"):
        on_virtual_time(nobody_is_denied_what_is_there)()
