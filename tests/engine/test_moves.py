"""Blocks that move between shards: nobody is cut short, nothing is lost or doubled, and who had one has it no more."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from actors.core.entries import Activated
from actors.core.replies import HoldStatus
from actors.engine import moves, residence
from actors.engine.catalogue_port import Move
from actors.engine.group_commit import Cycle, GroupCommit
from actors.engine.hosted import HostedBlock
from actors.engine.moves import Mover
from actors.engine.residence import Residence
from actors.link.batch import Failed, Fault, Replied
from tests.engine.moving import Moving
from tests.engine.stage import (
    FENCED,
    answered,
    expired,
    hold,
    hold_status,
    on_virtual_time,
    read_hold,
    release,
    settle,
)
from tests.simulation.world import Catalogue


async def check_moves_while_it_sells() -> None:
    """Back and forth, four times: every command is answered by its outcome, and has its effect once."""
    moving = await Moving.begin()
    buyers = [
        asyncio.create_task(moving.hold_and_release(range(row * 10_000, row * 10_000 + 2_000), f"{row}/1"))
        for row in (1, 2, 3)
    ]
    for to_shard in ("s2", "s1", "s2", "s1"):
        await asyncio.sleep(0.3)
        await moving.move(to_shard)
    assert not any(buyer.done() for buyer in buyers)
    await asyncio.gather(*buyers)
    assert moving.faults.keys() <= {Fault.NOT_READY, Fault.NOT_OWNER}, "somebody was cut short"
    assert moving.replied == set(moving.placed())
    assert len(moving.placed()) == len(set(moving.placed()))
    assert moving.writers() == [7, 1, 7, 1, 7]
    assert not any(engine.left for engine in moving.engines.values())
    assert moving.stage.catalogue.let_go_at_ms[moving.block], "it was let go"


def test_a_block_moves_back_and_forth_while_it_sells() -> None:
    on_virtual_time(check_moves_while_it_sells)()


async def check_owner_that_hangs(what: str) -> None:
    """It does not let go; when it wakes, it says nothing from memory, and may have the block again all the same."""
    moving = await Moving.begin()
    first, second = moving.engines["s1"], moving.engines["s2"]
    await moving.ask(hold(1, "1/1"))
    first.process.pause()
    unread = first.send(moving.block, release(1) if what == "write" else read_hold(1))
    await moving.move("s2")
    assert isinstance(await moving.ask(release(1)), Replied)
    first.process.resume()
    assert await answered(unread) == [FENCED], "it answered from a memory that was no longer true"
    assert await first.ask_one(moving.block, hold(2, "1/1")) in (Failed(Fault.NOT_OWNER), Failed(Fault.NOT_OWNER, "s2"))
    await asyncio.sleep(15)
    assert not first.left, "it goes on with its other blocks"
    await moving.move("s1")
    assert isinstance(await moving.ask(hold(3, "1/1")), Replied)
    assert (moving.placed(), moving.writers()) == ([1, 3], [7, 1, 7])
    assert not second.left


@pytest.mark.parametrize("what", ["write", "read"])
def test_an_owner_that_hangs_is_fenced_and_may_have_the_block_again(what: str) -> None:
    on_virtual_time(check_owner_that_hangs)(what)


async def check_unknown_commit(*, carried_out: bool) -> None:
    """The owner does not know what became of its rows: whoever asks under the same key finds out from the new one."""
    moving = await Moving.begin()
    first = moving.engines["s1"]
    late = first.script.hold_answer("append") if carried_out else first.script.hold("append")
    unknown = first.send(moving.block, hold(1, "1/1"))
    await settle()
    await moving.move("s2")
    assert moving.stage.catalogue.let_go_at_ms[moving.block] is None
    assert isinstance(await moving.ask(hold(2, "1/2")), Replied)
    late.set()
    told = await answered(unknown)
    again = await moving.ask(hold(1, "1/1"))
    assert isinstance(again, Replied)
    assert again.replayed is carried_out
    assert told == [FENCED] or isinstance(told[0], Replied) is carried_out
    assert sorted(moving.placed()) == [1, 2]
    assert moving.writers() == [7, 1]


@pytest.mark.parametrize("carried_out", [True, False])
def test_a_block_moves_away_from_a_commit_whose_outcome_is_unknown(carried_out: bool) -> None:
    on_virtual_time(lambda: check_unknown_commit(carried_out=carried_out))()


async def check_stale_assignment() -> None:
    """A shard that was about to claim what has moved on since is too late."""
    moving = await Moving.begin()
    third = await moving.stage.engine(5, shard="s3")
    moving.engines["s3"] = third
    second = moving.engines["s2"]
    held_up = second.script.hold("append")
    await moving.move("s2")
    await asyncio.sleep(1)
    assert second.script.sent("append") == 1, "it is about to claim"
    second.process.pause()
    await moving.move("s3")
    assert isinstance(await moving.ask(hold(1, "1/1")), Replied)
    held_up.set()
    second.process.resume()
    await asyncio.sleep(1)
    assert isinstance(await moving.ask(hold(2, "1/2")), Replied)
    assert moving.writers() == [7, 5]
    assert not second.left


def test_whoever_the_block_has_left_again_does_not_claim_it() -> None:
    on_virtual_time(check_stale_assignment)()


@on_virtual_time
async def test_a_dead_owner_is_not_waited_for() -> None:
    moving = await Moving.begin()
    await moving.ask(hold(1, "1/1"))
    moving.engines["s1"].process.kill()
    await moving.move("s2")
    assert isinstance(await moving.ask(release(1)), Replied)
    assert moving.stage.catalogue.let_go_at_ms[moving.block] is None


@on_virtual_time
async def test_no_block_goes_to_a_shard_that_is_dead_until_it_has_a_successor() -> None:
    moving = await Moving.begin()
    moving.engines["s2"].process.kill()
    await asyncio.sleep(5)
    moving.stage.catalogue.wishes[moving.block] = "s2"
    await asyncio.sleep(10)
    assert isinstance(await moving.ask(hold(1, "1/1")), Replied)
    assert (moving.owner, moving.faults) == ("s1", {})
    moving.engines["s2"] = await moving.stage.engine(2, shard="s2")
    await moving.move("s2")
    assert isinstance(await moving.ask(release(1)), Replied)


@on_virtual_time
async def test_a_block_that_nobody_uses_moves_at_once_and_without_a_row() -> None:
    moving = await Moving.begin()
    moving.engines["s1"].process.kill()
    moving.engines["s1"] = await moving.stage.engine(8, shard="s1")
    rows = len(moving.stage.store.journals[moving.block])
    await asyncio.sleep(2)
    await moving.move("s2")
    await asyncio.sleep(3)
    assert moving.stage.catalogue.let_go_at_ms[moving.block] == 0
    assert len(moving.stage.store.journals[moving.block]) == rows
    assert moving.block not in moving.engines["s2"].engine.residence.blocks


async def check_due_blocks() -> None:
    """A hold falls due although nobody asks, in a block that came without being loaded."""
    moving = await Moving.begin()
    projection = asyncio.create_task(moving.stage.catalogue.project())
    await moving.ask(hold(1, "1/1", ttl_ms=20_000))
    moving.engines["s1"].process.kill()
    await moving.stage.engine(8, shard="s1")
    await asyncio.sleep(1)
    await moving.move("s2")
    await asyncio.sleep(25)
    assert expired(moving.stage, moving.block) == [1]
    assert moving.writers() == [7, 1]
    projection.cancel()


def test_the_new_owner_looks_for_what_falls_due() -> None:
    on_virtual_time(check_due_blocks)()


async def check_outage() -> None:
    """The former owner hung for longer than the hold was to live: whoever was paying is given a moment."""
    moving = await Moving.begin()
    await moving.ask(hold(1, "1/1", ttl_ms=5_000))
    await asyncio.sleep(2)
    moving.engines["s1"].process.pause()
    await moving.move("s2")
    await asyncio.sleep(0.5)
    assert hold_status(await moving.ask(read_hold(1))) is HoldStatus.ACTIVE
    outages = [entry for entry in moving.stage.entries(moving.block) if isinstance(entry, Activated)][1:]
    assert [2_500 < entry.down_until_ms - entry.down_from_ms < 5_000 for entry in outages] == [True]


def test_a_move_away_from_a_shard_that_hung_gives_its_outage_back() -> None:
    on_virtual_time(check_outage)()


@on_virtual_time
async def test_a_move_between_shards_that_are_well_is_no_outage() -> None:
    moving = await Moving.begin()
    await moving.ask(hold(1, "1/1", ttl_ms=5_000))
    await moving.move("s2")
    await asyncio.sleep(6)
    outages = [entry.down_until_ms for entry in moving.stage.entries(moving.block) if isinstance(entry, Activated)]
    assert outages == [0, 0]
    assert hold_status(await moving.ask(read_hold(1))) is HoldStatus.EXPIRED


async def check_waiting_cluster() -> None:
    """Another cluster, which only waits, carries nothing out; the one that serves does."""
    moving = await Moving.begin()
    moving.engines["s1"].process.pause()
    waiting = [await moving.stage.engine(1, shard=shard, generation=2, cut_over=False) for shard in ("s1", "s2")]
    moving.engines["s2"].process.pause()
    moving.stage.catalogue.wishes[moving.block] = "s2"
    await asyncio.sleep(20)
    assert moving.owner == "s1"
    assert len(waiting) == 2


def test_a_waiting_cluster_moves_nothing() -> None:
    on_virtual_time(check_waiting_cluster)()


@on_virtual_time
async def test_a_block_that_another_cluster_has_moved_is_claimed_under_the_newer_one() -> None:
    moving = await Moving.begin()
    await moving.move("s2")
    assert isinstance(await moving.ask(hold(1, "1/1")), Replied)
    newer = await moving.stage.engine(1, shard="s2", generation=2)
    assert isinstance(await newer.ask_one(moving.block, hold(2, "1/2")), Replied)
    assert await moving.engines["s2"].ask_one(moving.block, hold(3, "1/3")) in (FENCED, Failed(Fault.NOT_OWNER))


async def check_namesake() -> None:
    """What a newer cluster has moved is not for the shard of that name in an older one."""
    moving = await Moving.begin()
    older = await moving.stage.engine(9, shard="s2")
    for engine in (older, *moving.engines.values()):
        engine.process.pause()
    moving.engines = {name: await moving.stage.engine(1, shard=name, generation=2) for name in ("s1", "s2")}
    await moving.move("s2")
    older.process.resume()
    assert await older.ask_one(moving.block, hold(1, "1/1")) == Failed(Fault.NOT_OWNER)
    assert isinstance(await moving.ask(hold(2, "1/2")), Replied)
    assert moving.placed() == [2]


def test_a_block_that_a_newer_cluster_has_moved_is_that_clusters() -> None:
    on_virtual_time(check_namesake)()


def moves_do_not_raise_the_epoch(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(residence, "epoch_of_claim", lambda incarnation, _: incarnation)


def nothing_is_let_go(patch: pytest.MonkeyPatch) -> None:
    """The block is assigned while its owner goes on."""

    async def assign(self: Mover, move: Move) -> None:
        await self._assign(move, 1)

    patch.setattr(Mover, "_let_go", assign)


def it_is_let_go_in_mid_commit(patch: pytest.MonkeyPatch) -> None:
    """What was decided is not waited for, and dropped."""
    take_out = Residence.take_out

    async def hastily(self: Residence, block: Any) -> HostedBlock | None:
        hosted = await take_out(self, block)
        if hosted is not None:
            hosted.lost, hosted.claimed = True, False
        return hosted

    patch.setattr(Residence, "take_out", hastily)


def no_head_check(patch: pytest.MonkeyPatch) -> None:
    async def believe(_: GroupCommit, cycle: Cycle, checking: list[HostedBlock]) -> None:
        cycle.positions.update({hosted: hosted.position for hosted in checking})

    patch.setattr(GroupCommit, "_check", believe)


def whoever_was_fenced_stays_so(patch: pytest.MonkeyPatch) -> None:
    fence = Residence._fence
    patch.setattr(Residence, "_fence", lambda self, block, _: fence(self, block, 1 << 62))


def nobody_takes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(moves, "TAKE_S", 1e9)


def the_sweep_goes_by_where_blocks_were(patch: pytest.MonkeyPatch) -> None:
    due_blocks = Catalogue.due_blocks

    async def of_the_first(self: Catalogue, shard: str, *arguments: Any) -> Any:
        return await due_blocks(self, "nobody", *arguments)

    patch.setattr(Catalogue, "due_blocks", of_the_first)


def outages_are_those_of_ones_own_shard(patch: pytest.MonkeyPatch) -> None:
    assignment = Catalogue.assignment

    async def without_past(self: Catalogue, block: Any) -> Any:
        found = await assignment(self, block)
        return found and found._replace(former_shard=found.shard)

    patch.setattr(Catalogue, "assignment", without_past)


def clusters_do_not_wait(patch: pytest.MonkeyPatch) -> None:
    run = Mover.run

    async def at_once(self: Mover, _: asyncio.Event) -> None:
        may_act = asyncio.Event()
        may_act.set()
        await run(self, may_act)

    patch.setattr(Mover, "run", at_once)


Check = Callable[[], Any]


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        (moves_do_not_raise_the_epoch, check_moves_while_it_sells),
        (moves_do_not_raise_the_epoch, check_stale_assignment),
        (nothing_is_let_go, check_moves_while_it_sells),
        (it_is_let_go_in_mid_commit, check_moves_while_it_sells),
        (no_head_check, lambda: check_owner_that_hangs("read")),
        (whoever_was_fenced_stays_so, lambda: check_owner_that_hangs("write")),
        (nobody_takes, lambda: check_owner_that_hangs("write")),
        (nobody_takes, lambda: check_unknown_commit(carried_out=True)),
        (the_sweep_goes_by_where_blocks_were, check_due_blocks),
        (outages_are_those_of_ones_own_shard, check_outage),
        (clusters_do_not_wait, check_waiting_cluster),
        (moves_do_not_raise_the_epoch, check_namesake),
    ],
)
def test_the_check_notices(
    sabotage: Callable[[pytest.MonkeyPatch], None], check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, TimeoutError)):
        on_virtual_time(check)()
