"""`/readyz` over HTTP says what writes over HTTP meet: a whole gateway, a whole shard, Postgres in trouble."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from secrets import randbits
from typing import Any

import httpx
import pytest

from actors.database.connect import connect
from actors.dispatch import Dispatcher
from actors.engine.engine import Engine
from actors.projections.read_models import ReadModels
from actors.reservations import Reservations
from serve import validation
from serve.auth import KeyRing, PostgresKeySource, create_key
from serve.http_api.app import build_http_app
from serve.operations import Operations
from serve.wakefulness import Wakefulness
from tests.catalogue.house import house
from tests.catalogue.linked_shard import NO_ROOM, linked_shard
from tests.database_faults import in_trouble
from tests.edges.edge_stack import nothing_known, serving_http
from tests.edges.refusal_house import LAYOUT
from tests.engine.postgres_shard import SHARD

pytestmark = pytest.mark.anyio

READY = (200, {"status": "ready", "problems": [], "remarks": []})
NOT_READY = (
    503,
    {"status": "not ready", "problems": [f"{SHARD} cannot write: the journal does not answer"], "remarks": []},
)


class Storefront:
    """A client of the gateway, with a tenant's key."""

    def __init__(self, http: httpx.AsyncClient, key: str) -> None:
        self._http = http
        self._authorization = f"Bearer {key}"

    async def readiness(self) -> tuple[int, Any]:
        """The answer, for which no key is needed."""
        response = await self._http.get("/readyz")
        return response.status_code, response.json()

    async def until(self, readiness: tuple[int, Any]) -> None:
        """Until that is the answer."""
        found: tuple[int, Any] | None = None
        for _ in range(400):
            found = await self.readiness()
            if found == readiness:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"it stayed at {found}")

    async def post(self, path: str, key: str, body: dict[str, Any]) -> tuple[int, Any]:
        """A write under a key."""
        headers = {"Authorization": self._authorization, "Idempotency-Key": key}
        response = await self._http.post(path, headers=headers, json=body)
        return response.status_code, response.json()


@asynccontextmanager
async def storefront(database_url: str) -> AsyncIterator[Storefront]:
    """Of a gateway and one shard, both over Postgres."""
    async with AsyncExitStack() as stack:
        built = await stack.enter_async_context(house(database_url))
        await stack.enter_async_context(linked_shard(built, database_url))
        routes, _ = await built.routes()
        looking = asyncio.create_task(routes.run())
        stack.callback(looking.cancel)
        connection = await connect(database_url, application_name="tests")
        key = await create_key(connection, f"tenant-{built.generation}", "for the tests")
        await connection.close()
        source, availability = PostgresKeySource(database_url), ReadModels(database_url)
        ring = KeyRing(source)
        for part in (source, availability, ring):
            stack.push_async_callback(part.close)
        dispatcher = Dispatcher(routes, routes.now_ms)
        reservations = Reservations(dispatcher, routes, routes.now_ms, lambda: randbits(62) + 1)
        operations = Operations(reservations, availability, ring.authenticate, nothing_known, Wakefulness())
        url = await stack.enter_async_context(serving_http(build_http_app(operations, routes.problems)))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=20))
        yield Storefront(http, key)


async def check_readiness(database_url: str) -> None:
    """Ready, and sells; not ready, and does not; and ready again, with nothing lost and nothing done twice."""
    async with storefront(database_url) as shop:
        await shop.until(READY)
        status, event = await shop.post("/v1/events", "create", {"name": "An evening", "layout": LAYOUT})
        assert status == 201, event
        assert (await shop.post(f"/v1/events/{event['event_id']}/open-sale", "open", {}))[0] == 200
        holds = f"/v1/events/{event['event_id']}/holds"
        first, second = {"units": ["101/A/1"]}, {"units": ["101/A/2"]}
        async with in_trouble(database_url, NO_ROOM):
            for key, body in (("first", first), ("second", second)):
                status, refused = await shop.post(holds, key, body)
                assert status in (503, 504), refused
                await shop.until(NOT_READY)
        await shop.until(READY)
        for key, body in (("first", first), ("second", second)):
            status, hold = await shop.post(holds, key, body)
            assert status in (200, 201), hold


async def test_it_is_ready_when_writes_are_served_and_not_when_they_are_refused(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "DEFAULT_TIMEOUT_MS", 1_000)
    await check_readiness(database_url)


async def test_control_a_shard_that_keeps_it_to_itself_is_noticed(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "DEFAULT_TIMEOUT_MS", 1_000)
    monkeypatch.setattr(Engine, "trouble", lambda _: "")
    with pytest.raises(AssertionError, match="it stayed at"):
        await check_readiness(database_url)
