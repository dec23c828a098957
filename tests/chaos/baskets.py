"""A second, smaller crowd, which buys baskets: over events of different shards, and of one that is split.

Each thing is asked under one key until it is answered; what was acknowledged is kept for the audit.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from random import Random
from typing import Any

import httpx
import msgspec

from actors.audit.ids import block_of_event
from actors.audit.replies import Acknowledged, Told, as_acknowledged
from loadtests.buyers import EXPLAINED, NOT_ENOUGH
from loadtests.house import AREA, SEATS_PER_SECTION, House, seat_name
from loadtests.server import Administration, Server

BUYERS = 3
UNITS = 20_000
HOLD_TTL_S = 12
MAX_EVENTS = 16  # until two of them are on different shards
PAUSE_S = 0.3
AGAIN_S = 0.2
PATIENCE_S = 150.0  # longer than any outage may be
CALL_TIMEOUT_S = 10.0
RELEASING, CANCELLING, WITH_PLACES = 0.15, 0.3, 0.4
HOUSE = House(UNITS)


class _Places(msgspec.Struct):
    area: str
    quantity: int


class _Leg(msgspec.Struct):
    event_id: str
    units: list[str]
    areas: list[_Places]


class _Price(msgspec.Struct):
    total_minor: int


class _Reply(msgspec.Struct):
    """What a hold and an order have in common; an order has no `expires_at`."""

    hold_id: str
    event_id: str | None
    units: list[str]
    areas: list[_Places]
    legs: list[_Leg]
    price: _Price
    order_id: str | None = None
    expires_at: datetime | None = None


_replies = msgspec.json.Decoder(_Reply)


class BasketCrowd:
    """`told`: what was acknowledged; `accepted`: how often, by what; `wrong`: what nothing explains."""

    def __init__(self, server: Server) -> None:
        self.told: list[Acknowledged] = []
        self.accepted: Counter[Told] = Counter()
        self.wrong: Counter[str] = Counter()
        self._server = server
        self._client = httpx.AsyncClient(
            base_url=server.http_url, headers={"Authorization": f"Bearer {server.api_key}"}, timeout=CALL_TIMEOUT_S
        )
        self._run = secrets.token_hex(4)
        self._random = Random(self._run)
        self._keys = 0
        self._events: list[str] = []
        self._split = ""
        self._is_over = False
        self._buying: list[asyncio.Task[None]] = []

    async def start(self, administration: Administration) -> None:
        """Return when it buys."""
        self._events = await self._on_two_shards(administration)
        self._split = await self._on_sale(administration, "split", HOUSE.split(2))
        self._buying = [asyncio.create_task(self._buy()) for _ in range(BUYERS)]

    async def end(self) -> None:
        """Stop it, and wait for the last answers."""
        self._is_over = True
        for failure in await asyncio.gather(*self._buying, return_exceptions=True):
            if isinstance(failure, BaseException):
                self.wrong[f"a buyer failed: {failure!r}"] += 1
        self._buying = []
        await self._client.aclose()

    def objections(self) -> list[str]:
        """What must not be: what nothing explains, and that no basket was bought."""
        lacking = [f"nobody had a basket {told}" for told in (Told.HELD, Told.CONFIRMED) if not self.accepted[told]]
        return lacking + [f"baskets: {number} times {what}" for what, number in self.wrong.items()]

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

    async def _buy(self) -> None:
        while not self._is_over:
            await self._visit()
            await asyncio.sleep(PAUSE_S * self._random.uniform(0.5, 1.5))

    async def _visit(self) -> None:
        events = self._random.choice(([*self._events], [self._events[0], self._split], [self._split]))
        wishes = [{"event_id": event, **self._wish(event)} for event in events]
        if len(wishes) > 1:
            held = await self._ask(Told.HELD, "/v1/holds", {"legs": wishes})
        else:
            held = await self._ask(Told.HELD, f"/v1/events/{self._split}/holds", self._wish(self._split))
        if held is None:
            return
        if self._random.random() < RELEASING:
            await self._ask(Told.RELEASED, f"/v1/holds/{held.id}/release", {})
            return
        order = await self._ask(Told.ORDERED, "/v1/orders", {"hold_id": held.id})
        if order is None:
            return
        if self._random.random() < CANCELLING:
            await self._ask(Told.CANCELLED, f"/v1/orders/{order.id}/cancel", {})
            return
        await self._ask(Told.CONFIRMED, f"/v1/orders/{order.id}/confirm", {})

    def _wish(self, event: str) -> dict[str, Any]:
        """A seat, of an event that is split one of either half, and perhaps a place."""
        half = HOUSE.seat_count // SEATS_PER_SECTION // 2 * SEATS_PER_SECTION
        seats = [self._random.randrange(half)]
        if event == self._split:
            seats.append(self._random.randrange(half, HOUSE.seat_count))
        has_place = self._random.random() < WITH_PLACES
        return {
            "units": [seat_name(seat) for seat in seats],
            "areas": [{"area": AREA, "quantity": 1}] if has_place else [],
        }

    async def _ask(self, told: Told, path: str, body: object) -> Acknowledged | None:
        """What was acknowledged, kept; None if it was refused, or, which is wrong, nobody answered after any outage."""
        self._keys += 1
        key = f"basket-{self._run}-{self._keys}"
        give_up_at_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up_at_s:
            try:
                answer = await self._client.post(path, json=body, headers={"Idempotency-Key": key})
            except httpx.HTTPError:
                await asyncio.sleep(AGAIN_S)
                continue
            if answer.is_success:
                reply = _acknowledged(told, answer, key)
                self.told.append(reply)
                self.accepted[told] += 1
                return reply
            code = _code_of(answer)
            if code:
                if code not in EXPLAINED[told] | {NOT_ENOUGH}:
                    self.wrong[f"{told}: {code}"] += 1
                return None
            await asyncio.sleep(AGAIN_S)
        self.wrong[f"{told}: no answer for {PATIENCE_S:.0f} s"] += 1
        return None


def _code_of(answer: httpx.Response) -> str:
    """Why it was refused for good; empty if it may be asked again, or the answer is the balancer's."""
    try:
        problem = answer.json()
    except ValueError:
        return ""
    return "" if problem["transient"] else str(problem["code"])


def _acknowledged(told: Told, answer: httpx.Response, key: str) -> Acknowledged:
    reply = _replies.decode(answer.content)
    if reply.event_id is not None:
        units, areas = as_acknowledged(reply.event_id, reply.hold_id, reply.units, _areas(reply.areas))
    else:
        named = [(block_of_event(leg.event_id), leg) for leg in reply.legs]
        units = tuple(f"{block}/{unit}" for block, leg in named for unit in leg.units)
        areas = tuple((f"{block}/{area}", quantity) for block, leg in named for area, quantity in _areas(leg.areas))
    is_replay = answer.headers.get("Idempotency-Replayed") == "true"
    expires_at_ms = 0 if reply.expires_at is None or is_replay else round(reply.expires_at.timestamp() * 1000)
    own = reply.hold_id if reply.expires_at is not None else (reply.order_id or "")
    return Acknowledged(told, own, units, areas, reply.price.total_minor, reply.hold_id, expires_at_ms, key=key)


def _areas(places: Iterable[_Places]) -> list[tuple[str, int]]:
    return [(one.area, one.quantity) for one in places]
