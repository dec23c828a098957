"""All that a process reads of what is derived from the journals."""

import time
from collections.abc import Callable

from actors.journal.postgres import PostgresJournal
from actors.projections.availability_reader import AvailabilityReader
from actors.projections.listing_reader import ListingReader
from actors.projections.live_events import LiveEvents
from actors.projections.past import Past


class ReadModels:
    """The readers of one process, each over lines of its own. `now_ms`: the journal's clock, for how old things are."""

    def __init__(
        self,
        database_url: str,
        live: LiveEvents | None = None,
        *,
        now_ms: Callable[[], int] = lambda: int(time.time() * 1000),
    ) -> None:
        self.availability = AvailabilityReader(database_url, live, now_ms=now_ms)
        self.lists = ListingReader(database_url, now_ms=now_ms)
        self.past = Past(PostgresJournal(database_url, application_name="holdfast-past"))

    async def close(self) -> None:
        """End all lines; nothing in flight is waited for."""
        await self.availability.close()
        await self.lists.close()
        await self.past.close()
