"""A client who leaves has his call cancelled in the gateway; what came of it is told by his key, and others go on."""

import asyncio
from typing import Any

from actors.core.wishes import Wish
from actors.reservations import Done, Request, Reservations
from tests.engine.stage import on_virtual_time
from tests.simulation.buyers import CALLER, DEADLINE_MS, create_event
from tests.simulation.clocks import loop_s
from tests.simulation.faults import APART, Fault
from tests.simulation.gateways import Front, Gateway, HasLeft
from tests.simulation.market_notes import LEFT
from tests.simulation.runs import simulate
from tests.simulation.world import World, now_ms

SEED = 3
SOON_S = 0.001
ONLY_LEAVING = frozenset((Fault.CLIENT_LEAVES,))


class _Sale:
    """An event, and one gateway before it."""

    async def begin(self, faults: frozenset[Fault] = frozenset()) -> None:
        self.world = World(1, ("s1",), faults=faults)
        self.event = await create_event(self.world.gateway(), "event")
        self.gateway = Gateway(self.world, "gateway")

    def hold(self, seat: str) -> Any:
        async def call(reservations: Reservations, request: Request) -> Any:
            return await reservations.place_hold(request, self.event, Wish((seat,)))

        return call


def _request(key: str) -> Request:
    return Request(CALLER, key, DEADLINE_MS, "ana")


@on_virtual_time
async def test_who_leaves_finds_by_his_key_what_came_of_it_and_who_stays_is_answered() -> None:
    sale = _Sale()
    await sale.begin()
    leaving = sale.gateway.ask_to_write(sale.hold("A/1/1"), _request("leaves"), now_ms(), loop_s() + SOON_S)
    staying = sale.gateway.ask_to_write(sale.hold("A/1/2"), _request("stays"), now_ms())
    left, stayed = list[Any](await asyncio.gather(leaving, staying, return_exceptions=True))
    assert isinstance(left, HasLeft)
    assert isinstance(stayed, Done)
    assert sale.world.faults.counts[Fault.CLIENT_LEAVES] == 1
    again = await sale.gateway.ask_to_write(sale.hold("A/1/1"), _request("leaves"), now_ms())
    assert isinstance(again, Done)


@on_virtual_time
async def test_nobody_leaves_when_all_is_calm() -> None:
    sale = _Sale()
    await sale.begin(ONLY_LEAVING)
    front = Front([sale.gateway], sale.world.random, "buyer")
    assert any(front._leaves_s() < float("inf") for _ in range(100))
    sale.world.faults.calm()
    assert all(front._leaves_s() == float("inf") for _ in range(100))


def test_clients_of_a_run_leave_and_nothing_is_wrong() -> None:
    run = simulate(SEED, faults=ONLY_LEAVING | {Fault.CRASH, Fault.PAUSE})
    assert run.wrong == []
    assert run.effects[Fault.CLIENT_LEAVES] >= run.judged[LEFT] > 0


def test_it_is_drawn_apart() -> None:
    assert Fault.CLIENT_LEAVES in APART
