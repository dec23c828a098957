"""What is answered of an event as of one position: counts; seats and slots by name, or all by their places."""

from hashlib import blake2b

import msgspec

from actors.core.ids import BlockId, TenantId
from actors.core.inventory import UnitStatus
from actors.core.layout import MAX_TIME_MS, Layout, RowKind
from actors.core.layout_index import LayoutIndex
from actors.core.replies import EventStatus
from actors.projections.counts import (
    AreaAvailability,
    CategoryAvailability,
    ResourceAvailability,
    SectionAvailability,
)
from actors.projections.cursor import InvalidCursor, number_behind, number_cursor
from actors.projections.seat_statuses import status_at
from actors.projections.shown import Shown

MAX_UNITS_LISTED = 1_000
"""In a page, and unless fewer are asked for: most sections are one, and it takes a gateway 2 ms, of slots 6."""


class Availability(msgspec.Struct, frozen=True):
    """An event's units, counted, all in the layout's order. `age_ms`: since `as_of_ms`."""

    block: BlockId
    tenant: TenantId
    name: str
    status: EventStatus
    currency: str
    position: int
    as_of_ms: int
    age_ms: int
    sections: tuple[SectionAvailability, ...]
    areas: tuple[AreaAvailability, ...]
    categories: tuple[CategoryAvailability, ...]
    resources: tuple[ResourceAvailability, ...]


class ListedUnit(msgspec.Struct, frozen=True):
    """A seat or slot. `table`: which table it stands at, as `section/table`; `whole`: that is sold as a whole only.

    `times_ms`: when a slot begins and ends.
    """

    name: str
    status: UnitStatus
    table: str = ""
    whole: bool = False
    times_ms: tuple[int, int] | None = None


class Slots(msgspec.Struct, frozen=True):
    """The slots of a resource that begin at the one time or later (None: all) and before the other (None: all)."""

    resource: str
    from_ms: int | None = None
    until_ms: int | None = None


class UnitStatuses(msgspec.Struct, frozen=True):
    """A page of the seats of a section, in its order, or slots of a resource, in that of time; the other name is empty.

    `next_cursor`: of the page behind it, "" at the end.
    """

    section: str
    resource: str
    position: int
    as_of_ms: int
    age_ms: int
    units: tuple[ListedUnit, ...]
    next_cursor: str


class SeatStatuses(msgspec.Struct, frozen=True):
    """The seats of an event, then its slots, by their places in a layout; and the places of its areas, counted.

    Either all statuses, packed (see `seat_statuses`), or those of what changed since a position, by place.
    """

    block: BlockId
    layout_version: int
    position: int
    as_of_ms: int
    age_ms: int
    areas: tuple[AreaAvailability, ...]
    statuses: bytes | None
    changed: dict[int, UnitStatus] | None

    def changed_to(self, status: UnitStatus) -> list[int]:
        """The places of what changed and has this status now."""
        return [seat for seat, now in (self.changed or {}).items() if now is status]


class EventLayout(msgspec.Struct, frozen=True):
    """A layout of an event; the same for ever under its version. `digest`: a few characters that stand for it."""

    block: BlockId
    version: int
    digest: str
    layout: Layout


def digest_of_layout(encoded: bytes) -> str:
    """What stands for a layout, as projections keep it."""
    return blake2b(encoded, digest_size=8).hexdigest()


class SeatPlan:
    """The seats and slots of an event as they are shown."""

    def __init__(self, block: BlockId, shown: Shown) -> None:
        self.shown = shown
        self.block = block

    def of_units(self, index: LayoutIndex, asked: str | Slots, cursor: str, limit: int, age_ms: int) -> UnitStatuses:
        """Up to `limit` seats of a section, or slots, behind the cursor, by the layout in which they have their places.

        Costs what the page has, whatever the section has. A cursor is good as long as the event has that layout: in
        another, places are of other units, and pages would not join up. Raises InvalidCursor; KeyError if there is no
        such section or resource.
        """
        section, resource = (asked, "") if isinstance(asked, str) else ("", asked.resource)
        units = index.seats_of_section(asked) if isinstance(asked, str) else _slots_asked(index, asked)
        owner = f"{self.shown.event.tenant}/{self.block}/{'seats' if section else 'slots'}/{section or resource}"
        version = self.shown.event.layout_version
        first = units.start
        if cursor:
            of_version, behind = number_behind(owner, cursor)
            if of_version != version:
                raise InvalidCursor("the layout has changed since it was given out: begin anew, without one")
            first = max(first, behind + 1)
        page = range(first, min(first + limit, units.stop))
        listed = _seat if section else _slot
        return UnitStatuses(
            section,
            resource,
            self.shown.position,
            self.shown.as_of_ms,
            age_ms,
            tuple(listed(index, unit, UnitStatus(status_at(self.shown.statuses, unit))) for unit in page),
            number_cursor(owner, version, page[-1]) if page and page.stop < units.stop else "",
        )

    def of_event(self, since: int | None, age_ms: int) -> SeatStatuses:
        """All seats and slots, or those that changed since a position, if that is known."""
        shown = self.shown
        seats = None if since is None else shown.changed_since(since)
        return SeatStatuses(
            self.block,
            shown.event.layout_version,
            shown.position,
            shown.as_of_ms,
            age_ms,
            shown.event.counts.areas,
            shown.statuses if seats is None else None,
            None if seats is None else {seat: UnitStatus(status_at(shown.statuses, seat)) for seat in seats},
        )


def _slots_asked(index: LayoutIndex, asked: Slots) -> range:
    resource = index.slots.resource_of_name[asked.resource]
    from_ms = 0 if asked.from_ms is None else asked.from_ms
    until_ms = MAX_TIME_MS if asked.until_ms is None else asked.until_ms
    return index.slots.beginning_between(resource, from_ms, until_ms)


def _seat(index: LayoutIndex, seat: int, status: UnitStatus) -> ListedUnit:
    section, row, _ = index.row_span(index.row_of_seat(seat))
    table = "" if row.kind is RowKind.ROW else f"{section.name}/{row.name}"
    return ListedUnit(index.unit_name(seat), status, table, row.kind is RowKind.WHOLE_TABLE)


def _slot(index: LayoutIndex, slot: int, status: UnitStatus) -> ListedUnit:
    return ListedUnit(index.unit_name(slot), status, times_ms=index.slots.times_ms(slot))


def availability_of(block: BlockId, shown: Shown, age_ms: int) -> Availability:
    """The event's units, counted."""
    event = shown.event
    return Availability(
        block, event.tenant, event.name, event.status, event.currency, shown.position, shown.as_of_ms, age_ms,
        event.counts.sections, event.counts.areas, event.counts.categories, event.counts.resources,
    )  # fmt: skip
