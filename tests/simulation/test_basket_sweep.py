"""What a desk was about to do when its shard died is done by the successor, though nobody asks the desk again."""

import asyncio

import pytest

from actors.baskets import Baskets, Settled, WishedLeg
from actors.core import block as core
from actors.core.baskets import LegHeld
from actors.core.block import next_deadline_ms
from actors.core.commands import ConfirmOrder, PlaceOrder, Stamp
from actors.core.ids import BlockId, desk_block
from actors.core.keys import key_hash
from actors.core.outcomes import Rejected
from actors.core.replies import HoldReply, PlacingReply
from actors.core.state import BlockState
from actors.core.wishes import Wish
from actors.engine.errands import Errands
from tests.engine.stage import on_virtual_time
from tests.simulation.buyers import TENANT
from tests.simulation.test_baskets import SEATS, Shop

PROMISED_S = 45.0  # 30 s for placing, 5 s for a leg to ask, and what a successor takes


def kill_all(shop: Shop) -> None:
    """Every shard, at once; each has a successor."""
    for name, shard in list(shop.world.newest.items()):
        shard.process.kill()
        shop.world.succeed(name)


async def check_confirmed() -> None:
    """The order is confirmed, no leg is booked, and nobody comes again."""
    shop = Shop()
    await shop.open()
    held = await shop.hold("k")
    assert isinstance(held, Settled)
    assert isinstance(held.reply, HoldReply)
    await shop.write(held.desk, PlaceOrder(shop.stamp("order"), held.reply.hold, 7))
    await shop.write(held.desk, ConfirmOrder(shop.stamp("confirm"), 7))
    kill_all(shop)
    assert shop.statuses() == [{"HELD"}] * 3
    await asyncio.sleep(PROMISED_S)
    assert shop.statuses() == [{"SOLD"}] * 3
    assert not shop.state(held.desk).desk.todos


class Silent(Baskets):
    """Whoever has placed all legs says nothing more."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop.dispatcher, shop.baskets._assign, lambda: shop.world.random.getrandbits(62) + 1)
        self.placed = asyncio.Event()

    async def _pin_all(self, desk: BlockId, placing: PlacingReply, stamp: Stamp) -> tuple[LegHeld, ...] | Rejected:
        await super()._pin_all(desk, placing, stamp)
        self.placed.set()
        return await asyncio.Future()


async def check_abandoned() -> None:
    """All legs are placed, the desk is never told, and nobody comes again."""
    shop = Shop()
    await shop.open()
    baskets = Silent(shop)
    wishes = [WishedLeg(block, Wish(SEATS)) for block in shop.blocks]
    placing = asyncio.ensure_future(baskets.place(shop.stamp("k"), wishes, 60_000))
    await baskets.placed.wait()
    placing.cancel()
    kill_all(shop)
    assert shop.statuses() == [{"HELD"}] * 3
    await asyncio.sleep(PROMISED_S)
    assert shop.statuses() == [{"AVAILABLE"}] * 3
    state = shop.state(desk_block(TENANT, key_hash(TENANT, "k"))).desk
    assert (state.todos, state.placing) == ({}, {})


CHECKS = {"confirmed": check_confirmed, "abandoned": check_abandoned}


@pytest.mark.parametrize("what", CHECKS)
def test_a_successor_does_what_its_desks_have_decided(what: str) -> None:
    on_virtual_time(CHECKS[what])()


def without_desks(state: BlockState) -> int | None:
    """When something falls due next, of what desks never have."""
    return None if state.layout is None else next_deadline_ms(state)


@pytest.mark.parametrize("what", CHECKS)
def test_a_desk_needs_no_leg_that_asks(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep finds it. Negative control: a sweep that does not."""
    monkeypatch.setattr(Errands, "_doubts", lambda errands, hosted: [])
    on_virtual_time(CHECKS[what])()
    monkeypatch.setattr(core, "next_deadline_ms", without_desks)
    with pytest.raises(AssertionError):
        on_virtual_time(CHECKS[what])()


@pytest.mark.parametrize("what", CHECKS)
def test_legs_need_no_desk_that_is_found(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They ask it, and so it is there. Negative control: legs that do not."""
    monkeypatch.setattr(core, "next_deadline_ms", without_desks)
    on_virtual_time(CHECKS[what])()
    monkeypatch.setattr(Errands, "_doubts", lambda errands, hosted: [])
    with pytest.raises(AssertionError):
        on_virtual_time(CHECKS[what])()
