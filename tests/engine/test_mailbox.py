"""What waits in a shard is bounded, what is too much is refused at once, and what comes too late is not decided."""

import pytest
from msgspec.structs import replace

from actors.core import block as core
from actors.core.commands import Write
from actors.core.outcomes import Details, Outcome, Reason
from actors.core.state import BlockState
from actors.engine import block_host
from actors.link.batch import Failed, Fault, Refused, Replied
from tests.engine.stage import FOREVER_MS, Stage, answered, hold, on_virtual_time, settle, stamp
from tests.simulation.world import now_ms

ROOM = 4


async def check_room(most: int) -> None:
    """While a commit is under way, so many wait for theirs, and one more is not even decided."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_host, "MAX_CALLS_WAITING", most)
        stage = Stage()
        shard = await stage.engine()
        block = await stage.on_sale(shard)
        commit = shard.script.hold("append")
        waiting = [shard.send(block, hold(number, f"1/{number}")) for number in range(1, ROOM + 1)]
        await settle()
        one_more = shard.send(block, hold(9, "2/1"))
        await settle()
        assert one_more.done(), "it is told at once"
        assert one_more.result() == [Failed(Fault.OVERLOADED)]
        commit.set()
        for sent in waiting:
            assert all(isinstance(answer, Replied) for answer in await answered(sent))
        assert 9 not in shard.engine.residence.blocks[block].state.holds
        assert isinstance(await shard.ask_one(block, hold(9, "2/1")), Replied), "now there is room, under the same key"


@on_virtual_time
async def test_a_shard_with_enough_waiting_refuses_more_at_once() -> None:
    await check_room(ROOM)


def test_control_without_a_bound_more_waits() -> None:
    with pytest.raises(AssertionError, match="told at once"):
        on_virtual_time(check_room)(1 << 20)


async def check_lateness() -> None:
    stage = Stage()
    shard = await stage.engine()
    block = await stage.on_sale(shard)
    before = stage.entries(block)
    late = replace(hold(1, "1/1"), stamp=stamp("late", now_ms() - 1))
    answer = await shard.ask_one(block, late)
    assert answer == Refused(Reason.DEADLINE_EXCEEDED, Details()), "it came too late"
    assert stage.entries(block) == before
    in_time = replace(hold(1, "1/1"), stamp=stamp("late", FOREVER_MS))
    assert isinstance(await shard.ask_one(block, in_time), Replied), "nothing stands under its key"


@on_virtual_time
async def test_what_comes_to_a_shard_after_its_time_is_dropped_undecided() -> None:
    await check_lateness()


def test_control_a_shard_that_does_not_look_at_the_time_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    write = core._write

    def whenever(state: BlockState, command: Write, _: int, at_ms: int, crowded: bool) -> Outcome:
        return write(state, command, 0, at_ms, crowded)

    monkeypatch.setattr(core, "_write", whenever)
    with pytest.raises(AssertionError, match="too late"):
        on_virtual_time(check_lateness)()
