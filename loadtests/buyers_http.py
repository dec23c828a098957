"""Buyers who come over HTTP.

aiohttp: a call costs the client 55 µs of CPU (httpx 1,340, httpcore 1,640, grpc.aio 80; one process on uvloop, 32 at
once), so that the loader stays small beside the server on the same machine.
"""

from datetime import datetime

import aiohttp
import msgspec

from actors.audit.replies import Acknowledged, Told, as_acknowledged
from loadtests.calls import CALL_TIMEOUT_S, Accepted, Answer, Ask, Broken, Passing, Refused, Sight
from loadtests.history.calls import Kind, Seen

_PATHS = {
    Told.HELD: "/v1/events/{event}/holds",
    Told.EXTENDED: "/v1/holds/{id}/extend",
    Told.RELEASED: "/v1/holds/{id}/release",
    Told.ORDERED: "/v1/orders",
    Told.CONFIRMED: "/v1/orders/{id}/confirm",
    Told.CANCELLED: "/v1/orders/{id}/cancel",
}


_FOLDERS = {Kind.READ_HOLD: "/v1/holds", Kind.READ_ORDER: "/v1/orders"}


class _Area(msgspec.Struct):
    area: str
    quantity: int


class _Price(msgspec.Struct):
    total_minor: int


class _Reply(msgspec.Struct):
    """What a hold and an order have in common; an order has an `order_id` and no `expires_at`."""

    event_id: str
    hold_id: str
    units: tuple[str, ...]
    areas: tuple[_Area, ...]
    price: _Price
    status: str
    order_id: str | None = None
    expires_at: datetime | None = None


class _Problem(msgspec.Struct):
    code: str
    transient: bool
    units: tuple[str, ...] = ()


_replies = msgspec.json.Decoder(_Reply)
_problems = msgspec.json.Decoder(_Problem)


class HttpShop:
    """The server over HTTP, as one process's storefront reaches it."""

    protocol = "HTTP"

    def __init__(self, url: str, api_key: str, event_id: str) -> None:
        self._event_id = event_id
        self._session = aiohttp.ClientSession(
            url,
            connector=aiohttp.TCPConnector(limit=0),
            headers={"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"},
            timeout=aiohttp.ClientTimeout(total=CALL_TIMEOUT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def ask(self, ask: Ask, key: str) -> Answer:
        """See `Shop.ask`."""
        path = _PATHS[ask.told].format(event=self._event_id, id=ask.id)
        try:
            async with self._session.post(
                path, data=_body_of(ask), headers={"Idempotency-Key": f'"{key}"'}
            ) as response:
                body = await response.read()
                replayed = response.headers.get("Idempotency-Replayed") == "true"
                return _answer(ask, response.status, body, response.headers.get("Retry-After"), replayed)
        except TimeoutError:
            return Passing(f"HTTP: no answer within {CALL_TIMEOUT_S:.0f} s")
        except aiohttp.ClientError as fault:
            return Passing(f"HTTP: {type(fault).__name__}")

    async def look(self, kind: Kind, own: str) -> Sight:
        """See `Shop.look`."""
        try:
            async with self._session.get(f"{_FOLDERS[kind]}/{own}") as response:
                body = await response.read()
                retry_after = response.headers.get("Retry-After")
                return _seen(body) if response.status < 300 else _refusal(response.status, body, retry_after)
        except TimeoutError:
            return Passing(f"HTTP: no answer within {CALL_TIMEOUT_S:.0f} s")
        except aiohttp.ClientError as fault:
            return Passing(f"HTTP: {type(fault).__name__}")

    async def close(self) -> None:
        """End all connections."""
        await self._session.close()


def _body_of(ask: Ask) -> bytes:
    match ask.told:
        case Told.HELD:
            areas = [{"area": area, "quantity": quantity} for area, quantity in ask.areas]
            best = [{"quantity": ask.best}] if ask.best else []
            body: dict[str, object] = {"units": ask.seats, "areas": areas, "best": best}
        case Told.EXTENDED:
            body = {"ttl_seconds": ask.ttl_seconds}
        case Told.ORDERED:
            body = {"hold_id": ask.id}
        case _:
            body = {}
    return msgspec.json.encode(body)


def _answer(ask: Ask, status: int, body: bytes, retry_after: str | None, replayed: bool) -> Answer:
    try:
        if status < 300:
            return Accepted(_acknowledged(ask, _replies.decode(body), replayed), replayed)
    except msgspec.DecodeError:
        return Broken(f"HTTP {status}")
    return _refusal(status, body, retry_after)


def _refusal(status: int, body: bytes, retry_after: str | None) -> Refused | Passing | Broken:
    try:
        problem = _problems.decode(body)
    except msgspec.DecodeError:
        # No document of ours: the balancer, which has nobody to send to. Everything from it may be sent again.
        return Passing(f"HTTP {status} without a code") if status in (404, 502, 503, 504) else Broken(f"HTTP {status}")
    if problem.transient:
        return Passing(problem.code, float(retry_after or 0))
    return Broken(problem.code) if status >= 500 else Refused(problem.code, problem.units)


def _seen(body: bytes) -> Sight:
    try:
        reply = _replies.decode(body)
    except msgspec.DecodeError:
        return Broken("HTTP: a read that nobody understands")
    units, areas = _lot_of(reply)
    expires_at_ms = 0 if reply.expires_at is None else round(reply.expires_at.timestamp() * 1000)
    order_id = (reply.order_id or "") if reply.expires_at is not None else ""
    return Seen(reply.status, units, areas, expires_at_ms, order_id)


def _acknowledged(ask: Ask, reply: _Reply, replayed: bool) -> Acknowledged:
    expires_at_ms = 0 if reply.expires_at is None or replayed else round(reply.expires_at.timestamp() * 1000)
    return Acknowledged(
        ask.told,
        reply.order_id if reply.expires_at is None and reply.order_id else reply.hold_id,
        *_lot_of(reply),
        reply.price.total_minor,
        reply.hold_id,
        expires_at_ms,
    )


def _lot_of(reply: _Reply) -> tuple[tuple[str, ...], tuple[tuple[str, int], ...]]:
    areas = [(places.area, places.quantity) for places in reply.areas]
    return as_acknowledged(reply.event_id, reply.hold_id, reply.units, areas)
