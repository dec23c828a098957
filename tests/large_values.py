"""Damage to a database file, as Postgres notices it."""

from actors.database.connect import Connection


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
