"""Who has which unit: the auditor's first book, kept by seat, slot and area.

The second book is kept by hold (see `books`). The two are filled by different code from the same entries, and must
agree on how many units are held and sold after every row.
"""

from array import array
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import TypeAlias

import msgspec

from actors.audit.plan import Plan

Areas: TypeAlias = Sequence[tuple[int, int]]
"""(area, quantity)."""


class UnitStatus(IntEnum):
    """The status of a unit, by the number that the ledger digest uses. BLOCKED is nowhere kept, as nobody has it."""

    AVAILABLE = 0
    HELD = 1
    SOLD = 2
    BLOCKED = 3


class Places(msgspec.Struct):
    """An area's places. `of_channel`: those of them that are held or sold through a channel."""

    name: str
    capacity: int
    held: int = 0
    sold: int = 0
    of_channel: dict[str, int] = {}


class Units:
    """The seats, slots and areas of a plan, all available at first."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.areas = [Places(area.name, area.capacity) for area in plan.areas]
        self.statuses = bytearray(plan.unit_count)
        self.owners = array("Q", bytes(8 * plan.unit_count))  # the hold that has the unit, or 0
        self.set_aside = array("H", bytes(2 * plan.unit_count))  # see `rules`
        self._counts = [plan.unit_count, 0, 0]  # of seats and slots, by status
        self._open_of_row = [len(row.labels) for row in plan.rows]

    def claim(self, hold: int, units: Iterable[int], areas: Areas, channel: str) -> list[tuple[int, int]]:
        """Give the units to the hold; those that another has, each with that hold, which keeps them."""
        standing = []
        for unit in units:
            if self.owners[unit]:
                standing.append((unit, self.owners[unit]))
            else:
                self.owners[unit] = hold
                self._become(unit, UnitStatus.HELD)
        for area, quantity in areas:
            self.areas[area].held += quantity
            self._count_channel(area, channel, quantity)
        return standing

    def sell(self, hold: int, units: Iterable[int], areas: Areas) -> None:
        """What the hold has is sold."""
        for unit in units:
            if self.owners[unit] == hold:
                self._become(unit, UnitStatus.SOLD)
        for area, quantity in areas:
            self.areas[area].held -= quantity
            self.areas[area].sold += quantity

    def give_back(self, hold: int, units: Iterable[int], areas: Areas, channel: str, was: UnitStatus) -> None:
        """What the hold has is available."""
        for unit in units:
            if self.owners[unit] == hold:
                self.owners[unit] = 0
                self._become(unit, UnitStatus.AVAILABLE)
        for area, quantity in areas:
            if was is UnitStatus.SOLD:
                self.areas[area].sold -= quantity
            else:
                self.areas[area].held -= quantity
            self._count_channel(area, channel, -quantity)

    def counts(self) -> tuple[int, int, int]:
        """How many units are available to somebody, held and sold."""
        available, held, sold = self._counts
        for places in self.areas:
            available += places.capacity - places.held - places.sold
            held += places.held
            sold += places.sold
        return available, held, sold

    def open_count(self, area: str) -> int:
        """How many places of the area of this name nobody has; empty: how many seats and slots."""
        if not area:
            return self._counts[UnitStatus.AVAILABLE]
        number = self.plan.area_of_name.get(area)
        places = None if number is None else self.areas[number]
        return 0 if places is None else places.capacity - places.held - places.sold

    def owed_statuses(self, first_blocked: int) -> bytes:
        """A byte for each seat and slot, as the ledger digest has them. `first_blocked`: see `rules`."""
        owed = bytearray(self.statuses)
        for unit, aside in enumerate(self.set_aside):
            if aside >= first_blocked and not self.owners[unit]:
                owed[unit] = UnitStatus.BLOCKED
        return bytes(owed)

    def open_rows(self, seat_count: int) -> list[int]:
        """The rows of which nobody has so many seats."""
        return [row for row, count in enumerate(self._open_of_row) if count >= seat_count]

    def moved_to(self, plan: Plan) -> tuple["Units", list[str]]:
        """The same claims on the units of the same names in another plan; the names of what does not fit there."""
        moved, lost = Units(plan), []
        for unit, owner in enumerate(self.owners):
            if owner:
                there = plan.find(self.plan.name_of(unit))
                if there is None or plan.slot_ms(there) != self.plan.slot_ms(unit):
                    lost.append(self.plan.unit_name(unit))
                if there is not None:
                    moved.owners[there] = owner
                    moved._become(there, UnitStatus(self.statuses[unit]))
        for places in self.areas:
            number = plan.area_of_name.get(places.name)
            capacity = 0 if number is None else plan.areas[number].capacity
            if places.held + places.sold > capacity:
                lost.append(places.name)
            if number is not None:
                moved.areas[number] = Places(places.name, capacity, places.held, places.sold, places.of_channel)
        return moved, lost

    def _count_channel(self, area: int, channel: str, change: int) -> None:
        of_channel = self.areas[area].of_channel
        of_channel[channel] = of_channel.get(channel, 0) + change

    def _become(self, unit: int, status: UnitStatus) -> None:
        before = self.statuses[unit]
        self._counts[before] -= 1
        self._counts[status] += 1
        self.statuses[unit] = status
        if unit < self.plan.seat_count and UnitStatus.AVAILABLE in (before, status):
            self._open_of_row[self.plan.row_number(unit)] += 1 if status is UnitStatus.AVAILABLE else -1


def in_plan(plan: Plan, units: Iterable[int], areas: Areas, now: Plan) -> tuple[list[int], list[tuple[int, int]]]:
    """Units and areas of one plan by their numbers in another; those that it does not have are left out."""
    if plan is now:
        return list(units), list(areas)
    found = (now.find(plan.name_of(unit)) for unit in units)
    named = ((now.area_of_name.get(plan.areas[area].name), quantity) for area, quantity in areas)
    return [unit for unit in found if unit is not None], [(area, count) for area, count in named if area is not None]
