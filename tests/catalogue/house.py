"""Shards that listen on real sockets and are registered in a real catalogue, and a wire to Postgres that can be cut."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count

from actors.catalogue.catalogue import Catalogue, Incarnation
from actors.core.ids import BlockId, TenantId
from actors.engine.catalogue_port import Move
from actors.journal.journal import Epoch
from actors.link.address import UnixAddress
from actors.link.batch import Answer, Replied, calls_decoder, encoder
from actors.link.handshake import Identity
from actors.link.server import LinkServer
from actors.routes import CatalogueRoutes
from tests.journal.relay import Relay
from tests.link.loopback import SECRET

TENANT = TenantId("arena")
FOREVER_MS = 1 << 60

_numbers = count(1)


def new_block() -> BlockId:
    """A block that no test has used."""
    return BlockId(f"{next(_numbers):016d}")


class Wire(Relay):
    """A relay to Postgres that can be told to let nobody through, or to accept everybody and be silent."""

    def __init__(self, database_url: str) -> None:
        super().__init__(database_url)
        self._away = False
        self._silent = False
        self._unheard: list[asyncio.StreamWriter] = []

    async def go_away(self) -> None:
        """Cut all connections and refuse new ones."""
        self._away = True
        await self.close()

    async def fall_silent(self) -> None:
        """Cut all connections, accept new ones and never answer."""
        self._silent = True
        await self.close()

    def come_back(self) -> None:
        """Let new ones through."""
        self._away = self._silent = False

    async def close(self) -> None:
        """See `Relay.close`."""
        while self._unheard:
            self._unheard.pop().transport.abort()
        await super().close()

    async def _accept(self, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        if self._away:
            client_writer.transport.abort()
        elif self._silent:
            self._unheard.append(client_writer)
        else:
            await super()._accept(client_reader, client_writer)


class CountingCatalogue(Catalogue):
    """Counts what it is asked. `is_prompt`: it tells what it told last, however busy the machine is."""

    def __init__(self, database_url: str) -> None:
        super().__init__(database_url)
        self.asked: Counter[str] = Counter()
        self.is_prompt = False
        self._told_owners: dict[BlockId, str | None] = {}
        self._newest: tuple[dict[str, Incarnation], int] | None = None

    async def owners(self, blocks: Collection[BlockId]) -> dict[BlockId, str]:
        self.asked["owners"] += 1
        if not self.is_prompt or any(block not in self._told_owners for block in blocks):
            self._told_owners |= dict.fromkeys(blocks) | await super().owners(blocks)
        told = {block: self._told_owners[block] for block in blocks}
        return {block: shard for block, shard in told.items() if shard is not None}

    async def newest_incarnations(self, generation: int) -> tuple[dict[str, Incarnation], int]:
        self.asked["newest"] += 1
        if self._newest is None or not self.is_prompt:
            self._newest = await super().newest_incarnations(generation)
        return self._newest


class House:
    """A cluster of a generation of its own."""

    def __init__(
        self, database_url: str, folder: str, stack: AsyncExitStack, gateways_have: type[CountingCatalogue]
    ) -> None:
        self._gateways_have = gateways_have
        self.folder = folder
        self._stack = stack
        self.wire = Wire(database_url)
        self.catalogue = Catalogue(database_url)
        self.generation = 0
        self.moves: list[Move] = []

    async def begin(self) -> None:
        """Make the cluster and its wire."""
        self.generation = await self.catalogue.begin_generation()
        self._stack.push_async_callback(self.catalogue.close)
        server = await self.wire.serve()
        self._stack.push_async_callback(self.wire.close)
        self._stack.callback(server.close)

    def epoch(self, incarnation: int) -> int:
        """Packed, of this cluster."""
        return Epoch(self.generation, 1, incarnation).packed()

    async def shard(self, name: str, incarnation: int = 1, *, silent: bool = False) -> LinkServer:
        """Start an incarnation that answers each call with its name and incarnation, and register it."""

        async def handle_batch(payload: bytes) -> bytes:
            if silent:
                await asyncio.Event().wait()
            answers: list[Answer] = [Replied(f"{name}.{incarnation}".encode())] * len(calls_decoder.decode(payload))
            return encoder.encode(answers)

        address = UnixAddress(f"{self.folder}/{name}-{incarnation}")
        server = LinkServer(address, SECRET, Identity(name, self.epoch(incarnation)), handle_batch)
        await server.start()
        self._stack.push_async_callback(server.stop, 0.1)
        await self.catalogue.register(name, self.epoch(incarnation), str(address), 4711)
        return server

    async def wish_moves(self, count: int) -> None:
        """Blocks of s1 that are to go to s2, in `moves`."""
        for block in (new_block() for _ in range(count)):
            await self.catalogue.assign(block, TENANT, "s1")
            await self.catalogue._line.fetch("update blocks set moving_to = 's2' where block_id = $1", block)
            self.moves.append(Move(block, "s1", "s2", 1))

    async def routes(self) -> tuple[CatalogueRoutes, CountingCatalogue]:
        """A gateway's way to them, over the wire, and what it asks of the catalogue."""
        catalogue = self._gateways_have(self.wire.database_url)
        routes = CatalogueRoutes(catalogue, SECRET, self.generation)
        await routes.start()
        self._stack.push_async_callback(routes.close)
        return routes, catalogue


@asynccontextmanager
async def house(database_url: str, gateways_have: type[CountingCatalogue] = CountingCatalogue) -> AsyncIterator[House]:
    """An empty one. `gateways_have`: of such a catalogue they ask where blocks and shards are."""
    with tempfile.TemporaryDirectory(prefix="hf-routes-") as folder:
        async with AsyncExitStack() as stack:
            built = House(database_url, folder, stack, gateways_have)
            await built.begin()
            yield built


async def served_by(routes: CatalogueRoutes, block: BlockId) -> str:
    """Who answers a command for the block."""
    way = await routes.route(block)
    assert way is not None
    answer = await way.call(block, b"command", TENANT, FOREVER_MS)
    assert isinstance(answer, Replied)
    return answer.reply.decode()
