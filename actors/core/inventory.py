"""Who has which unit: a status and an owner per seat, two counters per area. Derived from holds and orders."""

from array import array
from enum import IntEnum

from actors.core.layout import LayoutIndex


class UnitStatus(IntEnum):
    """What can be done with a unit."""

    AVAILABLE = 0
    HELD = 1
    SOLD = 2
    BLOCKED = 3


class Inventory:
    """The units of one block. 9 bytes a seat, whatever happens to it."""

    __slots__ = ("area_held", "area_sold", "capacities", "owners", "statuses")

    def __init__(self, index: LayoutIndex) -> None:
        self.capacities = [area.capacity for area in index.layout.areas]
        self.owners = array("q", bytes(8 * index.seat_count))  # the hold that claims the seat, or 0
        self.statuses = bytearray(index.seat_count)
        self.area_held = [0] * len(self.capacities)
        self.area_sold = [0] * len(self.capacities)

    def claim(self, hold: int, seats: tuple[int, ...], areas: tuple[tuple[int, int], ...]) -> None:
        """The hold takes these units, which must be available."""
        for seat in seats:
            assert not self.owners[seat], f"seat {seat} is claimed twice"
            self.owners[seat] = hold
            self.statuses[seat] = UnitStatus.HELD
        for area, quantity in areas:
            self.area_held[area] += quantity
            assert self.available(area) >= 0, f"area {area} is oversold"

    def available(self, area: int) -> int:
        """How many places of the area nobody has."""
        return self.capacities[area] - self.area_held[area] - self.area_sold[area]

    def sell(self, hold: int, seats: tuple[int, ...], areas: tuple[tuple[int, int], ...]) -> None:
        """The units of the hold are sold."""
        for seat in seats:
            assert self.owners[seat] == hold, f"seat {seat} is sold to a stranger"
            self.statuses[seat] = UnitStatus.SOLD
        for area, quantity in areas:
            self.area_held[area] -= quantity
            self.area_sold[area] += quantity

    def give_back(
        self, hold: int, seats: tuple[int, ...], areas: tuple[tuple[int, int], ...], *, were_sold: bool
    ) -> None:
        """The units of the hold are available again."""
        for seat in seats:
            assert self.owners[seat] == hold, f"seat {seat} is given back by a stranger"
            self.owners[seat] = 0
            self.statuses[seat] = UnitStatus.AVAILABLE
        counters = self.area_sold if were_sold else self.area_held
        for area, quantity in areas:
            counters[area] -= quantity
            assert counters[area] >= 0, f"area {area} got back more than it gave"
