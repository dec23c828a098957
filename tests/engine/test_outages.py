"""An outage does not eat the holds of buyers who were paying: what fell due in it is given a little longer."""

import asyncio

import pytest

from actors.core import block as block_module
from actors.core import holds as holds_module
from actors.core import orders as orders_module
from actors.core.commands import ReadOrder
from actors.core.entries import Activated, HoldPlaced
from actors.core.ids import BlockId
from actors.core.replies import HoldStatus, OrderReply, OrderStatus
from actors.core.rules import DEFAULT_HOLD_LIFE_MS
from actors.engine import block_host
from actors.engine.catalogue_port import Assignment, CatalogueUnavailable
from actors.engine.engine import Engine
from actors.link.batch import Replied, reply_decoder
from tests.engine.moving import Moving
from tests.engine.stage import (
    TENANT,
    Running,
    Stage,
    confirm,
    expired,
    hold,
    hold_reply,
    hold_status,
    on_virtual_time,
    order,
    read_hold,
    settle,
)
from tests.simulation.world import Catalogue


async def taken_over(stage: Stage, former: Running, block: BlockId, down_s: float) -> tuple[Running, int]:
    """The former owner falls silent, a successor takes over so much later; the successor and the time of its claim."""
    former.process.kill()
    await asyncio.sleep(down_s)
    successor = await stage.engine(2)
    assert isinstance(await successor.ask_one(block, hold(99, "4/10")), Replied)
    (claim,) = [entry for entry in stage.entries(block) if isinstance(entry, Activated)][1:]
    return successor, claim.at_ms


@on_virtual_time
async def test_an_outage_does_not_eat_the_holds_of_buyers_who_were_paying() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    await former.ask(block, hold(1, "1/1", ttl_ms=15_000), hold(2, "1/2", ttl_ms=120_000), hold(3, "1/3", ttl_ms=5_000))
    await asyncio.sleep(10)
    successor, claimed_ms = await taken_over(stage, former, block, 20)
    in_outage = hold_reply(await successor.ask_one(block, read_hold(1)))
    assert (in_outage.status, in_outage.expires_at_ms) == (HoldStatus.ACTIVE, claimed_ms + 30_000)
    later = hold_reply(await successor.ask_one(block, read_hold(2)))
    assert later.expires_at_ms == hold_reply(await successor.ask_one(block, read_hold(2))).expires_at_ms
    assert later.expires_at_ms < claimed_ms + 120_000  # as it was
    assert hold_status(await successor.ask_one(block, read_hold(3))) is HoldStatus.EXPIRED  # before the outage


async def order_status(owner: Running, block: BlockId, number: int) -> OrderStatus:
    """What is said of an order."""
    answer = await owner.ask_one(block, ReadOrder(TENANT, number))
    assert isinstance(answer, Replied)
    reply = reply_decoder.decode(answer.reply)
    assert isinstance(reply, OrderReply)
    return reply.status


async def check_read_before_the_claim() -> None:
    """What fell due in the outage is not said to be over, as the claim gives it a grace."""
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    await former.ask(block, hold(1, "1/1", ttl_ms=15_000), hold(2, "1/2", ttl_ms=15_000), order(1, 2))
    await asyncio.sleep(10)
    former.process.kill()
    await asyncio.sleep(20)
    successor = await stage.engine(2)
    for claimed in (False, True):
        assert any(hosted.claimed for hosted in successor.engine.residence.blocks.values()) is claimed
        held = hold_reply(await successor.ask_one(block, read_hold(1)))
        assert held.status is HoldStatus.ACTIVE
        assert (held.ends_in_seconds > 0) is claimed
        assert await order_status(successor, block, 1) is OrderStatus.PENDING
        assert isinstance(await successor.ask_one(block, hold(3, "1/3")), Replied)
    assert isinstance(await successor.ask_one(block, confirm(1)), Replied)


async def check_what_is_certain_before_the_claim() -> None:
    """What was due before the last entry, or is past its cap, is over whoever takes the block over."""
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    await former.ask(block, hold(1, "1/1", ttl_ms=5_000), hold(2, "1/2", ttl_ms=5_000), order(1, 2))
    await former.ask(block, hold(3, "1/3", ttl_ms=DEFAULT_HOLD_LIFE_MS))
    await asyncio.sleep(10)
    await former.ask(block, hold(4, "1/4"))
    former.process.kill()
    await asyncio.sleep(20)
    successor = await stage.engine(2)
    assert hold_status(await successor.ask_one(block, read_hold(1))) is HoldStatus.EXPIRED
    assert await order_status(successor, block, 1) is OrderStatus.EXPIRED
    assert hold_status(await successor.ask_one(block, read_hold(3))) is HoldStatus.ACTIVE
    await asyncio.sleep(DEFAULT_HOLD_LIFE_MS / 1000)
    assert hold_status(await successor.ask_one(block, read_hold(3))) is HoldStatus.EXPIRED
    assert set(stage.epochs(block)) == {1}, "nobody has taken it over"


@pytest.mark.parametrize("journaled_only", [False, True])
def test_what_no_claim_can_give_a_grace_is_said_to_be_over(
    journaled_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the control: by the journal alone it is not."""
    monkeypatch.setattr(block_host, "DUES_PER_TICK", 0)  # as where more are due than a tick takes
    if journaled_only:
        for module in (holds_module, orders_module):
            monkeypatch.setattr(module, "is_over", lambda *_, ends_by_time: False)
        with pytest.raises(AssertionError):
            on_virtual_time(check_what_is_certain_before_the_claim)()
    else:
        on_virtual_time(check_what_is_certain_before_the_claim)()


@on_virtual_time
async def test_what_fell_due_in_an_outage_is_not_said_to_be_over_before_it_is_known() -> None:
    await check_read_before_the_claim()


@pytest.mark.parametrize("reply", ["holds.hold_reply", "orders.order_reply"])
def test_control_judged_by_the_clock_alone_it_is(reply: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, name = (getattr(block_module, reply.partition(".")[0]), reply.partition(".")[2])
    by_clock = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *known, ends_by_time=True, **more: by_clock(*known, **more))
    with pytest.raises(AssertionError):
        on_virtual_time(check_read_before_the_claim)()


class Forgetful(Catalogue):
    """One that cannot say once when the former owner was last alive."""

    refusals = 1

    async def last_heartbeat_ms(self, shard: str, epoch: int) -> int | None:
        if self.refusals:
            self.refusals -= 1
            raise CatalogueUnavailable("no answer")
        return await super().last_heartbeat_ms(shard, epoch)


@on_virtual_time
async def test_an_outage_whose_length_cannot_be_known_yet_is_asked_for_again() -> None:
    stage = Stage()
    stage.catalogue = catalogue = Forgetful(stage.store)
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    await former.ask(block, hold(1, "1/1", ttl_ms=15_000))
    await asyncio.sleep(10)
    successor, claimed_ms = await taken_over(stage, former, block, 20)
    assert catalogue.refusals == 0
    assert hold_reply(await successor.ask_one(block, read_hold(1))).expires_at_ms == claimed_ms + 30_000


@on_virtual_time
async def test_an_outage_ends_when_the_successor_is_there_not_when_it_gets_round_to_the_block() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    await former.ask(block, hold(1, "1/1", ttl_ms=15_000), hold(2, "1/2", ttl_ms=40_000))
    former.process.kill()
    await asyncio.sleep(20)
    successor = await stage.engine(2)
    await asyncio.sleep(30)
    assert isinstance(await successor.ask_one(block, hold(3, "4/10")), Replied)
    assert hold_status(await successor.ask_one(block, read_hold(1))) is HoldStatus.ACTIVE
    assert hold_status(await successor.ask_one(block, read_hold(2))) is HoldStatus.EXPIRED


@on_virtual_time
async def test_a_successor_after_a_lasting_jump_of_the_clock_expires_nothing_early() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    await former.ask(block, hold(1, "1/1", ttl_ms=600_000))
    stage.clock_error_ms = 3_600_000
    await asyncio.sleep(15)
    assert former.left
    successor = await stage.engine(2)
    assert isinstance(await successor.ask_one(block, hold(2, "1/2")), Replied)
    await asyncio.sleep(2)
    assert expired(stage, block) == []
    assert hold_status(await successor.ask_one(block, read_hold(1))) is HoldStatus.ACTIVE


async def check_lasting_jump() -> None:
    """What falls due in the jump has its grace; what is due later ends at its instant of the clock that jumped."""
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    placed = await former.ask(block, hold(1, "1/1", ttl_ms=900_000), hold(2, "1/2", ttl_ms=3_600_000))
    told_ms = hold_reply(placed[1]).expires_at_ms
    stage.clock_error_ms = 1_800_000
    await asyncio.sleep(15)
    assert former.left
    successor = await stage.engine(2)
    assert isinstance(await successor.ask_one(block, hold(3, "1/3")), Replied)
    _, claim = (entry for entry in stage.entries(block) if isinstance(entry, Activated))
    assert hold_reply(await successor.ask_one(block, read_hold(1))).expires_at_ms == claim.at_ms + 30_000
    await asyncio.sleep((told_ms - stage.store.clock_ms()) / 1000 - 1)
    assert hold_reply(await successor.ask_one(block, read_hold(2))).expires_at_ms == told_ms
    assert expired(stage, block) == [1, 3]
    await asyncio.sleep(2)
    assert expired(stage, block) == [1, 3, 2]


def test_a_lasting_jump_forward_is_an_outage_and_what_is_due_later_ends_as_told() -> None:
    on_virtual_time(check_lasting_jump)()


def test_control_a_lasting_jump_that_is_no_outage_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(*_: object) -> None:
        return None

    monkeypatch.setattr(Engine, "_find_outage", none)
    with pytest.raises(AssertionError):
        on_virtual_time(check_lasting_jump)()


async def check_move_noted_ahead() -> None:
    """By the clock of who noted the move, the outage ends an hour from now."""
    moving = await Moving.begin()
    former, block = moving.engines["s1"], moving.block
    placed = await former.ask(block, hold(1, "1/1", ttl_ms=15_000), hold(2, "1/2", ttl_ms=600_000))
    former.process.kill()
    await asyncio.sleep(20)
    moving.stage.clock_error_ms = 3_600_000
    await moving.move("s2")
    moving.stage.clock_error_ms = 0
    assert isinstance(await moving.ask(hold(3, "1/3")), Replied)
    _, claim = (entry for entry in moving.stage.entries(block) if isinstance(entry, Activated))
    assert 0 < claim.down_from_ms < claim.down_until_ms <= claim.at_ms
    assert hold_reply(await moving.ask(read_hold(1))).expires_at_ms == claim.at_ms + 30_000
    assert hold_reply(await moving.ask(read_hold(2))).expires_at_ms == hold_reply(placed[1]).expires_at_ms


def test_an_outage_ends_at_the_latest_when_it_is_noted() -> None:
    on_virtual_time(check_move_noted_ahead)()


def test_control_an_outage_that_ends_with_the_move_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    find = Engine._find_outage

    async def with_the_move(self: Engine, former: int, at_ms: int, assignment: Assignment) -> tuple[int, int] | None:
        outage = await find(self, former, at_ms, assignment)
        return outage and (outage[0], max(outage[1], assignment.moved_at_ms))

    monkeypatch.setattr(Engine, "_find_outage", with_the_move)
    with pytest.raises(AssertionError):
        on_virtual_time(check_move_noted_ahead)()


@on_virtual_time
async def test_an_outage_never_moves_a_hold_past_its_cap() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    (answer,) = await former.ask(block, hold(1, "1/1", ttl_ms=DEFAULT_HOLD_LIFE_MS))
    cap_ms = hold_reply(answer).max_expires_at_ms
    await asyncio.sleep(DEFAULT_HOLD_LIFE_MS / 1000 - 5)
    successor, _ = await taken_over(stage, former, block, 20)
    assert hold_reply(await successor.ask_one(block, read_hold(1))).expires_at_ms == cap_ms
    assert hold_status(await successor.ask_one(block, read_hold(1))) is HoldStatus.EXPIRED


@on_virtual_time
async def test_there_is_no_grace_where_the_former_owner_was_alive() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    await former.ask(block, hold(1, "1/1", ttl_ms=15_000))
    await asyncio.sleep(14)
    former.process.pause()  # silent, but for less than what counts as an outage
    await asyncio.sleep(1.2)
    successor = await stage.engine(2)
    assert isinstance(await successor.ask_one(block, hold(2, "1/1")), Replied)
    assert hold_status(await successor.ask_one(block, read_hold(1))) is HoldStatus.EXPIRED


@on_virtual_time
async def test_there_is_no_grace_where_the_former_owner_has_just_written() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    await former.ask(block, hold(1, "1/1", ttl_ms=15_000))
    stage.catalogue.beats_ms = _Deaf(stage.catalogue.beats_ms)
    await asyncio.sleep(14.9)
    successor = await stage.engine(2)
    claim = successor.script.hold("append")
    successor.send(block, hold(2, "1/1"))
    await settle()
    await asyncio.sleep(0.2)
    assert isinstance(await former.ask_one(block, hold(3, "1/3")), Replied)
    claim.set()
    await asyncio.sleep(0.1)
    activations = [entry for entry in stage.entries(block) if isinstance(entry, Activated)]
    assert [entry.down_until_ms for entry in activations] == [0, 0]


@on_virtual_time
async def test_an_outage_begins_with_the_last_write_if_that_came_after_the_last_heartbeat() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    stage.catalogue.beats_ms = _Deaf(stage.catalogue.beats_ms)
    await former.ask(block, hold(1, "1/1", ttl_ms=5_000), hold(2, "1/2", ttl_ms=12_000))
    await asyncio.sleep(10)
    assert isinstance(await former.ask_one(block, hold(3, "1/3")), Replied)
    successor, _ = await taken_over(stage, former, block, 20)
    assert hold_status(await successor.ask_one(block, read_hold(1))) is HoldStatus.EXPIRED
    assert hold_status(await successor.ask_one(block, read_hold(2))) is HoldStatus.ACTIVE  # due in the outage
    entries = stage.entries(block)
    (outage_from_ms,) = (entry.down_from_ms for entry in entries if isinstance(entry, Activated) and entry.down_from_ms)
    assert outage_from_ms == next(entry.at_ms for entry in entries if isinstance(entry, HoldPlaced) and entry.hold == 3)


class _Deaf(dict[tuple[str, int], int]):
    """Beats that stopped: the catalogue cannot be reached from the former owner, which serves all the same."""

    def __setitem__(self, key: tuple[str, int], value: int) -> None:
        if key not in self:
            super().__setitem__(key, value)
