"""A shard's memory is bounded: idle blocks are let go and come in again as they were; where none is idle none comes."""

import asyncio

import pytest

from actors.core.ids import BlockId
from actors.core.outcomes import Reason
from actors.core.snapshot import digest
from actors.core.state import BlockState
from actors.engine import eviction
from actors.engine.activation import Activator
from actors.engine.block_memory import BlockMemory
from actors.engine.eviction import Eviction
from actors.engine.hosted import HostedBlock
from actors.engine.replay import before_first_row, replay
from actors.journal.memory import MemoryJournal
from actors.link.batch import Failed, Fault, Refused, Replied
from tests.engine.full_shard import FITTING, IDLE_S, Full, full
from tests.engine.stage import (
    Stage,
    answered,
    expired,
    hold,
    hold_reply,
    hold_status,
    on_virtual_time,
    read_event,
    read_hold,
    settle,
)
from tests.engine.test_timers import projecting
from tests.simulation.world import Catalogue

MANY = 3 * FITTING
OVERLOADED = Failed(Fault.OVERLOADED)


async def replayed(stage: Stage, block: BlockId) -> BlockState:
    """What the block's journal comes to."""
    hosted = before_first_row(block)
    await replay(MemoryJournal(stage.store), hosted)
    return hosted.state


async def check_that_memory_is_bounded(patch: pytest.MonkeyPatch) -> None:
    """And that whatever was let go comes in again as it was, several times over."""
    house = await full(patch, 1)
    heaviest = 0
    for _ in range(MANY - 1):
        await house.add()
        heaviest = max(heaviest, house.weight)
    for block in house.blocks * 2:
        again, taken, placed, read = await house.shard.ask(
            block, hold(99, "1/1", key="hold-1"), hold(2, "1/1", key="taken"), hold(3, "2/1"), read_hold(1)
        )
        assert isinstance(again, Replied), again
        assert (again.replayed, hold_reply(again).hold) == (True, 1), "what was held under the key is known"
        assert isinstance(taken, Refused), taken
        assert taken.reason is Reason.UNITS_HELD
        assert isinstance(placed, Replied), placed
        assert isinstance(read, Replied), read
        assert await house.shard.digest(block) == digest(await replayed(house.stage, block))
        heaviest = max(heaviest, house.weight)
        await asyncio.sleep(IDLE_S)
    assert heaviest <= eviction.MAX_BYTES * FITTING / (FITTING - 1), "one block beyond the bound at most"
    counters = house.shard.engine.counters()
    assert counters.evicted_count >= 2 * MANY
    assert (counters.block_count, counters.block_bytes) == (len(house.here), house.weight)


@on_virtual_time
async def test_more_blocks_than_fit_are_served_and_never_in_memory_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    await check_that_memory_is_bounded(monkeypatch)


def no_eviction(patch: pytest.MonkeyPatch) -> None:
    """As it was."""
    patch.setattr(Eviction, "make_room", lambda _: True)
    patch.setattr(Eviction, "_let_go", lambda _, **__: False)


def test_control_that_nothing_is_let_go_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    no_eviction(monkeypatch)
    with pytest.raises(AssertionError, match="one block beyond the bound"):
        on_virtual_time(check_that_memory_is_bounded)(monkeypatch)


async def check_that_what_is_on_its_way_stays(patch: pytest.MonkeyPatch) -> None:
    """A commit takes long, somebody waits for the next one; meanwhile another comes in, and there is room for none."""
    house = await full(patch, FITTING)
    block = house.blocks[0]
    assert isinstance(await house.shard.ask_one(block, hold(4, "2/1")), Replied)
    held = house.shard.script.hold_answer("append")
    first = house.shard.send(block, hold(5, "3/1"))
    await settle()
    second = house.shard.send(block, hold(6, "3/2"))
    patch.setattr(eviction, "MAX_BYTES", 1)
    await asyncio.sleep(IDLE_S + eviction.LOOKED_EVERY_S)
    house.shard.send(house.stage.new_block(), read_event())
    await settle()
    held.set()
    for sent in (first, second):
        assert isinstance((await answered(sent))[0], Replied), "nobody else has the block"


@on_virtual_time
async def test_a_block_with_something_on_its_way_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    await check_that_what_is_on_its_way_stays(monkeypatch)


def test_control_that_it_is_let_go_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Eviction, "_is_idle", lambda *_: True)
    with pytest.raises(AssertionError, match="nobody else has the block"):
        on_virtual_time(check_that_what_is_on_its_way_stays)(monkeypatch)


async def check_that_holds_expire(patch: pytest.MonkeyPatch) -> None:
    house = await full(patch, 1)
    projection = projecting(house.stage)
    block = await house.add(ttl_ms=60_000)
    for _ in range(MANY):
        await house.add()
    assert block not in house.here
    assert expired(house.stage, block) == []
    await asyncio.sleep(60)
    projection.cancel()
    assert expired(house.stage, block) == [1], "it is not in memory, and ends all the same"


@on_virtual_time
async def test_holds_of_blocks_that_were_let_go_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    await check_that_holds_expire(monkeypatch)


def test_control_that_nobody_looks_for_what_is_due_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> list[object]:
        return []

    monkeypatch.setattr(Catalogue, "due_blocks", nothing)
    with pytest.raises(AssertionError, match="ends all the same"):
        on_virtual_time(check_that_holds_expire)(monkeypatch)


async def check_that_what_was_fenced_is_not_served(patch: pytest.MonkeyPatch) -> None:
    """A successor has written to the block since it was let go."""
    house = await full(patch, MANY)
    block = house.blocks[0]
    assert block not in house.here
    successor = await house.stage.engine(2)
    assert isinstance(await successor.ask_one(block, hold(2, "2/1")), Replied)
    for _ in range(3):
        assert await house.shard.ask_one(block, hold(3, "2/1")) == Failed(Fault.NOT_OWNER), "another has it"
        await asyncio.sleep(IDLE_S)
    assert house.stage.epochs(block)[-1] == 2
    assert hold_status(await successor.ask_one(block, read_hold(2))).name == "ACTIVE"


@on_virtual_time
async def test_a_block_that_another_has_taken_meanwhile_is_not_served(monkeypatch: pytest.MonkeyPatch) -> None:
    await check_that_what_was_fenced_is_not_served(monkeypatch)


def test_control_that_it_is_claimed_all_the_same_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Activator, "_refuse_newer", lambda *_: None)
    with pytest.raises(AssertionError, match="another has it"):
        on_virtual_time(check_that_what_was_fenced_is_not_served)(monkeypatch)


@on_virtual_time
async def test_a_block_is_fenced_as_ever_while_others_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was here when another took it: it is not claimed again, however often it comes in to be read and goes."""
    house = await full(monkeypatch, 2)
    block = house.blocks[-1]
    successor = await house.stage.engine(2)
    assert isinstance(await successor.ask_one(block, hold(2, "2/1")), Replied)
    assert await house.shard.ask_one(block, hold(3, "2/2")) == Failed(Fault.FENCED)
    monkeypatch.setattr(eviction, "MAX_BYTES", 1)
    for _ in range(2):
        assert isinstance(await house.shard.ask_one(block, read_event()), Replied)
        await asyncio.sleep(IDLE_S)
        house.shard.send(house.blocks[0], read_event())
        await settle()
        assert block not in house.here
        await asyncio.sleep(IDLE_S)
        assert await house.shard.ask_one(block, hold(3, "2/2")) == Failed(Fault.NOT_OWNER)
    assert house.stage.epochs(block)[-1] == 2


async def in_use(house: Full, blocks: list[BlockId]) -> None:
    """Somebody reads them, for ever."""
    while True:
        for block in blocks:
            house.shard.send(block, read_event())
        await asyncio.sleep(0.5)


async def check_that_no_more_come_in(patch: pytest.MonkeyPatch) -> None:
    house = await full(patch, MANY)
    using = asyncio.get_running_loop().create_task(in_use(house, house.here))
    here, gone = house.here, house.blocks[0]
    assert len(here) == FITTING - 1
    await house.shard.ask(here[0], read_event())
    await house.add()  # for one more there is room, as blocks are weighed once they are there
    using.cancel()
    here = house.here
    using = asyncio.get_running_loop().create_task(in_use(house, here))
    await asyncio.sleep(2 * IDLE_S)
    for _ in range(10):
        assert await answered(house.shard.send(gone, read_event())) == [OVERLOADED], "memory is full"
        await asyncio.sleep(IDLE_S)
    assert house.here == here
    using.cancel()
    await asyncio.sleep(IDLE_S)
    assert isinstance(await house.shard.ask_one(gone, read_event()), Replied)


@on_virtual_time
async def test_where_all_are_in_use_no_more_come_in_until_one_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    await check_that_no_more_come_in(monkeypatch)


def test_control_that_they_come_in_all_the_same_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Eviction, "make_room", lambda self: [self._let_go(but=0)] != [])
    with pytest.raises(AssertionError, match="memory is full"):
        on_virtual_time(check_that_no_more_come_in)(monkeypatch)


@on_virtual_time
async def test_what_waits_for_its_turn_when_memory_is_full_is_refused_then(monkeypatch: pytest.MonkeyPatch) -> None:
    house = await full(monkeypatch, MANY)
    residence, gone = house.shard.engine.residence, house.blocks[0]
    rooms = iter((True, False))
    residence.make_room = lambda: next(rooms, False)
    assert await answered(house.shard.send(gone, read_event())) == [Failed(Fault.NOT_READY)]
    await settle()
    assert await answered(house.shard.send(gone, read_event())) == [OVERLOADED]
    assert gone not in house.here
    residence._stall.by = (gone, False)
    await asyncio.sleep(1)
    assert gone in house.here, "the one that shows whether any comes in"
    assert not residence.stalled


@on_virtual_time
async def test_a_block_that_weighs_more_than_all_may_is_loaded_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    house = await full(monkeypatch, 3, fitting=1)
    monkeypatch.setattr(eviction, "MAX_BYTES", 1)
    await asyncio.sleep(10)
    assert house.here == house.blocks[-1:], "it stays while nobody wants another"
    for block in house.blocks:
        assert isinstance(await house.shard.ask_one(block, hold(2, "2/1")), Replied)
        assert house.here == [block]
        await asyncio.sleep(IDLE_S)


async def check_order(patch: pytest.MonkeyPatch) -> None:
    """What was loaded to be read was used last, and goes first."""
    house = await full(patch, FITTING + 1)
    gone, here = house.blocks[0], house.here
    assert gone not in here
    patch.setattr(eviction, "MAX_BYTES", 2 * eviction.MAX_BYTES)
    assert isinstance(await house.shard.ask_one(gone, read_event()), Replied)
    assert not house.shard.engine.residence.blocks[gone].claimed
    await asyncio.sleep(IDLE_S)
    patch.setattr(eviction, "MAX_BYTES", house.weight)
    await asyncio.sleep(eviction.LOOKED_EVERY_S)
    assert house.here == here, "what was only read goes first"


@on_virtual_time
async def test_what_was_only_loaded_to_be_read_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    await check_order(monkeypatch)


def test_control_that_it_goes_as_any_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def alike(self: BlockMemory, block: BlockId, hosted: HostedBlock) -> None:
        put(self, block, hosted)
        if not hosted.claimed:
            self.to_write[block] = self.to_read.pop(block)

    put = BlockMemory.__setitem__
    monkeypatch.setattr(BlockMemory, "__setitem__", alike)
    with pytest.raises(AssertionError, match="what was only read goes first"):
        on_virtual_time(check_order)(monkeypatch)


async def check_what_is_due_soon(patch: pytest.MonkeyPatch) -> None:
    """It stays while anything else can go; where all have something to do, one of them goes."""
    patch.setattr(eviction, "DUE_SOON_MS", 300_000)
    house = await full(patch, 1, ttl_ms=600_000)
    soon = await house.add(ttl_ms=200_000)
    for _ in range(MANY):
        await house.add(ttl_ms=600_000)
    assert soon in house.here, "it would be back soon"
    for _ in range(MANY):
        await house.add(ttl_ms=200_000)
    assert soon not in house.here


@on_virtual_time
async def test_what_has_something_to_do_soon_goes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    await check_what_is_due_soon(monkeypatch)


def test_control_that_it_goes_as_any_other_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Eviction, "_is_busy_soon", lambda *_: False)
    with pytest.raises(AssertionError, match="it would be back soon"):
        on_virtual_time(check_what_is_due_soon)(monkeypatch)


def test_control_that_it_never_goes_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that wait for a block that finds no room would stay for ever."""
    is_idle, is_busy = Eviction._is_idle, Eviction._is_busy_soon
    monkeypatch.setattr(Eviction, "_is_idle", lambda *both: is_idle(*both) and not is_busy(*both))
    with pytest.raises(AssertionError):
        on_virtual_time(check_what_is_due_soon)(monkeypatch)


@on_virtual_time
async def test_what_cannot_be_trusted_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would come in again, and be served."""
    house = await full(monkeypatch, 2)
    block = house.blocks[0]
    house.shard.engine.residence.blocks[block].quarantined = "a bug"
    for _ in range(MANY):
        await house.add()
    assert await house.shard.ask_one(block, hold(2, "2/1")) == Failed(Fault.QUARANTINED, "the block is quarantined")
