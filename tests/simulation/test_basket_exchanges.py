"""Exchanges of a basket's order for what lies beside what it has, and through another channel: made, and audited."""

import asyncio

import msgspec
import pytest

from actors.audit import legs
from actors.core.layout import Area, Calendar, Category, Layout, Resource, Row, Section
from actors.core.replies import OrderReply
from actors.core.rules import Allotment, Channel, Rules
from actors.core.wishes import AreaPlaces, Span, Wish
from actors.reservations import Done
from tests.engine.stage import on_virtual_time
from tests.simulation.buyers import CALLER
from tests.simulation.journal_audit import audited
from tests.simulation.test_divided_events import Stadium
from tests.simulation.world import now_ms

HOUR_MS = 3_600_000
FANS = Rules(channels=(Channel("fans"),), allotments=(Allotment("fans", "fans", places=(AreaPlaces("floor", 2),)),))
LAYOUT = Layout(
    "EUR",
    (Category("all", 2400),),
    tuple(Section(name, (Row("A", 0, 1, 4),)) for name in ("north", "south")),
    (Area("floor", 0, 5),),
    (Resource("court", 0, 0, HOUR_MS // 4),),
)


async def exchange_all() -> list[str]:
    """A seat for the hour beside one's own, an hour for another and back, places of a channel for open ones."""
    first_ms = (now_ms() // HOUR_MS + 30) * HOUR_MS
    layout = msgspec.structs.replace(LAYOUT, calendars=(Calendar("UTC", HOUR_MS, ((first_ms, 6, 0),)),))
    stadium = await Stadium(FANS, layout, (("north",),)).open()

    def hour(number: int) -> tuple[Span, ...]:
        return (Span("court", first_ms + number * HOUR_MS, first_ms + (number + 1) * HOUR_MS),)

    two = (AreaPlaces("floor", 2),)
    order = await stadium.order(
        await stadium.hold(Wish(("north/A/1", "south/A/1"), two, spans=hour(1), channel="fans"))
    )
    wishes = {"north/A/1": Wish(spans=hour(2)), "hour 2": Wish(spans=hour(4)), "hour 4": Wish(spans=hour(2))}
    await asyncio.sleep(1)
    reply = await shown(stadium, order)
    now = {"north/A/1": index_of(reply, "north/A/1")}
    for before, after in (("north/A/1", "hour 2"), ("hour 2", "hour 4"), ("hour 4", "hour 2")):
        exchanged = await stadium.gateway.exchange_tickets(
            stadium.request(), order, (now[before],), wishes[before], stadium.event
        )
        assert isinstance(exchanged, Done), (before, exchanged)
        now[after] = max(ticket.index for ticket in exchanged.reply.tickets)
        await asyncio.sleep(1)
    places = tuple(ticket.index for ticket in (await shown(stadium, order)).tickets if ticket.unit == "floor")
    exchanged = await stadium.gateway.exchange_tickets(stadium.request(), order, places, Wish(areas=two), stadium.event)
    assert isinstance(exchanged, Done), exchanged
    await asyncio.sleep(1)
    await stadium.hold(Wish(areas=two, channel="fans"), "ben")
    return audited(stadium.world.store.journals)


async def shown(stadium: Stadium, order: str) -> OrderReply:
    read = await stadium.gateway.get_order(CALLER, order, 15_000)
    assert isinstance(read, Done), read
    return read.reply


def index_of(order: OrderReply, unit: str) -> int:
    return next(ticket.index for ticket in order.tickets if ticket.unit == unit)


def test_what_lies_beside_and_what_another_channel_has_is_exchanged_and_audited() -> None:
    found: list[str] = []

    @on_virtual_time
    async def run() -> None:
        found.extend(await exchange_all())

    run()
    assert not found, found


def test_control_an_audit_that_keeps_buffers_within_a_basket_complains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legs, "_basket_of", lambda *_: None)
    with pytest.raises(AssertionError, match="too near"):
        test_what_lies_beside_and_what_another_channel_has_is_exchanged_and_audited()
