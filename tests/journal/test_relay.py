"""The tests' own wire to Postgres: who cuts its line is heard at the other end, and nobody else is."""

import asyncio
import socket
import struct
from urllib.parse import urlsplit

import pytest

from tests.journal.relay import relay

pytestmark = pytest.mark.anyio

NO_LINGER = struct.pack("ii", 1, 0)  # closing is a reset then


async def test_a_reset_of_one_end_ends_the_other(anyio_backend: str) -> None:
    ended = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65_536):
            pass
        writer.close()
        ended.set()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with relay(f"postgresql://who:what@127.0.0.1:{server.sockets[0].getsockname()[1]}/db") as wire:
        address = urlsplit(wire.database_url)
        _, client = await asyncio.open_connection(address.hostname, address.port)
        client.write(b"before")
        await client.drain()
        client.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        client.transport.abort()
        await asyncio.wait_for(ended.wait(), 5)
    server.close()
