"""What befalls a database: an operator's mistakes, replicas that are gone, damaged files."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from actors.database.connect import Connection, connect


class Trouble(NamedTuple):
    """Something that keeps a whole server, or all of the journal, from taking rows: how it begins and ends."""

    begin: tuple[str, ...]
    end: tuple[str, ...]


NO_REPLICA = Trouble(
    ("alter system set synchronous_standby_names = 'nobody'", "select pg_reload_conf()", "select pg_sleep(0.2)"),
    ("alter system reset synchronous_standby_names", "select pg_reload_conf()"),
)
"""Commits wait for a synchronous replica that does not exist. It is the server's, whatever the database."""


@asynccontextmanager
async def in_trouble(database_url: str, trouble: Trouble) -> AsyncIterator[Connection]:
    """For as long as this lasts. Yields a connection to the server."""
    connection: Connection = await connect(database_url, application_name="tests")
    try:
        for statement in trouble.begin:
            await connection.execute(statement)
        yield connection
    finally:
        for statement in trouble.end:
            await connection.execute(statement)
        await connection.close()


async def lose_large_values(connection: Connection, table: str) -> None:
    """Of the rows with a large value, Postgres can read all but that, as after damage to the file where it keeps it.

    Nobody may write to that file; so for a moment it is called a table like any other. Truncated, as rows that are only
    deleted are still read for a while.
    """
    large_values = await connection.fetchval(
        "select reltoastrelid::regclass::text from pg_class where relname = $1", table
    )
    kind = "update pg_class set relkind = '{}' where oid = '{}'::regclass"
    await connection.execute("set allow_system_table_mods = on")
    await connection.execute(kind.format("r", large_values))
    await connection.execute(f"truncate {large_values}")
    await connection.execute(kind.format("t", large_values))
