"""The command line's own HTTP client: what is refused becomes one line for a person."""

import time
from http import HTTPStatus
from typing import Any

import httpx

from serve.refused_calls import refused_over_http, unanswered

TIMEOUT_S = 30.0
TRIES = 10
"""How often a read is asked for that is rationed: the digest may be had once a second."""


def client_of(http_url: str, api_key: str) -> httpx.Client:
    """A client that bears the key."""
    headers = {"Authorization": f"Bearer {api_key}"}
    return httpx.Client(base_url=http_url, headers=headers, timeout=TIMEOUT_S)


def read(client: httpx.Client, path: str) -> bytes:
    """What is there, as JSON; asked for again while there are too many who ask. Raises CallRefused."""
    try:
        response = client.get(path)
        for _ in range(TRIES):
            if response.status_code != HTTPStatus.TOO_MANY_REQUESTS:
                break
            time.sleep(float(response.headers.get("Retry-After", "1")))
            response = client.get(path)
    except httpx.HTTPError as fault:
        raise unanswered(fault) from fault
    if response.is_error:
        raise refused_over_http(response)
    return response.content


def write(client: httpx.Client, path: str, body: object, idempotency_key: str) -> dict[str, Any]:
    """What a write answers. Raises CallRefused."""
    try:
        response = client.post(path, json=body, headers={"Idempotency-Key": f'"{idempotency_key}"'})
    except httpx.HTTPError as fault:
        raise unanswered(fault) from fault
    if response.is_error:
        raise refused_over_http(response)
    answer: dict[str, Any] = response.json()
    return answer
