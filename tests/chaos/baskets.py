"""A second, smaller crowd, which buys baskets: over events of different shards, and of one that is split.

Each thing is asked under one key until it is answered. All calls are recorded for the audit; what was written to is
read back, and of what is confirmed some is cancelled in part, and some exchanged.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import httpx

from actors.audit.ids import block_of_event
from actors.audit.replies import Acknowledged, Told
from actors.audit.rows import tenant_of
from loadtests.buyers import EXPLAINED, NOT_ENOUGH
from loadtests.calls import Passing, Refused
from loadtests.event_blocks import EventBlocks
from loadtests.history.calls import Kind, Seen
from loadtests.history.recorded import Histories
from loadtests.house import AREA, SEATS_PER_SECTION, House, seat_name
from loadtests.server import Administration, Server
from tests.chaos.basket_shop import BasketAsk, BasketShop, Given

BUYERS = 6  # so many that of what is sold the gaps are short where nothing is wrong
UNITS = 20_000
HOLD_TTL_S = 12
MAX_EVENTS = 16  # until two of them are on different shards
PAUSE_S = 0.3
AGAIN_S = 0.2
PATIENCE_S = 150.0  # longer than any outage may be
RELEASING, CANCELLING, WITH_PLACES = 0.15, 0.3, 0.4
CANCELLING_PARTLY, EXCHANGING = 0.25, 0.25  # of what is confirmed
LOOKING = 0.3  # read how what they have just written to stands
HOUSE = House(UNITS)
CALLS_FILE = "basket-calls.jsonl"
HISTORIES = "of-baskets"
MUST_HAVE_BEEN = (Told.HELD, Told.CONFIRMED, Told.PARTLY_CANCELLED, Told.EXCHANGED)

_EXPLAINED = {
    **{told: explained | {NOT_ENOUGH} for told, explained in EXPLAINED.items()},
    Told.PARTLY_CANCELLED: set(),
    Told.EXCHANGED: EXPLAINED[Told.HELD],
}


class Ware(StrEnum):
    """What is bought."""

    BASKETS = "baskets of several events"
    SPLIT = "a split event"


class _Wish(NamedTuple):
    event_id: str
    units: list[str]
    places: int = 0

    @property
    def body(self) -> dict[str, Any]:
        """As a hold has it."""
        return {"units": self.units, "areas": [{"area": AREA, "quantity": self.places}] if self.places else []}


class BasketCrowd:
    """`accepted`: how often what was; `seen`: what was read; `wrong`: what nothing explains. In `folder` are its calls.

    `taken_s`: when, by `time.monotonic`, something was accepted of a basket of several events, and of the split one.
    `transport`: in place of the network.
    """

    def __init__(self, server: Server, folder: Path, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.accepted: Counter[Told] = Counter()
        self.seen: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()
        self.taken_s: dict[Ware, list[float]] = {ware: [] for ware in Ware}
        self._folder = folder
        self._shop = BasketShop(server, folder / CALLS_FILE, transport)
        self._run = secrets.token_hex(4)
        self._random = Random(self._run)
        self._keys = 0
        self._events: list[str] = []
        self._split = ""
        self._blocks: dict[str, list[str]] = {}  # by home, those of each event
        self._wares: dict[str, Ware] = {}  # by client, of the visit
        self._is_over = False
        self._buying: list[asyncio.Task[None]] = []

    @property
    def told(self) -> list[Acknowledged]:
        """What was acknowledged."""
        return self._shop.told

    async def start(self, administration: Administration) -> None:
        """Return when it buys."""
        self._events = await self._on_two_shards(administration)
        self._split = await self._on_sale(administration, "split", HOUSE.split(2))
        for event in (*self._events, self._split):
            blocks = EventBlocks.of(event, await administration.parts_of(event))
            self._blocks[blocks.home] = blocks.all
        self._buying = [asyncio.create_task(self._buy(f"basket-{number}")) for number in range(BUYERS)]

    async def end(self) -> None:
        """Stop it, and wait for the last answers."""
        self._is_over = True
        for failure in await asyncio.gather(*self._buying, return_exceptions=True):
            if isinstance(failure, BaseException):
                self.wrong[f"a buyer failed: {failure!r}"] += 1
        self._buying = []
        await self._shop.close()

    async def histories(self, database_url: str) -> Histories:
        """Its calls, by the desks at which they are at home; when it has ended."""
        folder = self._folder / HISTORIES
        folder.mkdir(exist_ok=True)
        histories = Histories(folder, await tenant_of(database_url, block_of_event(self._split)), self._blocks)
        histories.sort([self._folder / CALLS_FILE])
        return histories

    def objections(self) -> list[str]:
        """What must not be: what nothing explains, and that something never came to be."""
        lacking = [f"nobody had a basket {told}" for told in MUST_HAVE_BEEN if not self.accepted[told]]
        lacking += [] if self.seen else ["nobody has read of a basket"]
        return lacking + [f"baskets: {number} times {what}" for what, number in self.wrong.items()]

    def failed(self, since_s: float) -> Counter[str]:
        """How many calls came to nothing since then, by `time.monotonic`, so that they were asked again, and why."""
        return Counter(cause for at_s, cause in self._shop.passing if at_s >= since_s)

    async def _on_two_shards(self, administration: Administration) -> list[str]:
        first = await self._on_sale(administration, "0")
        owner = await administration.owner_of(first)
        for number in range(1, MAX_EVENTS):
            other = await self._on_sale(administration, str(number))
            others = await administration.owner_of(other)
            if owner is not None and others is not None and others.shard != owner.shard:
                return [first, other]
        raise AssertionError(f"{MAX_EVENTS} events are all on {owner}")

    async def _on_sale(self, administration: Administration, name: str, split: Iterable[list[str]] = ()) -> str:
        key = f"chaos-baskets-{self._run}-{name}"
        return await administration.create_event(key, HOUSE.layout(), HOLD_TTL_S, key, list(split))

    async def _buy(self, client: str) -> None:
        while not self._is_over:
            await self._visit(client)
            await asyncio.sleep(PAUSE_S * self._random.uniform(0.5, 1.5))

    async def _visit(self, client: str) -> None:
        events = self._random.choice(([*self._events], [self._events[0], self._split], [self._split]))
        self._wares[client] = Ware.SPLIT if events == [self._split] else Ware.BASKETS
        held = await self._ask(_hold([self._wish(event) for event in events]), client)
        if held is None:
            return
        if self._chance(RELEASING):
            await self._ask(_of_hold(Told.RELEASED, held, f"/v1/holds/{held.reply.id}/release", {}), client)
            return
        order = await self._ask(_of_hold(Told.ORDERED, held, "/v1/orders", {"hold_id": held.reply.id}), client)
        if order is None:
            return
        if self._chance(CANCELLING):
            await self._ask(_of_order(Told.CANCELLED, order, "cancel"), client)
            return
        confirmed = await self._ask(_of_order(Told.CONFIRMED, order, "confirm"), client)
        if confirmed is not None:
            await self._change_mind(confirmed, client)

    async def _change_mind(self, order: Given, client: str) -> None:
        """Of one of its tickets, if at all: it is given back, or something else is had for it."""
        ticket = self._random.choice(order.tickets)
        if len(order.tickets) > 1 and self._chance(CANCELLING_PARTLY):
            body = {"tickets": [ticket.ticket_id]}
            ask = _of_order(Told.PARTLY_CANCELLED, order, "tickets/cancel", body)
            await self._ask(ask._replace(tickets=(ticket.number,)), client)
        elif self._chance(EXCHANGING):
            seat = seat_name(self._random.randrange(HOUSE.seat_count))
            body = _Wish(ticket.event_id, [seat]).body | {"tickets": [ticket.ticket_id], "event_id": ticket.event_id}
            ask = _of_order(Told.EXCHANGED, order, "exchange", body)
            named = (f"{block_of_event(ticket.event_id)}/{seat}",)
            await self._ask(ask._replace(tickets=(ticket.number,), units=named), client)

    def _wish(self, event: str) -> _Wish:
        """A seat, of an event that is split one of either half, and perhaps a place."""
        half = HOUSE.seat_count // SEATS_PER_SECTION // 2 * SEATS_PER_SECTION
        seats = [self._random.randrange(half)]
        if event == self._split:
            seats.append(self._random.randrange(half, HOUSE.seat_count))
        return _Wish(event, [seat_name(seat) for seat in seats], int(self._chance(WITH_PLACES)))

    async def _ask(self, ask: BasketAsk, client: str) -> Given | None:
        """What was accepted; None if it was refused, or, which is wrong, nobody answered after any outage."""
        self._keys += 1
        key = f"basket-{self._run}-{self._keys}"
        give_up_at_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up_at_s:
            answer = await self._shop.ask(ask, key, client)
            if isinstance(answer, Given):
                self.accepted[ask.told] += 1
                self.taken_s[self._wares[client]].append(time.monotonic())
                if self._chance(LOOKING):
                    await self._look(answer.reply, client)
                return answer
            if not isinstance(answer, Passing):
                code = answer.code if isinstance(answer, Refused) else answer.cause
                if not isinstance(answer, Refused) or code not in _EXPLAINED[ask.told]:
                    self.wrong[f"{ask.told}: {code}"] += 1
                return None
            await asyncio.sleep(AGAIN_S)
        self.wrong[f"{ask.told}: no answer for {PATIENCE_S:.0f} s"] += 1
        return None

    async def _look(self, told: Acknowledged, client: str) -> None:
        """Read what was just told of; whether that is so, the journal says. Who is not answered does not insist."""
        kind = Kind.READ_HOLD if told.id == told.hold_id else Kind.READ_ORDER
        sight = await self._shop.look(kind, told.id, client)
        if isinstance(sight, Seen):
            self.seen[sight.status] += 1
        elif not isinstance(sight, Passing):
            self.wrong[f"{kind}: {sight}"] += 1

    def _chance(self, share: float) -> bool:
        return self._random.random() < share


def _hold(wishes: list[_Wish]) -> BasketAsk:
    """Of several events together, or of one that is split."""
    named = [(block_of_event(wish.event_id), wish) for wish in wishes]
    units = tuple(f"{block}/{unit}" for block, wish in named for unit in wish.units)
    areas = tuple((f"{block}/{AREA}", wish.places) for block, wish in named if wish.places)
    if len(wishes) == 1:
        event_id = wishes[0].event_id
        return BasketAsk(Told.HELD, f"/v1/events/{event_id}/holds", wishes[0].body, "", event_id, units, areas)
    legs = [{"event_id": wish.event_id, **wish.body} for wish in wishes]
    return BasketAsk(Told.HELD, "/v1/holds", {"legs": legs}, units=units, areas=areas)


def _of_hold(told: Told, held: Given, path: str, body: object) -> BasketAsk:
    return BasketAsk(told, path, body, held.reply.id)


def _of_order(told: Told, order: Given, what: str, body: object = None) -> BasketAsk:
    return BasketAsk(told, f"/v1/orders/{order.reply.id}/{what}", body or {}, order.reply.id)
