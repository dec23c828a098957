"""Connections to Postgres, with the session settings that our promises rest on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import asyncpg

Connection: TypeAlias = Any  # asyncpg.Connection, which bears no types

# What a connection raises when the database, or the way to it, is at fault.
FAULTS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

_SESSION = {
    "synchronous_commit": "on",
    "default_transaction_isolation": "read committed",
    # No default of a role or a database may cancel a statement: its time is bounded by `cut`.
    "statement_timeout": "0",
    "lock_timeout": "0",
    "transaction_timeout": "0",
    "idle_session_timeout": "0",
    # Who hangs in the middle of a transaction must not keep its locks: a projector that is paused, for one.
    "idle_in_transaction_session_timeout": "30s",
    # Else a statement that waits for a lock waits on when its client was cut off, and each try adds a session. A commit
    # that waits for its replicas is not interrupted by this.
    "client_connection_check_interval": "2s",
    "client_min_messages": "warning",
    "timezone": "UTC",
    "jit": "off",
}


async def connect(
    database_url: str, *, application_name: str, settings: Mapping[str, str] | None = None, bound_ms: int = 5_000
) -> Connection:
    """Connect to the primary; `settings` are added to the session's. Raises one of `FAULTS`."""
    try:
        return await asyncpg.connect(
            database_url,
            timeout=bound_ms / 1000,
            target_session_attrs="read-write",
            max_cached_statement_lifetime=0,  # a prepared statement lives as long as its connection
            server_settings={**_SESSION, "application_name": application_name, **(settings or {})},
        )
    except (ValueError, OverflowError) as fault:  # a port, a host or a parameter that cannot be one
        raise asyncpg.InterfaceError(f"its address cannot be used: {fault}") from fault


def cut(connection: Connection) -> None:
    """Close the socket at once. Whoever awaits a statement gets one of `FAULTS`; the server may still carry it out.

    The only way to give a statement up: asyncpg answers a cancelled await or an expired timeout with a cancel request,
    and a commit that waits for its replicas would then be reported as done.
    """
    connection.terminate()


@contextmanager
def told_when_cut(connection: Connection) -> Iterator[None]:
    """One of `FAULTS` also where the connection is cut between two requests of one statement.

    asyncpg asks for types that it does not know before it carries a statement out. It then looks for the protocol that
    it had, and raises AttributeError.
    """
    try:
        yield
    except AttributeError as fault:
        if not connection.is_closed():
            raise
        raise asyncpg.InterfaceError(f"the connection was cut: {fault}") from fault
