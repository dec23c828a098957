"""Whether a layout can be lived with: the last look at it before it becomes part of a journal.

A file is read by `layout_files`, which names every fault to the person who wrote it. This is for whoever sends a layout
without having read it so: the first fault is enough, and what is sound here can be indexed, counted, priced and sold,
and fits into a frame.
"""

import re
from collections.abc import Iterable, Iterator

from actors.core.calendar_soundness import faults_of_calendars
from actors.core.labels import label_problem
from actors.core.layout import (
    MAX_AREAS,
    MAX_CATEGORIES,
    MAX_FEES,
    MAX_HALF_WIDTHS,
    MAX_PPM,
    MAX_PRICE,
    MAX_PRICE_TYPES,
    MAX_RESOURCES,
    MAX_ROWS,
    MAX_SECTIONS,
    MAX_SPECIAL_SEATS,
    MAX_TEXT_BYTES,
    MAX_UNITS,
    Category,
    Layout,
    Row,
    RowKind,
    Section,
)
from actors.core.wishes import MAX_UNITS_PER_HOLD

_MOST_SEAT_NUMBER = 10**9 - 1  # see `Row.place_of`
_CURRENCY = re.compile(r"[A-Z]{3}")


def first_fault(layout: Layout) -> str | None:
    """The first thing that makes the layout unsound, under its path from `layout` on; None if it is sound."""
    return next(_faults(layout), None)


def _faults(layout: Layout) -> Iterator[str]:
    yield from _count_faults(layout)
    yield from _price_faults(layout)
    sections = ((f"layout.sections[{index}].name", section.name) for index, section in enumerate(layout.sections))
    areas = ((f"layout.areas[{index}].name", area.name) for index, area in enumerate(layout.areas))
    resources = ((f"layout.resources[{index}].name", resource.name) for index, resource in enumerate(layout.resources))
    yield from _name_faults((*sections, *areas, *resources))
    for index, section in enumerate(layout.sections):
        yield from _section_faults(section, f"layout.sections[{index}]", len(layout.categories))
    for index, area in enumerate(layout.areas):
        if area.capacity < 1:
            yield f"layout.areas[{index}].capacity: must be at least 1"
        if not 0 <= area.category < len(layout.categories):
            yield f"layout.areas[{index}].category: is not one of the categories"
    yield from faults_of_calendars(layout)
    if layout.focus is not None:
        yield from _place_faults(layout.focus, "layout.focus")
    if not 1 <= layout.capacity <= MAX_UNITS:
        yield f"layout: must have 1 to {MAX_UNITS} seats, places and slots"
    if sum(len(row.accessible) + len(row.companions) for _, row in layout.rows()) > MAX_SPECIAL_SEATS:
        yield f"layout: must have at most {MAX_SPECIAL_SEATS} accessible and companion seats"
    if layout.text_bytes > MAX_TEXT_BYTES:
        yield f"layout: must have at most {MAX_TEXT_BYTES} bytes of row names and seat labels"


def _count_faults(layout: Layout) -> Iterator[str]:
    if not _CURRENCY.fullmatch(layout.currency):
        yield "layout.currency: must be three capital letters"
    for name, count, most in (
        ("categories", len(layout.categories), MAX_CATEGORIES),
        ("sections", len(layout.sections), MAX_SECTIONS),
        ("areas", len(layout.areas), MAX_AREAS),
        ("resources", len(layout.resources), MAX_RESOURCES),
        ("price_types", len(layout.price_types), MAX_PRICE_TYPES),
        ("fees", len(layout.fees), MAX_FEES),
        ("rows", sum(len(section.rows) for section in layout.sections), MAX_ROWS),
    ):
        if count > most:
            yield f"layout.{name}: must be at most {most}"


def _price_faults(layout: Layout) -> Iterator[str]:
    yield from _name_faults((f"layout.price_types[{index}]", name) for index, name in enumerate(layout.price_types))
    yield from _name_faults(
        (f"layout.categories[{index}].name", category.name) for index, category in enumerate(layout.categories)
    )
    for index, category in enumerate(layout.categories):
        yield from _category_faults(category, f"layout.categories[{index}]", len(layout.price_types))
    yield from _name_faults((f"layout.fees[{index}].name", fee.name) for index, fee in enumerate(layout.fees))
    for index, fee in enumerate(layout.fees):
        if not 0 <= fee.amount <= MAX_PRICE:
            yield f"layout.fees[{index}].amount: must be from 0 to {MAX_PRICE}"
        if not 0 <= fee.share_ppm <= (0 if fee.once else MAX_PPM):
            yield f"layout.fees[{index}].share_ppm: must be from 0 to {MAX_PPM}, and 0 if it is charged once"
    if layout.tax is not None:
        yield from _name_faults((("layout.tax.name", layout.tax.name),))
        if not 0 <= layout.tax.rate_ppm <= MAX_PPM:
            yield f"layout.tax.rate_ppm: must be from 0 to {MAX_PPM}"


def _category_faults(category: Category, path: str, price_type_count: int) -> Iterator[str]:
    if not 0 <= category.price <= MAX_PRICE:
        yield f"{path}.price: must be from 0 to {MAX_PRICE}"
    before = 0
    for index, (price_type, price) in enumerate(category.prices):
        if not before < price_type < price_type_count:
            yield f"{path}.prices[{index}]: must be of a price type but the first, and in their order"
        if not 0 <= price <= MAX_PRICE:
            yield f"{path}.prices[{index}]: must be from 0 to {MAX_PRICE}"
        before = price_type


def _section_faults(section: Section, path: str, category_count: int) -> Iterator[str]:
    yield from _place_faults(section.at, f"{path}.at")
    if not section.rows:
        yield f"{path}.rows: must be at least one"
    yield from _name_faults((f"{path}.rows[{index}].name", row.name) for index, row in enumerate(section.rows))
    tables = False
    for index, row in enumerate(section.rows):
        yield from _row_faults(row, f"{path}.rows[{index}]", category_count)
        if tables and row.kind is RowKind.ROW:
            yield f"{path}.rows[{index}].kind: must come before the tables"
        tables = row.kind is not RowKind.ROW


def _row_faults(row: Row, path: str, category_count: int) -> Iterator[str]:
    if row.count < 1:
        yield f"{path}.count: must be at least 1"
    if row.kind is RowKind.WHOLE_TABLE and row.count > MAX_UNITS_PER_HOLD:
        yield f"{path}.count: must be at most {MAX_UNITS_PER_HOLD} at a table that is sold whole"
    if not 0 <= row.category < category_count:
        yield f"{path}.category: is not one of the categories"
    if row.labels and len(row.labels) != row.count:
        yield f"{path}.labels: must be one for each of the {row.count} seats"
    if not (row.first >= 0 and row.first + row.count - 1 <= _MOST_SEAT_NUMBER):
        yield f"{path}.first: must leave all seats between 0 and {_MOST_SEAT_NUMBER}"
    yield from _name_faults((f"{path}.labels[{place}]", label) for place, label in enumerate(row.labels))
    for name, places in (("accessible", row.accessible), ("companions", row.companions)):
        before = -1
        for index, place in enumerate(places):
            if not before < place < row.count:
                yield f"{path}.{name}[{index}]: must be the place of a seat, after the one before"
            before = place
    if not set(row.accessible).isdisjoint(row.companions):
        yield f"{path}.companions: must not be accessible seats too"


def _place_faults(at: tuple[int, int], path: str) -> Iterator[str]:
    if not all(-MAX_HALF_WIDTHS <= coordinate <= MAX_HALF_WIDTHS for coordinate in at):
        yield f"{path}: must be within {MAX_HALF_WIDTHS} half seat widths of the origin"


def _name_faults(names: Iterable[tuple[str, str]]) -> Iterator[str]:
    """What is wrong with names, each with its path, that must differ from each other."""
    seen: set[str] = set()
    for path, name in names:
        problem = "is there twice" if name in seen else label_problem(name)
        if problem is not None:
            yield f"{path}: {problem}"
        seen.add(name)
