"""Somebody who buys nothing and looks all the time at what is still to be had: counts, and now and then units."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import httpx
import msgspec

from loadtests.buyers_http import _refusal
from loadtests.calls import Passing, Refused
from loadtests.house import seat_name
from loadtests.server import Server
from tests.chaos.looks import STATUSES, Look

LOOK_EVERY_S = 0.2
ANSWERS_WITHIN_S = 10.0
UNITS_EVERY = 5  # looks
FRESH_S = 3.0
COUNTS, UNITS = "availability", "units"
SECTION = seat_name(0).partition("/")[0]


class _Counts(msgspec.Struct):
    capacity: int
    available: int
    held: int
    sold: int
    blocked: int


class _Category(msgspec.Struct):
    counts: _Counts


class _Unit(msgspec.Struct):
    status: str


class _Shown(msgspec.Struct):
    """Counts or a page: the other is empty."""

    sequence: int
    as_of: datetime
    categories: list[_Category] = []
    units: list[_Unit] = []

    @property
    def counts(self) -> tuple[int, ...]:
        """How many units are available, held and sold; none of a page."""
        found = [(one.counts.available, one.counts.held, one.counts.sold) for one in self.categories]
        return tuple(map(sum, zip(*found, strict=True)))

    def odd(self, capacity: int) -> str:
        """What is never so, of an event of so many units."""
        for counts in (category.counts for category in self.categories):
            if counts.available + counts.held + counts.sold + counts.blocked != counts.capacity:
                return f"units were counted wrongly: {counts}"
        if self.categories and sum(category.counts.capacity for category in self.categories) != capacity:
            return f"there are not {capacity} units in {self.categories}"
        if unknown := {unit.status for unit in self.units} - STATUSES:
            return f"units are {unknown}"
        return "" if self.categories or self.units else "nothing was shown"


_shown = msgspec.json.Decoder(_Shown)


class Onlooker:
    """`event_id`: the one on sale now, of `capacity` units; empty: there is none yet. `transport`: not the network.

    `ahead_ms`: so far what shards write may be ahead of the time now.
    """

    def __init__(
        self,
        server: Server,
        event_id: Callable[[], str],
        capacity: int,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.looks: list[Look] = []
        self.ahead_ms = 0
        self._event_id = event_id
        self._capacity = capacity
        self._looking: asyncio.Task[None] | None = None
        self._client = httpx.AsyncClient(
            base_url=server.http_url,
            headers={"Authorization": f"Bearer {server.api_key}"},
            timeout=ANSWERS_WITHIN_S,
            transport=transport,
        )

    def start(self) -> None:
        """Look from now on."""
        self._looking = asyncio.create_task(self._look())

    async def end(self) -> None:
        """Look no more. Raises what looking did."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
            self._looking = None
        await self._client.aclose()

    async def until_fresh(self) -> None:
        """Until the event on sale is shown as it was a moment ago, to who asks from now on."""
        since_s = time.monotonic()
        while not any(map(self._is_fresh, (look for look in self.looks[-UNITS_EVERY:] if look.asked_s > since_s))):
            if self._looking is not None and self._looking.done():
                await self._looking
            await asyncio.sleep(LOOK_EVERY_S)

    def _is_fresh(self, look: Look) -> bool:
        is_shown = not look.why_not and (look.event_id, look.at) == (self._event_id(), COUNTS)
        return is_shown and look.now_ms - look.as_of_ms < FRESH_S * 1000

    async def _look(self) -> None:
        number = 0
        while True:
            if event_id := self._event_id():
                number += 1
                self.looks.append(await self.look(event_id, COUNTS if number % UNITS_EVERY else UNITS))
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self, event_id: str, at: str) -> Look:
        """Once."""
        asked_s = time.monotonic()
        query = {"section": SECTION} if at == UNITS else {}
        try:
            response = await self._client.get(f"/v1/events/{event_id}/{at}", params=query)
        except httpx.HTTPError as failure:
            return self._not_answered(event_id, at, asked_s, type(failure).__name__, is_passing=True)
        now_s, now_ms = time.monotonic(), time.time_ns() // 1_000_000
        if not response.is_success:
            no = _refusal(response.status_code, response.content, None)
            why = no.code if isinstance(no, Refused) else no.cause
            return self._not_answered(event_id, at, asked_s, why, is_passing=isinstance(no, Passing))
        shown = _shown.decode(response.content)
        as_of_ms = round(shown.as_of.timestamp() * 1000)
        return Look(
            event_id,
            at,
            asked_s,
            now_s,
            now_ms,
            shown.sequence,
            as_of_ms,
            shown.odd(self._capacity),
            ahead_ms=self.ahead_ms,
            counts=shown.counts,
        )

    def _not_answered(self, event_id: str, at: str, asked_s: float, why: str, *, is_passing: bool) -> Look:
        now_s, now_ms = time.monotonic(), time.time_ns() // 1_000_000
        return Look(event_id, at, asked_s, now_s, now_ms, why_not=why, is_passing=is_passing)
