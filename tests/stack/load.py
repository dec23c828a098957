"""Buyers for the whole-stack tests: as many as are asked for, each one hold after the other, noting what happened."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from random import Random
from typing import Any, Self

import httpx
import msgspec

from actors.audit.replies import Acknowledged, Told
from loadtests.buyers_http import HttpShop, _answer
from loadtests.calls import Accepted, Answer, Ask, Insistent

AREA = "Floor"
UNANSWERED = 0  # in place of a status

HALL = {
    "currency": "EUR",
    "categories": [{"name": "A", "price": 100}],
    "areas": [{"name": "Hall", "category": "A", "capacity": 100_000}],
}
"""A layout of one large area, `Hall`."""


def written(client: httpx.Client, path: str, body: object, key: str) -> Any:
    """The answer to a write that must succeed."""
    answer = client.post(path, json=body, headers={"Idempotency-Key": key})
    assert answer.is_success, answer.text
    return answer.json()


def hall_on_sale(client: httpx.Client, name: str) -> str:
    """A new event with that layout; its id."""
    event_id: str = written(client, "/v1/events", {"name": name, "layout": HALL}, f"create-{name}")["event_id"]
    written(client, f"/v1/events/{event_id}/open-sale", {}, f"open-{name}")
    return event_id


class Load:
    """Holds one place after the other over HTTP, from `buyers` connections, until stopped. Releases half of them, if
    it `releases` any. `pause_s`: between two, so that the machine has time for what else is looked at.

    `told`: what was acknowledged. `doubtful`: ids of holds whose release was asked for and not acknowledged.
    """

    def __init__(
        self,
        http_url: str,
        api_key: str,
        event_id: str,
        area: str,
        *,
        buyers: int = 16,
        pause_s: float = 0.15,
        timeout_s: float = 30.0,
        releases: bool = True,
    ) -> None:
        self._releases = releases
        self._event_id = event_id
        self._area = area
        self._client = httpx.AsyncClient(
            base_url=http_url,
            headers={"Authorization": f"Bearer {api_key}"},
            timeout=timeout_s,
            limits=httpx.Limits(max_connections=buyers, max_keepalive_connections=buyers),
        )
        self._buyers = buyers
        self._pause_s = pause_s
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self.statuses: Counter[int] = Counter()
        self.replay_count = 0  # answers to what had been served before: somebody on the way has sent it twice
        self.told: list[Acknowledged] = []
        self.doubtful: set[str] = set()
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
        holds = f"/v1/events/{self._event_id}/holds"
        while not self._stopping:
            key = uuid.uuid4().hex
            body = {"areas": [{"area": self._area, "quantity": 1}]}
            placed = await self._ask(Ask(Told.HELD), holds, key, body)
            if isinstance(placed, Accepted):
                self.accepted_at.append(time.monotonic())
                hold_id = placed.reply.id
                if self._releases and len(self.accepted_at) % 2:
                    path = f"/v1/holds/{hold_id}/release"
                    released = await self._ask(Ask(Told.RELEASED), path, f"{key}-release", {})
                    if not isinstance(released, Accepted):
                        self.doubtful.add(hold_id)
            await asyncio.sleep(self._pause_s)

    async def _ask(self, ask: Ask, path: str, key: str, body: object) -> Answer | None:
        """The answer, noted; None if there was none."""
        try:
            response = await self._client.post(path, headers={"Idempotency-Key": key}, json=body)
        except httpx.HTTPError:
            self.statuses[UNANSWERED] += 1
            return None
        self.statuses[response.status_code] += 1
        replayed = response.headers.get("Idempotency-Replayed") == "true"
        answer = _answer(ask, response.status_code, response.content, None, replayed)
        if isinstance(answer, Accepted):
            self.replay_count += replayed
            self.told.append(msgspec.structs.replace(answer.reply, key=key))
        return answer


async def hold_and_release(http_url: str, api_key: str, event_id: str, area: str, times: int) -> None:
    """Hold a place and give it back, so many times in all, from many connections: two entries each."""
    shop = HttpShop(http_url, api_key, event_id)
    left = iter(range(times))
    try:
        await asyncio.gather(*(_come_and_go(Insistent(shop, Random()), area, left) for _ in range(64)))
    finally:
        await shop.close()


async def _come_and_go(buyer: Insistent, area: str, left: Iterator[int]) -> None:
    for _ in left:
        key = uuid.uuid4().hex
        held = await buyer.ask(Ask(Told.HELD, areas=((area, 1),)), key, {})
        assert isinstance(held, Accepted), held
        released = await buyer.ask(Ask(Told.RELEASED, held.reply.id), f"{key}-release", {})
        assert isinstance(released, Accepted), released
