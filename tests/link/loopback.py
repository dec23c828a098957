"""What the tests of the link share: a server and clients on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from actors.link.address import Address
from actors.link.client import LinkClient
from actors.link.handshake import Identity
from actors.link.server import HandleBatch, LinkServer, ServerBounds, TellTrouble, no_trouble

Run = Callable[[Coroutine[Any, Any, None]], None]  # what the fixture `run` gives

SECRET = b"a secret of the cluster"
IDENTITY = Identity("shard-1", 7)


async def echo(payload: bytes) -> bytes:
    return payload


async def never(_payload: bytes) -> bytes:
    await asyncio.Event().wait()
    raise AssertionError


async def until(condition: Callable[[], bool], timeout_s: float = 5) -> None:
    """Wait for something that only the other end of a socket makes true."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110  # a condition, not an event: the code under test has no hook for tests
            await asyncio.sleep(0.001)


@asynccontextmanager
async def serving(
    address: Address,
    handle_batch: HandleBatch = echo,
    bounds: ServerBounds | None = None,
    identity: Identity = IDENTITY,
    trouble: TellTrouble = no_trouble,
) -> AsyncIterator[LinkServer]:
    server = LinkServer(address, SECRET, identity, handle_batch, bounds, trouble=trouble)
    await server.start()
    try:
        yield server
    finally:
        await server.stop(grace_s=0.1)


@asynccontextmanager
async def connected(address: Address, secret: bytes = SECRET, **options: Any) -> AsyncIterator[LinkClient]:
    client = LinkClient(address, secret, **options)
    try:
        yield client
    finally:
        await client.close()
