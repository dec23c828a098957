"""A market: events of several shapes, buyers who ask for all that can be asked for, organizers who change the events.

Everything is drawn from the seed, so that one seed is one run.
"""

import asyncio
from collections import Counter
from random import Random

from actors.core.ids import event_id
from actors.core.layout import Category, Layout
from actors.reservations import Done
from tests.simulation.gateways import Gateway
from tests.simulation.market_buyers import Buyer, Buyers, Event
from tests.simulation.market_client import Client, Wanted
from tests.simulation.market_events import ALWAYS, SHAPES, Shape
from tests.simulation.market_notes import Notes
from tests.simulation.market_organizers import Organizer
from tests.simulation.world import World, now_ms

EVENTS = 5
BUYERS = 13
TRIES_TO_OPEN = 40


class Market:
    """One run's. `gateways`: through which clients ask, each call through whichever."""

    def __init__(self, world: World, gateways: list[Gateway], seed: object) -> None:
        self.notes = Notes(now_ms)
        self.events: list[Event] = []
        self._world = world
        self._gateways = gateways
        self._seed = seed

    async def open(self) -> None:
        """The events are on sale, however many tries it takes; those that were created with faults are not there."""
        random = Random(f"{self._seed}-events")
        shapes = [*SHAPES[:ALWAYS], *random.sample(SHAPES[ALWAYS:], EVENTS - ALWAYS)]
        for shape in shapes:
            await self._create(self._client(shape.name), shape)

    async def trade(self, until_s: float) -> None:
        """Everybody at once, until then."""
        shared = Buyers(self.events)
        buyers = [Buyer(self._client(f"buyer {number}"), shared).buy(until_s) for number in range(BUYERS)]
        random = Random(f"{self._seed}-ends")
        now_s = asyncio.get_running_loop().time()
        organizers = []
        for event in self.events:
            ends = event.shape.is_brief or (event.shape.name != "plain" and random.random() < 0.15)
            ends_at_s = now_s + random.uniform(0.5, 0.8) * (until_s - now_s) if ends else 0.0
            organizer = Organizer(self._client(f"organizer {event.shape.name}"), event, ends_at_s)
            organizers.append(organizer.organize(until_s))
        await asyncio.gather(*buyers, *organizers)

    def check(self) -> list[str]:
        """Everything that is wrong with the journals, or between them and what clients were told."""
        return self.notes.check(self._world.store.journals, self._world.repeated_keys)

    @property
    def met(self) -> Counter[str]:
        """How often what was asked came to what, as `place_hold UNITS_HELD`."""
        return self.notes.met

    def _client(self, name: str) -> Client:
        return Client(self.notes, self._gateways, Random(f"{self._seed}-{name}"))

    async def _create(self, client: Client, shape: Shape) -> None:
        rules = client.random.choice(shape.rules) if shape.draws_rules else shape.rules[0]
        key = f"{shape.name} {self._seed}"

        def creating(layout: Layout) -> Wanted:
            return Wanted(
                "create_event",
                lambda gateway, request: gateway.create_event(request, shape.name, layout, 60_000, rules, shape.split),
            )

        for _ in range(TRIES_TO_OPEN):
            created = await client.write(creating(shape.layout), key)
            if isinstance(created, Done):
                break
            await asyncio.sleep(0.5)
        else:
            raise AssertionError(f"no event {shape.name} after {TRIES_TO_OPEN} tries")
        self.notes.know_event(created.block)
        event = Event(event_id(created.block), shape)
        organizer = Organizer(client, event, 0)
        if client.chance(0.3):
            await client.reuse_key(creating(Layout("EUR", (Category("gold", 1),), (), ())), key)
        for _ in range(TRIES_TO_OPEN):
            if await organizer.open():
                self.events.append(event)
                return
            await asyncio.sleep(0.5)
        raise AssertionError(f"{shape.name} is not on sale after {TRIES_TO_OPEN} tries")
