"""Who has which unit: the auditor's first book, kept by seat and by area.

The second book is kept by hold (see `ledger`). The two are filled by different code from the same entries, and must
agree on how many units are held and sold after every row.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from enum import IntEnum
from itertools import chain

import msgspec

from actors.core import entries as e


class UnitStatus(IntEnum):
    """The status of a unit, by the number that the ledger digest uses."""

    AVAILABLE = 0
    HELD = 1
    SOLD = 2


class Places(msgspec.Struct):
    """An area's places."""

    name: str
    category: int
    capacity: int
    held: int = 0
    sold: int = 0


class Units:
    """The seats and areas of an event, all available at first; without an event there are none.

    Seats are numbered through the layout's rows, areas are numbered too.
    """

    def __init__(self, created: e.EventCreated | None = None) -> None:
        self._row_names: list[str] = []
        self._first_seats: list[int] = []  # of each row
        self._labels: list[tuple[str, ...] | range] = []  # of each row's seats
        self._row_categories: list[int] = []
        self._unit_prices: list[int] = []
        self.areas: list[Places] = []
        seat_count = 0
        if created is not None:
            self._unit_prices = [category.price for category in created.layout.categories]
            self.areas = [Places(area.name, area.category, area.capacity) for area in created.layout.areas]
            for section in created.layout.sections:
                for row in section.rows:
                    self._row_names.append(f"{section.name}/{row.name}")
                    self._first_seats.append(seat_count)
                    self._labels.append(row.labels or range(row.first, row.first + row.count))
                    self._row_categories.append(row.category)
                    seat_count += row.count
        self.statuses = bytearray(seat_count)
        self.owners = array("Q", bytes(8 * seat_count))  # the hold that has the seat, or 0
        self.capacity = seat_count + sum(area.capacity for area in self.areas)
        self._seat_counts = [seat_count, 0, 0]  # by status

    def seat_name(self, seat: int) -> str:
        """What clients call the seat."""
        if not 0 <= seat < len(self.statuses):
            return f"seat {seat}"
        row = self._row_of(seat)
        return f"{self._row_names[row]}/{self._labels[row][seat - self._first_seats[row]]}"

    def area_name(self, area: int) -> str:
        """What clients call the area."""
        return self.areas[area].name if 0 <= area < len(self.areas) else f"area {area}"

    def claim(self, hold: int, seats: tuple[int, ...], areas: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
        """Give the units to the hold; the seats that another has, each with that hold, which keeps them."""
        standing = []
        for seat in seats:
            if self.owners[seat]:
                standing.append((seat, self.owners[seat]))
            else:
                self.owners[seat] = hold
                self._become(seat, UnitStatus.HELD)
        for area, quantity in areas:
            self.areas[area].held += quantity
        return standing

    def sell(self, hold: int, seats: tuple[int, ...], areas: tuple[tuple[int, int], ...]) -> None:
        """What the hold has is sold."""
        for seat in seats:
            if self.owners[seat] == hold:
                self._become(seat, UnitStatus.SOLD)
        for area, quantity in areas:
            self.areas[area].held -= quantity
            self.areas[area].sold += quantity

    def give_back(self, hold: int, seats: tuple[int, ...], areas: tuple[tuple[int, int], ...], was: UnitStatus) -> None:
        """What the hold has is available."""
        for seat in seats:
            if self.owners[seat] == hold:
                self.owners[seat] = 0
                self._become(seat, UnitStatus.AVAILABLE)
        for area, quantity in areas:
            if was is UnitStatus.SOLD:
                self.areas[area].sold -= quantity
            else:
                self.areas[area].held -= quantity

    def counts(self) -> tuple[int, int, int]:
        """How many units are available, held and sold."""
        available, held, sold = self._seat_counts
        for places in self.areas:
            available += places.capacity - places.held - places.sold
            held += places.held
            sold += places.sold
        return available, held, sold

    def price_lines(
        self, seats: tuple[int, ...], areas: tuple[tuple[int, int], ...]
    ) -> tuple[tuple[int, int, int], ...]:
        """What these units cost: (category, quantity, unit price), by rising category."""
        quantities: dict[int, int] = {}
        categories: Iterator[tuple[int, int]] = chain(
            ((self._row_categories[self._row_of(seat)], 1) for seat in seats),
            ((self.areas[area].category, quantity) for area, quantity in areas),
        )
        for category, quantity in categories:
            quantities[category] = quantities.get(category, 0) + quantity
        return tuple(
            (category, quantity, self._unit_prices[category]) for category, quantity in sorted(quantities.items())
        )

    def _row_of(self, seat: int) -> int:
        return bisect_right(self._first_seats, seat) - 1

    def _become(self, seat: int, status: UnitStatus) -> None:
        self._seat_counts[self.statuses[seat]] -= 1
        self._seat_counts[status] += 1
        self.statuses[seat] = status
