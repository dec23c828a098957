"""Directory and projector that hang or are not there, by their sessions in Postgres: doctor and `/readyz` say so."""

import asyncio
from collections.abc import Callable

import pytest

from actors.projections.positions import PROJECTOR_SESSION
from serve import sessions
from serve.doctor.findings import Standing
from serve.local.redis import Redis
from tests.doctor.remarked import remarked
from tests.doctor.ward import Ward, ward
from tests.projections.selling import World

pytestmark = pytest.mark.anyio
OK, WARNING, _ = Standing
BOTH = ("directory", "projector")
BOUND_S, PATIENCE_S = 3.0, 60.0
CONTROLS_S = 5.0


async def asked(ill: Ward) -> None:
    """Who does not hang has just asked, so that a busy machine makes nobody silent."""
    if "directory" not in ill.hanging:
        await ill.directory_asks()
    if "projector" not in ill.hanging:
        await ill.projector_asks()


async def check_hanging(world: World, redis: Redis, patch: pytest.MonkeyPatch) -> None:
    """Who asks is well, whoever hangs beside it is found by its name; so it is once it asks again."""
    patch.setattr(sessions.Sessions.fault, "__defaults__", (BOUND_S,))
    async with ward(world, redis_url=redis.url) as ill:
        for name, other in (BOTH, BOTH[::-1]):
            ill.hanging = {name}
            async with asyncio.timeout(PATIENCE_S):
                while (await ill.looked(name))[0].standing is OK:  # noqa: ASYNC110  (Postgres tells nobody)
                    await asyncio.sleep(0.1)
            finding = await ill.found(name, WARNING)
            assert finding.seen.startswith("its sessions in Postgres have stood still for ")
            await asked(ill)
            assert [one.standing for one in await ill.looked(other)] == [OK]
            (remark,) = await remarked(ill)
            assert remark.startswith(f"the {name}: its sessions in Postgres have stood still for ")
            ill.hanging = set()
            await asked(ill)
            assert [one.standing for one in await ill.looked(name)] == [OK]
            assert await remarked(ill) == ()


async def test_one_that_hangs_is_found_and_one_that_asks_is_not(
    world: World, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_hanging(world, redis, monkeypatch)


async def check_not_there(world: World, redis: Redis) -> None:
    """Missed where a shard beats, and nowhere else."""
    async with ward(world, redis_url=redis.url) as ill:
        await ill.close()
        ended = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1"
        await ill.execute(ended, PROJECTOR_SESSION)  # of who followed when all this began
        async with asyncio.timeout(PATIENCE_S):
            while OK in [one.standing for name in BOTH for one in await ill.looked(name)]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        for name in BOTH:
            finding = await ill.found(name, WARNING)
            assert finding.seen == "none runs"
            assert "kill the process ray::" in finding.advice
        assert [one.partition(", ")[0] for one in await remarked(ill)] == [f"the {name}: none runs" for name in BOTH]
        await ill.execute("alter table shards rename to away; create table shards (like away)")
        for name in BOTH:
            (finding,) = await ill.looked(name)
            assert (finding.standing, finding.seen) == (OK, "none runs, and no shard beats that would need one")
        assert await remarked(ill) == ()


async def test_one_that_is_not_there_is_missed_while_a_shard_beats(world: World, redis: Redis) -> None:
    await check_not_there(world, redis)


async def test_whose_times_this_role_may_not_see_is_taken_for_well(world: World) -> None:
    """As of the sessions of another role."""
    async with ward(world) as well:
        await well.execute("create role stranger")
        connection = well.patient.connection
        try:
            await well.execute("grant select on shards to stranger")
            await connection.execute("set role stranger")
            for name in BOTH:
                (finding,) = await well.looked(name)
                assert (finding.standing, finding.seen) == (OK, "it is connected")
        finally:
            await connection.execute("reset role")
            await well.execute("drop owned by stranger; drop role stranger")


def _sees_that_it_is_connected(patch: pytest.MonkeyPatch) -> None:
    """As it was of the auditor: a session is enough, however still it stands."""
    query = sessions.SQL["sessions"].replace("max(session.state_change)", "clock_timestamp()")
    patch.setitem(sessions.SQL, "sessions", query)


def _takes_the_first_that_asks(patch: pytest.MonkeyPatch) -> None:
    """As if any session would do: the one that asks stands for the one that hangs."""
    query = sessions.SQL["sessions"].replace("session.application_name = wanted.name", "wanted.name <> ''")
    patch.setitem(sessions.SQL, "sessions", query)


@pytest.mark.parametrize("sabotage", [_sees_that_it_is_connected, _takes_the_first_that_asks])
async def test_control_a_doctor_that_does_not_see_who_hangs_is_noticed(
    world: World, redis: Redis, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    monkeypatch.setitem(check_hanging.__globals__, "PATIENCE_S", CONTROLS_S)
    sabotage(monkeypatch)
    with pytest.raises(TimeoutError):
        await check_hanging(world, redis, monkeypatch)


async def test_control_a_doctor_that_takes_any_session_misses_nobody(
    world: World, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(check_not_there.__globals__, "PATIENCE_S", CONTROLS_S)
    _takes_the_first_that_asks(monkeypatch)
    with pytest.raises(TimeoutError):
        await check_not_there(world, redis)
