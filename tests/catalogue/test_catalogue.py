"""The catalogue on the real Postgres: who is there, who serves what, what is due."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from actors.catalogue import catalogue as catalogue_module
from actors.catalogue.catalogue import Catalogue, NumberUsed, rendezvous
from actors.core.ids import BlockId
from actors.database.connect import Connection, connect
from actors.engine.catalogue_port import CatalogueUnavailable, Due, EngineCounters
from actors.journal.journal import Epoch
from tests.catalogue.house import TENANT, house, new_block

pytestmark = pytest.mark.anyio


async def test_generations_rise(database_url: str) -> None:
    async with house(database_url) as first, house(database_url) as second:
        assert second.generation > first.generation > 0


async def check_newest_incarnations(database_url: str) -> None:
    async with house(database_url) as old, house(database_url) as new:
        await old.shard("s1", 7)
        await old.shard("s9", 7)
        await new.shard("s1", 1)
        await new.shard("s2", 1)
        await new.shard("s2", 3)
        newest, now_ms = await new.catalogue.newest_incarnations(new.generation)
        assert {name: Epoch.unpacked(known.epoch) for name, known in newest.items()} == {
            "s1": (new.generation, 1, 1),
            "s2": (new.generation, 1, 3),
        }
        assert newest["s2"].address.endswith("/s2-3")
        assert newest["s2"].pid == 4711
        assert abs(now_ms - time.time_ns() // 1_000_000) < 1_000
        serving, _ = await new.catalogue.newest_incarnations(old.generation)
        assert {name: Epoch.unpacked(known.epoch).generation for name, known in serving.items()} == {
            "s1": old.generation,
            "s9": old.generation,
        }
        assert (await new.catalogue.newest_incarnations(new.generation + 1))[0] == {}


async def test_the_newest_incarnation_of_each_shard_of_a_cluster_is_known(database_url: str) -> None:
    await check_newest_incarnations(database_url)


async def check_one_process_a_number(database_url: str) -> None:
    """Whoever comes second is refused, at once or late, and changes nothing."""
    async with house(database_url) as built:
        await built.catalogue.register("s1", built.epoch(2), "unix:/first", 1)
        for number in (2, 1):
            with pytest.raises(NumberUsed):
                await built.catalogue.register("s1", built.epoch(number), "unix:/second", 2)
        known = (await built.catalogue.newest_incarnations(built.generation))[0]["s1"]
        assert (known.epoch, known.address, known.pid) == (built.epoch(2), "unix:/first", 1)
        await built.catalogue.register("s2", built.epoch(2), "unix:/another", 1)


async def check_number_that_is_forgotten(database_url: str) -> None:
    """Its row is gone; it is not given again for that."""
    async with house(database_url) as built:
        for number in range(1, 15):
            await built.catalogue.register("s1", built.epoch(number), "unix:/nowhere", 1)
        assert await built.catalogue.last_heartbeat_ms("s1", built.epoch(1)) is None
        with pytest.raises(NumberUsed):
            await built.catalogue.register("s1", built.epoch(1), "unix:/nowhere", 1)


async def check_one_number_at_once(database_url: str) -> None:
    """Whoever comes while another is just being registered waits to hear what comes of that."""
    async with house(database_url) as built:
        other: Connection = await connect(database_url, application_name="tests")
        await other.execute("begin")
        await other.execute(
            "insert into shards (shard, epoch, address, pid, heartbeat_at_ms) values ('s1', $1, 'unix:/first', 1, 0)",
            built.epoch(1),
        )
        registering = asyncio.create_task(built.catalogue.register("s1", built.epoch(1), "unix:/second", 2))
        await asyncio.sleep(0.2)
        assert not registering.done()
        await other.execute("commit")
        await other.close()
        with pytest.raises(NumberUsed):
            await registering


ONE_PROCESS = [check_one_process_a_number, check_number_that_is_forgotten, check_one_number_at_once]


@pytest.mark.parametrize("check", ONE_PROCESS)
async def test_a_number_is_borne_by_one_process(database_url: str, check: Callable[[str], Awaitable[None]]) -> None:
    await check(database_url)


def whoever_comes_last(query: str) -> str:
    """As if a number that is used were a registration to bring up to date."""
    return query.replace("epoch >= $2", "false").replace(
        "do nothing", "(shard, epoch) do update set address = excluded.address, pid = excluded.pid"
    )


@pytest.mark.parametrize("check", ONE_PROCESS)
async def test_numbers_that_are_used_twice_would_be_noticed(
    database_url: str, monkeypatch: pytest.MonkeyPatch, check: Callable[[str], Awaitable[None]]
) -> None:
    monkeypatch.setitem(catalogue_module._SQL, "register", whoever_comes_last(catalogue_module._SQL["register"]))
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        await check(database_url)


async def check_generations_beat_apart(database_url: str) -> None:
    async with house(database_url) as serving, house(database_url) as waiting:
        await serving.shard("s1", 5)
        for incarnation in range(1, 15):
            await waiting.catalogue.register("s1", waiting.epoch(incarnation), "unix:/nowhere", 1)
        beat = await serving.catalogue.heartbeat("s1", serving.epoch(5), 1_000, EngineCounters())
        assert beat.newest_epoch == serving.epoch(5)
        assert await serving.catalogue.last_heartbeat_ms("s1", serving.epoch(5)) == 1_000
        late = await waiting.catalogue.heartbeat("s1", waiting.epoch(1), 1_000, EngineCounters())
        assert late.newest_epoch == waiting.epoch(14)


async def test_a_waiting_cluster_neither_replaces_nor_forgets_the_shards_of_the_one_that_serves(
    database_url: str,
) -> None:
    await check_generations_beat_apart(database_url)


async def test_a_cluster_that_has_not_beaten_for_a_week_is_forgotten(database_url: str) -> None:
    async with house(database_url) as old, house(database_url) as new:
        await old.shard("s1", 1)
        now_ms = time.time_ns() // 1_000_000
        for age_days, known in ((6, 1), (8, 0)):
            beaten_ms = now_ms - age_days * 86_400_000
            await old.catalogue.heartbeat("s1", old.epoch(1), beaten_ms, EngineCounters())
            await new.catalogue.register("s1", new.epoch(age_days), "unix:/nowhere", 1)
            assert len((await old.catalogue.newest_incarnations(old.generation))[0]) == known


def one_generation(query: str) -> str:
    return query.replace("epoch >> 40 = $2 >> 40", "true").replace("epoch >> 40 = $1", "$1::bigint > 0")


@pytest.mark.parametrize(
    ("query", "check"),
    [
        ("newest_incarnations", check_newest_incarnations),
        ("heartbeat", check_generations_beat_apart),
        ("register", check_generations_beat_apart),
    ],
)
async def test_a_catalogue_that_does_not_tell_generations_apart_would_be_noticed(
    database_url: str, monkeypatch: pytest.MonkeyPatch, query: str, check: Callable[[str], Awaitable[None]]
) -> None:
    assert one_generation(catalogue_module._SQL[query]) != catalogue_module._SQL[query]
    monkeypatch.setitem(catalogue_module._SQL, query, one_generation(catalogue_module._SQL[query]))
    with pytest.raises(AssertionError):
        await check(database_url)


async def test_a_heartbeat_is_noted_and_answered_with_the_clock_and_the_newest_epoch(database_url: str) -> None:
    async with house(database_url) as built:
        await built.shard("s1", 1)
        counters = EngineCounters(call_count=3, calls_waiting=5)
        registered_ms = await built.catalogue.last_heartbeat_ms("s1", built.epoch(1))
        assert registered_ms is not None
        first = await built.catalogue.heartbeat("s1", built.epoch(1), 1_234_567, counters)
        assert first.newest_epoch == built.epoch(1)
        assert abs(first.now_ms - time.time_ns() // 1_000_000) < 1_000
        assert abs(registered_ms - first.now_ms) < 1_000
        assert await built.catalogue.last_heartbeat_ms("s1", built.epoch(1)) == 1_234_567  # the shard's own clock
        newest, _ = await built.catalogue.newest_incarnations(built.generation)
        assert newest["s1"].counters == counters
        assert not await built.catalogue.wants_successor("s1", built.epoch(1))
        await built.catalogue.heartbeat("s1", built.epoch(1), 1_234_567, EngineCounters(wants_successor=True))
        assert await built.catalogue.wants_successor("s1", built.epoch(1))
        assert not await built.catalogue.wants_successor("s1", built.epoch(9))
        await built.shard("s1", 2)
        assert (await built.catalogue.heartbeat("s1", built.epoch(1), 1, counters)).newest_epoch == built.epoch(2)
        assert await built.catalogue.last_heartbeat_ms("s1", built.epoch(99)) is None
        assert await built.catalogue.last_heartbeat_ms("s2", built.epoch(1)) is None


async def test_a_generation_is_cut_over_to_when_one_of_its_shards_has_written(database_url: str) -> None:
    async with house(database_url) as built, house(database_url) as newer:
        for name in ("c1", "c2"):
            await built.shard(name, 1)
            await newer.shard(name, 1)
        for row_count in (0, 1):
            await built.catalogue.heartbeat("c1", built.epoch(1), 1, EngineCounters(row_count=row_count))
            beat = await built.catalogue.heartbeat("c2", built.epoch(1), 1, EngineCounters())
            assert beat.is_cut_over == bool(row_count)
        beat = await newer.catalogue.heartbeat("c2", newer.epoch(1), 1, EngineCounters())
        assert not beat.is_cut_over


async def test_one_that_is_so_old_that_its_row_is_gone_still_learns_that_it_has_successors(database_url: str) -> None:
    async with house(database_url) as built:
        for incarnation in range(1, 15):
            await built.catalogue.register("s1", built.epoch(incarnation), "unix:/nowhere", 1)
        assert await built.catalogue.last_heartbeat_ms("s1", built.epoch(1)) is None
        beat = await built.catalogue.heartbeat("s1", built.epoch(1), 1, EngineCounters())
        assert beat.newest_epoch == built.epoch(14)


async def test_the_first_to_enter_a_block_decides_where_it_lives(database_url: str) -> None:
    async with house(database_url) as built:
        block = new_block()
        assert await built.catalogue.owner(block) is None
        assert await built.catalogue.assign(block, TENANT, "s1") == "s1"
        assert await built.catalogue.assign(block, TENANT, "s2") == "s1"
        assert await built.catalogue.owner(block) == "s1"


async def test_whose_blocks_are_is_told_of_many_at_once(database_url: str) -> None:
    async with house(database_url) as built:
        first, second, unknown = (new_block() for _ in range(3))
        await built.catalogue.assign(first, TENANT, "s1")
        await built.catalogue.assign(second, TENANT, "s2")
        assert await built.catalogue.owners({first, second, unknown}) == {first: "s1", second: "s2"}
        assert await built.catalogue.owners(()) == {}


async def test_of_two_that_enter_a_block_at_once_both_are_told_the_same(database_url: str) -> None:
    async with house(database_url) as built:
        block = new_block()
        other: Connection = await connect(database_url, application_name="tests")
        await other.execute("begin")
        await other.execute("insert into blocks (block_id, tenant, shard) values ($1, $2, 's1')", block, TENANT)
        assigning = asyncio.create_task(built.catalogue.assign(block, TENANT, "s2"))
        await asyncio.sleep(0.2)
        assert not assigning.done()
        await other.execute("commit")
        assert await assigning == "s1"
        await other.close()


async def test_due_blocks_are_those_of_the_shard_the_most_overdue_first(database_url: str) -> None:
    async with house(database_url) as built:
        blocks = [new_block() for _ in range(5)]
        other = new_block()
        connection: Connection = await connect(database_url, application_name="tests")
        for number, block in enumerate(blocks):
            await built.catalogue.assign(block, TENANT, "due-1")
            await connection.execute(
                "insert into deadlines (due_at_ms, block_id) values ($1, $2)", 1_000 - number, block
            )
        await built.catalogue.assign(other, TENANT, "due-2")
        await connection.execute("insert into deadlines (due_at_ms, block_id) values (1, $1)", other)
        await connection.close()
        due = [Due(1_000 - number, block) for number, block in enumerate(blocks)]
        assert await built.catalogue.due_blocks("due-1", 998, None, 10) == [due[4], due[3], due[2]]
        assert await built.catalogue.due_blocks("due-1", 2_000, None, 2) == [due[4], due[3]]
        assert await built.catalogue.due_blocks("due-1", 900, None, 10) == []


async def test_due_blocks_are_found_page_by_page_though_many_are_due_at_once(database_url: str) -> None:
    async with house(database_url) as built:
        connection: Connection = await connect(database_url, application_name="tests")
        due = sorted(Due(1_000 + number // 4, new_block()) for number in range(9))
        for due_at_ms, block in due:
            await built.catalogue.assign(block, TENANT, "paged")
            await connection.execute("insert into deadlines (due_at_ms, block_id) values ($1, $2)", due_at_ms, block)
        await connection.close()
        found: list[Due] = []
        while page := await built.catalogue.due_blocks("paged", 2_000, found[-1] if found else None, 2):
            found += page
        assert found == due


async def test_a_catalogue_that_is_away_says_so_and_comes_back(database_url: str) -> None:
    async with house(database_url) as built:
        over_wire = Catalogue(built.wire.database_url)
        assert await over_wire.owner(new_block()) is None
        await built.wire.go_away()
        with pytest.raises(CatalogueUnavailable):
            await over_wire.owner(new_block())
        with pytest.raises(CatalogueUnavailable):
            await over_wire.heartbeat("s1", 1, 1, EngineCounters())
        built.wire.come_back()
        assert await over_wire.owner(new_block()) is None
        await over_wire.close()


async def test_a_further_shard_only_draws_blocks_to_itself() -> None:
    blocks = [BlockId(f"block-{number}") for number in range(3_000)]
    three, four = ["s1", "s2", "s3"], ["s1", "s2", "s3", "s4"]
    before = {block: rendezvous(block, three) for block in blocks}
    after = {block: rendezvous(block, four) for block in blocks}
    moved = [block for block in blocks if before[block] != after[block]]
    assert {after[block] for block in moved} == {"s4"}
    for shard in three:
        assert 900 < sum(owner == shard for owner in before.values()) < 1_100
    assert 650 < len(moved) < 850
