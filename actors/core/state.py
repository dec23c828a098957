"""What a block knows: its event, holds, orders and remembered keys, and what is derived from them for speed.

Only `apply` (see `block`) changes a state. The derived parts (`index`, `inventory`, the heaps) are rebuilt from the
others when a snapshot is restored, so they never decide anything that the rest does not.
"""

from collections import deque
from collections.abc import Iterator
from heapq import heapify, heappop, heappush

import msgspec

from actors.core.ids import Kind
from actors.core.inventory import Inventory
from actors.core.layout import Layout, LayoutIndex
from actors.core.replies import EventStatus, HoldStatus, OrderStatus

_FEW_DEADLINES = 1_000


class Hold(msgspec.Struct, array_like=True, gc=False):
    """A hold. Seats and areas are indices; `prices` are (category, quantity, unit price), frozen.

    `keys` are remembered keys that get their due time when the hold ends.
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


class Order(msgspec.Struct, array_like=True, gc=False):
    """An order; its units, prices and deadline are those of its hold.

    `code_revisions`: one per ticket from confirmation on, for ever: a cancelled order that was paid still has them.
    """

    number: int
    hold: int
    placed_at_ms: int
    status: OrderStatus = OrderStatus.PENDING
    code_revisions: tuple[int, ...] = ()

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
        self.ended: deque[tuple[int, int]] = deque()  # (when, hold): of holds that came to nothing, to be forgotten
        self.index = LayoutIndex(Layout("", (), (), ()))
        self.inventory = Inventory(self.index)
        self.deadlines: list[tuple[int, int]] = []  # heap of (deadline, hold); some are stale, none is there twice
        self._most_deadlines = _FEW_DEADLINES
        self.memo_dues: list[tuple[int, bytes]] = []  # heap of (due, key); exactly one per memo with a due time

    def set_layout(self, layout: Layout) -> None:
        """Give the block its units, all available."""
        self.layout = layout
        self.index = LayoutIndex(layout)
        self.inventory = Inventory(self.index)

    def claims_units(self, hold: Hold) -> bool:
        """Whether the hold's units are held until its deadline: it is active, or its order is not paid yet."""
        if hold.status is HoldStatus.ACTIVE:
            return True
        return hold.order != 0 and self.orders[hold.order].status is OrderStatus.PENDING

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

    def overdue(self, at_ms: int) -> Iterator[Hold]:
        """The holds whose deadline has come, earliest first; costs as much as is looked at, and changes nothing.

        Walks the heap from its root: what may come next waits in a small heap of (deadline, hold, place in the heap).
        """
        ahead = [(*self.deadlines[0], 0)] if self.deadlines else []
        while ahead:
            due_ms, number, place = heappop(ahead)
            if due_ms > at_ms:
                return
            for below in range(2 * place + 1, min(2 * place + 3, len(self.deadlines))):
                heappush(ahead, (*self.deadlines[below], below))
            hold = self._waiting(due_ms, number)
            if hold is not None:
                yield hold

    def _waiting(self, due_ms: int, number: int) -> Hold | None:
        """The hold, if this is its deadline and it still claims units."""
        hold = self.holds.get(number)
        return hold if hold is not None and hold.expires_at_ms == due_ms and self.claims_units(hold) else None

    def _drop_stale_deadlines(self) -> None:
        """Holds that end early leave their deadlines behind; this keeps them fewer than those that count."""
        self.deadlines = [due for due in self.deadlines if self._waiting(*due) is not None]
        heapify(self.deadlines)
        self._most_deadlines = 2 * len(self.deadlines) + _FEW_DEADLINES
