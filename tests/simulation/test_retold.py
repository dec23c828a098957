"""What was told of a hold or an order is held against the row that was named, and nothing else will do."""

from typing import TypeVar

import msgspec
import pytest

from actors.audit.audit import BlockAudit
from actors.core.block import decide
from actors.core.commands import (
    CancelTickets,
    ChangeStatus,
    ConfirmOrder,
    ExtendHold,
    PlaceOrder,
    ReadHold,
    ReadOrder,
    ReassignTicket,
)
from actors.core.keys import key_hash
from actors.core.outcomes import Accepted
from actors.core.replies import EventStatus, HoldReply, HoldStatus, OrderReply, OrderStatus
from tests.loadtests.journals import TENANT, Shop, made_event
from tests.simulation.boundary import Said
from tests.simulation.retold import ANSWERS, DEADLINES, ORDERS_AGAIN, ROTATED, VOIDED, Retold

HOLD, ORDER = 1, 101

R = TypeVar("R", HoldReply, OrderReply)


class Scene:
    """A shop with an order of two seats and a place. `said`: what it has told, each as of the row that has it."""

    def __init__(self) -> None:
        self.shop = Shop()
        made_event(self.shop)
        self.shop.hold(HOLD, ("A/1/1", "A/1/2"), 1)
        self.shop.ask(PlaceOrder(self.shop.stamp("order"), HOLD, ORDER))
        self.shop.ask(ConfirmOrder(self.shop.stamp("confirm"), ORDER))
        self.shop.commit()
        self.position = len(self.shop.drafts)

    def reassign(self, key: str = "reassign", holder: str = "cem") -> OrderReply:
        """The place is somebody else's, in the row that is to come."""
        reply = self.shop.ask(ReassignTicket(self.shop.stamp(key), ORDER, 2, holder))
        assert isinstance(reply, OrderReply)
        return reply

    def seen(self) -> OrderReply:
        """The order as a read tells it now."""
        return self._read(ReadOrder(TENANT, ORDER), OrderReply)

    def hold_seen(self, number: int = HOLD) -> HoldReply:
        """The hold as a read tells it now."""
        return self._read(ReadHold(TENANT, number), HoldReply)

    def _read(self, command: ReadOrder | ReadHold, kind: type[R]) -> R:
        outcome = decide(self.shop.state, command, self.shop.now_ms)
        assert isinstance(outcome, Accepted)
        assert isinstance(outcome.reply, kind)
        return outcome.reply

    def said(self, reply: HoldReply | OrderReply, position: int = 0, **how: object) -> Said:
        """As a replay or a read, if nothing else is said, as of the last row or this one."""
        said = Said(self.shop.block, position or self.position, b"", reply, None, is_again=True, is_past=False)
        return said._replace(**how)  # type: ignore[arg-type]

    def judged(self, *said: Said) -> Retold:
        """By the journal as it is."""
        retold = Retold(self.shop.block, said)
        audit = BlockAudit(self.shop.block, watcher=retold)
        found = [finding for row in self.shop.journal().rows() for finding in audit.take(row)]
        assert found == []
        return retold


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_what_is_so_is_told(scene: Scene) -> None:
    retold = scene.judged(scene.said(scene.seen()), scene.said(scene.hold_seen()))
    assert retold.wrong == []
    assert +retold.counts == {ANSWERS: 2, ORDERS_AGAIN: 1}


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("status", {"status": OrderStatus.PARTLY_CANCELLED}),
        ("buyer", {"buyer": "eve"}),
        ("units", {"seats": ("A/1/1",)}),
        ("units", {"seats": ("A/1/1", "A/1/3")}),
        ("areas", {"areas": ()}),
        ("goes with", {"hold": 2}),
        ("tickets", {"tickets": ()}),
        ("and the journal says nothing of it", {"order": 102}),
    ],
)
def test_what_is_not_so_is_found(scene: Scene, what: str, changes: dict[str, object]) -> None:
    order = msgspec.structs.replace(scene.seen(), **changes)
    (wrong,) = scene.judged(scene.said(order)).wrong
    assert what in wrong


@pytest.mark.parametrize("changes", [{"code_revision": 2}, {"holder": "eve"}, {"unit": "A/1/3"}, {"index": 5}])
def test_of_each_ticket_all_is_compared(scene: Scene, changes: dict[str, object]) -> None:
    order = scene.seen()
    tickets = (msgspec.structs.replace(order.tickets[0], **changes), *order.tickets[1:])
    (wrong,) = scene.judged(scene.said(msgspec.structs.replace(order, tickets=tickets))).wrong
    assert "with tickets" in wrong


def test_another_total_is_found(scene: Scene) -> None:
    order = scene.seen()
    price = msgspec.structs.replace(order.price, lines=order.price.lines[1:])
    (wrong,) = scene.judged(scene.said(msgspec.structs.replace(order, price=price))).wrong
    assert "with total minor" in wrong


ACTIVE = 2
"""A hold that nothing has become of."""


def _active(scene: Scene) -> HoldReply:
    scene.shop.hold(ACTIVE, ("A/2/1",))
    scene.shop.commit()
    scene.position += 1
    return scene.hold_seen(ACTIVE)


def test_a_deadline_is_told_as_it_is(scene: Scene) -> None:
    hold = _active(scene)
    retold = scene.judged(scene.said(hold), scene.said(hold, is_past=True))
    assert retold.wrong == []
    assert retold.counts[DEADLINES] == 2
    for off_ms in (-1, 1):
        other = msgspec.structs.replace(hold, expires_at_ms=hold.expires_at_ms + off_ms)
        (wrong,) = scene.judged(scene.said(other)).wrong
        assert f"with deadline ms {other.expires_at_ms}, and the journal says {hold.expires_at_ms}" in wrong


def test_so_is_one_that_was_moved(scene: Scene) -> None:
    """By an entry of the same row, behind which it is told."""
    before = _active(scene)
    after = scene.shop.ask(ExtendHold(scene.shop.stamp("extend"), ACTIVE, 120_000))
    assert isinstance(after, HoldReply)
    assert after.expires_at_ms > before.expires_at_ms
    scene.shop.commit()
    key = key_hash(TENANT, "extend")
    told = scene.said(after, scene.position + 1, key=key, is_again=False)
    assert scene.judged(scene.said(before), told, scene.said(after, scene.position + 1, is_past=True)).wrong == []
    for late in (told._replace(reply=before), scene.said(before, scene.position + 1, is_past=True)):
        (wrong,) = scene.judged(late).wrong
        assert "with deadline ms" in wrong


def test_so_is_that_of_an_order(scene: Scene) -> None:
    _active(scene)
    order = scene.shop.ask(PlaceOrder(scene.shop.stamp("another"), ACTIVE, ORDER + 1))
    assert isinstance(order, OrderReply)
    scene.shop.commit()
    assert scene.judged(scene.said(order, scene.position + 1)).wrong == []
    longer = msgspec.structs.replace(order, pay_by_ms=order.pay_by_ms + 1)
    (wrong,) = scene.judged(scene.said(longer, scene.position + 1)).wrong
    assert "with deadline ms" in wrong


def test_nothing_is_over_before_its_deadline(scene: Scene) -> None:
    hold = _active(scene)
    over = msgspec.structs.replace(hold, status=HoldStatus.EXPIRED, now_ms=hold.expires_at_ms)
    assert scene.judged(scene.said(over)).wrong == []
    (wrong,) = scene.judged(scene.said(msgspec.structs.replace(over, now_ms=hold.expires_at_ms - 1))).wrong
    assert wrong.endswith("as over, 1 ms before its deadline")
    (wrong,) = scene.judged(scene.said(msgspec.structs.replace(over, expires_at_ms=hold.expires_at_ms - 1))).wrong
    assert "with deadline ms" in wrong


def test_a_hold_is_told_with_the_order_that_it_became(scene: Scene) -> None:
    hold = msgspec.structs.replace(scene.hold_seen(), order=0)
    (wrong,) = scene.judged(scene.said(hold)).wrong
    assert "with goes with 0" in wrong


def test_a_replay_tells_what_the_order_has_by_then(scene: Scene) -> None:
    before = scene.seen()
    scene.reassign()
    scene.shop.ask(CancelTickets(scene.shop.stamp("cancel"), ORDER, (0,)))
    scene.shop.commit()
    retold = scene.judged(scene.said(scene.seen(), scene.position + 1), scene.said(before))
    assert retold.wrong == []
    assert (retold.counts[ROTATED], retold.counts[VOIDED]) == (1, 1)
    (wrong,) = scene.judged(scene.said(before, scene.position + 1, is_past=True)).wrong
    assert "with status CONFIRMED" in wrong


def test_who_asks_while_a_row_is_made_may_hear_of_any_part_of_it(scene: Scene) -> None:
    moments = [scene.seen(), scene.reassign(), scene.reassign("again", "eve")]
    scene.shop.commit()
    assert scene.judged(*(scene.said(order, scene.position + 1) for order in moments)).wrong == []
    past = scene.judged(*(scene.said(order, scene.position + 1, is_past=True) for order in moments))
    assert len(past.wrong) == 2, "when the row was there it is told whole"


def test_what_was_done_is_told_as_it_is_just_behind_that(scene: Scene) -> None:
    before, first, second = scene.seen(), scene.reassign(), scene.reassign("again", "eve")
    scene.shop.commit()
    keys = key_hash(TENANT, "reassign"), key_hash(TENANT, "again")

    def wrong(reply: OrderReply, key: bytes) -> bool:
        return bool(scene.judged(scene.said(reply, scene.position + 1, key=key, is_again=False)).wrong)

    assert [wrong(reply, keys[0]) for reply in (before, first, second)] == [True, False, True]
    assert [wrong(reply, keys[1]) for reply in (before, first, second)] == [True, True, False]
    assert [wrong(reply, b"") for reply in (before, first, second)] == [True, False, False], "of an errand, by either"
    assert wrong(second, key_hash(TENANT, "another"))


def test_what_ended_with_its_event_is_told_with_what_it_had(scene: Scene) -> None:
    scene.shop.hold(2, ("A/2/1",))
    scene.shop.ask(ChangeStatus(scene.shop.stamp("cancelled"), EventStatus.CANCELLED))
    scene.shop.commit()
    order = scene.seen()
    assert (order.status.name, order.tickets) == ("CANCELLED", ())
    assert scene.judged(scene.said(order, scene.position + 1)).wrong == []
