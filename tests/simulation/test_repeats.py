"""What a gateway sends twice at once is judged, unless something came between; what comes again later is not."""

import asyncio
from collections.abc import Callable

from actors.core.keys import key_hash
from actors.core.wishes import Wish
from actors.reservations import Request
from tests.engine.stage import on_virtual_time
from tests.simulation.buyers import CALLER, DEADLINE_MS, TENANT, create_event
from tests.simulation.clocks import loop_s
from tests.simulation.repeats import AT_ONCE_S, Repeats, repeats
from tests.simulation.world import World

DENIED = "UNITS_HELD"
TURNED_AWAY = "OVERLOADED"


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


async def _sale(come: Callable[[Sale], None], wait_s: float = 0.0, *, between: bool = False) -> tuple[Repeats, bytes]:
    """A seat is held so much later than the command `came`, perhaps after another one."""
    sale = Sale()
    await sale.begin()
    come(sale)
    await asyncio.sleep(wait_s)
    if between:
        await sale.hold("other", "A/1/1")
    await sale.hold("key", "A/1/2")
    return repeats(sale.world), sale.hashed("key")


def _doubled(sale: Sale) -> None:
    sale.world.doubled_s[sale.hashed("key")] = loop_s()


def _again(sale: Sale) -> None:
    sale.world.repeated_keys.add(sale.hashed("key"))


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
