"""The shard's end of the link: batches of calls in, batches of answers out, many at a time."""

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec
import structlog

from actors.link.address import Address, TcpAddress, UnixAddress
from actors.link.connection import Connection, ConnectionBounds
from actors.link.frames import MAX_TROUBLE_BYTES, Frame, FrameMalformed, FrameTooLarge, Kind
from actors.link.handshake import Identity, ServerHandshake

HandleBatch: TypeAlias = Callable[[bytes], Awaitable[bytes]]
TellTrouble: TypeAlias = Callable[[], str]  # why no writes can be served now, empty if they can

_log = structlog.get_logger(__name__)


class ServerBounds(msgspec.Struct, frozen=True):
    """What all clients together may cost: connections times what one may have in flight."""

    max_connections: int = 256
    max_frames_in_flight: int = 64  # per connection; above it the connection is not read
    max_bytes_in_flight: int = 16 * 1024 * 1024  # per connection, likewise; one frame may go over it
    connection: ConnectionBounds = ConnectionBounds()


def no_trouble() -> str:
    """Of a server that can serve writes whenever it answers."""
    return ""


class LinkServer:
    """Serves `handle_batch` at an address to whoever knows the secret. Pings are answered with `trouble`, cut short.

    Requests run at the same time and are answered in the order in which they are done. One whose connection is lost
    runs to its end: its outcome counts although nobody hears of it. But it has begun before anything that its client
    sends over its next connection: of a connection that was replaced nothing more is read.
    """

    def __init__(
        self,
        address: Address,
        secret: bytes,
        identity: Identity,
        handle_batch: HandleBatch,
        bounds: ServerBounds | None = None,
        *,
        trouble: TellTrouble = no_trouble,
    ) -> None:
        self._address = address
        self._secret = secret
        self._identity = identity
        self._handle_batch = handle_batch
        self._bounds = bounds or ServerBounds()
        self._trouble = trouble
        self._listener: asyncio.Server | None = None
        self._socket_file: tuple[int, int] | None = None  # device and inode of the Unix socket we made
        self._connections: set[_ServerConnection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        ServerHandshake(secret, identity)  # refuse a bad secret or identity now, not at the first connection

    @property
    def address(self) -> Address:
        """Where it listens; the port is the real one once it has started."""
        return self._address

    @property
    def connections(self) -> int:
        """Connections that are open, or closed with requests still in flight."""
        return len(self._connections)

    @property
    def requests_in_flight(self) -> int:
        """Requests whose answer is not known yet."""
        return len(self._tasks)

    async def start(self) -> None:
        """Listen, once; OSError if the address cannot be had. A Unix socket is for its owner only."""
        loop = asyncio.get_running_loop()
        match self._address:
            case UnixAddress(path):
                self._listener = await loop.create_unix_server(self._connection, path)
                os.chmod(path, 0o600)
                self._socket_file = _identity_of_socket(path)
            case TcpAddress(host, port):
                self._listener = await loop.create_server(self._connection, host, port)
                self._address = TcpAddress(host, self._listener.sockets[0].getsockname()[1])

    async def stop(self, grace_s: float = 5.0) -> None:
        """Take no more requests, give those in flight `grace_s` to be answered, then drop everything."""
        if self._listener is None or self._stopping:
            return
        self._stopping = True
        self._listener.close()
        self._remove_socket_file()
        for connection in self._connections:
            connection.hold(True)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._close_connections(grace_s)
        await self._listener.wait_closed()

    async def _close_connections(self, grace_s: float) -> None:
        connections = list(self._connections)
        for connection in connections:
            connection.close()
        lost = [asyncio.ensure_future(connection.gone.wait()) for connection in connections]
        if not lost:
            return
        await asyncio.wait(lost, timeout=grace_s)
        for connection in connections:
            connection.abort("the server stopped")
        await asyncio.wait(lost)

    def _remove_socket_file(self) -> None:
        """A successor may listen on the same path by now: remove only what is ours."""
        if isinstance(self._address, UnixAddress) and _identity_of_socket(self._address.path) == self._socket_file:
            os.unlink(self._address.path)

    def _connection(self) -> "_ServerConnection":
        connection = _ServerConnection(self, ServerHandshake(self._secret, self._identity), self._bounds)
        if self._stopping or len(self._connections) >= self._bounds.max_connections:
            connection.abort("no more connections")
        self._connections.add(connection)
        return connection

    @property
    def stopping(self) -> bool:
        """No more requests are taken."""
        return self._stopping

    def pong(self) -> bytes:
        """What a ping is answered with."""
        return self._trouble().encode()[:MAX_TROUBLE_BYTES]

    def replace_by(self, newer: "_ServerConnection") -> None:
        """A client has one connection: what it sent over the last one and we did not read must not come later."""
        for connection in self._connections:
            if connection is not newer and connection.client == newer.client:
                connection.abort("its client has another connection")

    def forget(self, connection: "_ServerConnection") -> None:
        """The connection is gone and has nothing in flight; another may have its place."""
        self._connections.discard(connection)

    def begin(self, connection: "_ServerConnection", frame: Frame) -> None:
        """Serve one request of a connection."""
        task = asyncio.get_running_loop().create_task(self._serve(connection, frame))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: "_ServerConnection", frame: Frame) -> None:
        try:
            answers = await self._handle_batch(frame.payload)
            connection.send(Kind.ANSWER, frame.exchange, answers)
        except FrameTooLarge as error:
            connection.send(Kind.ERROR, frame.exchange, f"the answers: {error}".encode())
        except Exception as error:  # noqa: BLE001  whatever was raised, it is the fault of that batch alone
            _log.error("a batch could not be served", exc_info=error)
            connection.send(Kind.ERROR, frame.exchange, type(error).__name__.encode())
        finally:
            connection.finished(frame)


class _ServerConnection(Connection):
    """One client."""

    def __init__(self, server: LinkServer, handshake: ServerHandshake, bounds: ServerBounds) -> None:
        super().__init__(handshake, bounds.connection)
        self.gone = asyncio.Event()
        self._server_handshake = handshake
        self._server = server
        self._limits = bounds
        self._frames_in_flight = 0
        self._bytes_in_flight = 0

    @property
    def client(self) -> bytes | None:
        """Who is at the other end, once it has proven itself."""
        return self._server_handshake.client if self._server_handshake.done else None

    def opened(self) -> None:
        self._server.replace_by(self)

    def received(self, frame: Frame) -> None:
        if frame.kind is Kind.PING:
            self.send(Kind.PONG, frame.exchange, self._server.pong())
        elif frame.kind is Kind.REQUEST:
            self._frames_in_flight += 1
            self._bytes_in_flight += len(frame.payload)
            self.hold(self._full)
            self._server.begin(self, frame)
        else:
            raise FrameMalformed(f"{frame.kind.name} from a client")

    def finished(self, frame: Frame) -> None:
        self._frames_in_flight -= 1
        self._bytes_in_flight -= len(frame.payload)
        if self.gone.is_set() and self._frames_in_flight == 0:
            self._server.forget(self)
        else:
            self.hold(self._full or self._server.stopping)

    def lost(self, why: str) -> None:
        _log.debug("a client's connection ended", why=str(why))
        self.gone.set()
        if self._frames_in_flight == 0:
            self._server.forget(self)

    @property
    def _full(self) -> bool:
        return (
            self._frames_in_flight >= self._limits.max_frames_in_flight
            or self._bytes_in_flight >= self._limits.max_bytes_in_flight
        )


def _identity_of_socket(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISSOCK(found.st_mode) else None
