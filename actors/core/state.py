"""What a block knows: its event, holds, orders and remembered keys, and what is derived from them for speed.

Only `apply` (see `block`) changes a state. The derived parts (`index`, `inventory`, the heaps) are rebuilt from the
others when a snapshot is restored, so they never decide anything that the rest does not.
"""

from collections import deque
from heapq import heappop, heappush

import msgspec

from actors.core.ids import Kind
from actors.core.inventory import Inventory
from actors.core.layout import Layout, LayoutIndex
from actors.core.replies import EventStatus, HoldStatus, OrderStatus


class Hold(msgspec.Struct, array_like=True, gc=False):
    """A hold. Seats and areas are indices; `prices` are (category, quantity, unit price), frozen."""

    number: int
    buyer: str
    seats: tuple[int, ...]
    areas: tuple[tuple[int, int], ...]
    prices: tuple[tuple[int, int, int], ...]
    expires_at_ms: int
    max_expires_at_ms: int
    status: HoldStatus = HoldStatus.ACTIVE
    order: int = 0
    ended_at_ms: int = 0


class Order(msgspec.Struct, array_like=True, gc=False):
    """An order; its units, prices and deadline are those of its hold. `code_revisions`: one per ticket."""

    number: int
    hold: int
    placed_at_ms: int
    status: OrderStatus = OrderStatus.PENDING
    code_revisions: tuple[int, ...] = ()


class Memo(msgspec.Struct, array_like=True, gc=False):
    """What an idempotency key stood for. Looked at again at `due_ms`; 0: kept for ever."""

    fingerprint: bytes
    kind: Kind
    number: int
    due_ms: int


class BlockState:
    """One block in memory. `layout` is None until the event is created."""

    def __init__(self) -> None:
        self.tenant = ""
        self.name = ""
        self.status = EventStatus.DRAFT
        self.layout: Layout | None = None
        self.hold_ttl_ms = 0
        self.created_at_ms = 0
        self.last_at_ms = 0  # the time of the newest entry: time never runs backwards in a block
        self.entries_applied = 0
        self.holds: dict[int, Hold] = {}
        self.orders: dict[int, Order] = {}
        self.memos: dict[bytes, Memo] = {}
        self.ended: deque[int] = deque()  # holds without an order, in the order in which they ended
        self._derive()

    def _derive(self) -> None:
        self.index = LayoutIndex(self.layout or Layout("", (), (), ()))
        self.inventory = Inventory(self.index)
        self.deadlines: list[tuple[int, int]] = []  # heap of (deadline, hold); stale ones are skipped
        self.memo_dues: list[tuple[int, bytes]] = []  # heap of (due, key); exactly one per memo with a due time

    def set_layout(self, layout: Layout) -> None:
        """Give the block its units, all available."""
        self.layout = layout
        self._derive()
        for key, memo in self.memos.items():
            if memo.due_ms:
                self.push_memo_due(memo.due_ms, key)

    def claims_units(self, hold: Hold) -> bool:
        """Whether the hold's units are held until its deadline: it is active, or its order is not paid yet."""
        if hold.status is HoldStatus.ACTIVE:
            return True
        return hold.order != 0 and self.orders[hold.order].status is OrderStatus.PENDING

    def push_memo_due(self, due_ms: int, key: bytes) -> None:
        """Look at the remembered key again at `due_ms`."""
        heappush(self.memo_dues, (due_ms, key))

    def pop_memo_due(self) -> None:
        """Drop the earliest look."""
        heappop(self.memo_dues)

    def push_deadline(self, hold: Hold) -> None:
        """Remember that the hold has a (new) deadline."""
        heappush(self.deadlines, (hold.expires_at_ms, hold.number))

    def next_deadline(self) -> tuple[int, Hold] | None:
        """The earliest deadline and its hold. Drops stale heap entries, which changes nothing that counts."""
        while self.deadlines:
            due_ms, number = self.deadlines[0]
            hold = self.holds.get(number)
            if hold is not None and hold.expires_at_ms == due_ms and self.claims_units(hold):
                return due_ms, hold
            heappop(self.deadlines)
        return None
