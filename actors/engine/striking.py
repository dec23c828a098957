"""What is to be struck of a journal that does not replay, so that it does again, and the event can sell what is left.

Every row is tried in turn. An entry that cannot be applied is struck, and with it all that rests on it: who was given a
unit that another had has no hold then, nor the order that came of it. An operator may say who is to give up instead;
then all that is of those holds is struck, from their first entry on. What sells nothing (the event itself, its layout,
who owns the block) is never struck, nor a row that is damaged: of such a journal there is but a backup.

A claim of what another has, or the end of what is over, is seen before it is applied. Any other entry that cannot be
applied leaves the state half changed: the replay goes on from the state at a row shortly before, which is kept as a
snapshot would be, and is right, as nothing before the entry rests on it. Where something does, because it bore the same
number and was forgotten, or where the snapshot would not be the same state, as the journal is too wrong for it, the
replay begins at the first row again.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple, TypeAlias

from actors.core import block as core
from actors.core import entries as e
from actors.core.ids import BlockId
from actors.core.orders import IN_FORCE
from actors.core.replies import HoldStatus, OrderStatus
from actors.core.snapshot import FORMAT, SnapshotDamaged, derived, freezing, value_count
from actors.core.state import BlockState
from actors.engine.hosted import HostedBlock
from actors.engine.replay import RowUnfit, at_snapshot, before_first_row, in_slices, replay
from actors.journal.in_turn import rows_in_turn
from actors.journal.journal import ReadableJournal, Snapshot
from actors.journal.striking import Place, Struck, struck_behind
from actors.journal.succession import entries_of_next

MAX_STRUCK = 10_000
"""By one correction."""
_TOO_MUCH = (
    f"given_up: more than {MAX_STRUCK:,} entries would be struck: they are fewer if a hold is named that has what many "
    "others were given too"
)
ENTRIES_PER_KEPT = 500
VALUES_PER_ENTRY = 16
"""The next state is kept after so many entries, or a sixteenth as many as it has values, whichever is more."""

KEPT = (
    e.Activated, e.EventCreated, e.SaleOpened, e.StatusChanged, e.EventEdited, e.AllotmentReturned, e.PartFollowed,
    e.EventFollowed, e.Corrected,
)  # fmt: skip
"""What is never struck."""

_HOLD, _ORDER, _WAITER = "hold", "order", "waiter"
_NUMBERS = {"hold": _HOLD, "basket": _HOLD, "leg": _HOLD, "order": _ORDER, "waiter": _WAITER}
_BEGINS: dict[type, str] = {
    e.HoldPlaced: "hold",
    e.OrderPlaced: "order",
    e.WaiterJoined: "waiter",
    e.BasketIntended: "basket",
    e.LegPinned: "leg",
}
"""In which field an entry bears the number of what begins with it."""

_Numbered: TypeAlias = tuple[str, int]


class CannotStrike(Exception):
    """It does not come to a journal that replays. `is_of_wish`: it is of who is to give up, by field; else for good."""

    def __init__(self, *faults: str, is_of_wish: bool = False) -> None:
        super().__init__("; ".join(faults))
        self.is_of_wish = is_of_wish


class _Unfit(NamedTuple):
    """An entry that cannot be applied. `begins`: what begins with it and was not there before. `fault`: None if it was
    not tried, so that the state is as it was.
    """

    at: Place
    entry: e.Entry
    begins: frozenset[_Numbered]
    fault: Exception | None


class _Kept(NamedTuple):
    """An attempt as it was behind a row. `derived`: what a snapshot does not say of the state."""

    snapshot: Snapshot | None  # None: before the first row
    derived: tuple[bytes, int]
    struck: set[Place]
    gone: set[_Numbered]


async def to_strike(journal: ReadableJournal, block: BlockId, given_up: Sequence[int] = ()) -> Struck:
    """What is to be struck beside what has been, so that all rows can be applied. Raises CannotStrike, JournalDamaged,
    JournalUnavailable.

    `given_up`: holds (legs, and baskets at their desk) that are not to count. Empty if the journal replays as it is.
    """
    before = await struck_behind(journal, block, 0)
    if given_up and await _replays(journal, block, before):
        fault = "given_up: its journal replays as it is, so end those holds or orders instead"
        raise CannotStrike(fault, is_of_wish=True)
    attempt = _Attempt(block, before, frozenset((_HOLD, number) for number in given_up))
    while (unfit := await attempt.go_on(journal)) is not None:
        _refuse_kept(unfit)
        await attempt.go_back(unfit)
    unknown = [place for place, number in enumerate(given_up) if (_HOLD, number) not in attempt.met]
    if unknown:
        raise CannotStrike(*(f"given_up[{place}]: there is no such hold" for place in unknown), is_of_wish=True)
    return frozenset(attempt.struck - before)


async def _replays(journal: ReadableJournal, block: BlockId, struck: Struck) -> bool:
    """Whether all rows can be applied without this."""
    hosted = before_first_row(block)
    hosted.struck = struck
    try:
        await replay(journal, hosted)
    except RowUnfit:
        return False
    return True


def _refuse_kept(unfit: _Unfit) -> None:
    if isinstance(unfit.entry, KEPT):
        kind = type(unfit.entry).__name__
        raise CannotStrike(f"row {unfit.at[0]} cannot be applied, and {kind} is never struck: {unfit.fault!r}")


class _Attempt:
    """A replay without what is struck and what is of those that are gone. `met`: which of those there are.

    An entry that cannot be applied is struck in the states that are kept as well: all are of rows before it.
    """

    def __init__(self, block: BlockId, before: Struck, gone: frozenset[_Numbered]) -> None:
        self.struck = set(before)
        self.met: set[_Numbered] = set()
        self._gone = set(gone)
        self._most = len(before) + MAX_STRUCK
        self._hosted = before_first_row(block)
        self._applied: defaultdict[str, set[int]] = defaultdict(set)  # by kind, who is named by what was applied
        self._first = self._last = _Kept(None, (b"", 0), set(before), set(gone))

    async def go_on(self, journal: ReadableJournal) -> _Unfit | None:
        """To the last row, or to an entry that cannot be applied: this goes no further then, but back.

        Raises CannotStrike, JournalDamaged, JournalUnavailable.
        """
        hosted = self._hosted
        async for row in rows_in_turn(journal, hosted.block, hosted.position):
            entries = entries_of_next(row, hosted.position, hosted.chain)
            for place, entry in enumerate(entries):
                unfit = self._take((row.position, place), entry)
                if unfit is not None:
                    return unfit
            hosted.position, hosted.chain = row.position, row.chain
            hosted.unsnapshotted += len(entries)
            if hosted.unsnapshotted >= max(ENTRIES_PER_KEPT, value_count(hosted.state) // VALUES_PER_ENTRY):
                await self._keep()
        return None

    async def go_back(self, unfit: _Unfit) -> None:
        """To where it can go on without this entry and what begins with it. Raises CannotStrike."""
        self._strike_in_kept(unfit)
        if self._is_named_before(unfit):
            self._begin_anew()
        self._hosted = await self._restored()
        self.struck, self._gone = set(self._last.struck), set(self._last.gone)

    def _take(self, at: Place, entry: e.Entry) -> _Unfit | None:
        state = self._hosted.state
        if at in self.struck:
            core.leave_out(state, entry)
            return None
        named, begins = frozenset(_named(entry)), frozenset(_begun(state, entry))
        gone = self._gone & named
        self.met |= gone
        if not gone:
            unfit = _tried(state, at, entry, begins)
            if unfit is None:
                for kind, number in named:
                    self._applied[kind].add(number)
                return None
            if unfit.fault is not None or self._is_named_before(unfit):
                return unfit
            self._strike_in_kept(unfit)
        self._strike(at, begins, self.struck, self._gone)
        core.leave_out(state, entry)
        return None

    def _strike(self, at: Place, begins: frozenset[_Numbered], struck: set[Place], gone: set[_Numbered]) -> None:
        if at not in struck and len(struck) >= self._most:
            raise CannotStrike(_TOO_MUCH, is_of_wish=True)
        struck.add(at)
        gone |= begins

    def _strike_in_kept(self, unfit: _Unfit) -> None:
        for kept in (self._first, self._last):
            self._strike(unfit.at, unfit.begins, kept.struck, kept.gone)

    def _is_named_before(self, unfit: _Unfit) -> bool:
        """Whether what begins with it was there once and is forgotten: that is gone as well, and what rests on it."""
        return any(number in self._applied[kind] for kind, number in unfit.begins)

    def _begin_anew(self) -> None:
        self._last = self._first
        self._applied.clear()

    async def _keep(self) -> None:
        hosted = self._hosted
        hosted.unsnapshotted = 0
        frozen = await in_slices(freezing(hosted.state))
        snapshot = Snapshot(hosted.block, hosted.position, hosted.chain, FORMAT, frozen)
        self._last = _Kept(snapshot, _derived(hosted.state), set(self.struck), set(self._gone))

    async def _restored(self) -> HostedBlock:
        """As it was kept last; where that is not what it was, before the first row."""
        if self._last.snapshot is not None:
            with suppress(SnapshotDamaged):  # as it contradicts itself
                hosted = await at_snapshot(self._last.snapshot)
                if _derived(hosted.state) == self._last.derived:
                    return hosted
            self._begin_anew()
        return before_first_row(self._hosted.block)


def _derived(state: BlockState) -> tuple[bytes, int]:
    return derived(state), len(state.memo_dues)


def _tried(state: BlockState, at: Place, entry: e.Entry, begins: frozenset[_Numbered]) -> _Unfit | None:
    """The entry is applied, or why it is not."""
    if _is_sure_to_fail(state, entry):
        return _Unfit(at, entry, begins, None)
    try:
        core.apply(state, entry)
    except Exception as fault:  # noqa: BLE001 - whatever it is, the entry cannot be applied
        return _Unfit(at, entry, begins, fault)
    return None


def _is_sure_to_fail(state: BlockState, entry: e.Entry) -> bool:
    """Whether it is known without trying that it cannot be applied: so it is wherever two sold or ended the same."""
    match entry:
        case e.HoldPlaced() | e.LegPinned(instead=()):
            return state.inventory.has_no_room(entry.seats, entry.areas)
        case e.HoldExtended() | e.HoldReleased() | e.HoldExpired() | e.OrderPlaced():
            hold = state.holds.get(entry.hold)
            return hold is None or hold.status is not HoldStatus.ACTIVE
        case e.OrderConfirmed() | e.OrderCancelled() | e.OrderExpired():
            order = state.orders.get(entry.order)
            may_be = (OrderStatus.PENDING, *(() if isinstance(entry, e.OrderConfirmed) else IN_FORCE))
            return order is None or order.status not in may_be
    return False


def _named(entry: e.Entry) -> Iterator[_Numbered]:
    """Whom an entry is about, of those that this block knows by number."""
    if isinstance(entry, KEPT):
        return
    for field, kind in _NUMBERS.items():
        if field != "basket" or not isinstance(entry, e.LegPinned):  # whose basket is its desk's
            number = getattr(entry, field, 0)
            if number:
                yield kind, number


def _begun(state: BlockState, entry: e.Entry) -> Iterator[_Numbered]:
    """What begins with the entry, if there is nothing of this number yet."""
    field = _BEGINS.get(type(entry))
    if field is None:
        return
    kind, number = _NUMBERS[field], getattr(entry, field)
    known = {_HOLD: (state.holds, state.desk.baskets), _ORDER: (state.orders,), _WAITER: (state.waiters,)}[kind]
    if not any(number in numbers for numbers in known):
        yield kind, number
