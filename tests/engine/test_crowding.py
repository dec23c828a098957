"""One tenant cannot fill a shard's memory with holds: it gets no more for now, and nothing else of it is refused."""

import asyncio
from typing import Any

import pytest

from actors.core import block as core
from actors.core.commands import Command, CreateEvent, ExtendHold, OpenSale, PlaceHold, Stamp
from actors.core.ids import BlockId, TenantId, event_block
from actors.core.outcomes import Outcome, Reason, Rejected
from actors.core.state import BlockState
from actors.core.wishes import Wish
from actors.engine import crowding
from actors.engine.crowding import COUNTED_EVERY_S, Crowding
from actors.link.batch import Answer, Refused, Replied
from tests.engine.stage import (
    FOREVER_MS,
    Running,
    Stage,
    confirm,
    hold,
    hold_reply,
    on_virtual_time,
    order,
    release,
    stamp,
)
from tests.simulation.buyers import LAYOUT

MOST = 4
OTHER = TenantId("other")


async def counted() -> None:
    """The next count is done."""
    await asyncio.sleep(COUNTED_EVERY_S + 0.1)


def is_overloaded(answer: Answer) -> bool:
    return isinstance(answer, Refused) and answer.reason is Reason.OVERLOADED


async def crowded(monkeypatch: pytest.MonkeyPatch) -> tuple[Stage, Running, list[BlockId]]:
    """A tenant with all the holds that it may have, in two blocks."""
    monkeypatch.setattr(crowding, "MAX_HOLDS_PER_TENANT", MOST)
    stage = Stage()
    shard = await stage.engine()
    blocks = [await stage.on_sale(shard) for _ in range(2)]
    for number, block in enumerate(blocks):
        answers = await shard.ask(block, hold(10 * number + 1, "1/1"), hold(10 * number + 2, "1/2"))
        assert all(isinstance(answer, Replied) for answer in answers), answers
    await counted()
    return stage, shard, blocks


async def check_that_no_more_are_placed(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, shard, (first, second) = await crowded(monkeypatch)
    before = stage.entries(first)
    assert is_overloaded(await shard.ask_one(first, hold(3, "2/1"))), "it has enough"
    assert is_overloaded(await shard.ask_one(second, hold(13, "2/1"))), "in whichever of its blocks"
    assert stage.entries(first) == before, "what is refused is written nowhere"


@on_virtual_time
async def test_a_tenant_gets_no_more_holds_than_it_may_have_in_a_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    await check_that_no_more_are_placed(monkeypatch)


def test_control_that_nobody_counts_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_count(_: Crowding) -> None:
        return None

    monkeypatch.setattr(Crowding, "_count", no_count)
    with pytest.raises(AssertionError, match="it has enough"):
        on_virtual_time(check_that_no_more_are_placed)(monkeypatch)


async def check_that_what_was_held_can_be_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    _, shard, (first, _) = await crowded(monkeypatch)
    again = await shard.ask_one(first, hold(99, "1/1", key="hold-1"))
    assert isinstance(again, Replied), "its key has been served"
    assert again.replayed
    assert hold_reply(again).hold == 1


@on_virtual_time
async def test_who_repeats_a_key_gets_the_first_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    await check_that_what_was_held_can_be_asked_for_again(monkeypatch)


def test_control_a_refusal_in_spite_of_a_key_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    decide = core.decide

    def refuse_all(state: BlockState, command: Command, now_ms: int, *, crowded: bool, **known: Any) -> Outcome:
        if crowded and isinstance(command, PlaceHold):
            return Rejected(Reason.OVERLOADED)
        return decide(state, command, now_ms, **known)

    monkeypatch.setattr(core, "decide", refuse_all)
    with pytest.raises(AssertionError, match="its key has been served"):
        on_virtual_time(check_that_what_was_held_can_be_asked_for_again)(monkeypatch)


async def check_that_all_else_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """And once there is room again, because of it, there are holds again."""
    _, shard, (first, second) = await crowded(monkeypatch)
    extended = ExtendHold(stamp("extend-1"), 1, 700_000)
    for command in (extended, order(5, 1), confirm(5), release(2)):
        assert isinstance(await shard.ask_one(first, command), Replied), command
    assert is_overloaded(await shard.ask_one(second, hold(13, "2/1"))), "not counted yet"
    await counted()
    for number, seat in ((13, "2/1"), (14, "2/2")):
        assert isinstance(await shard.ask_one(second, hold(number, seat)), Replied), "what is paid for is no hold"
        await counted()
    assert is_overloaded(await shard.ask_one(second, hold(15, "3/1")))


@on_virtual_time
async def test_holds_are_still_extended_ordered_paid_and_released_and_so_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await check_that_all_else_goes_on(monkeypatch)


def test_control_that_orders_that_are_paid_count_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BlockState, "live_hold_count", property(lambda state: len(state.holds) - len(state.ended)))
    with pytest.raises(AssertionError, match="what is paid for is no hold"):
        on_virtual_time(check_that_all_else_goes_on)(monkeypatch)


async def check_that_others_have_room(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, shard, _ = await crowded(monkeypatch)
    block = event_block(OTHER, "event")
    stage.catalogue.owners[block] = shard.engine.shard

    def theirs(key: str) -> Stamp:
        return Stamp(OTHER, "someone", key.encode().ljust(16), bytes(16), FOREVER_MS)

    placed = PlaceHold(theirs("hold"), 1, Wish(("A/1/1",)))
    for command in (CreateEvent(theirs("create"), "Theirs", LAYOUT), OpenSale(theirs("open")), placed):
        assert isinstance(await shard.ask_one(block, command), Replied), "they have done nothing"


@on_virtual_time
async def test_other_tenants_have_room(monkeypatch: pytest.MonkeyPatch) -> None:
    await check_that_others_have_room(monkeypatch)


def test_control_that_all_are_counted_together_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Everybody(frozenset[str]):
        def __contains__(self, _: object) -> bool:
            return True

    async def all_crowded(self: Crowding) -> None:
        self.tenants = Everybody()

    monkeypatch.setattr(Crowding, "_count", all_crowded)
    with pytest.raises(AssertionError, match="they have done nothing"):
        on_virtual_time(check_that_others_have_room)(monkeypatch)


@on_virtual_time
async def test_holds_of_blocks_that_are_not_here_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    _, shard, (first, second) = await crowded(monkeypatch)
    assert await shard.engine.residence.take_out(first) is not None
    await counted()
    assert isinstance(await shard.ask_one(second, hold(13, "2/1")), Replied)
