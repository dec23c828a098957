"""A line whose backend hangs is given up soon, and one that is merely slow is not given up again and again."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from actors.journal.journal import JournalLate, JournalUnavailable, NewRow
from actors.journal.postgres import PostgresJournal
from tests.journal.backends import PostgresBackend, grown, head_of, new_block, row_after

pytestmark = pytest.mark.anyio

SILENT_MS, BOUND_MS = 500, 4_000
SOON_S = 2.5


@asynccontextmanager
async def hanging(line: PostgresJournal) -> AsyncIterator[None]:
    """The line's process in Postgres is stopped meanwhile."""
    pid = (await line._line._connected()).get_server_pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def check_given_up_soon(backend: PostgresBackend, silent_ms: int) -> None:
    """The same rows, sent again over another connection, are durable while the first backend still hangs."""
    line = PostgresJournal(backend.database_url, bound_ms=BOUND_MS, silent_ms=silent_ms)
    block = new_block()
    try:
        (first,) = await grown(line, block, 1)
        second = row_after(head_of(first), block)
        async with hanging(line):
            async with asyncio.timeout(SOON_S):
                with pytest.raises(JournalLate):
                    await line.append([second])
                assert (await line.append([second])).durable == {block}
        third = row_after(head_of(second), block)
        assert (await line.append([third])).durable == {block}  # what the first is told when it wakes up is refused
        assert await line.rows(block, 0, 10) == [new.row for new in (first, second, third)]
        async with hanging(line), asyncio.timeout(SOON_S):  # it was quick again, and is given up soon again
            with pytest.raises(JournalLate):
                await line.heads([block])
            assert (await line.heads([block])).heads[block].position == 3
    finally:
        await line.close()


async def test_a_line_whose_backend_hangs_is_given_up_soon(postgres_backend: PostgresBackend) -> None:
    await check_given_up_soon(postgres_backend, SILENT_MS)


async def test_control_one_that_is_waited_for_is_noticed(postgres_backend: PostgresBackend) -> None:
    with pytest.raises(TimeoutError):
        await check_given_up_soon(postgres_backend, BOUND_MS)


async def check_slow_commits(backend: PostgresBackend, kind: type[PostgresJournal]) -> None:
    """Each takes longer than a line is waited for that was quick: one is given up, and then there is patience."""
    line = kind(backend.database_url, bound_ms=BOUND_MS, silent_ms=SILENT_MS)
    block = new_block()
    async with backend.line() as other:
        (last,) = await grown(other, block, 1)
    given_up = 0
    try:
        await line.heads([block])
        for _ in range(3):
            last = row_after(head_of(last), block)
            while not await appended_late(backend, line, last):
                given_up += 1
                assert given_up == 1, "it is begun again and again"
    finally:
        await line.close()


async def appended_late(backend: PostgresBackend, line: PostgresJournal, new: NewRow) -> bool:
    """Whether the line had the patience to wait for it."""
    async with backend.raw() as connection, connection.transaction():
        await connection.execute("lock table journal in share mode")
        appending = asyncio.create_task(line.append([new]))
        await asyncio.sleep(1.5 * SILENT_MS / 1000)
    try:
        return (await appending).durable == {new.row.block}
    except JournalUnavailable:
        return False


async def test_commits_that_are_merely_slow_are_waited_for(postgres_backend: PostgresBackend) -> None:
    await check_slow_commits(postgres_backend, PostgresJournal)


class Forgetful(PostgresJournal):
    """Takes every statement for the first that is slow."""

    async def _run_soon(self, statement: Any) -> Any:
        self._is_slow = False
        return await super()._run_soon(statement)


async def test_control_a_line_that_forgets_that_it_is_slow_is_noticed(postgres_backend: PostgresBackend) -> None:
    with pytest.raises((AssertionError, JournalUnavailable)):
        await check_slow_commits(postgres_backend, Forgetful)
