"""One pair of edges for a module, and another with events that are followed."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from serve.local.preflight import free_port
from serve.local.redis import Redis
from tests.edges.edge_stack import Edges, whole_edges
from tests.edges.split_followed import House, followed_house


@pytest.fixture(scope="module")
async def edges(anyio_backend: str, database_url: str) -> AsyncIterator[Edges]:
    """Both edges over a shard with nothing in it."""
    async with whole_edges(database_url) as running:
        yield running


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A real server, which has started."""
    folder: Path = tmp_path_factory.mktemp("redis")
    (folder / "password").write_text("for-tests-only")
    server = Redis(folder / "data", free_port(), folder / "password", log=folder / "log")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
async def house(anyio_backend: str, database_url: str, redis: Redis) -> AsyncIterator[House]:
    """An event that is split, and one that is not; see `split_followed`."""
    async with followed_house(database_url, redis.url) as house:
        yield house
