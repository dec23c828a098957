"""The ledger digest once more, folded from the entries after the docstring of `ledger_digest` and nothing else."""

from hashlib import blake2b
from typing import Any

import msgspec

from actors.core import entries as e

_AVAILABLE, _HELD, _SOLD = 0, 1, 2
_DRAFT, _ON_SALE = 0, 1
_PENDING, _CONFIRMED = 0, 1


class LedgerFold:
    """Takes a block's entries one by one; `digest` is its ledger digest."""

    def __init__(self) -> None:
        self.head: list[Any] = ["", "", _DRAFT]
        self.seats = bytearray()
        self.areas: list[list[int]] = []
        self.placed: dict[int, e.HoldPlaced] = {}
        self.deadlines: dict[int, int] = {}  # of the holds that claim units they have not sold
        self.orders: dict[int, list[Any]] = {}  # hold, status, code revisions: of those that are pending or confirmed

    def _move(self, hold: int, was: int, becomes: int) -> None:
        placed = self.placed[hold]
        for seat in placed.seats:
            assert self.seats[seat] == was
            self.seats[seat] = becomes
        for area, quantity in placed.areas:
            for status, change in ((was, -quantity), (becomes, quantity)):
                if status != _AVAILABLE:
                    self.areas[area][status - 1] += change

    def _end_order(self, number: int) -> None:
        hold, before, *_ = self.orders.pop(number)
        self._move(hold, _SOLD if before == _CONFIRMED else _HELD, _AVAILABLE)
        self.deadlines.pop(hold, None)

    def take(self, entry: e.Entry) -> None:  # noqa: C901 - one arm per entry, in the order of the tags
        """Fold one more entry in."""
        match entry:
            case e.Activated():
                for hold, due_ms in self.deadlines.items():
                    if entry.down_until_ms and entry.down_from_ms <= due_ms <= entry.down_until_ms:
                        later_ms = min(entry.at_ms + 30_000, self.placed[hold].max_expires_at_ms)
                        self.deadlines[hold] = max(due_ms, later_ms)
            case e.EventCreated():
                self.head = [entry.tenant, entry.name, _DRAFT]
                self.seats = bytearray(sum(row.count for section in entry.layout.sections for row in section.rows))
                self.areas = [[0, 0] for _ in entry.layout.areas]
            case e.SaleOpened():
                self.head[2] = _ON_SALE
            case e.HoldPlaced():
                self.placed[entry.hold] = entry
                self.deadlines[entry.hold] = entry.expires_at_ms
                self._move(entry.hold, _AVAILABLE, _HELD)
            case e.HoldExtended():
                self.deadlines[entry.hold] = entry.expires_at_ms
            case e.HoldReleased() | e.HoldExpired():
                self._move(entry.hold, _HELD, _AVAILABLE)
                del self.deadlines[entry.hold]
            case e.OrderPlaced():
                self.orders[entry.order] = [entry.hold, _PENDING, [], [], []]
            case e.OrderConfirmed():
                order = self.orders[entry.order]
                placed = self.placed[order[0]]
                self._move(order[0], _HELD, _SOLD)
                del self.deadlines[order[0]]
                count = len(placed.seats) + sum(quantity for _, quantity in placed.areas)
                order[1:3] = [_CONFIRMED, [1] * count]
            case e.OrderCancelled() | e.OrderExpired():
                self._end_order(entry.order)

    def digest(self) -> bytes:
        """32 bytes over what is owed after the entries so far."""
        holds = []
        for number, due_ms in sorted(self.deadlines.items()):
            placed = self.placed[number]
            money = [placed.prices, placed.charges, placed.once]
            holds.append([number, placed.buyer, placed.seats, placed.areas, *money, placed.channel, due_ms])
        orders = [[number, *order] for number, order in sorted(self.orders.items())]
        owed = [*self.head, bytes(self.seats), self.areas, holds, orders, []]
        return blake2b(msgspec.msgpack.encode(owed), digest_size=32).digest()
