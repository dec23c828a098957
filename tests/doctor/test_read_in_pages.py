"""`holdfast doctor` reads journals without keeping Postgres from clearing up, while others write to them."""

from collections.abc import Callable
from typing import Any

import pytest

from serve.doctor import journal_checks
from serve.doctor.findings import SQL, Patient, Standing
from tests.doctor.ward import Ward, ward
from tests.projections.selling import World

pytestmark = pytest.mark.anyio
OK, WARNING, WRONG = Standing


class Watching:
    """The doctor's connection; after each answer somebody looks whether it holds a transaction, and writes."""

    def __init__(self, ill: Ward) -> None:
        self._shipped, self._ill, self.pages = ill.patient.connection, ill, 0

    def transaction(self, **options: Any) -> Any:
        return self._shipped.transaction(**options)

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        return await self._shipped.fetchval(query, *arguments)

    async def fetch(self, query: str, *arguments: Any) -> Any:
        found = await self._shipped.fetch(query, *arguments)
        pid = self._shipped.get_server_pid()
        states = await self._ill.world.rows("select state, backend_xmin from pg_stat_activity where pid = $1", pid)
        assert [tuple(row) for row in states] == [("idle", None)], "it keeps Postgres from clearing up"
        self.pages += query == SQL["rows"]
        for event in self._ill.events:
            await event.sell(event.hold(places=1))
        return found


async def check_in_pages(world: World, patch: pytest.MonkeyPatch) -> None:
    """Rows are read in pages, while more are written, with no transaction over them; and damage is found in any."""
    async with ward(world) as ill:
        patch.setattr(journal_checks, "ROWS_PER_PAGE", 4)
        counts = [len(event.rows) for event in ill.events]
        shipped, watching = ill.patient.connection, Watching(ill)
        ill.patient = ill.patient._replace(connection=watching)
        (finding,) = await ill.looked("chains")
        assert finding.standing is OK, finding
        assert watching.pages >= sum(count // 4 for count in counts)
        ill.patient = ill.patient._replace(connection=shipped)
        await ill.execute(
            "update journal set recorded_at_ms = 1 where block_id = $1 and position = 9", ill.events[1].block
        )
        assert ", row 9: chain broken" in (await ill.found("chains", WRONG)).seen


async def test_rows_are_read_without_keeping_postgres_from_clearing_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_in_pages(world, monkeypatch)


async def test_control_a_doctor_that_reads_as_of_one_moment_is_noticed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = journal_checks._read

    async def at_once(patient: Patient, block: str, archived_at: int | None, advance: Callable[[float], None]) -> Any:
        async with patient.connection.transaction(isolation="repeatable_read", readonly=True):
            return await shipped(patient, block, archived_at, advance)

    monkeypatch.setattr(journal_checks, "_read", at_once)
    with pytest.raises(AssertionError, match="keeps Postgres from clearing up"):
        await check_in_pages(world, monkeypatch)
