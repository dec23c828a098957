"""What is to be struck of a journal that does not replay, so that it does again, and the event can sell what is left.

Every row is tried in turn. An entry that cannot be applied is struck, and with it all that rests on it: who was given a
unit that another had has no hold then, nor the order that came of it. An operator may say who is to give up instead;
then all that is of those holds is struck, from their first entry on. What sells nothing (the event itself, its layout,
who owns the block) is never struck, nor a row that is damaged: of such a journal there is but a backup.
"""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from actors.core import block as core
from actors.core import entries as e
from actors.core.ids import BlockId
from actors.core.state import BlockState
from actors.engine.replay import before_first_row
from actors.journal.in_turn import rows_in_turn
from actors.journal.journal import ReadableJournal
from actors.journal.striking import Place, Struck, struck_behind
from actors.journal.succession import entries_of_next

MAX_REPLAYS = 50
"""One for each entry that cannot be applied and rests on no other such: a journal with more is not to be sold on."""
MAX_STRUCK = 10_000

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


class _Unfit(Exception):
    """An entry that cannot be applied. `begins`: what begins with it and was not there before."""

    def __init__(self, at: Place, entry: e.Entry, begins: frozenset[_Numbered], fault: Exception) -> None:
        super().__init__(at)
        self.at = at
        self.entry = entry
        self.begins = begins
        self.fault = fault


async def to_strike(journal: ReadableJournal, block: BlockId, given_up: Sequence[int] = ()) -> Struck:
    """What is to be struck beside what has been, so that all rows can be applied. Raises CannotStrike, JournalDamaged,
    JournalUnavailable.

    `given_up`: holds (legs, and baskets at their desk) that are not to count. Empty if the journal replays as it is.
    """
    before = await struck_behind(journal, block, 0)
    attempt = _Attempt(block, before, frozenset())
    try:
        await attempt.run(journal)
    except _Unfit as unfit:
        first = unfit
    else:
        if given_up:
            fault = "given_up: its journal replays as it is, so end those holds or orders instead"
            raise CannotStrike(fault, is_of_wish=True)
        return frozenset()
    struck, gone = set(before), {(_HOLD, number) for number in given_up}
    if not given_up:
        struck.add(first.at)
        gone |= first.begins
        _refuse_kept(first)
    for _ in range(MAX_REPLAYS):
        attempt = _Attempt(block, frozenset(struck), frozenset(gone))
        try:
            await attempt.run(journal)
        except _Unfit as unfit:
            _refuse_kept(unfit)
            struck.add(unfit.at)
            gone |= unfit.begins
        else:
            unknown = [place for place, number in enumerate(given_up) if (_HOLD, number) not in attempt.met]
            if unknown:
                faults = (f"given_up[{place}]: there is no such hold" for place in unknown)
                raise CannotStrike(*faults, is_of_wish=True)
            return attempt.struck - before
    raise CannotStrike(f"more than {MAX_REPLAYS} of its entries cannot be applied, each for a reason of its own")


def _refuse_kept(unfit: _Unfit) -> None:
    if isinstance(unfit.entry, KEPT):
        kind = type(unfit.entry).__name__
        raise CannotStrike(f"row {unfit.at[0]} cannot be applied, and {kind} is never struck: {unfit.fault!r}")


class _Attempt:
    """One replay from the first row, without what is struck and what is of those that are gone."""

    def __init__(self, block: BlockId, struck: Struck, gone: frozenset[_Numbered]) -> None:
        self.struck = struck
        self.met: set[_Numbered] = set()  # of those that are gone, which there are
        self._gone = set(gone)
        self._hosted = before_first_row(block)

    async def run(self, journal: ReadableJournal) -> None:
        """Raises _Unfit, CannotStrike, JournalDamaged, JournalUnavailable."""
        hosted = self._hosted
        async for row in rows_in_turn(journal, hosted.block):
            for place, entry in enumerate(entries_of_next(row, hosted.position, hosted.chain)):
                self._take((row.position, place), entry)
            hosted.position, hosted.chain = row.position, row.chain

    def _take(self, at: Place, entry: e.Entry) -> None:
        state = self._hosted.state
        begins = frozenset(_begun(state, entry))
        if at not in self.struck and not self._is_of_gone(entry):
            try:
                core.apply(state, entry)
            except Exception as fault:
                raise _Unfit(at, entry, begins, fault) from fault
            return
        if at not in self.struck:
            if len(self.struck) >= MAX_STRUCK:
                raise CannotStrike(f"more than {MAX_STRUCK} of its entries would be struck")
            self.struck |= {at}
            self._gone |= begins
        core.leave_out(state, entry)

    def _is_of_gone(self, entry: e.Entry) -> bool:
        named = self._gone.intersection(_named(entry))
        self.met |= named
        return bool(named)


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
