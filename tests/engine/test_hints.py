"""Hints: a block is hinted at once its rows are durable, seldom, and never without bound."""

import asyncio
from itertools import pairwise

import pytest

from actors.core.ids import BlockId
from actors.engine import hints as hints_module
from actors.engine.group_commit import Cycle, GroupCommit
from actors.engine.hints import KNOWN_S, Hints
from actors.engine.hosted import HostedBlock
from actors.journal.journal import NewRow
from actors.link.batch import Replied
from actors.projections.projector import FOLLOWED_S
from tests.engine.stage import FENCED, Stage, answered, hold, on_virtual_time, read_hold, settle

ONE, TWO, THREE = BlockId("one"), BlockId("two"), BlockId("three")


def test_a_block_that_goes_on_moving_is_hinted_at_as_often_as_the_projector_forgets_it() -> None:
    now_s = 0.0
    hints = Hints(lambda: now_s)
    hints.offer([ONE, TWO])
    hints.offer([ONE])
    assert hints.drain() == [ONE, TWO]
    told_s = []
    for tenth in range(1, 300):
        now_s = tenth / 10
        hints.offer([ONE])
        told_s += [now_s] * hints.drain().count(ONE)
    assert len(told_s) <= 300 / 10 / KNOWN_S
    assert max(later - earlier for earlier, later in pairwise([0.0, *told_s])) < FOLLOWED_S


def test_what_waits_and_what_is_known_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints_module, "MAX_BLOCKS", 2)
    now_s = 0.0
    hints = Hints(lambda: now_s)
    hints.offer([ONE, TWO, THREE])
    assert hints.drain() == [ONE, TWO]
    hints.offer([THREE])
    assert hints.drain() == []
    now_s = KNOWN_S
    assert hints.drain() == []
    hints.offer([THREE])
    assert hints.drain() == [THREE]


async def check_durable() -> None:
    """Not while the row is on its way, not for a read, and not for a row that was refused."""
    stage = Stage()
    owner = await stage.engine(1)
    block, other = await stage.on_sale(owner), await stage.on_sale(owner)
    hints = owner.engine.hints
    assert set(hints.drain()) == {block, other}
    await asyncio.sleep(KNOWN_S)
    assert hints.drain() == []
    acknowledgement = owner.script.hold_answer("append")
    sent = owner.send(block, hold(1, "1/1"))
    await settle()
    assert hints.drain() == [], "the row may never come to be"
    acknowledgement.set()
    await answered(sent)
    await owner.ask(other, read_hold(1))
    assert hints.drain() == [block]
    successor = await stage.engine(2)
    assert isinstance(await successor.ask_one(other, hold(2, "1/1")), Replied)
    assert await owner.ask_one(other, hold(3, "1/1")) == FENCED
    assert hints.drain() == []
    assert successor.engine.hints.drain() == [other]


def test_a_block_is_hinted_at_when_its_rows_are_durable() -> None:
    on_virtual_time(check_durable)()


def test_control_hinted_at_before_the_commit_it_may_not_have_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    append = GroupCommit._append

    async def eager(self: GroupCommit, cycle: Cycle, rows: dict[HostedBlock, NewRow]) -> None:
        self._on_durable(hosted.block for hosted in rows)
        await append(self, cycle, rows)

    monkeypatch.setattr(GroupCommit, "_append", eager)
    with pytest.raises(AssertionError):
        on_virtual_time(check_durable)()
