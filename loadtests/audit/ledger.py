"""The auditor's own fold of a block's entries, and every rule that an entry must keep.

Shares nothing with the core but the entry structs. An entry that breaks a rule is reported and folded as far as it
makes sense, so that one fault does not hide the next.
"""

from collections.abc import Callable
from enum import IntEnum
from hashlib import blake2b
from typing import Any

import msgspec

from actors.core import entries as e
from loadtests.audit.findings import Fault, Finding
from loadtests.audit.ids import HOLD, ORDER, id_of, is_number
from loadtests.audit.keys import KEY_BYTES, KeyBook, Keyed
from loadtests.audit.layouts import layout_fault
from loadtests.audit.overdue import Overdue
from loadtests.audit.units import Units, UnitStatus

MIN_HOLD_TTL_MS = 1_000
MAX_HOLD_LIFE_MS = 2 * 60 * 60_000
MAX_UNITS_PER_HOLD = 50
OUTAGE_GRACE_MS = 30_000
OUTAGE_OVERLAP_MS = 60_000  # heartbeats may stop so long before the last commit


class OrderStatus(IntEnum):
    """The status of an order, by the number that the ledger digest uses."""

    PENDING = 0
    CONFIRMED = 1
    CANCELLED = 2
    EXPIRED = 3


class Claim(msgspec.Struct, gc=False):
    """A hold that has units: the auditor's second book (see `units`)."""

    placed: e.HoldPlaced
    quantity: int
    deadline_ms: int
    order: int = 0
    ordered_at_ms: int = 0
    sold: bool = False


class OrderLine(msgspec.Struct, gc=False):
    """An order that has units, as the digest has it."""

    hold: int
    status: OrderStatus = OrderStatus.PENDING
    tickets: int = 0


class Ledger:
    """One block, folded entry by entry. What is wrong goes to `findings`."""

    def __init__(self, block: str) -> None:
        self.findings: list[Finding] = []
        self.entry_count = 0
        self.hold_count = 0
        self.tenant = ""
        self.units = Units()
        self.claims: dict[int, Claim] = {}
        self.orders: dict[int, OrderLine] = {}
        self._block = block
        self._position = 0
        self._epoch = -1
        self._owner_is_new = False
        self._name = ""
        self._created = self._on_sale = False
        self._last_at_ms = 0
        self._written_at_ms = 0  # the same, activations apart
        self._ended_at_ms: dict[int, int] = {}  # of holds that have no units any more
        self._ended_orders: dict[int, OrderStatus] = {}
        self._keys = KeyBook(self._hold_ends_ms)
        self._overdue = Overdue(self._unsold_deadline_ms)
        self._held = self._sold = 0  # what the claims add up to
        self._off_by: tuple[int, ...] = (0, 0, 0)

    def fold(self, entry: e.Entry, position: int, epoch: int) -> None:
        """Fold one more entry in, of the row at `position`, written under `epoch`."""
        self._position = position
        self._owner_is_new, self._epoch = epoch > self._epoch, max(epoch, self._epoch)
        self.entry_count += 1
        if not isinstance(entry, e.Activated):  # an activation bears its shard's clock, the others the block's
            if entry.at_ms < self._last_at_ms:
                self._found(Fault.TIME_WENT_BACK, f"{type(entry).__name__} is {self._last_at_ms - entry.at_ms} ms back")
            if not self._created and not isinstance(entry, e.EventCreated):
                self._found(Fault.EVENT_ILLEGAL, f"{type(entry).__name__} before there is an event")
            self._written_at_ms = max(self._written_at_ms, entry.at_ms)
        self._last_at_ms = max(self._last_at_ms, entry.at_ms)
        _FOLD[type(entry)](self, entry)

    def check_row(self) -> None:
        """After a row: the two books agree, nothing is below zero, and nothing lives for ever."""
        available, held, sold = self.units.counts()
        capacity = self.units.capacity
        off_by = (held - self._held, sold - self._sold, available + self._held + self._sold - capacity)
        if off_by != self._off_by or min(available, held, sold) < 0:
            self._found(
                Fault.UNITS_DO_NOT_ADD_UP,
                f"of {capacity} units {available} are available, {held} held, {sold} sold; "
                f"holds claim {self._held} and have sold {self._sold}",
            )
        self._off_by = off_by
        late = self._overdue.left_behind(self._last_at_ms)
        if late is not None:
            self._found(Fault.NEVER_EXPIRED, f"{self._name_of(self.claims[late])} still has its units")

    def digest(self) -> bytes:
        """32 bytes over what is owed, as `actors/core/snapshot.py` documents the ledger digest."""
        holds = [
            (number, *_owed(claim.placed), claim.placed.channel, claim.deadline_ms)
            for number, claim in sorted(self.claims.items())
            if not claim.sold
        ]
        orders = [
            (number, order.hold, int(order.status), [1] * order.tickets, (), ())
            for number, order in sorted(self.orders.items())
        ]
        areas = [(places.held, places.sold) for places in self.units.areas]
        owed = (self.tenant, self._name, int(self._on_sale), bytes(self.units.statuses), areas, holds, orders, ())
        return blake2b(msgspec.msgpack.encode(owed), digest_size=32).digest()

    def _activated(self, entry: e.Activated) -> None:
        if self._owner_is_new:
            self._overdue.begin_anew()
        else:
            self._overdue.go_on(self._last_at_ms)
        if not entry.down_from_ms and not entry.down_until_ms:
            return
        if not self._owner_is_new:
            self._found(Fault.OUTAGE_WRONG, f"{entry.shard} is to have been down under the epoch that it goes on with")
        if not 0 < entry.down_from_ms <= entry.down_until_ms <= entry.at_ms:
            self._found(Fault.OUTAGE_WRONG, "the outage that an activation names is not in its past")
        if entry.down_from_ms < self._written_at_ms - OUTAGE_OVERLAP_MS:
            early_ms = self._written_at_ms - entry.down_from_ms
            self._found(Fault.OUTAGE_WRONG, f"it is to have begun {early_ms} ms before the block was last written to")
        for hold, claim in self.claims.items():
            if not claim.sold and entry.down_from_ms <= claim.deadline_ms <= entry.down_until_ms:
                later_ms = min(entry.at_ms + OUTAGE_GRACE_MS, claim.placed.max_expires_at_ms)
                self._set_deadline(hold, claim, max(claim.deadline_ms, later_ms))

    def _event_created(self, entry: e.EventCreated) -> None:
        self._use_key(entry, "event", 0)
        if self._created:
            self._found(Fault.EVENT_ILLEGAL, "the event is created a second time")
            return
        self._created = True
        self.tenant, self._name = entry.tenant, entry.name
        if not MIN_HOLD_TTL_MS <= entry.hold_ttl_ms <= MAX_HOLD_LIFE_MS:
            self._found(Fault.EVENT_ILLEGAL, f"its holds are to live {entry.hold_ttl_ms} ms")
        fault = layout_fault(entry)
        if fault:
            self._found(Fault.LAYOUT_WRONG, fault)
        else:
            self.units = Units(entry)

    def _sale_opened(self, entry: e.SaleOpened) -> None:
        self._use_key(entry, "opening", 0)
        if self._on_sale:
            self._found(Fault.EVENT_ILLEGAL, "the sale is opened a second time")
        self._on_sale = True

    def _hold_placed(self, entry: e.HoldPlaced) -> None:
        self._use_key(entry, "hold", entry.hold)
        if not self._on_sale:
            self._found(Fault.NOT_ON_SALE, self._hold_id(entry.hold))
        if entry.hold in self.claims or entry.hold in self._ended_at_ms:
            self._found(Fault.NUMBER_REUSED, f"{self._hold_id(entry.hold)} is placed a second time")
            return
        if not entry.at_ms < entry.expires_at_ms <= entry.max_expires_at_ms <= entry.at_ms + MAX_HOLD_LIFE_MS:
            self._found(
                Fault.DEADLINE_WRONG, f"{self._hold_id(entry.hold)} lives {entry.expires_at_ms - entry.at_ms} ms"
            )
        if not self._units_exist(entry):
            return
        if entry.prices != self.units.price_lines(entry.seats, entry.areas):
            self._found(Fault.PRICE_WRONG, f"{self._hold_id(entry.hold)} froze {entry.prices}")
        self._claim(entry)

    def _claim(self, entry: e.HoldPlaced) -> None:
        quantity = len(entry.seats) + sum(quantity for _, quantity in entry.areas)
        self.claims[entry.hold] = Claim(entry, quantity, entry.expires_at_ms)
        self.hold_count += 1
        self._held += quantity
        self._overdue.note(entry.expires_at_ms, entry.hold)
        for seat, owner in self.units.claim(entry.hold, entry.seats, entry.areas):
            status = UnitStatus(self.units.statuses[seat]).name
            self._found(
                Fault.UNIT_CLAIMED_TWICE,
                f"{self.units.seat_name(seat)} by {self._hold_id(entry.hold)}, "
                f"while {status} to {self._hold_id(owner)}",
            )
        for area, _ in entry.areas:
            places = self.units.areas[area]
            if places.held + places.sold > places.capacity:
                self._found(
                    Fault.AREA_OVER_CAPACITY,
                    f"{places.name}: {places.held + places.sold} of {places.capacity} by {self._hold_id(entry.hold)}",
                )

    def _units_exist(self, entry: e.HoldPlaced) -> bool:
        seat_count, area_count = len(self.units.statuses), len(self.units.areas)
        areas = [area for area, _ in entry.areas]
        quantities = [quantity for _, quantity in entry.areas]
        fault = None
        if any(not 0 <= seat < seat_count for seat in entry.seats) or any(not 0 <= area < area_count for area in areas):
            fault = Fault.UNIT_OUT_OF_RANGE
        elif (
            not is_number(entry.hold)
            or len(set(entry.seats)) != len(entry.seats)
            or len(set(areas)) != len(areas)
            or min(quantities, default=1) < 1
            or not 1 <= len(entry.seats) + sum(quantities) <= MAX_UNITS_PER_HOLD
        ):
            fault = Fault.HOLD_MALFORMED
        if fault is not None:
            self._found(fault, f"{self._hold_id(entry.hold)} claims seats {entry.seats} and areas {entry.areas}")
        return fault is None

    def _hold_extended(self, entry: e.HoldExtended) -> None:
        self._use_key(entry, "extension of hold", entry.hold)
        claim = self._active(entry.hold, entry.at_ms, "extended")
        if claim is None:
            return
        if not claim.deadline_ms <= entry.expires_at_ms <= claim.placed.max_expires_at_ms:
            self._found(
                Fault.DEADLINE_WRONG, f"{self._hold_id(entry.hold)} moves to {entry.expires_at_ms - entry.at_ms} ms"
            )
        self._set_deadline(entry.hold, claim, entry.expires_at_ms)

    def _hold_released(self, entry: e.HoldReleased) -> None:
        self._use_key(entry, "release of hold", entry.hold)
        if self._active(entry.hold, entry.at_ms, "released") is not None:
            self._end(entry.hold, entry.at_ms)

    def _hold_expired(self, entry: e.HoldExpired) -> None:
        claim = self._active(entry.hold, None, "expired")
        if claim is None:
            return
        self._check_overdue(claim, entry.at_ms)
        self._end(entry.hold, entry.at_ms)

    def _order_placed(self, entry: e.OrderPlaced) -> None:
        self._use_key(entry, "order", entry.order)
        if entry.order in self.orders or entry.order in self._ended_orders:
            self._found(Fault.NUMBER_REUSED, f"{self._order_id(entry.order)} is placed a second time")
            return
        if not is_number(entry.order):
            self._found(Fault.ORDER_MALFORMED, self._order_id(entry.order))
            return
        claim = self._active(entry.hold, entry.at_ms, "ordered")
        if claim is not None:
            claim.order, claim.ordered_at_ms = entry.order, entry.at_ms
            self.orders[entry.order] = OrderLine(entry.hold)

    def _order_confirmed(self, entry: e.OrderConfirmed) -> None:
        self._use_key(entry, "confirmation of order", entry.order)
        order = self._order_in(entry.order, (OrderStatus.PENDING,), "confirmed")
        if order is None:
            return
        claim = self.claims[order.hold]
        self._check_in_time(claim, entry.at_ms, "confirmed")
        order.status, order.tickets, claim.sold = OrderStatus.CONFIRMED, claim.quantity, True
        self._held -= claim.quantity
        self._sold += claim.quantity
        self.units.sell(order.hold, claim.placed.seats, claim.placed.areas)

    def _order_cancelled(self, entry: e.OrderCancelled) -> None:
        self._use_key(entry, "cancellation of order", entry.order)
        order = self._order_in(entry.order, (OrderStatus.PENDING, OrderStatus.CONFIRMED), "cancelled")
        if order is None:
            return
        if order.status is OrderStatus.PENDING:
            self._check_in_time(self.claims[order.hold], entry.at_ms, "cancelled")
        self._end_order(entry.order, OrderStatus.CANCELLED, entry.at_ms)

    def _order_expired(self, entry: e.OrderExpired) -> None:
        order = self._order_in(entry.order, (OrderStatus.PENDING,), "expired")
        if order is None:
            return
        self._check_overdue(self.claims[order.hold], entry.at_ms)
        self._end_order(entry.order, OrderStatus.EXPIRED, entry.at_ms)

    def _active(self, number: int, at_ms: int | None, done: str) -> Claim | None:
        """The active hold, if it is one; `at_ms`: must be before its deadline."""
        claim = self.claims.get(number)
        if claim is None:
            known = number in self._ended_at_ms
            fault = Fault.HOLD_NOT_ACTIVE if known else Fault.HOLD_UNKNOWN
            self._found(fault, f"{self._hold_id(number)} is {done}")
            return None
        if claim.order:
            self._found(
                Fault.HOLD_NOT_ACTIVE,
                f"{self._hold_id(number)} is {done}, but belongs to {self._order_id(claim.order)}",
            )
            return None
        if at_ms is not None:
            self._check_in_time(claim, at_ms, done)
        return claim

    def _order_in(self, number: int, statuses: tuple[OrderStatus, ...], done: str) -> OrderLine | None:
        order = self.orders.get(number)
        status = order.status if order is not None else self._ended_orders.get(number)
        if status is None:
            self._found(Fault.ORDER_UNKNOWN, f"{self._order_id(number)} is {done}")
        elif status not in statuses:
            self._found(Fault.ORDER_ENDED, f"{self._order_id(number)} is {done}, but {status.name}")
            return None
        return order

    def _check_in_time(self, claim: Claim, at_ms: int, done: str) -> None:
        if at_ms >= claim.deadline_ms:
            late_ms = at_ms - claim.deadline_ms
            self._found(Fault.AFTER_DEADLINE, f"{self._name_of(claim)} is {done} {late_ms} ms after its deadline")

    def _check_overdue(self, claim: Claim, at_ms: int) -> None:
        if at_ms < claim.deadline_ms:
            self._found(Fault.BEFORE_DEADLINE, f"{self._name_of(claim)} has {claim.deadline_ms - at_ms} ms left")

    def _name_of(self, claim: Claim) -> str:
        return self._order_id(claim.order) if claim.order else self._hold_id(claim.placed.hold)

    def _set_deadline(self, hold: int, claim: Claim, deadline_ms: int) -> None:
        claim.deadline_ms = deadline_ms
        self._overdue.note(deadline_ms, hold)

    def _unsold_deadline_ms(self, hold: int) -> int | None:
        claim = self.claims.get(hold)
        return None if claim is None or claim.sold else claim.deadline_ms

    def _end_order(self, number: int, status: OrderStatus, at_ms: int) -> None:
        order = self.orders.pop(number)
        self._ended_orders[number] = status
        self._end(order.hold, at_ms)

    def _end(self, hold: int, at_ms: int) -> None:
        claim = self.claims.pop(hold)
        self._ended_at_ms[hold] = claim.ordered_at_ms or at_ms
        if claim.sold:
            self._sold -= claim.quantity
        else:
            self._held -= claim.quantity
        was = UnitStatus.SOLD if claim.sold else UnitStatus.HELD
        self.units.give_back(hold, claim.placed.seats, claim.placed.areas, was)

    def _use_key(self, entry: Keyed, what: str, number: int) -> None:
        if len(entry.key) != KEY_BYTES or len(entry.fingerprint) != KEY_BYTES:
            self._found(Fault.KEY_MALFORMED, f"of {what} {number}")
        before = self._keys.use(entry, what, number)
        if before is not None:
            self._found(Fault.KEY_USED_TWICE, f"{entry.key.hex()} for {what} {number}, after {before}")

    def _hold_ends_ms(self, number: int) -> int:
        claim = self.claims.get(number)
        if claim is None:
            return self._ended_at_ms.get(number, 0)
        return claim.ordered_at_ms or claim.deadline_ms

    def _hold_id(self, number: int) -> str:
        return id_of(HOLD, self._block, number)

    def _order_id(self, number: int) -> str:
        return id_of(ORDER, self._block, number)

    def _found(self, fault: Fault, sentence: str) -> None:
        self.findings.append(Finding(self._block, self._position, fault, sentence))


def _owed(placed: e.HoldPlaced) -> tuple[object, ...]:
    return placed.buyer, placed.seats, placed.areas, placed.prices, placed.charges, placed.once


_FOLD: dict[type, Callable[[Ledger, Any], None]] = {
    e.Activated: Ledger._activated,
    e.EventCreated: Ledger._event_created,
    e.SaleOpened: Ledger._sale_opened,
    e.HoldPlaced: Ledger._hold_placed,
    e.HoldExtended: Ledger._hold_extended,
    e.HoldReleased: Ledger._hold_released,
    e.HoldExpired: Ledger._hold_expired,
    e.OrderPlaced: Ledger._order_placed,
    e.OrderConfirmed: Ledger._order_confirmed,
    e.OrderCancelled: Ledger._order_cancelled,
    e.OrderExpired: Ledger._order_expired,
}
