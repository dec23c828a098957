"""What is left in the server of a client that was cut off: a statement that waits for a lock ends, a commit goes on."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence

import pytest

from actors.database import connect as database_connect
from actors.journal import postgres
from actors.journal.journal import Journal, JournalUnavailable, NewRow
from actors.journal.postgres import PostgresJournal
from tests.database_faults import NO_REPLICA, in_trouble
from tests.journal.backends import PostgresBackend, grown, head_of, new_block, row_after

pytestmark = pytest.mark.anyio
this_module = sys.modules[__name__]

SENT = 4  # times, each by a client of its own
PATIENCE_S = 3.0
_SESSIONS = """
select count(*) from pg_stat_activity
where application_name like 'holdfast-journal%' and datname = current_database()
"""


@pytest.fixture(autouse=True)
def _look_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Postgres looks for lost clients at once, and not after seconds."""
    monkeypatch.setitem(database_connect._SESSION, "client_connection_check_interval", "50ms")


async def sessions_fall_to(backend: PostgresBackend, count: int) -> None:
    """Return when so many sessions of journal lines are left, or fewer."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + PATIENCE_S
    async with backend.raw() as connection:
        while (left := await connection.fetchval(_SESSIONS)) > count:
            assert loop.time() < until_s, f"{left} sessions are left"
            await asyncio.sleep(0.02)


def sent_by(lines: Sequence[Journal], new: NewRow) -> list["asyncio.Task[object]"]:
    """The row on its way, over each of the lines."""
    return [asyncio.create_task(line.append([new])) for line in lines]


async def cut_off(lines: Sequence[Journal], sent: Sequence["asyncio.Task[object]"]) -> None:
    """Cut the clients off; none learns what became of its row."""
    for line in lines:
        await line.close()
    answers = await asyncio.gather(*sent, return_exceptions=True)
    assert [type(answer) for answer in answers] == [JournalUnavailable] * len(sent)


async def check_waits_for_locks(backend: PostgresBackend) -> None:
    """None of the sessions outlives its client for long, and the row can be sent again."""
    new = row_after(None, new_block())
    lines = [PostgresJournal(backend.database_url) for _ in range(SENT)]
    async with backend.raw() as other, other.transaction():
        await other.execute("lock table journal in share mode")
        sent = sent_by(lines, new)
        await backend.wait_until("Lock", SENT)
        await cut_off(lines, sent)
        await sessions_fall_to(backend, 0)
    async with backend.line() as line:
        assert (await line.append([new])).durable == {new.row.block}


async def check_waits_for_replicas(backend: PostgresBackend) -> None:
    """The first commit is seen through, as it may be nowhere but here; whoever waits for it does so no longer."""
    block = new_block()
    async with backend.line() as line:
        new = (await grown(line, block, 1))[0]
        lines = [PostgresJournal(backend.database_url) for _ in range(SENT)]
        async with in_trouble(backend.database_url, NO_REPLICA):
            while True:  # the server takes a moment to read its settings again
                new = row_after(head_of(new), block)
                sent = sent_by(lines[:1], new)
                await asyncio.wait(sent, timeout=0.1)
                if not sent[0].done():
                    break
            await backend.wait_until("SyncRep")
            sent += sent_by(lines[1:], new)
            await backend.wait_until("Lock", SENT - 1)
            await cut_off(lines, sent)
            await sessions_fall_to(backend, 2)
            await asyncio.sleep(0.2)
            await backend.wait_until("SyncRep")
        await sessions_fall_to(backend, 1)
        assert (await line.heads([block])).heads == {block: head_of(new)}


async def check_waits_for_replicas_of_a_row_that_is_there(backend: PostgresBackend) -> None:
    """However often it is sent again, one session waits for the replicas, and whoever waits for that one ends."""
    block = new_block()
    async with backend.line() as line:
        new = (await grown(line, block, 1))[0]
        async with in_trouble(backend.database_url, NO_REPLICA):
            lines = [PostgresJournal(backend.database_url) for _ in range(SENT)]
            for again in lines:
                sent = sent_by([again], new)
                await asyncio.wait(sent, timeout=0.2)
                await cut_off([again], sent)
            await sessions_fall_to(backend, 2)
            await backend.wait_until("SyncRep")
        await sessions_fall_to(backend, 1)
        assert (await line.append([new])).durable == {block}


async def test_a_statement_that_waits_for_a_lock_ends_with_its_client(postgres_backend: PostgresBackend) -> None:
    await check_waits_for_locks(postgres_backend)


async def test_a_commit_that_waits_for_its_replicas_does_not(postgres_backend: PostgresBackend) -> None:
    await check_waits_for_replicas(postgres_backend)


async def test_a_row_that_is_sent_again_and_again_leaves_one_session(postgres_backend: PostgresBackend) -> None:
    await check_waits_for_replicas_of_a_row_that_is_there(postgres_backend)


async def test_control_where_all_may_have_the_lock_each_leaves_one(
    postgres_backend: PostgresBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = postgres._SQL["already_there"]
    assert "for no key update" in query
    monkeypatch.setitem(postgres._SQL, "already_there", query.replace("for no key update", "for key share"))
    monkeypatch.setattr(this_module, "PATIENCE_S", 1.0)
    with pytest.raises(AssertionError, match="sessions are left"):
        await check_waits_for_replicas_of_a_row_that_is_there(postgres_backend)


@pytest.mark.parametrize(
    "check", [check_waits_for_locks, check_waits_for_replicas, check_waits_for_replicas_of_a_row_that_is_there]
)
async def test_control_where_postgres_does_not_look_sessions_stay(
    postgres_backend: PostgresBackend,
    monkeypatch: pytest.MonkeyPatch,
    check: Callable[[PostgresBackend], Awaitable[None]],
) -> None:
    monkeypatch.setitem(database_connect._SESSION, "client_connection_check_interval", "0")
    monkeypatch.setattr(this_module, "PATIENCE_S", 1.0)
    with pytest.raises(AssertionError, match="sessions are left"):
        await check(postgres_backend)
