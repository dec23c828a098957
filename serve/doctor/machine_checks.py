"""Beside Postgres: room on the data's disk, and Redis."""

import shutil
from contextlib import aclosing
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError
from rich.progress import Progress

from serve.doctor.findings import SQL, Finding, Patient, Standing

DISK, REDIS = "disk", "redis"
REDIS_TIMEOUT_S = 2.0


async def check_disk(patient: Patient, _: Progress) -> list[Finding]:
    """Room on the disk of the data folder; of a database that is elsewhere its size alone is known."""
    size_mb = await patient.connection.fetchval(SQL["size"]) // 1_000_000
    if patient.data_dir is None or not patient.data_dir.exists():
        return [Finding(DISK, Standing.OK, f"the database has {size_mb:,} MB; its disk is not this machine's to see")]
    room_mb = shutil.disk_usage(patient.data_dir).free // 1_000_000
    seen = f"{room_mb:,} MB left in {patient.data_dir}; the database has {size_mb:,} MB"
    if room_mb >= 2 * patient.disk_reserve_mb:
        return [Finding(DISK, Standing.OK, seen)]
    standing = Standing.WRONG if room_mb < patient.disk_reserve_mb else Standing.WARNING
    return [Finding(DISK, standing, seen, "make room: on a full disk nothing is sold, and nothing is lost")]


async def check_redis(patient: Patient, _: Progress) -> list[Finding]:
    """Whether it answers, and keeps what it is given. Nothing that was sold is there."""
    if patient.redis_url is None:
        return [Finding(REDIS, Standing.OK, "not looked at: no Redis is named, and none runs here")]
    try:
        async with aclosing(_client(patient.redis_url)) as redis:
            told: dict[str, Any] = await redis.info("all")
    except (RedisError, OSError, ValueError) as fault:
        seen = f"it does not answer: {fault}"
        return [Finding(REDIS, Standing.WARNING, seen, "start it again; until then reads come from Postgres")]
    policy, bound, evicted = told["maxmemory_policy"], told["maxmemory"], told["evicted_keys"]
    if bound and (policy != "noeviction" or evicted):
        seen = f"it evicts ({policy} at {bound / 1e6:.0f} MB; {evicted} keys since it started)"
        advice = "set maxmemory-policy noeviction and give it room: what is evicted is read from Postgres again"
        return [Finding(REDIS, Standing.WARNING, seen, advice)]
    return [Finding(REDIS, Standing.OK, f"it answers and evicts nothing ({told['used_memory'] / 1e6:.0f} MB)")]


def _client(redis_url: str) -> Redis:
    return Redis.from_url(redis_url, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S)
