"""What is done to a basket over three events: how it gets there, what is then asked, and by what kind of client."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from actors.baskets import Settled
from actors.core.commands import (
    CancelOrder,
    CancelTickets,
    ChangeStatus,
    ConfirmOrder,
    CreateEvent,
    OpenSale,
    PlaceHold,
    PlaceOrder,
    ReleaseHold,
    Stamp,
    Write,
)
from actors.core.ids import BlockId, TenantId, event_block
from actors.core.keys import fingerprint, key_hash
from actors.core.layout import Area, Category, Layout, Row, Section
from actors.core.legs import ASK_AFTER_MS
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import EventStatus, HoldReply
from actors.core.wishes import AreaPlaces, Wish
from actors.link.batch import Replied, encoder
from tests.simulation.basket_effects import has_effect
from tests.simulation.basket_stage import Gateway, Stage
from tests.simulation.world import now_ms

TENANT = TenantId("arena")
LAYOUT = Layout(
    "EUR",
    (Category("gold", 9000), Category("standing", 4000)),
    (Section("A", (Row("1", 0, 1, 4), Row("2", 0, 1, 2))),),
    (Area("floor", 1, 5),),
)
BLOCKS = tuple(sorted(event_block(TENANT, f"event-{number}") for number in range(3)))
WISH = Wish(("A/1/1", "A/1/2"), (AreaPlaces("floor", 2),))
TICKETS_OF_LEG = 4

PLACING_S = 5.0  # what a client gives each of its requests
PATIENCE_S = 1.0  # then it asks through another gateway as well
ATTEMPTS = 8
LONG_MS = 600_000

Answer = Replied | Settled | Rejected
Do = Callable[[Gateway, Stamp], Awaitable[Answer]]


class ClientKind(StrEnum):
    """What a client does that hears nothing."""

    ASKS_AGAIN = "asks again"  # under the same key, through another gateway, though the first may be at it still
    IS_GONE = "is gone"


class Scene(msgspec.Struct):
    """What a client knows of its basket."""

    desk: BlockId = BlockId("")
    basket: int = 0
    order: int = 0


class Client:
    """Asks, and notes what it was told. `faults`: of that, what is not so."""

    def __init__(self, stage: Stage, scene: Scene, kind: ClientKind) -> None:
        self.stage = stage
        self.scene = scene
        self.kind = kind
        self.faults: list[str] = []
        self.refused: list[tuple[str, str]] = []  # (key, reason): nothing may ever come of them
        self.heard: list[str] = []

    async def ask(self, key: str, do: Do) -> Answer | None:
        """What it is told; None: no, or nothing."""
        running: set[asyncio.Task[Answer]] = set()
        for attempt in range(ATTEMPTS if self.kind is ClientKind.ASKS_AGAIN else 1):
            gateway = self.stage.another_gateway() if attempt else self.stage.gateway
            asking = gateway.process.start(_ask(do, gateway, self.stamp(key)))
            patience_s = PATIENCE_S if self.kind is ClientKind.ASKS_AGAIN else 2 * PLACING_S
            await asyncio.wait(
                (asking, gateway.gone), timeout=patience_s, return_when=asyncio.FIRST_COMPLETED
            )  # fmt: skip
            if not asking.done():
                if not gateway.process.dead:
                    running.add(asking)
                continue
            answer = asking.result()
            if not isinstance(answer, Rejected):
                self._note(key)
                return answer
            self.heard.append(f"{key}: {answer.reason.name}")
            if answer.reason not in (Reason.OUTCOME_UNKNOWN, Reason.UNAVAILABLE):
                if not any(not other.done() for other in running):
                    self.refused.append((key, answer.reason.name))
                return None
            if answer.reason is Reason.UNAVAILABLE and not running and self.kind is ClientKind.IS_GONE:
                self.refused.append((key, answer.reason.name))
            await asyncio.sleep(0.2)
        return None

    def stamp(self, key: str) -> Stamp:
        """Good for as long as a client waits."""
        not_after_ms = now_ms() + int(PLACING_S * 1000)
        return Stamp(TENANT, "ana", key_hash(TENANT, key), fingerprint("principal", "ana", key), not_after_ms)

    async def write(self, key: str, block: BlockId, command: Callable[[Stamp], Write]) -> Answer | None:
        """Ask a block for something."""

        async def do(gateway: Gateway, stamp: Stamp) -> Answer:
            return await gateway.dispatcher.ask(
                block, encoder.encode(command(stamp)), TENANT, stamp.not_after_ms, Reason.EVENT_NOT_FOUND
            )

        return await self.ask(key, do)

    async def place(self, key: str, ttl_ms: int) -> None:
        """Hold the basket."""

        async def do(gateway: Gateway, stamp: Stamp) -> Answer:
            return await gateway.baskets.place(stamp, [(block, WISH) for block in BLOCKS], ttl_ms)

        held = await self.ask(key, do)
        if isinstance(held, Settled):
            assert isinstance(held.reply, HoldReply)
            self.scene.desk, self.scene.basket = held.desk, held.reply.hold

    async def order(self, key: str) -> None:
        """Order the basket."""
        number = self.scene.order = self.stage.number()
        await self.write(key, self.scene.desk, lambda stamp: PlaceOrder(stamp, self.scene.basket, number))

    async def confirm(self, key: str) -> Answer | None:
        """Pay the order."""
        return await self.write(key, self.scene.desk, lambda stamp: ConfirmOrder(stamp, self.scene.order))

    async def cancel(self, key: str) -> None:
        """Cancel the order."""
        await self.write(key, self.scene.desk, lambda stamp: CancelOrder(stamp, self.scene.order))

    async def exchange(
        self, key: str, tickets: tuple[int, ...], block: BlockId, *seats: str, places: int = 0
    ) -> Answer | None:
        """Have these seats, and places, instead of these tickets."""
        wish = Wish(seats, (AreaPlaces("floor", places),) if places else ())

        async def do(gateway: Gateway, stamp: Stamp) -> Answer:
            return await gateway.baskets.exchange(
                stamp, self.scene.desk, self.scene.order, tickets, block, wish
            )  # fmt: skip

        return await self.ask(key, do)

    def _note(self, key: str) -> None:
        self.heard.append(f"{key}: yes")
        if not has_effect(self.stage.store, key_hash(TENANT, key)):
            self.faults.append(f"{key} was told done, and no journal says so")


async def _ask(do: Do, gateway: Gateway, stamp: Stamp) -> Answer:
    return await do(gateway, stamp)


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
    await client.write("release", client.scene.desk, lambda stamp: ReleaseHold(stamp, client.scene.basket))


async def _cancel(client: Client) -> None:
    await client.cancel("cancel")


async def _cancel_some(client: Client) -> None:
    tickets = 0, 2, TICKETS_OF_LEG, TICKETS_OF_LEG + 1, TICKETS_OF_LEG + 2, TICKETS_OF_LEG + 3
    await client.write("some", client.scene.desk, lambda stamp: CancelTickets(stamp, client.scene.order, tickets))


async def _exchange(client: Client) -> None:
    await client.exchange("exchange", (0, 1), BLOCKS[0], "A/1/2", "A/1/3")


async def _move(client: Client) -> None:
    await client.exchange("exchange", (TICKETS_OF_LEG, 2 * TICKETS_OF_LEG), BLOCKS[0], "A/2/1", "A/2/2")


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


async def _confirm_while_event_ends(client: Client) -> None:
    ending = Client(client.stage, client.scene, client.kind)
    await asyncio.gather(_end_event(ending), client.confirm("confirm"))
    client.faults += ending.faults
    client.refused += ending.refused


async def _exchange_while_event_ends(client: Client) -> None:
    ending = Client(client.stage, client.scene, client.kind)
    moving = client.exchange("exchange", (0, 1), BLOCKS[1], "A/2/1", "A/2/2")
    await asyncio.gather(_end_event(ending), moving)
    client.faults += ending.faults
    client.refused += ending.refused


OPERATIONS = {
    operation.name: operation
    for operation in (
        Operation("hold", _nothing, _hold),
        Operation("hold until it ends", _nothing, _hold_shortly),
        Operation("hold in vain", _someone_holds_shortly, _hold),
        Operation("confirm", _ordered, _confirm),
        Operation("release", _held, _release),
        Operation("expiry", _held_shortly, _nothing),
        Operation("expiry of an order", _ordered_shortly, _nothing),
        Operation("cancel", _paid, _cancel),
        Operation("cancel some", _paid, _cancel_some),
        Operation("exchange", _paid, _exchange),
        Operation("exchange of events", _paid, _move),
        Operation("exchange in vain", _paid_while_someone_holds, _exchange_in_vain),
        Operation("confirm in doubt", _ordered_long_ago, _confirm),
        Operation("expiry in doubt", _ordered_long_ago, _nothing),
        Operation("confirm, cancel", _ordered, _confirm_and_cancel),
        Operation("confirm, exchange", _ordered, _confirm_and_exchange),
        Operation("exchange, cancel", _paid, _exchange_and_cancel),
        Operation("exchange twice", _paid, _exchange_twice),
        Operation("event ends, held", _held, _end_event),
        Operation("event ends, held for long", _held_long_ago, _end_event_later),
        Operation("event ends, paid", _exchanged, _end_event),
        Operation("event ends, confirm", _ordered, _confirm_while_event_ends),
        Operation("event ends, exchange", _paid, _exchange_while_event_ends),
    )
}
