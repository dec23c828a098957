"""The live map: what is shown of each event, in Redis, for all gateways.

One hash an event, whose values are absolute and bear their position. It is written by a script and read at once, so
nobody sees values of two positions, and an older position never replaces a newer one. Nothing of it counts: it may be
lost at any time, and whoever misses something reads it in Postgres and shows it here again.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from actors.apart import apart
from actors.core.ids import BlockId
from actors.projections.shown import Change, EventShown, Shown

_log = structlog.get_logger(__name__)

BOUND_S = 0.2  # of connecting, and of each answer
AWAY_S = 1.0
MAX_CONNECTIONS = 8
KEPT_MS = 3_600_000  # what nobody writes or asks for goes
MAX_CHANGES_KEPT = 100  # twenty seconds or more of an event that sells

_SHOW = (Path(__file__).parent / "lua" / "show.lua").read_text(encoding="utf-8")
_CONFIRM = (Path(__file__).parent / "lua" / "confirm.lua").read_text(encoding="utf-8")
_FORGET = (Path(__file__).parent / "lua" / "forget.lua").read_text(encoding="utf-8")

_encoder = msgspec.msgpack.Encoder()
_events = msgspec.msgpack.Decoder(EventShown)
_changes = msgspec.msgpack.Decoder(Change)

T = TypeVar("T")


class LiveUnavailable(Exception):
    """Redis cannot be reached, or says nothing of use."""


class LiveEvents:
    """The live map over a few connections. Every method raises LiveUnavailable, at once for a second after a fault."""

    def __init__(self, redis_url: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        pool = BlockingConnectionPool.from_url(
            redis_url,
            max_connections=MAX_CONNECTIONS,
            timeout=BOUND_S,
            socket_timeout=BOUND_S,
            socket_connect_timeout=BOUND_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._redis: Redis = Redis.from_pool(pool)
        self._monotonic = monotonic
        self._away_until_s = float("-inf")

    async def show(self, events: Sequence[tuple[BlockId, Shown, Change | None]]) -> None:
        """Show these events, unless newer positions of them are shown. The change leads from the position before."""
        pipeline = self._redis.pipeline(transaction=False)
        for block, shown, change in events:
            pipeline.eval(
                _SHOW,
                2,
                *_keys(block),
                shown.position,
                shown.as_of_ms,
                _encoder.encode(shown.event),
                shown.statuses,
                "" if change is None else change.before,
                "" if change is None else _encoder.encode(change),
                MAX_CHANGES_KEPT,
                KEPT_MS,
            )
        await self._answered(pipeline.execute())

    async def find(self, block: BlockId, *, with_seats: bool) -> Shown | None:
        """What is shown of an event; `with_seats`: statuses and changes too."""
        return (await self.find_all((block,), with_seats=with_seats)).get(block)

    async def find_all(self, blocks: Sequence[BlockId], *, with_seats: bool) -> dict[BlockId, Shown]:
        """What is shown of these at one moment, as far as anything is; `with_seats` as above."""
        pipeline = self._redis.pipeline(transaction=True)
        for block in blocks:
            event, changes = _keys(block)
            pipeline.hmget(event, "position", "as_of_ms", "event", *(("statuses",) if with_seats else ()))
            if with_seats:
                pipeline.lrange(changes, 0, -1)
        found = await self._answered(pipeline.execute())
        steps = found[1::2] if with_seats else [()] * len(blocks)
        shown: dict[BlockId, Shown] = {}
        for block, fields, changes in zip(blocks, found[::2] if with_seats else found, steps, strict=True):
            if fields[0] is None:
                continue
            try:
                shown[block] = _shown_of(fields, changes)
            except (ValueError, TypeError, msgspec.DecodeError) as fault:
                await self._answered(self._redis.delete(*_keys(block)))
                raise LiveUnavailable(f"what is shown of {block} cannot be read: {fault}") from fault
        return shown

    async def confirm(self, block: BlockId, position: int, as_of_ms: int) -> None:
        """All that was acknowledged before is in what is shown as of this position, if it still is."""
        await self._answered(self._redis.eval(_CONFIRM, 1, _keys(block)[0], position, as_of_ms, KEPT_MS))

    async def forget(self, block: BlockId, position: int) -> None:
        """Show nothing, if it is this position: the journal has none of it."""
        await self._answered(self._redis.eval(_FORGET, 2, *_keys(block), position))

    async def close(self) -> None:
        """End the connections."""
        await self._redis.aclose()

    async def _answered(self, asking: Awaitable[T]) -> T:
        now_s = self._monotonic()
        if now_s < self._away_until_s:
            _close(asking)
            raise LiveUnavailable("Redis was away a moment ago")
        try:
            return await apart(asking)
        except (RedisError, OSError, TimeoutError) as fault:
            self._away_until_s = self._monotonic() + AWAY_S
            raise LiveUnavailable(f"{type(fault).__name__}: {fault}") from fault


def _shown_of(fields: Sequence[Any], changes: Sequence[bytes]) -> Shown:
    """What the fields of a hash and the entries of a list say. Raises what their reading does."""
    position, as_of_ms, event, *statuses = fields
    return Shown(
        int(position),
        int(as_of_ms),
        _events.decode(event),
        statuses[0] if statuses else b"",
        tuple(map(_changes.decode, changes)),
    )


def _close(asking: Any) -> None:
    asking.close()  # a coroutine that is not to be begun


def _keys(block: BlockId) -> tuple[str, str]:
    """The event's hash, and the list of its last changes. Another format gets another number."""
    return f"holdfast:live:1:{block}", f"holdfast:live:1:{block}:changes"
