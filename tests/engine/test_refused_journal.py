"""A journal that Postgres refuses to write or read, until somebody sees to it: nothing is guessed, and it is heard."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from os import urandom
from typing import Any, NamedTuple

import pytest
from structlog.testing import capture_logs

from actors.core.entries import HoldPlaced
from actors.database import line as database_line
from actors.database.connect import Connection, connect
from actors.engine import residence
from actors.journal.codec import decode_entries
from actors.link.batch import Failed, Fault, Replied
from tests.database_faults import lose_large_values
from tests.engine.postgres_shard import ask, ask_once, on_sale, send, shard
from tests.engine.stage import FENCED, NOT_READY, hold, read_event

pytestmark = pytest.mark.anyio


class Trouble(NamedTuple):
    """Something that only an operator mends, and what Postgres calls it."""

    begin: str
    end: str
    sqlstate: str


RENAMED = Trouble("alter table journal rename to journal_gone", "alter table journal_gone rename to journal", "42P01")
NO_COLUMN = Trouble(
    "alter table journal rename column epoch to era", "alter table journal rename column era to epoch", "42703"
)
TRIGGER = Trouble(
    "create function say_no() returns trigger language plpgsql as $$ begin raise insufficient_privilege; end $$;"
    "create trigger say_no before insert on journal execute function say_no()",
    "drop trigger say_no on journal; drop function say_no",
    "42501",
)


@asynccontextmanager
async def operator(database_url: str) -> AsyncIterator[Connection]:
    """A connection of somebody who can do all this."""
    connection = await connect(database_url, application_name="tests")
    try:
        yield connection
    finally:
        await connection.close()


async def until(condition: Callable[[], bool]) -> None:
    """Return when it holds."""
    for _ in range(300):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to that")


def of(logs: Any, event: str) -> list[Any]:
    """What was said of this."""
    return [log for log in logs if log["event"] == event]


async def check_commit(database_url: str, trouble: Trouble) -> None:
    async with operator(database_url) as connection, shard(database_url) as engine:
        block = await on_sale(engine, database_url, trouble.begin)
        await connection.execute(trouble.begin)
        with capture_logs() as logs:
            try:
                sent = asyncio.create_task(ask_once(engine, block, hold(1, "1/1")))
                await until(lambda: len(of(logs, "postgres refuses a statement")) >= 3)
                told = of(logs, "postgres refuses a statement") + of(logs, "the journal does not answer")
                assert {(log["log_level"], log["sqlstate"]) for log in told} == {("error", trouble.sqlstate)}
                assert len(of(logs, "the journal does not answer")) == 1
                assert not sent.done(), "nobody knows yet"
                refused = await ask_once(engine, block, hold(2, "1/2"))
                assert isinstance(refused, Failed)
                assert refused.fault is Fault.UNAVAILABLE
            finally:
                await connection.execute(trouble.end)
            assert isinstance(await asyncio.wait_for(sent, 5), Replied), "it goes on by itself"
            assert of(logs, "the journal answers again")
        rows = await connection.fetch("select entries from journal where block_id = $1 order by position", block)
        placed = [entry for row in rows for entry in decode_entries(row["entries"]) if isinstance(entry, HoldPlaced)]
        assert [entry.hold for entry in placed] == [1]


@pytest.mark.parametrize("trouble", [RENAMED, NO_COLUMN, TRIGGER])
async def test_a_commit_that_is_refused_stalls_aloud_and_goes_on_by_itself_when_that_is_mended(
    database_url: str, trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_line, "REFUSALS_TOLD_EVERY_S", 0.1)
    await check_commit(database_url, trouble)


async def test_control_a_refusal_that_is_taken_for_an_outage_is_not_heard(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_line, "REFUSALS_TOLD_EVERY_S", 0.1)
    monkeypatch.setattr(database_line, "_LASTING_CLASSES", frozenset())
    with pytest.raises(AssertionError):
        await check_commit(database_url, RENAMED)


async def check_one_block(database_url: str) -> None:
    """Postgres takes no rows of one block: the others go on as if nothing were."""
    async with operator(database_url) as connection, shard(database_url) as engine:
        begun = asyncio.get_running_loop().time()
        spoilt, sound = [await on_sale(engine, database_url, f"{key}-{begun}") for key in ("spoilt", "sound")]
        await connection.execute(
            "create function say_no() returns trigger language plpgsql as $$ begin raise data_corrupted; end $$;"
            "create trigger say_no before insert on journal"
            f" for each row when (new.block_id = '{spoilt}') execute function say_no()"
        )
        try:
            both = send(engine, (spoilt, hold(1, "1/1")), (sound, hold(1, "1/1")))
            first, other = await asyncio.wait_for(both, 1)
            assert first == FENCED
            assert isinstance(other, Replied)
            assert isinstance(await asyncio.wait_for(ask_once(engine, sound, hold(2, "1/2")), 1), Replied)
        finally:
            await connection.execute("drop trigger say_no on journal; drop function say_no")
        await asyncio.sleep(2 * residence.SOUNDNESS_KNOWN_S)
        assert isinstance(await ask(engine, spoilt, hold(1, "1/1")), Replied), "it comes in by itself"


async def test_a_block_whose_rows_are_refused_stops_nobody_else(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(residence, "SOUNDNESS_KNOWN_S", 0.2)
    await check_one_block(database_url)


async def test_control_taken_for_an_outage_it_stops_all(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(residence, "SOUNDNESS_KNOWN_S", 0.2)
    monkeypatch.setattr(database_line, "_LASTING_CLASSES", frozenset())
    with pytest.raises(TimeoutError):
        await check_one_block(database_url)


async def check_loading(database_url: str) -> None:
    """A successor cannot read what it is asked for."""
    async with operator(database_url) as connection:
        async with shard(database_url) as engine:
            block = await on_sale(engine, database_url, f"loading-{asyncio.get_running_loop().time()}")
        async with shard(database_url, 2) as successor:
            await connection.execute(RENAMED.begin)
            with capture_logs() as logs:
                try:
                    assert await ask_once(successor, block, read_event()) == NOT_READY
                    await until(lambda: successor.trouble() == "the journal lets no block in")
                    assert await ask_once(successor, block, read_event()) == NOT_READY
                    assert successor.counters().quarantined_count == 0, "it is not the block's fault"
                    assert {log["sqlstate"] for log in of(logs, "postgres refuses a statement")} == {"42P01"}
                finally:
                    await connection.execute(RENAMED.end)
                await until(lambda: successor.trouble() == "")
                assert isinstance(await ask(successor, block, read_event()), Replied), "it comes in by itself"
                assert successor.counters().quarantined_count == 0


async def test_a_journal_that_cannot_be_read_is_named_and_waited_for(database_url: str) -> None:
    await check_loading(database_url)


async def test_control_taken_for_an_outage_nobody_is_told(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_line, "_LASTING_CLASSES", frozenset())
    with pytest.raises(AssertionError):
        await check_loading(database_url)


async def check_unreadable_block(database_url: str) -> None:
    """Postgres cannot read a row of one block, as after damage to its file: a successor loads all the others."""
    async with operator(database_url) as connection:
        async with shard(database_url) as engine:
            begun = asyncio.get_running_loop().time()
            spoilt, sound = [await on_sale(engine, database_url, f"{key}-{begun}") for key in ("spoilt", "sound")]
        large = "update journal set entries = entries || $2 where block_id = $1 and position = 2"
        await connection.execute(large, spoilt, urandom(10_000))
        await lose_large_values(connection, "journal")
        async with shard(database_url, 2) as successor:
            with capture_logs() as logs:
                refused = await ask(successor, spoilt, read_event())
            assert isinstance(refused, Failed)
            assert refused.fault is Fault.QUARANTINED
            assert [log["sqlstate"] for log in of(logs, "postgres refuses a statement")] == ["XX001"]
            assert isinstance(await ask(successor, sound, hold(1, "1/1")), Replied)
            assert successor.trouble() == ""
            assert successor.counters().quarantined_count == 1


async def test_a_block_whose_rows_cannot_be_read_stops_nobody_else(database_url: str) -> None:
    await check_unreadable_block(database_url)


async def test_control_taken_for_an_outage_it_is_asked_for_without_an_end(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_line, "_LASTING_CLASSES", frozenset())
    with pytest.raises(AssertionError, match="never came in"):
        await check_unreadable_block(database_url)
