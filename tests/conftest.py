"""Real servers for tests: an embedded PostgreSQL for the session, migrated databases on it."""

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import structlog
from hypothesis import HealthCheck, settings

from actors.database.connect import connect
from actors.database.migrate import migrate
from serve.local.postgres import temporary_postgres
from tests.garbage import look_for_it_seldom

# How long an example takes says nothing of the code: other tests run beside, and give way or do not.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

look_for_it_seldom()


class EmbeddedPostgres:
    """A running server, as durable as the real one, and a hand to make databases on it."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._databases = 0

    def url(self, database: str = "postgres") -> str:
        """Where the database is."""
        return self._url._replace(path=f"/{database}").geturl()

    def execute(self, *statements: str) -> None:
        """Run the statements as superuser, each in a transaction of its own."""
        asyncio.run(self._execute(statements))

    async def _execute(self, statements: tuple[str, ...]) -> None:
        connection = await connect(self.url(), application_name="tests")
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    def create_database(self, template: str = "template1") -> str:
        """Make a database like `template` and return its name."""
        self._databases += 1
        name = f"test_{self._databases}"
        self.execute(f"create database {name} template {template}")
        return name


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """No test leaves the logs of its process silenced, which those that come after listen to."""
    before = structlog.get_config()
    yield
    assert structlog.get_config() == before, "this test has left the logs configured otherwise"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Coroutine tests marked `anyio` run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """The session's server."""
    with temporary_postgres() as url:
        yield EmbeddedPostgres(url)


@pytest.fixture(scope="session")
def migrated_database(postgres: EmbeddedPostgres) -> str:
    """The name of a database that has all migrations; a template to copy, not to write to."""
    name = postgres.create_database()
    asyncio.run(migrate(postgres.url(name)))
    return name


@pytest.fixture(scope="module")
def database_url(postgres: EmbeddedPostgres, migrated_database: str) -> Iterator[str]:
    """A fresh database for the module's tests."""
    name = postgres.create_database(template=migrated_database)
    yield postgres.url(name)
    postgres.execute(f"drop database {name} with (force)")  # else the server's last checkpoint writes all its files


@pytest.fixture
def own_database_url(postgres: EmbeddedPostgres, migrated_database: str) -> Iterator[str]:
    """A fresh database for one test."""
    name = postgres.create_database(template=migrated_database)
    yield postgres.url(name)
    postgres.execute(f"drop database {name} with (force)")
