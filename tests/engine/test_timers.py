"""What a shard does by itself: holds expire although nobody asks, an outage does not eat them, none acts too early."""

import asyncio
from typing import Any

import pytest

from actors.core.snapshot import FORMAT
from actors.engine import group_commit, timers
from actors.engine.catalogue_port import Beat
from actors.engine.clock import JournalClock
from actors.link.batch import Failed, Fault, Replied
from tests.engine.stage import (
    FENCED,
    Stage,
    answered,
    expired,
    hold,
    on_virtual_time,
    read_event,
    read_hold,
    release,
    settle,
)
from tests.simulation.world import Catalogue, now_ms


def projecting(stage: Stage) -> "asyncio.Task[None]":
    """The projection of deadlines, running."""
    return asyncio.get_running_loop().create_task(stage.catalogue.project())


@on_virtual_time
async def test_a_hold_expires_although_nobody_asks() -> None:
    stage = Stage()
    owner = await stage.engine()
    block = await stage.on_sale(owner)
    await owner.ask(block, hold(1, "1/1", ttl_ms=5_000), hold(2, "1/2", ttl_ms=60_000))
    await asyncio.sleep(4.5)
    assert expired(stage, block) == []
    await asyncio.sleep(1.5)
    assert expired(stage, block) == [1]


@on_virtual_time
async def test_a_hold_expires_although_nobody_asks_after_its_shard_was_lost() -> None:
    stage = Stage()
    projection = projecting(stage)
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    await former.ask(block, hold(1, "1/1", ttl_ms=20_000))
    await asyncio.sleep(1)
    former.process.kill()
    await asyncio.sleep(1)
    await stage.engine(2)
    await asyncio.sleep(17)
    assert expired(stage, block) == []
    await asyncio.sleep(5)
    assert expired(stage, block) == [1]  # without grace, as the successor was there when it fell due
    assert stage.epochs(block)[-1] == 2
    projection.cancel()


async def check_stuck_blocks() -> None:
    """More blocks than a page has are overdue and do not replay; one that does is overdue for less long."""
    stage = Stage()
    projection = projecting(stage)
    former = await stage.engine(1)
    stuck = [await stage.on_sale(former) for _ in range(4)]
    sound = await stage.on_sale(former)
    for block in (*stuck, sound):
        await former.ask(block, hold(1, "1/1", ttl_ms=5_000 + 1_000 * (block == sound)))
    await asyncio.sleep(2)
    former.process.kill()
    for block in stuck:
        stage.store.remove(block, 2)
    await stage.engine(2)
    await asyncio.sleep(20)
    assert expired(stage, sound) == [1]
    projection.cancel()


def test_blocks_that_cannot_be_brought_in_do_not_keep_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "BLOCKS_PER_SWEEP", 3)
    on_virtual_time(check_stuck_blocks)()


def test_control_a_sweep_that_always_begins_at_the_most_overdue_starves_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    due_blocks = Catalogue.due_blocks
    monkeypatch.setattr(
        Catalogue, "due_blocks", lambda self, shard, now_ms, _, limit: due_blocks(self, shard, now_ms, None, limit)
    )
    monkeypatch.setattr(timers, "BLOCKS_PER_SWEEP", 3)
    with pytest.raises(AssertionError):
        on_virtual_time(check_stuck_blocks)()


@on_virtual_time
async def test_a_waiting_cluster_does_nothing_before_the_first_write() -> None:
    stage = Stage()
    projection = projecting(stage)
    former = await stage.engine(1)
    block, other = await stage.on_sale(former), await stage.on_sale(former)
    await former.ask(block, hold(1, "1/1", ttl_ms=5_000))
    former.process.kill()
    waiting = await stage.engine(1, generation=2, cut_over=False)
    rows = list(stage.store.journals[block])
    for _ in range(60):
        assert isinstance(await waiting.ask_one(block, read_event()), Replied)
        await asyncio.sleep(1)
    assert waiting.script.sent("append") == 0
    assert stage.store.journals[block] == rows
    assert isinstance(await waiting.ask_one(other, hold(1, "1/1")), Replied)
    await asyncio.sleep(60)
    assert expired(stage, block) == [1]
    projection.cancel()


async def check_that_all_shards_are_cut_over_to() -> None:
    """A hold falls due in a shard that nobody writes to."""
    stage = Stage()
    projection = projecting(stage)
    former = {shard: await stage.engine(shard=shard) for shard in ("s1", "s2")}
    quiet, busy = await stage.on_sale(former["s1"]), await stage.on_sale(former["s2"])
    await former["s1"].ask(quiet, hold(1, "1/1", ttl_ms=5_000))
    for running in former.values():
        running.process.kill()
    waiting = {shard: await stage.engine(shard=shard, generation=2, cut_over=False) for shard in ("s1", "s2")}
    await asyncio.sleep(30)
    assert expired(stage, quiet) == []
    assert isinstance(await waiting["s2"].ask_one(busy, hold(1, "1/1")), Replied)
    waiting["s1"].process.kill()
    await stage.engine(2, shard="s1", generation=2, cut_over=False)
    await asyncio.sleep(60)
    projection.cancel()
    assert expired(stage, quiet) == [1]


def test_the_first_write_to_a_cluster_wakes_all_its_shards() -> None:
    on_virtual_time(check_that_all_shards_are_cut_over_to)()


def test_control_one_that_hears_nothing_of_the_others_sleeps_on(monkeypatch: pytest.MonkeyPatch) -> None:
    heartbeat = Catalogue.heartbeat

    async def of_itself_alone(*arguments: Any) -> Beat:
        return (await heartbeat(*arguments))._replace(is_cut_over=False)

    monkeypatch.setattr(Catalogue, "heartbeat", of_itself_alone)
    with pytest.raises(AssertionError):
        on_virtual_time(check_that_all_shards_are_cut_over_to)()


def test_a_snapshot_is_saved_when_its_position_is_durable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "ENTRIES_PER_SNAPSHOT", 5)
    on_virtual_time(check_snapshots)()


async def check_snapshots() -> None:
    stage = Stage()
    owner = await stage.engine()
    block = await stage.on_sale(owner)
    acknowledgement = owner.script.hold_answer("append")
    sent = owner.send(block, hold(1, "1/1"), hold(2, "1/2"), hold(3, "1/3"))
    await asyncio.sleep(1)
    assert owner.script.sent("save_snapshot") == 0
    acknowledgement.set()
    await answered(sent)
    await settle()
    assert owner.script.sent("save_snapshot") == 1
    saved = stage.store.snapshots[block, FORMAT][-1]
    assert saved.position == len(stage.store.journals[block])
    assert saved.chain == stage.store.journals[block][-1].chain
    for number in range(4, 8):
        await owner.ask(block, hold(number, f"2/{number}"))
    assert owner.script.sent("save_snapshot") == 1
    await owner.ask(block, hold(8, "2/8"))
    await settle()
    assert owner.script.sent("save_snapshot") == 2


def test_a_snapshot_of_a_fenced_state_is_never_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "ENTRIES_PER_SNAPSHOT", 5)
    on_virtual_time(check_fenced_snapshot)()


async def check_fenced_snapshot() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    successor = await stage.engine(2)
    await successor.ask(block, release(1))
    assert set(await former.ask(block, hold(1, "1/1"), hold(2, "1/2"), hold(3, "1/3"))) == {FENCED}
    await settle()
    assert former.script.sent("save_snapshot") == 0


@on_virtual_time
async def test_a_clock_that_jumps_is_a_fault_and_no_mass_expiry() -> None:
    stage = Stage()
    owner = await stage.engine()
    block = await stage.on_sale(owner)
    await owner.ask(block, hold(1, "1/1"))
    stage.clock_error_ms = 3_600_000
    await owner.ask(block, hold(2, "1/2"))
    (refused,) = await answered(owner.send(block, hold(3, "1/3")))
    assert isinstance(refused, Failed)
    assert refused.fault is Fault.UNAVAILABLE
    await asyncio.sleep(3)
    stage.clock_error_ms = 0
    await asyncio.sleep(2)
    assert isinstance(await owner.ask_one(block, hold(3, "1/3")), Replied)
    assert expired(stage, block) == []
    assert not owner.left


async def check_that_nothing_ends_before_its_time() -> None:
    """The shard's own clock jumps, and a while passes before the journal is heard; then it is known to be wrong."""
    stage = Stage()
    owner = await stage.engine()
    block, other = await stage.on_sale(owner), await stage.on_sale(owner)
    for one in (block, other):
        await owner.ask(one, hold(1, "1/1", ttl_ms=20_000))
    owner.jumped_s = 30.0
    owner.send(other, hold(2, "1/1"))  # decided by the clock that jumped
    await asyncio.sleep(19)
    assert owner.left
    assert expired(stage, block) == expired(stage, other) == []
    successor = await stage.engine(2)
    await successor.ask(block, release(1))
    await asyncio.sleep(60)
    assert expired(stage, block) == []


def test_a_clock_of_its_own_that_jumps_ends_nothing() -> None:
    on_virtual_time(check_that_nothing_ends_before_its_time)()


def test_control_with_a_clock_that_is_believed_holds_end_before_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JournalClock, "sure_ms", JournalClock.now_ms)
    with pytest.raises(AssertionError):
        on_virtual_time(check_that_nothing_ends_before_its_time)()


@on_virtual_time
async def test_a_shard_whose_clock_stays_wrong_leaves() -> None:
    stage = Stage()
    owner = await stage.engine()
    block = await stage.on_sale(owner)
    await owner.ask(block, hold(1, "1/1"))
    stage.clock_error_ms = 3_600_000
    await asyncio.sleep(15)
    assert owner.left
    assert expired(stage, block) == []


@on_virtual_time
async def test_a_slow_journal_is_no_jump_of_its_clock() -> None:
    stage = Stage()
    owner = await stage.engine()
    block = await stage.on_sale(owner)
    for number in range(1, 4):
        acknowledgement = owner.script.hold_answer("append")
        sent = owner.send(block, hold(number, f"1/{number}"))
        await asyncio.sleep(4)
        acknowledgement.set()
        assert isinstance((await answered(sent))[0], Replied)
        assert isinstance((await answered(owner.send(block, read_hold(number))))[0], Replied)
    assert abs(owner.engine.clock.now_ms() - now_ms()) < 100


@on_virtual_time
async def test_a_waiting_cluster_does_not_end_the_one_that_serves() -> None:
    stage = Stage()
    serving = await stage.engine(1, generation=1)
    block = await stage.on_sale(serving)
    waiting = await stage.engine(1, generation=2, cut_over=False)
    await asyncio.sleep(30)
    assert not serving.left
    assert isinstance(await serving.ask_one(block, hold(1, "1/1")), Replied)
    assert not waiting.left


@on_virtual_time
async def test_a_shard_that_was_replaced_stays_to_say_so_and_then_leaves() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    successor = await stage.engine(2)
    await successor.ask(block, hold(1, "1/1"))
    await asyncio.sleep(5)
    assert await former.ask_one(block, read_hold(1)) == FENCED
    await asyncio.sleep(15)
    assert former.left
    assert not successor.left
