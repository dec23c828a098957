"""What a client asks of a gateway as the edges do: of an event that is split, of another too, of the best seats."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from actors.baskets import WishedLeg
from actors.core.commands import CreateEvent, EditEvent, OpenSale, Stamp
from actors.core.ids import Kind, outside_id, ticket_id
from actors.core.layout import Layout, Row, RowKind, Section
from actors.core.outcomes import Rejected
from actors.core.parts import LEDGER_AREA
from actors.core.replies import HoldReply, OrderReply, OrderStatus
from actors.core.rules import Channel
from actors.core.wishes import AreaPlaces, BestSeats, Wish
from actors.reservations import Caller, Done, Request, Reservations
from actors.reservations.divisions import FRESH_MS
from tests.simulation.basket_client import BLOCKS, LAYOUT, LONG_MS, TENANT, Answer, Client
from tests.simulation.basket_operations import Operation, meanwhile
from tests.simulation.basket_stage import Gateway
from tests.simulation.divided_operations import HOME, LEDGER, NORTH, RULES, STADIUM
from tests.simulation.world import now_ms

CALLER = Caller(TENANT, "principal")
SPLIT, EVENING = f"event_{HOME}", f"event_{BLOCKS[0]}"
SEATS = Wish(("east/1/1", "north/1/1"))
TWO = Wish(best=(BestSeats(2),))
ENDED_AFTER_S = 0.013
GROWN_AFTER_S = 0.011
Asking = Callable[[Reservations, Request], Awaitable[Done[HoldReply] | Done[OrderReply] | Rejected]]


async def ask(client: Client, key: str, asking: Asking) -> Answer | None:
    """What a gateway tells; None: no, or nothing."""

    async def do(gateway: Gateway, stamp: Stamp) -> Answer:
        return await asking(gateway.reservations, Request(CALLER, key, stamp.not_after_ms - now_ms(), stamp.buyer))

    answer = await client.ask(key, do)
    if isinstance(answer, Done):
        client.scene.desk = answer.block
        if isinstance(answer.reply, HoldReply):
            client.scene.basket = answer.reply.hold
        else:
            client.scene.order = answer.reply.order
    return answer


async def _nothing(_: Client) -> None:
    pass


async def _evening(client: Client) -> None:
    """Another event, not split."""
    client.stage.catalogue.owners[BLOCKS[0]] = "leg3"
    await client.write("create evening", BLOCKS[0], lambda stamp: CreateEvent(stamp, "An evening", LAYOUT))
    await client.write("open evening", BLOCKS[0], OpenSale)


async def _north_is_full(client: Client) -> None:
    """Somebody else has three of its four seats: what is wished for is not there."""
    legs = (WishedLeg(NORTH, Wish(tuple(f"north/1/{seat}" for seat in (1, 2, 3))), LEDGER), _counting(3))
    scene = client.scene
    await client.place("someone", LONG_MS, legs)
    scene.desk, scene.basket = type(scene.desk)(""), 0


def _counting(count: int) -> WishedLeg:
    return WishedLeg(LEDGER, Wish(areas=(AreaPlaces(LEDGER_AREA, count),)), counts=count)


async def _hold_of_both(client: Client) -> None:
    legs = [(SPLIT, SEATS), (EVENING, Wish(("A/1/1",)))]
    await ask(client, "basket", lambda gateway, request: gateway.place_basket(request, legs, LONG_MS))


async def _hold_best(client: Client) -> None:
    await _hold(client, SPLIT, TWO)


async def _hold_and_give_up(client: Client) -> None:
    """Held, read, extended, released."""
    if await _hold(client, SPLIT, SEATS) is None:
        return
    hold = outside_id(Kind.HOLD, client.scene.desk, client.scene.basket)
    await ask(client, "extend", lambda gateway, request: gateway.extend_hold(request, hold, 20_000))
    await client.stage.gateway.reservations.get_hold(CALLER, hold, 1_000)
    await ask(client, "release", lambda gateway, request: gateway.release_hold(request, hold))


async def _hold(client: Client, event: str, wish: Wish) -> Answer | None:
    return await ask(client, "basket", lambda gateway, request: gateway.place_hold(request, event, wish, 12_000))


async def _hold_once_more(client: Client) -> None:
    """By a gateway that has known the event for a while; before that, of what it does not know at all."""
    unknown = Wish(("north/9/9",))
    await ask(client, "unknown", lambda gateway, request: gateway.place_hold(request, SPLIT, unknown))
    await asyncio.sleep(FRESH_MS / 1000)
    await _hold(client, SPLIT, SEATS)


async def _buy(client: Client, event: str, wish: Wish) -> str:
    """The order, paid; empty if nothing came of it."""
    if await _hold(client, event, wish) is None:
        return ""
    hold = outside_id(Kind.HOLD, client.scene.desk, client.scene.basket)
    if await ask(client, "order", lambda gateway, request: gateway.place_order(request, hold)) is None:
        return ""
    order = _order(client)
    paid = await ask(client, "confirm", lambda gateway, request: gateway.confirm_order(request, order))
    return order if paid is not None else ""


async def _exchange_in_evening(client: Client) -> None:
    """An order of one event that is not split is no basket."""
    order = await _buy(client, EVENING, Wish(("A/1/1",)))
    new = Wish(("A/1/2",))
    if order:
        await ask(client, "exchange", lambda gateway, request: gateway.exchange_tickets(request, order, (0,), new))


async def _paid_and_north_is_full(client: Client) -> None:
    await _buy(client, SPLIT, SEATS)
    scene = client.scene
    desk, basket = scene.desk, scene.basket
    await client.place("someone", LONG_MS, (WishedLeg(NORTH, Wish(("north/1/3", "north/1/4")), LEDGER), _counting(2)))
    scene.desk, scene.basket = desk, basket


async def _paid_through_a_channel(client: Client) -> None:
    rules = msgspec.structs.replace(RULES, channels=(Channel("club"),))
    await client.write("channel", HOME, lambda stamp: EditEvent(stamp, 2, rules=rules))
    await asyncio.sleep(1)
    await _buy(client, SPLIT, msgspec.structs.replace(SEATS, channel="club"))


async def _exchange_while_channel_ends(client: Client) -> None:
    """So that who asks again under the same key asks for what there is no more."""
    order, new = _order(client), Wish(("east/1/2",), channel="club")

    async def end(another: Client) -> None:
        await asyncio.sleep(ENDED_AFTER_S)
        await another.write("end", HOME, lambda stamp: EditEvent(stamp, 3, rules=RULES))

    exchanging = ask(
        client, "exchange", lambda gateway, request: gateway.exchange_tickets(request, order, (0,), new, SPLIT)
    )
    await meanwhile(client, end, exchanging)


async def _table_at_home(client: Client) -> None:
    rules = msgspec.structs.replace(RULES, max_per_buyer=9)
    await client.write("table", HOME, lambda stamp: EditEvent(stamp, 2, layout=_with_table(2), rules=rules))
    await asyncio.sleep(1)


def _with_table(seats: int) -> Layout:
    table = Section("salon", (Row("T", 0, 1, seats, kind=RowKind.WHOLE_TABLE),))
    return msgspec.structs.replace(STADIUM, sections=(*STADIUM.sections, table))


async def _hold_while_table_grows(client: Client) -> None:
    """After room was looked for, and before it is pinned."""

    async def grow(another: Client) -> None:
        await asyncio.sleep(GROWN_AFTER_S)
        await another.write("grow", HOME, lambda stamp: EditEvent(stamp, 3, layout=_with_table(3)))

    await meanwhile(client, grow, _hold(client, SPLIT, Wish(("salon/T",))))


def _order(client: Client) -> str:
    return outside_id(Kind.ORDER, client.scene.desk, client.scene.order)


async def _exchange_for_best(client: Client) -> None:
    order = _order(client)
    await ask(client, "exchange", lambda gateway, request: gateway.exchange_tickets(request, order, (0, 1), TWO, SPLIT))


async def _buy_and_cancel(client: Client) -> None:
    """Everything that can be asked of an order."""
    order = await _buy(client, SPLIT, SEATS)
    if not order:
        return
    ticket = ticket_id(client.scene.desk, client.scene.order, 0)
    await client.stage.gateway.reservations.get_order(CALLER, order, 1_000)
    await ask(client, "reassign", lambda gateway, request: gateway.reassign_ticket(request, ticket, "bob"))
    await ask(client, "close", lambda gateway, request: gateway.close_order(request, order, OrderStatus.COMPLETED))
    await ask(client, "some", lambda gateway, request: gateway.cancel_tickets(request, order, (0,)))
    await ask(client, "cancel", lambda gateway, request: gateway.cancel_order(request, order))


RESERVED = {
    operation.name: operation
    for operation in (
        Operation("asked: hold of two events", _evening, _hold_of_both),
        Operation("asked: hold of the best", _north_is_full, _hold_best),
        Operation("asked: hold, release", _nothing, _hold_and_give_up),
        Operation("asked: hold of the unknown, hold", _nothing, _hold_once_more),
        Operation("asked: exchange for the best", _paid_and_north_is_full, _exchange_for_best),
        Operation("asked: table grows, hold", _table_at_home, _hold_while_table_grows),
        Operation("asked: channel ends, exchange", _paid_through_a_channel, _exchange_while_channel_ends),
        Operation("asked: exchange in one event", _evening, _exchange_in_evening),
        Operation("asked: buy, cancel", _nothing, _buy_and_cancel),
    )
}
"""What is asked by way of the reservations."""
