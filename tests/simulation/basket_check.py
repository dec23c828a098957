"""What must be so between desks and legs at every durable row, judged from the journals alone.

A desk's journal says what each leg may be: nothing or pinned while it is being placed; pinned while the basket is held;
sold with just these tickets once it is paid; nothing once it is over. A deed that is not acknowledged yet lets a leg be
still what it was before.
"""

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from actors.core import block as core
from actors.core.baskets import LegHeld
from actors.core.desk_state import Basket, tickets_by_leg
from actors.core.entries import BasketIntended, Entry, ExchangeIntended, HoldExpired, OrderExpired
from actors.core.ids import BlockId
from actors.core.orders import IN_FORCE
from actors.core.replies import HoldStatus
from actors.core.state import BlockState
from actors.journal.codec import decode_entries
from actors.journal.journal import Appended, JournalRow, NewRow
from actors.journal.memory import MemoryStore
from tests.simulation.world import now_ms


class LegIs(StrEnum):
    """What a leg is in the block that has the units."""

    ABSENT = "absent"
    PINNED = "pinned"
    SOLD = "sold"
    RELEASED = "released"  # or barred: it is never to come
    EXPIRED = "expired"  # by itself, which is never right


class LegView(NamedTuple):
    """What a leg may be by its desk. `tickets`: those that must be good; None: that is not certain just now."""

    block: str
    may_be: frozenset[LegIs]
    tickets: tuple[int, ...] | None = None


_ANY = frozenset((LegIs.ABSENT, LegIs.PINNED, LegIs.SOLD, LegIs.RELEASED))
_PLACING = frozenset((LegIs.ABSENT, LegIs.PINNED))
_PINNED = frozenset((LegIs.PINNED,))
_BEING_BOOKED = frozenset((LegIs.PINNED, LegIs.SOLD))
_SOLD = frozenset((LegIs.SOLD,))
_OVER = frozenset((LegIs.ABSENT, LegIs.RELEASED))


class WatchedStore(MemoryStore):
    """A journal that is folded and checked as its rows become durable. `faults`: what is wrong, in words."""

    def __init__(self, rows: Sequence[JournalRow] = ()) -> None:
        super().__init__(now_ms)
        self.folds: dict[BlockId, BlockState] = {}
        self.faults: list[str] = []
        self.rows_in_order: list[JournalRow] = []
        self._meant: Counter[int] = Counter()  # how often a desk has meant a leg
        for row in rows:
            self.journals.setdefault(row.block, []).append(row)
            self._fold(row)

    def append(self, rows: Sequence[NewRow]) -> Appended:
        """See `Journal.append`."""
        ends = {new.row.block: len(self.journals.get(new.row.block, ())) for new in rows}
        appended = super().append(rows)
        for new in rows:
            if len(self.journals[new.row.block]) > ends[new.row.block]:
                self._fold(new.row)
                self._look()
        return appended

    def desks(self) -> Iterator[BlockState]:
        """The folds that are desks."""
        return (fold for fold in self.folds.values() if fold.desk.baskets or fold.desk.todos)

    def entries(self, block: BlockId) -> Iterator[Entry]:
        """Everything in the block's journal."""
        for row in self.journals.get(block, ()):
            yield from decode_entries(row.entries)

    def _fold(self, row: JournalRow) -> None:
        self.rows_in_order.append(row)
        fold = self.folds.setdefault(row.block, BlockState())
        for entry in decode_entries(row.entries):
            self._note(fold, entry)
            try:
                core.apply(fold, entry)
            except Exception as fault:
                self.faults.append(f"{type(entry).__name__} cannot be applied: {fault!r}")

    def _note(self, fold: BlockState, entry: Entry) -> None:
        match entry:
            case BasketIntended():
                self._meant.update(plan.leg for plan in entry.legs)
            case ExchangeIntended():
                self._meant[entry.leg.leg] += 1
            case HoldExpired() if fold.holds[entry.hold].expires_at_ms > entry.at_ms:
                self.faults.append(f"hold {entry.hold} expired before its time")
            case OrderExpired() if fold.holds[fold.orders[entry.order].hold].expires_at_ms > entry.at_ms:
                self.faults.append(f"order {entry.order} expired before its time")

    def _look(self) -> None:
        if not self.faults:
            again = {leg for leg, times in self._meant.items() if times > 1}
            self.faults += faults_between(self.folds, again)


def views_of(desk: BlockState) -> Iterator[tuple[int, LegView]]:
    """Each leg that the desk knows, with what it may be."""
    due = {leg for leg, _ in desk.desk.todos}
    for todo in desk.desk.todos.values():
        yield todo.leg, LegView(todo.block, _ANY)  # said more exactly below, where its basket is known
    for basket in desk.desk.baskets.values():
        if not basket.held:
            yield from ((plan.leg, LegView(plan.block, _PLACING)) for plan in basket.plans)
            continue
        yield from _views_of_held(desk, basket, due)
        if basket.exchange is not None:
            yield basket.exchange.plan.leg, LegView(basket.exchange.plan.block, _PLACING)


def _views_of_held(desk: BlockState, basket: Basket, due: set[int]) -> Iterator[tuple[int, LegView]]:
    hold = desk.holds[basket.number]
    order = desk.orders[hold.order] if hold.order else None
    in_force = order is not None and order.status in IN_FORCE
    good = [number for number, revision in enumerate(order.code_revisions) if revision] if order and in_force else []
    settled = not any(held.leg in due for held in basket.held)
    for held, tickets in tickets_and_counts(basket, good):
        if desk.claims_units(hold):
            may_be, certain = _PINNED, None
        elif held.leg in due:
            may_be, certain = (_BEING_BOOKED if tickets else _ANY), None
        elif tickets:
            may_be, certain = _SOLD, tuple(tickets) if settled else None
        else:
            may_be, certain = (_OVER if settled else _ANY), None
        yield held.leg, LegView(held.block, may_be, certain)


def tickets_and_counts(basket: Basket, good: Sequence[int]) -> Iterator[tuple[LegHeld, list[int]]]:
    """Each leg with those of the order's good tickets that are its own; a ledger's with as many as it is to count."""
    by_leg = list(tickets_by_leg(basket.held, good))
    for held, tickets in by_leg:
        counted = sum(len(own) for other, own in by_leg if held.counts and other.counted_by == held.block)
        yield held, tickets or list(range(counted))


def is_leg(block: BlockState, leg: int) -> LegIs:
    """What the leg is in its block."""
    if leg not in block.legs:
        return LegIs.RELEASED if leg in block.barred else LegIs.ABSENT
    hold, order = block.holds[leg], block.orders.get(leg)
    if hold.status is HoldStatus.ACTIVE:
        return LegIs.PINNED
    if hold.status is HoldStatus.EXPIRED:
        return LegIs.EXPIRED
    return LegIs.SOLD if order is not None and order.status in IN_FORCE else LegIs.RELEASED


def faults_between(folds: dict[BlockId, BlockState], meant_again: Container[int] = ()) -> list[str]:
    """What is wrong between desks and legs, at any moment.

    `meant_again`: legs of an intent that came to nothing and was then delivered once more. They stay released.
    """
    faults: list[str] = []
    seen: dict[int, LegView] = {}
    for desk in folds.values():
        if desk.layout is None:
            seen.update(views_of(desk))
    for leg, view in seen.items():
        block = folds.get(BlockId(view.block), BlockState())
        now = is_leg(block, leg)
        if leg in meant_again and view.may_be == _PLACING and now is LegIs.RELEASED:
            continue
        if now not in view.may_be:
            faults.append(f"leg {leg} is {now}, and by its desk it must be {' or '.join(sorted(view.may_be))}")
        elif view.tickets is not None:
            good = tuple(number for number, revision in enumerate(block.orders[leg].code_revisions) if revision)
            if good != view.tickets:
                faults.append(f"leg {leg} has tickets {good}, and by its desk {view.tickets}")
    for fold in folds.values():
        strangers = [leg for leg in (*fold.legs, *fold.barred) if leg not in seen and is_leg(fold, leg) not in _OVER]
        faults += (f"leg {leg} is {is_leg(fold, leg)} and no desk means it" for leg in strangers)
    return faults


def unsettled(folds: dict[BlockId, BlockState], at_ms: int) -> str:
    """What is not settled yet, in words: a basket being placed or overdue, a deed, a leg in doubt; or nothing."""
    for fold in folds.values():
        if fold.desk.todos:
            return "a deed is not done"
        if fold.desk.placing:
            return "something is being placed"
        if fold.parts_behind:
            return "a part is to be told"
        due = fold.next_deadline()
        if due is not None and due[0] <= at_ms:
            return "a hold is overdue"
        for leg in fold.asking.values():
            desk = folds.get(BlockId(leg.desk))
            hold = desk.holds.get(leg.basket) if desk is not None else None
            if fold.was_cancelled or desk is None or hold is None or not desk.claims_units(hold):
                return "a leg is in doubt"
    return ""


def next_deadline_ms(folds: dict[BlockId, BlockState]) -> int | None:
    """When the next hold of a desk ends by itself."""
    return min((due[0] for fold in folds.values() if (due := fold.next_deadline()) is not None), default=None)
