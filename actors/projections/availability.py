"""What may be bought: projection "availability", and its reader, which asks Postgres and never a shard.

What is read says `as_of_ms`: all that was acknowledged before is in it. While Postgres is away or slow, what was seen
before is shown on, after a third of a second at most. An event of another tenant looks like none.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from actors.core.entries import EventCreated
from actors.core.ids import BlockId, TenantId
from actors.core.inventory import UnitStatus
from actors.core.layout import Layout
from actors.core.layout_index import LayoutIndex
from actors.core.replies import EventStatus
from actors.database.connect import Connection
from actors.database.line import Line
from actors.database.queries import load_queries
from actors.database.short_line import ShortLine
from actors.projections.counts import (
    AreaAvailability,
    CategoryAvailability,
    EventCounts,
    SectionAvailability,
    UnitCounts,
    count_units,
)
from actors.projections.cursor import InvalidCursor, cursor_behind, place_of
from actors.projections.fresh import FreshValues, ReadUnavailable
from actors.projections.projection import Progress
from actors.projections.seat_statuses import pack, unpack

__all__ = [
    "AreaAvailability",
    "Availability",
    "AvailabilityProjection",
    "AvailabilityReader",
    "CategoryAvailability",
    "EventSummary",
    "InvalidCursor",
    "ReadUnavailable",
    "SectionAvailability",
    "UnitCounts",
    "UnitStatuses",
]

MAX_EVENTS_KNOWN = 2_000
MAX_SEAT_PLANS_KNOWN = 20  # a few megabytes each
MAX_PAGES_KNOWN = 200
BOUND_MS = 2_000

_SQL = load_queries(Path(__file__).parent / "sql" / "availability.sql")
_BEFORE_ALL = ((1 << 63) - 1, "")

_encoder = msgspec.msgpack.Encoder()
_counts = msgspec.msgpack.Decoder(EventCounts)
_layouts = msgspec.msgpack.Decoder(Layout)


class Availability(msgspec.Struct, frozen=True):
    """An event's units, counted; sections, areas and categories in the layout's order."""

    block: BlockId
    tenant: TenantId
    name: str
    status: EventStatus
    currency: str
    position: int
    as_of_ms: int
    sections: tuple[SectionAvailability, ...]
    areas: tuple[AreaAvailability, ...]
    categories: tuple[CategoryAvailability, ...]


class UnitStatuses(msgspec.Struct, frozen=True):
    """The seats of a section by their names `section/row/seat`, in the layout's order."""

    section: str
    as_of_ms: int
    position: int
    statuses: dict[str, UnitStatus]


class EventSummary(msgspec.Struct, frozen=True):
    """A line in the list of a tenant's events."""

    block: BlockId
    tenant: TenantId
    name: str
    status: EventStatus
    capacity: int
    available: int
    created_at_ms: int
    as_of_ms: int


class AvailabilityProjection:
    """One row per event, with absolute values. What `EventCreated` fixed is written once, the rest every time."""

    name = "availability"

    async def write(self, connection: Connection, progress: Sequence[Progress]) -> None:
        """See `Projection.write`."""
        events = [one for one in progress if one.state.layout is not None]
        created = [one for one in events if _creates_event(one)]
        await connection.execute(_SQL["create"], *_columns([_fixed(one) for one in created], 6))
        changed = await connection.fetchval(_SQL["change"], *_columns([_changing(one) for one in events], 10))
        assert changed == len(events), "an event was followed past its creation, and has no row"


class AvailabilityReader:
    """The read models of one process, over one short line to Postgres; what was read serves all who ask for 200 ms.

    Every method raises ReadUnavailable where Postgres is away, or too many ask at once, and what is asked for was not
    seen before.
    """

    def __init__(self, database_url: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        line = Line(database_url, application_name="holdfast-reader", bound_ms=BOUND_MS)
        self._line = ShortLine(line, monotonic=monotonic)
        self._events = FreshValues(self._read_counts, limit=MAX_EVENTS_KNOWN, monotonic=monotonic)
        self._seats = FreshValues(self._read_seats, limit=MAX_SEAT_PLANS_KNOWN, monotonic=monotonic)
        self._pages = FreshValues(self._read_page, limit=MAX_PAGES_KNOWN, monotonic=monotonic)

    async def availability(self, tenant: TenantId, block: BlockId) -> Availability | None:
        """The event's units, counted; None if the tenant has no such event, or it was created a moment ago."""
        found = await self._events.get(block)
        return found if found is not None and found.tenant == tenant else None

    async def unit_statuses(self, tenant: TenantId, block: BlockId, section: str) -> UnitStatuses | None:
        """The status of each seat of a section; None as for `availability`. Raises KeyError: no such section."""
        found = await self._seats.get(block)
        return found.of_section(section) if found is not None and found.tenant == tenant else None

    async def list_events(
        self, tenant: TenantId, after: str = "", limit: int = 50
    ) -> tuple[tuple[EventSummary, ...], str]:
        """Up to `limit` of the tenant's events, the newest first, and the cursor of the next page ("" at the end).

        `after` is the cursor that came with the page before. Raises InvalidCursor.
        """
        if after:
            place_of(tenant, after)
        found = await self._pages.get((tenant, after, limit))
        assert found is not None
        return found

    async def close(self) -> None:
        """End the line; nothing in flight is waited for."""
        await self._line.close()

    async def _read_counts(self, block: BlockId) -> Availability | None:
        rows = await self._line.fetch(_SQL["counts"], block)
        return _availability_of(rows[0]) if rows else None

    async def _read_seats(self, block: BlockId) -> "_SeatPlan | None":
        rows = await self._line.fetch(_SQL["seats"], block)
        return _SeatPlan(*rows[0]) if rows else None

    async def _read_page(self, page: tuple[TenantId, str, int]) -> tuple[tuple[EventSummary, ...], str]:
        tenant, after, limit = page
        place = place_of(tenant, after) if after else _BEFORE_ALL
        rows = await self._line.fetch(_SQL["newest_events"], tenant, *place, limit + 1)
        events = tuple(
            EventSummary(block, tenant, name, EventStatus(status), *numbers)
            for block, tenant, name, status, *numbers in rows[:limit]
        )
        if len(rows) <= limit:
            return events, ""
        return events, cursor_behind(tenant, events[-1].created_at_ms, events[-1].block)


class _SeatPlan:
    """The seats of an event with their statuses; a section is spelt out when it is first asked for."""

    def __init__(self, tenant: TenantId, position: int, as_of_ms: int, layout: bytes, statuses: bytes) -> None:
        self.tenant = tenant
        self._position = position
        self._as_of_ms = as_of_ms
        self._index = LayoutIndex(_layouts.decode(layout))
        self._statuses = unpack(statuses, self._index.seat_count)
        self._sections: dict[str, UnitStatuses] = {}

    def of_section(self, section: str) -> UnitStatuses:
        """The section's seats. Raises KeyError if there is none of that name."""
        if section not in self._sections:
            if all(section != known.name for known in self._index.layout.sections):
                raise KeyError(section)
            self._sections[section] = UnitStatuses(section, self._as_of_ms, self._position, dict(self._seats(section)))
        return self._sections[section]

    def _seats(self, section: str) -> Iterator[tuple[str, UnitStatus]]:
        for of_row, row, first in self._index.row_spans():
            if of_row.name == section:
                for place in range(row.count):
                    name = f"{section}/{row.name}/{row.seat_label(place)}"
                    yield name, UnitStatus(self._statuses[first + place])


def _availability_of(row: Any) -> Availability:
    block, tenant, name, status, currency, position, as_of_ms, encoded = row
    counts = _counts.decode(encoded)
    return Availability(
        block, tenant, name, EventStatus(status), currency, position, as_of_ms,
        counts.sections, counts.areas, counts.categories,
    )  # fmt: skip


def _creates_event(progress: Progress) -> bool:
    return any(isinstance(entry, EventCreated) for row in progress.rows for entry in row.entries)


def _fixed(progress: Progress) -> tuple[object, ...]:
    state = progress.state
    assert state.layout is not None
    layout = _encoder.encode(state.layout)
    return progress.block, state.tenant, state.name, state.layout.currency, state.created_at_ms, layout


def _changing(progress: Progress) -> tuple[object, ...]:
    state = progress.state
    counts = count_units(state)
    total = counts.total
    units = (total.capacity, total.available, total.held, total.sold)
    columns = (_encoder.encode(counts), pack(state.inventory.statuses))
    return progress.block, progress.position, progress.as_of_ms, state.status, *units, *columns


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    """Rows as one list per column, as `unnest` wants them."""
    return [[row[column] for row in rows] for column in range(width)]
