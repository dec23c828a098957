"""`holdfast doctor` on the real Postgres: a database that is well is found so, and what is planted is found."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis import Redis as RedisClient
from typer.testing import CliRunner, Result

from actors.core.ids import event_id
from actors.core.snapshot import FORMAT, freeze
from actors.core.state import BlockState
from actors.database.connect import connect
from actors.journal.journal import Epoch, Snapshot
from serve.cli import app
from serve.doctor import server_checks
from serve.doctor.examination import CHECKS
from serve.doctor.findings import Standing
from serve.local.postgres import programs
from serve.local.redis import Redis
from tests.database_faults import NO_REPLICA, Trouble, in_trouble
from tests.doctor.ward import SERVING, Ward, ward
from tests.projections.selling import World

pytestmark = pytest.mark.anyio
OK, WARNING, WRONG = Standing
SECOND_DISK = Trouble(
    ("alter system set synchronous_standby_names = 'second_disk'", "select pg_reload_conf()"), NO_REPLICA.end
)
IS_SYNCHRONOUS = "select exists (select from pg_stat_replication where sync_state = 'sync' and state = 'streaming')"


async def command(world: World, *words: str, redis_url: str = "redis://127.0.0.1:1") -> Result:
    """Run it, in a thread."""
    everything = ["doctor", *words, "--database-url", world.database_url]
    environ = {"HOLDFAST_REDIS_URL": redis_url, "HOLDFAST_OPERATOR_KEY": ""}
    return await asyncio.to_thread(CliRunner().invoke, app, everything, env=environ)


async def test_what_is_well_is_found_well_by_every_check(world: World, redis: Redis, tmp_path: Path) -> None:
    async with ward(world, tmp_path, redis.url) as well:
        findings = (await well.examined()).findings
        assert [finding.check for finding in findings] == list(CHECKS)
        not_ok = [finding for finding in findings if finding.standing is not OK]
        assert [finding.check for finding in not_ok] == ["replication"]
        assert "nothing acknowledged is lost on this machine's crash only" in not_ok[0].seen
        assert not_ok[0].standing is WARNING
        rows = sum(len(event.rows) for event in well.events)
        assert {finding.check: finding.seen for finding in findings}["chains"] == f"{rows} rows of 3 blocks are sound"
        assert (await well.examined(repair=True)).repairs == []


async def test_the_command_says_so_as_text_and_as_json(world: World, redis: Redis) -> None:
    async with ward(world, redis_url=redis.url):
        told = await command(world, redis_url=redis.url)
        assert told.exit_code == WARNING
        assert [line[:8].strip() for line in told.stdout.splitlines() if not line.startswith(" ")] == [
            "WARNING" if check == "replication" else "OK" for check in CHECKS
        ]
        document = json.loads((await command(world, "--json", redis_url=redis.url)).stdout)
        assert document.keys() == {"standing", "findings", "repairs", "not_looked_at"}
        assert (document["standing"], document["not_looked_at"]) == ("WARNING", [])
        assert document["findings"][0] == {
            "check": "migrations",
            "standing": "OK",
            "seen": document["findings"][0]["seen"],
            "advice": "",
            "repairable": False,
        }


async def test_what_cannot_be_asked_is_one_line(world: World) -> None:
    told = await command(world, "--since", "yesterday")
    assert (told.exit_code, told.stderr) == (1, "--since: yesterday is not a time such as 30m, 12h or 7d\n")
    nowhere = ["doctor", "--database-url", "postgresql://nobody@127.0.0.1:1/none"]
    told = await asyncio.to_thread(CliRunner().invoke, app, nowhere)
    assert told.exit_code == WRONG
    assert told.stderr.startswith("doctor: the database cannot be reached: ")


async def test_a_row_that_was_changed_or_lost_is_found(world: World) -> None:
    async with ward(world) as ill:
        changed, lost, behead = (event.block for event in ill.events)
        await ill.execute("update journal set recorded_at_ms = 1 where block_id = $1 and position = 5", changed)
        await ill.execute("delete from journal where block_id = $1 and position = 7", lost)
        await ill.execute("delete from journal where block_id = $1 and position >= 4", behead)
        findings = await ill.looked("chains")
        assert [finding.standing for finding in findings] == [WRONG] * 3
        assert f"{event_id(changed)}, row 5: chain broken" in findings[0].seen
        assert f"{event_id(lost)}, row 8: row missing" in findings[1].seen
        assert f"{event_id(behead)} ends at row 3, others read row" in findings[2].seen
        assert all(finding.repair is None and finding.advice for finding in findings)


async def test_only_what_was_written_lately_is_looked_at_if_that_is_wished(world: World) -> None:
    async with ward(world) as ill:
        await ill.execute(
            "update journal set recorded_at_ms = 1 where block_id = $1 and position = 5", ill.events[0].block
        )
        ill.patient = ill.patient._replace(since_ms=time.time_ns() // 1_000_000)
        assert (await ill.looked("chains"))[0].seen == "0 rows of 0 blocks are sound"
        ill.patient = ill.patient._replace(since_ms=0, sample=2)
        (*_, last) = await ill.looked("chains")
        assert last.standing is WRONG or " of 2 blocks " in last.seen


async def mended(ill: Ward, check: str) -> None:
    """Repaired once, it is well; repaired again, there is nothing to do."""
    first = await ill.examined(repair=True)
    assert {repaired.check for repaired in first.repairs} == {check}
    assert all(finding.standing is OK for finding in first.findings if finding.check == check)
    assert (await ill.examined(repair=True)).repairs == []


async def test_a_snapshot_that_does_not_decode_is_found_and_deleted(world: World) -> None:
    async with ward(world) as ill:
        await ill.execute("update snapshots set state = overlay(state placing '\\x00ff'::bytea from 40)")
        findings = await ill.looked("snapshots")
        assert [finding.standing for finding in findings] == [WARNING] * 6
        assert "does not decode" in findings[0].seen
        await mended(ill, "snapshots")
        assert await world.rows("select from snapshots") == []


async def test_a_snapshot_of_another_state_is_found_and_deleted(world: World) -> None:
    async with ward(world) as ill:
        event = ill.events[0]
        last = event.rows[-1]
        await event.journal.save_snapshot(
            Snapshot(event.block, last.position, last.chain, FORMAT, freeze(BlockState()))
        )
        finding = await ill.found("snapshots", WRONG)
        assert f"at row {last.position} leads to another state" in finding.seen
        await mended(ill, "snapshots")
        assert len(await world.rows("select from snapshots")) == 5


async def test_a_snapshot_whose_rows_are_lost_is_kept(world: World) -> None:
    async with ward(world) as ill:
        position = (await world.rows("select max(position) from snapshots"))[0][0]
        block = (await world.rows("select block_id from snapshots where position = $1", position))[0][0]
        await ill.execute("delete from journal where block_id = $1 and position >= $2", block, position)
        findings = await ill.looked("snapshots")
        assert [finding.standing for finding in findings] == [WRONG]
        assert "stands on a row that is not in the journal" in findings[0].seen
        assert (await ill.examined(repair=True)).repairs == []
        assert len(await world.rows("select from snapshots")) == 6


async def test_a_projection_that_stopped_is_found_and_begins_anew(world: World) -> None:
    async with ward(world) as ill:
        block = ill.events[0].block
        await ill.execute(
            "update projection_positions set quarantined_because = $2 where block_id = $1 and projection = 'deadlines'",
            block,
            "a test",
        )
        finding = await ill.found("projections", WRONG)
        assert finding.seen == f"deadlines stopped at {event_id(block)}: a test"
        repaired = await ill.examined(repair=True)
        assert [one.check for one in repaired.repairs] == ["projections"]
        assert {position for position, _ in (await world.positions(block)).values()} == {0}
        assert (await ill.examined(repair=True)).repairs == []


async def test_rows_that_nobody_follows_are_found(world: World) -> None:
    async with ward(world) as ill:
        await ill.events[0].sell(ill.events[0].hold(places=1))
        finding = await ill.found("projections", WARNING)
        assert "; 3 times a block is behind" in finding.seen


async def test_a_shard_that_does_not_beat_is_found(world: World) -> None:
    async with ward(world) as ill:
        await ill.execute("update blocks set shard = 'shard-2' where block_id = $1", ill.events[0].block)
        assert (await ill.found("fences", WRONG)).seen == "shard-2 has 1 blocks and does not beat"


async def test_two_generations_and_one_that_was_replaced_are_found(world: World) -> None:
    async with ward(world) as ill:
        await ill.beats("shard-1", SERVING._replace(generation=2))
        assert (await ill.found("fences", WARNING)).seen == "clusters of generations 2, 3 beat"
        await ill.execute("delete from shards where epoch >> 40 = 2")
        await ill.beats("shard-1", SERVING._replace(incarnation=9))
        assert (await ill.found("fences", WARNING)).seen == (
            "incarnation 4 of shard-1 still beats, although it was replaced"
        )


async def test_a_block_out_of_its_shards_reach_is_found(world: World) -> None:
    async with ward(world) as ill:
        block = ill.events[0].block
        epoch = Epoch(7, 1, 1).packed()
        await ill.execute(
            "update journal set epoch = $2 where block_id = $1 and position = (select max(position) from journal where "
            "block_id = $1)",
            block,
            epoch,
        )
        assert f"{event_id(block)} (by 7.1.1)" in (await ill.found("fences", WRONG)).seen


async def test_heartbeats_of_the_dead_are_found_and_forgotten_but_for_used_numbers(world: World) -> None:
    async with ward(world) as ill:
        week_ms = 8 * 24 * 3_600_000
        await ill.beats("shard-9", SERVING._replace(generation=1), week_ms)
        await ill.beats("shard-8", SERVING._replace(incarnation=2), week_ms)
        await ill.beats("shard-7", SERVING._replace(generation=2), week_ms // 2)
        assert "1 heartbeats are of clusters" in (await ill.found("fences", WARNING)).seen
        await mended(ill, "fences")
        assert await world.rows("select shard from shards order by shard") == [("shard-1",), ("shard-7",), ("shard-8",)]


@pytest.mark.parametrize("error_ms", [-60_000, 60_000])
async def test_a_shards_clock_that_is_wrong_is_found(world: World, error_ms: int) -> None:
    async with ward(world) as ill:
        ill.clock_error_ms = error_ms
        await asyncio.sleep(0.5)
        assert "the clock of shard-1 is" in (await ill.found("clocks", WRONG)).seen


async def test_this_machines_clock_is_compared(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ward(world) as ill:
        now_ns = time.time_ns
        monkeypatch.setattr("serve.doctor.fence_checks.time.time_ns", lambda: now_ns() + 60_000_000_000)
        findings = await ill.looked("clocks")
        assert any("this machine's clock is +60" in finding.seen for finding in findings)


async def test_commits_that_do_not_wait_are_found(world: World) -> None:
    async with ward(world) as ill:
        names = ("holdfast-shard-1-commit synchronous_commit=off", "holdfast-shard-2-commit")
        sessions = [await connect(world.database_url, application_name=name) for name in names]
        wrong, unknown, _ = await ill.looked("replication")
        for session in sessions:
            await session.close()
        assert (wrong.standing, wrong.seen) == (WRONG, "shards commit with synchronous_commit = off")
        assert unknown.standing is WARNING


async def test_a_synchronous_replica_that_is_not_there_is_found(world: World) -> None:
    async with ward(world) as ill, in_trouble(world.database_url, NO_REPLICA):
        assert "no such replica is there: commits wait" in (await ill.found("replication", WRONG)).seen


@asynccontextmanager
async def synchronous_replica(world: World, folder: Path) -> AsyncIterator[None]:
    """One that keeps every row on a disk of its own before it is acknowledged: as much of a replica as is looked at."""
    command = [str(programs() / "pg_receivewal"), "--synchronous", "-D", str(folder)]
    named = f"{world.database_url}?application_name=second_disk"
    receiving = await asyncio.create_subprocess_exec(*command, "-d", named)
    try:
        async with in_trouble(world.database_url, SECOND_DISK) as connection, asyncio.timeout(20):
            while not await connection.fetchval(IS_SYNCHRONOUS):  # noqa: ASYNC110  (Postgres tells nobody)
                await asyncio.sleep(0.05)
            yield
    finally:
        receiving.terminate()
        await receiving.wait()


async def test_with_a_synchronous_replica_all_is_well(world: World, tmp_path: Path) -> None:
    async with ward(world) as well, synchronous_replica(world, tmp_path):
        (finding,) = await well.looked("replication")
        assert finding.standing is OK
        assert finding.seen == "second_disk keeps up; synchronous_commit: no shard is connected"


async def test_migrations_that_are_missing_changed_or_newer_are_found(world: World) -> None:
    async with ward(world) as ill:
        await ill.execute("delete from applied_migrations where name = '0005_pre_reads'")
        await ill.execute("update applied_migrations set checksum = 'x' where name = '0002_pre_operator_keys'")
        await ill.execute("insert into applied_migrations values ('9999_pre_later', 'x')")
        findings = await ill.looked("migrations")
        assert [finding.standing for finding in findings] == [WRONG, WRONG, WARNING]
        assert [finding.seen.rpartition(" ")[2] for finding in findings] == [
            "0005_pre_reads",
            "0002_pre_operator_keys",
            "9999_pre_later",
        ]


async def test_without_a_schema_every_check_says_so_and_none_fails(world: World) -> None:
    async with ward(world) as ill:
        await ill.execute("drop table applied_migrations, projection_positions cascade")
        findings = {finding.check: finding for finding in (await ill.examined()).findings}
        assert findings.keys() == set(CHECKS)
        assert findings["migrations"].standing is findings["projections"].standing is WRONG
        assert "holdfast migrate" in findings["projections"].advice


async def test_a_transaction_that_stays_open_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_checks, "LONG_S", 0)
    async with ward(world) as ill:
        session = await connect(world.database_url, application_name="somebody")
        await session.execute("begin; select 1")
        await asyncio.sleep(0.1)
        findings = await ill.looked("transactions")
        assert any("(somebody, idle in transaction) is in one" in finding.seen for finding in findings)
        assert all(finding.standing is WARNING for finding in findings)
        await session.close()


@pytest.mark.parametrize(("age", "standing"), [(1_200_000_000, WARNING), (1_900_000_000, WRONG)])
async def test_an_old_transaction_number_is_found(world: World, age: int, standing: Standing) -> None:
    """Seen by its own transaction alone, which is taken back."""
    async with ward(world) as ill:
        session = await connect(world.database_url, application_name="tests")
        ill.patient = ill.patient._replace(connection=session)
        transaction = session.transaction()
        await transaction.start()
        frozen = await session.fetchval("select (txid_current() - $1 + 4294967296) % 4294967296", age)
        await session.execute(
            f"update pg_database set datfrozenxid = '{frozen}'::xid where datname = current_database()"
        )
        await ill.found("wraparound", standing)
        await transaction.rollback()
        await session.close()


async def test_a_disk_without_room_is_found(world: World, tmp_path: Path) -> None:
    async with ward(world, tmp_path) as ill:
        ill.patient = ill.patient._replace(disk_reserve_mb=1 << 40)
        assert f"MB left in {tmp_path}" in (await ill.found("disk", WRONG)).seen


async def test_a_redis_that_is_away_or_evicts_is_found(world: World, redis: Redis) -> None:
    async with ward(world, redis_url=redis.url) as ill:
        with RedisClient.from_url(redis.url) as client:
            client.config_set("maxmemory-policy", "allkeys-lru")
        assert "it evicts (allkeys-lru" in (await ill.found("redis", WARNING)).seen
        await asyncio.to_thread(redis.stop)
        assert "it does not answer" in (await ill.found("redis", WARNING)).seen
