"""Buyers of an event that is split, and of a plain one, and an organizer who changes the event while they buy."""

import asyncio
from collections import Counter
from random import Random

import msgspec

from actors.audit.replies import Acknowledged, Told
from actors.core.ids import Kind, outside_id
from actors.core.layout import Area, Category, Layout, Row, Section
from actors.core.outcomes import Rejected
from actors.core.replies import EventReply, EventStatus, HoldReply, OrderReply
from actors.core.rules import Rules
from actors.core.wishes import AreaPlaces, BestSeats, Wish
from actors.reservations import Done, Request, Reservations
from tests.loadtests.journals import acknowledged
from tests.simulation.buyers import CALLER, DEADLINE_MS, OPEN_REASONS, create_event
from tests.simulation.world import World

SECTIONS = ("north", "east", "south", "west")
STADIUM = Layout(
    "EUR",
    (Category("gold", 9000), Category("standing", 4000)),
    tuple(Section(name, tuple(Row(str(row), 0, 1, 6) for row in (1, 2))) for name in SECTIONS),
    (Area("floor", 1, 20),),
)
SPLIT = (("north",), ("east", "south"))  # west and the floor are at home
LIMITS = (6, 8, 10)


class DividedCrowd:
    """All of them, and what buyers were told."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.told: list[Acknowledged] = []
        self.met: Counter[str] = Counter()
        self.split = self.plain = ""
        self._keys = 0

    async def open(self) -> None:
        """Both events are on sale, however many tries it takes."""
        gateway = self.world.gateway()
        self.plain = await create_event(gateway, "plain")
        for attempt in range(100):
            created = await gateway.create_event(
                Request(CALLER, "split", DEADLINE_MS), "Final", STADIUM, 60_000, Rules(max_per_buyer=8), SPLIT
            )
            if isinstance(created, Done):
                self.split = f"event_{created.block}"
                opened = await gateway.open_sale(Request(CALLER, f"open-{attempt}", DEADLINE_MS), self.split)
                if isinstance(opened, Done):
                    return
            await asyncio.sleep(0.5)
        raise AssertionError("no event after 100 tries")

    async def buy(self, random: Random, until_s: float) -> None:
        """One buyer with a gateway of its own, until then."""
        gateway = self.world.gateway()
        while asyncio.get_running_loop().time() < until_s:
            await self._visit(gateway, random, random.choice(("ana", "ben", "cem", "dan")))
            await asyncio.sleep(random.uniform(0, 0.7))

    async def organize(self, random: Random, until_s: float) -> None:
        """Edits, pauses, goes on."""
        gateway = self.world.gateway()
        while asyncio.get_running_loop().time() < until_s:
            await asyncio.sleep(random.uniform(1, 4))
            event = await gateway.get_event(CALLER, self.split, DEADLINE_MS)
            if isinstance(event, Rejected):
                continue
            self._note("changed", await self._change(gateway, random, event.reply))

    async def _change(self, gateway: Reservations, random: Random, event: EventReply) -> Done[EventReply] | Rejected:
        if event.status is EventStatus.PAUSED:
            return await gateway.open_sale(self._request(), self.split)
        price = random.randint(1, 9_000)
        categories = (msgspec.structs.replace(STADIUM.categories[0], price=price), STADIUM.categories[1])
        match random.choice(("layout", "layout", "rules", "rules", "pause")):
            case "layout":
                sections = tuple(random.sample(STADIUM.sections, 4))
                layout = msgspec.structs.replace(STADIUM, categories=categories, sections=sections)
                return await gateway.edit_event(
                    self._request(), self.split, event.revision, name=f"Final {price}", layout=layout
                )
            case "rules":
                rules = Rules(max_per_buyer=random.choice(LIMITS))
                return await gateway.edit_event(self._request(), self.split, event.revision, rules=rules)
        return await gateway.change_status(self._request(), self.split, EventStatus.PAUSED)

    async def _visit(self, gateway: Reservations, random: Random, buyer: str) -> None:
        wish, ttl_ms = self._wish(random), random.choice((3_000, 30_000))
        over_both = random.random() < 0.3
        request = self._request(buyer)
        held: Done[HoldReply] | Rejected | None = None
        for _ in range(3):
            if over_both:
                seat = f"A/{random.randint(1, 4)}/{random.randint(1, 10)}"
                held = await gateway.place_basket(request, [(self.split, wish), (self.plain, Wish((seat,)))], ttl_ms)
            else:
                held = await gateway.place_hold(request, self.split, wish, ttl_ms)
            if isinstance(held, Done) or held.reason not in OPEN_REASONS or over_both:
                break
        assert held is not None
        self._note("held", held)
        if isinstance(held, Rejected):
            return
        self._tell(Told.HELD, held, request.key)
        hold_id = outside_id(Kind.HOLD, held.block, held.reply.hold)
        if random.random() < 0.2:
            request = self._request(buyer)
            released = await gateway.release_hold(request, hold_id)
            self._note("released", released)
            self._tell(Told.RELEASED, released, request.key)
            return
        await self._order(gateway, random, hold_id, buyer)

    async def _order(self, gateway: Reservations, random: Random, hold_id: str, buyer: str) -> None:
        request = self._request(buyer)
        ordered = await gateway.place_order(request, hold_id)
        self._note("ordered", ordered)
        self._tell(Told.ORDERED, ordered, request.key)
        if isinstance(ordered, Rejected):
            return
        order_id = outside_id(Kind.ORDER, ordered.block, ordered.reply.order)
        request = self._request(buyer)
        confirmed = await gateway.confirm_order(request, order_id)
        self._note("confirmed", confirmed)
        self._tell(Told.CONFIRMED, confirmed, request.key)
        if isinstance(confirmed, Rejected):
            return
        for _ in range(random.randint(0, 2)):
            tickets = [ticket.index for ticket in confirmed.reply.tickets]
            some = random.sample(tickets, min(len(tickets), random.randint(1, 2)))
            if random.random() < 0.7:
                done = await gateway.exchange_tickets(
                    self._request(buyer), order_id, some, self._wish(random), self.split
                )
                self._note("exchanged", done)
            else:
                done = await gateway.cancel_tickets(self._request(buyer), order_id, some)
                self._note("partly cancelled", done)
            if isinstance(done, Done):
                confirmed = done
        if random.random() < 0.6:
            self._note("cancelled", await gateway.cancel_order(self._request(buyer), order_id))

    def _wish(self, random: Random) -> Wish:
        kind = random.choice(("seats", "seats", "best", "floor"))
        if kind == "best":
            return Wish(best=(BestSeats(random.randint(1, 2), random.choice(((), ("east",), ("south", "west")))),))
        if kind == "floor":
            return Wish(areas=(AreaPlaces("floor", random.randint(1, 2)),))
        seats = {f"{random.choice(SECTIONS)}/{random.randint(1, 2)}/{random.randint(1, 6)}" for _ in range(2)}
        return Wish(tuple(sorted(seats)))

    def _request(self, buyer: str = "") -> Request:
        self._keys += 1
        return Request(CALLER, f"key-{self._keys}", DEADLINE_MS, buyer)

    def _tell(self, told: Told, done: Done[HoldReply] | Done[OrderReply] | Rejected, key: str) -> None:
        if isinstance(done, Done):
            reply = acknowledged(told, done.reply, done.position, done.block, key)
            self.told.append(msgspec.structs.replace(reply, expires_at_ms=0) if done.replayed else reply)

    def _note(self, what: str, answer: object) -> None:
        self.met[f"{what} {answer.reason.name if isinstance(answer, Rejected) else 'ACCEPTED'}"] += 1
