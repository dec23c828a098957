"""Which refusals may have happened after all, as the network brought a command more than once. TCP does not.

A copy that comes later finds another block, and so it is of one that overtook its caller's patience. One that comes at
the same instant, from a gateway that doubles, finds what the first found, unless the journal has something in between:
then it is decided as the first was.
"""

from collections.abc import Mapping, Set
from typing import TYPE_CHECKING, NamedTuple

from actors.core.ids import BlockId
from actors.journal.journal import JournalRow
from loadtests.history.standing import TURNED_AWAY
from tests.simulation.causes import Cause, cause_of_entry, decided
from tests.simulation.clocks import loop_s

if TYPE_CHECKING:
    from tests.simulation.world import World

AT_ONCE_S = 1.0  # by then the row of what was decided then stands, or time may have passed before


class Copies:
    """What the network delivered once more, or late: until when each may be decided, the last of them. Of those that
    came twice `at_once` as well when the first did.
    """

    def __init__(self) -> None:
        self.later: dict[Cause, int] = {}
        self.at_once: dict[Cause, int] = {}
        self.at_once_s: dict[bytes, float] = {}

    def note(self, cause: Cause, until_ms: int, *, at_once: bool) -> None:
        """One more."""
        known = self.at_once if at_once else self.later
        known[cause] = max(until_ms, known.get(cause, 0))
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
        again |= _in_time(rows, copies.later)
        at_once = _in_time(rows, copies.at_once)
        doubled |= at_once
        again |= at_once & _decided_later(world, block)
    for lost in (one for block in store.lost for one in store.lost[block]):
        again |= _in_time([lost.row], copies.later)
    return Repeats(again, doubled)


def _in_time(rows: list[JournalRow], until_ms: Mapping[Cause, int]) -> set[bytes]:
    """The keys of which something was decided before the time of the last copy was up."""
    found = set[bytes]()
    for one in decided(rows):
        cause = cause_of_entry(one.entry)
        if cause in until_ms and one.is_in_time(until_ms[cause]):
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
