"""API keys: `hf_<key id>_<secret>`, stored as a hash, judged from memory.

A key is read from Postgres when it is first seen and again every few seconds while it is in use; all reads go one at a
time, many keys together. If Postgres is away, the keys that are known go on working. The secret has 256 random bits, so
one round of SHA-256 is as hard to undo as any number of them.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Protocol

import msgspec

from actors.core.ids import TenantId
from actors.core.outcomes import Reason, Rejected
from actors.database.connect import Connection
from actors.database.line import Line, LineUnavailable
from actors.database.queries import load_queries
from actors.reservations import Caller

REFRESH_AFTER_S = 10.0
"""How old a known key may be before it is read again: how long a revoked key goes on working, at most."""

UNKNOWN_KEPT_S = 5.0
MAX_UNKNOWN_KEPT = 10_000
MAX_WANTED = 1_000
ASK_AGAIN_AFTER_S = 1.0
BOUND_MS = 2_000

_QUERIES = load_queries(Path(__file__).parent / "sql" / "api_keys.sql")
_AUTHORIZATION = re.compile(r"(?i:bearer) +hf_([0-9a-f]{16})_([0-9a-f]{64})")
_TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

_UNAUTHENTICATED = Rejected(Reason.UNAUTHENTICATED)


class Operator(Caller, frozen=True):
    """The bearer of an operator's key: may do what the tenant may, and also what is for operators only."""


class StoredKey(msgspec.Struct, frozen=True):
    """A key as Postgres has it."""

    key_id: str
    tenant: str
    secret_hash: bytes
    expires_at_ms: int | None = None
    revoked: bool = False
    operator: bool = False


class KeySource(Protocol):
    """Where keys are kept."""

    async def find(self, key_ids: Sequence[str]) -> Sequence[StoredKey]:
        """Those of the keys that exist. Raises LineUnavailable."""
        ...


class _Known:
    """A stored key, and when it was read."""

    __slots__ = ("key", "read_at_s")

    def __init__(self, key: StoredKey, read_at_s: float) -> None:
        self.key = key
        self.read_at_s = read_at_s


class KeyRing:
    """The keys that this process knows. For one event loop."""

    def __init__(self, source: KeySource, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._monotonic_s = monotonic_s
        self._known: dict[str, _Known] = {}
        self._unknown_since_s: dict[str, float] = {}
        self._wanted: dict[str, asyncio.Future[StoredKey | Rejected]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._away_until_s = float("-inf")

    async def authenticate(self, authorization: str | None) -> Caller | Rejected:
        """Who bears this `Authorization` value; UNAUTHENTICATED, or UNAVAILABLE if the key cannot be read now."""
        presented = _AUTHORIZATION.fullmatch(authorization) if authorization else None
        if presented is None:
            return _UNAUTHENTICATED
        key_id, secret = presented.groups()
        now_s = self._monotonic_s()
        known = self._known.get(key_id)
        if known is None:
            key = await self._read_first_time(key_id, now_s)
            if isinstance(key, Rejected):
                return key
        else:
            key = known.key
            if now_s - known.read_at_s > REFRESH_AFTER_S and now_s >= self._away_until_s:
                self._want(key_id)
        if not _opens(key, secret):
            return _UNAUTHENTICATED
        bearer = Operator if key.operator else Caller
        return bearer(TenantId(key.tenant), key.tenant)

    async def close(self) -> None:
        """Stop reading keys; who waits for one gets UNAVAILABLE."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _read_first_time(self, key_id: str, now_s: float) -> StoredKey | Rejected:
        if now_s - self._unknown_since_s.get(key_id, float("-inf")) < UNKNOWN_KEPT_S:
            return _UNAUTHENTICATED
        if now_s < self._away_until_s:
            return Rejected(Reason.UNAVAILABLE)
        wanted = self._want(key_id)
        return Rejected(Reason.OVERLOADED) if wanted is None else await asyncio.shield(wanted)

    def _want(self, key_id: str) -> "asyncio.Future[StoredKey | Rejected] | None":
        """The key's next reading, or None if too many wait for theirs."""
        wanted = self._wanted.get(key_id)
        if wanted is None:
            if len(self._wanted) >= MAX_WANTED:
                return None
            wanted = self._wanted[key_id] = asyncio.get_running_loop().create_future()
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read_wanted(), name="read API keys")
        return wanted

    async def _read_wanted(self) -> None:
        """Read what is wanted, and what comes to be wanted meanwhile."""
        while self._wanted:
            wanted, self._wanted = self._wanted, {}
            try:
                found = {key.key_id: key for key in await self._source.find(tuple(wanted))}
            except LineUnavailable:
                self._away_until_s = self._monotonic_s() + ASK_AGAIN_AFTER_S
                _answer_all(wanted, Rejected(Reason.UNAVAILABLE))
            except BaseException:
                _answer_all(wanted | self._wanted, Rejected(Reason.UNAVAILABLE))
                self._wanted = {}
                raise
            else:
                for key_id, waiting in wanted.items():
                    waiting.set_result(self._note(key_id, found.get(key_id)))

    def _note(self, key_id: str, key: StoredKey | None) -> StoredKey | Rejected:
        """Remember what was read about the key."""
        now_s = self._monotonic_s()
        if key is not None:
            self._known[key_id] = _Known(key, now_s)
            self._unknown_since_s.pop(key_id, None)
            return key
        self._known.pop(key_id, None)
        self._unknown_since_s.pop(key_id, None)
        if len(self._unknown_since_s) >= MAX_UNKNOWN_KEPT:
            del self._unknown_since_s[next(iter(self._unknown_since_s))]
        self._unknown_since_s[key_id] = now_s
        return _UNAUTHENTICATED


class PostgresKeySource:
    """The keys in the table `api_keys`."""

    def __init__(self, database_url: str) -> None:
        self._line = Line(database_url, application_name="holdfast-keys", bound_ms=BOUND_MS)

    async def find(self, key_ids: Sequence[str]) -> Sequence[StoredKey]:
        """Those of the keys that exist. Raises LineUnavailable."""
        return [StoredKey(*row) for row in await self._line.fetch(_QUERIES["find_keys"], list(key_ids))]

    async def close(self) -> None:
        """End the line; nothing in flight is waited for."""
        await self._line.close()


async def create_key(
    connection: Connection, tenant: str, name: str, expires_at_ms: int | None = None, *, operator: bool = False
) -> str:
    """Make a key for `tenant` and store it; what is returned is the only copy of its secret.

    Raises ValueError for a tenant that is not 1 to 63 of a-z, 0-9 and dashes; `FAULTS` of `actors.database.connect`.
    """
    if not _TENANT.fullmatch(tenant):
        raise ValueError(f"{tenant!r} cannot be a tenant: 1 to 63 lower case letters, digits and dashes are allowed")
    key_id, secret = secrets.token_hex(8), secrets.token_hex(32)
    await connection.execute(_QUERIES["insert_key"], key_id, tenant, name, hash_of(secret), expires_at_ms, operator)
    return f"hf_{key_id}_{secret}"


def hash_of(secret: str) -> bytes:
    """What is stored of a key's secret."""
    return sha256(secret.encode()).digest()


def _opens(key: StoredKey, secret: str) -> bool:
    """Whether the secret is the key's, and the key is valid now."""
    if not compare_digest(key.secret_hash, hash_of(secret)) or key.revoked:
        return False
    return key.expires_at_ms is None or time.time() * 1000 < key.expires_at_ms


def _answer_all(waiting: "dict[str, asyncio.Future[StoredKey | Rejected]]", refusal: Rejected) -> None:
    for future in waiting.values():
        if not future.done():
            future.set_result(refusal)
