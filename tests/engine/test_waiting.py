"""Who waits is served before anybody else asks, however much comes back at once, and a turn's work stays bounded."""

import pytest
from msgspec.structs import replace

from actors.core import block as core
from actors.core.commands import CreateEvent, JoinWaitingList, OpenSale, PlaceHold, ReadWaiter, ReleaseHold
from actors.core.ids import BlockId
from actors.core.layout import Area, Category, Layout
from actors.core.outcomes import Reason
from actors.core.replies import WaiterStatus
from actors.core.rules import Rules, WaitingList
from actors.core.waiting import is_restless
from actors.core.wishes import AreaPlaces, Wish
from actors.engine import block_host
from actors.engine.hosted import HostedBlock
from actors.link.batch import Answer, Refused, Replied
from tests.engine.stage import TENANT, Running, Stage, on_virtual_time, stamp

ONE = Wish(areas=(AreaPlaces("floor", 1),))
WHOLE = Wish(areas=(AreaPlaces("floor", 50),))
FIRST_WAITER = 10_000


async def sold_out(shard: Running, block: BlockId, places: int, wish: Wish, waiting: int) -> HostedBlock:
    """All places are held one by one, and so many wait for something of it."""
    rules = Rules(waiting_list=WaitingList(600_000))
    layout = Layout("EUR", (Category("standing", 4000),), (), (Area("floor", 0, places),))
    for command in (CreateEvent(stamp("create"), "Night", layout, 1_000, rules), OpenSale(stamp("open"))):
        assert isinstance(await shard.ask_one(block, command), Replied)
    holds = [PlaceHold(stamp(f"hold {number}"), number, ONE) for number in range(1, places + 1)]
    waiters = [
        JoinWaitingList(replace(stamp(f"wait {number}"), buyer=f"{number}"), FIRST_WAITER + number, wish)
        for number in range(waiting)
    ]
    for answer in await shard.ask(block, *holds, *waiters):
        assert isinstance(answer, Replied), answer
    return shard.engine.residence.blocks[block]


def let_all_fall_due(hosted: HostedBlock) -> None:
    """All holds fall due at once, as if time had passed while nobody looked."""
    for hold in hosted.state.holds.values():
        hold.expires_at_ms = hosted.state.last_at_ms - 1
        hosted.state.push_deadline(hold)


async def newcomer(shard: Running, block: BlockId) -> Answer:
    """What is told who comes first when more has fallen due than a few turns bring about."""
    hosted = await sold_out(shard, block, 3 * block_host.DUES_PER_TICK, WHOLE, 3 * block_host.DUES_PER_TICK // 50)
    let_all_fall_due(hosted)
    return await shard.ask_one(block, PlaceHold(stamp("newcomer"), 99_999, ONE))


@on_virtual_time
async def test_newcomers_are_put_off_until_all_is_offered() -> None:
    stage = Stage()
    shard, block = await stage.engine(), stage.new_block()
    answer = await newcomer(shard, block)
    assert isinstance(answer, Refused)
    assert answer.reason is Reason.OVERLOADED
    hosted = shard.engine.residence.blocks[block]
    for _ in range(3):
        shard.engine.host.tick(hosted)
    last = await shard.ask_one(block, PlaceHold(stamp("newcomer"), 99_999, ONE))
    assert isinstance(last, Refused)
    assert last.reason is Reason.NOT_ENOUGH_AVAILABLE
    assert all(waiter.status is WaiterStatus.OFFERED for waiter in hosted.state.waiters.values())


def test_control_newcomers_who_are_not_put_off_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "_puts_off", lambda *_: False)
    with pytest.raises(AssertionError):
        test_newcomers_are_put_off_until_all_is_offered()


@on_virtual_time
async def test_a_turn_brings_about_so_much_and_no_more() -> None:
    """For a batch: one turn when the block is touched, one for what its commands bring."""
    stage = Stage()
    shard, block = await stage.engine(), stage.new_block()
    hosted = await sold_out(shard, block, 3 * block_host.DUES_PER_TICK, ONE, 3 * block_host.DUES_PER_TICK)
    let_all_fall_due(hosted)
    before = hosted.state.entries_applied
    await shard.ask_one(block, ReadWaiter(TENANT, FIRST_WAITER))
    assert hosted.state.entries_applied - before == 2 * block_host.DUES_PER_TICK
    assert is_restless(hosted.state, hosted.state.last_at_ms)


def test_control_turns_without_bound_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def all_of_it(hosted: HostedBlock, now_ms: int, _: object) -> None:
        while (entry := core.next_due(hosted.state, now_ms)) is not None:
            hosted.apply((entry,))

    monkeypatch.setattr(block_host, "_bring_about", all_of_it)
    with pytest.raises(AssertionError):
        test_a_turn_brings_about_so_much_and_no_more()


async def check_looks() -> None:
    """Nine wait for different things, all in vain; five looks, and no newcomer before all were looked at."""
    stage = Stage()
    shard, block = await stage.engine(), stage.new_block()
    hosted = await sold_out(shard, block, 12, ONE, 0)
    wishes = [Wish(areas=(AreaPlaces("floor", count),)) for count in range(2, 11)]
    await shard.ask(block, *(JoinWaitingList(stamp(f"{n}"), FIRST_WAITER + n, wish) for n, wish in enumerate(wishes)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_host, "LOOKS_PER_TICK", 5)
        before = hosted.state.line.looks
        answers = await shard.ask(block, ReleaseHold(stamp("release"), 1), PlaceHold(stamp("newcomer"), 99_999, ONE))
        assert hosted.state.line.looks - before == 5
    assert isinstance(answers[1], Refused)
    assert answers[1].reason is Reason.OVERLOADED
    shard.engine.host.tick(hosted)
    assert hosted.state.line.looks - before == len(wishes)
    assert isinstance(await shard.ask_one(block, PlaceHold(stamp("newcomer"), 99_999, ONE)), Replied)


def test_a_turn_looks_at_so_many_who_wait_and_no_more() -> None:
    on_virtual_time(check_looks)()


def test_control_looks_without_bound_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    next_due = core.next_due
    monkeypatch.setattr(core, "next_due", lambda state, now_ms, _: next_due(state, now_ms))
    with pytest.raises(AssertionError):
        on_virtual_time(check_looks)()


@on_virtual_time
async def test_what_a_batch_gives_back_is_offered_with_it() -> None:
    """In the same row, in order, before a newcomer of the same batch; and one look serves many releases."""
    stage = Stage()
    shard, block = await stage.engine(), stage.new_block()
    hosted = await sold_out(shard, block, 10, Wish(areas=(AreaPlaces("floor", 2),)), 3)
    looks = hosted.state.line.looks
    releases = [ReleaseHold(stamp(f"release {number}"), number) for number in range(1, 5)]
    *released, late = await shard.ask(block, *releases, PlaceHold(stamp("newcomer"), 99_999, ONE))
    assert all(isinstance(answer, Replied) for answer in released)
    assert isinstance(late, Refused)
    assert late.reason is Reason.NOT_ENOUGH_AVAILABLE
    assert hosted.state.line.looks - looks == 3  # two are served, the third is not
    for number, status in enumerate((WaiterStatus.OFFERED, WaiterStatus.OFFERED, WaiterStatus.WAITING)):
        waiter = hosted.state.waiters[FIRST_WAITER + number]
        assert waiter.status is status
