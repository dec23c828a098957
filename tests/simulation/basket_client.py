"""A client with a basket over three events: how it asks, and what it was told."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum

import msgspec

from actors.baskets import Settled, WishedLeg
from actors.core.commands import (
    CancelOrder,
    ConfirmOrder,
    PlaceOrder,
    ReleaseHold,
    Stamp,
    Write,
)
from actors.core.ids import BlockId, TenantId, event_block
from actors.core.keys import fingerprint, key_hash
from actors.core.layout import Area, Category, Layout, Row, Section
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import HoldReply, OrderReply
from actors.core.wishes import AreaPlaces, Wish
from actors.link.batch import Replied, encoder
from actors.reservations import Done
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
ABROAD = event_block(TENANT, "abroad")
WISH = Wish(("A/1/1", "A/1/2"), (AreaPlaces("floor", 2),))
LEGS = tuple(WishedLeg(block, WISH) for block in BLOCKS)
TICKETS_OF_LEG = 4

PLACING_S = 5.0  # what a client gives each of its requests
PATIENCE_S = 1.0  # then it asks through another gateway as well
ATTEMPTS = 8
LONG_MS = 600_000

Answer = Replied | Settled | Done[HoldReply] | Done[OrderReply] | Rejected
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

    async def place(self, key: str, ttl_ms: int, legs: Sequence[WishedLeg] = LEGS) -> None:
        """Hold the basket."""

        async def do(gateway: Gateway, stamp: Stamp) -> Answer:
            return await gateway.baskets.place(stamp, legs, ttl_ms)

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

    async def release(self, key: str) -> None:
        """Give the basket back."""
        await self.write(key, self.scene.desk, lambda stamp: ReleaseHold(stamp, self.scene.basket))

    async def cancel(self, key: str) -> None:
        """Cancel the order."""
        await self.write(key, self.scene.desk, lambda stamp: CancelOrder(stamp, self.scene.order))

    async def exchange(
        self, key: str, tickets: tuple[int, ...], block: BlockId, *seats: str, places: int = 0, counted_by: str = ""
    ) -> Answer | None:
        """Have these seats, and places, instead of these tickets."""
        wish = Wish(seats, (AreaPlaces("floor", places),) if places else ())

        async def do(gateway: Gateway, stamp: Stamp) -> Answer:
            return await gateway.baskets.exchange(
                stamp, self.scene.desk, self.scene.order, tickets, WishedLeg(block, wish, counted_by)
            )

        return await self.ask(key, do)

    def _note(self, key: str) -> None:
        self.heard.append(f"{key}: yes")
        if not has_effect(self.stage.store, TENANT, key):
            self.faults.append(f"{key} was told done, and no journal says so")


async def _ask(do: Do, gateway: Gateway, stamp: Stamp) -> Answer:
    return await do(gateway, stamp)
