"""Which refusals may have happened after all, as the network brought a command more than once. TCP does not.

A copy that comes later finds another block, and so it is of one that overtook its caller's patience. One that comes at
the same instant, from a gateway that doubles, finds what the first found, unless the journal has something in between:
then it is decided as the first was.
"""

from collections.abc import Iterable, Mapping, Set
from typing import TYPE_CHECKING, NamedTuple

from actors.core.ids import BlockId
from actors.journal.journal import JournalRow
from loadtests.history.standing import TURNED_AWAY
from tests.simulation.causes import Cause, cause_of_entry, decided
from tests.simulation.clocks import loop_s

if TYPE_CHECKING:
    from tests.simulation.world import World

AT_ONCE_S = 1.0  # by then the row of what was decided then stands, or time may have passed before


class Copy(NamedTuple):
    """What was delivered once more, or late: when, and until when it may be decided."""

    came_s: float
    until_ms: int


class Copies:
    """What the network delivered once more, or late, as it came. Of those that came twice `at_once` as well when the
    first did, by key. `sent_s`: of whatever was sent, when it first was.
    """

    def __init__(self) -> None:
        self.later: dict[Cause, list[Copy]] = {}
        self.at_once: dict[Cause, list[Copy]] = {}
        self.at_once_s: dict[bytes, float] = {}
        self.sent_s: dict[Cause, float] = {}

    def send(self, causes: Iterable[Cause]) -> None:
        """They are on their way now."""
        for cause in causes:
            self.sent_s.setdefault(cause, loop_s())

    def note(self, cause: Cause, until_ms: int, *, at_once: bool) -> None:
        """One more has just come."""
        known = self.at_once if at_once else self.later
        known.setdefault(cause, []).append(Copy(loop_s(), until_ms))
        if at_once:
            self.at_once_s.setdefault(cause[0], loop_s())


class Repeats(NamedTuple):
    """Keys of which a copy that came `again`, to what may have been another block, had the effect, in its own time; and
    of which it was one that came at once.
    """

    again: Set[bytes] = frozenset()
    doubled: Set[bytes] = frozenset()

    def excuse(self, keys: Set[bytes], reason: str) -> bool:
        """Whether what one of these keys came to was a copy's, though it was refused. Who is turned away may be let in
        next.
        """
        return bool(keys & self.again or (reason in TURNED_AWAY and keys & self.doubled))


NONE_REPEATED = Repeats()


def repeats(world: "World") -> Repeats:
    """Of a run, which is over: by all rows that ever were."""
    again, doubled = set[bytes](), set[bytes]()
    copies, store = world.copies, world.store
    if not copies.later and not copies.at_once:
        return NONE_REPEATED
    for block, rows in store.journals.items():
        written_s = {row.position: world.written_s[block, row.position] for row in rows}
        again |= _had_effect(rows, written_s, copies.later)
        at_once = _had_effect(rows, written_s, copies.at_once)
        doubled |= at_once
        again |= at_once & _decided_later(world, block)
    for lost in (one for block in store.lost for one in store.lost[block]):
        again |= _had_effect([lost.row], {lost.row.position: lost.written_s}, copies.later)
    return Repeats(again, doubled)


def _had_effect(
    rows: list[JournalRow], written_s: Mapping[int, float], copies: Mapping[Cause, list[Copy]]
) -> set[bytes]:
    """The keys of which a copy may have decided something: it had come when the row came, and in its own time."""
    found = set[bytes]()
    for one in decided(rows):
        cause, row_s = cause_of_entry(one.entry), written_s[one.row.position]
        if any(copy.came_s <= row_s and one.is_in_time(copy.until_ms) for copy in copies.get(cause, ())):
            found.add(cause[0])
    return found


def _decided_later(world: "World", block: BlockId) -> set[bytes]:
    """The keys of what came twice at once that have an effect in a state that there was not yet when they came."""
    found = set[bytes]()
    place, last = 0, 0
    for one in decided(world.store.journals[block]):
        position = one.row.position
        place, last = (place + 1 if position == last else 0), position
        key = getattr(one.entry, "key", b"")
        came_s = world.copies.at_once_s.get(key)
        written_s, before_s = world.written_s[block, position], world.written_s.get((block, position - 1), 0.0)
        if came_s is not None and (place or before_s >= came_s or written_s > came_s + AT_ONCE_S):
            found.add(key)
    return found
