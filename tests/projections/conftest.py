"""A world per test: its projectors sweep the whole database."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from serve.local.preflight import free_port
from serve.local.redis import Redis
from tests.projections.selling import World, selling


@pytest.fixture
async def world(anyio_backend: str, own_database_url: str) -> AsyncIterator[World]:
    """Events that sell, and projectors, in a database of their own."""
    async with selling(own_database_url) as world:
        yield world


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A real server, which has started."""
    password_file = tmp_path / "password"
    password_file.write_text("for-tests-only")
    server = Redis(tmp_path / "redis", free_port(), password_file, log=tmp_path / "redis.log")
    server.start()
    yield server
    server.stop()
