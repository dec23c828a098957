"""A line that is cut between two requests of one statement is like any other that is cut."""

import asyncio
from contextlib import nullcontext
from typing import Any

import asyncpg
import pytest

from actors.database import line as database_line
from actors.database.line import Line, LineLate

pytestmark = pytest.mark.anyio

BOUND_MS = 200
UNKNOWN_TYPE = "select array[a]::pg_class[] from pg_class a limit 1"  # which asyncpg looks up before it asks


async def check_one_that_is_late_with_a_type(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up while the type is looked up."""
    look_up = asyncpg.Connection._introspect_types
    looked_up = []

    async def late(connection: asyncpg.Connection, *arguments: Any) -> Any:
        looked_up.append(arguments)
        await asyncio.sleep(2 * BOUND_MS / 1000)
        return await look_up(connection, *arguments)

    monkeypatch.setattr(asyncpg.Connection, "_introspect_types", late)
    line = Line(database_url, application_name="tests", bound_ms=BOUND_MS)
    try:
        with pytest.raises(LineLate):
            await line.fetch(UNKNOWN_TYPE)
        assert len(looked_up) == 1
        assert await line.fetch("select 1") == [(1,)]
    finally:
        await line.close()


async def test_one_that_is_cut_while_a_type_is_looked_up_is_late(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_one_that_is_late_with_a_type(database_url, monkeypatch)


async def test_control_what_asyncpg_raises_then_is_no_fault_of_a_database(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_line, "told_when_cut", nullcontext)
    with pytest.raises(AttributeError, match="NoneType"):
        await check_one_that_is_late_with_a_type(database_url, monkeypatch)


async def test_a_mistake_of_our_own_is_none_of_the_database(database_url: str) -> None:
    line = Line(database_url, application_name="tests")
    try:
        with pytest.raises(AttributeError, match="no_such"):
            await line.run(lambda connection: connection.no_such())
    finally:
        await line.close()
