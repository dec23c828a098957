"""One connection, either end: handshake first, then frames; bounded in bytes and in time.

What both ends share is here; what they say is in `server` and `client`.
"""

import asyncio
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import cast

import msgspec

from actors.link.frames import MAX_FRAME_BYTES, Frame, FrameDecoder, FrameError, FrameMalformed, Kind, encode_frame
from actors.link.handshake import MAX_HANDSHAKE_FRAME_BYTES, Handshake

KEEPALIVE_IDLE_S = 15
KEEPALIVE_INTERVAL_S = 5
KEEPALIVE_PROBES = 3


class ConnectionBounds(msgspec.Struct, frozen=True):
    """What one connection may cost. Whoever exceeds a bound loses the connection."""

    max_frame_bytes: int = MAX_FRAME_BYTES
    max_unread_bytes: int = 2 * MAX_FRAME_BYTES  # what was written and not read, beyond the kernel's buffer
    handshake_timeout_s: float = 3.0
    stall_timeout_s: float = 10.0  # for a frame to arrive once begun, and for what was written to be read


class Connection(asyncio.Protocol, ABC):
    """A protocol of asyncio. The ends implement `opened`, `received`, `lost` and, if they care, `writable`.

    The peer's pace is ours: while it does not read what we wrote, or while `hold` is in force, nothing of it is read.
    """

    def __init__(self, handshake: Handshake, bounds: ConnectionBounds) -> None:
        self.bounds = bounds
        self.open = False  # the handshake is done, and the connection is neither closing nor lost
        self.unread = False  # the peer has not read all that we wrote
        self._held = False
        self._why = ""  # the connection ends, if not empty
        self._transport: asyncio.Transport | None = None
        self._handshake = handshake
        self._decoder = FrameDecoder(MAX_HANDSHAKE_FRAME_BYTES)
        self._handshake_deadline = _Deadline(self.abort, bounds.handshake_timeout_s, "the handshake took too long")
        self._frame_deadline = _Deadline(self.abort, bounds.stall_timeout_s, "a frame took too long to arrive")
        self._unread_deadline = _Deadline(self.abort, bounds.stall_timeout_s, "the peer does not read")

    @abstractmethod
    def opened(self) -> None:
        """The peer has proven itself."""

    @abstractmethod
    def received(self, frame: Frame) -> None:
        """A frame after the handshake; raise FrameError to end the connection."""

    @abstractmethod
    def lost(self, why: str) -> None:
        """The connection is gone, whether or not it had been opened. Called once."""

    def writable(self) -> None:
        """The peer has read what was unread."""

    def send(self, kind: Kind, exchange: int, payload: bytes = b"") -> None:
        """Send a frame; FrameTooLarge if it is over the bound. Dropped if the connection is not open."""
        data = encode_frame(kind, exchange, payload, self.bounds.max_frame_bytes)
        if not self.open or self._transport is None:
            return
        if self._transport.get_write_buffer_size() > self.bounds.max_unread_bytes:
            self.abort("the peer does not read what it asked for")
            return
        self._transport.write(data)

    def hold(self, held: bool) -> None:
        """Stop reading, or go on."""
        if held != self._held:
            self._held = held
            self._follow_pace()

    def close(self) -> None:
        """Send what was written, within the time for that, and close."""
        self.open = False
        self._why = self._why or "closed"
        if self._transport is not None:
            self._transport.close()
            self._unread_deadline.start()

    def abort(self, why: str) -> None:
        """Drop the connection and what was not sent."""
        self.open = False
        self._why = self._why or why
        if self._transport is not None:
            self._transport.abort()

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)  # hear at once of a peer that does not read
        _keep_alive(transport.get_extra_info("socket"))
        if self._why:
            self._transport.abort()
            return
        self._handshake_deadline.start()
        self._transport.write(self._handshake.opening())

    def data_received(self, data: bytes) -> None:
        """Take frames out of what arrived."""
        self._decoder.feed(data)
        self._take_frames()

    def eof_received(self) -> None:
        """Nobody here closes one direction only."""
        self.abort("the peer closed the connection")

    def pause_writing(self) -> None:
        """The kernel's buffer is full."""
        self.unread = True
        self._unread_deadline.start()
        self._follow_pace()

    def resume_writing(self) -> None:
        """The kernel has all that was written."""
        self.unread = False
        if not self._why:  # else the deadline is for closing
            self._unread_deadline.stop()
        self._follow_pace()
        self.writable()

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so, once."""
        self.open = False
        self._why = self._why or (f"the connection broke: {exc}" if exc else "the connection was closed")
        self._transport = None
        for deadline in (self._handshake_deadline, self._frame_deadline, self._unread_deadline):
            deadline.stop()
        self.lost(self._why)

    # Inside.

    @property
    def _paused(self) -> bool:
        return self.open and (self._held or self.unread)

    def _follow_pace(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._paused:
            self._transport.pause_reading()
            self._frame_deadline.stop()  # the peer cannot be late while we do not listen
        else:
            self._transport.resume_reading()
            self._take_frames()

    def _take_frames(self) -> None:
        try:
            while not (self._why or self._paused):
                frame = self._decoder.next_frame()
                if frame is None:
                    break
                self._frame_deadline.stop()
                if self.open:
                    self.received(frame)
                else:
                    self._shake_hands(frame)
        except FrameError as error:
            self.abort(str(error))
        if self.open and not self._paused and self._decoder.buffered_bytes:
            self._frame_deadline.start()

    def _shake_hands(self, frame: Frame) -> None:
        assert self._transport is not None
        if self._decoder.buffered_bytes:
            raise FrameMalformed("bytes before the handshake was done")
        self._transport.write(self._handshake.received(frame))
        if self._handshake.done:
            self.open = True
            self._handshake_deadline.stop()
            self._decoder.max_frame_bytes = self.bounds.max_frame_bytes
            self.opened()


class _Deadline:
    """Aborts a connection unless it is stopped in time. Starting it twice changes nothing."""

    def __init__(self, abort: Callable[[str], None], timeout_s: float, why: str) -> None:
        self._abort = abort
        self._timeout_s = timeout_s
        self._why = why
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._timeout_s, self._abort, self._why)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _keep_alive(connected: socket.socket) -> None:
    """Let the kernel notice a machine that vanished; a Unix socket's peer cannot vanish unseen."""
    if connected.family == socket.AF_UNIX:
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_PROBES)
    user_timeout_ms = 1000 * (KEEPALIVE_IDLE_S + KEEPALIVE_INTERVAL_S * KEEPALIVE_PROBES)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, user_timeout_ms)
