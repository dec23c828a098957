"""Before anything of a basket is meant, everybody is asked whether there is room."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest

from actors.baskets import Baskets, WishedLeg
from actors.core.commands import Stamp
from actors.core.ids import TenantId
from actors.core.keys import key_hash
from actors.core.layout import Area
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import HoldReply, RoomReply
from actors.core.rules import Rules
from actors.core.wishes import AreaPlaces, BestSeats, Wish
from actors.reservations import Done, asks
from actors.reservations.baskets import BasketAsks
from actors.reservations.caller import Caller
from actors.reservations.divisions import Division, Divisions
from actors.reservations.ways import Way
from tests.engine.stage import on_virtual_time
from tests.simulation.buyers import CALLER
from tests.simulation.test_divided_events import LAYOUT, SPLIT, Stadium
from tests.simulation.virtual_time import Process

Sabotage = Callable[[pytest.MonkeyPatch], None]
TWO = Wish(best=(BestSeats(2),))
LATER_S = 3.0
"""By then what was released is on sale."""


def seats_of(*sections: str) -> Wish:
    return Wish(tuple(f"{section}/{row}/{seat}" for section in sections for row in (1, 2) for seat in range(1, 5)))


def _told(outcome: Done[HoldReply] | Rejected) -> list[str]:
    """The seats that are held, or why none are."""
    if isinstance(outcome, Rejected):
        return [outcome.reason.name]
    return sorted(seat for leg in outcome.reply.legs for seat in leg.seats)


def _rows_of(stadium: Stadium) -> dict[str, int]:
    return {block: len(rows) for block, rows in stadium.world.store.journals.items()}


async def refusals_write_nothing() -> None:
    stadium = await Stadium(Rules(max_per_buyer=8)).open()
    for buyer, section in enumerate(("north", "east", "south", "west")):
        await stadium.hold(seats_of(section), buyer=f"buyer {buyer}")
    await asyncio.sleep(LATER_S)
    before = _rows_of(stadium)
    assert (await stadium.refused(TWO)).reason is Reason.NOT_ENOUGH_AVAILABLE
    taken = await stadium.refused(Wish(("south/1/2", "north/2/1")))
    assert (taken.reason, taken.details.units) == (Reason.UNITS_HELD, ("north/2/1", "south/1/2"))
    assert (await stadium.refused(TWO, "buyer 0")).reason is Reason.BUYER_LIMIT_EXCEEDED
    pair = [(stadium.event, TWO)]
    basket = await stadium.gateway.place_basket(stadium.request(), pair)
    assert isinstance(basket, Rejected)
    assert (basket.reason, basket.details.event) == (Reason.NOT_ENOUGH_AVAILABLE, stadium.event)
    await asyncio.sleep(LATER_S)
    assert _rows_of(stadium) == before


def _mean_it_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    async def room_for_all(*_: object) -> RoomReply:
        return RoomReply(600_000, 600_000)

    monkeypatch.setattr(BasketAsks, "_ask_for_room", room_for_all)


async def each_event_has_its_keys() -> None:
    stadium = await Stadium().open()
    other = await stadium.gateway.create_event(stadium.request(), "other", LAYOUT, 600_000, stadium.rules, SPLIT)
    assert isinstance(other, Done)
    await stadium.gateway.open_sale(stadium.request(), f"event_{other.block}")
    held = [
        await stadium.gateway.place_hold(stadium.request(key="cart"), event, Wish(("north/1/1",)))
        for event in (stadium.event, f"event_{other.block}", stadium.event)
    ]
    legs = [(hold.reply.legs[0].block, hold.replayed) for hold in held if isinstance(hold, Done)]
    assert legs == [(stadium.home, False), (other.block, False), (stadium.home, True)]
    reused = await stadium.gateway.place_hold(stadium.request(key="cart"), stadium.event, Wish(("north/1/2",)))
    assert isinstance(reused, Rejected)
    assert reused.reason is Reason.IDEMPOTENCY_KEY_REUSED


def _one_key_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_event(tenant: TenantId, key: str, _: str = "") -> bytes:
        return key_hash(tenant, key)

    monkeypatch.setattr(asks, "key_hash", without_event)


async def who_comes_second_looks_elsewhere() -> None:
    """Two have seen the same last seats of a part; who is too late is led to the next, with all that it asked for."""
    for lap in range(4):
        stadium = Stadium(Rules(max_per_buyer=8))
        stadium._keys = lap * 100
        await stadium.open()
        await stadium.hold(Wish(tuple(f"north/{row}/{seat}" for row, seat in ((1, 1), (1, 2), (2, 1), (2, 2)))), "all")
        await stadium.hold(Wish(("north/1/3", "north/1/4")), "all")
        asked = [
            stadium.gateway.place_hold(stadium.request(buyer), stadium.event, Wish((f"west/1/{n}",), best=TWO.best))
            for n, buyer in enumerate(("ana", "ben"), 1)
        ]
        found = sorted(_told(outcome)[:2] for outcome in await asyncio.gather(*asked))
        assert found == [["east/1/1", "east/1/2"], ["north/2/3", "north/2/4"]]


def _refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Way, "turned_away", lambda *_: False)


def _sought_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sure is placed first, and is in the way of the next try."""
    legs = Way.legs

    def upside_down(self: Way) -> list[WishedLeg]:
        return [msgspec.structs.replace(leg, is_sought=not leg.is_sought) for leg in legs(self)]

    monkeypatch.setattr(Way, "legs", upside_down)


async def the_same_key_finds_what_there_is() -> None:
    """A gateway dies on the way with the last seats, and the same is asked twice at once: all are told of them."""
    for killed_at_ms in range(0, 60, 3):
        stadium = await Stadium().open()
        await stadium.hold(seats_of("north", "south", "west"), "all")
        await stadium.hold(Wish(("east/1/3", "east/1/4", *(f"east/2/{seat}" for seat in range(1, 5)))), "all")
        gone = stadium.world.gateway()
        await gone.get_event(CALLER, stadium.event, 5_000)
        gateway = Process("gateway")
        gateway.start(gone.place_hold(stadium.request(key="one"), stadium.event, TWO))
        await asyncio.sleep(killed_at_ms / 1000)
        gateway.kill()
        again = (stadium.world.gateway(), stadium.world.gateway())
        outcomes = await asyncio.gather(
            *(each.place_hold(stadium.request(key="one"), stadium.event, TWO) for each in again)
        )
        assert [_told(outcome) for outcome in outcomes] == [["east/1/1", "east/1/2"]] * 2, killed_at_ms


def _nobody_asks_the_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> None:
        return None

    monkeypatch.setattr(BasketAsks, "_under_key", nothing)


async def a_retry_is_told_what_it_has() -> None:
    """What is held under a key is in the way of the same wish, but not of the same key."""
    stadium = await Stadium().open()
    held = await stadium.hold(seats_of("north", "east"), key="mine")
    again = await stadium.hold(seats_of("north", "east"), key="mine")
    assert (again.reply.hold, again.replayed) == (held.reply.hold, True)


async def an_edit_is_known_at_once() -> None:
    stadium = await Stadium().open()
    await stadium.hold(TWO)
    terrace = msgspec.structs.replace(LAYOUT, areas=(*LAYOUT.areas, Area("terrace", 1, 10)))
    revision = stadium.state(stadium.home).revision
    other = stadium.world.gateway()
    assert isinstance(await other.edit_event(stadium.request(), stadium.event, revision, layout=terrace), Done)
    held = await stadium.hold(Wish(areas=(AreaPlaces("terrace", 1),)))
    assert held.reply.legs[0].areas == (AreaPlaces("terrace", 1),)


def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    of = Divisions.of

    async def known(self: Divisions, caller: Caller, block: Any, *, anew: bool = False) -> Division | Rejected | None:
        return await of(self, caller, block)

    monkeypatch.setattr(Divisions, "of", known)


async def a_crowd_reads_an_event_once() -> None:
    stadium = await Stadium().open()
    crowd = [stadium.gateway.place_hold(stadium.request(f"b{n}"), stadium.event, TWO) for n in range(50)]
    counts = await _reads(stadium, asyncio.gather(*crowd))
    assert counts == [1, 0]
    await asyncio.sleep(6)
    crowd = [stadium.gateway.place_hold(stadium.request(f"c{n}"), stadium.event, TWO) for n in range(50)]
    assert await _reads(stadium, asyncio.gather(*crowd)) == [0, 1]


async def _reads(stadium: Stadium, work: "asyncio.Future[list[Any]]") -> list[int]:
    """How often the whole event was read meanwhile, and how often its revision."""
    divisions = stadium.gateway._divisions
    counts = [0, 0]

    def counted(which: int, read: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Coroutine[Any, Any, Any]]:
        async def counting(*arguments: object) -> object:
            counts[which] += 1
            return await read(*arguments)

        return counting

    reads = divisions._read, divisions._read_revision
    divisions._read, divisions._read_revision = (counted(which, read) for which, read in enumerate(reads))  # type: ignore[arg-type]
    await work
    divisions._read, divisions._read_revision = reads
    return counts


def _each_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    async def of(self: Divisions, caller: Caller, block: Any, *, anew: bool = False) -> Division | Rejected | None:
        return await self._look(caller, block, self._divided.get((caller.tenant, block)))

    monkeypatch.setattr(Divisions, "of", of)


async def baskets_live_as_long_as_their_events_let_them() -> None:
    stadium = Stadium(Rules(max_hold_life_ms=300_000))
    short = await stadium.gateway.create_event(stadium.request(), "short", LAYOUT, 120_000, stadium.rules)
    split = await stadium.gateway.create_event(stadium.request(), "long", LAYOUT, 600_000, Rules(), SPLIT)
    assert isinstance(short, Done)
    assert isinstance(split, Done)
    for event in (short, split):
        await stadium.gateway.open_sale(stadium.request(), f"event_{event.block}")
    lives = {}
    for ttl_ms in (0, 7_200_000):
        legs = [(f"event_{event.block}", TWO) for event in (short, split)]
        held = await stadium.gateway.place_basket(stadium.request(), legs, ttl_ms)
        assert isinstance(held, Done), held
        reply = held.reply
        lives[ttl_ms] = reply.expires_at_ms - reply.now_ms, reply.max_expires_at_ms - reply.now_ms
    assert lives == {0: (120_000, 300_000), 7_200_000: (300_000, 300_000)}


def _as_long_as_it_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Baskets.place

    async def for_two_hours(self: Baskets, stamp: Stamp, legs: list[WishedLeg], ttl_ms: int, _: int = 0) -> object:
        return await place(self, stamp, legs, ttl_ms)

    monkeypatch.setattr(Baskets, "place", for_two_hours)


async def each_choice_is_sought_by_itself() -> None:
    stadium = await Stadium().open()
    await stadium.hold(Wish(("north/1/3", "north/1/4", "west/1/3", "west/1/4")))
    await stadium.hold(Wish(tuple(f"{section}/2/{seat}" for section in ("north", "west") for seat in range(1, 5))))
    await stadium.hold(seats_of("east", "south"))
    held = await stadium.hold(Wish(best=(BestSeats(2), BestSeats(2, (), ("gold",)))))
    assert _told(held) == ["north/1/1", "north/1/2", "west/1/1", "west/1/2"]


def _all_in_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Way, "seek", lambda self, _, now_ms: self.legs()[0] if self.seek_together(now_ms) else None)


async def a_choice_that_finds_no_room_is_sought_first() -> None:
    """Of those that may be of two parts each, the first has the only room of the second, and another for itself."""
    stadium = await Stadium().open()
    await stadium.hold(Wish(tuple(f"{section}/2/{seat}" for section in ("north", "west") for seat in range(1, 5))))
    await stadium.hold(Wish(("north/1/3", "north/1/4", "west/1/3", "west/1/4")))
    await stadium.hold(seats_of("east", "south"))
    choices = BestSeats(2, ("north", "west")), BestSeats(2, ("east", "north"))
    held = await stadium.hold(Wish(best=choices))
    assert _told(held) == ["north/1/1", "north/1/2", "west/1/1", "west/1/2"]
    assert (await stadium.refused(Wish(best=choices))).reason is Reason.NOT_ENOUGH_AVAILABLE


def _in_one_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Way, "seek_first", lambda *_: False)


CHECKS: list[tuple[Callable[[], Coroutine[Any, Any, None]], list[Sabotage]]] = [
    (refusals_write_nothing, [_mean_it_anyway]),
    (each_event_has_its_keys, [_one_key_for_all]),
    (who_comes_second_looks_elsewhere, [_refused_at_once, _sought_last]),
    (the_same_key_finds_what_there_is, [_nobody_asks_the_desk]),
    (a_retry_is_told_what_it_has, [_nobody_asks_the_desk]),
    (an_edit_is_known_at_once, [_as_it_was]),
    (a_crowd_reads_an_event_once, [_each_for_itself]),
    (baskets_live_as_long_as_their_events_let_them, [_as_long_as_it_likes]),
    (each_choice_is_sought_by_itself, [_all_in_one_place]),
    (a_choice_that_finds_no_room_is_sought_first, [_in_one_order]),
]


@pytest.mark.parametrize("check", [check for check, _ in CHECKS], ids=lambda check: check.__name__)
def test_before_anything_is_meant(check: Callable[[], Coroutine[Any, Any, None]]) -> None:
    on_virtual_time(check)()


@pytest.mark.parametrize(
    ("check", "sabotage"),
    [(check, sabotage) for check, sabotages in CHECKS for sabotage in sabotages],
    ids=lambda each: each.__name__,
)
def test_the_check_notices(
    check: Callable[[], Coroutine[Any, Any, None]], sabotage: Sabotage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative controls."""
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        on_virtual_time(check)()
