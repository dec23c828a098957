"""What Postgres warns of: one warning makes a commit unknown, all others are logged and stop nobody."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from actors.database import line as database_line
from actors.database.connect import Connection
from actors.database.line import Line, LineUnavailable
from actors.journal import postgres
from actors.journal.journal import JournalLate, JournalUnavailable
from tests.database_faults import NO_REPLICA, in_trouble
from tests.journal.backends import PostgresBackend, grown, head_of, new_block, row_after
from tests.journal.relay import relay

pytestmark = pytest.mark.anyio

BROKEN = (AssertionError, pytest.fail.Exception)  # what a check raises over a journal that does not keep its promise


@asynccontextmanager
async def warned_at_every_append(backend: PostgresBackend) -> AsyncIterator[None]:
    """As near transaction wraparound, where Postgres warns whoever takes a transaction id, and commits."""
    async with backend.raw() as connection:
        await connection.execute(
            "create function warn() returns trigger language plpgsql as"
            " $$ begin raise warning 'vacuum, and soon'; return null; end $$;"
            "create trigger warn after insert on journal for each statement execute function warn()"
        )
        try:
            yield
        finally:
            await connection.execute("drop trigger warn on journal; drop function warn")


async def check_harmless_warnings(backend: PostgresBackend) -> None:
    """What is appended is durable at once, and the warning is heard, once."""
    async with warned_at_every_append(backend), backend.line() as line:
        with capture_logs() as logs:
            rows = await grown(line, new_block(), 3)
        assert len(await line.rows(rows[0].row.block, 0, 10)) == 3
    told = [(log["log_level"], log["line"], log["sqlstate"]) for log in logs]
    assert told == [("warning", "holdfast-journal", "01000")]
    assert "vacuum, and soon" in logs[0]["why"]


async def test_a_commit_that_comes_with_a_harmless_warning_is_durable(postgres_backend: PostgresBackend) -> None:
    await check_harmless_warnings(postgres_backend)


async def test_control_where_any_warning_means_unknown_nothing_is_ever_durable(
    postgres_backend: PostgresBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def doubt(self: Line, _connection: Connection, notice: Any) -> None:
        self._doubt = str(notice)

    monkeypatch.setattr(Line, "_noticed", doubt)
    with pytest.raises(JournalUnavailable):
        await check_harmless_warnings(postgres_backend)


async def test_control_a_harmless_warning_that_nobody_hears_is_missed(
    postgres_backend: PostgresBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Line, "_noticed", lambda line, connection, notice: None)
    with pytest.raises(AssertionError):
        await check_harmless_warnings(postgres_backend)


async def warnings_told(database_url: str) -> list[str]:
    """What is said of a warning that comes three times."""
    line = Line(database_url, application_name="tests")
    try:
        with capture_logs() as logs:
            for _ in range(3):
                await line.fetch("do $$ begin raise warning 'again'; end $$")
    finally:
        await line.close()
    return [log["log_level"] for log in logs]


async def test_warnings_are_told_at_a_bounded_pace(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await warnings_told(database_url) == ["warning"]
    monkeypatch.setattr(database_line, "WARNINGS_TOLD_EVERY_S", 0.0)
    assert await warnings_told(database_url) == ["warning"] * 3, "and again when its time has come"


FUNCTION = (b"R", b"exec_stmt_raise")
SEVERITY = (b"V", b"WARNING")


async def check_a_warning_of_unknown_origin(database_url: str, *hidden: tuple[bytes, bytes]) -> None:
    """What lies on the way to Postgres has taken out which function warns: it may be the wait for the replicas."""
    async with relay(database_url) as wire:
        line = Line(wire.database_url, application_name="tests")
        for kind, value in hidden:
            wire.hide(kind, value)
        try:
            with pytest.raises(LineUnavailable):
                await line.fetch("do $$ begin raise warning 'whose?'; end $$")
            assert await line.fetch("select 1") == [(1,)], "the next statement has a connection"
        finally:
            await line.close()


@pytest.mark.parametrize("hidden", [(FUNCTION,), (FUNCTION, SEVERITY)])
async def test_a_commit_with_a_warning_of_unknown_origin_is_unknown(
    database_url: str, hidden: tuple[tuple[bytes, bytes], ...]
) -> None:
    await check_a_warning_of_unknown_origin(database_url, *hidden)


async def test_control_taken_for_harmless_it_is_done(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    noticed = Line._noticed

    def trust(self: Line, connection: Connection, notice: Any) -> None:
        vars(notice)["server_source_function"] = "exec_stmt_raise"
        noticed(self, connection, notice)

    monkeypatch.setattr(Line, "_noticed", trust)
    with pytest.raises(pytest.fail.Exception):
        await check_a_warning_of_unknown_origin(database_url, FUNCTION)


async def test_control_what_is_not_called_a_warning_taken_for_none(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    noticed = Line._noticed

    def trust(self: Line, connection: Connection, notice: Any) -> None:
        if notice.severity_en is not None:
            noticed(self, connection, notice)

    monkeypatch.setattr(Line, "_noticed", trust)
    with pytest.raises(pytest.fail.Exception):
        await check_a_warning_of_unknown_origin(database_url, FUNCTION, SEVERITY)


async def check_wait_for_replicas_cut_short(backend: PostgresBackend) -> None:
    """A commit whose wait for the replicas was cancelled is unknown, and sent again it waits for them again."""
    block = new_block()
    async with backend.line() as line:
        new = (await grown(line, block, 1))[0]
        async with in_trouble(backend.database_url, NO_REPLICA):
            while True:  # the server takes a moment to read its settings again
                new = row_after(head_of(new), block)
                appending = asyncio.create_task(line.append([new]))
                await asyncio.wait([appending], timeout=0.1)
                if not appending.done():
                    break
            await backend.wait_until("SyncRep")
            async with backend.raw() as connection:
                await connection.execute(
                    "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'"
                )
            with pytest.raises(JournalUnavailable):
                await appending
            again = asyncio.create_task(line.append([new]))
            await asyncio.wait([again], timeout=0.3)
            acknowledged_without_replicas = again.done()
        assert not acknowledged_without_replicas
        assert (await again).durable == {block}


async def test_a_commit_that_replicas_may_not_have_is_unknown(postgres_backend: PostgresBackend) -> None:
    await check_wait_for_replicas_cut_short(postgres_backend)


async def test_control_taken_for_any_other_warning_it_acknowledges(
    postgres_backend: PostgresBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_line, "_WAIT_FOR_REPLICAS", "another function")
    with pytest.raises(BROKEN):
        await check_wait_for_replicas_cut_short(postgres_backend)


async def test_control_a_mere_look_acknowledges_what_replicas_do_not_have(
    postgres_backend: PostgresBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, count = re.subn(r"for no key update of journal", "", postgres._SQL["already_there"])
    assert count == 1
    monkeypatch.setitem(postgres._SQL, "already_there", looking)
    with pytest.raises(BROKEN):
        await check_wait_for_replicas_cut_short(postgres_backend)


async def check_read_whose_wait_is_cut_short(backend: PostgresBackend) -> None:
    """Whether replicas have a row is unknown where the wait for them was cancelled; asked again it waits again."""
    async with backend.line() as line:
        (new,) = await grown(line, new_block(), 1)
        block, position, chain = new.row.block, new.row.position, new.row.chain
        async with in_trouble(backend.database_url, NO_REPLICA):
            asking = asyncio.create_task(line.until_replicated(block, position, chain))
            await backend.wait_until("SyncRep")
            async with backend.raw() as connection:
                await connection.execute(
                    "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'"
                )
            with pytest.raises(JournalUnavailable):
                await asking
            again = asyncio.create_task(line.until_replicated(block, position, chain))
            await asyncio.wait([again], timeout=0.3)
            told_without_replicas = again.done()
        assert not told_without_replicas
        assert await again


async def test_a_row_that_replicas_may_not_have_is_not_said_to_be_there(postgres_backend: PostgresBackend) -> None:
    await check_read_whose_wait_is_cut_short(postgres_backend)


async def test_control_that_wait_cut_short_taken_for_any_other_warning(
    postgres_backend: PostgresBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_line, "_WAIT_FOR_REPLICAS", "another function")
    with pytest.raises(BROKEN):
        await check_read_whose_wait_is_cut_short(postgres_backend)


async def check_lines_that_wait_for_a_row(backend: PostgresBackend) -> None:
    """However many ask of it while replicas are missing, one session waits for them; who waits for it gives up."""
    async with backend.line() as line, backend.line(bound_ms=300) as other:
        (new,) = await grown(line, new_block(), 1)
        of = new.row.block, new.row.position, new.row.chain
        async with in_trouble(backend.database_url, NO_REPLICA):
            asking = asyncio.create_task(line.until_replicated(*of))
            await backend.wait_until("SyncRep")
            with pytest.raises(JournalLate):
                await other.until_replicated(*of)
            async with backend.raw() as connection:
                waiting = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'"
                assert await connection.fetchval(waiting) == 1
        assert await asking
        assert await other.until_replicated(*of)


async def test_one_session_waits_for_replicas_to_have_a_row(postgres_backend: PostgresBackend) -> None:
    await check_lines_that_wait_for_a_row(postgres_backend)


async def test_control_locks_that_many_may_have_wait_beside_each_other(
    postgres_backend: PostgresBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = postgres._SQL["already_there"]
    assert "for no key update" in alone
    monkeypatch.setitem(postgres._SQL, "already_there", alone.replace("for no key update", "for key share"))
    with pytest.raises(BROKEN):
        await check_lines_that_wait_for_a_row(postgres_backend)
