"""That a failover has lost rows of a block that was let go is noticed by who wrote them, as if the block had stayed."""

import asyncio

import pytest

from actors.core.ids import BlockId
from actors.engine import ends, eviction
from actors.engine.catalogue_port import Quarantined
from actors.engine.ends import Ends
from actors.journal.journal import JournalRow
from actors.link.batch import Failed, Fault, Replied
from tests.engine.full_shard import FITTING, IDLE_S, Full, full
from tests.engine.stage import Stage, hold, on_virtual_time, settle
from tests.engine.test_quarantines import correct, imposed

MANY = 3 * FITTING


async def with_a_row_lost(patch: pytest.MonkeyPatch) -> tuple[Full, BlockId, list[JournalRow]]:
    """The last one of a block that was let go, by a failover; and what rows it has left."""
    house = await full(patch, MANY)
    block = house.blocks[0]
    assert block not in house.here
    house.stage.store.remove(block, len(house.stage.store.journals[block]))
    return house, block, list(house.stage.store.journals[block])


async def check_that_what_was_lost_is_noticed(patch: pytest.MonkeyPatch) -> None:
    """A failover loses the last row of a block that was let go: who wrote it is to go, as if the block had stayed."""
    house, block, before = await with_a_row_lost(patch)
    assert await house.shard.ask_one(block, hold(3, "2/1")) == Failed(Fault.NOT_OWNER), "it is not claimed again"
    await settle()
    assert house.stage.store.journals[block] == before
    assert house.shard.left


@on_virtual_time
async def test_that_a_failover_has_lost_rows_of_a_block_that_was_let_go_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await check_that_what_was_lost_is_noticed(monkeypatch)


def test_control_that_nobody_knows_where_it_ended_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ends, "is_behind", lambda *_: False)
    with pytest.raises(AssertionError, match="it is not claimed again"):
        on_virtual_time(check_that_what_was_lost_is_noticed)(monkeypatch)


@on_virtual_time
async def test_where_blocks_ended_is_known_of_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ends, "MAX_ENDS_KNOWN", FITTING)
    house = await full(monkeypatch, MANY)
    known = list(house.shard.engine.residence._ends._ends)
    assert known == house.blocks[: MANY - len(house.here)][-FITTING:]
    assert isinstance(await house.shard.ask_one(known[0], hold(3, "2/1")), Replied)
    assert known[0] not in house.shard.engine.residence._ends._ends


async def check_that_it_is_noticed_when_it_is_corrected(patch: pytest.MonkeyPatch) -> None:
    """The block is quarantined, for what the failover has done to it, and an operator wants that to end."""
    house, block, before = await with_a_row_lost(patch)
    await imposed(house.stage, block)
    house.stage.catalogue.quarantined[block] = Quarantined(block, 1, correct())
    await asyncio.sleep(4)
    assert house.stage.store.journals[block] == before, "it is not gone on with"
    assert house.shard.left
    assert block in house.stage.catalogue.quarantined


@on_virtual_time
async def test_so_it_is_when_a_quarantine_is_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    await check_that_it_is_noticed_when_it_is_corrected(monkeypatch)


async def check_that_it_is_noticed_where_another_went_on(patch: pytest.MonkeyPatch) -> None:
    """Who had the block before never heard of its successor, whose rows are lost, and has written more than these."""
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    successor = await stage.engine(2)
    assert isinstance(await successor.ask_one(block, hold(1, "1/1")), Replied)
    await asyncio.sleep(IDLE_S)
    patch.setattr(eviction, "MAX_BYTES", 1)
    assert successor.engine.residence.make_room()
    patch.undo()
    assert block not in successor.engine.residence.blocks
    for _ in range(2):
        stage.store.remove(block, len(stage.store.journals[block]))
    for number in (2, 3, 4):
        assert isinstance(await former.ask_one(block, hold(number, f"{number}/1")), Replied)
    assert await successor.ask_one(block, hold(5, "1/2")) == Failed(Fault.NOT_OWNER), "it is not claimed again"
    await settle()
    assert set(stage.epochs(block)) == {1}
    assert successor.left


@on_virtual_time
async def test_so_it_is_where_another_has_gone_further(monkeypatch: pytest.MonkeyPatch) -> None:
    await check_that_it_is_noticed_where_another_went_on(monkeypatch)


def test_control_that_the_end_is_not_looked_at_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ends, "is_behind", lambda *_: False)
    with pytest.raises(AssertionError, match="it is not gone on with"):
        on_virtual_time(check_that_it_is_noticed_when_it_is_corrected)(monkeypatch)
    with pytest.raises(AssertionError, match="it is not claimed again"), pytest.MonkeyPatch.context() as patch:
        on_virtual_time(check_that_it_is_noticed_where_another_went_on)(patch)
