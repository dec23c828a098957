"""What `/readyz` remarks: alarms that are open, an auditor that is silent, a backup whose log nobody receives."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest

from actors.audit.findings import Fault
from actors.auditor.alarms import NOT_AUDITED, NOT_CROSSED, NOT_STOPPED, Alarm, Alarms
from actors.auditor.auditor import LATE_S
from actors.auditor.journals import Journals
from serve import status
from serve.auditor_signs import AuditorSigns
from serve.local.redis import Redis
from tests.doctor.remarked import remarked
from tests.doctor.test_audit_told import forgotten
from tests.doctor.ward import Ward, ward
from tests.projections.selling import World

pytestmark = pytest.mark.anyio
PATIENCE_S, CONTROLS_S = 20.0, 3.0
WELL_WITHIN_S = 20.0
LEFT = "holdfast_backup_left"
UNRECEIVED = f"nobody receives the log of the backup with the slot {LEFT}: see holdfast doctor"
Check: TypeAlias = Callable[[World, Redis], Awaitable[None]]


def of_auditor(fault: str) -> tuple[str, ...]:
    """All that is remarked."""
    return (f"the auditor: {fault}, see holdfast doctor",)


async def until_remarked(ill: Ward, wanted: tuple[str, ...], patience_s: float | None = None) -> None:
    """Postgres knows sessions for a moment after their end, and Redis figures after their last."""
    async with asyncio.timeout(patience_s or PATIENCE_S):
        while await remarked(ill) != wanted:  # noqa: ASYNC110  (nobody tells)
            await asyncio.sleep(0.05)


async def check_alarms(world: World, redis: Redis) -> None:
    """How many are open, the grave ones by their kind, until they are acknowledged."""
    async with ward(world, redis_url=redis.url) as ill:
        await until_remarked(ill, (), WELL_WITHIN_S)
        alarms, event = Alarms(world.database_url), ill.events[0].block
        try:
            assert await alarms.note(Alarm("", 0, NOT_CROSSED, "for long", recurs=True))
            assert await remarked(ill) == ("1 alarms are open: see holdfast alarms list",)
            for position, what in enumerate((NOT_AUDITED, NOT_STOPPED, Fault.TAIL_MISSING.name), 1):
                assert await alarms.note(Alarm(event, position, what, "look"))
            grave = "1 NOT_AUDITED, 1 NOT_STOPPED, 1 TAIL_MISSING"
            assert await remarked(ill) == (f"4 alarms are open, among them {grave}: see holdfast alarms list",)
            await alarms.acknowledge([], 1_000, "mara", "seen")
            assert await remarked(ill) == ()
        finally:
            await alarms.close()


async def check_auditor(world: World, redis: Redis) -> None:
    """One that tells its figures is well; else its session counts, and where Redis is away that alone."""
    async with ward(world, redis_url=redis.url) as ill:
        await until_remarked(ill, (), WELL_WITHIN_S)
        ill.figures = None
        await asyncio.sleep(0.5)  # what is on its way
        await forgotten(redis.url)
        await until_remarked(ill, of_auditor("none runs"))
        journals = Journals(world.database_url)
        await journals.all_heads()
        await until_remarked(ill, of_auditor("it is connected, and has told nothing for a while"))
        await asyncio.to_thread(redis.stop)
        try:
            await until_remarked(ill, ())
            await journals.close()
            await until_remarked(ill, of_auditor("none runs"))
        finally:
            await journals.close()
            await asyncio.to_thread(redis.start)


async def check_backup(world: World, redis: Redis) -> None:
    """Named while nobody receives what Postgres keeps for it."""
    async with ward(world, redis_url=redis.url) as ill:
        await until_remarked(ill, (), WELL_WITHIN_S)
        await ill.execute("select pg_create_physical_replication_slot($1, true)", LEFT)
        try:
            assert await remarked(ill) == (UNRECEIVED,)
        finally:
            await ill.execute("select pg_drop_replication_slot($1)", LEFT)
        assert await remarked(ill) == ()


async def test_alarms_are_remarked_until_they_are_acknowledged(world: World, redis: Redis) -> None:
    await check_alarms(world, redis)


async def test_an_auditor_that_is_silent_or_not_there_is_remarked(world: World, redis: Redis) -> None:
    await check_auditor(world, redis)


async def test_a_backup_whose_log_nobody_receives_is_remarked(world: World, redis: Redis) -> None:
    await check_backup(world, redis)


def _counts_what_is_acknowledged(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        status, "OPEN_COUNTS", "select what, count(*) as alarm_count from audit_alarms group by what order by 1"
    )


def _takes_lightly(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(status, "GRAVE", frozenset[str]())


def _asks_nobody_for_the_auditor(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(AuditorSigns, "fault", lambda self: "")


def _believes_what_is_old(patch: pytest.MonkeyPatch) -> None:
    """As long as it has a session it is taken for well."""
    patch.setattr(AuditorSigns, "fault", lambda self: self.sessions.fault(LATE_S))


def _asks_nobody_for_slots(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(status, "SLOT", "nothing")


CONTROLS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], Check]] = {
    "counts what is acknowledged": (_counts_what_is_acknowledged, check_alarms),
    "takes lightly": (_takes_lightly, check_alarms),
    "asks nobody for the auditor": (_asks_nobody_for_the_auditor, check_auditor),
    "believes what is old": (_believes_what_is_old, check_auditor),
    "asks nobody for slots": (_asks_nobody_for_slots, check_backup),
}


@pytest.mark.parametrize("name", CONTROLS)
async def test_control_a_gateway_that_remarks_nothing_is_noticed(
    world: World, redis: Redis, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    sabotage, check = CONTROLS[name]
    monkeypatch.setitem(check_auditor.__globals__, "PATIENCE_S", CONTROLS_S)
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, TimeoutError)):
        await check(world, redis)
