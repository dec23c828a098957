"""The auditor's own fold of a block's entries, and every rule that an entry must keep.

Shares nothing with the core but the entry structs. An entry that breaks a rule is reported and folded as far as it
makes sense, so that one fault does not hide the next.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import Any, TypeAlias

import msgspec

from actors.audit import corrections, desks, events, holds, legs, orders, tickets, waiting
from actors.audit.books import Books
from actors.audit.findings import Fault
from actors.audit.rules import FIRST_ALLOTMENT
from actors.core import entries as e


class Ledger:
    """One block, folded entry by entry into `books`."""

    def __init__(self, block: str) -> None:
        self.books = Books(block)
        self.entry_count = 0
        self._epoch = -1
        self._last_at_ms = 0
        self.written_at_ms = 0  # of the last entry that bears the block's clock
        self._off_by: tuple[int, ...] = (0, 0, 0)

    def fold(self, entry: e.Entry, position: int, epoch: int, *, is_struck: bool = False) -> None:
        """Fold one more entry in, of the row at `position`, written under `epoch`; if it is struck, its time alone."""
        books = self.books
        books.position = position
        owner_is_new, self._epoch = epoch > self._epoch, max(epoch, self._epoch)
        self.entry_count += 1
        if is_struck:
            corrections.check_struck(books, entry)
        if isinstance(entry, e.Activated):  # an activation bears its shard's clock, the others the block's
            self._last_at_ms = max(self._last_at_ms, entry.at_ms)
            self._activated(entry, owner_is_new=owner_is_new)
            return
        kind = type(entry).__name__
        if entry.at_ms < self._last_at_ms:
            books.found(Fault.TIME_WENT_BACK, f"{kind} is {self._last_at_ms - entry.at_ms} ms back")
        if isinstance(entry, e.Corrected):
            corrections.check_quarantine(books, entry, self.written_at_ms)
        self.written_at_ms = max(self.written_at_ms, entry.at_ms)
        self._last_at_ms = max(self._last_at_ms, entry.at_ms)
        if is_struck:
            return
        begins = isinstance(entry, e.EventCreated | e.EventFollowed | e.BasketIntended | e.LegBarred | e.Corrected)
        if books.event is None and not begins and not (books.desk.tenant and isinstance(entry, _AtDesk)):
            books.found(Fault.EVENT_ILLEGAL, f"{kind} before there is an event, or a desk where there can be none")
            if isinstance(entry, e.EventEdited | e.AllotmentReturned):
                return
        if books.split.home and isinstance(entry, e.EventCreated | e.SaleOpened | e.StatusChanged | e.EventEdited):
            books.found(Fault.EVENT_ILLEGAL, f"{kind} of what is a part of {books.split.home}")
            return
        if books.split.is_divided and isinstance(entry, e.HoldPlaced | e.WaiterJoined):
            books.found(Fault.HELD_ALONE, f"{kind} in a block of an event that is split")
        _FOLD[type(entry)](books, entry)

    def check_row(self) -> None:
        """After a row: the two books agree, nothing is below zero, and nothing lives for ever."""
        books = self.books
        available, held, sold = books.units.counts()
        capacity = books.plan.capacity
        off_by = (held - books.held, sold - books.sold, available + books.held + books.sold - capacity)
        if (any(off_by) and off_by != self._off_by) or min(available, held, sold) < 0:
            books.found(
                Fault.UNITS_DO_NOT_ADD_UP,
                f"of {capacity} units {available} are available, {held} held, {sold} sold; "
                f"holds claim {books.held} and have sold {books.sold}",
            )
        self._off_by = off_by
        late = books.overdue.left_behind(self._last_at_ms)
        if late is not None:
            books.found(Fault.NEVER_EXPIRED, f"{books.name_of(books.claims[late])} still has its units")
        placing = books.placings.left_behind(self._last_at_ms)
        if placing is not None:
            books.found(Fault.NEVER_EXPIRED, f"{books.hold_id(placing)} is still being placed")
        kept = books.returns.left_behind(self._last_at_ms)
        if kept is not None:
            books.found(Fault.NEVER_RETURNED, kept or "accessible seats")

    def digest(self) -> bytes:
        """32 bytes over what is owed, as `actors/core/snapshot.py` documents the ledger digest."""
        books = self.books
        held = [
            (number, *_owed(claim.placed), claim.placed.channel, claim.deadline_ms)
            for number, claim in sorted(books.claims.items())
            if not claim.sold
        ]
        ordered = [
            (
                number, order.hold, int(order.status), order.revisions, order.holders,
                [(lot.entry.seats, lot.entry.areas, lot.entry.prices, lot.entry.charges) for lot in order.exchanges],
            )
            for number, order in sorted(books.orders.items())
        ]  # fmt: skip
        areas = [(places.held, places.sold) for places in books.units.areas]
        waiters = [(number, waited.buyer) for number, waited in books.line.items()]
        name = "" if books.event is None else books.event.name
        statuses = books.units.owed_statuses(FIRST_ALLOTMENT)
        owed = (books.tenant, name, int(books.status), statuses, areas, held, ordered, waiters)
        return blake2b(msgspec.msgpack.encode(owed), digest_size=32).digest()

    def _activated(self, entry: e.Activated, *, owner_is_new: bool) -> None:
        for lateness in (self.books.overdue, self.books.placings, self.books.returns):
            if owner_is_new:
                lateness.begin_anew()
            else:
                lateness.go_on(self._last_at_ms)
        holds.check_outage(self.books, entry, owner_is_new=owner_is_new, written_at_ms=self.written_at_ms)


def _owed(placed: e.HoldPlaced) -> tuple[object, ...]:
    return placed.buyer, placed.seats, placed.areas, placed.prices, placed.charges, placed.once


_AtDesk: TypeAlias = (
    e.BasketSettled
    | e.BasketDropped
    | e.LegAcknowledged
    | e.ExchangeIntended
    | e.ExchangeSettled
    | e.ExchangeDropped
    | e.HoldExtended
    | e.HoldReleased
    | e.HoldExpired
    | e.OrderPlaced
    | e.OrderConfirmed
    | e.OrderCancelled
    | e.OrderExpired
    | e.OrderClosed
    | e.TicketsCancelled
    | e.TicketReassigned
)
"""What can be journaled, beside what begins, where there is no event."""

_FOLD: dict[type, Callable[[Books, Any], None]] = {
    e.EventCreated: events.fold_created,
    e.SaleOpened: events.fold_sale_opened,
    e.StatusChanged: events.fold_status_changed,
    e.EventEdited: events.fold_edited,
    e.AllotmentReturned: events.fold_returned,
    e.EventFollowed: events.fold_followed,
    e.PartFollowed: events.fold_part_followed,
    e.HoldPlaced: holds.fold_placed,
    e.HoldExtended: holds.fold_extended,
    e.HoldReleased: holds.fold_released,
    e.HoldExpired: holds.fold_expired,
    e.OrderPlaced: orders.fold_placed,
    e.OrderConfirmed: orders.fold_confirmed,
    e.OrderCancelled: orders.fold_cancelled,
    e.OrderExpired: orders.fold_expired,
    e.OrderClosed: orders.fold_closed,
    e.TicketsCancelled: tickets.fold_cancelled,
    e.TicketsExchanged: tickets.fold_exchanged,
    e.TicketReassigned: tickets.fold_reassigned,
    e.WaiterJoined: waiting.fold_joined,
    e.WaiterLeft: waiting.fold_left,
    e.BasketIntended: desks.fold_intended,
    e.BasketSettled: desks.fold_settled,
    e.BasketDropped: desks.fold_dropped,
    e.LegAcknowledged: desks.fold_acknowledged,
    e.ExchangeIntended: desks.fold_exchange_intended,
    e.ExchangeSettled: desks.fold_exchange_settled,
    e.ExchangeDropped: desks.fold_exchange_dropped,
    e.LegPinned: legs.fold_pinned,
    e.LegBooked: legs.fold_booked,
    e.LegReleased: legs.fold_released,
    e.LegBarred: legs.fold_barred,
    e.Corrected: corrections.fold_corrected,
}
