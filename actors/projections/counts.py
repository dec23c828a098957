"""How many units of an event are in which status: by section and category, area, resource, category, and in all."""

from collections.abc import Iterator
from itertools import groupby

import msgspec

from actors.core.allotments import places_kept
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
    """The places of an area. BLOCKED: how many allotments still keep back, for channels or for the house."""

    area: str
    category: str
    counts: UnitCounts


class ResourceAvailability(msgspec.Struct, frozen=True, array_like=True):
    """The slots of a resource."""

    resource: str
    category: str
    counts: UnitCounts


class CategoryAvailability(msgspec.Struct, frozen=True, array_like=True):
    """All units of a category; `price` in minor units of the event's currency."""

    category: str
    price: int
    counts: UnitCounts


class EventCounts(msgspec.Struct, frozen=True, array_like=True):
    """An event's units, counted, all in the layout's order; an unused category counts 0."""

    total: UnitCounts
    sections: tuple[SectionAvailability, ...]
    areas: tuple[AreaAvailability, ...]
    categories: tuple[CategoryAvailability, ...]
    resources: tuple[ResourceAvailability, ...] = ()


def count_units(state: BlockState, statuses: bytearray) -> EventCounts:
    """The units of a block that has an event. `statuses`: of its seats and slots, as they are shown."""
    layout = state.layout
    assert layout is not None
    of_section: dict[tuple[str, int], UnitCounts] = {}
    for key, first, end in _stretches(state):
        counts = _count_statuses(statuses, first, end)
        of_section[key] = of_section.get(key, UnitCounts()).plus(counts)
    of_area = [(area, _count_places(state, number)) for number, area in enumerate(layout.areas)]
    slots = map(state.index.slots.of_resource, range(len(layout.resources)))
    of_resource = [
        (resource, _count_statuses(statuses, of_one.start, of_one.stop))
        for resource, of_one in zip(layout.resources, slots, strict=True)
    ]
    of_category = [UnitCounts()] * len(layout.categories)
    for category, counts in [
        *((category, counts) for (_, category), counts in of_section.items()),
        *((area.category, counts) for area, counts in of_area),
        *((resource.category, counts) for resource, counts in of_resource),
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
        tuple(
            ResourceAvailability(resource.name, names[resource.category], counts) for resource, counts in of_resource
        ),
    )


def _stretches(state: BlockState) -> Iterator[tuple[tuple[str, int], int, int]]:
    """Seats that follow each other, of one section and category: (section, category), the first, and the end."""
    end = 0
    for key, rows in groupby(state.index.row_spans(), lambda span: (span[0].name, span[1].category)):
        first, end = end, end + sum(row.count for _, row, _ in rows)
        yield key, first, end


def _count_places(state: BlockState, area: int) -> UnitCounts:
    inventory = state.inventory
    available = inventory.available(area)
    kept = min(places_kept(state, area, "", state.returned, {}), available) if state.rules.allotments else 0
    return UnitCounts(
        inventory.capacities[area], available - kept, inventory.area_held[area], inventory.area_sold[area], kept
    )


def _count_statuses(statuses: bytearray, first: int, end: int) -> UnitCounts:
    held, sold, blocked = (
        statuses.count(status, first, end) for status in (UnitStatus.HELD, UnitStatus.SOLD, UnitStatus.BLOCKED)
    )
    return UnitCounts(end - first, end - first - held - sold - blocked, held, sold, blocked)
