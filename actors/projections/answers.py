"""What is answered of an event as of one position: counts; seats and slots by name, or all by their places."""

from functools import cached_property
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
from actors.projections.seat_statuses import unpack
from actors.projections.shown import Shown


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
    """The seats of a section, in its order, or slots of a resource, in that of time; the other name is empty."""

    section: str
    resource: str
    position: int
    as_of_ms: int
    age_ms: int
    units: tuple[ListedUnit, ...]


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
    """The seats and slots of an event as they are shown; what is made of a section is made once."""

    def __init__(self, block: BlockId, shown: Shown) -> None:
        self.shown = shown
        self.block = block
        self._sections: dict[str, tuple[ListedUnit, ...]] = {}

    @cached_property
    def _statuses(self) -> bytes:
        return unpack(self.shown.statuses)

    def of_section(self, index: LayoutIndex, section: str, age_ms: int) -> UnitStatuses:
        """The section's seats, by the layout in which they have their places. Raises KeyError if there is none."""
        if section not in self._sections:
            if all(section != known.name for known in index.layout.sections):
                raise KeyError(section)
            self._sections[section] = tuple(
                ListedUnit(
                    f"{section}/{row.name}/{row.seat_label(place)}",
                    UnitStatus(self._statuses[first + place]),
                    "" if row.kind is RowKind.ROW else f"{section}/{row.name}",
                    row.kind is RowKind.WHOLE_TABLE,
                )
                for of_row, row, first in index.row_spans()
                if of_row.name == section
                for place in range(row.count)
            )
        return UnitStatuses(section, "", self.shown.position, self.shown.as_of_ms, age_ms, self._sections[section])

    def of_slots(self, index: LayoutIndex, asked: Slots, age_ms: int) -> UnitStatuses:
        """Slots of a resource, as `of_section`. Raises KeyError if there is no such resource."""
        resource = index.slots.resource_of_name[asked.resource]
        from_ms = 0 if asked.from_ms is None else asked.from_ms
        until_ms = MAX_TIME_MS if asked.until_ms is None else asked.until_ms
        units = tuple(
            ListedUnit(index.slots.name(slot), UnitStatus(self._statuses[slot]), times_ms=index.slots.times_ms(slot))
            for slot in index.slots.beginning_between(resource, from_ms, until_ms)
        )
        return UnitStatuses("", asked.resource, self.shown.position, self.shown.as_of_ms, age_ms, units)

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
            None if seats is None else {seat: UnitStatus(self._statuses[seat]) for seat in seats},
        )


def availability_of(block: BlockId, shown: Shown, age_ms: int) -> Availability:
    """The event's units, counted."""
    event = shown.event
    return Availability(
        block, event.tenant, event.name, event.status, event.currency, shown.position, shown.as_of_ms, age_ms,
        event.counts.sections, event.counts.areas, event.counts.categories, event.counts.resources,
    )  # fmt: skip
