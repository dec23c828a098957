"""Who waits is served before anybody else asks, however much comes back at once."""

import pytest

from actors.core.block import next_due
from actors.core.commands import CreateEvent, JoinWaitingList, OpenSale, PlaceHold
from actors.core.ids import BlockId
from actors.core.layout import Area, Category, Layout
from actors.core.outcomes import Reason
from actors.core.rules import Rules, WaitingList
from actors.core.wishes import AreaPlaces, Wish
from actors.engine import block_host
from actors.engine.hosted import HostedBlock
from actors.link.batch import Answer, Refused, Replied
from tests.engine.stage import Running, Stage, on_virtual_time, stamp

PLACES = block_host.DUES_PER_TICK + 100
LAYOUT = Layout("EUR", (Category("standing", 4000),), (), (Area("floor", 0, PLACES),))
ONE = Wish(areas=(AreaPlaces("floor", 1),))


async def after_all_fell_due(shard: Running, block: BlockId) -> Answer:
    """What a newcomer is told who comes first when more holds have fallen due than a tick takes, and all of it is
    waited for.
    """
    rules = Rules(waiting_list=WaitingList(600_000))
    for command in (CreateEvent(stamp("create"), "Night", LAYOUT, 1_000, rules), OpenSale(stamp("open"))):
        assert isinstance(await shard.ask_one(block, command), Replied)
    holds = [PlaceHold(stamp(f"hold {number}"), number, ONE) for number in range(1, PLACES + 1)]
    whole = Wish(areas=(AreaPlaces("floor", 50),))
    groups = [JoinWaitingList(stamp(f"wait {number}"), 10_000 + number, whole) for number in range(PLACES // 50)]
    for answer in await shard.ask(block, *holds, *groups):
        assert isinstance(answer, Replied), answer
    let_all_fall_due(shard.engine.residence.blocks[block])
    return await shard.ask_one(block, PlaceHold(stamp("newcomer"), 99_999, ONE))


def let_all_fall_due(hosted: HostedBlock) -> None:
    """All holds fall due at once, as if time had passed while nobody looked."""
    for hold in hosted.state.holds.values():
        hold.expires_at_ms = hosted.state.last_at_ms - 1
        hosted.state.push_deadline(hold)


@on_virtual_time
async def test_newcomers_stand_behind_who_waits() -> None:
    stage = Stage()
    shard = await stage.engine()
    answer = await after_all_fell_due(shard, stage.new_block())
    assert isinstance(answer, Refused)
    assert answer.reason is Reason.NOT_ENOUGH_AVAILABLE


def test_control_a_tick_that_ends_before_the_offers_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def bounded(hosted: HostedBlock, now_ms: int) -> None:
        for _ in range(block_host.DUES_PER_TICK):
            entry = next_due(hosted.state, now_ms)
            if entry is None:
                break
            hosted.apply((entry,))

    monkeypatch.setattr(block_host, "_bring_about", bounded)
    with pytest.raises(AssertionError):
        test_newcomers_stand_behind_who_waits()
