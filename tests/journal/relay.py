"""A wire between a client and Postgres that can lose a reply, or part of a notice, or be narrow."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

READY_FOR_QUERY = b"Z\x00\x00\x00\x05I"  # the end of every reply outside a transaction: what went before is committed


class Relay:
    """Passes bytes both ways between clients and a server."""

    def __init__(self, database_url: str) -> None:
        self._database = urlsplit(database_url)
        self._port = 0
        self._swallowing = False
        self._bytes_per_s = float("inf")
        self._hidden: set[tuple[bytes, bytes]] = set()
        self._passing: set[asyncio.Task[None]] = set()

    @property
    def database_url(self) -> str:
        """The database, over this wire."""
        database = self._database
        return f"postgresql://{database.username}:{database.password}@127.0.0.1:{self._port}{database.path}"

    def swallow_next_reply(self) -> None:
        """Hold the next complete reply back and cut the connection that it belongs to."""
        self._swallowing = True

    def hide(self, kind: bytes, value: bytes) -> None:
        """Take this field out of errors and notices; `R` is the function that spoke, `V` how severe it is."""
        self._hidden.add((kind, value))

    def narrow(self, bytes_per_s: float) -> None:
        """Let no connection bring more to the server than that."""
        self._bytes_per_s = bytes_per_s

    async def serve(self) -> asyncio.Server:
        """Listen on a free port of the loopback interface."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        return server

    async def close(self) -> None:
        """Cut every connection."""
        for passing in self._passing:
            passing.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _accept(self, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(self._database.hostname, self._database.port)
        for passing in (self._requests(client_reader, server_writer), self._replies(server_reader, client_writer)):
            task = asyncio.create_task(passing)
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)

    async def _requests(self, client: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError):  # who cuts its line has no more to say
                while request := await client.read(65536):
                    await asyncio.sleep(len(request) / self._bytes_per_s)
                    server.write(request)
        finally:
            server.close()

    async def _replies(self, server: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        swallowed = b""
        try:
            with suppress(ConnectionError):
                while reply := await server.read(65536):
                    for kind, value in self._hidden:  # as a field of a kind that nobody knows, and so as long as before
                        reply = reply.replace(b"\0%b%b\0" % (kind, value), b"\0?%b\0" % value)
                    if not self._swallowing:
                        client.write(reply)
                        continue
                    swallowed += reply
                    if swallowed.endswith(READY_FOR_QUERY):
                        self._swallowing = False
                        return
        finally:
            client.transport.abort()


@asynccontextmanager
async def relay(database_url: str) -> AsyncIterator[Relay]:
    """A wire to the database, for as long as the block lasts."""
    wire = Relay(database_url)
    server = await wire.serve()
    try:
        yield wire
    finally:
        server.close()
        await wire.close()
