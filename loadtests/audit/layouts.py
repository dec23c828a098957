"""Whether an event's layout can be sold at all: every unit has one name, one price and a place in the count."""

from collections.abc import Iterable, Iterator

from actors.core import entries as e

MAX_UNITS = 1_000_000


def layout_fault(created: e.EventCreated) -> str:
    """The first thing that is wrong with the layout, or nothing."""
    return next(_faults(created), "")


def _faults(created: e.EventCreated) -> Iterator[str]:
    layout = created.layout
    rows = [(section.name, row) for section in layout.sections for row in section.rows]
    yield from ("a price is negative" for category in layout.categories if category.price < 0)
    for section, row in rows:
        where = f"row {section}/{row.name}"
        if row.count < 1 or row.first < 0:
            yield f"{where} has {row.count} seats from {row.first}"
        if row.labels and len(row.labels) != row.count:
            yield f"{where} has {row.count} seats and {len(row.labels)} labels"
        yield from _named_twice(row.labels, f"seats of {where}")
    yield from (f"area {area.name} has {area.capacity} places" for area in layout.areas if area.capacity < 1)
    categories = [*(row.category for _, row in rows), *(area.category for area in layout.areas)]
    if not all(0 <= category < len(layout.categories) for category in categories):
        yield "something has no price"
    yield from _named_twice((f"{section}/{row.name}" for section, row in rows), "rows")
    yield from _named_twice((area.name for area in layout.areas), "areas")
    parts = [*(part for section, row in rows for part in (section, row.name, *row.labels))]
    if any("/" in part for part in parts):
        yield "the parts of a seat's name cannot be told apart"
    units = sum(row.count for _, row in rows) + sum(area.capacity for area in layout.areas)
    if not 1 <= units <= MAX_UNITS:
        yield f"it has {units} units"


def _named_twice(names: Iterable[str], what: str) -> Iterator[str]:
    known: set[str] = set()
    for name in names:
        if name in known:
            yield f"two {what} are called {name}"
        known.add(name)
