"""Whether buyers are served over HTTP. A front that has as many as it may, and takes no more, serves those."""

from __future__ import annotations

import http.client
import time
from contextlib import closing, suppress
from http import HTTPStatus
from pathlib import Path

from serve.local.haproxy_socket import serves_all_it_can, sockets

_PROBE_PERIOD_S = 2.0
PATIENCE_S = 20.0
"""Ray repairs HAProxy and replicas by itself within seconds."""


class Front:
    """What listens on this port, with its own sockets in `folder`."""

    def __init__(self, host: str, port: int, folder: Path) -> None:
        self._host = host
        self._port = port
        self._folder = folder
        self._answered_at = 0.0
        self._probed_at = 0.0

    def begins(self) -> None:
        """It has just been started."""
        self._answered_at = time.monotonic()

    def silence(self) -> str | None:
        """A fault when it has not served for longer than Ray needs to repair its own."""
        now = time.monotonic()
        if now - self._probed_at >= _PROBE_PERIOD_S:
            self._probed_at = now
            if self.serves():
                self._answered_at = now
        silence_s = now - self._answered_at
        return f"no answer over HTTP for {silence_s:.0f} s" if silence_s > PATIENCE_S else None

    def serves(self) -> bool:
        """Whether HAProxy has a replica to send HTTP to.

        It is asked over HTTP. While as many clients are connected as may be nobody else is accepted, however well all
        is, so it is asked on its own socket then: to end the shards for a crowd that rests would help nobody.
        """
        return self._answers() or any(map(serves_all_it_can, sockets(self._folder)))

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=1)
        with closing(connection), suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/-/healthz")
            return connection.getresponse().status == HTTPStatus.OK
        return False
