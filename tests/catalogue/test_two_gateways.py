"""What one gateway has done another knows of, whatever it was asked before: events at once, and what a key stands for.

Two gateways as they are shipped, over one catalogue in Postgres, and a shard behind a socket.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import count
from secrets import token_bytes
from typing import Any
from uuid import uuid4

import pytest

from actors.core.commands import SettleBasket
from actors.core.ids import BlockId, TenantId, desk_block, event_block, event_id
from actors.core.keys import key_hash
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import EventReply, HoldReply
from actors.core.wishes import Wish
from actors.dispatch import Dispatcher
from actors.engine.engine import Engine, Lines
from actors.journal.journal import Epoch
from actors.journal.memory import MemoryJournal, MemoryStore
from actors.link.address import UnixAddress
from actors.link.batch import Replied, command_decoder
from actors.link.handshake import Identity
from actors.link.server import LinkServer
from actors.reservations import Caller, Done, Request, Reservations
from actors.routes import CatalogueRoutes
from tests.catalogue.house import house
from tests.catalogue.test_unknown_blocks import what_is_unknown_is_believed
from tests.edges.edge_stack import now_ms
from tests.link.loopback import SECRET
from tests.simulation.buyers import LAYOUT

pytestmark = pytest.mark.anyio

SHARD = "s1"
SEAT = Wish(("A/1/1",))
BELIEVED_S = 60.0

_numbers = count(1)


class MortalDispatcher(Dispatcher):
    """Of a gateway that may die before it tells a desk what became of a basket."""

    def __init__(self, routes: CatalogueRoutes) -> None:
        super().__init__(routes, routes.now_ms)
        self.dies = False
        self.has_died = asyncio.Event()

    async def ask(self, block: BlockId, command: bytes, *asked: Any, **options: Any) -> Replied | Rejected:
        if self.dies and isinstance(command_decoder.decode(command), SettleBasket):
            self.has_died.set()
            await asyncio.Event().wait()
        return await super().ask(block, command, *asked, **options)


class Gateway:
    """What a caller asks of one."""

    def __init__(self, routes: CatalogueRoutes, caller: Caller) -> None:
        self.caller = caller
        self.dispatcher = MortalDispatcher(routes)
        self.reservations = Reservations(self.dispatcher, routes, routes.now_ms, lambda: next(_numbers))

    async def create(self, key: str) -> EventReply:
        """A new event, not on sale yet."""
        created = await self.reservations.create_event(self.request(key), "event", LAYOUT, 600_000)
        assert isinstance(created, Done), created
        return created.reply

    async def on_sale(self) -> str:
        """A new event."""
        event = self.event_of(key := uuid4().hex)
        await self.create(key)
        assert isinstance(await self.reservations.open_sale(self.request(f"open {key}"), event), Done)
        return event

    async def place(self, key: str, events: Sequence[str]) -> Done[HoldReply] | Rejected:
        """The same seat of each."""
        return await self.reservations.place_basket(self.request(key), [(event, SEAT) for event in events])

    def request(self, key: str) -> Request:
        return Request(self.caller, key, 10_000)

    def event_of(self, key: str) -> str:
        """The event that is created under this key, when it is."""
        return event_id(event_block(self.caller.tenant, key))

    def two_keys_of_a_desk(self) -> tuple[str, str]:
        """Whose baskets are at the same one."""
        keys: dict[BlockId, str] = {}
        while True:
            desk = desk_block(self.caller.tenant, key_hash(self.caller.tenant, key := uuid4().hex))
            if desk in keys:
                return keys[desk], key
            keys[desk] = key


@asynccontextmanager
async def two_gateways(database_url: str) -> AsyncIterator[tuple[Gateway, Gateway]]:
    """Of a tenant that has nothing yet, before a shard that sells."""
    async with house(database_url) as built, AsyncExitStack() as stack:
        others, _ = await built.routes()
        store = MemoryStore(now_ms)
        engine = Engine(
            SHARD,
            Epoch(built.generation, 1, 1),
            Lines(*(MemoryJournal(store) for _ in range(4))),
            built.catalogue,
            asyncio.get_running_loop().time,
            lambda: token_bytes(8),
            others=lambda now_ms: Dispatcher(others, now_ms),
            cut_over=True,
        )
        await engine.start()
        address = UnixAddress(f"{built.folder}/{SHARD}")
        server = LinkServer(address, SECRET, Identity(SHARD, built.epoch(1)), engine.serve)
        await server.start()
        stack.push_async_callback(server.stop, 0.1)
        await built.catalogue.register(SHARD, built.epoch(1), str(address), 4711)
        running = asyncio.create_task(engine.run())
        stack.push_async_callback(asyncio.wait, (running,))
        stack.callback(running.cancel)
        one, _ = await built.routes()
        another, _ = await built.routes()
        tenant = TenantId(uuid4().hex)
        caller = Caller(tenant, tenant)
        yield Gateway(one, caller), Gateway(another, caller)


async def check_created_through_another(database_url: str) -> None:
    """The second is asked for an event that nobody has made yet; then it is made, through the first."""
    async with two_gateways(database_url) as (one, another):
        event = one.event_of(key := uuid4().hex)
        assert await another.reservations.get_event(one.caller, event, 10_000) == Rejected(Reason.EVENT_NOT_FOUND)
        await one.create(key)
        assert isinstance(await another.reservations.get_event(one.caller, event, 10_000), Done), "a false no"
        assert isinstance(await another.reservations.open_sale(another.request(f"open {key}"), event), Done)
        assert isinstance(await one.place(uuid4().hex, [event]), Done)


async def check_basket_of_one_that_died(database_url: str, *, is_decided: bool) -> None:
    """The second has asked for a desk in vain; then the first places a basket there, and dies before it can say so.

    Who asks again, under the same key, meets what that key holds.
    """
    async with two_gateways(database_url) as (one, another):
        events = [await one.on_sale() for _ in range(2)]
        other_key, key = one.two_keys_of_a_desk()
        no_such_seat = [(event, Wish(("A/9/9",))) for event in events]
        refused = await another.reservations.place_basket(another.request(other_key), no_such_seat)
        assert isinstance(refused, Rejected)
        assert refused.reason is Reason.UNIT_UNKNOWN
        one.dispatcher.dies = not is_decided
        placing = asyncio.create_task(one.place(key, events))
        if is_decided:
            await placing
        else:
            await one.dispatcher.has_died.wait()
            placing.cancel()
        again = await another.place(key, events)
        assert isinstance(again, Done), f"a false no: {again}"
        assert {leg.block for leg in again.reply.legs} == {event.partition("_")[2] for event in events}


CHECKS: dict[str, Callable[[str], Awaitable[None]]] = {
    "created through another": check_created_through_another,
    "a basket that was decided": partial(check_basket_of_one_that_died, is_decided=True),
    "a basket that was meant": partial(check_basket_of_one_that_died, is_decided=False),
}


@pytest.mark.parametrize("what", CHECKS)
async def test_another_gateway_knows(database_url: str, what: str) -> None:
    await CHECKS[what](database_url)


@pytest.mark.parametrize("what", CHECKS)
async def test_control_what_is_unknown_is_believed(
    database_url: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    what_is_unknown_is_believed(monkeypatch, BELIEVED_S)
    with pytest.raises(AssertionError, match="a false no"):
        await CHECKS[what](database_url)
