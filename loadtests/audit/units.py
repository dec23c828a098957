"""Who has which unit: the auditor's first book, kept by seat and by area.

The second book is kept by hold (see `ledger`). The two are filled by different code from the same entries, and must
agree on how many units are held and sold after every row.
"""

from array import array
from enum import IntEnum

import msgspec

from actors.core.layout import Layout, LayoutIndex


class UnitStatus(IntEnum):
    """The status of a unit, by the number that the ledger digest uses."""

    AVAILABLE = 0
    HELD = 1
    SOLD = 2


class Places(msgspec.Struct):
    """An area's places."""

    capacity: int
    held: int = 0
    sold: int = 0


class Units:
    """The seats and areas of one layout, all available at first."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.index = LayoutIndex(layout)
        self.capacity = layout.capacity
        self.statuses = bytearray(self.index.seat_count)
        self.owners = array("Q", bytes(8 * self.index.seat_count))  # the hold that has the seat, or 0
        self.areas = [Places(area.capacity) for area in layout.areas]
        self.category_of_seat = b"".join(bytes([row.category]) * row.count for _, row in layout.rows())
        self._seat_counts = [self.index.seat_count, 0, 0]  # by status

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
        for seat in seats:
            category = self.category_of_seat[seat]
            quantities[category] = quantities.get(category, 0) + 1
        for area, quantity in areas:
            category = self.layout.areas[area].category
            quantities[category] = quantities.get(category, 0) + quantity
        prices = self.layout.categories
        return tuple((category, quantity, prices[category].price) for category, quantity in sorted(quantities.items()))

    def _become(self, seat: int, status: UnitStatus) -> None:
        self._seat_counts[self.statuses[seat]] -= 1
        self._seat_counts[status] += 1
        self.statuses[seat] = status
