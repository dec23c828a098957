"""Whether an event's layout can be sold at all: every unit has one name, one price and a place in the count."""

from collections.abc import Iterable, Iterator
from typing import Any

from actors.core import entries as e

MAX_UNITS = 1_000_000
MINUTE_MS = 60_000
DAY_MIN = 24 * 60
MAX_TIME_MS = 253_402_214_400_000  # the last day of the year 9999


def layout_fault(created: e.EventCreated) -> str:
    """The first thing that is wrong with the layout, or nothing."""
    return next(_faults(created), "")


def _faults(created: e.EventCreated) -> Iterator[str]:
    layout = created.layout
    yield from _row_faults(created)
    yield from _price_faults(created)
    yield from _slot_faults(created)
    yield from (f"area {area.name} has {area.capacity} places" for area in layout.areas if area.capacity < 1)
    units = unit_count(layout)
    if not 1 <= units <= MAX_UNITS:
        yield f"it has {units} units"


def unit_count(layout: Any) -> int:
    """How many units it has."""
    slots = [sum(count for _, count, _ in calendar.runs) for calendar in layout.calendars]
    counts: list[int] = [row.count for section in layout.sections for row in section.rows]
    counts += (area.capacity for area in layout.areas)
    counts += (slots[resource.calendar] for resource in layout.resources)
    return sum(counts)


def _row_faults(created: e.EventCreated) -> Iterator[str]:
    layout = created.layout
    rows = [(section.name, row) for section in layout.sections for row in section.rows]
    for section, row in rows:
        where = f"row {section}/{row.name}"
        if row.count < 1 or row.first < 0:
            yield f"{where} has {row.count} seats from {row.first}"
        if row.labels and len(row.labels) != row.count:
            yield f"{where} has {row.count} seats and {len(row.labels)} labels"
        yield from _named_twice(row.labels, f"seats of {where}")
        special = (*row.accessible, *row.companions)
        if len(set(special)) != len(special) or not all(0 <= place < row.count for place in special):
            yield f"{where} has accessible seats and companions at {special}"
    yield from _named_twice((f"{section}/{row.name}" for section, row in rows), "rows")
    names = [*(section.name for section in layout.sections), *(area.name for area in layout.areas)]
    yield from _named_twice((*names, *(resource.name for resource in layout.resources)), "sections, areas, resources")
    parts = [*names, *(part for _, row in rows for part in (row.name, *row.labels))]
    if any("/" in part for part in (*parts, *(resource.name for resource in layout.resources))):
        yield "the parts of a unit's name cannot be told apart"


def _price_faults(created: e.EventCreated) -> Iterator[str]:
    layout = created.layout
    categories = [row.category for section in layout.sections for row in section.rows]
    categories += [area.category for area in layout.areas]
    categories += [resource.category for resource in layout.resources]
    if not all(0 <= category < len(layout.categories) for category in categories):
        yield "something has no price"
    yield from _named_twice((category.name for category in layout.categories), "categories")
    yield from _named_twice(layout.price_types, "price types")
    for category in layout.categories:
        types = [price_type for price_type, _ in category.prices]
        if len(set(types)) != len(types) or not all(0 < one < len(layout.price_types) for one in types):
            yield f"{category.name} has prices for the types {types}"
        if min((category.price, *(price for _, price in category.prices))) < 0:
            yield "a price is negative"
    for fee in layout.fees:
        if fee.amount < 0 or fee.share_ppm < 0 or (fee.once and fee.share_ppm):
            yield f"fee {fee.name} is {fee.amount} and {fee.share_ppm} millionths"
    if layout.tax is not None and layout.tax.rate_ppm < 0:
        yield "a tax is negative"


def _slot_faults(created: e.EventCreated) -> Iterator[str]:
    layout = created.layout
    for calendar in layout.calendars:
        if calendar.slot_ms < 1:
            yield f"slots of {calendar.slot_ms} ms"
        ends_ms = 0
        for start_ms, count, ahead_min in calendar.runs:
            if count < 1 or start_ms < ends_ms:
                yield f"{count} slots from {start_ms} on, after others that end at {ends_ms}"
            if start_ms + count * calendar.slot_ms > MAX_TIME_MS or abs(ahead_min) >= DAY_MIN:
                yield f"slots at times that cannot be written: {start_ms}, {ahead_min} minutes ahead of UTC"
            if start_ms % MINUTE_MS or calendar.slot_ms % MINUTE_MS:
                yield "slots that do not begin at whole minutes cannot be told apart"
            ends_ms = start_ms + count * calendar.slot_ms
    for resource in layout.resources:
        if not 0 <= resource.calendar < len(layout.calendars) or resource.buffer_ms < 0:
            yield f"resource {resource.name} has no calendar, or a buffer of {resource.buffer_ms} ms"


def _named_twice(names: Iterable[str], what: str) -> Iterator[str]:
    known: set[str] = set()
    for name in names:
        if name in known:
            yield f"two {what} are called {name}"
        known.add(name)
