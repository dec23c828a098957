"""What a shard does by itself: holds expire although nobody asks, an outage does not eat them, none acts too early."""

import asyncio

import pytest

from actors.core.commands import MAX_HOLD_LIFE_MS
from actors.core.entries import Activated, HoldExpired, HoldPlaced
from actors.core.ids import BlockId
from actors.core.replies import HoldStatus
from actors.core.snapshot import FORMAT
from actors.engine import group_commit, timers
from actors.engine.catalogue_port import CatalogueUnavailable
from actors.link.batch import Failed, Fault, Replied
from tests.engine.stage import (
    FENCED,
    Running,
    Stage,
    answered,
    hold,
    hold_reply,
    hold_status,
    on_virtual_time,
    read_event,
    read_hold,
    release,
    settle,
)
from tests.simulation.world import Catalogue, now_ms


def expired(stage: Stage, block: BlockId) -> list[int]:
    """The holds whose expiry is in the journal."""
    return [entry.hold for entry in stage.entries(block) if isinstance(entry, HoldExpired)]


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


async def taken_over(stage: Stage, former: Running, block: BlockId, down_s: float) -> tuple[Running, int]:
    """The former owner falls silent, a successor takes over so much later; the successor and the time of its claim."""
    former.process.kill()
    await asyncio.sleep(down_s)
    successor = await stage.engine(2)
    assert isinstance(await successor.ask_one(block, hold(99, "4/10")), Replied)
    (claim,) = [entry for entry in stage.entries(block) if isinstance(entry, Activated)][1:]
    return successor, claim.at_ms


@on_virtual_time
async def test_an_outage_does_not_eat_the_holds_of_buyers_who_were_paying() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    await former.ask(block, hold(1, "1/1", ttl_ms=15_000), hold(2, "1/2", ttl_ms=120_000), hold(3, "1/3", ttl_ms=5_000))
    await asyncio.sleep(10)
    successor, claimed_ms = await taken_over(stage, former, block, 20)
    in_outage = hold_reply(await successor.ask_one(block, read_hold(1)))
    assert (in_outage.status, in_outage.expires_at_ms) == (HoldStatus.ACTIVE, claimed_ms + 30_000)
    later = hold_reply(await successor.ask_one(block, read_hold(2)))
    assert later.expires_at_ms == hold_reply(await successor.ask_one(block, read_hold(2))).expires_at_ms
    assert later.expires_at_ms < claimed_ms + 120_000  # as it was
    assert hold_status(await successor.ask_one(block, read_hold(3))) is HoldStatus.EXPIRED  # before the outage


class Forgetful(Catalogue):
    """One that cannot say once when the former owner was last alive."""

    refusals = 1

    async def last_heartbeat_ms(self, shard: str, epoch: int) -> int | None:
        if self.refusals:
            self.refusals -= 1
            raise CatalogueUnavailable("no answer")
        return await super().last_heartbeat_ms(shard, epoch)


@on_virtual_time
async def test_an_outage_whose_length_cannot_be_known_yet_is_asked_for_again() -> None:
    stage = Stage()
    stage.catalogue = catalogue = Forgetful(stage.store)
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    await former.ask(block, hold(1, "1/1", ttl_ms=15_000))
    await asyncio.sleep(10)
    successor, claimed_ms = await taken_over(stage, former, block, 20)
    assert catalogue.refusals == 0
    assert hold_reply(await successor.ask_one(block, read_hold(1))).expires_at_ms == claimed_ms + 30_000


@on_virtual_time
async def test_an_outage_ends_when_the_successor_is_there_not_when_it_gets_round_to_the_block() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    await former.ask(block, hold(1, "1/1", ttl_ms=15_000), hold(2, "1/2", ttl_ms=40_000))
    former.process.kill()
    await asyncio.sleep(20)
    successor = await stage.engine(2)
    await asyncio.sleep(30)
    assert isinstance(await successor.ask_one(block, hold(3, "4/10")), Replied)
    assert hold_status(await successor.ask_one(block, read_hold(1))) is HoldStatus.ACTIVE
    assert hold_status(await successor.ask_one(block, read_hold(2))) is HoldStatus.EXPIRED


@on_virtual_time
async def test_a_successor_after_a_lasting_jump_of_the_clock_expires_nothing_early() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    await former.ask(block, hold(1, "1/1", ttl_ms=600_000))
    stage.clock_error_ms = 3_600_000
    await asyncio.sleep(15)
    assert former.left
    successor = await stage.engine(2)
    assert isinstance(await successor.ask_one(block, hold(2, "1/2")), Replied)
    await asyncio.sleep(2)
    assert expired(stage, block) == []
    assert hold_status(await successor.ask_one(block, read_hold(1))) is HoldStatus.ACTIVE


@on_virtual_time
async def test_an_outage_never_moves_a_hold_past_its_cap() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    (answer,) = await former.ask(block, hold(1, "1/1", ttl_ms=MAX_HOLD_LIFE_MS))
    cap_ms = hold_reply(answer).max_expires_at_ms
    await asyncio.sleep(MAX_HOLD_LIFE_MS / 1000 - 5)
    successor, _ = await taken_over(stage, former, block, 20)
    assert hold_reply(await successor.ask_one(block, read_hold(1))).expires_at_ms == cap_ms
    assert hold_status(await successor.ask_one(block, read_hold(1))) is HoldStatus.EXPIRED


@on_virtual_time
async def test_there_is_no_grace_where_the_former_owner_was_alive() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    await former.ask(block, hold(1, "1/1", ttl_ms=15_000))
    await asyncio.sleep(14)
    former.process.pause()  # silent, but for less than what counts as an outage
    await asyncio.sleep(1.2)
    successor = await stage.engine(2)
    assert isinstance(await successor.ask_one(block, hold(2, "1/1")), Replied)
    assert hold_status(await successor.ask_one(block, read_hold(1))) is HoldStatus.EXPIRED


@on_virtual_time
async def test_there_is_no_grace_where_the_former_owner_has_just_written() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    await former.ask(block, hold(1, "1/1", ttl_ms=15_000))
    stage.catalogue.beats_ms = _Deaf(stage.catalogue.beats_ms)
    await asyncio.sleep(14.9)
    successor = await stage.engine(2)
    claim = successor.script.hold("append")
    successor.send(block, hold(2, "1/1"))
    await settle()
    await asyncio.sleep(0.2)
    assert isinstance(await former.ask_one(block, hold(3, "1/3")), Replied)
    claim.set()
    await asyncio.sleep(0.1)
    activations = [entry for entry in stage.entries(block) if isinstance(entry, Activated)]
    assert [entry.down_until_ms for entry in activations] == [0, 0]


@on_virtual_time
async def test_an_outage_begins_with_the_last_write_if_that_came_after_the_last_heartbeat() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    stage.catalogue.beats_ms = _Deaf(stage.catalogue.beats_ms)
    await former.ask(block, hold(1, "1/1", ttl_ms=5_000), hold(2, "1/2", ttl_ms=12_000))
    await asyncio.sleep(10)
    assert isinstance(await former.ask_one(block, hold(3, "1/3")), Replied)
    successor, _ = await taken_over(stage, former, block, 20)
    assert hold_status(await successor.ask_one(block, read_hold(1))) is HoldStatus.EXPIRED
    assert hold_status(await successor.ask_one(block, read_hold(2))) is HoldStatus.ACTIVE  # due in the outage
    entries = stage.entries(block)
    (outage_from_ms,) = (entry.down_from_ms for entry in entries if isinstance(entry, Activated) and entry.down_from_ms)
    assert outage_from_ms == next(entry.at_ms for entry in entries if isinstance(entry, HoldPlaced) and entry.hold == 3)


class _Deaf(dict[tuple[str, int], int]):
    """Beats that stopped: the catalogue cannot be reached from the former owner, which serves all the same."""

    def __setitem__(self, key: tuple[str, int], value: int) -> None:
        if key not in self:
            super().__setitem__(key, value)


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
