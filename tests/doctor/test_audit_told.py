"""`holdfast doctor` tells whether the continuous audit runs and keeps up, and what it found that stops no block."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from redis.asyncio import from_url

from actors.audit.findings import Fault
from actors.auditor.alarms import KEPT, MUCH_SHOWN, NOT_AUDITED, NOT_CROSSED, NOT_READ_ON, NOT_STOPPED, Alarm, Alarms
from actors.auditor.board import Board
from actors.auditor.figures import AuditorFigures, BlockLag
from actors.auditor.journals import Journals
from actors.core.ids import BlockId, event_id
from serve import auditor_signs
from serve.doctor import auditor_checks
from serve.doctor.findings import Finding, Standing
from serve.local.redis import Redis
from tests.doctor.ward import Ward, ward
from tests.projections.selling import World

pytestmark = pytest.mark.anyio
OK, WARNING, WRONG = Standing
BLOCK = BlockId("0" * 16)
LAG = BlockLag(BLOCK, 1_200, 90.0)
WELL = AuditorFigures(block_count=3, crossed_count=4, crossed_ago_s=3.0)
LEGS: dict[str, Any] = {"crossing_block_count": 2, "crossing_leg_count": 1_500_000, "crossing_bytes": 5 << 20}
AT_EASE = [
    msgspec.structs.replace(WELL, **LEGS),
    msgspec.structs.replace(WELL, crossed_ago_s=4_000.0),  # and there is nothing any more to hold against anything
]

UNAUDITED = "a block is in trouble"
NO_ROOM = "it has no room"
UNWELL: dict[str, tuple[dict[str, Any], str]] = {
    "it is behind": (
        {"lag_rows": 1_200, "lag_seconds": 90.0, "lagging": (LAG,)},
        f"it is 1,200 rows and 90 s behind: {event_id(BLOCK)} (1200 rows, 90 s)",
    ),
    NO_ROOM: (
        {"lag_rows": 1_200, "lag_seconds": 90.0, "lagging": (LAG,), "again_count": 2, "max_kept_bytes": 512 << 20},
        f"it is 1,200 rows and 90 s behind: {event_id(BLOCK)} (1200 rows, 90 s); "
        "2 blocks are read again, as what is kept of all has no room in 512 MiB",
    ),
    "it waits": (
        {"lag_seconds": 42.0, "looked_ago_s": 42.0, "waits_because": "Postgres cannot be asked: x"},
        "for 42 s: Postgres cannot be asked: x",
    ),
    UNAUDITED: (
        {"unaudited_count": 1, "lag_rows": 9, "lagging": (BlockLag(BLOCK, 9, 5.0, "the audit fails at row 3"),)},
        f"1 blocks cannot be audited: {event_id(BLOCK)} (the audit fails at row 3)",
    ),
    "it has not crossed": (
        {"uncrossed_seconds": 400.0, "lagging": (LAG,)},
        f"baskets have not been held against their legs for 400 s: {event_id(BLOCK)} (1200 rows, 90 s)",
    ),
    "it crosses seldom": (
        {**LEGS, "crossed_ago_s": 400.0},
        "baskets were held against their legs 400 s ago: 2 blocks have 1,500,000 legs",
    ),
    "it keeps much for crossing": (
        {**LEGS, "crossing_bytes": 3 << 30},
        "what blocks show each other takes 3,072 MiB: 2 blocks have 1,500,000 legs",
    ),
    "alarms are not kept": (
        {"unkept_count": 2},
        "2 alarms are in its log alone: no room, or Postgres refuses them",
    ),
}


async def forgotten(redis_url: str) -> None:
    """Nothing hangs there any more, however long that takes."""
    unbounded = from_url(redis_url)
    await unbounded.flushall()
    await unbounded.aclose()


async def looked_when_told(ill: Ward, figures: AuditorFigures | None) -> Finding:
    """The one thing that is found once these hang there; for None nothing does."""
    ill.figures = figures
    assert ill.patient.redis_url is not None
    board = Board(ill.patient.redis_url)
    if figures is None:
        await asyncio.sleep(0.5)  # what is on its way
        await forgotten(ill.patient.redis_url)
    else:
        assert await board.show(figures)
    await board.close()
    (finding,) = await ill.looked("auditor")
    return finding


async def check_unwell(world: World, redis: Redis) -> None:
    """Each thing that is wrong with it is told, and nothing if nothing is."""
    async with ward(world, redis_url=redis.url) as ill:
        for figures_at_ease in (WELL, *AT_EASE):
            assert (await looked_when_told(ill, figures_at_ease)).standing is OK
        for name, (figures, seen) in UNWELL.items():
            finding = await looked_when_told(ill, msgspec.structs.replace(WELL, **figures))
            standing = WRONG if name == UNAUDITED else WARNING
            assert (finding.check, finding.standing, finding.seen) == ("auditor", standing, seen)
            assert finding.advice
            assert ("have turns" in finding.advice) is (name == NO_ROOM)
        finding = await looked_when_told(ill, None)
        assert (finding.standing, finding.seen) == (WARNING, "none runs")


async def test_an_auditor_that_is_not_well_or_not_there_is_found(world: World, redis: Redis) -> None:
    await check_unwell(world, redis)


async def test_figures_that_are_old_are_none(world: World, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ward(world, redis_url=redis.url) as ill:
        monkeypatch.setattr(auditor_signs, "STALE_S", -1.0)
        assert (await looked_when_told(ill, WELL)).seen == "none runs"


async def test_without_redis_its_session_in_postgres_tells_that_it_runs(world: World, redis: Redis) -> None:
    async with ward(world, redis_url=redis.url) as ill:
        journals = Journals(world.database_url)
        await journals.all_heads()
        assert (await looked_when_told(ill, None)).seen == "it is connected, and has told nothing for a while"
        await asyncio.to_thread(redis.stop)
        (finding,) = await ill.looked("auditor")
        assert finding.standing is OK
        assert finding.seen.startswith("it is connected; how far it is is not known: Redis does not say")
        await journals.close()
        async with asyncio.timeout(10):
            while (await ill.looked("auditor"))[0].seen != "none runs":  # noqa: ASYNC110  (Postgres tells nobody)
                await asyncio.sleep(0.05)


async def test_where_nothing_is_served_no_auditor_is_missed(world: World) -> None:
    async with ward(world) as well:
        assert (await well.found("auditor", WARNING)).seen == "none runs"
        await well.execute("update blocks set shard = 'shard-9'; alter table shards rename to away")
        await well.execute("create table shards (like away)")
        (finding,) = await well.looked("auditor")
        assert finding == Finding("auditor", OK, "none runs, and no shard beats whose blocks it would audit")


async def check_alarms_told(world: World) -> None:
    """Each until it is acknowledged; a row that is gone is wrong and comes first."""
    async with ward(world) as ill:
        alarms = Alarms(world.database_url)
        assert [one.standing for one in await ill.looked("alarms")] == [OK]
        event = ill.events[0].block
        assert await alarms.note(Alarm("", 0, NOT_CROSSED, "for long", recurs=True))
        assert await alarms.note(Alarm(event, 3, Fault.NEVER_EXPIRED.name, "a hold is late"))
        assert await alarms.note(Alarm(event, 7, Fault.TAIL_MISSING.name, "row 7 is gone", b"a" * 16, b"b" * 16))
        gone, uncrossed, late = await ill.looked("alarms")
        assert [one.standing for one in (gone, uncrossed, late)] == [WRONG, WARNING, WARNING]
        chains = f"chain {'61' * 16}, now {'62' * 16}"
        assert f"{event_id(event)}  row 7  TAIL_MISSING  row 7 is gone  {chains}  first " in gone.seen
        assert f"{event_id(event)}  row 3  NEVER_EXPIRED  a hold is late  first " in late.seen
        assert "no event  no row  NOT_CROSSED  for long" in uncrossed.seen
        assert "a failover excuses that" in gone.advice
        assert f"holdfast audit {event_id(event)}" in late.advice
        number = int(gone.seen.partition(" ")[0])
        assert gone.advice.endswith(f"holdfast alarms acknowledge {number}")
        await alarms.acknowledge([number], 0, "mara", "the failover of May")
        assert [one.standing for one in await ill.looked("alarms")] == [WARNING, WARNING]
        await alarms.acknowledge([], 1_000, "mara", "seen")
        assert [one.standing for one in await ill.looked("alarms")] == [OK]
        assert await alarms.note(Alarm(event, 9, NOT_AUDITED, "the audit fails at row 9: KeyError()", recurs=True))
        (unaudited,) = await ill.looked("alarms")
        assert (unaudited.standing, unaudited.check) == (WRONG, "alarms")
        assert f"holdfast quarantine impose {event_id(event)} stops the whole event" in unaudited.advice
        await alarms.acknowledge([], int(unaudited.seen.partition(" ")[0]), "mara", "seen")
        assert await alarms.note(Alarm(event, 9, NOT_STOPPED, "Postgres refuses its quarantine", recurs=True))
        (unstopped,) = await ill.looked("alarms")
        assert unstopped.standing is WRONG
        assert f"holdfast quarantine impose {event_id(event)};" in unstopped.advice
        await alarms.acknowledge([], int(unstopped.seen.partition(" ")[0]), "mara", "seen")
        assert await alarms.note(Alarm(event, 0, NOT_READ_ON, "it is behind and was not read on", recurs=True))
        (unread,) = await ill.looked("alarms")
        assert unread.standing is WARNING
        assert "CPU makes turns shorter" in unread.advice
        await alarms.acknowledge([], int(unread.seen.partition(" ")[0]), "mara", "seen")
        assert await alarms.note(Alarm("", 0, MUCH_SHOWN, "it takes more than 1,024 MiB", recurs=True))
        (much,) = await ill.looked("alarms")
        assert much.standing is WARNING
        assert "see that its machine has so much" in much.advice
        await alarms.close()


async def test_alarms_are_told_until_they_are_acknowledged(world: World) -> None:
    await check_alarms_told(world)


async def test_of_many_alarms_some_are_told_and_how_many_there_are(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor_checks, "SHOWN", 1)
    async with ward(world) as ill:
        alarms = Alarms(world.database_url)
        for position in (1, 2):
            assert await alarms.note(Alarm(ill.events[0].block, position, "TIME_AHEAD", "a clock"))
        (more,) = (await ill.looked("alarms"))[1:]
        assert (more.seen, more.standing) == ("these are 1 of 2 TIME_AHEAD", WARNING)
        assert await alarms.note(Alarm(ill.events[0].block, 3, NOT_AUDITED, "the audit fails"))
        (more,) = (await ill.looked("alarms"))[1:]
        assert (more.seen, more.standing) == ("these are 1 of 1 NOT_AUDITED, 2 TIME_AHEAD", WRONG), "it is not shown"
        await alarms.close()


def _believes_what_hangs_there(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(auditor_checks, "_unwell", lambda figures: [])


def _minds_no_memory(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(auditor_checks, "MUCH_SHOWN_BYTES", 1 << 60)


def _blames_the_cpu(patch: pytest.MonkeyPatch) -> None:
    """As it was: who is behind for want of memory is said to be so for want of time."""
    shipped = auditor_checks._behind

    def behind(figures: AuditorFigures, worst: str) -> tuple[str, str]:
        return shipped(msgspec.structs.replace(figures, again_count=0), worst)

    patch.setattr(auditor_checks, "_behind", behind)


def _minds_what_is_due_alone(patch: pytest.MonkeyPatch) -> None:
    """As it was: while there is so much to compare that it is seldom due, it is never overdue."""
    shipped = auditor_checks._unwell

    def unwell(figures: AuditorFigures) -> list[Finding]:
        return shipped(msgspec.structs.replace(figures, crossed_ago_s=None))

    patch.setattr(auditor_checks, "_unwell", unwell)


def _counts_as_well(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(auditor_checks, "KEPT", f"select * from ({KEPT}) as kept where $1")


def _takes_lightly(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(auditor_checks, "GRAVE", frozenset[str]())


OF_FIGURES = (_believes_what_hangs_there, _minds_no_memory, _blames_the_cpu, _minds_what_is_due_alone)


@pytest.mark.parametrize("sabotage", [*OF_FIGURES, _counts_as_well, _takes_lightly])
async def test_control_a_doctor_that_does_not_look_is_noticed(
    world: World, redis: Redis, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    check: Awaitable[None] = check_unwell(world, redis) if sabotage in OF_FIGURES else check_alarms_told(world)
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, ValueError)):
        await check
