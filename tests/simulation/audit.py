"""What must be true of the journals after a run, by a fold that shares nothing with the core but the entries."""

from actors.core.entries import (
    EventCreated,
    HoldExpired,
    HoldPlaced,
    HoldReleased,
    OrderCancelled,
    OrderConfirmed,
    OrderExpired,
    OrderPlaced,
)
from actors.core.ids import BlockId
from actors.journal.codec import decode_entries
from actors.journal.journal import GENESIS, JournalRow, chain_of


class Ledger:
    """One block's journal, folded: who claims which unit, and where each fact stands."""

    def __init__(self, block: BlockId, rows: list[JournalRow]) -> None:
        self.faults: list[str] = []
        self.holds: dict[int, HoldPlaced] = {}
        self.hold_ended: dict[int, str] = {}
        self.orders: dict[int, OrderPlaced] = {}
        self.order_status: dict[int, str] = {}
        self.position_of: dict[tuple[str, int], int] = {}  # of the entry of that kind about that hold or order
        self.keys: dict[bytes, tuple[str, int]] = {}
        self._seats: dict[int, int] = {}
        self._areas: dict[int, int] = {}
        self._capacities: tuple[int, ...] = ()
        chain, position = GENESIS, 0
        for row in rows:
            expected = chain_of(chain, block, position + 1, row.epoch, row.recorded_at_ms, row.entries)
            if row.position != position + 1 or row.chain != expected:
                self.faults.append(f"row {row.position} does not extend row {position}")
            chain, position = row.chain, row.position
            for entry in decode_entries(row.entries):
                self._fold(entry, position)

    def _fold(self, entry: object, position: int) -> None:
        kind = type(entry).__name__
        number = getattr(entry, "order", 0) or getattr(entry, "hold", 0)
        if (kind, number) in self.position_of and kind in ("HoldPlaced", "OrderPlaced", "OrderConfirmed"):
            self.faults.append(f"{kind} {number} twice, at {self.position_of[kind, number]} and {position}")
        self.position_of[kind, number] = position
        key = getattr(entry, "key", None)
        if key is not None:
            if key in self.keys:
                self.faults.append(f"key {key.hex()} had an effect twice: {self.keys[key]} and {(kind, number)}")
            self.keys[key] = kind, number
        if isinstance(entry, EventCreated):
            self._capacities = tuple(area.capacity for area in entry.layout.areas)
        elif isinstance(entry, HoldPlaced):
            self.holds[entry.hold] = entry
            self._claim(entry, position)
        elif isinstance(entry, HoldReleased | HoldExpired):
            self.hold_ended[entry.hold] = kind
            self._give_back(self.holds[entry.hold])
        elif isinstance(entry, OrderPlaced):
            self.orders[entry.order] = entry
            self.order_status[entry.order] = kind
        elif isinstance(entry, OrderConfirmed | OrderCancelled | OrderExpired):
            self.order_status[entry.order] = kind
            if not isinstance(entry, OrderConfirmed):
                self._give_back(self.holds[self.orders[entry.order].hold])

    def _claim(self, hold: HoldPlaced, position: int) -> None:
        for seat in hold.seats:
            if seat in self._seats:
                self.faults.append(f"seat {seat} is claimed twice at position {position}")
            self._seats[seat] = hold.hold
        for area, quantity in hold.areas:
            self._areas[area] = self._areas.get(area, 0) + quantity
            if self._areas[area] > self._capacities[area]:
                self.faults.append(f"area {area} is oversold at position {position}")

    def _give_back(self, hold: HoldPlaced) -> None:
        for seat in hold.seats:
            if self._seats.pop(seat, None) != hold.hold:
                self.faults.append(f"seat {seat} is given back by a hold that has it not")
        for area, quantity in hold.areas:
            self._areas[area] -= quantity
