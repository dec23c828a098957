"""A replica asks its own servers what HAProxy's checks ask them, over sockets and as anybody who comes anew.

How long a check takes is not told by the loop's turns alone. Idle, Ray Serve's servers (2.60, on uvloop) take 2 to 4 of
them to answer one over HTTP and 6 to 9 over gRPC; but a turn accepts one connection, and one call over gRPC takes four,
so what came before a check is waited for.
"""

import asyncio
import os
import socket
from contextlib import ExitStack, suppress

from ray.serve._private.constants import (
    HEALTHY_MESSAGE,
    RAY_SERVE_DIRECT_INGRESS_MAX_GRPC_PORT,
    RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT,
    RAY_SERVE_DIRECT_INGRESS_MIN_GRPC_PORT,
    RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT,
)
from ray.serve._private.haproxy import build_grpc_healthcheck_request_hex

from serve.local.preflight import LOOPBACK

HTTP_PORTS = range(RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT, RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT + 1)
GRPC_PORTS = range(RAY_SERVE_DIRECT_INGRESS_MIN_GRPC_PORT, RAY_SERVE_DIRECT_INGRESS_MAX_GRPC_PORT + 1)

_QUESTIONS = (
    (b"GET /-/healthz HTTP/1.0\r\n\r\n", b"HTTP/1."),  # whatever it says then, see `loopback`
    (
        bytes.fromhex(build_grpc_healthcheck_request_hex("/ray.serve.RayServeAPIService/Healthz")),
        HEALTHY_MESSAGE.encode(),
    ),
)
_FAMILIES = (socket.AF_INET, socket.AF_INET6)
_READ_BYTES = 4096


class OwnChecks:
    """Of the servers of this process that listen on a port of each range. They need not listen yet."""

    def __init__(self, http_ports: range = HTTP_PORTS, grpc_ports: range = GRPC_PORTS) -> None:
        self._ranges = (http_ports, grpc_ports)
        self._ports: list[int] = []

    def are_possible(self) -> bool:
        """Whether both servers listen, or did; all checks are of these from then on."""
        if not self._ports:
            listening = _listening()
            found = [min(listening.intersection(ports), default=0) for ports in self._ranges]
            self._ports = found if all(found) else []
        return bool(self._ports)

    async def ask(self) -> bool:
        """Whether both answered, as soon as they have; True while there is nobody to ask."""
        if not self.are_possible():
            return True
        loop = asyncio.get_running_loop()
        with ExitStack() as lines, suppress(OSError):
            asked = []
            for port, (question, answer) in zip(self._ports, _QUESTIONS, strict=True):
                line = lines.enter_context(socket.socket())
                line.setblocking(False)
                line.connect_ex((LOOPBACK, port))  # there at once, without a turn of the loop; else `sendall` waits
                await loop.sock_sendall(line, question)
                asked.append((line, answer))
            for line, answer in asked:
                await _hear(line, answer)
            return True
        return False


async def _hear(line: socket.socket, answer: bytes) -> None:
    """Wait for the answer for as long as the connection stands. Raises OSError."""
    loop = asyncio.get_running_loop()
    said = b""
    while answer not in said:
        piece = await loop.sock_recv(line, _READ_BYTES)
        if not piece:
            raise ConnectionResetError
        said += piece


def _listening() -> set[int]:
    """The ports on which this process listens."""
    ports = set()
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # most are no sockets, and some are closed meanwhile
            one = socket.socket(fileno=int(name))
            try:
                if one.family in _FAMILIES and one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    ports.add(one.getsockname()[1])
            finally:
                one.detach()
    return ports
