"""Both edges on loopback sockets, over the real core and engine on a journal in memory or, as the keys, in Postgres."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from secrets import randbits, token_bytes
from time import time

import grpc
import httpx
import uvicorn
from litestar import Litestar

from actors.core.commands import Correct
from actors.core.ids import BlockId, TenantId
from actors.database.connect import connect
from actors.dispatch import Dispatcher
from actors.engine.catalogue_port import Assignment, Beat, Due, EngineCounters, Move, Quarantined
from actors.engine.engine import Engine, Lines
from actors.journal.journal import Epoch, Journal
from actors.journal.memory import MemoryJournal, MemoryStore
from actors.journal.postgres import PostgresJournal
from actors.link.coalescer import Coalescer
from actors.projections.live_events import LiveEvents
from actors.projections.read_models import ReadModels
from actors.reservations import Reservations
from serve.auth import KeyRing, PostgresKeySource, create_key
from serve.grpc_api.methods import SERVICER_FUNCTIONS, GrpcMethods
from serve.http_api.app import build_http_app
from serve.operations import Operations
from serve.status import ClusterStatus
from serve.wakefulness import Wakefulness

SHARD = "shard-1"
SERVE_LIMIT_BYTES = 64 << 20
"""What the server's own bound on gRPC requests has to be above: Ray Serve's is 2 GiB unless it is set."""


def now_ms() -> int:
    """The clock of the journal and of the edges."""
    return int(time() * 1000)


async def nothing_known() -> ClusterStatus:
    """The status of a cluster of which this gateway knows no shard."""
    return ClusterStatus([], [], [])


def operator_of(tenant: str) -> str:
    """Whose key the tenant's operator's is."""
    return f"operator of {tenant}"


class OneShard:
    """A shard in this process: the blocks that are assigned, the way to them, no deadlines of others.

    `wakefulness`: that of the gateway before it.
    """

    def __init__(self, journal: Callable[[], Journal]) -> None:
        self.blocks: set[BlockId] = set()
        self.quarantined: set[BlockId] = set()
        self.lines = lines = Lines(*(journal() for _ in range(4)))
        self.engine = Engine(
            SHARD,
            Epoch(1, 1, 1),
            lines,
            self,
            asyncio.get_running_loop().time,
            lambda: token_bytes(8),
            others=lambda now: Dispatcher(self, now),
            cut_over=True,
        )
        self.wakefulness = Wakefulness()
        self._way = Coalescer(self, now_ms, hangs=lambda: self.wakefulness.hangs())

    async def exchange(self, payload: bytes) -> bytes:
        return await self.engine.serve(payload)

    async def route(self, block: BlockId) -> Coalescer | None:
        return self._way if block in self.blocks else None

    def doubt(self, block: BlockId, way: Coalescer) -> None:
        """There is no other way."""

    async def assign(self, block: BlockId, tenant: TenantId) -> None:
        self.blocks.add(block)

    def moved(self, block: BlockId) -> None:
        """There is no other shard."""

    async def assignment(self, block: BlockId) -> Assignment | None:
        return Assignment(SHARD, is_quarantined=block in self.quarantined) if block in self.blocks else None

    async def claim(self, block: BlockId, shard: str, generation: int) -> Assignment | None:
        return await self.assignment(block)

    async def moves(self, shard: str, generation: int, limit: int) -> list[Move]:
        return []

    async def carry_out(self, move: Move, generation: int, let_go_at_ms: int | None) -> bool:
        return False

    async def due_blocks(self, shard: str, now_ms: int, after: Due | None, limit: int) -> list[Due]:
        return []

    async def heartbeat(self, shard: str, epoch: int, now_ms: int, counters: EngineCounters) -> Beat:
        return Beat(now_ms, epoch, tuple(Quarantined(block, 1) for block in self.quarantined))

    async def last_heartbeat_ms(self, shard: str, epoch: int) -> int | None:
        return None

    async def end_quarantine(self, block: BlockId, correct: Correct) -> bool:
        return True

    async def refuse_correction(self, block: BlockId, correct: Correct, why: str) -> None:
        """Nobody asks."""


class Edges:
    """Where both edges listen, keys by whose they are (of two tenants, an operator of each), and what is behind.

    `blocks`: all that there are; `quarantined`: those of them that are.
    """

    def __init__(
        self,
        http_url: str,
        grpc_address: str,
        keys: dict[str, str],
        operations: Operations,
        reservations: Reservations | None = None,
    ) -> None:
        self.blocks: set[BlockId] = set()
        self.quarantined: set[BlockId] = set()
        self.http_url = http_url
        self.grpc_address = grpc_address
        self.keys = keys
        self.operations = operations
        self.reservations = reservations
        self.http = httpx.AsyncClient(base_url=http_url, timeout=20)
        self.channel = grpc.aio.insecure_channel(grpc_address, options=[("grpc.max_send_message_length", -1)])

    def bearer(self, whose: str) -> str:
        """The `Authorization` of a tenant, or of `operator_of` one."""
        return f"Bearer {self.keys[whose]}"

    async def close(self) -> None:
        """Close the clients."""
        await self.http.aclose()
        await self.channel.close(None)


@asynccontextmanager
async def edges_over(
    operations: Operations, keys: dict[str, str], reservations: Reservations | None = None
) -> AsyncIterator[Edges]:
    """Serve these operations over both protocols."""
    async with AsyncExitStack() as stack:
        http_url = await stack.enter_async_context(serving_http(build_http_app(operations, always_ready)))
        grpc_address = await stack.enter_async_context(serving_grpc(operations))
        edges = Edges(http_url, grpc_address, keys, operations, reservations)
        stack.push_async_callback(edges.close)
        yield edges


@asynccontextmanager
async def whole_edges(
    database_url: str, redis_url: str | None = None, *, in_postgres: bool = False
) -> AsyncIterator[Edges]:
    """Both edges over a shard of their own; without a Redis, unless one is given. `in_postgres`: its journal is."""
    store = MemoryStore(now_ms)
    shard = OneShard((lambda: PostgresJournal(database_url)) if in_postgres else lambda: MemoryJournal(store))
    await shard.engine.start()
    running = asyncio.create_task(shard.engine.run())
    connection = await connect(database_url, application_name="tests")
    keys = {}
    for tenant in ("alpha", "beta"):
        keys[tenant] = await create_key(connection, tenant, "for the tests")
        keys[operator_of(tenant)] = await create_key(connection, tenant, "for the tests", operator=True)
    await connection.close()
    source = PostgresKeySource(database_url)
    ring = KeyRing(source)
    reservations = Reservations(Dispatcher(shard, now_ms), shard, now_ms, lambda: randbits(62) + 1)
    models = ReadModels(database_url, None if redis_url is None else LiveEvents(redis_url))
    try:
        operations = Operations(reservations, models, ring.authenticate, nothing_known, shard.wakefulness)
        async with edges_over(operations, keys, reservations) as edges:
            edges.blocks, edges.quarantined = shard.blocks, shard.quarantined
            yield edges
    finally:
        await ring.close()
        await source.close()
        await models.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for line in shard.lines:
            await line.close()


async def always_ready() -> tuple[str, ...]:
    """Nothing keeps it from selling."""
    return ()


@asynccontextmanager
async def serving_http(app: Litestar) -> AsyncIterator[str]:
    """A uvicorn, as in a replica, on a port of its own; yields its address."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()  # who comes before the server has started waits
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="error", timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listening.close()


@asynccontextmanager
async def serving_grpc(operations: Operations) -> AsyncIterator[str]:
    """A grpc.aio server on a port of its own; yields its address."""
    methods = GrpcMethods()
    methods.operations = operations
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", SERVE_LIMIT_BYTES)])
    for name in SERVICER_FUNCTIONS:
        module, _, function = name.rpartition(".")
        getattr(import_module(module), function)(methods, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(grace=0.2)
