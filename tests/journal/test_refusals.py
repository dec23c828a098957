"""What Postgres refuses for good is told from what passes by itself, and is said aloud, with its class."""

import asyncio
import gc
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from actors import apart
from actors.database import line as database_line
from actors.database.line import Line, LineRefused, LineUnavailable
from actors.database.queries import load_queries
from actors.journal import postgres
from actors.journal.journal import MAX_ROWS_BYTES, JournalUnavailable
from actors.journal.postgres import PostgresJournal
from tests.journal.backends import PostgresBackend

pytestmark = pytest.mark.anyio

LASTING = {
    "select nothing": "42703",
    "select * from nowhere": "42P01",
    "select no_such_function()": "42883",
    "selekt 1": "42601",
    "select 1 / 0": "22012",
    "insert into journal values (0, 1, 1, 1, 'block', repeat('c', 16)::bytea, '')": "23514",
    "do $$ begin raise exception 'by a trigger'; end $$": "P0001",
    "do $$ begin raise exception using errcode = '42501'; end $$": "42501",
    "do $$ begin raise exception using errcode = '58030'; end $$": "58030",  # the disk does not give a page back
    "do $$ begin raise exception using errcode = '58P01'; end $$": "58P01",  # a file of the table is gone
    "do $$ begin raise exception using errcode = 'XX000'; end $$": "XX000",  # a page is cut short, among others
    "do $$ begin raise exception using errcode = 'XX001'; end $$": "XX001",
}
PASSING = ("08006", "25006", "40001", "40P01", "53100", "53300", "55P03", "57014", "57P01", "57P03")


async def refusal_of(database_url: str, statement: str) -> LineUnavailable:
    """What a line makes of the statement."""
    line = Line(database_url, application_name="tests")
    try:
        with pytest.raises(LineUnavailable) as caught:
            await line.fetch(statement)
        assert await line.fetch("select 1") == [(1,)], "the next statement has a connection"
    finally:
        await line.close()
    return caught.value


async def check_lasting(database_url: str, statement: str, sqlstate: str) -> None:
    with capture_logs() as logs:
        refusal = await refusal_of(database_url, statement)
    assert isinstance(refusal, LineRefused)
    assert refusal.sqlstate == sqlstate
    assert sqlstate in str(refusal)
    told = [(log["log_level"], log["sqlstate"], log["line"]) for log in logs]
    assert told == [("error", sqlstate, "tests")]


@pytest.mark.parametrize(("statement", "sqlstate"), LASTING.items())
async def test_what_will_be_refused_again_is_said_aloud(database_url: str, statement: str, sqlstate: str) -> None:
    await check_lasting(database_url, statement, sqlstate)


async def test_control_taken_for_an_outage_it_is_not(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_line, "_LASTING_CLASSES", frozenset())
    with pytest.raises(AssertionError):
        await check_lasting(database_url, *next(iter(LASTING.items())))


@pytest.mark.parametrize("sqlstate", PASSING)
async def test_what_may_pass_by_itself_is_an_outage_like_any_other(database_url: str, sqlstate: str) -> None:
    with capture_logs() as logs:
        fault = await refusal_of(database_url, f"do $$ begin raise exception using errcode = '{sqlstate}'; end $$")
    assert (type(fault), fault.sqlstate) == (LineUnavailable, sqlstate)
    assert sqlstate in str(fault)
    assert logs == []


async def check_that_nobody_is_let_in(database_url: str, part: str, sqlstate: str) -> None:
    """It is said aloud, and it says nothing of a statement: that was never sent."""
    url = urlsplit(database_url)
    assert url.password
    spoilt = database_url.replace(url.password, "wrong") if part == "password" else f"{database_url}_that_is_not_there"
    line = PostgresJournal(spoilt)
    try:
        with capture_logs() as logs, pytest.raises(JournalUnavailable) as caught:
            await line.now_ms()
    finally:
        await line.close()
    assert (type(caught.value), caught.value.sqlstate) == (JournalUnavailable, sqlstate)
    assert [(log["log_level"], log["sqlstate"]) for log in logs] == [("error", sqlstate)]


@pytest.mark.parametrize(("part", "sqlstate"), [("password", "28P01"), ("database", "3D000")])
async def test_a_line_that_is_not_let_in_is_no_refusal_of_a_statement(
    database_url: str, part: str, sqlstate: str
) -> None:
    await check_that_nobody_is_let_in(database_url, part, sqlstate)


async def test_control_taken_for_a_refusal_of_the_statement(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unavailable = Line._unavailable
    monkeypatch.setattr(Line, "_unavailable", lambda line, fault, what, _: unavailable(line, fault, what, LineRefused))
    with pytest.raises(AssertionError):
        await check_that_nobody_is_let_in(database_url, "password", "28P01")


async def check_session(database_url: str) -> None:
    """What is refused costs no connection: many blocks may be refused one after the other."""
    line = Line(database_url, application_name="tests")
    try:
        sessions = []
        for statement in ("select nothing", "select 1 / 0", "do $$ begin raise data_corrupted; end $$"):
            sessions.append(await line.fetch("select pg_backend_pid()"))
            with pytest.raises(LineRefused):
                await line.fetch(statement)
        sessions.append(await line.fetch("select pg_backend_pid()"))
    finally:
        await line.close()
    assert len({session[0]["pg_backend_pid"] for session in sessions}) == 1


async def test_what_is_refused_leaves_the_session_as_it_was(database_url: str) -> None:
    await check_session(database_url)


async def test_control_a_session_for_each_refusal_shows(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unavailable = Line._unavailable

    def cutting(line: Line, fault: Exception, what: str, refused: type[LineUnavailable]) -> LineUnavailable:
        line._cut()
        return unavailable(line, fault, what, refused)

    monkeypatch.setattr(Line, "_unavailable", cutting)
    with pytest.raises(AssertionError):
        await check_session(database_url)


async def check_that_nobody_complains(database_url: str) -> None:
    """Whoever asked is gone when the statement fails."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    line = Line(database_url, application_name="tests")
    try:
        asking = asyncio.create_task(line.fetch("do $$ begin perform pg_sleep(0.2); raise data_corrupted; end $$"))
        await asyncio.sleep(0.05)
        asking.cancel()
        del asking
        assert await line.fetch("select 1") == [(1,)]
        gc.collect()
    finally:
        asyncio.get_running_loop().set_exception_handler(None)
        await line.close()
    assert complaints == []


async def test_a_statement_that_fails_when_its_asker_has_left_fails_quietly(database_url: str) -> None:
    await check_that_nobody_complains(database_url)


async def test_control_a_failure_that_nobody_looks_at_is_complained_of(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "look_at", lambda _: None)
    with pytest.raises(AssertionError):
        await check_that_nobody_complains(database_url)


async def repeated(database_url: str) -> list[str]:
    """What is said of two statements that are refused three times each."""
    line = Line(database_url, application_name="tests")
    try:
        with capture_logs() as logs:
            for statement in 3 * ["select nothing"] + 3 * ["select 1 / 0"]:
                with pytest.raises(LineRefused):
                    await line.fetch(statement)
    finally:
        await line.close()
    return [log["sqlstate"] for log in logs]


async def test_it_is_said_at_a_bounded_pace(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await repeated(database_url) == ["42703", "22012"]
    monkeypatch.setattr(database_line, "REFUSALS_TOLD_EVERY_S", 0.0)
    assert await repeated(database_url) == ["42703"] * 3 + ["22012"] * 3, "and again when its time has come"


async def looked_at(backend: PostgresBackend, limit: int) -> str:
    """What Postgres does when it is asked for rows of no block, in its own words."""
    query = load_queries(Path(postgres.__file__).parent / "sql" / "journal.sql")["rows"]
    async with backend.raw() as connection:
        await connection.execute("set enable_seqscan = off")
        plan = await connection.fetch(f"explain (analyze, timing off) {query}", "", 0, limit, MAX_ROWS_BYTES)
    return "\n".join(row[0] for row in plan)


async def test_to_ask_for_no_rows_reads_no_page_that_could_be_bad(postgres_backend: PostgresBackend) -> None:
    scans = [line for line in (await looked_at(postgres_backend, 0)).splitlines() if "Scan using journal" in line]
    assert scans
    assert all("never executed" in line for line in scans)


async def test_control_to_ask_for_one_looks_for_it(postgres_backend: PostgresBackend) -> None:
    assert "never executed" not in await looked_at(postgres_backend, 1)
