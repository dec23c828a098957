"""What a block knows: its event, holds, orders and remembered keys, and what is derived from them for speed.

Only `apply` (see `block`) changes a state. The derived parts (`index`, `inventory`, `buyers`, the heaps) are rebuilt
from the others when a snapshot is restored, so they never decide anything that the rest does not, but how far a look at
what is overdue goes: stale deadlines count (see `ground`).
"""

from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from heapq import heapify, heappop, heappush
from typing import NamedTuple

import msgspec

from actors.core.buyers import Buyers
from actors.core.desk_state import Desk
from actors.core.due_heap import DueHeap
from actors.core.ids import Kind
from actors.core.inventory import Inventory
from actors.core.layout import Layout
from actors.core.layout_index import LayoutIndex
from actors.core.layout_versions import LayoutVersions, with_units_of
from actors.core.parts import Part, layout_of_home
from actors.core.replies import EventStatus, HoldStatus, OrderStatus, WaiterStatus
from actors.core.rules import Rules
from actors.core.seat_finders import SeatFinders
from actors.core.waiting_line import WaitingLine
from actors.core.wishes import Wish

_FEW_DEADLINES = 1_000


class Units(NamedTuple):
    """Units by the numbers of the present layout, and the channel through which they were had."""

    seats: tuple[int, ...]
    areas: tuple[tuple[int, int], ...]
    channel: str = ""


class Lot(msgspec.Struct, array_like=True, gc=False):
    """Units with their prices, frozen when they were held or exchanged.

    `seats` are numbers of seats and slots and `areas` (area, quantity), both of layout version `layout`. `prices` are
    (price point, quantity, unit price), `charges` theirs, `once` what is charged for the whole, all by layout version
    `priced`; see `pricing`. `lines`: which of the prices is that of each of `seats`, then of each of `areas`; empty if
    there is but one. `channel`: through which they were had, or empty. `chosen`: as of a `Hold`.
    """

    seats: tuple[int, ...]
    areas: tuple[tuple[int, int], ...]
    prices: tuple[tuple[int, int, int], ...]
    lines: tuple[int, ...] = ()
    charges: tuple[tuple[int, ...], ...] = ()
    once: tuple[int, ...] = ()
    layout: int = 1
    priced: int = 1
    channel: str = ""
    chosen: tuple[tuple[int, int], ...] = ()


class Hold(msgspec.Struct, array_like=True, gc=False):
    """A hold, with a `Lot` of its own spelt out, as there are many.

    `keys` are remembered keys that get their due time when the hold ends. `channel`: through which it was placed, or
    empty. `chosen`: (score, orphans) of each choice that was left to us. `waiter`: whom it was offered to, or 0.
    """

    number: int
    buyer: str
    seats: tuple[int, ...]
    areas: tuple[tuple[int, int], ...]
    prices: tuple[tuple[int, int, int], ...]
    expires_at_ms: int
    max_expires_at_ms: int
    status: HoldStatus = HoldStatus.ACTIVE
    order: int = 0
    keys: tuple[bytes, ...] = ()
    lines: tuple[int, ...] = ()
    charges: tuple[tuple[int, ...], ...] = ()
    once: tuple[int, ...] = ()
    layout: int = 1
    priced: int = 1
    channel: str = ""
    chosen: tuple[tuple[int, int], ...] = ()
    waiter: int = 0


class Order(msgspec.Struct, array_like=True, gc=False):
    """An order; its units and prices are those of its hold, then those of `exchanged`, and its deadline is the hold's.

    `code_revisions`: one per ticket from confirmation on, for ever; 0: the ticket is void. `holders`: (ticket, who has
    it) of those that were reassigned.
    """

    number: int
    hold: int
    placed_at_ms: int
    status: OrderStatus = OrderStatus.PENDING
    code_revisions: tuple[int, ...] = ()
    exchanged: tuple[Lot, ...] = ()
    holders: tuple[tuple[int, str], ...] = ()

    @property
    def was_paid(self) -> bool:
        """Whether it ever was confirmed, whatever became of it since."""
        return bool(self.code_revisions)


class Memo(msgspec.Struct, array_like=True, gc=False):
    """What an idempotency key stood for, until `due_ms`; 0: as long as the event, or until its hold ends."""

    fingerprint: bytes
    kind: Kind
    number: int
    due_ms: int


class Waiter(msgspec.Struct, array_like=True, gc=False):
    """Somebody in the waiting list. `hold`: what was offered, or 0."""

    number: int
    buyer: str
    wish: Wish
    joined_at_ms: int
    status: WaiterStatus = WaiterStatus.WAITING
    hold: int = 0


class Leg(msgspec.Struct, array_like=True, gc=False):
    """A leg of a basket: whose, and what the desk last had done to it. Its units are those of a hold of this number.

    `instead`: the legs and tickets of this block that are given back when it is booked. `ask_at_ms`: when to ask the
    desk, unless it has said more by then; 0: never.
    """

    number: int
    desk: str
    basket: int
    revision: int
    instead: tuple[tuple[int, tuple[int, ...]], ...]
    ask_at_ms: int


class BlockState:
    """One block in memory. `layout` is None until the event is created."""

    def __init__(self) -> None:
        self.tenant = ""
        self.name = ""
        self.status = EventStatus.DRAFT
        self.was_cancelled = False  # the event, whatever it has become since
        self.revision = 0  # grows with every change of the event itself
        self.layout: Layout | None = None
        self.layout_version = 0
        self.versions = LayoutVersions()
        self.parts: dict[Part, int] = {}  # of an event that is split; which revision of it each knows
        self.whole: Layout | None = None  # with what the parts have, if there are parts
        self.home = ""  # of the event of which this is a part
        self.rules = Rules()
        self.returned: set[str] = set()  # the allotments that are for everybody now; empty: the accessible seats
        self.next_return: tuple[int, str] | None = None  # when the next one will be
        self.hold_ttl_ms = 0
        self.created_at_ms = 0
        self.last_at_ms = 0  # the time of the newest entry: time never runs backwards in a block
        self.entries_applied = 0
        self.quarantines_ended = 0  # the number of the last quarantine that was ended
        self.holds: dict[int, Hold] = {}
        self.orders: dict[int, Order] = {}
        self.memos: dict[bytes, Memo] = {}
        self.paid_order_count = 0  # those that ever were; they stay
        self.waiters: dict[int, Waiter] = {}
        self.gone_waiters: deque[tuple[int, int]] = deque()  # (when, waiter): of those who wait no longer
        self.ended: deque[tuple[int, int]] = deque()  # (when, hold): of holds that came to nothing, to be forgotten
        self.index = self.versions.present
        self.inventory = Inventory(self.index)
        self.seat_finders = SeatFinders(self.index, self.inventory)
        self._seat_finders_of_all: SeatFinders | None = None
        self.line = WaitingLine()
        self.desk = Desk()
        self.legs: dict[int, Leg] = {}  # by number, which is also that of their hold and of their order
        self.asking = OrderedDict[int, Leg]()  # those with a time to ask their desk, the last to get one last
        self.ask_count = 0  # how often a leg got such a time; only its growth means anything
        self.barred: dict[int, tuple[int, int]] = {}  # legs that came to nothing before they came: (revision, until)
        self.buyers = Buyers()
        self.deadlines: list[tuple[int, int]] = []  # heap of (deadline, hold); some are stale, none is there twice
        self._most_deadlines = _FEW_DEADLINES
        self._ask_dues = DueHeap(self.asking, lambda leg: leg.ask_at_ms)
        self.memo_dues: list[tuple[int, bytes]] = []  # heap of (due, key); exactly one per memo with a due time

    def known_finders(self) -> Iterator[SeatFinders]:
        """Those of best seats that there are so far."""
        return filter(None, (self.seat_finders, self._seat_finders_of_all))

    def set_event_layout(self, layout: Layout, version: int) -> None:
        """Give the event its layout, and the block what its parts do not have of that."""
        self.set_layout(self._without_parts(layout), version)

    def set_layout(self, layout: Layout, version: int) -> None:
        """Give the block its units, all available and in no allotment."""
        self._use_layout(layout, version)
        self.inventory = Inventory(self.index)
        self.seat_finders = SeatFinders(self.index, self.inventory)
        self.buyers.clear()

    def reprice(self, layout: Layout, version: int) -> None:
        """Give the event a layout of the same units, of which everybody keeps what is theirs."""
        self._use_layout(self._without_parts(layout), version)
        self.inventory.capacities = [area.capacity for area in self.index.layout.areas]
        self.seat_finders = SeatFinders(self.index, self.inventory)

    def _use_layout(self, layout: Layout, version: int) -> None:
        self.index = self.versions.use(layout, version)
        self.layout = self.index.layout
        self.layout_version = version
        self._seat_finders_of_all = None
        self.line.forgive()

    def _without_parts(self, layout: Layout) -> Layout:
        """What no part has of the event's new layout."""
        if not self.parts:
            return layout
        self.whole = layout if self.whole is None else with_units_of(self.whole, layout)
        return layout_of_home(self.whole, tuple(self.parts))

    @property
    def layouts(self) -> Mapping[int, Layout]:
        """By version, those that something still refers to, the present one last."""
        return self.versions.layouts

    def set_rules(self, rules: Rules, at_ms: int) -> None:
        """Sell on these rules from now on."""
        self.rules = rules
        self.line.forgive()
        over = {allotment.name for allotment in rules.allotments if 0 < allotment.returns_at_ms <= at_ms}
        self.returned = over | ({""} if 0 < rules.accessible_until_ms <= at_ms else set())

    def let_ask(self, leg: Leg, at_ms: int) -> None:
        """The leg asks its desk at this time; 0: never."""
        leg.ask_at_ms = at_ms
        self.asking.pop(leg.number, None)
        if not at_ms:
            return
        self.asking[leg.number] = leg
        self.ask_count += 1
        self._ask_dues.push(leg.number)

    def next_ask_ms(self) -> int | None:
        """When the first leg asks its desk, or None."""
        leg = self._ask_dues.first()
        return None if leg is None else leg.ask_at_ms

    def index_of(self, version: int) -> LayoutIndex:
        """The units of a layout version that something refers to."""
        return self.versions.index_of(version)

    def units_now(self, lot: Hold | Lot) -> Units:
        """The lot's units by the present layout's numbers; those that it no longer has are left out."""
        if (
            lot.layout == self.layout_version
            or not (lot.seats or lot.areas)
            or self.versions.has_same_units(lot.layout)
        ):
            return Units(lot.seats, lot.areas, lot.channel)
        before, areas = self.index_of(lot.layout), self.index.area_of_name
        seats = (self.index.find_unit(before.unit_name(seat)) for seat in lot.seats)
        named = ((before.layout.areas[area].name, quantity) for area, quantity in lot.areas)
        return Units(
            tuple(found[0] for found in seats if found is not None),
            tuple((areas[name], quantity) for name, quantity in named if name in areas),
            lot.channel,
        )

    @property
    def seat_finders_of_all(self) -> SeatFinders:
        """As `seat_finders`, of a house of which nobody has anything, and nothing is set aside."""
        if self._seat_finders_of_all is None:
            self._seat_finders_of_all = SeatFinders(self.index, Inventory(self.index))
        return self._seat_finders_of_all

    @property
    def live_hold_count(self) -> int:
        """How many holds are neither over nor paid for: those of unpaid orders count, legs too."""
        return len(self.holds) - len(self.ended) - self.paid_order_count

    @property
    def is_divided(self) -> bool:
        """Whether other blocks have units of the same event, so that all that is held of it is a basket's."""
        return bool(self.parts or self.home)

    @property
    def is_ledger(self) -> bool:
        """Whether it has no units of an event, and counts what buyers have."""
        return bool(self.home) and not self.index.layout.sections

    @property
    def parts_behind(self) -> list[Part]:
        """The parts that do not know yet what became of the event."""
        return [part for part, revision in self.parts.items() if revision < self.revision]

    def claims_units(self, hold: Hold) -> bool:
        """Whether the hold's units are held until its deadline: it is active, or its order is not paid yet."""
        if hold.status is HoldStatus.ACTIVE:
            return True
        return hold.order != 0 and self.orders[hold.order].status is OrderStatus.PENDING

    def claim(self, hold: Hold, units: Units) -> None:
        """The hold takes these units, which must be available."""
        self.inventory.claim(hold.number, *units)
        self.seat_finders.touch(units.seats)
        self.count_buyer(hold, units, 1, is_sold=False)

    def sell(self, hold: Hold, units: Units) -> None:
        """These units, all that the hold has and are not sold, are sold."""
        self.inventory.sell(hold.number, units.seats, units.areas)
        self.buyers.conclude(hold.buyer, hold.number)

    def give_back(self, hold: Hold, units: Units, *, were_sold: bool) -> None:
        """These units of the hold are available again: some that were sold, or all that are not."""
        self.inventory.give_back(hold.number, *units, were_sold=were_sold)
        self.seat_finders.touch(units.seats)
        self.count_buyer(hold, units, -1, is_sold=were_sold)
        self.line.came_back(hold.buyer)

    def clear_claims(self) -> None:
        """All units are available again, whoever had them."""
        self.inventory.clear()
        self.seat_finders.forget()
        self.buyers.clear()
        self.line.forgive()

    def end_waiting(self, waiter: Waiter, status: WaiterStatus, at_ms: int, hold: int = 0) -> None:
        """The waiter waits no longer: it has left, or is offered a hold."""
        assert waiter.status is WaiterStatus.WAITING, "a waiter ends once"
        self.line.leave(waiter.number, waiter.wish)
        waiter.status, waiter.hold = status, hold
        self.gone_waiters.append((at_ms, waiter.number))

    def count_buyer(self, hold: Hold, units: Units, sign: int, *, is_sold: bool) -> None:
        """The hold's buyer has these units more, or fewer."""
        if self.rules.max_per_buyer and hold.buyer:
            count = len(units.seats) + sum(quantity for _, quantity in units.areas)
            self.buyers.count(hold.buyer, sign * count, 0 if is_sold else hold.number)

    def forget(self, number: int) -> None:
        """A hold that came to nothing is not known any more, nor is what belonged to it."""
        hold = self.holds.pop(number)
        if hold.order:
            del self.orders[hold.order]
        self.desk.forget(number)
        self.legs.pop(number, None)

    def push_memo_due(self, due_ms: int, key: bytes) -> None:
        """Forget the remembered key from `due_ms` on."""
        heappush(self.memo_dues, (due_ms, key))

    def pop_memo_due(self) -> bytes:
        """The key whose time is over first."""
        return heappop(self.memo_dues)[1]

    def push_deadline(self, hold: Hold) -> None:
        """Remember that the hold has a deadline that it did not have before."""
        if len(self.deadlines) >= self._most_deadlines:
            self._drop_stale_deadlines()
        heappush(self.deadlines, (hold.expires_at_ms, hold.number))

    def next_deadline(self) -> tuple[int, Hold] | None:
        """The earliest deadline and its hold. Drops stale heap entries, which changes nothing that counts."""
        while self.deadlines:
            hold = self._waiting(*self.deadlines[0])
            if hold is not None:
                return hold.expires_at_ms, hold
            heappop(self.deadlines)
        return None

    def overdue(self, at_ms: int) -> Iterator[Hold | None]:
        """The deadlines that have come, earliest first: each one's hold, or None if it is stale. Changes nothing.

        Walks the heap from its root: what may come next waits in a small heap of (deadline, hold, place in the heap).
        """
        ahead = [(*self.deadlines[0], 0)] if self.deadlines else []
        while ahead:
            due_ms, number, place = heappop(ahead)
            if due_ms > at_ms:
                return
            for below in range(2 * place + 1, min(2 * place + 3, len(self.deadlines))):
                heappush(ahead, (*self.deadlines[below], below))
            yield self._waiting(due_ms, number)

    def _waiting(self, due_ms: int, number: int) -> Hold | None:
        """The hold, if this is its deadline and it still claims units."""
        hold = self.holds.get(number)
        return hold if hold is not None and hold.expires_at_ms == due_ms and self.claims_units(hold) else None

    def _drop_stale_deadlines(self) -> None:
        """Holds that end early leave their deadlines behind; this keeps them fewer than those that count."""
        self.deadlines = [due for due in self.deadlines if self._waiting(*due) is not None]
        heapify(self.deadlines)
        self._most_deadlines = 2 * len(self.deadlines) + _FEW_DEADLINES
