"""What may be bought, for whoever asks: from the live map in Redis, or from Postgres, and never from a shard.

What is read says `as_of_ms`: all that was acknowledged before is in it. That moves when the event changes, and when the
journal is looked at and has not gone on since: whoever finds in Redis what was last known to be so a second ago asks
Postgres where the event's journal ends, and tells all others through Redis. So a quiet event is told from a projector
that stands still. What Redis does not have is read in Postgres and shown there again.

While Redis and Postgres are away or slow, what was seen before is shown on, after a third of a second at most. An event
of another tenant looks like none.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from actors.apart import apart
from actors.core.ids import BlockId, TenantId
from actors.core.layout import Layout
from actors.core.layout_index import LayoutIndex
from actors.core.replies import EventStatus
from actors.database.line import Line, LineUnavailable
from actors.database.queries import load_queries
from actors.database.short_line import ShortLine
from actors.projections.answers import (
    MAX_UNITS_LISTED,
    Availability,
    EventLayout,
    SeatPlan,
    SeatStatuses,
    Slots,
    UnitStatuses,
    availability_of,
    digest_of_layout,
)
from actors.projections.counts import EventCounts
from actors.projections.cursor import cursor_behind, place_of
from actors.projections.fresh import PATIENCE_S, FreshValues, ReadUnavailable
from actors.projections.live_events import LiveEvents, LiveUnavailable
from actors.projections.shown import EventShown, Shown
from actors.projections.split import decode_split
from actors.projections.whole import Wholes, whole_of

MAX_EVENTS_KNOWN = 2_000
MAX_SEAT_PLANS_KNOWN = 50  # of a stadium, 20 kB; of a million seats, 250 kB
MAX_LAYOUTS_KNOWN = 20  # a few megabytes each
MAX_PAGES_KNOWN = 200
BOUND_MS = 2_000
CONFIRM_MS = 1_000
"""What is older is compared with the journal's end before it is shown."""

_SQL = load_queries(Path(__file__).parent / "sql" / "availability.sql")
_BEFORE_ALL = ((1 << 63) - 1, "")

_counts = msgspec.msgpack.Decoder(EventCounts)
_layouts = msgspec.msgpack.Decoder(Layout)


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


class _IndexedLayout:
    """A layout and its names, under its version."""

    def __init__(self, version: int, layout: bytes) -> None:
        self.version = version
        self.index = LayoutIndex(_layouts.decode(layout))
        self.digest = digest_of_layout(layout)


class AvailabilityReader:
    """Events and their units, for one process; what was read serves all who ask for 200 ms. `now_ms`: see `ReadModels`.

    Every method raises ReadUnavailable where Postgres is away, or too many ask at once, and what is asked for is
    neither in Redis nor was seen before.
    """

    def __init__(
        self,
        database_url: str,
        live: LiveEvents | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now_ms: Callable[[], int] = lambda: int(time.time() * 1000),
    ) -> None:
        line = Line(database_url, application_name="holdfast-reader", bound_ms=BOUND_MS)
        self._line = ShortLine(line, monotonic=monotonic)
        self._live = live
        self._now_ms = now_ms
        self._events = FreshValues(self._read_counts, limit=MAX_EVENTS_KNOWN, monotonic=monotonic)
        self._plans = FreshValues(self._read_seats, limit=MAX_SEAT_PLANS_KNOWN, monotonic=monotonic)
        self._pages = FreshValues(self._read_page, limit=MAX_PAGES_KNOWN, monotonic=monotonic)
        self._parts: OrderedDict[BlockId, tuple[BlockId, ...]] = OrderedDict()  # of events that are split, for good
        self._wholes = Wholes(MAX_SEAT_PLANS_KNOWN)
        self._newest_layouts = FreshValues(self._read_layout, limit=1, monotonic=monotonic)
        self._layouts: OrderedDict[tuple[BlockId, int], _IndexedLayout] = OrderedDict()

    async def availability(self, tenant: TenantId, block: BlockId) -> Availability | None:
        """The event's units, counted; None if the tenant has no such event, or it was created a moment ago."""
        shown = await self._events.get(block)
        if shown is None or not _is_theirs(shown, tenant):
            return None
        return availability_of(block, shown, self.age_ms(shown))

    async def unit_statuses(
        self,
        tenant: TenantId,
        block: BlockId,
        asked: str | Slots,
        cursor: str = "",
        limit: int = MAX_UNITS_LISTED,
    ) -> UnitStatuses | None:
        """A page of a section's seats, or slots, as `SeatPlan.of_units` has it; None as for `availability`."""
        plan = await self._plans.get(block)
        if plan is None or not _is_theirs(plan.shown, tenant):
            return None
        layout = await self._layout(block, plan.shown.event.layout_version)
        return plan.of_units(layout.index, asked, cursor, limit, self.age_ms(plan.shown))

    async def seat_statuses(self, tenant: TenantId, block: BlockId, since: int | None = None) -> SeatStatuses | None:
        """The status of each seat and slot, or of what changed since a position, if that is known; None as above."""
        plan = await self._plans.get(block)
        if plan is None or not _is_theirs(plan.shown, tenant):
            return None
        return plan.of_event(since, self.age_ms(plan.shown))

    async def layout(self, tenant: TenantId, block: BlockId) -> EventLayout | None:
        """The event's layout; None as for `availability`."""
        shown = await self._events.get(block)
        if shown is None or not _is_theirs(shown, tenant):
            return None
        layout = await self._layout(block, shown.event.layout_version)
        return EventLayout(block, layout.version, layout.digest, layout.index.layout)

    async def list_events(
        self, tenant: TenantId, after: str = "", limit: int = 50, status: EventStatus | None = None
    ) -> tuple[tuple[EventSummary, ...], str]:
        """Up to `limit` of the tenant's events, the newest first, and the cursor of the next page ("" at the end).

        `after` is the cursor that came with the page before. Raises InvalidCursor.
        """
        if after:
            place_of(tenant, after)
        found = await self._pages.get((tenant, after, limit, status))
        assert found is not None
        return found

    async def close(self) -> None:
        """End the lines; nothing in flight is waited for."""
        await self._line.close()
        if self._live is not None:
            await self._live.close()

    def age_ms(self, shown: Shown) -> int:
        """How long ago it was certain that this is all that was acknowledged."""
        return max(0, self._now_ms() - shown.as_of_ms)

    async def _read_counts(self, block: BlockId) -> Shown | None:
        return await self._read(block, with_seats=False)

    async def _read_seats(self, block: BlockId) -> SeatPlan | None:
        shown = await self._read(block, with_seats=True)
        return None if shown is None else SeatPlan(block, shown)

    async def _read(self, block: BlockId, *, with_seats: bool) -> Shown | None:
        """What is shown of an event; of one that is split, what all its blocks have."""
        if block not in self._parts:
            shown = await self._read_block(block, with_seats=with_seats)
            if shown is None or not shown.event.split.sections:
                return shown
            self._parts[block] = shown.event.split.parts
            if len(self._parts) > MAX_EVENTS_KNOWN:
                self._parts.popitem(last=False)
        return await self._read_whole(block, self._parts[block], with_seats=with_seats)

    async def _read_whole(self, home: BlockId, parts: Sequence[BlockId], *, with_seats: bool) -> Shown | None:
        """As of a moment of Postgres, so that it is one in a row of them; what Redis has of that is not read again."""
        blocks = (home, *parts)
        live, is_live_away = await self._find_live(blocks, with_seats=with_seats)
        shown = await self._read_at_once(blocks, live, with_seats=with_seats or not is_live_away)
        if shown is None:
            # what Redis has is of another history than this database's
            shown = await self._read_at_once(blocks, {}, with_seats=with_seats or not is_live_away)
        if shown is None or len(shown) < len(blocks):
            return None
        whole = whole_of(shown[home], {part: shown[part] for part in parts}, with_seats=with_seats)
        return self._wholes.followed(home, whole) if with_seats else whole

    async def _read_at_once(
        self, blocks: Sequence[BlockId], live: dict[BlockId, Shown], *, with_seats: bool
    ) -> dict[BlockId, Shown] | None:
        """What Postgres has of these; None if Redis claims to have more."""
        known = [live[block].position if block in live else -1 for block in blocks]
        rows = await self._line.fetch(_SQL["shown"], blocks, known, with_seats)
        shown: dict[BlockId, Shown] = {}
        news: list[tuple[BlockId, Shown, None]] = []
        for row in rows:
            block = BlockId(row["block_id"])
            if row["counts"] is not None:
                shown[block] = _shown_of(row)
                news.append((block, shown[block], None))
            elif live[block].position == row["position"]:
                shown[block] = msgspec.structs.replace(live[block], as_of_ms=_as_of_ms(row))
            else:
                await self._tell(partial(LiveEvents.forget, block=block, position=live[block].position))
                return None
        if with_seats and news:
            await self._tell(lambda to: to.show(news))
        return shown

    async def _read_block(self, block: BlockId, *, with_seats: bool) -> Shown | None:
        """What Redis has, if that was so a second ago or the journal has not gone on since; else what Postgres has."""
        found, is_live_away = await self._find_live((block,), with_seats=with_seats)
        live = found.get(block)
        if live is not None and self._now_ms() - live.as_of_ms <= CONFIRM_MS:
            return live
        if live is None:
            # all of it is to be shown in Redis again, unless that is away
            return await self._read_in_postgres(block, None, with_seats=with_seats or not is_live_away)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await apart(self._read_in_postgres(block, live, with_seats=True))
        except (LineUnavailable, TimeoutError):
            return live

    async def _find_live(self, blocks: Sequence[BlockId], *, with_seats: bool) -> tuple[dict[BlockId, Shown], bool]:
        """What Redis has, and whether it is away."""
        if self._live is None:
            return {}, True
        try:
            return await self._live.find_all(blocks, with_seats=with_seats), False
        except LiveUnavailable:
            return {}, True

    async def _read_in_postgres(self, block: BlockId, live: Shown | None, *, with_seats: bool) -> Shown | None:
        """The newer of what Redis has and Postgres, as of now if the journal does not go further."""
        known = -1 if live is None else live.position
        rows = await self._line.fetch(_SQL["shown"], [block], [known], with_seats)
        if not rows:
            return None
        row = rows[0]
        if live is not None and live.position > row["head"]:
            # it is of another history than this database's
            await self._tell(lambda to: to.forget(block, known))
            return await self._read_in_postgres(block, None, with_seats=with_seats)
        if live is None or row["counts"] is not None:
            shown = _shown_of(row)
            if with_seats:
                await self._tell(lambda to: to.show([(block, shown, None)]))
            return shown
        if live.position < row["head"]:
            return live
        await self._tell(lambda to: to.confirm(block, known, row["now_ms"]))
        return msgspec.structs.replace(live, as_of_ms=max(live.as_of_ms, row["now_ms"]))

    async def _tell(self, tell: Callable[[LiveEvents], Awaitable[None]]) -> None:
        """Tell the others, through Redis; of no consequence where that is away."""
        if self._live is not None:
            try:
                await tell(self._live)
            except LiveUnavailable:
                return

    async def _layout(self, block: BlockId, version: int) -> _IndexedLayout:
        """The layout of this version, which never changes. Raises ReadUnavailable also where there is a newer one."""
        known = self._layouts.get((block, version))
        if known is None:
            known = await self._newest_layouts.get((block, version))
            if known is None or known.version != version:
                raise ReadUnavailable(f"layout {version} is not the newest any more")
            self._layouts[block, version] = known
        self._layouts.move_to_end((block, version))
        if len(self._layouts) > MAX_LAYOUTS_KNOWN:
            self._layouts.popitem(last=False)
        return known

    async def _read_layout(self, wanted: tuple[BlockId, int]) -> _IndexedLayout | None:
        rows = await self._line.fetch(_SQL["layout"], wanted[0])
        return _IndexedLayout(*rows[0]) if rows else None

    async def _read_page(
        self, page: tuple[TenantId, str, int, EventStatus | None]
    ) -> tuple[tuple[EventSummary, ...], str]:
        tenant, after, limit, status = page
        place = place_of(tenant, after) if after else _BEFORE_ALL
        rows = await self._line.fetch(_SQL["newest_events"], tenant, *place, limit + 1, status)
        events = tuple(
            EventSummary(block, tenant, name, EventStatus(status), *numbers)
            for block, tenant, name, status, *numbers, split, part_count in rows[:limit]
            if part_count == len(decode_split(split).parts)  # else it was created a moment ago
        )
        if len(rows) <= limit:
            return events, ""
        last = rows[limit - 1]
        return events, cursor_behind(tenant, last["created_at_ms"], BlockId(last["block_id"]))


def _shown_of(row: Any) -> Shown:
    """What Postgres has, as of now if the journal does not go further."""
    event = EventShown(
        TenantId(row["tenant"]),
        row["name"],
        EventStatus(row["status"]),
        row["currency"],
        row["layout_version"],
        _counts.decode(row["counts"]),
        row["home"],
        decode_split(row["split"]),
    )
    return Shown(row["position"], _as_of_ms(row), event, row["statuses"] or b"")


def _as_of_ms(row: Any) -> int:
    """The moment up to which all that was acknowledged is in the row."""
    is_newest = row["position"] == row["head"]
    return int(max(row["as_of_ms"], row["now_ms"]) if is_newest else row["as_of_ms"])


def _is_theirs(shown: Shown, tenant: TenantId) -> bool:
    """Whether it is an event of the tenant's; a part of one is none."""
    return shown.event.tenant == tenant and not shown.event.home
