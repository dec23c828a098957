"""What a key of a split event stands for is told whatever the event has become; an edit costs its buyers latency."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from itertools import count
from typing import Any

import pytest

from actors.core import block, desk
from actors.core.commands import SettleBasket
from actors.core.entries import BasketDropped
from actors.core.layout import Category, Layout, Row, RowKind, Section
from actors.core.outcomes import Details, Outcome, Reason, Rejected
from actors.core.replies import HoldReply, HoldStatus, OrderReply
from actors.core.rules import Channel, Rules
from actors.core.state import BlockState
from actors.core.wishes import BestSeats, Wish
from actors.journal.codec import decode_entries
from actors.reservations import Done, Request
from actors.reservations.baskets import BasketAsks
from actors.reservations.divisions import FRESH_MS
from actors.reservations.ways import Way
from tests.engine.stage import on_virtual_time
from tests.simulation.buyers import CALLER
from tests.simulation.moments import Moments
from tests.simulation.test_divided_events import LAYOUT, Stadium

Sabotage = Callable[[pytest.MonkeyPatch], None]
CLUB = Rules(channels=(Channel("club"),))
SEATS = Wish(("north/1/1", "west/1/1"), channel="club")
NEW = Wish(("east/1/1",), channel="club")
STALE_S = FRESH_MS / 1000 + 1
SETTLED_S = 20.0
MOMENTS = 4  # that a call has at least: fewer batches than that are not sent for any


async def edit(stadium: Stadium, **changes: Any) -> None:
    """By another gateway."""
    revision = stadium.state(stadium.home).revision
    edited = await stadium.world.gateway().edit_event(stadium.request(), stadium.event, revision, **changes)
    assert isinstance(edited, Done), edited


async def exchange(stadium: Stadium, order: str, wish: Wish, event: str = "") -> Done[OrderReply] | Rejected:
    return await stadium.gateway.exchange_tickets(stadium.request(key="exchange"), order, (0,), wish, event)


async def a_hold_is_told_when_its_channel_has_ended() -> None:
    stadium = await Stadium(CLUB).open()
    held = await stadium.hold(SEATS, key="mine")
    await edit(stadium, rules=Rules())
    assert (await stadium.refused(NEW)).reason is Reason.UNIT_UNKNOWN
    for gateway in (stadium.gateway, stadium.world.gateway()):
        await asyncio.sleep(STALE_S)
        stadium.gateway = gateway
        again = await stadium.hold(SEATS, key="mine")
        assert (again.replayed, again.reply.hold, again.reply.status) == (True, held.reply.hold, HoldStatus.ACTIVE)
        reused = await gateway.place_hold(stadium.request(key="mine"), stadium.event, NEW)
        assert isinstance(reused, Rejected)
        assert reused.reason is Reason.IDEMPOTENCY_KEY_REUSED
    wishes = [(stadium.event, NEW)]
    assert isinstance(await stadium.gateway.place_basket(stadium.request(key="cart"), wishes), Rejected)


async def a_basket_is_told_when_its_channel_has_ended() -> None:
    stadium = await Stadium(CLUB).open()
    wishes = [(stadium.event, SEATS)]
    held = await stadium.gateway.place_basket(stadium.request(key="cart"), wishes)
    await edit(stadium, rules=Rules())
    await asyncio.sleep(STALE_S)
    again = await stadium.gateway.place_basket(stadium.request(key="cart"), wishes)
    assert isinstance(held, Done)
    assert isinstance(again, Done), again
    assert (again.replayed, again.reply.hold) == (True, held.reply.hold)


async def an_exchange_is_told_when_its_channel_has_ended() -> None:
    for named in (False, True):
        stadium = await Stadium(CLUB).open()
        order = await stadium.order(await stadium.hold(SEATS))
        event = stadium.event if named else ""
        assert isinstance(await exchange(stadium, order, NEW, event), Done)
        await edit(stadium, rules=Rules())
        for gateway in (stadium.gateway, stadium.world.gateway()):
            await asyncio.sleep(STALE_S)
            stadium.gateway = gateway
            again = await exchange(stadium, order, NEW, event)
            assert isinstance(again, Done), again
            assert again.replayed
            assert "east/1/1" in [ticket.unit for ticket in again.reply.tickets]
        refused = await gateway.exchange_tickets(stadium.request(), order, (1,), Wish(("east/1/2",), channel="club"))
        assert isinstance(refused, Rejected)
        assert (refused.reason, refused.details.event) == (Reason.UNIT_UNKNOWN, "")


async def an_exchange_is_told_when_its_order_is_of_several_events() -> None:
    """Of which the new units were was plain when it was asked for."""
    stadium = await Stadium(CLUB).open()
    gateway = stadium.gateway
    other = await gateway.create_event(stadium.request(), "other", LAYOUT, 600_000)
    assert isinstance(other, Done)
    await gateway.open_sale(stadium.request(), f"event_{other.block}")
    order = await stadium.order(await stadium.hold(SEATS))
    assert isinstance(await exchange(stadium, order, NEW), Done)
    moved = Wish(("east/1/1",))
    swap = await gateway.exchange_tickets(stadium.request(), order, (1,), moved, f"event_{other.block}")
    assert isinstance(swap, Done), swap
    again = await exchange(stadium, order, NEW)
    assert isinstance(again, Done), again
    assert (again.replayed, {ticket.block for ticket in again.reply.tickets}) == (True, {stadium.home, other.block})
    refused = await gateway.exchange_tickets(stadium.request(), order, (2,), NEW)
    assert isinstance(refused, Rejected)
    assert refused.details.fields[0].startswith("event_id: missing")


async def a_hold_is_told_when_its_choices_would_now_be_in_too_many_parts() -> None:
    """The nine seats were next to each other, and those that are left are one in each part."""
    names = tuple(f"s{number}" for number in range(10))
    sections = tuple(Section(name, (Row("1", 0, 1, 9 if name == "s0" else 1),)) for name in names)
    layout = Layout("EUR", (Category("gold", 9000),), sections, ())
    stadium = await Stadium(layout=layout, split=tuple((name,) for name in names)).open()
    wish = Wish(best=(BestSeats(1),) * 9)
    held = await stadium.hold(wish, key="nine")
    assert all(seat.startswith("s0/") for seat in held.reply.legs[0].seats)
    again = await stadium.hold(wish, key="nine")
    assert (again.replayed, again.reply.hold) == (True, held.reply.hold)
    other = await stadium.refused(wish)
    assert other.details.fields == ("units: are of more than 8 parts of the event",)


def _nobody_asks_the_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> None:
        return None

    monkeypatch.setattr(BasketAsks, "_under_key", nothing)


async def what_was_meant_before_an_edit_is_settled_or_never_was() -> None:
    """A gateway dies on the way, and the channel ends: who asks again is told of what there is, and that stays so."""
    for asked_again, names in ((_hold_asked_again, {"held", "refused"}), (_exchange_asked_again, {"done", "refused"})):
        told, number = set(), 1
        while outcome := await asked_again(number):
            told.add(outcome)
            number += 1
        assert told == names
        assert number > MOMENTS


async def _hold_asked_again(number: int) -> str:
    """What is told in the end where the gateway dies before its batch of this number; empty if it sends fewer."""
    stadium = await Stadium(CLUB).open()
    wishes, moments = [(stadium.event, SEATS)], Moments(stadium.world)
    if not await moments.dies_before(number, lambda: moments.gateway.place_basket(stadium.request(key="one"), wishes)):
        return ""
    await edit(stadium, rules=Rules())
    again = await stadium.world.gateway().place_basket(stadium.request(key="one"), wishes)
    await asyncio.sleep(SETTLED_S)
    owned = any(any(state.inventory.owners) for state in (*stadium.parts(), stadium.state(stadium.home)))
    assert isinstance(again, Done) == owned, (number, again)
    if isinstance(again, Rejected):
        assert (again.reason, again.details.event) == (Reason.UNIT_UNKNOWN, stadium.event)
        return "refused"
    return "held"


async def _exchange_asked_again(number: int) -> str:
    """As above."""
    stadium = await Stadium(CLUB).open()
    order = await stadium.order(await stadium.hold(SEATS))
    moments = Moments(stadium.world)
    stadium.gateway = moments.gateway
    if not await moments.dies_before(number, lambda: exchange(stadium, order, NEW)):
        return ""
    await edit(stadium, rules=Rules())
    stadium.gateway = stadium.world.gateway()
    again = await exchange(stadium, order, NEW)
    await asyncio.sleep(SETTLED_S)
    seen = await stadium.gateway.get_order(CALLER, order, 5_000)
    assert isinstance(seen, Done)
    is_done = "east/1/1" in [ticket.unit for ticket in seen.reply.tickets]
    assert isinstance(again, Done) == is_done, (number, again)
    if isinstance(again, Rejected):
        assert (again.reason, again.details.event) == (Reason.UNIT_UNKNOWN, "")
        return "refused"
    return "done"


def tables_of(seats: int) -> Layout:
    sections = (
        Section("A", (Row("1", 0, 1, 10),)),
        Section("B", (Row("1", 0, 1, 10),)),
        Section("W", tuple(Row(name, 0, 1, seats, kind=RowKind.WHOLE_TABLE) for name in ("T", "U"))),
    )
    return Layout("EUR", (Category("gold", 9000),), sections, ())


async def _known_for_a_moment(layout: Layout) -> tuple[Stadium, Moments]:
    """A limit for buyers, tables at home, and a gateway that has just looked how the event is split."""
    stadium = await Stadium(Rules(max_per_buyer=9), layout, (("A",), ("B",))).open()
    moments = Moments(stadium.world)
    stadium.gateway = moments.gateway
    await stadium.hold(Wish(("A/1/1",)))
    await asyncio.sleep(STALE_S)
    await stadium.hold(Wish(("A/1/2",)))
    return stadium, moments


def _dropped(stadium: Stadium) -> int:
    rows = (row for journal in stadium.world.store.journals.values() for row in journal)
    return sum(isinstance(entry, BasketDropped) for row in rows for entry in decode_entries(row.entries))


async def a_table_that_has_grown_is_held_at_once() -> None:
    stadium, _ = await _known_for_a_moment(tables_of(4))
    await edit(stadium, layout=tables_of(6))
    held = await stadium.hold(Wish(("W/T",)), "ben")
    assert len(held.reply.legs[0].seats) == 6
    assert _dropped(stadium) == 0
    assert (await stadium.refused(Wish(("A/1/3", "A/1/4", "A/1/5", "A/1/6")), "ben")).details.available == 3


async def a_table_that_has_shrunk_is_within_the_limit_at_once() -> None:
    stadium, _ = await _known_for_a_moment(tables_of(6))
    await stadium.hold(Wish(tuple(f"B/1/{seat}" for seat in range(1, 6))), "ben")
    await edit(stadium, layout=tables_of(4))
    held = await stadium.hold(Wish(("W/T",)), "ben")
    assert len(held.reply.legs[0].seats) == 4
    assert _dropped(stadium) == 0


def _known_for_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Way, "is_outdated", lambda *_: False)


async def an_edit_in_that_very_moment_costs_a_second() -> None:
    """After room was looked for and before the table is pinned; in any other it costs nothing."""
    told = [
        (len(outcome.reply.legs[0].seats), _dropped(stadium))
        async for stadium, outcome in _edited_in_each_moment(15_000)
        if isinstance(outcome, Done)
    ]
    assert set(told) == {(6, 0), (6, 1), (4, 0)}
    assert len(told) > MOMENTS


async def an_edit_in_that_very_moment_is_told_who_has_no_time() -> None:
    refusals = 0
    async for stadium, outcome in _edited_in_each_moment(500):
        assert isinstance(outcome, Rejected) == (_dropped(stadium) > 0)
        if isinstance(outcome, Rejected):
            refusals += 1
            assert (outcome.reason, outcome.details.fields, _dropped(stadium)) == (Reason.UNAVAILABLE, (), 1)
            assert outcome.details.retry_at_ms is not None
            await asyncio.sleep((outcome.details.retry_at_ms - stadium.gateway._now_ms()) / 1000)
            held = await stadium.hold(Wish(("W/T",)), "ben", "one")
            assert len(held.reply.legs[0].seats) == 6
    assert refusals


async def _edited_in_each_moment(within_ms: int) -> AsyncIterator[tuple[Stadium, Done[HoldReply] | Rejected]]:
    """What becomes of a hold of a table, to which seats are added before one of the batches that are sent for it."""
    for number in count(1):
        stadium, moments = await _known_for_a_moment(tables_of(4))
        moments.before(number, partial(edit, stadium, layout=tables_of(6)))
        request = Request(CALLER, "one", within_ms, "ben")
        outcome = await stadium.gateway.place_hold(request, stadium.event, Wish(("W/T",)))
        if not moments.came.is_set():
            return
        yield stadium, outcome


def _kept_until_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody tells the desk to drop what it can never settle."""
    settle = desk.decide_settle_basket

    def decide(state: BlockState, command: SettleBasket, now_ms: int) -> Outcome:
        outcome = settle(state, command, now_ms)
        is_hopeless = isinstance(outcome, Rejected) and outcome.details.miscounted
        return Rejected(Reason.UNAVAILABLE, Details(retry_at_ms=now_ms)) if is_hopeless else outcome

    monkeypatch.setitem(block._DECIDE_ERRAND, SettleBasket, decide)


CHECKS: list[tuple[Callable[[], Coroutine[Any, Any, None]], Sabotage]] = [
    (a_hold_is_told_when_its_channel_has_ended, _nobody_asks_the_desk),
    (a_basket_is_told_when_its_channel_has_ended, _nobody_asks_the_desk),
    (an_exchange_is_told_when_its_channel_has_ended, _nobody_asks_the_desk),
    (an_exchange_is_told_when_its_order_is_of_several_events, _nobody_asks_the_desk),
    (a_hold_is_told_when_its_choices_would_now_be_in_too_many_parts, _nobody_asks_the_desk),
    (what_was_meant_before_an_edit_is_settled_or_never_was, _nobody_asks_the_desk),
    (a_table_that_has_grown_is_held_at_once, _known_for_five_seconds),
    (a_table_that_has_shrunk_is_within_the_limit_at_once, _known_for_five_seconds),
    (an_edit_in_that_very_moment_costs_a_second, _kept_until_its_time_is_over),
    (an_edit_in_that_very_moment_is_told_who_has_no_time, _kept_until_its_time_is_over),
]


@pytest.mark.parametrize("check", [check for check, _ in CHECKS], ids=lambda check: check.__name__)
def test_of_an_event_that_was_edited(check: Callable[[], Coroutine[Any, Any, None]]) -> None:
    on_virtual_time(check)()


@pytest.mark.parametrize(("check", "sabotage"), CHECKS, ids=lambda each: each.__name__)
def test_the_check_notices(
    check: Callable[[], Coroutine[Any, Any, None]], sabotage: Sabotage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative controls."""
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        on_virtual_time(check)()
