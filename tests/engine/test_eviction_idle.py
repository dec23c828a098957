"""Each thing that may be under way in a block keeps it in memory, however little there is, and by itself."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest

from actors.core.commands import AcknowledgePart, PlaceHold, ReleaseHold
from actors.core.ids import BlockId
from actors.engine import errands, eviction
from actors.engine.eviction import ANSWERED_MS
from actors.engine.group_commit import GroupCommit
from actors.engine.hosted import HostedBlock
from actors.engine.residence import Residence
from actors.engine.turns import Turn, Turns
from tests.engine.stage import Running, Stage, on_virtual_time, stamp
from tests.engine.test_waiting import ONE, sold_out

LONG_AGO_S = -10.0
NEXT_TO_NOTHING = 1

Busy = Callable[[Running, HostedBlock], Awaitable[Callable[[], object]]]
"""Makes the block busy; what is returned makes it idle again."""


async def appending(shard: Running, hosted: HostedBlock) -> Callable[[], object]:
    """A row of it is on its way to the journal, and nothing waits behind."""
    answered = shard.script.hold_answer("append")
    shard.send(hosted.block, PlaceHold(stamp("one more"), 99, ONE))
    await asyncio.sleep(1)
    return answered.set


async def being_checked(shard: Running, hosted: HostedBlock) -> Callable[[], object]:
    """Somebody waits to be refused, until it is sure that nobody else has written to it."""
    answered = shard.script.hold_answer("heads")
    shard.send(hosted.block, ReleaseHold(stamp("nobody's"), 77_777))
    await asyncio.sleep(1)
    return answered.set


async def running_an_errand(shard: Running, hosted: HostedBlock) -> Callable[[], object]:
    """It has asked another block for something."""
    hosted.turns.known[1] = Turn(shard.engine.clock.now_ms(), is_under_way=True)
    return hosted.turns.known.clear


async def being_looked_at(shard: Running, hosted: HostedBlock) -> Callable[[], object]:
    """What it has to do in other blocks is to be looked for."""
    shard.engine.residence.stirred[hosted] = None
    return shard.engine.residence.stirred.clear


async def expected(shard: Running, hosted: HostedBlock) -> Callable[[], object]:
    """It was loaded, and comes here."""
    shard.engine.residence.expected.add(hosted.block)
    return shard.engine.residence.expected.clear


async def unquiet(shard: Running, hosted: HostedBlock) -> Callable[[], object]:
    """Something came back for somebody who waits, and was not offered yet."""
    hosted.state.line.stirred = True

    def calm() -> None:
        hosted.state.line.stirred = False

    return calm


class Condition(NamedTuple):
    """`rule`: of `owner`, which says that the block is not idle."""

    busy: Busy
    owner: object
    rule: str


CONDITIONS = (
    Condition(appending, GroupCommit, "has"),
    Condition(being_checked, GroupCommit, "has"),
    Condition(running_an_errand, Turns, "is_one_under_way"),
    Condition(being_looked_at, Residence, "is_awaited"),
    Condition(expected, Residence, "is_awaited"),
    Condition(unquiet, eviction, "is_restless"),
)


async def check_that_it_stays(busy: Busy, patch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    shard, block = await stage.engine(), stage.new_block()
    hosted = await sold_out(shard, block, 2, ONE, int(busy is unquiet))
    await asyncio.sleep(0.5 if busy is unquiet else 2)  # by then no hold is left, and all is done that came of that
    calm = await busy(shard, hosted)
    assert not hosted.pending
    patch.setattr(eviction, "MAX_BYTES", NEXT_TO_NOTHING)
    hosted.used_s = LONG_AGO_S
    shard.engine.residence.make_room()
    assert block in shard.engine.residence.blocks, "it has something to do"
    calm()
    if busy in (appending, being_checked):
        await asyncio.sleep(1)
    hosted.used_s = LONG_AGO_S
    shard.engine.residence.make_room()
    assert block not in shard.engine.residence.blocks, "it has nothing to do any more"


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.busy.__name__)
def test_what_is_under_way_keeps_it(condition: Condition, monkeypatch: pytest.MonkeyPatch) -> None:
    on_virtual_time(check_that_it_stays)(condition.busy, monkeypatch)


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.busy.__name__)
def test_control_without_its_rule_it_goes(condition: Condition, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(condition.owner, condition.rule, lambda *_: False)
    with pytest.raises(AssertionError, match="it has something to do"):
        on_virtual_time(check_that_it_stays)(condition.busy, monkeypatch)


async def check_the_asked_comes_in(patch: pytest.MonkeyPatch) -> None:
    """Whom it asks may have to come into memory, and need its room. What else is idle goes first."""
    stage = Stage()
    shard = await stage.engine()
    asking, idle = [await sold_out(shard, stage.new_block(), 2, ONE, 0) for _ in range(2)]
    await asyncio.sleep(2)
    residence = shard.engine.residence
    patch.setattr(eviction, "MAX_BYTES", residence.blocks.weight)
    asking.turns.known[1] = Turn(shard.engine.clock.now_ms() - ANSWERED_MS - 1, is_under_way=True)
    asking.used_s = idle.used_s = LONG_AGO_S
    assert residence.make_room()
    assert [asking.block in residence.blocks, idle.block in residence.blocks] == [True, False]
    patch.setattr(eviction, "MAX_BYTES", NEXT_TO_NOTHING)
    asking.used_s = LONG_AGO_S
    assert residence.make_room(), "neither would ever be done"


def test_who_waits_for_an_answer_for_long_makes_room_for_the_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    on_virtual_time(check_the_asked_comes_in)(monkeypatch)


def test_control_where_any_errand_keeps_a_block_the_asked_never_comes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eviction, "ANSWERED_MS", 1 << 40)
    with pytest.raises(AssertionError, match="neither would ever be done"):
        on_virtual_time(check_the_asked_comes_in)(monkeypatch)


async def check_an_answer_is_noted() -> None:
    """Of an errand, whose block was let go meanwhile: it comes in again for that."""
    stage = Stage()
    shard, block = await stage.engine(), stage.new_block()
    hosted = await sold_out(shard, block, 2, ONE, 0)
    await asyncio.sleep(2)
    shard.engine.residence.evict(hosted)
    news = AcknowledgePart(hosted.state.tenant, BlockId("another"), 1)
    assert await shard.engine.errands._note(hosted, news) is None, "it is asked for once more"
    assert block in shard.engine.residence.blocks


def test_what_an_errand_came_to_is_noted_though_its_block_was_let_go() -> None:
    on_virtual_time(check_an_answer_is_noted)()


def test_control_who_notes_it_at_once_or_not_at_all_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errands, "NOTED_WITHIN_S", 0.0)
    with pytest.raises(AssertionError, match="once more"):
        on_virtual_time(check_an_answer_is_noted)()


@on_virtual_time
async def test_what_cannot_be_judged_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is for whoever serves it to find out what is wrong, and the shard goes on."""
    stage = Stage()
    shard, block = await stage.engine(), stage.new_block()
    hosted = await sold_out(shard, block, 2, ONE, 0)
    await asyncio.sleep(1)

    def broken(*_: object) -> bool:
        raise ValueError("a state that cannot be")

    monkeypatch.setattr(eviction, "is_restless", broken)
    monkeypatch.setattr(eviction, "MAX_BYTES", NEXT_TO_NOTHING)
    hosted.used_s = LONG_AGO_S
    assert not shard.engine.residence.make_room()
    assert block in shard.engine.residence.blocks
