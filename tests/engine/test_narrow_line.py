"""Large rows over a narrow line to Postgres: each in time by itself, all of a cycle together not."""

import asyncio
from functools import partial

import pytest

from actors.core.commands import EditEvent
from actors.engine.portions import Portions
from actors.journal.postgres import PostgresJournal
from actors.link.batch import Replied
from tests.engine import postgres_shard
from tests.engine.postgres_shard import on_sale, send, shard
from tests.engine.stage import stamp
from tests.journal.relay import relay

pytestmark = pytest.mark.anyio

BOUND_MS, SILENT_MS = 1_000, 600
ROW_BYTES, BYTES_PER_S = 256 * 1024, 640 * 1024
WITHIN_S = 8.0


async def check_cycle(database_url: str, key: str, patch: pytest.MonkeyPatch) -> None:
    """All of it is durable and answered, each row once."""
    patch.setattr(postgres_shard, "PostgresJournal", partial(PostgresJournal, bound_ms=BOUND_MS, silent_ms=SILENT_MS))
    async with relay(database_url) as wire, shard(wire.database_url) as engine:
        blocks = [await on_sale(engine, database_url, f"{key}-{number}") for number in range(4)]
        rows = engine.commit.row_count
        wire.narrow(BYTES_PER_S)
        name = "n" * ROW_BYTES
        async with asyncio.timeout(WITHIN_S):
            answers = await send(engine, *((block, EditEvent(stamp(f"edit-{block}"), 2, name)) for block in blocks))
        assert all(isinstance(answer, Replied) for answer in answers), answers
        assert engine.commit.row_count == rows + len(blocks)


async def test_large_rows_of_one_cycle_arrive_over_a_narrow_line(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_cycle(database_url, "narrow", monkeypatch)


async def test_control_sent_together_again_they_do_not(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Portions, "given_up", lambda *_: None)
    with pytest.raises(TimeoutError):
        await check_cycle(database_url, "together", monkeypatch)
