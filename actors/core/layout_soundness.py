"""Whether a layout can be lived with: the last look at it before it becomes part of a journal.

A file is read by `layout_file`, which names every fault to the person who wrote it. This is for whoever sends a layout
without having read it so: the first fault is enough, and what is sound here can be indexed, counted and sold.
"""

from collections.abc import Iterable, Iterator

from actors.core.labels import label_problem
from actors.core.layout import MAX_TEXT_BYTES, MAX_UNITS, Layout, Row
from actors.core.layout_faults import LayoutFault
from actors.core.layout_file import MAX_CATEGORIES, MAX_PRICE

_MOST_SEAT_NUMBER = 10**9 - 1  # see `Row.place_of`


def first_fault(layout: Layout) -> LayoutFault | None:
    """The first thing that makes the layout unsound, under the path `layout`; None if it is sound."""
    return next(_faults(layout), None)


def _faults(layout: Layout) -> Iterator[LayoutFault]:
    yield from _category_faults(layout)
    sections = ((f"layout.sections[{index}].name", section.name) for index, section in enumerate(layout.sections))
    areas = ((f"layout.areas[{index}].name", area.name) for index, area in enumerate(layout.areas))
    yield from _name_faults((*sections, *areas))
    for index, section in enumerate(layout.sections):
        yield from _rows_faults(section.rows, f"layout.sections[{index}].rows", len(layout.categories))
    for index, area in enumerate(layout.areas):
        if area.capacity < 1:
            yield LayoutFault(f"layout.areas[{index}].capacity", "must be at least 1")
        if not 0 <= area.category < len(layout.categories):
            yield LayoutFault(f"layout.areas[{index}].category", "is not one of the categories")
    if not 1 <= layout.capacity <= MAX_UNITS:
        yield LayoutFault("layout", f"must have 1 to {MAX_UNITS} seats and places")
    if layout.text_bytes > MAX_TEXT_BYTES:
        yield LayoutFault("layout", f"must have at most {MAX_TEXT_BYTES} bytes of row names and seat labels")


def _category_faults(layout: Layout) -> Iterator[LayoutFault]:
    if len(layout.categories) > MAX_CATEGORIES:
        yield LayoutFault("layout.categories", f"must be at most {MAX_CATEGORIES}")
    names = ((f"layout.categories[{index}].name", category.name) for index, category in enumerate(layout.categories))
    yield from _name_faults(names)
    for index, category in enumerate(layout.categories):
        if not 0 <= category.price <= MAX_PRICE:
            yield LayoutFault(f"layout.categories[{index}].price", f"must be from 0 to {MAX_PRICE}")


def _rows_faults(rows: tuple[Row, ...], path: str, category_count: int) -> Iterator[LayoutFault]:
    if not rows:
        yield LayoutFault(path, "must be at least one")
    yield from _name_faults((f"{path}[{index}].name", row.name) for index, row in enumerate(rows))
    for index, row in enumerate(rows):
        if row.count < 1:
            yield LayoutFault(f"{path}[{index}].count", "must be at least 1")
        if not 0 <= row.category < category_count:
            yield LayoutFault(f"{path}[{index}].category", "is not one of the categories")
        if row.labels and len(row.labels) != row.count:
            yield LayoutFault(f"{path}[{index}].labels", f"must be one for each of the {row.count} seats")
        if not (row.first >= 0 and row.first + row.count - 1 <= _MOST_SEAT_NUMBER):
            yield LayoutFault(f"{path}[{index}].first", f"must leave all seats between 0 and {_MOST_SEAT_NUMBER}")
        yield from _name_faults((f"{path}[{index}].labels[{place}]", label) for place, label in enumerate(row.labels))


def _name_faults(names: Iterable[tuple[str, str]]) -> Iterator[LayoutFault]:
    """What is wrong with names, each with its path, that must differ from each other."""
    seen: set[str] = set()
    for path, name in names:
        problem = "is there twice" if name in seen else label_problem(name)
        if problem is not None:
            yield LayoutFault(path, problem)
        seen.add(name)
