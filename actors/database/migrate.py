"""Migrations: `.sql` files applied once each, in order, each in its own transaction.

`NNNN_pre_*` runs before the new code does and leaves the old code working; `NNNN_post_*` takes away what only the old
code needed, once that is gone. A file that has been applied somewhere never changes again: its checksum is kept.
"""

import re
from hashlib import sha256
from pathlib import Path

import msgspec

from actors.database.connect import Connection, connect
from actors.database.queries import load_queries

_HERE = Path(__file__).parent
_SQL = load_queries(_HERE / "migrate.sql")
_FILE_NAME = re.compile(r"(\d{4})_(pre|post)_[a-z0-9_]+")

MIGRATIONS = _HERE / "migrations"
SCHEMA = _HERE / "schema.sql"


class MigrationError(Exception):
    """The migrations cannot be applied; the text says which and why."""


class Migration(msgspec.Struct, frozen=True):
    """One file: its name without suffix, its statements, and the checksum of them."""

    name: str
    script: str
    checksum: bytes

    @property
    def is_post(self) -> bool:
        """Whether it must wait until no old code runs any more."""
        return self.name[5:].startswith("post_")


def read_migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """The folder's migrations in order. Raises MigrationError for a name that does not fit or a number used twice."""
    migrations = []
    numbers = set()
    for file in sorted(folder.glob("*.sql")):
        name = _FILE_NAME.fullmatch(file.stem)
        if name is None:
            raise MigrationError(f"{file.name} is not named NNNN_pre_what.sql or NNNN_post_what.sql")
        if name[1] in numbers:
            raise MigrationError(f"two migrations bear the number {name[1]}")
        numbers.add(name[1])
        content = file.read_bytes()
        migrations.append(Migration(file.stem, content.decode(), sha256(content).digest()))
    return migrations


async def migrate(database_url: str, *, folder: Path = MIGRATIONS, pre_only: bool = False) -> list[str]:
    """Apply what is pending, in order, and return the names; a second runner waits for the first.

    With `pre_only` it stops before the first `post` migration. Raises MigrationError, or the database's own fault.
    """
    migrations = read_migrations(folder)
    connection = await connect(database_url, application_name="holdfast-migrate")
    try:
        await connection.execute(_SQL["take_turn"])  # held until the connection closes
        await connection.execute(_SQL["create_applied"])
        pending = _pending(migrations, dict(await connection.fetch(_SQL["applied"])))
        if pre_only:
            pending = _before_post(pending)
        for migration in pending:
            await _apply(connection, migration)
        return [migration.name for migration in pending]
    finally:
        await connection.close()


def _pending(migrations: list[Migration], applied: dict[str, bytes]) -> list[Migration]:
    pending = []
    for migration in migrations:
        checksum = applied.get(migration.name)
        if checksum is None:
            pending.append(migration)
        elif checksum != migration.checksum:
            raise MigrationError(f"{migration.name} was changed after it had been applied: undo that, add a new one")
    return pending


def _before_post(pending: list[Migration]) -> list[Migration]:
    first_post = next((index for index, migration in enumerate(pending) if migration.is_post), len(pending))
    if any(not migration.is_post for migration in pending[first_post:]):
        raise MigrationError(f"an earlier upgrade was not finished: {pending[first_post].name} comes first")
    return pending[:first_post]


async def _apply(connection: Connection, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(migration.script)
        await connection.execute(_SQL["remember"], migration.name, migration.checksum)
