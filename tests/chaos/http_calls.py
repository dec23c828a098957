"""Calls over HTTP of somebody who has a key: what they come to, and which of them came to nothing."""

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import httpx

from loadtests.buyers_http import _refusal
from loadtests.calls import CALL_TIMEOUT_S, Broken, Passing, Refused
from loadtests.server import Server

T = TypeVar("T")


class HttpCalls:
    """`passing`: when somebody was to ask again, and why. `transport`: in place of the network."""

    def __init__(self, server: Server, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.passing: list[tuple[float, str]] = []
        self._client = httpx.AsyncClient(
            base_url=server.http_url,
            headers={"Authorization": f"Bearer {server.api_key}"},
            timeout=CALL_TIMEOUT_S,
            transport=transport,
        )

    async def ask(
        self,
        method: str,
        path: str,
        read: Callable[[httpx.Response], T],
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> T | Refused | Passing | Broken:
        """Send it once. `read`: what a yes says."""
        answer: T | Refused | Passing | Broken
        try:
            response = await self._client.request(method, path, json=body, headers=headers)
        except httpx.HTTPError as failure:
            answer = Passing(type(failure).__name__)
        else:
            answer = read(response) if response.is_success else _refused(response)
        if isinstance(answer, Passing):
            self.passing.append((time.monotonic(), answer.cause))
        return answer

    async def close(self) -> None:
        """End all connections."""
        await self._client.aclose()


def _refused(response: httpx.Response) -> Refused | Passing | Broken:
    return _refusal(response.status_code, response.content, response.headers.get("Retry-After"))
