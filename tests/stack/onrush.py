"""A crowd that comes at once: connections that are there already, and a call written to each of them, one by one.

A client library takes about as long for a call as a stack for serving it, so that what it is to send at once comes
slower than it can be served.
"""

import selectors
import socket
import time
import uuid
from collections import deque
from urllib.parse import urlsplit

import msgspec

from actors.audit.ids import block_of_event
from loadtests.buyers_http import _answer, _body_of
from loadtests.calls import Accepted, Answer, Ask, Passing
from loadtests.history.calls import Begun, Kind, Recorder
from loadtests.history.recorded import OVER_AFTER_US, end_without_yes

MOST_CONNECTIONS = 5_000
CONNECT_WITHIN_S = 10.0


class _Connection:
    """One of them, with the calls that were written to it and have no answer yet."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, CONNECT_WITHIN_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open_calls: deque[Begun] = deque()
        self.is_over = False
        self._read = bytearray()

    def answers(self, ask: Ask) -> list[Answer]:
        """Those that have come, of which some must have begun to."""
        piece = self.socket.recv(1 << 16)
        if not piece:
            self.is_over = True
            return [Passing("HTTP: closed")] * len(self.open_calls)
        self._read += piece
        found = []
        while (answer := self._next(ask)) is not None:
            found.append(answer)
        return found

    def _next(self, ask: Ask) -> Answer | None:
        head, end, rest = bytes(self._read).partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if not end or len(rest) < int(headers["content-length"]):
            return None
        size_bytes = int(headers["content-length"])
        del self._read[: len(head) + len(end) + size_bytes]
        replayed = headers.get("idempotency-replayed") == "true"
        return _answer(ask, int(first.split()[1]), rest[:size_bytes], headers.get("retry-after"), replayed)


def _end(begun: Begun, answer: Answer) -> None:
    """As for a `RecordedShop`."""
    if isinstance(answer, Accepted):
        begun.ok(msgspec.structs.replace(answer.reply, key=begun.call.key), replayed=answer.replayed)
    else:
        end_without_yes(begun, answer)


class Onrush:
    """Connections that stay. It blocks: call it in a thread. `recorder`: gets every call."""

    def __init__(self, http_url: str, api_key: str, event_id: str, ask: Ask, recorder: Recorder) -> None:
        parts = urlsplit(http_url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._address = (parts.hostname, parts.port)
        self._ask = ask
        self._recorder = recorder
        self._block = block_of_event(event_id)
        self._body = _body_of(ask)
        self._head = (
            f"POST /v1/events/{event_id}/holds HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {api_key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(self._body)}\r\n"
        )
        self._connections: deque[_Connection] = deque()

    def send(self, call_count: int) -> float:
        """So many calls, over as many connections as there may be; in how many seconds all were written."""
        while len(self._connections) < min(call_count, MOST_CONNECTIONS):
            self._connections.append(_Connection(self._address))
        keys = [uuid.uuid4().hex for _ in range(call_count)]
        calls = [f'{self._head}Idempotency-Key: "{key}"\r\n\r\n'.encode() for key in keys]
        begun_s = time.monotonic()
        for key, call in zip(keys, calls, strict=True):
            connection = self._connections[0]
            self._connections.rotate(-1)
            connection.open_calls.append(self._begun(key))
            connection.socket.sendall(call + self._body)
        return time.monotonic() - begun_s

    def _begun(self, key: str) -> Begun:
        over_us = self._recorder.now_us() + OVER_AFTER_US
        return self._recorder.begin(
            "onrush", Kind(self._ask.told), self._block, key, areas=self._ask.areas, over_us=over_us
        )

    def answers(self, patience_s: float) -> list[Answer]:
        """To all that was sent. Raises AssertionError if some have none within the time."""
        found: list[Answer] = []
        waiting = [connection for connection in self._connections if connection.open_calls]
        until_s = time.monotonic() + patience_s
        with selectors.DefaultSelector() as selector:
            for connection in waiting:
                selector.register(connection.socket, selectors.EVENT_READ, connection)
            while selector.get_map():
                assert time.monotonic() < until_s, f"{len(selector.get_map())} connections have no answer"
                for key, _ in selector.select(1.0):
                    connection = key.data
                    new = connection.answers(self._ask)
                    found += new
                    for answer in new:
                        _end(connection.open_calls.popleft(), answer)
                    if not connection.open_calls:
                        selector.unregister(connection.socket)
        for connection in [one for one in self._connections if one.is_over]:
            connection.socket.close()
            self._connections.remove(connection)
        return found

    def close(self) -> None:
        """End all connections."""
        for connection in self._connections:
            connection.socket.close()
