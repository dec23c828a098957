"""What is done to a basket over three events: how it gets there, what is then asked, and by what kind of client."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple

import msgspec

from actors.baskets import WishedLeg
from actors.core.commands import (
    CancelTickets,
    ChangeStatus,
    CreateEvent,
    EditEvent,
    OpenSale,
    PlaceHold,
)
from actors.core.ids import BlockId, event_block
from actors.core.layout import Row, Section
from actors.core.legs import ASK_AFTER_MS
from actors.core.replies import EventStatus
from actors.core.wishes import Wish
from tests.simulation.basket_client import (
    ABROAD,
    BLOCKS,
    LAYOUT,
    LEGS,
    LONG_MS,
    PLACING_S,
    TENANT,
    TICKETS_OF_LEG,
    WISH,
    Client,
)


class Operation(NamedTuple):
    """How a basket gets there, and what is then asked."""

    name: str
    prepare: Callable[[Client], Coroutine[Any, Any, None]]
    perform: Callable[[Client], Coroutine[Any, Any, None]]


async def open_events(client: Client) -> None:
    """Three events on sale."""
    for number in range(3):
        block = event_block(TENANT, f"event-{number}")
        client.stage.catalogue.owners[block] = f"leg{BLOCKS.index(block) + 1}"
        await client.write(f"create {number}", block, lambda stamp: CreateEvent(stamp, "An evening", LAYOUT))
        await client.write(f"open {number}", block, OpenSale)


async def _event_abroad(client: Client) -> None:
    """One more event on sale, for francs."""
    client.stage.catalogue.owners[ABROAD] = "leg3"
    layout = msgspec.structs.replace(LAYOUT, currency="CHF")
    await client.write("create abroad", ABROAD, lambda stamp: CreateEvent(stamp, "An evening", layout))
    await client.write("open abroad", ABROAD, OpenSale)


async def _nothing(_: Client) -> None:
    pass


async def _someone_holds_shortly(client: Client) -> None:
    await _someone_holds(client, BLOCKS[2], "A/1/2", 2_000)


async def _someone_holds(client: Client, block: BlockId, seat: str, ttl_ms: int) -> None:
    number = client.stage.number()
    await client.write("someone", block, lambda stamp: PlaceHold(stamp, number, Wish((seat,)), ttl_ms))


async def _hold(client: Client) -> None:
    await client.place("basket", LONG_MS)


async def _hold_shortly(client: Client) -> None:
    await client.place("basket", 9_000)


async def _hold_abroad(client: Client) -> None:
    await client.place("basket", LONG_MS, (*LEGS[:2], WishedLeg(ABROAD, WISH)))


async def _held(client: Client) -> None:
    await client.place("basket", 12_000)


async def _held_shortly(client: Client) -> None:
    await client.place("basket", 2_000)


async def _ordered(client: Client) -> None:
    await _held(client)
    await client.order("order")


async def _ordered_long_ago(client: Client) -> None:
    """So that its legs ask what is to become of them, as soon as somebody comes who has not heard it yet."""
    await client.place("basket", 20_000)
    await client.order("order")
    await asyncio.sleep(PLACING_S + ASK_AFTER_MS / 1000 + 1)


async def _held_long_ago(client: Client) -> None:
    await client.place("basket", 90_000)
    await asyncio.sleep(PLACING_S + ASK_AFTER_MS / 1000 + 1)


async def _ordered_shortly(client: Client) -> None:
    await _held_shortly(client)
    await client.order("order")


async def _paid(client: Client) -> None:
    await _ordered(client)
    await client.confirm("confirm")


async def _exchanged(client: Client) -> None:
    await _paid(client)
    await client.exchange("before", (1,), BLOCKS[1], "A/2/1")


async def _confirm(client: Client) -> None:
    await client.confirm("confirm")


async def _confirm_and_cancel(client: Client) -> None:
    if await client.confirm("confirm") is not None:
        await client.cancel("cancel")


async def _confirm_and_exchange(client: Client) -> None:
    if await client.confirm("confirm") is not None:
        await _exchange(client)


async def _release(client: Client) -> None:
    await client.release("release")


async def _cancel(client: Client) -> None:
    await client.cancel("cancel")


async def _cancel_some(client: Client) -> None:
    tickets = 0, 2, TICKETS_OF_LEG, TICKETS_OF_LEG + 1, TICKETS_OF_LEG + 2, TICKETS_OF_LEG + 3
    await client.write("some", client.scene.desk, lambda stamp: CancelTickets(stamp, client.scene.order, tickets))


async def _exchange(client: Client) -> None:
    await client.exchange("exchange", (0, 1), BLOCKS[0], "A/1/2", "A/1/3")


async def _move(client: Client) -> None:
    await client.exchange("exchange", (TICKETS_OF_LEG, 2 * TICKETS_OF_LEG), BLOCKS[0], "A/2/1", "A/2/2")


async def _paid_with_event_abroad(client: Client) -> None:
    await _event_abroad(client)
    await _paid(client)


async def _move_abroad(client: Client) -> None:
    await client.exchange("exchange", (0, 1), ABROAD, "A/1/1", "A/1/2")


async def _exchange_in_vain(client: Client) -> None:
    await client.exchange("exchange", (0,), BLOCKS[0], "A/2/1", "A/2/2")


async def _paid_while_someone_holds(client: Client) -> None:
    await _paid(client)
    await _someone_holds(client, BLOCKS[0], "A/2/2", LONG_MS)


async def _exchange_and_cancel(client: Client) -> None:
    if await client.exchange("exchange", (0, 1), BLOCKS[0], "A/1/2", "A/1/3") is not None:
        await client.cancel("cancel")


async def _exchange_twice(client: Client) -> None:
    """First with places of an area that has too few for others, then what came of it."""
    if await client.exchange("exchange", (0, 2, 3), BLOCKS[0], "A/1/3", places=4) is not None:
        await client.exchange("again", (12, 13), BLOCKS[0], "A/1/4", places=2)


async def _end_event(client: Client) -> None:
    await client.write("end", BLOCKS[1], lambda stamp: ChangeStatus(stamp, EventStatus.CANCELLED))


async def _end_event_later(client: Client) -> None:
    """When the legs have asked and were told to ask again when the hold ends, in a minute and more."""
    await asyncio.sleep(2)
    await _end_event(client)


async def meanwhile(client: Client, other: Callable[[Client], Awaitable[object]], work: Awaitable[object]) -> None:
    """Somebody else does something at the same time."""
    another = Client(client.stage, client.scene, client.kind)
    await asyncio.gather(other(another), work)
    client.faults += another.faults
    client.refused += another.refused


async def _confirm_while_event_ends(client: Client) -> None:
    await meanwhile(client, _end_event, client.confirm("confirm"))


async def _exchange_while_event_ends(client: Client) -> None:
    await meanwhile(client, _end_event, client.exchange("exchange", (0, 1), BLOCKS[1], "A/2/1", "A/2/2"))


async def _exchange_while_layout_changes(client: Client) -> None:
    """When the new leg is pinned and not booked yet, every seat gets another number."""
    section = Section("A", (Row("0", 0, 1, 3), *LAYOUT.sections[0].rows))
    layout = msgspec.structs.replace(LAYOUT, sections=(section,))

    async def edit(another: Client) -> None:
        await asyncio.sleep(0.007)
        await another.write("edit", BLOCKS[0], lambda stamp: EditEvent(stamp, 2, layout=layout))

    await meanwhile(client, edit, _exchange(client))


OPERATIONS = {
    operation.name: operation
    for operation in (
        Operation("hold", _nothing, _hold),
        Operation("hold until it ends", _nothing, _hold_shortly),
        Operation("hold in vain", _someone_holds_shortly, _hold),
        Operation("hold for two currencies", _event_abroad, _hold_abroad),
        Operation("confirm", _ordered, _confirm),
        Operation("release", _held, _release),
        Operation("expiry", _held_shortly, _nothing),
        Operation("expiry of an order", _ordered_shortly, _nothing),
        Operation("cancel", _paid, _cancel),
        Operation("cancel some", _paid, _cancel_some),
        Operation("exchange", _paid, _exchange),
        Operation("exchange of events", _paid, _move),
        Operation("exchange in vain", _paid_while_someone_holds, _exchange_in_vain),
        Operation("exchange for another currency", _paid_with_event_abroad, _move_abroad),
        Operation("confirm in doubt", _ordered_long_ago, _confirm),
        Operation("expiry in doubt", _ordered_long_ago, _nothing),
        Operation("confirm, cancel", _ordered, _confirm_and_cancel),
        Operation("confirm, exchange", _ordered, _confirm_and_exchange),
        Operation("exchange, cancel", _paid, _exchange_and_cancel),
        Operation("exchange twice", _paid, _exchange_twice),
        Operation("layout changes, exchange", _paid, _exchange_while_layout_changes),
        Operation("event ends, held", _held, _end_event),
        Operation("event ends, held for long", _held_long_ago, _end_event_later),
        Operation("event ends, paid", _exchanged, _end_event),
        Operation("event ends, confirm", _ordered, _confirm_while_event_ends),
        Operation("event ends, exchange", _paid, _exchange_while_event_ends),
    )
}
