"""What a gateway sends twice at once is judged, unless something came between; what comes again later is not."""

import asyncio
from collections.abc import Callable

from actors.core.commands import ReleaseHold, Stamp
from actors.core.entries import Entry
from actors.core.ids import BlockId
from actors.core.keys import key_hash
from actors.core.wishes import Wish
from actors.link.batch import Call, encoder
from actors.reservations import Request
from tests.engine.stage import on_virtual_time
from tests.simulation.buyers import CALLER, DEADLINE_MS, TENANT, create_event
from tests.simulation.causes import cause_of_entry, decided
from tests.simulation.clocks import loop_s
from tests.simulation.faults import Fault
from tests.simulation.network import Network
from tests.simulation.repeats import AT_ONCE_S, Copies, Copy, Repeats, repeats
from tests.simulation.world import World, now_ms

DENIED = "UNITS_HELD"
TURNED_AWAY = "OVERLOADED"
MOMENT_S, LATER_S = 0.001, 1.0


class Sale:
    """An event of which somebody gets seats, one call after the other."""

    async def begin(self) -> None:
        self.world = World(1, ("s1",), faults=False)
        self.event = await create_event(self.world.gateway(), "event")

    async def hold(self, key: str, seat: str) -> None:
        """It is held under this key."""
        request = Request(CALLER, key, DEADLINE_MS, "ana")
        await self.world.gateway().place_hold(request, self.event, Wish((seat,)))

    def hashed(self, key: str) -> bytes:
        return key_hash(TENANT, key)

    def held(self, key: str) -> Entry:
        """What the journal has of it."""
        journals, hashed = self.world.store.journals.values(), self.hashed(key)
        (held,) = (one.entry for rows in journals for one in decided(rows) if cause_of_entry(one.entry)[0] == hashed)
        return held


async def _sale(
    come: Callable[[Sale], None],
    wait_s: float = 0.0,
    *,
    between: bool = False,
    in_time: bool = True,
    is_held_first: bool = False,
) -> tuple[Repeats, bytes]:
    """A seat is held so much later than the command `came`, perhaps after another one, and in its time or not; or
    before it came.
    """
    sale = Sale()
    await sale.begin()
    if is_held_first:
        await sale.hold("key", "A/1/2")
        await asyncio.sleep(MOMENT_S)
    come(sale)
    await asyncio.sleep(wait_s)
    if between:
        await sale.hold("other", "A/1/1")
    if not is_held_first:
        await sale.hold("key", "A/1/2")
    key = sale.hashed("key")
    _end_at(sale.world.copies, key, sale.held("key"), in_time=in_time)
    return repeats(sale.world), key


def _end_at(copies: Copies, key: bytes, held: Entry, *, in_time: bool) -> None:
    """What came of the key was the try that had the effect, and had until then."""
    for known in (copies.later, copies.at_once):
        if (came := known.pop((key, 0), None)) is not None:
            known[cause_of_entry(held)] = [copy._replace(until_ms=held.at_ms - (not in_time)) for copy in came]


def _doubled(sale: Sale) -> None:
    sale.world.copies.note((sale.hashed("key"), 0), 0, at_once=True)


def _again(sale: Sale) -> None:
    sale.world.copies.note((sale.hashed("key"), 0), 0, at_once=False)


@on_virtual_time
async def test_what_came_twice_at_once_is_judged() -> None:
    found, key = await _sale(_doubled)
    assert not found.excuse({key}, DENIED)
    assert found.excuse({key}, TURNED_AWAY), "there may have been room for the second"
    assert not found.excuse({b"another"}, TURNED_AWAY)


@on_virtual_time
async def test_unless_something_came_between() -> None:
    found, key = await _sale(_doubled, between=True)
    assert found.excuse({key}, DENIED)


@on_virtual_time
async def test_or_time_passed() -> None:
    found, key = await _sale(_doubled, AT_ONCE_S)
    assert found.excuse({key}, DENIED)


@on_virtual_time
async def test_what_came_again_later_is_excused() -> None:
    found, key = await _sale(_again)
    assert found.excuse({key}, DENIED)
    found, key = await _sale(lambda _: None)
    assert not found.excuse({key}, DENIED)


@on_virtual_time
async def test_unless_it_came_when_the_effect_was_there() -> None:
    for come in (_again, _doubled):
        found, key = await _sale(come, is_held_first=True)
        assert not found.excuse({key}, DENIED), "nothing can be the copy's doing"
        assert not found.excuse({key}, TURNED_AWAY)


@on_virtual_time
async def test_one_that_came_later_does_not_hide_one_that_came_before() -> None:
    sale = Sale()
    await sale.begin()
    _again(sale)
    await sale.hold("key", "A/1/2")
    await asyncio.sleep(MOMENT_S)
    _again(sale)
    _end_at(sale.world.copies, sale.hashed("key"), sale.held("key"), in_time=True)
    assert repeats(sale.world).excuse({sale.hashed("key")}, DENIED)


@on_virtual_time
async def test_a_copy_counts_from_when_it_comes() -> None:
    """And not from when the network took it: until then all was done by the first."""
    sale = Sale()
    await sale.begin()
    world, now_s = sale.world, loop_s()
    network, key = Network(world, world.newest["s1"]), sale.hashed("key")
    stamp = Stamp(TENANT, "ana", key, b"", now_ms() + DEADLINE_MS)
    call = Call(BlockId(sale.event.partition("_")[2]), encoder.encode(ReleaseHold(stamp, 1)))
    network._again(LATER_S, encoder.encode([call]), Fault.REPEATED)
    assert world.copies.later == {}
    await asyncio.sleep(LATER_S + MOMENT_S)
    assert world.copies.later == {(key, 0): [Copy(now_s + LATER_S, stamp.not_after_ms)]}


@on_virtual_time
async def test_unless_the_time_of_that_copy_was_up() -> None:
    for come in (_again, _doubled):
        found, key = await _sale(come, between=True, in_time=False)
        assert not found.excuse({key}, DENIED)
        assert not found.excuse({key}, TURNED_AWAY)


@on_virtual_time
async def test_or_it_was_another_try_that_had_the_effect() -> None:
    sale = Sale()
    await sale.begin()
    sale.world.copies.note((sale.hashed("key"), 1), now_ms() + DEADLINE_MS, at_once=False)
    await sale.hold("key", "A/1/2")
    assert not repeats(sale.world).excuse({sale.hashed("key")}, DENIED)
