"""What a basket is refused for leaves nothing behind: no unit held, nothing that a desk has yet to do, no key used."""

import asyncio

import msgspec
import pytest

from actors.baskets import Baskets, Settled, WishedLeg
from actors.core.ids import BlockId, desk_block
from actors.core.keys import key_hash
from actors.core.outcomes import Reason, Rejected
from actors.core.wishes import Wish
from actors.dispatch import Dispatcher
from actors.engine import errands
from actors.reservations import Request
from tests.engine.stage import on_virtual_time
from tests.simulation.buyers import CALLER, LAYOUT, TENANT
from tests.simulation.test_baskets import SEATS, Shop
from tests.simulation.world import GatewayRoutes, now_ms

NOWHERE = BlockId("0" * 16)
LAST = BlockId("z" * 16)


async def dollars(shop: Shop) -> BlockId:
    """An event on sale for dollars, whose block is asked last or first, as it comes."""
    gateway = shop.world.gateway()
    layout = msgspec.structs.replace(LAYOUT, currency="USD")
    created = await gateway.create_event(Request(CALLER, "dollars", 15_000), "n", layout, 600_000)
    assert not isinstance(created, Rejected)
    await gateway.open_sale(Request(CALLER, "open dollars", 15_000), f"event_{created.block}")
    return created.block


async def check_nothing_left(shop: Shop, key: str) -> None:
    """A second later, whatever was asked."""
    await asyncio.sleep(1)
    desk = shop.state(desk_block(TENANT, key_hash(TENANT, key))).desk
    assert (desk.todos, desk.placing, desk.baskets) == ({}, {}, {})
    assert shop.statuses() == [{"AVAILABLE"}] * 3


async def check_unknown_event(unknown: BlockId) -> None:
    shop = Shop()
    await shop.open()
    wishes = [WishedLeg(block, Wish(SEATS)) for block in (*shop.blocks, unknown)]
    refused = await shop.baskets.place(shop.stamp("k"), wishes, 60_000)
    assert isinstance(refused, Rejected)
    assert (refused.reason, refused.details.event) == (Reason.EVENT_NOT_FOUND, f"event_{unknown}")
    await check_nothing_left(shop, "k")


@pytest.mark.parametrize("unknown", [NOWHERE, LAST])
def test_a_leg_of_an_event_that_is_not_there_leaves_nothing_to_do(unknown: BlockId) -> None:
    on_virtual_time(check_unknown_event)(unknown)


def test_the_check_notices_a_desk_that_asks_nobody_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: a release is acknowledged by its event alone, and there is none."""

    asked = errands.Errands._ask

    async def ask(self: errands.Errands, block: BlockId, command: object) -> object:
        answer = await asked(self, block, command)  # type: ignore[arg-type]
        gone = isinstance(answer, Rejected) and answer.reason is Reason.EVENT_NOT_FOUND
        return Rejected(Reason.UNAVAILABLE) if gone else answer

    monkeypatch.setattr(errands.Errands, "_ask", ask)
    with pytest.raises(AssertionError):
        on_virtual_time(check_unknown_event)(NOWHERE)


@on_virtual_time
async def test_events_of_two_currencies_are_refused_and_given_back_at_once() -> None:
    shop = Shop()
    await shop.open()
    other = await dollars(shop)
    wishes = [WishedLeg(block, Wish(SEATS)) for block in (*shop.blocks, other)]
    for _ in range(2):
        refused = await shop.baskets.place(shop.stamp("k"), wishes, 60_000)
        assert isinstance(refused, Rejected)
        assert refused.reason is Reason.INVALID_ARGUMENT
        assert refused.details.fields == ("legs: the events are sold in different currencies",)
        await check_nothing_left(shop, "k")


@on_virtual_time
async def test_an_exchange_for_another_currency_is_refused_and_given_back_at_once() -> None:
    shop = Shop()
    await shop.open()
    other = await dollars(shop)
    desk, number = await shop.paid("k1")
    refused = await shop.baskets.exchange(shop.stamp("dollars"), desk, number, (0,), WishedLeg(other, Wish(SEATS)))
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.INVALID_ARGUMENT
    await asyncio.sleep(1)
    shop.blocks.append(other)
    assert shop.statuses() == [*[{"SOLD"}] * 3, {"AVAILABLE"}]
    first = sorted(shop.blocks[:3])[0]
    exchanged = await shop.baskets.exchange(shop.stamp("again"), desk, number, (0,), WishedLeg(first, Wish(("A/2/1",))))
    assert isinstance(exchanged, Settled), exchanged


async def check_duplicates(shop: Shop, delay_s: float) -> None:
    """Two gateways try the same under one key, of which the last leg is sold: both are told that."""
    others = GatewayRoutes(shop.world)
    second = Baskets(Dispatcher(others, now_ms), others.assign, lambda: shop.world.random.getrandbits(62) + 1)
    wishes = [WishedLeg(block, Wish(SEATS)) for block in sorted(shop.blocks)]

    async def late() -> Settled | Rejected:
        await asyncio.sleep(delay_s)
        return await second.place(shop.stamp("both"), wishes, 60_000)

    for refused in await asyncio.gather(shop.baskets.place(shop.stamp("both"), wishes, 60_000), late()):
        assert isinstance(refused, Rejected)
        assert refused.reason is Reason.UNITS_HELD


async def check_all_duplicates() -> None:
    shop = Shop()
    await shop.open()
    await shop.baskets.place(shop.stamp("first"), [WishedLeg(sorted(shop.blocks)[2], Wish(SEATS))], 600_000)
    for quarters_ms in range(60):
        await check_duplicates(shop, quarters_ms / 4_000)
        await asyncio.sleep(1)


def test_who_joins_a_try_that_is_refused_is_told_why() -> None:
    on_virtual_time(check_all_duplicates)()


def test_the_check_notices_who_is_told_of_anothers_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the second gives up where the first one's legs were released."""
    monkeypatch.setattr(
        Baskets, "place", lambda self, stamp, legs, ttl_ms, life_ms=0: self._place(stamp, legs, ttl_ms, life_ms)
    )
    with pytest.raises(AssertionError):
        on_virtual_time(check_all_duplicates)()
