"""The fleet on the real Postgres: wishes, who carries them out, and shards that join and leave."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from actors.catalogue import catalogue as catalogue_module
from actors.catalogue import fleet as fleet_module
from actors.catalogue.catalogue import NumberUsed, ShardLeaves, rendezvous
from actors.catalogue.fleet import JOINING, LEAVING, SERVING, Fleet, shard_names
from actors.core.ids import BlockId
from actors.database.connect import Connection, connect
from actors.dispatch import RoutesUnavailable
from actors.engine.catalogue_port import Assignment, EngineCounters, Move
from actors.journal.journal import MAX_MOVES, Epoch, epoch_of_claim
from actors.resizing import Resizing
from tests.catalogue.house import TENANT, House, house, new_block

pytestmark = pytest.mark.anyio


@pytest.fixture
async def fleet(database_url: str, anyio_backend: str) -> AsyncIterator[Fleet]:
    """Two shards, s1 and s2, whatever other tests have left."""
    fleet = Fleet(database_url)
    await fleet._line.run(lambda connection: connection.execute("delete from fleet; delete from blocks"))
    await fleet.found(("s1", "s2"))
    yield fleet
    await fleet.close()


async def entered(built: House, shard: str) -> BlockId:
    block = new_block()
    await built.catalogue.assign(block, TENANT, shard)
    return block


async def test_the_first_fleet_has_what_is_asked_for_and_whoever_has_blocks(database_url: str, fleet: Fleet) -> None:
    async with house(database_url) as built:
        await entered(built, "s2")
        await fleet.found(("s5", "s6"))
        assert await fleet.states() == {"s1": SERVING, "s2": SERVING}
        await fleet._line.run(lambda connection: connection.execute("delete from fleet"))
        await fleet.found(("s5", "s6"))
        assert await fleet.states() == {"s2": SERVING, "s5": SERVING, "s6": SERVING}


async def check_carried_out_once(database_url: str, fleet: Fleet) -> None:
    """By whoever comes first, and what was carried out is not wished any more."""
    async with house(database_url) as built:
        await built.shard("s1")
        await built.shard("s2")
        block = await entered(built, "s1")
        await fleet.wish({block: "s2"}, instead=True)
        (going,) = await built.catalogue.moves("s1", built.generation, 10)
        assert await built.catalogue.moves("s2", built.generation, 10) == [going] == [Move(block, "s1", "s2", 1)]
        done = [await built.catalogue.carry_out(going, built.generation, at_ms) for at_ms in (7, None)]
        assert done == [True, False]
        assert await built.catalogue.moves("s1", built.generation, 10) == []
        place, last = await fleet.place(block) or pytest.fail("it is gone")
        assert (place.shard, place.version, place.moving_to) == ("s2", 2, "")
        assert (last.former_shard, last.let_go_at_ms) == ("s1", 7)
        await fleet.wish({block: "s1"}, instead=True)
        assert not await built.catalogue.carry_out(going, built.generation, 0), "that was another wish"


async def test_a_wish_is_carried_out_once(database_url: str, fleet: Fleet) -> None:
    await check_carried_out_once(database_url, fleet)


async def moved(built: House, fleet: Fleet, block: BlockId, to_shard: str) -> Assignment:
    await fleet.wish({block: to_shard}, instead=True)
    (move,) = [move for move in await built.catalogue.moves(to_shard, built.generation, 10) if move.block == block]
    assert await built.catalogue.carry_out(move, built.generation, 0)
    assignment = await built.catalogue.assignment(block)
    assert assignment is not None
    return assignment


async def check_epochs(database_url: str, fleet: Fleet) -> None:
    """The epoch of whoever has a block next is higher than that of all before, whatever their numbers are."""
    async with house(database_url) as older, house(database_url) as newer:
        block = await entered(older, "s1")
        numbers = {"s1": 1_000_000, "s2": 1}
        epochs = [older.epoch(numbers["s1"])]
        for built, to_shard in ((older, "s2"), (older, "s1"), (newer, "s2"), (newer, "s1"), (newer, "s2")):
            assignment = await moved(built, fleet, block, to_shard)
            epoch, successors = (
                epoch_of_claim(built.epoch(numbers[to_shard] + later), assignment.epoch) or 0 for later in (0, 1)
            )
            assert epoch < successors
            epochs.append(epoch)
        assert epochs == sorted(set(epochs))
        assert epoch_of_claim(older.epoch(9), assignment.epoch) is None, "it is the newer cluster's"
        await fleet.wish({block: "s1"}, instead=True)
        (move,) = await newer.catalogue.moves("s1", newer.generation, 10)
        assert not await older.catalogue.carry_out(move, older.generation, 0), "an older cluster moves it no more"
        assert await older.catalogue.moves("s1", older.generation, 10) == []


async def test_each_owner_has_a_higher_epoch_than_all_before(database_url: str, fleet: Fleet) -> None:
    await check_epochs(database_url, fleet)


async def test_an_older_cluster_does_not_move_what_a_newer_one_has_written_to(database_url: str, fleet: Fleet) -> None:
    async with house(database_url) as older, house(database_url) as newer:
        block = await entered(older, "s1")
        await fleet._line.fetch(
            "insert into journal values (1, $1, 0, 1, $2, '\\x00112233445566778899aabbccddeeff', '')",
            newer.epoch(1),
            block,
        )
        await fleet.wish({block: "s2"}, instead=True)
        (move,) = await older.catalogue.moves("s2", older.generation, 10)
        assert not await older.catalogue.carry_out(move, older.generation, 0)
        assert await newer.catalogue.carry_out(move, newer.generation, 0)


async def test_moves_that_no_epoch_could_bear_are_not_carried_out_before_the_next_start(
    database_url: str, fleet: Fleet
) -> None:
    async with house(database_url) as older, house(database_url) as newer:
        block = await entered(older, "s1")
        used_up = older.generation << 40 | MAX_MOVES << 28
        await fleet._line.fetch("update blocks set assigned_epoch = $1 where block_id = $2", used_up, block)
        await fleet.wish({block: "s2"}, instead=True)
        (move,) = await newer.catalogue.moves("s2", newer.generation, 10)
        assert not await older.catalogue.carry_out(move, older.generation, 0)
        assert await older.catalogue.moves("s2", older.generation, 10) == [], "its owner does not let go for nothing"
        assert await newer.catalogue.carry_out(move, newer.generation, 0)


async def test_a_block_goes_only_to_a_shard_that_beats(database_url: str, fleet: Fleet) -> None:
    async with house(database_url) as built:
        block = await entered(built, "s1")
        await fleet.wish({block: "s2"}, instead=True)
        assert await built.catalogue.moves("s1", built.generation, 10) == []
        await built.shard("s2")
        assert len(await built.catalogue.moves("s1", built.generation, 10)) == 1
        await built.catalogue.heartbeat("s2", built.epoch(1), 1_000, EngineCounters())
        assert await built.catalogue.moves("s1", built.generation, 10) == []


async def test_a_wish_to_stay_ends_one_to_go(database_url: str, fleet: Fleet) -> None:
    async with house(database_url) as built:
        block = await entered(built, "s1")
        await fleet.wish({block: "s2"}, instead=True)
        await fleet.wish({block: "s2"}, instead=False)
        assert await fleet.moving_count([block]) == 1
        await fleet.wish({block: "s1"}, instead=False)
        assert await fleet.moving_count([block]) == 1, "what an operator wishes goes first"
        await fleet.wish({block: "s1"}, instead=True)
        assert await fleet.moving_count([block]) == 0


async def check_leaving(database_url: str, fleet: Fleet) -> None:
    """A shard that leaves gets nothing, keeps its number, and may come back."""
    async with house(database_url) as built:
        await built.shard("s1")
        await built.shard("s2", 3)
        block = await entered(built, "s2")
        routes, _ = await built.routes()
        await fleet.resize(("s1",))
        assert await fleet.states() == {"s1": SERVING, "s2": LEAVING}
        with pytest.raises(ShardLeaves):
            await built.catalogue.assign(new_block(), TENANT, "s2")
        other = await entered(built, "s1")
        await fleet.wish({other: "s2"}, instead=True)
        assert await fleet.moving_count() == 0
        for _ in range(20):
            new = new_block()
            try:
                await routes.assign(new, TENANT)
            except RoutesUnavailable:  # it did not know yet
                await routes.assign(new, TENANT)
            assert await built.catalogue.owner(new) == "s1"
        assert not await fleet.retire("s2", built.generation), "it has a block"
        await moved(built, fleet, block, "s1")
        assert await fleet.retire("s2", built.generation)
        known, _ = await built.catalogue.newest_incarnations(built.generation)
        assert (set(known), await fleet.states()) == ({"s1"}, {"s1": SERVING})
        beat = await built.catalogue.heartbeat("s2", built.epoch(3), 1, EngineCounters())
        assert beat.newest_epoch > built.epoch(3), "it learns that it is of no more use"
        await fleet.resize(("s1", "s2"))
        assert await fleet.states() == {"s1": SERVING, "s2": JOINING}
        highest = (await built.catalogue.highest_epochs(built.generation))["s2"]
        with pytest.raises(NumberUsed):
            await built.catalogue.register("s2", highest, "unix:/nowhere", 1)
        await built.shard("s2", Epoch.unpacked(highest).incarnation + 1)
        assert "s2" in (await built.catalogue.newest_incarnations(built.generation))[0]


async def test_a_shard_that_leaves_gets_nothing_more_and_is_gone_when_it_is_empty(
    database_url: str, fleet: Fleet
) -> None:
    await check_leaving(database_url, fleet)


async def check_late_entry(database_url: str, fleet: Fleet) -> None:
    """Whoever says that a shard leaves waits for what is just being entered for it, and so that is not forgotten."""
    async with house(database_url) as built:
        other: Connection = await connect(database_url, application_name="tests")
        await other.execute("begin")
        block = new_block()
        await other.fetch(catalogue_module._SQL["assign"], block, TENANT, "s2")
        resizing = asyncio.create_task(fleet.resize(("s1",)))
        await asyncio.sleep(0.2)
        was_gone = resizing.done() and await fleet.retire("s2", built.generation)
        await other.execute("commit")
        await other.close()
        await resizing
        assert not was_gone, "it was to have a block"
        assert not await fleet.retire("s2", built.generation)


async def test_what_is_just_being_entered_for_a_shard_that_leaves_is_not_forgotten(
    database_url: str, fleet: Fleet
) -> None:
    await check_late_entry(database_url, fleet)


async def carry_all_out(built: House, shards: tuple[str, ...]) -> None:
    """What the shards would do, for ever."""
    while True:
        for shard in shards:
            for move in await built.catalogue.moves(shard, built.generation, 50):
                await built.catalogue.carry_out(move, built.generation, 0)
        await asyncio.sleep(0.05)


async def resized(database_url: str, fleet: Fleet, count: int, *, interrupted: bool) -> dict[BlockId, str]:
    """Where blocks are after the fleet has come to have so many shards."""
    async with house(database_url) as built:
        names = shard_names(4)
        for name in names:
            await built.shard(name)
        await fleet.resize(shard_names(count))
        moving = asyncio.create_task(carry_all_out(built, names))
        resizing = asyncio.create_task(Resizing(fleet, built.generation).run(set(names)))
        async with asyncio.timeout(20):
            if interrupted:
                await asyncio.sleep(0.3)
                resizing.cancel()
                await asyncio.sleep(0.1)
                resizing = asyncio.create_task(Resizing(fleet, built.generation).run(set(names)))
            while await fleet.states() != dict.fromkeys(shard_names(count), SERVING):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        for task in (moving, resizing):
            task.cancel()
        return {place.block: place.shard for place in await fleet.blocks("", 10_000)}


async def check_resizes(database_url: str, fleet: Fleet, *, interrupted: bool) -> None:
    """Blocks go where rendezvous hashing says, and no others; one that was put somewhere stays there unless it must."""
    await fleet._line.run(lambda connection: connection.execute("delete from fleet"))
    await fleet.found(shard_names(2))
    async with house(database_url) as built:
        for _ in range(60):
            await entered(built, "")
        blocks = [place.block for place in await fleet.blocks("", 100)]
        before = {block: rendezvous(block, list(shard_names(2))) for block in blocks}
        before[blocks[0]] = "shard-2" if before[blocks[0]] == "shard-1" else "shard-1"  # an operator's wish
        for block, shard in before.items():
            await fleet._line.fetch("update blocks set shard = $1 where block_id = $2", shard, block)
    four = {block: rendezvous(block, list(shard_names(4))) for block in blocks}
    drawn = {block: four[block] if four[block] in ("shard-3", "shard-4") else before[block] for block in blocks}
    assert await resized(database_url, fleet, 4, interrupted=interrupted) == drawn
    assert 15 < sum(drawn[block] != before[block] for block in blocks) < 45
    back = await resized(database_url, fleet, 2, interrupted=interrupted)
    two = {block: rendezvous(block, list(shard_names(2))) for block in blocks}
    assert back == {block: drawn[block] if drawn[block] in shard_names(2) else two[block] for block in blocks}
    assert await resized(database_url, fleet, 2, interrupted=False) == back


@pytest.mark.parametrize("interrupted", [False, True])
async def test_a_fleet_grows_and_shrinks_and_moves_no_more_blocks_than_it_must(
    database_url: str, fleet: Fleet, interrupted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in_a_hurry(monkeypatch)
    await check_resizes(database_url, fleet, interrupted=interrupted)


def _in_a_hurry(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("actors.resizing.PERIOD_S", 0.05)
    patch.setattr("actors.resizing.LOOK_S", 0.02)
    patch.setattr("actors.resizing.PAGE_BLOCKS", 7)


async def test_nothing_is_drawn_before_the_shard_serves(
    database_url: str, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in_a_hurry(monkeypatch)
    async with house(database_url) as built:
        for _ in range(20):
            await entered(built, "s1")
        await fleet.resize(("s1", "s2", "s3"))
        serving = {"s1", "s2"}
        resizing = asyncio.create_task(Resizing(fleet, built.generation).run(serving))
        await asyncio.sleep(0.3)
        assert await fleet.moving_count() == 0
        serving.add("s3")
        await asyncio.sleep(0.3)
        assert await fleet.moving_count() > 0
        resizing.cancel()


def anybody_carries_out_anything(query: str) -> str:
    return query.replace("shard = $2 and moving_to = $3 and version = $4", "$2 || $3 <> '' and $4::bigint > 0").replace(
        "shard = moving_to", "shard = coalesce(moving_to, shard)", 1
    )


def moves_are_not_counted(query: str) -> str:
    return query.replace("+ (1::bigint << 28)", "")


def older_clusters_move(query: str) -> str:
    return query.replace("and assigned_epoch >> 40 <= $5", "")


def nobody_waits_for_entries(query: str) -> str:
    return query.replace("  for share\n", "")


def numbers_are_given_again(query: str) -> str:
    return query.replace("max(shards.epoch) + 1", "max(shards.epoch) - 1")


def whoever_leaves_gets_more(query: str) -> str:
    return query.replace("or not exists (select from fleet where shard = $3)", "or true")


@pytest.mark.parametrize(
    ("query", "sabotage", "check"),
    [
        ("carry_out", anybody_carries_out_anything, check_carried_out_once),
        ("carry_out", moves_are_not_counted, check_epochs),
        ("carry_out", older_clusters_move, check_epochs),
        ("assign", nobody_waits_for_entries, check_late_entry),
        ("assign", whoever_leaves_gets_more, check_leaving),
        ("retire", numbers_are_given_again, check_leaving),
    ],
)
async def test_the_check_notices(
    database_url: str,
    fleet: Fleet,
    monkeypatch: pytest.MonkeyPatch,
    query: str,
    sabotage: Callable[[str], str],
    check: Callable[[str, Fleet], Awaitable[None]],
) -> None:
    queries = next(known for known in (catalogue_module._SQL, fleet_module._SQL) if query in known)
    assert sabotage(queries[query]) != queries[query]
    monkeypatch.setitem(queries, query, sabotage(queries[query]))
    with pytest.raises((AssertionError, pytest.fail.Exception, NumberUsed)):
        await check(database_url, fleet)


async def test_the_check_notices_a_fleet_that_is_dealt_anew(
    database_url: str, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: every block goes where it would be entered now."""
    _in_a_hurry(monkeypatch)
    monkeypatch.setattr("actors.resizing.rendezvous", lambda block, shards: shards[sum(map(ord, block)) % len(shards)])
    with pytest.raises(AssertionError):
        await check_resizes(database_url, fleet, interrupted=False)
