"""The seat map as HTTP shows it: the layout, the same for ever under its version, and statuses by place in it."""

from base64 import b64encode
from typing import Annotated

import msgspec
from msgspec import Meta

from actors.core.ids import event_id
from actors.core.inventory import UnitStatus
from actors.core.layout import Layout, RowKind
from actors.projections.answers import EventLayout, SeatStatuses
from serve.http_api.availability_views import AreaCountsView, area_counts_views
from serve.http_api.event_views import (
    AreaView,
    CategoryView,
    FeeView,
    TaxView,
    area_views,
    category_view,
    fee_views,
    tax_view,
)
from serve.http_api.views import Age, Currency, Time
from serve.wire_time import rfc3339

LAYOUT_FORM = 2
"""Counts the forms that a layout has had here: a client that has one must not take it for another."""


class PointView(msgspec.Struct, frozen=True):
    """A place in a hall, in seat widths, halves included: `x` to the right, `y` away from the front."""

    x: float
    y: float


class RowView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A row, or a `table`, of `count` seats. Their labels are the numbers from `first_label`, unless `labels` says them
    one by one. `sold_whole`: all seats of the table or none. `accessible` and `companions`: which of the row's seats,
    from 0, are kept for who asks for an accessible one, and for who comes along.
    """

    row: str
    category: str
    first_seat: Annotated[int, Meta(description="the index of the row's first seat")]
    count: int
    first_label: int | None = None
    labels: tuple[str, ...] = ()
    table: bool = False
    sold_whole: bool = False
    accessible: tuple[int, ...] = ()
    companions: tuple[int, ...] = ()


class SectionLayoutView(msgspec.Struct, frozen=True):
    """A section with its rows and tables. `at`: the middle of its first row; each row stands one behind the former."""

    section: str
    rows: list[RowView]
    at: PointView


class RunView(msgspec.Struct, frozen=True):
    """So many slots that follow each other at once. `minutes_ahead`: of UTC, local time, as in the slots' names."""

    starts_at: Time
    count: int
    minutes_ahead: int


class CalendarView(msgspec.Struct, frozen=True):
    """When the slots of resources are, in the order of time. `zone`: the IANA zone of their names."""

    zone: str
    slot_seconds: int
    runs: list[RunView]


class ResourceLayoutView(msgspec.Struct, frozen=True):
    """A court or a room with `count` slots, those of its `calendar`, which is an index. `buffer_seconds`: how long
    stays unsold between two holds.
    """

    resource: str
    category: str
    first_slot: Annotated[int, Meta(description="the index of the resource's first slot")]
    count: int
    calendar: int
    buffer_seconds: int


class LayoutView(msgspec.Struct, frozen=True):
    """An event's layout. Seats count from 0 in the order in which they stand here, then slots go on by resource and
    time; `statuses` refers to that. `focus`: what seats are the better the nearer to it they are; none: the order ranks
    them.
    """

    event_id: str
    layout_version: int
    currency: Currency
    seat_count: int
    categories: list[CategoryView]
    sections: list[SectionLayoutView]
    areas: list[AreaView]
    resources: list[ResourceLayoutView]
    calendars: list[CalendarView]
    slot_count: int
    price_types: list[str]
    fees: list[FeeView]
    tax: TaxView | None
    focus: PointView | None


class StatusesView(msgspec.Struct, frozen=True):
    """The seats of an event, then its slots, as of one `sequence`, by their indices in the layout of that version:
    either `statuses` of all of them or, since the `sequence` that was given, `changed`. `sequence` as in availability.
    """

    event_id: str
    layout_version: int
    sequence: int
    as_of: Time
    age_ms: Age
    areas: list[AreaCountsView]
    statuses: Annotated[
        str | None,
        Meta(
            description="base64; seat or slot i has the two bits from 2 * (i % 4), least significant first, of "
            "byte i // 4: 0 AVAILABLE, 1 HELD, 2 SOLD, 3 BLOCKED"
        ),
    ]
    changed: Annotated[dict[str, list[int]] | None, Meta(description="by status, the seats and slots that have it now")]


def layout_view(found: EventLayout) -> LayoutView:
    """A layout as HTTP shows it."""
    layout, first_seat, sections = found.layout, 0, []
    names = [category.name for category in layout.categories]
    for section in layout.sections:
        rows = []
        for row in section.rows:
            first_label = None if row.labels else row.first
            is_table, is_whole = row.kind is not RowKind.ROW, row.kind is RowKind.WHOLE_TABLE
            rows.append(
                RowView(
                    row.name,
                    names[row.category],
                    first_seat,
                    row.count,
                    first_label,
                    row.labels,
                    is_table,
                    is_whole,
                    row.accessible,
                    row.companions,
                )
            )
            first_seat += row.count
        sections.append(SectionLayoutView(section.name, rows, _point(section.at)))
    return LayoutView(
        event_id=event_id(found.block),
        layout_version=found.version,
        currency=layout.currency,
        seat_count=first_seat,
        categories=[category_view(layout, category) for category in layout.categories],
        sections=sections,
        areas=area_views(layout),
        resources=_resources(layout),
        calendars=[
            CalendarView(
                calendar.zone, calendar.slot_ms // 1000, [RunView(rfc3339(run[0]), *run[1:]) for run in calendar.runs]
            )
            for calendar in layout.calendars
        ],
        slot_count=layout.slot_count,
        price_types=list(layout.price_types),
        fees=fee_views(layout),
        tax=tax_view(layout),
        focus=None if layout.focus is None else _point(layout.focus),
    )


def layout_headers(found: EventLayout, *, is_pinned: bool) -> dict[str, str]:
    """A strong validator, and how long the layout may be kept: for ever by who has asked for this very version."""
    lifetime = "max-age=31536000, immutable" if is_pinned else "no-cache"
    return {"ETag": f'"{found.version}-{LAYOUT_FORM}-{found.digest}"', "Cache-Control": f"private, {lifetime}"}


def statuses_view(found: SeatStatuses) -> StatusesView:
    """The seats and slots of an event as HTTP shows them."""
    return StatusesView(
        event_id=event_id(found.block),
        layout_version=found.layout_version,
        sequence=found.position,
        as_of=rfc3339(found.as_of_ms),
        age_ms=found.age_ms,
        areas=area_counts_views(found.areas),
        statuses=None if found.statuses is None else b64encode(found.statuses).decode(),
        changed=None
        if found.changed is None
        else {status.name: seats for status in UnitStatus if (seats := found.changed_to(status))},
    )


def _resources(layout: Layout) -> list[ResourceLayoutView]:
    first_slot, views = layout.seat_count, []
    counts = [calendar.slot_count for calendar in layout.calendars]
    for resource in layout.resources:
        count = counts[resource.calendar]
        category = layout.categories[resource.category].name
        views.append(
            ResourceLayoutView(
                resource.name, category, first_slot, count, resource.calendar, resource.buffer_ms // 1000
            )
        )
        first_slot += count
    return views


def _point(half_widths: tuple[int, int]) -> PointView:
    return PointView(half_widths[0] / 2, half_widths[1] / 2)
