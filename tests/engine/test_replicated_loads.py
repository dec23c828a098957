"""What was loaded answers reads only when the replicas have it; who claims it asks nothing more for that."""

import asyncio
from collections.abc import Callable

import pytest

from actors.core.ids import BlockId
from actors.core.replies import HoldStatus
from actors.engine.activation import Activator
from actors.engine.catalogue_port import Assignment
from actors.engine.hosted import HostedBlock
from actors.engine.residence import ACTIVATIONS_AT_ONCE
from actors.link.batch import Failed, Fault, Replied
from tests.engine.refusing import bears, refuse
from tests.engine.stage import (
    NOT_READY,
    Running,
    Stage,
    answered,
    hold,
    hold_status,
    on_virtual_time,
    read_event,
    read_hold,
    settle,
)

UNTIL_REPLICATED = "until_replicated"
BOUND_MS = 1_000


async def sold_by_another(stage: Stage, block_count: int = 1) -> list[BlockId]:
    """Blocks with two holds each, whose owner is gone."""
    owner = await stage.engine()
    blocks = [await stage.on_sale(owner) for _ in range(block_count)]
    for block in blocks:
        await owner.ask(block, hold(1, "1/1"))
        await owner.ask(block, hold(2, "1/2"))
    owner.process.kill()
    return blocks


async def reader_of(stage: Stage) -> Running:
    """A shard of the next cluster, which claims nothing before somebody asks it to."""
    return await stage.engine(generation=2, cut_over=False, bound_ms=BOUND_MS)


async def check_replicas_are_waited_for() -> None:
    """Nothing is read while they do not answer, and all is when they do."""
    stage = Stage()
    (block,) = await sold_by_another(stage)
    reader = await reader_of(stage)
    replicas = reader.script.hold(UNTIL_REPLICATED)
    for _ in range(5):
        assert await answered(reader.send(block, read_hold(1))) == [NOT_READY]
        await asyncio.sleep(0.1)
    replicas.set()
    assert hold_status(await reader.ask_one(block, read_hold(1))) is HoldStatus.ACTIVE
    assert reader.script.sent("append") == 0
    for number in (1, 2):
        await reader.ask_one(block, read_hold(number))
    assert reader.script.sent(UNTIL_REPLICATED) == 1, "once is enough"


@on_virtual_time
async def test_what_was_loaded_is_read_when_the_replicas_have_it() -> None:
    await check_replicas_are_waited_for()


async def believe(_: Activator, loaded: HostedBlock) -> None:
    """What was found is on the replicas."""
    loaded.replicated = True


@on_virtual_time
async def test_control_a_load_that_asks_no_replica_is_noticed() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Activator, "until_replicated", believe)
        with pytest.raises(AssertionError):
            await check_replicas_are_waited_for()


@on_virtual_time
async def test_replicas_that_do_not_answer_keep_no_other_block_out_for_longer_than_a_statement() -> None:
    stage = Stage()
    blocks = await sold_by_another(stage, ACTIVATIONS_AT_ONCE + 1)
    reader = await reader_of(stage)
    reader.script.hold(UNTIL_REPLICATED)
    assert await answered(reader.send(blocks[0], read_event())) == [NOT_READY]
    await settle()
    for block in blocks[1:]:
        assert isinstance(await reader.ask_one(block, read_event()), Replied)
    assert reader.script.sent(UNTIL_REPLICATED) == len(blocks)
    assert isinstance(await reader.ask_one(blocks[0], read_event()), Replied), "it is asked again"


async def check_claims() -> None:
    stage = Stage()
    blocks = await sold_by_another(stage, 3)
    successor = await stage.engine(2)
    for block in blocks:
        assert isinstance(await successor.ask_one(block, hold(3, "1/3")), Replied)
        assert isinstance(await successor.ask_one(block, read_event()), Replied)
    assert successor.script.sent(UNTIL_REPLICATED) == 0


@on_virtual_time
async def test_a_claim_costs_no_other_commit() -> None:
    await check_claims()


@on_virtual_time
async def test_control_a_load_that_always_waits_is_noticed() -> None:
    load = Activator.load

    async def load_and_wait(self: Activator, block: BlockId) -> HostedBlock:
        loaded = await load(self, block)
        await self.until_replicated(loaded)
        return loaded

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Activator, "load", load_and_wait)
        with pytest.raises(AssertionError):
            await check_claims()


async def check_refused_claim() -> None:
    """Of a block whose claim the journal refuses, what is there is read, when the replicas have it."""
    stage = Stage()
    (block,) = await sold_by_another(stage)
    successor = await stage.engine(2)
    refuse(successor, bears(block))
    refused = await successor.ask_one(block, hold(3, "1/3"))
    assert isinstance(refused, Failed)
    assert refused.fault is Fault.QUARANTINED
    asked = [statement.blocks for statement in successor.script.seen if statement.name == UNTIL_REPLICATED]
    assert asked.count((block,)) == 1
    assert hold_status(await successor.ask_one(block, read_hold(1))) is HoldStatus.ACTIVE


@on_virtual_time
async def test_what_cannot_be_claimed_is_read_when_the_replicas_have_it() -> None:
    await check_refused_claim()


async def claim_alone(self: Activator, loaded: HostedBlock, epoch: int, assignment: Assignment) -> HostedBlock | None:
    """A claim that fails leaves what was loaded as it is."""
    return await self._judged(lambda: self._claim(loaded, epoch, assignment), to_write=True)


@on_virtual_time
async def test_control_a_claim_that_fails_alone_is_noticed() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Activator, "claim", claim_alone)
        with pytest.raises(AssertionError):
            await check_refused_claim()


def lost_when_asked(stage: Stage, reader: Running, block: BlockId) -> Callable[[], int]:
    """A failover loses the block's last row before the replicas are asked for it; how often they were asked."""
    before, rows = reader.script.before, stage.store.journals[block]
    last = len(rows)

    async def losing(statement: object) -> None:
        await before(statement)  # type: ignore[arg-type]
        if getattr(statement, "name", "") == UNTIL_REPLICATED:
            del rows[last - 1 :]

    reader.script.before = losing  # type: ignore[method-assign]
    return lambda: reader.script.sent(UNTIL_REPLICATED)


async def check_lost_before_it_is_replicated() -> None:
    """It was told to nobody, and stops nobody: the block is loaded anew."""
    stage = Stage()
    (block,) = await sold_by_another(stage)
    reader = await reader_of(stage)
    asked = lost_when_asked(stage, reader, block)
    assert isinstance(await reader.ask_one(block, read_event()), Replied)
    assert asked() == 2
    assert [isinstance(await reader.ask_one(block, read_hold(number)), Replied) for number in (1, 2)] == [True, False]
    assert reader.engine.counters().quarantined_count == 0


@on_virtual_time
async def test_a_row_that_is_lost_before_it_is_replicated_is_told_to_nobody() -> None:
    await check_lost_before_it_is_replicated()


@on_virtual_time
async def test_control_an_answer_that_it_is_gone_is_heeded() -> None:
    ask = Activator._until_replicated

    async def ask_in_vain(self: Activator, loaded: HostedBlock) -> None:
        """Whether it is there is all the same."""
        try:
            await ask(self, loaded)
        finally:
            loaded.lost, loaded.replicated = False, True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Activator, "_until_replicated", ask_in_vain)
        with pytest.raises(AssertionError):
            await check_lost_before_it_is_replicated()
