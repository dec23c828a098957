"""Commits that are slow in Postgres itself are told from answers that are late."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from actors.database.connect import Connection, connect
from actors.journal.postgres import PostgresJournal
from tests.chaos.database_faults import SLOW_S, SlowAnswers, SlowCommits
from tests.chaos.fault import Fault
from tests.chaos.stage import Stage
from tests.chaos.test_wire import SHARD, first_rows
from tests.chaos.wire import Wire

EARLY_S = 0.7  # a commit that is not slow is done by then

_COUNT = "select count(*) from journal"
_LEFT = "select count(*) from pg_trigger where tgname = 'chaos_sleep'"


class Setting:
    """In place of a stage: Postgres, a wire, and a shard's commit line over it."""

    def __init__(self, wire: Wire, past: Connection) -> None:
        self.wire = wire
        self.past = past
        self.journal = PostgresJournal(wire.database_url, application_name=f"holdfast-{SHARD}-commit")

    async def execute(self, statements: str) -> None:
        await self.past.execute(statements)

    async def fetch(self, statement: str, *arguments: object) -> list[Any]:
        found: list[Any] = await self.past.fetch(statement, *arguments)
        return found

    async def count(self) -> int:
        """How many rows there are for others."""
        number: int = await self.past.fetchval(_COUNT)
        return number

    async def append(self, number: int) -> float:
        """Three rows in one statement; how long that took."""
        began_s = time.monotonic()
        assert len((await self.journal.append(first_rows(number))).durable) == 3
        return time.monotonic() - began_s


@asynccontextmanager
async def set_up(database_url: str) -> AsyncIterator[Setting]:
    wire = Wire(database_url)
    server = await wire.serve()
    past = await connect(database_url, application_name="tests")
    setting = Setting(wire, past)
    try:
        yield setting
    finally:
        await setting.journal.close()
        await past.close()
        server.close()
        await wire.close()


async def check_commits_are_slow(database_url: str, fault: Fault) -> None:
    async with set_up(database_url) as setting:
        stage = cast("Stage", setting)
        await fault.prepare(stage)
        assert await setting.append(0) < EARLY_S, "it has begun already"
        await fault.inflict(stage)
        count = await setting.count()
        appending = asyncio.create_task(setting.append(1))
        await asyncio.sleep(EARLY_S)
        assert await setting.count() == count, "it has committed at once"
        assert SLOW_S <= await appending < 2 * SLOW_S, "it is to sleep once for all rows"
        assert await setting.count() == count + 3
        await fault.end(stage)
        assert await setting.append(2) < EARLY_S, "it goes on"
        await fault.tidy(stage)
        assert await setting.append(3) < EARLY_S
        assert await setting.past.fetchval(_LEFT) == 0


def test_a_commit_itself_is_slow(own_database_url: str) -> None:
    asyncio.run(check_commits_are_slow(own_database_url, SlowCommits()))


def test_control_an_answer_that_is_late_is_another_thing(own_database_url: str) -> None:
    with pytest.raises(AssertionError, match="committed at once"):
        asyncio.run(check_commits_are_slow(own_database_url, SlowAnswers()))


async def effect_of(database_url: str, *, writes: bool) -> str:
    async with set_up(database_url) as setting:
        stage, fault = cast("Stage", setting), SlowCommits()
        await fault.prepare(stage)
        await fault.inflict(stage)
        appending = asyncio.create_task(setting.append(1)) if writes else None
        seen = await fault.effect(stage)
        if appending is not None:
            await appending
        return seen


@pytest.mark.parametrize("writes", [True, False])
def test_it_has_an_effect_only_where_somebody_commits(
    own_database_url: str, monkeypatch: pytest.MonkeyPatch, writes: bool
) -> None:
    monkeypatch.setattr("tests.chaos.database_faults.SLOW_FOR_S", SLOW_S + 0.5)
    seen = asyncio.run(effect_of(own_database_url, writes=writes))
    assert ("1 transactions slept" in seen) == writes
