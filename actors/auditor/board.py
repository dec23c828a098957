"""Where the auditor's figures hang, in Redis: they may be lost at any time, and come again within a second."""

from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from actors.apart import apart
from actors.auditor.figures import AuditorFigures

BOUND_S = 0.2  # of connecting, and of an answer
KEPT_S = 60
_KEY = "holdfast:auditor:1"  # another format gets another number

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(AuditorFigures)


class BoardUnavailable(Exception):
    """Redis does not answer, or something else hangs there."""


class Board:
    """The figures over a connection to Redis."""

    def __init__(self, redis_url: str) -> None:
        self._redis: Redis = Redis.from_url(
            redis_url, socket_timeout=BOUND_S, socket_connect_timeout=BOUND_S, retry=Retry(NoBackoff(), 0)
        )

    async def show(self, figures: AuditorFigures) -> bool:
        """Hang these figures out; False if Redis does not answer."""
        try:
            await apart(self._redis.set(_KEY, _encoder.encode(figures), ex=KEPT_S))
        except (RedisError, OSError, TimeoutError):
            return False
        return True

    async def find(self) -> AuditorFigures | None:
        """What hangs there; None if nothing does, as no auditor has run for a minute, or if Redis does not answer."""
        try:
            return (await self.aged())[0]
        except BoardUnavailable:
            return None

    async def aged(self) -> tuple[AuditorFigures | None, float]:
        """What hangs there, and for how many seconds by the clock of Redis. Raises BoardUnavailable."""
        try:
            raw: Any = await apart(self._redis.get(_KEY))
            left_ms: int = await apart(self._redis.pttl(_KEY))
            return (None if raw is None else _decoder.decode(raw)), KEPT_S - left_ms / 1000
        except (RedisError, OSError, TimeoutError, msgspec.DecodeError) as fault:
            raise BoardUnavailable(str(fault)) from fault

    async def close(self) -> None:
        """End the connection."""
        await self._redis.aclose()
