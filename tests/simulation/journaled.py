"""What the journal of a block tells of what no client sees, for the search of an order: legs of baskets and offers to
who waits, as lots, what ended by itself, and what came of calls of which nobody was told.

Each stands at the moment in which its row came: nobody is answered about it before, and nobody is decided behind it who
was answered before.
"""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence, Set
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import msgspec

from actors.audit.replies import TOLD_OF, Acknowledged, Told
from actors.core import block as core
from actors.core import entries as e
from actors.core.holds import hold_reply
from actors.core.ids import BlockId, Kind, outside_id
from actors.core.legs import pinned_units
from actors.core.orders import order_reply
from actors.core.replies import HoldStatus, OrderStatus
from actors.core.state import BlockState, Units
from actors.core.tickets import sold_units
from actors.journal.codec import decode_entries
from loadtests.history.calls import Call, Outcome, Seen
from loadtests.history.calls import Kind as Asked
from loadtests.history.intents import Intents
from loadtests.history.lots import JOURNAL, Lot
from loadtests.history.model import ENDED_BY_ITSELF
from loadtests.history.skews import FOR_EVER_MS
from tests.loadtests.journals import acknowledged
from tests.simulation.clocks import START_MS

if TYPE_CHECKING:
    from tests.simulation.world import World

KeysOf: TypeAlias = Callable[[Call], Set[bytes]]
_OfLeg = e.LegPinned | e.LegBooked | e.LegReleased
_NOTHING = Lot((), ())


class CameTo(NamedTuple):
    """What was told of a key, or would have been, and when its row came, in µs of the run."""

    told: Acknowledged
    written_us: int


class Journaled(NamedTuple):
    """Of one block. `steps`: as calls of the `JOURNAL`, in their order. `came_to`: by key."""

    steps: list[Call]
    came_to: dict[bytes, CameTo]


def journaled(world: "World", block: BlockId, keys: Container[bytes]) -> Journaled:
    """All that a block without a lost row tells of these keys, and of what has none."""
    walk = _Walk(block)
    for row in world.store.journals.get(block, ()):
        walk.at(START_MS * 1000 + int(world.written_s[block, row.position] * 1_000_000), row.position)
        for entry in decode_entries(row.entries):
            walk.take(entry, keys)
    return Journaled(walk.steps, walk.came_to)


class _Walk:
    """Along the rows of a block."""

    def __init__(self, block: BlockId) -> None:
        self.steps: list[Call] = []
        self.came_to: dict[bytes, CameTo] = {}
        self._block = block
        self._state = BlockState()
        self._intents = Intents()
        self._at_us = self._position = 0

    def at(self, written_us: int, position: int) -> None:
        """The next entries are of this row."""
        self._at_us, self._position = written_us, position

    def take(self, entry: e.Entry, keys: Container[bytes]) -> None:
        """The next entry."""
        key = self._intents.key_of(entry)
        touched = _legs_of(entry, self._state) if isinstance(entry, _OfLeg) else []
        before = {leg: _of_leg(self._state, leg) for leg in touched}
        core.apply(self._state, entry)
        if not self._state.was_cancelled:
            self.steps += self._steps_of(entry, before)
        if key and key in keys and type(entry) in TOLD_OF:
            told = self._told(entry, TOLD_OF[type(entry)])
            if told is not None:
                self.came_to.setdefault(key, CameTo(told, self._at_us))

    def _steps_of(self, entry: e.Entry, before: "dict[int, _OneLeg]") -> Iterator[Call]:
        match entry:
            case e.HoldExpired():
                yield self._ended(Asked.READ_HOLD, outside_id(Kind.HOLD, self._block, entry.hold))
            case e.OrderExpired():
                yield self._ended(Asked.READ_ORDER, outside_id(Kind.ORDER, self._block, entry.order))
            case e.HoldPlaced() if entry.waiter:
                hold = outside_id(Kind.HOLD, self._block, entry.hold)
                lot = _named(self._state, [Units(entry.seats, entry.areas)])
                yield self._step(Asked.HOLD, hold, lot, entry.expires_at_ms)
            case e.LegPinned() | e.LegBooked() | e.LegReleased():
                for leg, had in before.items():
                    yield from self._steps_of_leg(entry, leg, had, _of_leg(self._state, leg).lot)

    def _steps_of_leg(self, entry: _OfLeg, leg: int, before: "_OneLeg", has: Lot) -> Iterator[Call]:
        hold, order = f"leg {leg}", f"order of leg {leg}"
        had, is_its_own = before.lot, entry.leg == leg
        if isinstance(entry, e.LegPinned):
            yield self._step(Asked.HOLD, hold, has, FOR_EVER_MS)
        elif isinstance(entry, e.LegBooked) and is_its_own:
            yield self._step(Asked.ORDER, order, had, about=hold)
            yield self._step(Asked.CONFIRM, order, had, about=order)
            if has != had:
                yield self._step(Asked.EXCHANGE, order, has, about=order)
        elif before.is_pinned:
            yield self._step(Asked.RELEASE, hold, had, about=hold)
        elif has != had:
            yield self._step(Asked.CANCEL if has == _NOTHING else Asked.CANCEL_PARTLY, order, has, about=order)

    def _ended(self, kind: Asked, own: str) -> Call:
        seen = Seen("EXPIRED", position=self._position)
        return Call(
            JOURNAL, kind, self._block, self._at_us, Outcome.OK, self._at_us, id=own, told=seen, reason=ENDED_BY_ITSELF
        )

    def _step(self, kind: Asked, own: str, lot: Lot, expires_at_ms: int = 0, about: str = "") -> Call:
        assert kind.told is not None, "only writes change what a leg has"
        told = Acknowledged(kind.told, own, *lot, 0, "", expires_at_ms, self._position, "")
        return Call(JOURNAL, kind, self._block, self._at_us, Outcome.OK, self._at_us, id=about, told=told)

    def _told(self, entry: e.Entry, told: Told) -> Acknowledged | None:
        """As it was when the entry had come; None: of a waiter, of which no order is sought."""
        state = self._state
        number = getattr(entry, "order", 0)
        if number:
            order = state.orders[number]
            if told is Told.PARTLY_CANCELLED and order.status is OrderStatus.CANCELLED:
                told = Told.CANCELLED  # those were the last
            reply = order_reply(state, order, entry.at_ms)
            return acknowledged(told, reply, self._position, self._block)
        number = getattr(entry, "hold", 0) or getattr(entry, "basket", 0)
        if not number:
            return None
        return acknowledged(told, hold_reply(state, state.holds[number], entry.at_ms), self._position, self._block)


def _legs_of(entry: _OfLeg, state: BlockState) -> list[int]:
    """Those that may have others units behind it: its own, and those that it stands instead of."""
    known = state.legs.get(entry.leg)
    others = known.instead if known is not None and isinstance(entry, e.LegBooked) else ()
    return [*dict.fromkeys(other for other, _ in others), entry.leg]


class _OneLeg(NamedTuple):
    """What nobody else can have for its sake; whether it is pinned, and not booked."""

    lot: Lot
    is_pinned: bool


def _of_leg(state: BlockState, number: int) -> _OneLeg:
    leg, hold = state.legs.get(number), state.holds.get(number)
    if leg is None or hold is None:
        return _OneLeg(_NOTHING, is_pinned=False)
    if hold.status is HoldStatus.ACTIVE:
        return _OneLeg(_named(state, [pinned_units(state, hold, leg)]), is_pinned=True)
    order = state.orders.get(number)
    if order is None or order.status is OrderStatus.CANCELLED:
        return _OneLeg(_NOTHING, is_pinned=False)
    return _OneLeg(_named(state, sold_units(state, hold, order)), is_pinned=False)


def _named(state: BlockState, units: Iterable[Units]) -> Lot:
    """By name."""
    seats: list[str] = []
    areas = Counter[str]()
    for own in units:
        seats += map(state.index.unit_name, own.seats)
        for area, quantity in own.areas:
            areas[state.index.layout.areas[area].name] += quantity
    return Lot(tuple(seats), tuple(sorted(areas.items())))


def resolved(calls: Sequence[Call], came_to: dict[bytes, CameTo], keys_of: KeysOf) -> Iterator[Call]:
    """The calls, those of which it is not known what came of them as the journal tells it. Of which nothing came, that
    is told as if it had been turned away. Where only a replay told what tickets became, it is told what they did first.
    """
    first = {call.key for call in calls if call.outcome is Outcome.OK and not call.replayed}
    for call in calls:
        is_open = call.outcome is Outcome.INFO or (call.replayed and call.kind in (Asked.EXCHANGE, Asked.CANCEL_PARTLY))
        if not is_open or not call.key or call.key in first:
            yield call
            continue
        found = next((came_to[key] for key in keys_of(call) if key in came_to), None)
        if found is not None:
            kind = Asked.CANCEL if found.told.told is Told.CANCELLED else call.kind
            returned_us = max(found.written_us, call.invoked_us) if call.outcome is Outcome.INFO else call.returned_us
            yield msgspec.structs.replace(
                call, kind=kind, outcome=Outcome.OK, told=found.told, reason="", replayed=False, returned_us=returned_us
            )
        elif call.outcome is Outcome.INFO:
            yield msgspec.structs.replace(call, outcome=Outcome.FAIL, reason="UNAVAILABLE")
        else:
            yield call
