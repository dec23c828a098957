"""Baskets over three blocks on three shards, on virtual time, nothing going wrong: held, ordered, changed, ended."""

import asyncio

import pytest

from actors.baskets import Baskets, Settled, WishedLeg
from actors.core import block as core
from actors.core.commands import (
    CancelOrder,
    CancelTickets,
    ConfirmOrder,
    PlaceOrder,
    ReadHold,
    ReleaseHold,
    Stamp,
    Write,
)
from actors.core.ids import BlockId, desk_block, event_block, parse_event_id
from actors.core.inventory import UnitStatus
from actors.core.keys import fingerprint, key_hash
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import HoldReply, HoldStatus, OrderReply, OrderStatus, Reply
from actors.core.state import BlockState
from actors.core.wishes import AreaPlaces, Wish
from actors.dispatch import Dispatcher
from actors.engine import errands
from actors.journal.codec import decode_entries
from actors.link.batch import encoder, reply_decoder
from tests.engine.stage import on_virtual_time
from tests.simulation.buyers import TENANT, create_event
from tests.simulation.journal_audit import audited
from tests.simulation.world import GatewayRoutes, World, now_ms

SEATS = ("A/1/1", "A/1/2")


class Shop:
    """Three events of a world without faults, and one gateway."""

    def __init__(self) -> None:
        self.world = World(1, ("s1", "s2", "s3"), faults=False)
        routes = GatewayRoutes(self.world)
        self.dispatcher = Dispatcher(routes, now_ms)
        self.baskets = Baskets(self.dispatcher, routes.assign, lambda: self.world.random.getrandbits(62) + 1)
        self.blocks: list[BlockId] = []

    async def open(self) -> None:
        gateway = self.world.gateway()
        for number in range(3):
            block = event_block(TENANT, f"event-{number}")
            self.world.catalogue.owners[block] = f"s{number + 1}"
            assert parse_event_id(await create_event(gateway, f"event-{number}")) == block
            self.blocks.append(block)

    def stamp(self, key: str, *asked: object) -> Stamp:
        printed = fingerprint("principal", "ana", *asked)
        return Stamp(TENANT, "ana", key_hash(TENANT, key), printed, now_ms() + 15_000)

    async def hold(self, key: str, seats: tuple[str, ...] = SEATS, ttl_ms: int = 60_000) -> Settled | Rejected:
        wishes = [WishedLeg(block, Wish(seats, (AreaPlaces("floor", 2),))) for block in self.blocks]
        return await self.baskets.place(self.stamp(key), wishes, ttl_ms)

    async def write(self, desk: BlockId, command: Write) -> Reply:
        return await self.ask(desk, command)

    async def ask(self, desk: BlockId, command: Write | ReadHold) -> Reply:
        answer = await self.dispatcher.ask(
            desk, encoder.encode(command), TENANT, now_ms() + 15_000, Reason.EVENT_NOT_FOUND
        )
        assert not isinstance(answer, Rejected), answer
        reply: Reply = reply_decoder.decode(answer.reply)
        return reply

    def check(self) -> None:
        """Desk and events agree, as the audit sees it."""
        assert audited(self.world.store.journals) == []

    def state(self, block: BlockId) -> BlockState:
        state = BlockState()
        for row in self.world.store.journals[block]:
            for entry in decode_entries(row.entries):
                core.apply(state, entry)
        return state

    def statuses(self, seats: tuple[str, ...] = SEATS) -> list[set[str]]:
        """How the seats stand in each event."""
        found = []
        for block in self.blocks:
            state = self.state(block)
            units = [state.index.find_unit(seat) for seat in seats]
            found.append({UnitStatus(state.inventory.statuses[unit[0]]).name for unit in units if unit is not None})
        return found

    async def paid(self, key: str) -> tuple[BlockId, int]:
        """A paid order over all three events: its desk and number."""
        held = await self.hold(key)
        assert isinstance(held, Settled)
        assert isinstance(held.reply, HoldReply)
        number = self.world.random.getrandbits(62) + 1
        await self.write(held.desk, PlaceOrder(self.stamp(f"order {key}"), held.reply.hold, number))
        confirmed = await self.write(held.desk, ConfirmOrder(self.stamp(f"confirm {key}"), number))
        assert isinstance(confirmed, OrderReply)
        assert len(confirmed.tickets) == 12
        return held.desk, number


@on_virtual_time
async def test_a_basket_is_held_ordered_and_booked() -> None:
    shop = Shop()
    await shop.open()
    held = await shop.hold("k1")
    assert isinstance(held, Settled)
    assert isinstance(held.reply, HoldReply)
    assert [leg.block for leg in held.reply.legs] == sorted(shop.blocks)
    assert held.reply.price.total == 3 * (2 * 9000 + 2 * 4000)
    assert shop.statuses() == [{"HELD"}] * 3
    again = await shop.hold("k1")
    assert isinstance(again, Settled)
    assert again.replayed
    assert isinstance(again.reply, HoldReply)
    assert again.reply.legs == held.reply.legs
    number = 4_711
    ordered = await shop.write(held.desk, PlaceOrder(shop.stamp("order"), held.reply.hold, number))
    assert isinstance(ordered, OrderReply)
    confirmed = await shop.write(held.desk, ConfirmOrder(shop.stamp("confirm"), number))
    assert isinstance(confirmed, OrderReply)
    assert len(confirmed.tickets) == 12
    await asyncio.sleep(1)
    assert shop.statuses() == [{"SOLD"}] * 3
    assert not shop.state(held.desk).desk.todos
    shop.check()


@on_virtual_time
async def test_a_basket_of_which_one_leg_is_refused_holds_nothing() -> None:
    shop = Shop()
    await shop.open()
    first = await shop.baskets.place(shop.stamp("first"), [WishedLeg(sorted(shop.blocks)[2], Wish(SEATS[1:]))], 60_000)
    assert isinstance(first, Settled)
    refused = await shop.hold("k1")
    assert isinstance(refused, Rejected)
    assert (refused.reason, refused.details.units) == (Reason.UNITS_HELD, SEATS[1:])
    await asyncio.sleep(1)
    assert shop.statuses(SEATS[:1]) == [{"AVAILABLE"}] * 3
    assert isinstance(await shop.ask(first.desk, ReleaseHold(shop.stamp("give back"), first.reply.hold)), HoldReply)
    await asyncio.sleep(1)
    assert isinstance(await shop.hold("k1"), Settled), "a refusal is not remembered"
    shop.check()


@on_virtual_time
async def test_a_basket_that_is_released_or_expires_gives_all_back() -> None:
    shop = Shop()
    await shop.open()
    held = await shop.hold("k1")
    assert isinstance(held, Settled)
    released = await shop.write(held.desk, ReleaseHold(shop.stamp("release"), held.reply.hold))
    assert isinstance(released, HoldReply)
    assert released.status is HoldStatus.RELEASED
    await asyncio.sleep(1)
    assert shop.statuses() == [{"AVAILABLE"}] * 3
    assert isinstance(await shop.hold("k2", ttl_ms=20_000), Settled)
    await asyncio.sleep(15)
    assert shop.statuses() == [{"HELD"}] * 3
    await asyncio.sleep(10)
    assert shop.statuses() == [{"AVAILABLE"}] * 3
    shop.check()


@on_virtual_time
async def test_tickets_of_a_basket_are_cancelled_some_and_then_all() -> None:
    shop = Shop()
    await shop.open()
    desk, number = await shop.paid("k1")
    partly = await shop.write(desk, CancelTickets(shop.stamp("some"), number, (0, 1, 4)))
    assert isinstance(partly, OrderReply)
    assert (partly.status, len(partly.tickets)) == (OrderStatus.PARTLY_CANCELLED, 9)
    assert partly.price.total == 3 * 26_000 - 3 * 9_000
    await asyncio.sleep(1)
    first, second, _ = (shop.blocks.index(block) for block in sorted(shop.blocks))
    assert shop.statuses()[first] == {"AVAILABLE"}
    assert shop.statuses()[second] == {"AVAILABLE", "SOLD"}
    cancelled = await shop.write(desk, CancelOrder(shop.stamp("all"), number))
    assert isinstance(cancelled, OrderReply)
    await asyncio.sleep(1)
    assert shop.statuses() == [{"AVAILABLE"}] * 3
    assert all(sum(shop.state(block).inventory.area_sold) == 0 for block in shop.blocks)
    shop.check()


@on_virtual_time
async def test_tickets_of_a_basket_are_exchanged_within_an_event_and_between_events() -> None:
    shop = Shop()
    await shop.open()
    desk, number = await shop.paid("k1")
    first, second, _ = sorted(shop.blocks)
    stamp = shop.stamp("within")
    swapped = await shop.baskets.exchange(stamp, desk, number, (0, 1), WishedLeg(first, Wish(("A/1/2", "A/1/3"))))
    assert isinstance(swapped, Settled), swapped
    assert isinstance(swapped.reply, OrderReply)
    assert len(swapped.reply.tickets) == 12
    await asyncio.sleep(1)
    state = shop.state(first)
    assert [UnitStatus(status).name for status in state.inventory.statuses[:4]] == [
        "AVAILABLE", "SOLD", "SOLD", "AVAILABLE",
    ]  # fmt: skip
    moved = await shop.baskets.exchange(shop.stamp("between"), desk, number, (4,), WishedLeg(first, Wish(("A/2/1",))))
    assert isinstance(moved, Settled), moved
    await asyncio.sleep(1)
    assert shop.statuses()[shop.blocks.index(second)] == {"AVAILABLE", "SOLD"}
    refused = await shop.baskets.exchange(shop.stamp("refused"), desk, number, (5,), WishedLeg(first, Wish(("A/2/1",))))
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.UNITS_SOLD
    assert not shop.state(desk).desk.placing
    shop.check()


@on_virtual_time
async def test_deeds_that_cannot_be_done_are_not_in_the_way_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errands, "MAX_UNDER_WAY", 2)
    shop = Shop()
    await shop.open()
    first, *others = sorted(shop.blocks)
    desk = desk_block(TENANT, key_hash(TENANT, "k0"))
    keys = [f"k{n}" for n in range(200) if desk_block(TENANT, key_hash(TENANT, f"k{n}")) == desk]
    shop.world.catalogue.owners[desk] = shop.world.catalogue.owners[others[0]]
    baskets = []
    for number, blocks in enumerate([[first]] * 3 + [others]):
        held = await shop.baskets.place(
            shop.stamp(keys[number]), [WishedLeg(block, Wish((f"A/{number + 1}/1",))) for block in blocks], 60_000
        )
        assert isinstance(held, Settled)
        assert isinstance(held.reply, HoldReply)
        baskets.append(held.reply.hold)
    shop.world.newest[shop.world.catalogue.owners[first]].process.kill()  # and nobody comes
    for number, basket in enumerate(baskets):
        await shop.write(desk, ReleaseHold(shop.stamp(f"release {number}"), basket))
    await asyncio.sleep(20)
    assert [shop.statuses(("A/4/1",))[shop.blocks.index(block)] for block in others] == [{"AVAILABLE"}] * 2
    assert {todo.block for todo in shop.state(desk).desk.todos.values()} == {first}
