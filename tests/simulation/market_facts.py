"""What clients saw of a hold, an order, a waiter or an event, and that it goes together, whoever saw it and where.

A fact holds as of a position of its block. One precedes another that is of a higher position, or was asked for when the
first had been told; what is seen later must be what can have become of what was seen before.
"""

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import NamedTuple

from actors.audit.denials import CLOCK_TOLERANCE_MS
from actors.core.ids import BlockId, Kind, event_id, outside_id
from actors.core.replies import (
    EventReply,
    HoldReply,
    HoldStatus,
    OrderReply,
    OrderStatus,
    WaiterReply,
    WaiterStatus,
)
from actors.reservations import Done

Seen = EventReply | HoldReply | OrderReply | WaiterReply
_H, _O, _W = HoldStatus, OrderStatus, WaiterStatus
_PAID = {_O.CONFIRMED, _O.PARTLY_CANCELLED, _O.CANCELLED, _O.COMPLETED, _O.NO_SHOW}
_of_holds: dict[HoldStatus, set[HoldStatus]] = {status: {status} for status in _H} | {_H.ACTIVE: set(_H)}
_of_waiters: dict[WaiterStatus, set[WaiterStatus]] = {status: {status} for status in _W} | {_W.WAITING: set(_W)}
_of_orders: dict[OrderStatus, set[OrderStatus]] = {status: {status} for status in _O} | {
    _O.PENDING: set(_O),
    _O.CONFIRMED: _PAID,
    _O.PARTLY_CANCELLED: _PAID - {_O.CONFIRMED},
}


class Fact(NamedTuple):
    """What was seen, between two ticks of the market's own count, as of a position of the block; when it was asked."""

    asked: int
    told: int
    block: BlockId
    position: int
    seen: Seen
    asked_ms: int


def name_of(block: BlockId, seen: Seen) -> str:
    """The outside id of what was seen."""
    match seen:
        case HoldReply():
            return outside_id(Kind.HOLD, block, seen.hold)
        case OrderReply():
            return outside_id(Kind.ORDER, block, seen.order)
        case WaiterReply():
            return outside_id(Kind.WAITER, block, seen.waiter)
    return event_id(block)


class Facts:
    """All that was seen in a run, in the order of telling."""

    def __init__(self) -> None:
        self._tick = 0
        self._facts: list[Fact] = []

    def tick(self) -> int:
        """One more: later than all before."""
        self._tick += 1
        return self._tick

    def note(
        self,
        done: "Done[EventReply] | Done[HoldReply] | Done[OrderReply] | Done[WaiterReply]",
        asked: int,
        asked_ms: int,
    ) -> None:
        """A reply as it was told."""
        self._facts.append(Fact(asked, self.tick(), done.block, done.position, done.reply, asked_ms))

    def of_lots(self) -> Iterator[Fact]:
        """What was seen of holds and orders."""
        return (fact for fact in self._facts if isinstance(fact.seen, HoldReply | OrderReply))

    def check(self, loses: Callable[[str, int, int, Seen], bool] = lambda *_: False) -> Iterator[str]:
        """What does not go together. `loses`: whether a block lost the row at a position of which something was told,
        after it was asked.
        """
        facts = [fact for fact in self._facts if not loses(fact.block, fact.position, fact.asked_ms, fact.seen)]
        yield from _stale(facts)
        of: dict[str, list[Fact]] = {}
        for fact in facts:
            of.setdefault(name_of(fact.block, fact.seen), []).append(fact)
        for name, own in of.items():
            for one, other in combinations(own, 2):
                for first, second in ((one, other), (other, one)):
                    if first.position < second.position or first.told < second.asked:
                        fault = _fault(first.seen, second.seen)
                        if fault and not _is_open(first, second):
                            yield f"stale or lost: {name} {fault}, as of {first.position} and {second.position}"


def _is_open(first: Fact, second: Fact) -> bool:
    """Whether a hold was over by time alone, and is due as somebody says who cannot know that no outage gives it more.

    That is so until a row says what became of it.
    """
    one, other = first.seen, second.seen
    if not (isinstance(one, HoldReply) and isinstance(other, HoldReply)) or first.position != second.position:
        return False
    is_due = other.expires_at_ms <= other.now_ms + CLOCK_TOLERANCE_MS
    return one.status is _H.EXPIRED and other.status is _H.ACTIVE and is_due and not _fault_of_hold(other, one)


def _stale(facts: list[Fact]) -> Iterator[str]:
    """What was told as of before what had been told when it was asked."""
    lines: dict[BlockId, list[tuple[int, int]]] = {}  # (tick, highest position told until then)
    for fact in facts:
        line = lines.setdefault(fact.block, [])
        before = next((position for tick, position in reversed(line) if tick < fact.asked), 0)
        if fact.position < before:
            name = name_of(fact.block, fact.seen)
            yield f"stale: {name} as of {fact.position}, when somebody had been told of {before}"
        line.append((fact.told, max(fact.position, line[-1][1] if line else 0)))


def _fault(first: Seen, second: Seen) -> str:
    """Why the second cannot be what became of the first; empty: it can."""
    match first, second:
        case EventReply(), EventReply():
            return f"was at revision {first.revision} and is at {second.revision}" * (first.revision > second.revision)
        case HoldReply(), HoldReply():
            return _fault_of_hold(first, second)
        case OrderReply(), OrderReply():
            if second.status not in _of_orders[first.status]:
                return f"was {first.status.name} and is {second.status.name}"
            return "is of another hold" * (first.hold != second.hold)
        case WaiterReply(), WaiterReply():
            if second.status not in _of_waiters[first.status]:
                return f"was {first.status.name} and is {second.status.name}"
            return "has another hold" * (bool(first.hold) and first.hold != second.hold)
    return "is something else"


def _fault_of_hold(first: HoldReply, second: HoldReply) -> str:
    if second.status not in _of_holds[first.status]:
        return f"was {first.status.name} and is {second.status.name}"
    if second.status is HoldStatus.EXPIRED and second.now_ms < first.expires_at_ms:
        return f"has expired {first.expires_at_ms - second.now_ms} ms early"
    if first.order and first.order != second.order:
        return "has another order"
    of_first, of_second = ((each.seats, each.areas, each.legs, each.price) for each in (first, second))
    return "has other units" * (of_first != of_second)
