"""The handshake: both ends prove that they know the secret before anything else is said. Pure; knows no socket.

    client -> HELLO      version u8, client's nonce: who it is, the same for all its connections, and fresh bytes
    server -> CHALLENGE  version u8, server's nonce
    client -> PROOF      HMAC(secret, label, "client", both nonces)
    server -> WELCOME    HMAC(secret, label, "server", both nonces, identity), identity

The client proves itself first, so that a stranger who may reach the port learns nothing made with the secret. A proof
holds for one pair of nonces and one role: it can be neither replayed nor reflected. What is said afterwards is neither
encrypted nor signed: the link belongs into a network that is trusted to carry bytes unchanged.
"""

import hmac
import secrets
from typing import Protocol

import msgspec

from actors.link.frames import HEADER_BYTES, Frame, FrameError, Kind, encode_frame

VERSION = 1
NONCE_BYTES = 32
CLIENT_BYTES = 16  # of a client's nonce
PROOF_BYTES = 32
MIN_SECRET_BYTES = 16
MAX_IDENTITY_BYTES = 512
MAX_HANDSHAKE_FRAME_BYTES = HEADER_BYTES + PROOF_BYTES + MAX_IDENTITY_BYTES

_LABEL = b"holdfast link %d" % VERSION


class HandshakeFailed(FrameError):
    """The peer did not prove that it knows the secret, or speaks another version."""


class Identity(msgspec.Struct, frozen=True, array_like=True):
    """Who serves at an address: the shard's name and its epoch, packed."""

    shard: str
    epoch: int


class Handshake(Protocol):
    """One end of the handshake. `received` raises HandshakeFailed."""

    done: bool

    def opening(self) -> bytes:
        """What to send as soon as the connection is made."""

    def received(self, frame: Frame) -> bytes:
        """What to send in answer."""


class ClientHandshake:
    """The end that connects; `client` is its own for life, `identity` that of the server, known when it is done."""

    def __init__(self, secret: bytes, client: bytes) -> None:
        assert len(client) == CLIENT_BYTES
        self.done = False
        self.identity: Identity | None = None
        self._secret = _checked(secret)
        self._nonce = client + secrets.token_bytes(NONCE_BYTES - CLIENT_BYTES)
        self._nonces = b""

    def opening(self) -> bytes:
        """HELLO."""
        return encode_frame(Kind.HELLO, 0, bytes([VERSION]) + self._nonce)

    def received(self, frame: Frame) -> bytes:
        """CHALLENGE is answered by PROOF, WELCOME by nothing."""
        if frame.kind is Kind.CHALLENGE and not self._nonces:
            self._nonces = self._nonce + _nonce_of(frame)
            return encode_frame(Kind.PROOF, 0, _proof(self._secret, b"client", self._nonces))
        if frame.kind is not Kind.WELCOME or not self._nonces:
            raise HandshakeFailed(f"{frame.kind.name} out of turn")
        proof, identity = frame.payload[:PROOF_BYTES], frame.payload[PROOF_BYTES:]
        if not hmac.compare_digest(proof, _proof(self._secret, b"server", self._nonces, identity)):
            raise HandshakeFailed("the server does not know the secret")
        self.identity = msgspec.msgpack.decode(identity, type=Identity)
        self.done = True
        return b""


class ServerHandshake:
    """The end that listens; `client` is known when it is done."""

    def __init__(self, secret: bytes, identity: Identity) -> None:
        self.done = False
        self._secret = _checked(secret)
        self._identity = msgspec.msgpack.encode(identity)
        if len(self._identity) > MAX_IDENTITY_BYTES:
            raise ValueError(f"the identity takes {len(self._identity)} bytes; the bound is {MAX_IDENTITY_BYTES}")
        self._nonce = secrets.token_bytes(NONCE_BYTES)
        self._nonces = b""

    @property
    def client(self) -> bytes:
        """Who connects: the same for all connections of one client."""
        return self._nonces[:CLIENT_BYTES]

    def opening(self) -> bytes:
        """Nothing: the client speaks first."""
        return b""

    def received(self, frame: Frame) -> bytes:
        """HELLO is answered by CHALLENGE, PROOF by WELCOME."""
        if frame.kind is Kind.HELLO and not self._nonces:
            self._nonces = _nonce_of(frame) + self._nonce
            return encode_frame(Kind.CHALLENGE, 0, bytes([VERSION]) + self._nonce)
        if frame.kind is not Kind.PROOF or not self._nonces:
            raise HandshakeFailed(f"{frame.kind.name} out of turn")
        if not hmac.compare_digest(frame.payload, _proof(self._secret, b"client", self._nonces)):
            raise HandshakeFailed("the client does not know the secret")
        self.done = True
        proof = _proof(self._secret, b"server", self._nonces, self._identity)
        return encode_frame(Kind.WELCOME, 0, proof + self._identity)


def _checked(secret: bytes) -> bytes:
    if len(secret) < MIN_SECRET_BYTES:
        raise ValueError(f"the link's secret has at least {MIN_SECRET_BYTES} bytes")
    return secret


def _nonce_of(frame: Frame) -> bytes:
    version, nonce = frame.payload[:1], frame.payload[1:]
    if version != bytes([VERSION]):
        raise HandshakeFailed(f"the peer speaks version {version.hex() or 'none'} of the link, not {VERSION}")
    if len(nonce) != NONCE_BYTES:
        raise HandshakeFailed(f"a nonce of {len(nonce)} bytes")
    return nonce


def _proof(secret: bytes, role: bytes, nonces: bytes, identity: bytes = b"") -> bytes:
    """Role and nonces are of fixed length for each role, so no two proofs are over the same bytes by accident."""
    return hmac.digest(secret, _LABEL + role + nonces + identity, "sha256")
