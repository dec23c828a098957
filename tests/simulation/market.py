"""A market: events of several shapes, buyers who ask for all that can be asked for, organizers who change the events.

Everything is drawn from the seed, so that one seed is one run.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from actors.core.ids import BlockId, Kind, event_id, outside_id
from actors.core.layout import Category, Layout
from actors.core.outcomes import Rejected
from actors.core.replies import EventStatus
from actors.reservations import Done, Request, Reservations
from tests.event_states import price_of
from tests.simulation.buyers import CALLER, DEADLINE_MS, OPEN_REASONS
from tests.simulation.gateways import Gateway
from tests.simulation.lost_tails import Excuses
from tests.simulation.market_buyers import Buyer, Buyers
from tests.simulation.market_client import Client, Wanted
from tests.simulation.market_events import ALWAYS, SHAPES, Shape
from tests.simulation.market_notes import EXCUSED, Came, Notes
from tests.simulation.market_organizers import Organizer
from tests.simulation.market_wants import Event
from tests.simulation.organized import EventWish
from tests.simulation.repeats import repeats
from tests.simulation.short_lives import PATIENCE_MS
from tests.simulation.world import World, now_ms

EVENTS = 5
TRIES_TO_OPEN = 40


class Market:
    """One run's. Clients ask through the gateways of the world, each call through whichever."""

    def __init__(self, world: World, seed: object) -> None:
        self.notes = Notes(now_ms, world.loses)
        if world.has_short_lives:
            self.notes.patience_ms = PATIENCE_MS
        self.events: list[Event] = []
        self._world = world
        self._seed = seed

    async def open(self) -> None:
        """The events are on sale, however many tries it takes; those that were created with faults are not there."""
        random = Random(f"{self._seed}-events")
        shapes = [*SHAPES[:ALWAYS], *random.sample(SHAPES[ALWAYS:], EVENTS - ALWAYS)]
        for shape in shapes:
            await self._create(self._client(shape.name), shape)

    async def trade(self, until_s: float, is_over: Callable[[], bool]) -> None:
        """Everybody at once, until then, and until enough has happened."""
        shared, load = Buyers(self.events), self._world.load
        buyers = [
            Buyer(self._client(f"buyer {number}"), shared, load.rest_s).buy(is_over) for number in range(load.buyers)
        ]
        random = Random(f"{self._seed}-ends")
        now_s = asyncio.get_running_loop().time()
        organizers = []
        for event in self.events:
            ends = event.shape.is_brief or (event.shape.name != "plain" and random.random() < 0.15)
            ends_at_s = now_s + random.uniform(0.5, 0.8) * (until_s - now_s) if ends else 0.0
            organizer = Organizer(self._client(f"organizer {event.shape.name}"), event, ends_at_s)
            organizers.append(organizer.organize(is_over))
        await asyncio.gather(*buyers, *organizers)

    def check(self) -> list[str]:
        """Everything that is wrong with the journals, or between them and what clients were told."""
        world = self._world
        excuses = self.excuses()
        came = Came(world.written_s, world.copies.sent_s)
        wrong = self.notes.check(world.store.journals, came, repeats(world), world.skews, excuses.covers)
        self.notes.judged[f"{EXCUSED}findings about baskets and parts of which rows are lost"] += excuses.count
        return wrong

    def excuses(self) -> Excuses:
        """What follows from the rows that failovers have lost."""
        store = self._world.store
        return Excuses(store.journals, {block: [one.row for one in lost] for block, lost in store.lost.items()})

    async def ask_once_more(self) -> None:
        """In the end every event answers each gateway, a write too; one that was refused is read anew after a while."""
        for event in self.events:
            for gateway in self._world.gateways:
                if not await self._is_answered(gateway, event):
                    self.notes.faults.append(f"{event.id} does not answer {gateway.name} in the end")

    async def _is_answered(self, gateway: Gateway, event: Event) -> bool:
        hold_id = outside_id(Kind.HOLD, BlockId(event.id.partition("_")[2]), 1)
        for _ in range(4):
            request = Request(CALLER, self.notes.new_key(), DEADLINE_MS, "ana")
            answer = await gateway.ask(partial(_release, request, hold_id))
            if isinstance(answer, Done) or answer.reason not in OPEN_REASONS:
                return True
            await asyncio.sleep(5)
        return False

    def _client(self, name: str) -> Client:
        return Client(self.notes, self._world.gateways, Random(f"{self._seed}-{name}"), name)

    async def _create(self, client: Client, shape: Shape) -> None:
        rules = client.random.choice(shape.rules) if shape.draws_rules else shape.rules[0]
        key, asked_ms = f"{shape.name} {self._seed}", now_ms()

        def creating(layout: Layout) -> Wanted:
            return Wanted(
                "create_event",
                lambda gateway, request: gateway.create_event(request, shape.name, layout, 60_000, rules, shape.split),
                event=EventWish(EventStatus.DRAFT, shape.name, price_of(layout)),
            )

        for _ in range(TRIES_TO_OPEN):
            created = await client.write(creating(shape.layout), key)
            if isinstance(created, Done):
                break
            await asyncio.sleep(0.5)
        else:
            raise AssertionError(f"no event {shape.name} after {TRIES_TO_OPEN} tries")
        self.notes.know_event(created.block, is_split=bool(shape.split))
        event = Event(event_id(created.block), shape)
        organizer = Organizer(client, event, 0)
        if client.chance(0.3):
            await client.reuse_key(creating(Layout("EUR", (Category("gold", 1),), (), ())), key, created, asked_ms)
        for _ in range(TRIES_TO_OPEN):
            if await organizer.open():
                self.events.append(event)
                return
            await asyncio.sleep(0.5)
        raise AssertionError(f"{shape.name} is not on sale after {TRIES_TO_OPEN} tries")


async def _release(request: Request, hold_id: str, gateway: Reservations) -> Done[Any] | Rejected:
    return await gateway.release_hold(request, hold_id)
