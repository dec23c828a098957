"""The command line's own HTTP client: what is refused becomes one line for a person."""

from collections.abc import Callable
from typing import Any

import httpx

from serve.refused_calls import refused_over_http, settled, unanswered

TIMEOUT_S = 30.0


def client_of(http_url: str, api_key: str) -> httpx.Client:
    """A client that bears the key."""
    headers = {"Authorization": f"Bearer {api_key}"}
    return httpx.Client(base_url=http_url, headers=headers, timeout=TIMEOUT_S)


def read(client: httpx.Client, path: str) -> bytes:
    """What is there, as JSON. Raises CallRefused."""
    return settled(lambda: _answer(lambda: client.get(path))).content


def write(client: httpx.Client, path: str, body: object, idempotency_key: str) -> dict[str, Any]:
    """What a write answers. Raises CallRefused."""
    headers = {"Idempotency-Key": _quoted(idempotency_key)}
    answer: dict[str, Any] = settled(lambda: _answer(lambda: client.post(path, json=body, headers=headers))).json()
    return answer


def _answer(call: Callable[[], httpx.Response]) -> httpx.Response:
    try:
        response = call()
    except httpx.HTTPError as fault:
        raise unanswered(fault) from fault
    if response.is_error:
        raise refused_over_http(response)
    return response


def _quoted(text: str) -> str:
    """Printable ASCII as a structured-field string (RFC 8941, 3.3.3)."""
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'
