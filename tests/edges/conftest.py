"""One pair of edges for the whole folder."""

from collections.abc import AsyncIterator

import pytest

from tests.edges.edge_stack import Edges, whole_edges


@pytest.fixture(scope="module")
async def edges(anyio_backend: str, database_url: str) -> AsyncIterator[Edges]:
    """Both edges over a shard with nothing in it."""
    async with whole_edges(database_url) as running:
        yield running
