"""What only a real database can do to a line: wait, break, be cut, deadlock, acknowledge what replicas do not have."""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from actors.database import connect as database_connect
from actors.database import line as database_line
from actors.database.connect import Connection, connect, cut
from actors.database.line import Line
from actors.journal import postgres
from actors.journal.journal import Appended, JournalLate, JournalUnavailable, NewRow, Snapshot
from actors.journal.postgres import PostgresJournal
from tests.conftest import EmbeddedPostgres
from tests.journal.backends import PostgresBackend, grown, head_of, new_block, row_after

pytestmark = pytest.mark.anyio

BROKEN = (AssertionError, pytest.fail.Exception)  # what a check raises over a journal that does not keep its promise


@asynccontextmanager
async def appends_held_up(backend: PostgresBackend) -> AsyncIterator[None]:
    """Appends that arrive meanwhile wait in the server."""
    async with backend.raw() as connection, connection.transaction():
        await connection.execute("lock table journal in share mode")
        yield


@asynccontextmanager
async def snapshots_held_up(backend: PostgresBackend) -> AsyncIterator[None]:
    """Whoever reads or writes snapshots meanwhile waits in the server."""
    async with backend.raw() as connection, connection.transaction():
        await connection.execute("lock table snapshots")
        yield


@asynccontextmanager
async def uncommitted(backend: PostgresBackend, new: NewRow) -> AsyncIterator[Any]:
    """The row, inserted by a transaction that is still open."""
    async with backend.raw() as connection:
        transaction = connection.transaction()
        await transaction.start()
        row = new.row
        await connection.execute(
            "insert into journal (block_id, position, epoch, recorded_at_ms, entry_count, entries, chain)"
            " values ($1, $2, $3, $4, $5, $6, $7)",
            *(row.block, row.position, row.epoch, row.recorded_at_ms, row.entry_count, row.entries, row.chain),
        )
        yield transaction


async def test_everything_that_durability_rests_on_is_on(postgres_backend: PostgresBackend) -> None:
    async with postgres_backend.raw() as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await connection.fetchval(f"show {setting}") == "on"
        assert int(await connection.fetchval("show server_version_num")) >= 180_000


async def test_defaults_of_a_database_do_not_weaken_a_line(postgres: EmbeddedPostgres, migrated_database: str) -> None:
    name = await asyncio.to_thread(postgres.create_database, migrated_database)
    async with PostgresBackend(postgres.url(name)).raw() as connection:
        for setting in (
            "synchronous_commit = off",
            "statement_timeout = 1",
            "default_transaction_isolation = serializable",
            "client_connection_check_interval = 0",
            "idle_in_transaction_session_timeout = 0",
        ):
            await connection.execute(f"alter database {name} set {setting}")
    line = PostgresJournal(postgres.url(name))
    try:
        connection = await line._line._connected()
        assert await connection.fetchval("show synchronous_commit") == "on"
        assert await connection.fetchval("show statement_timeout") == "0"
        assert await connection.fetchval("show transaction_isolation") == "read committed"
        assert await connection.fetchval("show client_connection_check_interval") == "2s"
        assert await connection.fetchval("show idle_in_transaction_session_timeout") == "30s"
    finally:
        await line.close()


async def test_a_line_tells_others_how_it_commits(
    postgres_backend: PostgresBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As its session has it, not as it was to be; after each connect anew."""
    line = PostgresJournal(postgres_backend.database_url, application_name="holdfast-teller")
    async with postgres_backend.raw() as other:
        for asked in ("on", "off"):
            monkeypatch.setitem(database_connect._SESSION, "synchronous_commit", asked)
            await line.now_ms()
            told = await other.fetchval(
                "select application_name from pg_stat_activity"
                " where application_name like 'holdfast-teller%' and datname = current_database()"
                " order by backend_start desc limit 1"
            )
            assert told == f"holdfast-teller synchronous_commit={asked}"
            line._line._cut()
    await line.close()


async def check_no_scan(backend: PostgresBackend, query: str) -> None:
    """The statement's plan, made while the journal fits into one page, looks rows up by key."""
    sql = postgres._SQL[query]
    nulls = ", ".join(["null"] * len(set(re.findall(r"\$\d", sql))))
    async with backend.line() as line:
        await grown(line, new_block(), 3)
    connection = await connect(backend.database_url, application_name="tests", settings=postgres._SETTINGS)
    try:
        await connection.execute("analyze journal")
        await connection.execute(f"prepare statement as {sql}")
        plan = "\n".join(row[0] for row in await connection.fetch(f"explain execute statement ({nulls})"))
    finally:
        await connection.close()
    assert "journal_pkey" in plan
    assert "Seq Scan on journal" not in plan


@pytest.mark.parametrize("query", ["append", "already_there", "heads", "rows", "newest_snapshot"])
async def test_no_statement_scans_the_journal(postgres_backend: PostgresBackend, query: str) -> None:
    await check_no_scan(postgres_backend, query)


async def test_control_a_plan_from_a_small_journal_scans_it(
    postgres_backend: PostgresBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_SETTINGS", {})
    with pytest.raises(AssertionError):
        await check_no_scan(postgres_backend, "append")


async def check_caller_gone(backend: PostgresBackend) -> None:
    """Whoever waited went away: the statement goes on, and the line's next one sees what it did."""
    block = new_block()
    async with backend.line() as line:
        await grown(line, new_block(), 1)
        async with appends_held_up(backend):
            appending = asyncio.create_task(line.append([row_after(None, block)]))
            await backend.wait_until("Lock")
            appending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await appending
            await asyncio.sleep(0.1)  # a cancel request would arrive
        assert block in (await line.heads([block])).heads


async def test_a_caller_that_goes_away_cancels_nothing(postgres_backend: PostgresBackend) -> None:
    await check_caller_gone(postgres_backend)


async def test_control_a_plain_await_cancels_the_statement(
    postgres_backend: PostgresBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def plain(line: Line, statement: Any, **_: Any) -> Any:
        return await statement(await line._connected())

    monkeypatch.setattr(Line, "run", plain)
    with pytest.raises(BROKEN):
        await check_caller_gone(postgres_backend)


async def check_statement_cut(backend: PostgresBackend) -> None:
    """A statement that takes too long is unknown after its bound, and yet carried out: it was cut, not cancelled."""
    block = new_block()
    first = row_after(None, block)
    async with backend.line(bound_ms=200) as line, backend.line() as other:
        await grown(line, new_block(), 1)  # the statement is prepared
        async with appends_held_up(backend):
            with pytest.raises(JournalLate):
                await asyncio.wait_for(line.append([first]), 2)
            await backend.wait_until("Lock")
        for _ in range(200):
            if (await other.heads([block])).heads:
                break
            await asyncio.sleep(0.01)
        assert (await other.heads([block])).heads == {block: head_of(first)}
        assert (await line.append([first])).durable == {block}, "the line is usable again"


async def test_a_statement_is_cut_at_its_bound_and_never_cancelled(postgres_backend: PostgresBackend) -> None:
    await check_statement_cut(postgres_backend)


async def test_control_a_cancelled_statement_is_noticed(
    postgres_backend: PostgresBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelling: set[asyncio.Task[None]] = set()

    async def cancel(connection: Connection, pid: int) -> None:
        async with postgres_backend.raw() as other:
            await other.execute("select pg_cancel_backend($1)", pid)
        cut(connection)

    def cancel_and_cut(connection: Connection) -> None:
        if not connection.is_closed():
            cancelling.add(asyncio.create_task(cancel(connection, connection.get_server_pid())))

    monkeypatch.setattr(database_line, "cut", cancel_and_cut)
    with pytest.raises(BROKEN):
        await check_statement_cut(postgres_backend)
    await asyncio.gather(*cancelling)


async def check_slow_snapshots(backend: PostgresBackend, *, snapshot_bound_ms: int) -> None:
    """One that takes longer than other statements may is saved, and read."""
    block = new_block()
    line = PostgresJournal(backend.database_url, bound_ms=200, snapshot_bound_ms=snapshot_bound_ms)
    try:
        (new,) = await grown(line, block, 1)
        snapshot = Snapshot(block, 1, new.row.chain, 1, b"state")
        for statement in (partial(line.save_snapshot, snapshot), partial(line.newest_snapshot, block, 1, 1)):
            async with snapshots_held_up(backend):
                running = asyncio.create_task(statement())
                await backend.wait_until("Lock")
                await asyncio.sleep(0.4)
            found = await running
        assert found == snapshot
    finally:
        await line.close()


async def test_a_snapshot_may_take_longer_than_other_statements(postgres_backend: PostgresBackend) -> None:
    await check_slow_snapshots(postgres_backend, snapshot_bound_ms=10_000)


async def test_control_a_snapshot_is_cut_at_its_own_bound(postgres_backend: PostgresBackend) -> None:
    with pytest.raises(JournalUnavailable):
        await check_slow_snapshots(postgres_backend, snapshot_bound_ms=200)


async def test_rows_sent_again_while_the_first_statement_still_runs_are_there_once(
    postgres_backend: PostgresBackend,
) -> None:
    blocks = [new_block() for _ in range(3)]
    rows = [row_after(None, block) for block in blocks]
    async with postgres_backend.line(bound_ms=200) as line, postgres_backend.line() as other:
        await grown(line, new_block(), 1)
        await grown(other, new_block(), 1)
        async with appends_held_up(postgres_backend):
            with pytest.raises(JournalLate):
                await line.append(rows)
            again = asyncio.create_task(other.append(rows))
            await postgres_backend.wait_until("Lock", 2)
        assert (await again).durable == (await line.append(rows)).durable == frozenset(blocks)
        assert [await line.rows(block, 0, 10) for block in blocks] == [[new.row] for new in rows]


@pytest.mark.parametrize("ends", ["commit", "rollback"])
async def test_rows_sent_again_wait_for_the_first_transaction_and_are_durable(
    postgres_backend: PostgresBackend, ends: str
) -> None:
    new = row_after(None, new_block())
    async with postgres_backend.line() as line:
        async with uncommitted(postgres_backend, new) as transaction:
            appending = asyncio.create_task(line.append([new]))
            await postgres_backend.wait_until("Lock")
            await getattr(transaction, ends)()
        assert (await appending).durable == {new.row.block}
        assert await line.rows(new.row.block, 0, 10) == [new.row]


async def test_a_row_that_another_owner_is_just_committing_fences(postgres_backend: PostgresBackend) -> None:
    block = new_block()
    theirs, ours = row_after(None, block, epoch=2), row_after(None, block, epoch=1)
    async with postgres_backend.line() as line:
        async with uncommitted(postgres_backend, theirs) as transaction:
            appending = asyncio.create_task(line.append([ours]))
            await postgres_backend.wait_until("Lock")
            await transaction.commit()
        assert (await appending).fenced == {block}


async def check_opposite_orders(backend: PostgresBackend) -> None:
    """Two appends of the same blocks in opposite order, both stopped in the middle: neither may hold a row by then."""
    low, middle, high = new_block(), new_block(), new_block()
    rows = [row_after(None, block) for block in (low, middle, high)]
    async with backend.line() as one, backend.line() as other:
        async with uncommitted(backend, row_after(None, middle, entries=b"in the way")) as transaction:
            appending = [asyncio.create_task(one.append(rows)), asyncio.create_task(other.append(rows[::-1]))]
            await backend.wait_until("Lock", 2)
            await transaction.rollback()
        answers = await asyncio.gather(*appending, return_exceptions=True)
    assert [answer.durable for answer in answers if isinstance(answer, Appended)] == 2 * [{low, middle, high}]


async def test_appends_in_opposite_orders_do_not_deadlock(postgres_backend: PostgresBackend) -> None:
    await check_opposite_orders(postgres_backend)


async def test_control_unordered_rows_deadlock(
    postgres_backend: PostgresBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    unordered, count = re.subn(r'order by new\.block_id collate "C"', "", postgres._SQL["append"])
    assert count == 1
    monkeypatch.setitem(postgres._SQL, "append", unordered)
    with pytest.raises(AssertionError):
        await check_opposite_orders(postgres_backend)


async def test_many_owners_over_the_same_blocks_never_deadlock(postgres_backend: PostgresBackend) -> None:
    """Eight owners, each believing in itself, over twelve blocks in any order: all are answered, no row is lost."""
    blocks = [new_block() for _ in range(12)]
    claimed = dict.fromkeys(blocks, 0)

    async def own(epoch: int) -> None:
        order = random.Random(epoch)
        async with postgres_backend.line() as line:
            for _ in range(25):
                wanted = order.sample(blocks, 8)
                heads = (await line.heads(wanted)).heads
                for block in (await line.append([row_after(heads.get(b), b, epoch=epoch) for b in wanted])).durable:
                    claimed[block] += 1

    await asyncio.gather(*(own(epoch) for epoch in range(1, 9)))
    async with postgres_backend.line() as line:
        assert {block: head.position for block, head in (await line.heads(blocks)).heads.items()} == claimed


async def test_a_broken_connection_is_replaced_by_the_next_statement(postgres_backend: PostgresBackend) -> None:
    block = new_block()
    async with postgres_backend.line() as line:
        new = (await grown(line, block, 1))[0]
        async with appends_held_up(postgres_backend):
            appending = asyncio.create_task(line.append([row_after(head_of(new), block)]))
            await postgres_backend.wait_until("Lock")
            async with postgres_backend.raw() as connection:
                await connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where application_name like 'holdfast-journal %' and datname = current_database()"
                )
            with pytest.raises(JournalUnavailable) as raised:
                await appending
            assert raised.type is JournalUnavailable, "it was not late"
        assert (await line.append([row_after(head_of(new), block)])).durable == {block}


async def test_closing_a_line_fails_what_runs_and_what_waits_on_it(postgres_backend: PostgresBackend) -> None:
    async with postgres_backend.line() as line, appends_held_up(postgres_backend):
        await line.now_ms()
        running = asyncio.create_task(line.append([row_after(None, new_block())]))
        waiting = asyncio.create_task(line.now_ms())
        await postgres_backend.wait_until("Lock")
        await line.close()
        for task in (running, waiting):
            with pytest.raises(JournalUnavailable) as raised:
                await asyncio.wait_for(task, 1)
            assert raised.type is JournalUnavailable, "it was not late"


async def test_a_database_that_is_not_there_is_unavailable() -> None:
    line = PostgresJournal("postgresql://postgres@127.0.0.1:1/nothing")
    with pytest.raises(JournalUnavailable) as raised:
        await line.heads([])
    assert raised.type is JournalUnavailable, "nothing was sent that could be late"


async def test_a_server_that_never_answers_is_unavailable_after_the_bound() -> None:
    silence = asyncio.Event()

    async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silence.wait()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    line = PostgresJournal(f"postgresql://postgres@127.0.0.1:{port}/nothing", bound_ms=200)
    with pytest.raises(JournalUnavailable) as raised:
        await asyncio.wait_for(line.heads([]), 2)
    assert raised.type is JournalUnavailable, "nothing was sent that could be late"
    silence.set()
    server.close()
