"""What is done to a basket over two parts of a split event, which a ledger counts, and to the event itself."""

import asyncio

import msgspec

from actors.baskets import WishedLeg
from actors.core.commands import CancelTickets, ChangeStatus, CreateEvent, EditEvent, OpenSale
from actors.core.ids import event_block, part_block
from actors.core.layout import Area, Category, Layout, Row, Section
from actors.core.parts import LEDGER_AREA, Part
from actors.core.replies import EventStatus
from actors.core.rules import Rules
from actors.core.wishes import AreaPlaces, Wish
from tests.simulation.basket_client import LONG_MS, TENANT, Client
from tests.simulation.basket_operations import Operation, meanwhile

HOME = event_block(TENANT, "split")
NORTH, EAST, LEDGER = (part_block(HOME, number) for number in range(3))
PARTS = (Part(NORTH, ("north",)), Part(EAST, ("east",)), Part(LEDGER))
STADIUM = Layout(
    "EUR",
    (Category("gold", 9000), Category("standing", 4000)),
    tuple(Section(name, (Row("1", 0, 1, 4),)) for name in ("north", "east", "west")),
    (Area("floor", 1, 2),),
)
RULES = Rules(max_per_buyer=6)
LEGS = (
    WishedLeg(NORTH, Wish(("north/1/1", "north/1/2")), LEDGER),
    WishedLeg(EAST, Wish(("east/1/1", "east/1/2")), LEDGER),
    WishedLeg(LEDGER, Wish(areas=(AreaPlaces(LEDGER_AREA, 4),)), counts=4),
)
MORE = (
    WishedLeg(NORTH, Wish(("north/1/3",)), LEDGER),
    WishedLeg(EAST, Wish(("east/1/3", "east/1/4")), LEDGER),
    WishedLeg(LEDGER, Wish(areas=(AreaPlaces(LEDGER_AREA, 3),)), counts=3),
)
FIRST_OF_NORTH = 0 if NORTH < EAST else 2
"""Tickets of an order are in the order of the blocks."""
FIRST_OF_EAST = 2 - FIRST_OF_NORTH
PAUSED_AFTER_S = 0.00126


async def open_split(client: Client) -> None:
    """The event on sale, and its parts know. Its home is where desks are."""
    client.stage.catalogue.owners.update({HOME: "desk", NORTH: "leg1", EAST: "leg2", LEDGER: "leg3"})
    await client.write("create", HOME, lambda stamp: CreateEvent(stamp, "Final", STADIUM, rules=RULES, parts=PARTS))
    await client.write("open", HOME, OpenSale)
    await asyncio.sleep(1)


async def _nothing(_: Client) -> None:
    pass


async def _hold(client: Client) -> None:
    await client.place("basket", LONG_MS, LEGS)


async def _hold_more(client: Client) -> None:
    """One unit more than a buyer may have."""
    await client.place("more", LONG_MS, MORE)


async def _held(client: Client) -> None:
    await client.place("basket", 12_000, LEGS)


async def _held_shortly(client: Client) -> None:
    await client.place("basket", 2_000, LEGS)


async def _ordered(client: Client) -> None:
    await _held(client)
    await client.order("order")


async def _paid(client: Client) -> None:
    await _ordered(client)
    await client.confirm("confirm")


async def _confirm(client: Client) -> None:
    await client.confirm("confirm")


async def _release(client: Client) -> None:
    await client.release("release")


async def _cancel(client: Client) -> None:
    await client.cancel("cancel")


async def _cancel_some(client: Client) -> None:
    tickets = tuple(sorted((FIRST_OF_NORTH, FIRST_OF_EAST, FIRST_OF_EAST + 1)))
    await client.write("some", client.scene.desk, lambda stamp: CancelTickets(stamp, client.scene.order, tickets))


async def _move(client: Client) -> None:
    """From one part to the other: as much is counted as before."""
    await client.exchange("exchange", (FIRST_OF_NORTH,), EAST, "east/1/3", counted_by=LEDGER)


async def _exchange_for_fewer(client: Client) -> None:
    tickets = tuple(sorted((FIRST_OF_NORTH, FIRST_OF_EAST)))
    await client.exchange("exchange", tickets, EAST, "east/1/3", counted_by=LEDGER)


async def _exchange_for_more(client: Client) -> None:
    """Which no exchange can be."""
    await client.exchange("exchange", (FIRST_OF_NORTH,), EAST, "east/1/3", "east/1/4", counted_by=LEDGER)


async def _edit(client: Client) -> None:
    """Twice, and the second time before its parts have heard of the first."""
    rules = msgspec.structs.replace(RULES, max_per_buyer=7)
    if await client.write("edit", HOME, lambda stamp: EditEvent(stamp, 2, "Finals")) is not None:
        await client.write("edit again", HOME, lambda stamp: EditEvent(stamp, 3, rules=rules))


async def _edit_and_pause(client: Client) -> None:
    """The event is paused in the very moment in which its parts are about to hear of the edit."""

    async def pause(another: Client) -> None:
        await asyncio.sleep(PAUSED_AFTER_S)
        another.stage.another_gateway()
        await another.write("pause", HOME, lambda stamp: ChangeStatus(stamp, EventStatus.PAUSED))

    await meanwhile(client, pause, client.write("edit", HOME, lambda stamp: EditEvent(stamp, 2, "Finals")))


async def _end_event(client: Client) -> None:
    await client.write("end", HOME, lambda stamp: ChangeStatus(stamp, EventStatus.CANCELLED))


DIVIDED = {
    operation.name: operation
    for operation in (
        Operation("split: hold", _nothing, _hold),
        Operation("split: hold too much", _hold, _hold_more),
        Operation("split: confirm", _ordered, _confirm),
        Operation("split: release", _held, _release),
        Operation("split: expiry", _held_shortly, _nothing),
        Operation("split: cancel", _paid, _cancel),
        Operation("split: cancel some", _paid, _cancel_some),
        Operation("split: exchange of parts", _paid, _move),
        Operation("split: exchange for fewer", _paid, _exchange_for_fewer),
        Operation("split: exchange for more", _paid, _exchange_for_more),
        Operation("split: edit", _nothing, _edit),
        Operation("split: edit, pause", _nothing, _edit_and_pause),
        Operation("split: event ends, held", _held, _end_event),
        Operation("split: event ends, paid", _paid, _end_event),
    )
}
