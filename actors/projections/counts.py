"""How many units of an event are in which status: by section and category, by area, by category, in all."""

import msgspec

from actors.core.inventory import UnitStatus
from actors.core.state import BlockState


class UnitCounts(msgspec.Struct, frozen=True, array_like=True):
    """How many units there are, and how many of them in each status."""

    capacity: int = 0
    available: int = 0
    held: int = 0
    sold: int = 0
    blocked: int = 0

    def plus(self, other: "UnitCounts") -> "UnitCounts":
        """Both together."""
        return UnitCounts(
            self.capacity + other.capacity,
            self.available + other.available,
            self.held + other.held,
            self.sold + other.sold,
            self.blocked + other.blocked,
        )


class SectionAvailability(msgspec.Struct, frozen=True, array_like=True):
    """The seats of one category in one section."""

    section: str
    category: str
    counts: UnitCounts


class AreaAvailability(msgspec.Struct, frozen=True, array_like=True):
    """The places of an area."""

    area: str
    category: str
    counts: UnitCounts


class CategoryAvailability(msgspec.Struct, frozen=True, array_like=True):
    """All units of a category; `price` in minor units of the event's currency."""

    category: str
    price: int
    counts: UnitCounts


class EventCounts(msgspec.Struct, frozen=True, array_like=True):
    """An event's units, counted. Sections, areas and categories in the layout's order; an unused category counts 0."""

    total: UnitCounts
    sections: tuple[SectionAvailability, ...]
    areas: tuple[AreaAvailability, ...]
    categories: tuple[CategoryAvailability, ...]


def count_units(state: BlockState) -> EventCounts:
    """The units of a block that has an event."""
    layout = state.layout
    assert layout is not None
    of_section: dict[tuple[str, int], UnitCounts] = {}
    for section, row, first in state.index.row_spans():
        key = section.name, row.category
        counts = _count_seats(state.inventory.statuses, first, first + row.count)
        of_section[key] = of_section.get(key, UnitCounts()).plus(counts)
    of_area = [
        (area, UnitCounts(area.capacity, area.capacity - held - sold, held, sold))
        for area, held, sold in zip(layout.areas, state.inventory.area_held, state.inventory.area_sold, strict=True)
    ]
    of_category = [UnitCounts()] * len(layout.categories)
    for category, counts in [
        *((category, counts) for (_, category), counts in of_section.items()),
        *((area.category, counts) for area, counts in of_area),
    ]:
        of_category[category] = of_category[category].plus(counts)
    total = UnitCounts()
    for counts in of_category:
        total = total.plus(counts)
    names = [category.name for category in layout.categories]
    return EventCounts(
        total,
        tuple(
            SectionAvailability(section, names[category], counts) for (section, category), counts in of_section.items()
        ),
        tuple(AreaAvailability(area.name, names[area.category], counts) for area, counts in of_area),
        tuple(
            CategoryAvailability(category.name, category.price, counts)
            for category, counts in zip(layout.categories, of_category, strict=True)
        ),
    )


def _count_seats(statuses: bytearray, first: int, end: int) -> UnitCounts:
    held, sold, blocked = (
        statuses.count(status, first, end) for status in (UnitStatus.HELD, UnitStatus.SOLD, UnitStatus.BLOCKED)
    )
    return UnitCounts(end - first, end - first - held - sold - blocked, held, sold, blocked)
