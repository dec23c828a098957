"""Buyers for the whole-stack tests: as many as are asked for, each one hold after the other, noting what happened."""

import asyncio
import time
import uuid
from collections import Counter
from itertools import pairwise
from typing import Self

import httpx

from tests.stack.running_stack import RunningStack

AREA = "Floor"

HALL = {
    "currency": "EUR",
    "categories": [{"name": "A", "price": 100}],
    "areas": [{"name": "Hall", "category": "A", "capacity": 100_000}],
}
"""A layout of one large area, `Hall`."""


class Load:
    """Holds one place after the other over HTTP, from `buyers` connections, until stopped. Releases half of them."""

    def __init__(self, running: RunningStack, event_id: str, area: str, buyers: int = 16) -> None:
        self._event_id = event_id
        self._area = area
        self._client = httpx.AsyncClient(
            base_url=running.stack.http_url,
            headers={"Authorization": f"Bearer {running.api_key}"},
            timeout=30.0,
            limits=httpx.Limits(max_connections=buyers, max_keepalive_connections=buyers),
        )
        self._buyers = buyers
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self.statuses: Counter[int] = Counter()
        self.acknowledged: list[str] = []
        self.accepted_at: list[float] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._buy()) for _ in range(self._buyers)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping = True
        await asyncio.gather(*self._tasks)
        await self._client.aclose()

    @property
    def longest_gap_s(self) -> float:
        """The longest time in which nobody got a hold."""
        at = self.accepted_at
        return max((later - earlier for earlier, later in pairwise(at)), default=0.0)

    def rate_between(self, start: float, end: float) -> float:
        """Holds per second between two instants of `time.monotonic`."""
        return sum(start <= at < end for at in self.accepted_at) / (end - start)

    async def _buy(self) -> None:
        while not self._stopping:
            key = uuid.uuid4().hex
            answer = await self._client.post(
                f"/v1/events/{self._event_id}/holds",
                headers={"Idempotency-Key": key},
                json={"areas": [{"area": self._area, "quantity": 1}]},
            )
            self.statuses[answer.status_code] += 1
            if answer.status_code == 201:
                self.accepted_at.append(time.monotonic())
                hold_id = answer.json()["hold_id"]
                self.acknowledged.append(hold_id)
                if len(self.acknowledged) % 2:
                    released = await self._client.post(
                        f"/v1/holds/{hold_id}/release", headers={"Idempotency-Key": f"{key}-release"}, json={}
                    )
                    self.statuses[released.status_code] += 1
