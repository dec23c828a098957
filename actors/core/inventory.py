"""Who has which unit: a status and an owner per seat and slot, counters per area. Derived from all else."""

from array import array
from collections.abc import Collection, Iterable
from enum import IntEnum

from actors.core.layout_index import LayoutIndex


class UnitStatus(IntEnum):
    """What can be done with a unit. BLOCKED: it is set aside, for the house or for a channel."""

    AVAILABLE = 0
    HELD = 1
    SOLD = 2
    BLOCKED = 3


OPEN = 0
ACCESSIBLE = 1
FIRST_ALLOTMENT = 2
GONE = 255
"""What stands on the shelf where a unit is: the pool that it may be had from, or that it is held or sold."""

_STATUS_OF_POOL = bytes((UnitStatus.AVAILABLE, UnitStatus.AVAILABLE, *(UnitStatus.BLOCKED,) * 254))


class Inventory:
    """The units of one block. 11 bytes a seat or slot, whatever happens to it."""

    __slots__ = ("area_held", "area_of_channel", "area_sold", "capacities", "owners", "pools", "shelf", "statuses")

    def __init__(self, index: LayoutIndex) -> None:
        self.capacities = [area.capacity for area in index.layout.areas]
        self.owners = array("q", bytes(8 * index.unit_count))  # the hold that claims the unit, or 0
        self.statuses = bytearray(index.unit_count)
        self.pools = bytearray(index.unit_count)  # where the unit goes when nobody claims it
        self.shelf = bytearray(index.unit_count)
        self.area_held = [0] * len(self.capacities)
        self.area_sold = [0] * len(self.capacities)
        self.area_of_channel: dict[tuple[int, str], int] = {}  # (area, channel): places held or sold, of those with one

    def claim(self, hold: int, units: Iterable[int], areas: Iterable[tuple[int, int]], channel: str = "") -> None:
        """The hold takes these units, which must be available."""
        for unit in units:
            assert not self.owners[unit], f"unit {unit} is claimed twice"
            self.owners[unit] = hold
            self.statuses[unit] = UnitStatus.HELD
            self.shelf[unit] = GONE
        for area, quantity in areas:
            self.area_held[area] += quantity
            self._count_channel(area, channel, quantity)
            assert self.available(area) >= 0, f"area {area} is oversold"

    def has_no_room(self, units: Collection[int], areas: Collection[tuple[int, int]]) -> bool:
        """Whether to claim these is certain to fail: somebody has one of the units, or an area has too few places."""
        if any(0 <= unit < len(self.owners) and self.owners[unit] for unit in units):
            return True
        return all(quantity > 0 for _, quantity in areas) and any(
            0 <= area < len(self.capacities) and quantity > self.available(area) for area, quantity in areas
        )

    def available(self, area: int) -> int:
        """How many places of the area nobody has."""
        return self.capacities[area] - self.area_held[area] - self.area_sold[area]

    def sell(self, hold: int, units: Iterable[int], areas: Iterable[tuple[int, int]]) -> None:
        """The units of the hold are sold."""
        for unit in units:
            assert self.owners[unit] == hold, f"unit {unit} is sold to a stranger"
            self.statuses[unit] = UnitStatus.SOLD
        for area, quantity in areas:
            self.area_held[area] -= quantity
            self.area_sold[area] += quantity

    def give_back(
        self, hold: int, units: Iterable[int], areas: Iterable[tuple[int, int]], channel: str = "", *, were_sold: bool
    ) -> None:
        """The units of the hold are available again."""
        for unit in units:
            assert self.owners[unit] == hold, f"unit {unit} is given back by a stranger"
            self.owners[unit] = 0
            pool = self.pools[unit]
            self.shelf[unit] = pool
            self.statuses[unit] = _STATUS_OF_POOL[pool]
        counters = self.area_sold if were_sold else self.area_held
        for area, quantity in areas:
            counters[area] -= quantity
            self._count_channel(area, channel, -quantity)
            assert counters[area] >= 0, f"area {area} got back more than it gave"

    def clear(self) -> None:
        """Nobody has any unit any more."""
        self.owners = array("q", bytes(8 * len(self.owners)))
        self.shelf[:] = self.pools
        self.statuses[:] = self.pools.translate(_STATUS_OF_POOL)
        self.area_held = [0] * len(self.capacities)
        self.area_sold = [0] * len(self.capacities)
        self.area_of_channel.clear()

    def move(self, unit: int, pool: int) -> None:
        """From now on the unit belongs to another pool, whoever has it."""
        self.pools[unit] = pool
        if not self.owners[unit]:
            self.shelf[unit] = pool
            self.statuses[unit] = _STATUS_OF_POOL[pool]

    def _count_channel(self, area: int, channel: str, change: int) -> None:
        if channel:
            key = area, channel
            self.area_of_channel[key] = self.area_of_channel.get(key, 0) + change
