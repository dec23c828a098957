"""What `onsale` says of durability is what holds in the sessions in which shards commit."""

import asyncio
from collections.abc import Iterator

import pytest

from actors.database import connect
from actors.journal.postgres import PostgresJournal
from loadtests.server import Administration, Server
from tests.conftest import EmbeddedPostgres

LASTING = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


@pytest.fixture
def fresh_url(postgres: EmbeddedPostgres, migrated_database: str) -> Iterator[str]:
    """A database on which nobody else has a session, nor had one just before."""
    name = postgres.create_database(template=migrated_database)
    yield postgres.url(name)
    postgres.execute(f"drop database {name} with (force)")


async def _durability(database_url: str, *shards: str) -> dict[str, str]:
    """As an operator is told while these shards' commit lines are there."""
    lines = [PostgresJournal(database_url, application_name=f"holdfast-{shard}-commit") for shard in shards]
    administration = Administration(Server("http://127.0.0.1:1", "127.0.0.1:1", database_url, "", ""))
    try:
        for line in lines:
            await line.now_ms()
        return await administration.durability()
    finally:
        await administration.close()
        for line in lines:
            await line.close()


def test_shards_that_commit_durably_are_told_so(fresh_url: str) -> None:
    assert asyncio.run(_durability(fresh_url, "shard-1", "shard-2")) == LASTING


def test_without_a_shard_it_is_unknown(fresh_url: str) -> None:
    assert asyncio.run(_durability(fresh_url)) == LASTING | {"synchronous_commit": "unknown"}


def test_a_shard_that_commits_otherwise_is_told_although_the_operators_own_session_does_not(
    fresh_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connect._SESSION, "synchronous_commit", "local")
    assert asyncio.run(_durability(fresh_url, "shard-1"))["synchronous_commit"] == "local"


def test_a_shard_that_does_not_tell_is_unknown(fresh_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.journal.postgres._SQL", {"introduce": "", "now_ms": "select 1 as now_ms"})
    assert asyncio.run(_durability(fresh_url, "shard-1"))["synchronous_commit"] == "unknown"
