"""A world per test: its auditor sweeps the whole database."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.auditor.watched import Watched, watched
from tests.conftest import EmbeddedPostgres


@pytest.fixture
def own_database_url(postgres: EmbeddedPostgres, migrated_database: str) -> Iterator[str]:
    """A fresh database for one test."""
    name = postgres.create_database(template=migrated_database)
    yield postgres.url(name)
    postgres.execute(f"drop database {name} with (force)")


@pytest.fixture
async def world(anyio_backend: str, own_database_url: str) -> AsyncIterator[Watched]:
    """Events that sell, and auditors, in a database of their own."""
    async with watched(own_database_url) as world:
        yield world
