"""The seat map as HTTP shows it: the layout, the same for ever under its version, and statuses by place in it."""

from base64 import b64encode
from typing import Annotated

import msgspec
from msgspec import Meta

from actors.core.ids import event_id
from actors.core.inventory import UnitStatus
from actors.projections.answers import EventLayout, SeatStatuses
from serve.http_api.event_views import AreaView, CategoryView, category_view
from serve.http_api.views import Age, AreaCountsView, Currency, Time, area_counts_views
from serve.wire_time import rfc3339

LAYOUT_FORM = 1
"""Counts the forms that a layout has had here: a client that has one must not take it for another."""


class RowView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A row of `count` seats. Their labels are the numbers from `first_label`, unless `labels` says them one by one."""

    row: str
    category: str
    first_seat: Annotated[int, Meta(description="the index of the row's first seat")]
    count: int
    first_label: int | None = None
    labels: tuple[str, ...] = ()


class SectionLayoutView(msgspec.Struct, frozen=True):
    """A section and its rows."""

    section: str
    rows: list[RowView]


class LayoutView(msgspec.Struct, frozen=True):
    """An event's layout. Seats count from 0 in the order in which they stand here; `statuses` refers to that."""

    event_id: str
    layout_version: int
    currency: Currency
    seat_count: int
    categories: list[CategoryView]
    sections: list[SectionLayoutView]
    areas: list[AreaView]


class StatusesView(msgspec.Struct, frozen=True):
    """The seats of an event as of one `sequence`, by their indices in the layout of that version: either `statuses` of
    all of them or, since the `sequence` that was given, `changed`.
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
            description="base64; seat i has the two bits from 2 * (i % 4), least significant first, of byte i // 4: "
            "0 AVAILABLE, 1 HELD, 2 SOLD, 3 BLOCKED"
        ),
    ]
    changed: Annotated[dict[str, list[int]] | None, Meta(description="by status, the seats that have it now")]


def layout_view(found: EventLayout) -> LayoutView:
    """A layout as HTTP shows it."""
    layout, first_seat, sections = found.layout, 0, []
    names = [category.name for category in layout.categories]
    for section in layout.sections:
        rows = []
        for row in section.rows:
            first_label = None if row.labels else row.first
            rows.append(RowView(row.name, names[row.category], first_seat, row.count, first_label, row.labels))
            first_seat += row.count
        sections.append(SectionLayoutView(section.name, rows))
    return LayoutView(
        event_id=event_id(found.block),
        layout_version=found.version,
        currency=layout.currency,
        seat_count=first_seat,
        categories=[category_view(layout, category) for category in layout.categories],
        sections=sections,
        areas=[AreaView(area.name, names[area.category], area.capacity) for area in layout.areas],
    )


def layout_headers(found: EventLayout, *, is_pinned: bool) -> dict[str, str]:
    """A strong validator, and how long the layout may be kept: for ever by who has asked for this very version."""
    lifetime = "max-age=31536000, immutable" if is_pinned else "no-cache"
    return {"ETag": f'"{found.version}-{LAYOUT_FORM}-{found.digest}"', "Cache-Control": f"private, {lifetime}"}


def statuses_view(found: SeatStatuses) -> StatusesView:
    """The seats of an event as HTTP shows them."""
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
