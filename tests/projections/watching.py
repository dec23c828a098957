"""Whoever reads what is shown of events, and what they were at each of their positions."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import time
from typing import Any

from actors.core.ids import BlockId, TenantId
from actors.projections.answers import Availability, SeatStatuses
from actors.projections.availability_reader import AvailabilityReader
from actors.projections.live_events import LiveEvents
from actors.projections.shown import Shown, shown_of
from tests.projections.selling import SellingEvent

ACME = TenantId("acme")
NOWHERE = "postgresql://postgres@127.0.0.1:1/nowhere"


def now_ms() -> int:
    return int(time() * 1000)


def as_shown(event: SellingEvent) -> Shown:
    """What is to be shown of the event as it is."""
    return shown_of(event.state, len(event.rows), now_ms())[0]


@asynccontextmanager
async def reading(database_url: str, redis_url: str, now: Callable[[], int] = now_ms) -> AsyncIterator[Any]:
    """A reader to whom everything is stale at once, so that each question is a read."""
    ticks = iter(range(1 << 60))
    reader = AvailabilityReader(database_url, LiveEvents(redis_url), monotonic=lambda: float(next(ticks)), now_ms=now)
    try:
        yield reader
    finally:
        await reader.close()


class Known:
    """What an event was at each of its positions."""

    def __init__(self) -> None:
        self.at: dict[int, Shown] = {}

    def note(self, event: SellingEvent) -> None:
        self.at[len(event.rows)] = as_shown(event)

    def check(self, counts: Availability, seats: SeatStatuses) -> None:
        """Each answer is that of one position."""
        expected = self.at[counts.position].event.counts
        assert (counts.sections, counts.areas, counts.categories) == (
            expected.sections,
            expected.areas,
            expected.categories,
        ), "counts of another position"
        assert seats.statuses == self.at[seats.position].statuses, "statuses of another position"
        assert seats.areas == self.at[seats.position].event.counts.areas, "areas of another position"


async def ask(reader: AvailabilityReader, block: BlockId) -> tuple[Availability, SeatStatuses]:
    counts, seats = await reader.availability(ACME, block), await reader.seat_statuses(ACME, block)
    assert counts is not None
    assert seats is not None
    return counts, seats
