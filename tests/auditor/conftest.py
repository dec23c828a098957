"""A world per test: its auditor sweeps the whole database."""

from collections.abc import AsyncIterator

import pytest

from tests.auditor.watched import Watched, watched


@pytest.fixture
async def world(anyio_backend: str, own_database_url: str) -> AsyncIterator[Watched]:
    """Events that sell, and auditors, in a database of their own."""
    async with watched(own_database_url) as world:
        yield world
