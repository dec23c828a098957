"""What the auditor knows of a block while it folds its entries, and how it says what is wrong.

Beside the book of units (see `units`) this is the second one, kept by hold and order; for baskets see `basket_books`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum

import msgspec

from actors.audit.basket_books import Desk, LegAtBlock
from actors.audit.findings import Fault, Finding
from actors.audit.ids import HOLD, ORDER, WAITER, id_of
from actors.audit.keys import KEY_BYTES, KeyBook, Keyed
from actors.audit.overdue import Overdue
from actors.audit.plan import Plan
from actors.audit.prices import Frozen, lines_of
from actors.audit.rules import return_times_ms
from actors.audit.shelf import Shelf
from actors.audit.splits import Split
from actors.audit.units import Areas, Units, UnitStatus, in_plan
from actors.core import entries as e


class EventStatus(IntEnum):
    """The status of the event, by the number that entries and the ledger digest use."""

    DRAFT = 0
    ON_SALE = 1
    PAUSED = 2
    CLOSED = 3
    ARCHIVED = 4
    CANCELLED = 5


class OrderStatus(IntEnum):
    """The status of an order, by the number that entries and the ledger digest use."""

    PENDING = 0
    CONFIRMED = 1
    CANCELLED = 2
    EXPIRED = 3
    PARTLY_CANCELLED = 4
    COMPLETED = 5
    NO_SHOW = 6


IN_FORCE = (OrderStatus.CONFIRMED, OrderStatus.PARTLY_CANCELLED)


class Lot(msgspec.Struct, frozen=True, gc=False):
    """Units as an entry has them: by the numbers and prices of a plan that may not be the event's any more."""

    entry: Frozen
    plan: Plan

    @property
    def quantity(self) -> int:
        """How many units it is of."""
        return len(self.entry.seats) + sum(quantity for _, quantity in self.entry.areas)


class Claim(msgspec.Struct, gc=False):
    """A hold that has units, as many as `quantity` by now; `sold`: its order is paid.

    Of a basket, none: its legs have them. `leg`: it is the hold of a leg, which its desk ends, and no time does;
    `given`: of a leg, those (claims, tickets) that it is pinned instead of, void by now or not.
    """

    placed: e.HoldPlaced
    lot: Lot
    quantity: int
    deadline_ms: int
    order: int = 0
    ordered_at_ms: int = 0
    sold: bool = False
    leg: LegAtBlock | None = None
    given: Sequence[tuple["Claim", "Ticket"]] = ()


class OrderLine(msgspec.Struct, gc=False):
    """An order that has units. `revisions`: of its tickets' codes, 0 of a void one. `exchanges`: what came by them."""

    hold: int
    status: OrderStatus = OrderStatus.PENDING
    revisions: list[int] = []
    holders: list[tuple[int, str]] = []
    exchanges: list[Lot] = []


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """One admission of an order: to a seat or slot, or to a place of an area, of a lot; `line`: its price there."""

    number: int
    lot: Lot
    unit: int | None
    area: int
    line: int


class Books:
    """One block, as far as it is folded. What is wrong goes to `findings`."""

    def __init__(self, block: str) -> None:
        self.findings: list[Finding] = []
        self.position = 0
        self.hold_count = 0
        self.event: e.EventCreated | None = None  # as if it had been created as it was edited since
        self.status = EventStatus.DRAFT
        self.was_cancelled = False
        self.plan = Plan()
        self.units = Units(self.plan)
        self.returned: set[str] = set()  # what was set aside under these names is for everybody
        self.claims: dict[int, Claim] = {}
        self.orders: dict[int, OrderLine] = {}
        self.line: dict[int, e.WaiterJoined] = {}  # who waits, in turn
        self.waits_of_buyer = Counter[str]()
        self.stirred = False  # something may have come back for them
        self.units_of_buyer: dict[str, int] = {}
        self.held = self.sold = 0  # what the claims add up to
        self.ended_at_ms: dict[int, int] = {}  # of holds that have no units any more
        self.ended_orders: dict[int, OrderStatus] = {}
        self.gone_waiters: set[int] = set()
        self.overdue: Overdue[int] = Overdue(self._unsold_deadline_ms)
        self.returns: Overdue[str] = Overdue(self._returns_at_ms)
        self.desk = Desk()
        self.split = Split()
        self.legs = Shelf(LegAtBlock)
        self.placings: Overdue[int] = Overdue(self.desk.place_by_ms)
        self.quarantines_ended = 0  # the number of the last one
        self.settled_position = 0  # what was found up to this row has been looked at
        self.block = block
        self._keys = KeyBook(self._hold_ends_ms)

    @property
    def tenant(self) -> str:
        """Whose block it is; empty before there is an event or a basket."""
        return self.desk.tenant if self.event is None else self.event.tenant

    def found(self, fault: Fault, sentence: str) -> None:
        """Something is wrong with the entry at hand."""
        self.findings.append(Finding(self.block, self.position, fault, sentence))

    def use_key(self, entry: Keyed, what: str, number: int) -> None:
        """The entry's key had this effect; without one is what a basket loses because an event of it is cancelled."""
        if not entry.key and not entry.fingerprint and self._ends_basket(entry):
            return
        if len(entry.key) != KEY_BYTES or len(entry.fingerprint) != KEY_BYTES:
            self.found(Fault.KEY_MALFORMED, f"of {what} {number}")
        before = self._keys.use(entry, what, number)
        if before is not None:
            self.found(Fault.KEY_USED_TWICE, f"{entry.key.hex()} for {what} {number}, after {before}")

    def key_lives(self, key: bytes, at_ms: int) -> bool:
        """Whether the key had an effect that nobody may have forgotten by then."""
        return self._keys.lives(key, at_ms)

    def forget_key(self, key: bytes) -> None:
        """The key had no effect after all."""
        self._keys.forget(key)

    def keep_key(self, key: bytes, until_ms: int) -> None:
        """The key lives until then."""
        self._keys.keep(key, until_ms)

    def hold_id(self, number: int) -> str:
        """The hold, for a person to look for."""
        return id_of(HOLD, self.block, number)

    def order_id(self, number: int) -> str:
        """The order, for a person to look for."""
        return id_of(ORDER, self.block, number)

    def waiter_id(self, number: int) -> str:
        """The waiter, for a person to look for."""
        return id_of(WAITER, self.block, number)

    def name_of(self, claim: Claim) -> str:
        """The hold, or the order that it became."""
        return self.order_id(claim.order) if claim.order else self.hold_id(claim.placed.hold)

    def set_deadline(self, claim: Claim, deadline_ms: int) -> None:
        """The hold lives until then."""
        claim.deadline_ms = deadline_ms
        self.overdue.note(deadline_ms, claim.placed.hold)

    def count_buyer(self, buyer: str, change: int) -> None:
        """The buyer has so many units more."""
        count = self.units_of_buyer.pop(buyer, 0) + change
        if count:
            self.units_of_buyer[buyer] = count

    def tickets_of(self, claim: Claim) -> Iterator[Ticket]:
        """Every ticket that the order on this hold ever had, or will have when it is confirmed."""
        number = 0
        order = self.orders.get(claim.order)
        for lot in (claim.lot, *(order.exchanges if order is not None else ())):
            for ticket in tickets_of_lot(lot, number):
                yield ticket
                number += 1

    def good_tickets(self, claim: Claim) -> list[Ticket]:
        """Those of them that are not void."""
        order = self.orders.get(claim.order)
        revisions = order.revisions if order is not None else []
        return [ticket for ticket in self.tickets_of(claim) if not revisions or revisions[ticket.number]]

    def give_back(self, claim: Claim, tickets: Iterable[Ticket]) -> None:
        """The units of these tickets are available again."""
        for ticket in tickets:
            if ticket.unit is None:
                self._give_back(claim, ticket.lot, (), ((ticket.area, 1),))
            else:
                self._give_back(claim, ticket.lot, (ticket.unit,), ())

    def seat_now(self, ticket: Ticket) -> list[int]:
        """The number of the ticket's seat or slot in the event's plan; nothing for a place of an area."""
        return [] if ticket.unit is None else in_plan(ticket.lot.plan, (ticket.unit,), (), self.plan)[0]

    def end(self, hold: int, at_ms: int) -> None:
        """The hold is over, with its order if it has one: all that it has is available again."""
        claim = self.claims[hold]
        order = self.orders.get(claim.order)
        if order is None or not (order.exchanges or 0 in order.revisions):
            self._give_back(claim, claim.lot, claim.placed.seats, claim.placed.areas)
        else:
            self.give_back(claim, self.good_tickets(claim))
        del self.claims[hold]
        if order is not None and order.revisions:  # what was given back before is another's by now
            self.desk.release_tickets(hold, [ticket for ticket, revision in enumerate(order.revisions) if revision])
        else:
            self.desk.release_all(hold)
        self.ended_at_ms[hold] = claim.ordered_at_ms or at_ms
        self.stirred = True

    def end_order(self, number: int, status: OrderStatus, at_ms: int) -> None:
        """The order came to nothing, and its hold with it."""
        self.end(self.orders[number].hold, at_ms)
        del self.orders[number]
        self.ended_orders[number] = status

    def _give_back(self, claim: Claim, lot: Lot, units: Sequence[int], areas: Areas) -> None:
        was = UnitStatus.SOLD if claim.sold else UnitStatus.HELD
        there = in_plan(lot.plan, units, areas, self.plan)
        self.units.give_back(claim.placed.hold, *there, lot.entry.channel, was)
        count = len(units) + sum(quantity for _, quantity in areas)
        claim.quantity -= count
        self.count_buyer(claim.placed.buyer, -count)
        if claim.sold:
            self.sold -= count
        else:
            self.held -= count

    def _ends_basket(self, entry: Keyed) -> bool:
        match entry:
            case e.HoldReleased():
                hold = entry.hold
            case e.OrderCancelled() | e.TicketsCancelled():
                order = self.orders.get(entry.order)
                hold = 0 if order is None else order.hold
            case _:
                hold = 0
        basket = self.desk.baskets.get(hold)
        if basket is not None:
            basket.lost_at.append(self.position)
        return basket is not None

    def _unsold_deadline_ms(self, hold: int) -> int | None:
        claim = self.claims.get(hold)
        return None if claim is None or claim.sold or claim.leg is not None else claim.deadline_ms

    def _returns_at_ms(self, allotment: str) -> int | None:
        return None if self.event is None or allotment in self.returned else return_times_ms(self.event).get(allotment)

    def _hold_ends_ms(self, number: int) -> int:
        claim = self.claims.get(number)
        if claim is None:
            return self.ended_at_ms.get(number, self.desk.place_by_ms(number) or 0)
        return claim.ordered_at_ms or claim.deadline_ms


def is_overdue(claim: Claim, at_ms: int) -> bool:
    """Whether the hold or its unpaid order is due to end by itself."""
    return claim.leg is None and not claim.sold and claim.deadline_ms <= at_ms


def tickets_of_lot(lot: Lot, first: int) -> Iterator[Ticket]:
    """The tickets of a lot, numbered from `first`: its seats and slots, then its places one by one."""
    entry = lot.entry
    lines = lines_of(lot.plan, entry) or [0] * (len(entry.seats) + len(entry.areas))
    for place, unit in enumerate(entry.seats):
        yield Ticket(first + place, lot, unit, -1, lines[place])
    number = first + len(entry.seats)
    for (area, quantity), line in zip(entry.areas, lines[len(entry.seats) :], strict=True):
        for _ in range(quantity):
            yield Ticket(number, lot, None, area, line)
            number += 1
