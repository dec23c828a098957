"""What is to be struck, found the plain way: by a replay from the first row for each entry that cannot be applied."""

from collections.abc import Sequence

from actors.core import block as core
from actors.core.entries import Entry
from actors.core.state import BlockState
from actors.engine.striking import _HOLD, KEPT, CannotStrike, _begun, _named, _Numbered
from actors.journal.journal import GENESIS, JournalRow
from actors.journal.striking import Place, Struck, struck_in
from actors.journal.succession import entries_of_next


class _Unfit(Exception):
    def __init__(self, at: Place, entry: Entry, begins: frozenset[_Numbered], fault: Exception) -> None:
        super().__init__(at)
        self.at, self.entry, self.begins, self.fault = at, entry, begins, fault


def struck_by_replays(rows: Sequence[JournalRow], given_up: Sequence[int] = ()) -> Struck:
    """As `to_strike`. Raises CannotStrike, JournalDamaged."""
    before = frozenset(place for row in rows for place in struck_in(row))
    struck, gone = before, frozenset((_HOLD, number) for number in given_up)
    try:
        _replay(rows, struck, frozenset())
    except _Unfit:
        pass
    else:
        if given_up:
            raise CannotStrike(
                "given_up: its journal replays as it is, so end those holds or orders instead", is_of_wish=True
            )
        return frozenset()
    while True:
        try:
            found, met = _replay(rows, struck, gone)
        except _Unfit as unfit:
            if isinstance(unfit.entry, KEPT):
                kind = type(unfit.entry).__name__
                raise CannotStrike(
                    f"row {unfit.at[0]} cannot be applied, and {kind} is never struck: {unfit.fault!r}"
                ) from unfit
            struck, gone = struck | {unfit.at}, gone | unfit.begins
            continue
        unknown = [place for place, number in enumerate(given_up) if (_HOLD, number) not in met]
        if unknown:
            raise CannotStrike(*(f"given_up[{place}]: there is no such hold" for place in unknown), is_of_wish=True)
        return found - before


def _replay(rows: Sequence[JournalRow], struck: Struck, of_gone: frozenset[_Numbered]) -> tuple[Struck, set[_Numbered]]:
    """All that does not count, and whom of those that are gone it is about. Raises _Unfit, JournalDamaged."""
    state, position, chain = BlockState(), 0, GENESIS
    found, gone, met = set(struck), set(of_gone), set[_Numbered]()
    for row in rows:
        for place, entry in enumerate(entries_of_next(row, position, chain)):
            at, begins = (row.position, place), frozenset(_begun(state, entry))
            if at in found:
                core.leave_out(state, entry)
                continue
            named = gone.intersection(_named(entry))
            if not named:
                try:
                    core.apply(state, entry)
                except Exception as fault:
                    raise _Unfit(at, entry, begins, fault) from fault
                continue
            met |= named
            found.add(at)
            gone |= begins
            core.leave_out(state, entry)
        position, chain = row.position, row.chain
    return frozenset(found), met
