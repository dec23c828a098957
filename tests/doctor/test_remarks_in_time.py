"""`/readyz` waits for nobody: while Postgres does not say what there is to remark, what was known last is said."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from actors.auditor.alarms import NOT_CROSSED, Alarm, Alarms
from actors.auditor.board import Board
from actors.database.connect import connect
from serve import status
from serve.local.redis import Redis
from serve.status import QuarantineReader
from tests.doctor.remarked import remarking
from tests.doctor.ward import Ward, ward
from tests.projections.selling import World

pytestmark = pytest.mark.anyio

LONGEST_S = 1.5  # a reading is given up after two seconds, and there are four
PATIENCE_S = 20.0
OPEN = "1 alarms are open: see holdfast alarms list"
OLD = re.compile(r"what there is to remark is as of \d+ s ago: Postgres has not said since")
UNKNOWN = "what else there may be to remark is not known: Postgres does not say"


@asynccontextmanager
async def locked(ill: Ward) -> AsyncIterator[None]:
    """Nobody reads alarms meanwhile, as while a table is rewritten."""
    connection = await connect(ill.patient.database_url, application_name="tests")
    try:
        async with connection.transaction():
            await connection.execute("lock table audit_alarms in access exclusive mode")
            yield
    finally:
        await connection.close()


async def check_that_nobody_waits(world: World, redis: Redis, patch: pytest.MonkeyPatch) -> None:
    """Not at first, when nothing is known, nor later; and all is said again when it can be read."""
    patch.setattr(status, "QUARANTINE_FRESH_S", 0.2)
    async with ward(world, redis_url=redis.url) as ill:
        alarms, board = Alarms(world.database_url), Board(redis.url)
        reader = QuarantineReader(world.database_url, board)
        remarked = remarking(reader)
        try:
            async with locked(ill):
                async with asyncio.timeout(LONGEST_S):
                    assert UNKNOWN in await remarked()
            assert await alarms.note(Alarm("", 0, NOT_CROSSED, "for long", recurs=True))
            async with asyncio.timeout(PATIENCE_S):
                while await remarked() != (OPEN,):  # noqa: ASYNC110  (nobody tells)
                    await asyncio.sleep(0.05)
            async with locked(ill):
                await asyncio.sleep(0.2)
                for _ in range(3):
                    async with asyncio.timeout(LONGEST_S):
                        first, *_, last = await remarked()
                    assert first == OPEN
                    assert OLD.fullmatch(last)
            async with asyncio.timeout(PATIENCE_S):
                while await remarked() != (OPEN,):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        finally:
            await reader.close()
            await board.close()
            await alarms.close()


async def test_what_was_known_last_is_said_at_once(world: World, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    await check_that_nobody_waits(world, redis, monkeypatch)


async def test_control_who_waits_for_what_there_is_to_remark_is_noticed(
    world: World, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "REMARKED_WITHIN_S", 60.0)
    with pytest.raises(TimeoutError):
        await check_that_nobody_waits(world, redis, monkeypatch)
