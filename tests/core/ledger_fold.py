"""The ledger digest once more, folded from the entries after the docstring of `ledger_digest` and nothing else.

It keeps who has what by name and counts statuses from that at each question, so nothing in it can drift.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import msgspec

from actors.core import entries as e
from tests.core.plain_layout import units_of

_AVAILABLE, _HELD, _SOLD, _BLOCKED = 0, 1, 2, 3
_DRAFT, _ON_SALE, _PAUSED, _CANCELLED = 0, 1, 2, 5
_PENDING, _CONFIRMED, _PARTLY_CANCELLED = 0, 1, 4
_IN_FORCE = (_CONFIRMED, _PARTLY_CANCELLED)


@dataclass
class _Lot:
    """What an entry gave, with its units' keys and its areas' names at that time."""

    entry: Any
    units: list[str]
    areas: list[tuple[str, int]]

    def tickets(self) -> Iterator[tuple[str, str]]:
        """One a unit: (unit, or empty; area, or empty)."""
        for unit in self.units:
            yield unit, ""
        for area, quantity in self.areas:
            for _ in range(quantity):
                yield "", area


@dataclass
class _Order:
    """An order that is pending or paid and not cancelled."""

    hold: int
    lots: list[_Lot]
    status: int = _PENDING
    revisions: list[int] = field(default_factory=list)
    holders: list[tuple[int, str]] = field(default_factory=list)


class LedgerFold:
    """Takes a block's entries one by one; `digest` is its ledger digest."""

    def __init__(self) -> None:
        self.head: list[Any] = ["", "", _DRAFT]
        self.layout: Any = None
        self.rules: Any = None
        self.returned: set[str] = set()
        self.placed: dict[int, _Lot] = {}
        self.deadlines: dict[int, int] = {}  # of the holds that claim units they have not sold
        self.orders: dict[int, _Order] = {}
        self.waiters: dict[int, str] = {}

    def take(self, entry: e.Entry) -> None:  # noqa: C901 - one arm per entry, in the order of the tags
        """Fold one more entry in."""
        match entry:
            case e.Activated():
                if entry.down_until_ms:
                    self._give_grace(entry.down_from_ms, entry.down_until_ms, entry.at_ms)
            case e.EventCreated():
                self.head = [entry.tenant, entry.name, _DRAFT]
                self.layout = entry.layout
                self._set_rules(entry.rules, entry.at_ms)
            case e.SaleOpened():
                self.head[2] = _ON_SALE
            case e.HoldPlaced():
                self.placed[entry.hold] = self._lot(entry)
                self.deadlines[entry.hold] = entry.expires_at_ms
                self.waiters.pop(entry.waiter, None)
            case e.HoldExtended():
                self.deadlines[entry.hold] = entry.expires_at_ms
            case e.HoldReleased() | e.HoldExpired():
                del self.deadlines[entry.hold]
            case e.OrderPlaced():
                self.orders[entry.order] = _Order(entry.hold, [self.placed[entry.hold]])
            case e.OrderConfirmed():
                order = self.orders[entry.order]
                del self.deadlines[order.hold]
                order.status = _CONFIRMED
                order.revisions = [1 for _ in order.lots[0].tickets()]
            case e.OrderCancelled() | e.OrderExpired():
                self.deadlines.pop(self.orders.pop(entry.order).hold, None)
            case e.StatusChanged():
                self._become(int(entry.status))
            case e.EventEdited():
                self.head[1] = self.head[1] if entry.name is None else entry.name
                self.layout = entry.layout or self.layout
                if entry.rules is not None:
                    self._set_rules(entry.rules, entry.at_ms)
            case e.AllotmentReturned():
                self.returned.add(entry.allotment)
            case e.TicketsCancelled():
                order = self.orders[entry.order]
                order.status = _PARTLY_CANCELLED
                self._void(order, entry.tickets)
            case e.TicketsExchanged():
                order = self.orders[entry.order]
                self._void(order, entry.tickets)
                order.lots.append(self._lot(entry))
                order.revisions += [1 for _ in order.lots[-1].tickets()]
            case e.TicketReassigned():
                order = self.orders[entry.order]
                order.revisions[entry.ticket] += 1
                order.holders = [who for who in order.holders if who[0] != entry.ticket]
                order.holders.append((entry.ticket, entry.holder))
            case e.OrderClosed():
                self.orders[entry.order].status = int(entry.status)
            case e.WaiterJoined():
                self.waiters[entry.waiter] = entry.buyer
            case e.WaiterLeft():
                del self.waiters[entry.waiter]
            case e.Corrected():
                self._correct(entry)

    def digest(self) -> bytes:
        """32 bytes over what is owed after the entries so far."""
        holds = []
        for number, due_ms in sorted(self.deadlines.items()):
            placed = self.placed[number].entry
            money = [placed.prices, placed.charges, placed.once]
            holds.append([number, placed.buyer, placed.seats, placed.areas, *money, placed.channel, due_ms])
        orders = []
        for number, order in sorted(self.orders.items()):
            given = (lot.entry for lot in order.lots[1:])
            exchanges = [[lot.seats, lot.areas, lot.prices, lot.charges] for lot in given]
            orders.append([number, order.hold, order.status, order.revisions, order.holders, exchanges])
        owed = [*self.head, *self._statuses(), holds, orders, list(self.waiters.items())]
        return blake2b(msgspec.msgpack.encode(owed), digest_size=32).digest()

    def _lot(self, entry: e.HoldPlaced | e.TicketsExchanged) -> _Lot:
        units = units_of(self.layout)
        areas = [(self.layout.areas[area].name, quantity) for area, quantity in entry.areas]
        return _Lot(entry, [units[seat].key for seat in entry.seats], areas)

    def _correct(self, entry: e.Corrected) -> None:
        for number, tickets in entry.voided:
            self.take(e.TicketsCancelled(entry.at_ms, number, tickets, b"", b""))
        for hold in entry.holds:
            del self.deadlines[hold]
        for number in entry.orders:
            self.deadlines.pop(self.orders.pop(number).hold, None)
        self._give_grace(entry.since_ms, entry.at_ms, entry.at_ms)

    def _give_grace(self, from_ms: int, until_ms: int, at_ms: int) -> None:
        for hold, due_ms in self.deadlines.items():
            if from_ms <= due_ms <= until_ms:
                later_ms = min(at_ms + 30_000, self.placed[hold].entry.max_expires_at_ms)
                self.deadlines[hold] = max(due_ms, later_ms)

    def _void(self, order: _Order, tickets: tuple[int, ...]) -> None:
        for ticket in tickets:
            assert order.revisions[ticket], "a void ticket gives nothing back"
            order.revisions[ticket] = 0

    def _set_rules(self, rules: Any, at_ms: int) -> None:
        self.rules = rules
        self.returned = {each.name for each in rules.allotments if 0 < each.returns_at_ms <= at_ms}

    def _become(self, status: int) -> None:
        self.head[2] = status
        if status != _PAUSED:
            self.waiters.clear()
        if status == _CANCELLED:
            over = [number for number, order in self.orders.items() if order.status in (_PENDING, *_IN_FORCE)]
            for number in over:
                del self.orders[number]
            self.deadlines.clear()

    def _statuses(self) -> tuple[bytes, list[list[int]]]:
        """A byte a unit, and a pair an area: first what is set aside, then what is claimed."""
        if self.layout is None:
            return b"", []
        aside = [name for each in self.rules.allotments if each.name not in self.returned for name in each.units]
        units = units_of(self.layout)
        status_of = {unit.key: _BLOCKED if any(map(unit.is_named, aside)) else _AVAILABLE for unit in units}
        places = {area.name: [0, 0] for area in self.layout.areas}
        for status, unit, area in self._claims():
            if unit:
                assert status_of[unit] in (_AVAILABLE, _BLOCKED), f"{unit} has two claims"
                status_of[unit] = status
            else:
                places[area][status - 1] += 1
        return bytes(status_of.values()), list(places.values())

    def _claims(self) -> Iterator[tuple[int, str, str]]:
        for number in self.deadlines:
            for unit, area in self.placed[number].tickets():
                yield _HELD, unit, area
        for order in self.orders.values():
            tickets = (ticket for lot in order.lots for ticket in lot.tickets())
            if order.status != _PENDING:
                for revision, (unit, area) in zip(order.revisions, tickets, strict=True):
                    if revision:
                        yield _SOLD, unit, area
