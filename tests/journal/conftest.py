"""The journals under test."""

import pytest

from tests.journal.backends import Backend, MemoryBackend, PostgresBackend


@pytest.fixture(params=["memory", "postgres"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each journal in turn."""
    if request.param == "memory":
        return MemoryBackend()
    return PostgresBackend(request.getfixturevalue("database_url"))


@pytest.fixture
def postgres_backend(database_url: str) -> PostgresBackend:
    """The journal in Postgres."""
    return PostgresBackend(database_url)
