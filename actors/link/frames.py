"""Frames: how a stream of bytes is cut. Pure; knows no socket.

    length u32 | kind u8 | exchange u64 | payload       big-endian; `length` counts the payload only

`exchange` is chosen by the side that asks and repeated by the side that answers.
"""

from enum import IntEnum
from struct import Struct
from typing import NamedTuple

MAX_FRAME_BYTES = 8 * 1024 * 1024
MAX_TROUBLE_BYTES = 200

_HEADER = Struct(">IBQ")
HEADER_BYTES = _HEADER.size


class FrameError(Exception):
    """The peer does not speak this protocol, or not within its bounds; the connection is of no more use."""


class FrameTooLarge(FrameError):
    """A frame over the bound."""


class FrameMalformed(FrameError):
    """Bytes that are no frame, or a frame that has no place here."""


class Kind(IntEnum):
    """What a frame is for."""

    HELLO = 1  # handshake, in this order
    CHALLENGE = 2
    PROOF = 3
    WELCOME = 4
    REQUEST = 5  # a batch of calls
    ANSWER = 6  # the batch of answers
    ERROR = 7  # the request was received and has no answer; payload says why
    PING = 8
    PONG = 9  # payload: why whoever answers cannot serve writes now, in words (UTF-8); empty if it can


class Frame(NamedTuple):
    """One frame, as it was sent."""

    kind: Kind
    exchange: int
    payload: bytes


_KINDS = {kind.value: kind for kind in Kind}


def encode_frame(kind: Kind, exchange: int, payload: bytes, max_frame_bytes: int = MAX_FRAME_BYTES) -> bytes:
    """The bytes of a frame; FrameTooLarge if it is over the bound."""
    if HEADER_BYTES + len(payload) > max_frame_bytes:
        raise FrameTooLarge(f"a frame of {HEADER_BYTES + len(payload)} bytes; the bound is {max_frame_bytes}")
    return _HEADER.pack(len(payload), kind, exchange) + payload


class FrameDecoder:
    """Bytes in, in any cuts; frames out. Holds at most one frame within the bound, and what was fed last.

    A frame over the bound and an unknown kind are refused by the header alone, before their payload is waited for.
    """

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self.max_frame_bytes = max_frame_bytes
        self._buffer = bytearray()

    @property
    def buffered_bytes(self) -> int:
        """How many bytes are waiting to be taken out, or to become a whole frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Add what was received."""
        self._buffer += data

    def next_frame(self) -> Frame | None:
        """The next whole frame, or None until more is fed; FrameError, again and again, if there can be none."""
        buffer = self._buffer
        if len(buffer) < HEADER_BYTES:
            return None
        length, number, exchange = _HEADER.unpack_from(buffer)
        kind = _KINDS.get(number)
        if kind is None:
            raise FrameMalformed(f"no frame is of kind {number}")
        end = HEADER_BYTES + length
        if end > self.max_frame_bytes:
            raise FrameTooLarge(f"a frame of {end} bytes; the bound is {self.max_frame_bytes}")
        if len(buffer) < end:
            return None
        with memoryview(buffer) as view:
            payload = bytes(view[HEADER_BYTES:end])  # one copy; a slice of the bytearray would make two
        del buffer[:end]
        return Frame(kind, exchange, payload)
