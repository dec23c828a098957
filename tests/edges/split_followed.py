"""An event that is split beside one that is not, their journals in Postgres, followed, and read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Any

import pytest

from actors.core.ids import TenantId
from actors.projections import fresh
from actors.projections.availability import AvailabilityProjection
from actors.projections.listing import ListingProjection
from actors.projections.live_events import LiveEvents
from actors.projections.live_writer import LiveWriter
from actors.projections.projector import Projector
from serve.ration import Ration
from tests.edges.asking import Ask, ask_grpc, ask_http
from tests.edges.both import thing
from tests.edges.edge_stack import Edges, operator_of, whole_edges
from tests.edges.split_house import Pair, comes_to, like, make_pair
from tests.projections.selling import World, follow_all, selling

ASKING = [ask_http, ask_grpc]
ALPHA = TenantId("alpha")
OPERATOR = operator_of("alpha")
SECTIONS = ("north", "east", "south", "west")


class House:
    """Both events on sale, their journals in Postgres, and what follows them when it is told to."""

    def __init__(self, edges: Edges, projector: Projector, world: World) -> None:
        self.edges, self.projector, self.world = edges, projector, world
        self.pair = Pair("", "")
        self.seats = cycle(range(1, 9))
        self._asked = 0

    async def follow(self) -> None:
        """All that has happened can be read."""
        self.projector.hint(self.edges.blocks)
        await follow_all(self.projector)

    async def settle(self) -> None:
        """Nothing happens by itself any more, and all that has can be read."""
        sequences = [-1, -2]
        while sequences[-1] != sequences[-2]:
            await asyncio.sleep(0.1)
            await self.follow()
            shown = await read(self.edges, ask_http, "get_availability", self.pair.split)
            sequences.append(shown["sequence"])

    def key(self) -> str:
        """One that nobody has used."""
        self._asked += 1
        return f"{self._asked}"

    async def ask(self, operation: str, body: dict[str, Any], **ids: str) -> Any:
        """The hold or order that is answered."""
        answered = await ask_http(self.edges, Ask(operation, body, key=self.key(), **ids))  # type: ignore[arg-type]
        return thing(answered, "")

    async def hold(self, event: str, buyer: str, *units: str, floor: int = 0) -> Any:
        """A hold of these."""
        areas = [{"area": "Floor", "quantity": floor}] if floor else []
        return await self.ask("place_hold", {"units": units, "areas": areas, "buyer_id": buyer}, event_id=event)

    async def buy(self, event: str, buyer: str, *units: str, floor: int = 0) -> Any:
        """A paid order of these."""
        hold = await self.hold(event, buyer, *units, floor=floor)
        order = await self.ask("place_order", {"hold_id": hold["hold_id"]})
        order = await self.ask("confirm_order", {}, order_id=order["order_id"])
        for unit in units:
            await comes_to(self.edges, event, unit, "UNITS_SOLD")
        return order

    async def live(self, row: str) -> None:
        """The same happens to both events, and can be read."""
        for event in self.pair:
            ana, bo = f"ana-{row}", f"bo-{row}"
            paid = await self.buy(event, ana, f"north/{row}/1", f"west/{row}/2", f"south/{row}/3", floor=2)
            (ticket,) = (one["ticket_id"] for one in paid["tickets"] if one["unit"] == f"south/{row}/3")
            await self.ask("cancel_tickets", {"tickets": [ticket]}, order_id=paid["order_id"])
            await comes_to(self.edges, event, f"south/{row}/3", "")
            await self.hold(event, bo, f"east/{row}/4", f"east/{row}/5", f"north/{row}/8")
            gone = await self.hold(event, ana, f"west/{row}/7")
            await self.ask("release_hold", {}, hold_id=gone["hold_id"])
            pending = await self.hold(event, bo, f"west/{row}/8")
            await self.ask("place_order", {"hold_id": pending["hold_id"]})
            await comes_to(self.edges, event, f"west/{row}/7", "")
        await self.follow()


def bare(reply: Any) -> Any:
    """Without the event's id, what passes, and where both are (`like`)."""
    return like({name: value for name, value in reply.items() if name != "event_id"})


async def read(edges: Edges, asking: Any, operation: str, event: str, **asked: Any) -> Any:
    answered = await asking(edges, Ask(operation, asked, event_id=event))
    return thing(answered, "")


@asynccontextmanager
async def followed_house(database_url: str, redis_url: str) -> AsyncIterator[House]:
    """Something has happened to both events, in row A."""
    patch = pytest.MonkeyPatch()
    patch.setattr(fresh, "FRESH_S", -1.0)  # what was read serves nobody else
    patch.setattr(Ration, "turn", Ration(0.0).turn)
    live = LiveEvents(redis_url)
    async with whole_edges(database_url, redis_url, in_postgres=True) as edges, selling(database_url) as world:
        projector = world.projector(AvailabilityProjection(), ListingProjection(), display=LiveWriter(live))
        house = House(edges, projector, world)
        house.pair = await make_pair(edges, "pair")
        await house.live("A")
        yield house
    await live.close()
    patch.undo()
