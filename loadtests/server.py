"""The running server as its operator sees it: an event to sell, counts, digests, counters, and who serves what."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec

from actors.audit.audit import LiveDigest
from actors.audit.ids import block_of_event
from actors.audit.parts import Part, parts_of
from actors.audit.rows import connect_to_read

TIMEOUT_S = 10.0
PROBLEM_JSON = "application/problem+json"

_FOLDER = Path(__file__).parent
_SETTINGS = (_FOLDER / "settings.sql").read_text(encoding="utf-8")
_OWNER = (_FOLDER / "owner.sql").read_text(encoding="utf-8")


class Server(msgspec.Struct, frozen=True):
    """How to reach a running server, and the database whose journal is audited; both keys are of one tenant."""

    http_url: str
    grpc_target: str
    database_url: str
    api_key: str
    operator_key: str


class ServerRefused(Exception):
    """The server does not do what a load test needs; the text is one line for a person."""


class Problem(msgspec.Struct, frozen=True):
    """What of a problem document is for a person, and whether asking again may help."""

    code: str
    detail: str
    transient: bool

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


class Availability(msgspec.Struct, frozen=True):
    """How many units are to be had, held and sold, a moment ago."""

    available: int
    held: int
    sold: int


class Counters(msgspec.Struct, frozen=True):
    """What a shard has done since it started, or all shards in a time."""

    call_count: int = 0
    batch_count: int = 0
    commit_count: int = 0
    row_count: int = 0
    entry_count: int = 0


class ShardStatus(msgspec.Struct, frozen=True):
    """An incarnation of a shard, of what `/v1/status` says; its counters are up to a second old."""

    shard: str
    generation: int
    incarnation: int
    served: Counters


class Status(msgspec.Struct, frozen=True):
    """What `/v1/status` says."""

    shards: list[ShardStatus]

    def since(self, before: "Status") -> Counters:
        """What was done meanwhile; of a shard that has started anew, what it has done since then."""
        then = {(shard.shard, shard.generation, shard.incarnation): _numbers(shard) for shard in before.shards}
        done = [0] * len(Counters.__struct_fields__)
        for shard in self.shards:
            already = then.get((shard.shard, shard.generation, shard.incarnation), (0,) * len(done))
            done = [sum(parts) - less for *parts, less in zip(done, _numbers(shard), already, strict=True)]
        return Counters(*done)


class Owner(msgspec.Struct, frozen=True):
    """The shard that serves a block, and its process."""

    shard: str
    pid: int


class Administration:
    """Calls that are no part of the load."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._http = httpx.AsyncClient(base_url=server.http_url, timeout=TIMEOUT_S)
        self._as_tenant = {"Authorization": f"Bearer {server.api_key}"}
        self._as_operator = {"Authorization": f"Bearer {server.operator_key}"}

    async def create_event(
        self, name: str, layout: dict[str, object], hold_ttl_seconds: int, key: str, split: Sequence[Sequence[str]] = ()
    ) -> str:
        """A fresh event that is on sale; its id. `split`: groups of sections, each of which gets a block of its own.

        Raises ServerRefused, also if the operator's key does not see it.
        """
        event: dict[str, object] = {"name": name, "layout": layout, "hold_ttl_seconds": hold_ttl_seconds}
        if split:
            event["split"] = split
        event_id: str = (await self._post("/v1/events", event, key))["event_id"]
        await self._post(f"/v1/events/{event_id}/open-sale", {}, f"{key}-open")
        await self._read(f"/v1/events/{event_id}", self._as_operator)
        return event_id

    async def availability(self, event_id: str) -> Availability | None:
        """The event's units, counted; None if that cannot be had now. Raises ServerRefused."""
        answer = await self._read(f"/v1/events/{event_id}/availability", self._as_tenant)
        if answer is None:
            return None
        counts = [category["counts"] for category in answer["categories"]]
        return Availability(*(sum(found[status] for found in counts) for status in ("available", "held", "sold")))

    async def live_digest(self, event_id: str) -> LiveDigest | None:
        """What the serving shard says of the event; None if it cannot be asked now. Raises ServerRefused."""
        answer = await self._read(f"/v1/events/{event_id}/digest", self._as_operator)
        if answer is None:
            return None
        return LiveDigest(bytes.fromhex(answer["ledger_digest"]), answer["entries_applied"], answer["position"])

    async def status(self) -> Status | None:
        """What the shards have counted so far; None if the server cannot tell now. Raises ServerRefused."""
        answer = await self._read("/v1/status", self._as_operator)
        return None if answer is None else msgspec.convert(answer, Status)

    async def durability(self) -> dict[str, str]:
        """What Postgres says of the settings on which durability rests. Raises OSError, asyncpg.PostgresError."""
        return {found["name"]: found["setting"] for found in await self._select(_SETTINGS)}

    async def parts_of(self, event_id: str) -> tuple[Part, ...]:
        """The parts of an event that is split, by its journal; else none. Raises OSError, asyncpg.PostgresError."""
        connection = await connect_to_read(self._server.database_url)
        try:
            async with connection.transaction(readonly=True):
                return await parts_of(connection, block_of(event_id))
        finally:
            await connection.close()

    async def owner_of(self, event_id: str) -> Owner | None:
        """The shard that serves the event now, by the catalogue. Raises OSError, asyncpg.PostgresError."""
        found = await self._select(_OWNER, block_of(event_id))
        return Owner(found[0]["shard"], found[0]["pid"]) if found else None

    async def close(self) -> None:
        """End the connections."""
        await self._http.aclose()

    async def _post(self, path: str, body: object, key: str) -> dict[str, Any]:
        headers = {**self._as_tenant, "Idempotency-Key": f'"{key}"'}
        try:
            response = await self._http.post(path, json=body, headers=headers)
        except httpx.HTTPError as fault:
            raise ServerRefused(f"{self._server.http_url} does not answer: {fault!r}") from None
        if response.is_error:
            raise ServerRefused(f"POST {path}: {_problem_of(response) or response.status_code}")
        answer: dict[str, Any] = response.json()
        return answer

    async def _read(self, path: str, credential: dict[str, str]) -> dict[str, Any] | None:
        """What is there; None if it cannot be had now. Raises ServerRefused where asking again would not help."""
        try:
            response = await self._http.get(path, headers=credential)
        except httpx.HTTPError:
            return None
        if response.is_success:
            answer: dict[str, Any] = response.json()
            return answer
        problem = _problem_of(response)
        if response.is_client_error and problem is not None and not problem.transient:
            who = "operator" if credential is self._as_operator else "tenant"
            raise ServerRefused(f"GET {path} with the {who}'s key: {problem}")
        return None

    async def _select(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        connection = await connect_to_read(self._server.database_url)
        try:
            found: list[asyncpg.Record] = await connection.fetch(statement, *arguments)
            return found
        finally:
            await connection.close()


def block_of(event_id: str) -> str:
    """The event's home block. Raises ServerRefused."""
    try:
        return block_of_event(event_id)
    except ValueError as fault:
        raise ServerRefused(str(fault)) from None


def _problem_of(response: httpx.Response) -> Problem | None:
    """What a refusal says; None for what comes from the balancer, which has nobody to send to."""
    if response.headers.get("Content-Type") != PROBLEM_JSON:
        return None
    return msgspec.json.decode(response.content, type=Problem)


def _numbers(shard: ShardStatus) -> tuple[int, ...]:
    return msgspec.structs.astuple(shard.served)
