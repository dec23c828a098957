"""The gateway's end of the link: one connection to one shard, made when it is needed and made again when it broke."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import count
from secrets import token_bytes
from typing import TypeAlias

import msgspec

from actors.link.address import Address, UnixAddress
from actors.link.connection import Connection, ConnectionBounds
from actors.link.frames import HEADER_BYTES, MAX_TROUBLE_BYTES, Frame, FrameMalformed, Kind
from actors.link.handshake import CLIENT_BYTES, ClientHandshake, Identity
from actors.link.transport import Hangs, NotSent, OutcomeUnknown, never

Sleep: TypeAlias = Callable[[float], Awaitable[None]]
Jitter: TypeAlias = Callable[[], float]  # from 0 to 1


class ClientBounds(msgspec.Struct, frozen=True):
    """How long a client tries and waits."""

    connect_timeout_s: float = 2.0
    exchange_timeout_s: float = 15.0
    backoff_min_s: float = 0.02  # after the first failure to connect; doubled after each further one
    backoff_max_s: float = 1.0
    connection: ConnectionBounds = ConnectionBounds()


class LinkClient:
    """A `Transport` over a socket, to the shard at an address.

    With `expects`, another shard or epoch at that address counts as not connected: the address is stale. A ping waits
    behind the requests that its connection sent before, so whoever judges a shard by pings keeps a client for that.

    A batch during whose waiting here the process hung, by `hangs`, is not sent.
    """

    def __init__(
        self,
        address: Address,
        secret: bytes,
        *,
        expects: Identity | None = None,
        bounds: ClientBounds | None = None,
        sleep: Sleep = asyncio.sleep,
        jitter: Jitter = random.random,
        hangs: Hangs = never,
    ) -> None:
        self._address = address
        self._secret = secret
        self._expects = expects
        self._bounds = bounds or ClientBounds()
        self._sleep = sleep
        self._jitter = jitter
        self._hangs = hangs
        self._connection: _ClientConnection | None = None
        self._connecting: asyncio.Task[_ClientConnection | str] | None = None
        self._failures = 0
        self._closed = False
        self._client = token_bytes(CLIENT_BYTES)
        ClientHandshake(secret, self._client)  # refuse a bad secret now, not at the first connection

    @property
    def identity(self) -> Identity | None:
        """Who answered the last connection that was made."""
        return self._connection.identity if self._connection else None

    async def exchange(self, payload: bytes) -> bytes:
        """Send one batch, return its answers; NotSent or OutcomeUnknown."""
        bound = self._bounds.connection.max_frame_bytes - HEADER_BYTES
        if len(payload) > bound:
            raise NotSent(f"a batch of {len(payload)} bytes; the bound is {bound}")
        hangs = self._hangs()
        connection = await self._connected()
        return await connection.ask(
            Kind.REQUEST, payload, self._bounds.exchange_timeout_s, lambda: self._hangs() == hangs
        )

    async def ping(self, timeout_s: float) -> str:
        """Why whoever answers cannot serve writes now, as it says itself; empty if it can.

        NotSent or OutcomeUnknown if nobody answers within `timeout_s`, connecting included.
        """
        connection: _ClientConnection | None = None
        try:
            async with asyncio.timeout(timeout_s):
                connection = await self._connected()
                pong = await connection.ask(Kind.PING, b"", timeout_s)
        except TimeoutError:
            failure = NotSent if connection is None else OutcomeUnknown
            raise failure(f"{self._address} did not answer a ping within {timeout_s} s") from None
        return pong[:MAX_TROUBLE_BYTES].decode(errors="replace")

    async def close(self) -> None:
        """Drop the connection; what is in flight fails with OutcomeUnknown, what comes later with NotSent."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        if self._connection is not None:
            self._connection.abort("the client was closed")
            await self._connection.gone.wait()

    async def _connected(self) -> "_ClientConnection":
        """The open connection. Whoever needs one joins the attempt under way; cancelling one leaves it to the rest."""
        if self._connection is not None and self._connection.open:
            return self._connection
        if self._closed:
            raise NotSent("the client is closed")
        if self._connecting is None:
            self._connecting = asyncio.get_running_loop().create_task(self._connect())
        attempt = self._connecting
        await asyncio.wait([attempt])
        if self._connecting is attempt:
            self._connecting = None
        connection = "the client is closed" if attempt.cancelled() else attempt.result()
        if isinstance(connection, str):
            raise NotSent(connection)
        return connection

    async def _connect(self) -> "_ClientConnection | str":
        """One attempt, after a pause if the last one failed: the connection, or why there is none."""
        if self._failures:
            backoff_s = min(self._bounds.backoff_max_s, self._bounds.backoff_min_s * 2 ** min(self._failures - 1, 30))
            await self._sleep(backoff_s * (0.5 + 0.5 * self._jitter()))
        self._failures += 1
        connection = _ClientConnection(ClientHandshake(self._secret, self._client), self._bounds.connection)
        try:
            async with asyncio.timeout(self._bounds.connect_timeout_s):
                await self._open_socket(connection)
                await connection.settled.wait()
        except OSError as error:  # a time-out is one
            connection.abort("given up")
            return f"{self._address} cannot be reached: {error or type(error).__name__}"
        except asyncio.CancelledError:
            connection.abort("given up")
            raise
        if not connection.open:
            return f"{self._address} refused the handshake: {connection.why_lost}"
        if self._expects is not None and connection.identity != self._expects:
            connection.abort("not the shard we look for")
            return f"{self._address} is served by {connection.identity}, not by {self._expects}"
        self._failures = 0
        self._connection = connection
        return connection

    async def _open_socket(self, connection: "_ClientConnection") -> None:
        loop = asyncio.get_running_loop()
        if isinstance(self._address, UnixAddress):
            await loop.create_unix_connection(lambda: connection, self._address.path)
        else:
            await loop.create_connection(lambda: connection, self._address.host, self._address.port)


class _ClientConnection(Connection):
    """The connection, and who waits for which answer."""

    def __init__(self, handshake: ClientHandshake, bounds: ConnectionBounds) -> None:
        super().__init__(handshake, bounds)
        self.settled = asyncio.Event()  # opened, or lost before that
        self.gone = asyncio.Event()
        self.why_lost = ""
        self._client_handshake = handshake
        self._numbers = count(1)
        self._asked: dict[int, asyncio.Future[Frame]] = {}
        self._writable = asyncio.Event()
        self._writable.set()

    @property
    def identity(self) -> Identity | None:
        """Who is at the other end, once it has proven itself."""
        return self._client_handshake.identity

    async def ask(
        self, kind: Kind, payload: bytes, timeout_s: float, may_be_sent: Callable[[], bool] = lambda: True
    ) -> bytes:
        """Send a frame, if it still may be when it can, and wait for its answer."""
        sent = False
        exchange = next(self._numbers)
        try:
            async with asyncio.timeout(timeout_s):
                while self.unread and self.open:
                    await self._writable.wait()
                if not self.open:
                    raise NotSent(self.why_lost or "the connection is closing")
                if not may_be_sent():
                    raise NotSent("the process hung while the batch waited")
                future: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
                self._asked[exchange] = future
                sent = True
                self.send(kind, exchange, payload)
                frame = await future
        except TimeoutError:
            failure = OutcomeUnknown if sent else NotSent
            raise failure(f"no answer within {timeout_s} s") from None
        finally:
            self._asked.pop(exchange, None)
        if frame.kind is Kind.ERROR:
            raise OutcomeUnknown(f"the shard could not serve the batch: {frame.payload.decode(errors='replace')}")
        return frame.payload

    def opened(self) -> None:
        self.settled.set()

    def received(self, frame: Frame) -> None:
        if frame.kind not in (Kind.ANSWER, Kind.ERROR, Kind.PONG):
            raise FrameMalformed(f"{frame.kind.name} from a server")
        future = self._asked.get(frame.exchange)
        if future is not None and not future.done():  # else whoever asked has given up
            future.set_result(frame)

    def writable(self) -> None:
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()
        super().pause_writing()

    def lost(self, why: str) -> None:
        self.why_lost = why
        self.settled.set()
        self.gone.set()
        self._writable.set()
        for future in self._asked.values():
            if not future.done():
                future.set_exception(OutcomeUnknown(why))
