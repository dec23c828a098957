"""The way to the server of those who buy baskets: each call is recorded, like those of everybody else (see `Call`)."""

import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec

from actors.audit.ids import block_of_event
from actors.audit.replies import Acknowledged, Told, as_acknowledged
from loadtests.calls import Broken, Passing, Refused, Sight
from loadtests.history.calls import Call, Kind, Recorder, Seen, line_of
from loadtests.history.recorded import OVER_AFTER_US, end_without_yes
from loadtests.server import Server
from tests.chaos.http_calls import HttpCalls

_FOLDERS = {Kind.READ_HOLD: "/v1/holds", Kind.READ_ORDER: "/v1/orders"}


class _Places(msgspec.Struct):
    area: str
    quantity: int


class _Leg(msgspec.Struct):
    event_id: str
    units: list[str]
    areas: list[_Places]


class _Price(msgspec.Struct):
    total_minor: int


class Ticket(msgspec.Struct):
    """One admission of an order that is confirmed."""

    ticket_id: str
    event_id: str

    @property
    def number(self) -> int:
        """Which of its order's tickets it is, counted from 0."""
        return int(self.ticket_id.rpartition("-")[2]) - 1


class _Reply(msgspec.Struct):
    """What a hold and an order have in common; an order has no `expires_at`."""

    hold_id: str
    event_id: str | None
    units: list[str]
    areas: list[_Places]
    legs: list[_Leg]
    price: _Price
    status: str
    order_id: str | None = None
    expires_at: datetime | None = None
    tickets: list[Ticket] = []


_replies = msgspec.json.Decoder(_Reply)


class BasketAsk(NamedTuple):
    """A write. `told`: what an acceptance will say; `id`: of the hold or the order that it is about.

    `event_id`: of a hold of one event alone. `units`, `areas`: as `Acknowledged` has them; `tickets`: see `Call`.
    """

    told: Told
    path: str
    body: object
    id: str = ""
    event_id: str = ""
    units: tuple[str, ...] = ()
    areas: tuple[tuple[str, int], ...] = ()
    tickets: tuple[int, ...] = ()


class Given(NamedTuple):
    """Yes; with the tickets of an order that is confirmed."""

    reply: Acknowledged
    tickets: list[Ticket]
    replayed: bool = False


class BasketShop:
    """`told`: what was acknowledged. `passing`: when somebody was to ask again, and why.

    `transport`: in place of the network.
    """

    def __init__(self, server: Server, calls_file: Path, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.told: list[Acknowledged] = []
        self._http = HttpCalls(server, transport)
        self.passing = self._http.passing
        self._calls = calls_file.open("wb")
        ahead_us = (time.time_ns() - time.monotonic_ns()) // 1000
        self._recorder = Recorder(lambda: time.monotonic_ns() // 1000 + ahead_us, self._keep)

    async def ask(self, ask: BasketAsk, key: str, client: str) -> Given | Refused | Passing | Broken:
        """Send it once."""
        begun = self._recorder.begin(
            client,
            Kind(ask.told),
            block_of_event(ask.event_id) if ask.event_id else "",
            key,
            id=ask.id,
            units=ask.units,
            areas=ask.areas,
            tickets=ask.tickets,
            over_us=self._recorder.now_us() + OVER_AFTER_US,
        )
        answer = await self._http.ask(
            "POST", ask.path, lambda response: given(ask.told, response, key), ask.body, {"Idempotency-Key": key}
        )
        if isinstance(answer, Given):
            begun.ok(answer.reply, replayed=answer.replayed)
            self.told.append(answer.reply)
        else:
            end_without_yes(begun, answer)
        return answer

    async def look(self, kind: Kind, own: str, client: str) -> Sight:
        """How a hold stands, or an order. Asked once."""
        begun = self._recorder.begin(client, kind, "", id=own)
        sight = await self._http.ask("GET", f"{_FOLDERS[kind]}/{own}", _seen)
        if isinstance(sight, Seen):
            begun.ok(sight)
        else:
            end_without_yes(begun, sight)
        return sight

    async def close(self) -> None:
        """End all connections; what is under way never returned."""
        if not self._calls.closed:
            self._recorder.close()
            self._calls.close()
        await self._http.close()

    def _keep(self, call: Call) -> None:
        self._calls.write(line_of(call))


def given(told: Told, response: httpx.Response, key: str) -> Given:
    """What was acknowledged of a hold or an order that was asked for under this key."""
    reply = _replies.decode(response.content)
    is_replay = response.headers.get("Idempotency-Replayed") == "true"
    expires_at_ms = 0 if is_replay else _expires_at_ms(reply)
    own = reply.hold_id if reply.expires_at is not None else (reply.order_id or "")
    acknowledged = Acknowledged(
        told, own, *_lot_of(reply), reply.price.total_minor, reply.hold_id, expires_at_ms, key=key
    )
    return Given(acknowledged, reply.tickets, is_replay)


def _seen(response: httpx.Response) -> Seen:
    reply = _replies.decode(response.content)
    order_id = (reply.order_id or "") if reply.expires_at is not None else ""
    return Seen(reply.status, *_lot_of(reply), _expires_at_ms(reply), order_id)


def _expires_at_ms(reply: _Reply) -> int:
    return 0 if reply.expires_at is None else round(reply.expires_at.timestamp() * 1000)


def _lot_of(reply: _Reply) -> tuple[tuple[str, ...], tuple[tuple[str, int], ...]]:
    """With the block before each name."""
    if reply.event_id is not None:
        return as_acknowledged(reply.event_id, reply.hold_id, reply.units, _areas(reply.areas))
    named = [(block_of_event(leg.event_id), leg) for leg in reply.legs]
    return (
        tuple(f"{block}/{unit}" for block, leg in named for unit in leg.units),
        tuple((f"{block}/{area}", quantity) for block, leg in named for area, quantity in _areas(leg.areas)),
    )


def _areas(places: Iterable[_Places]) -> list[tuple[str, int]]:
    return [(one.area, one.quantity) for one in places]
