"""Which refusals may have happened after all, as the network brought a command more than once. TCP does not.

A copy that comes later finds another block, and so it is of one that overtook its caller's patience. One that comes at
the same instant, from a gateway that doubles, finds what the first found, unless the journal has something in between:
then it is decided as the first was.
"""

from collections.abc import Set
from typing import TYPE_CHECKING, NamedTuple

from actors.core.ids import BlockId
from actors.journal.codec import decode_entries
from actors.journal.journal import JournalRow
from loadtests.history.standing import TURNED_AWAY

if TYPE_CHECKING:
    from tests.simulation.world import World

AT_ONCE_S = 1.0  # by then the row of what was decided then stands, or time may have passed before


class Repeats(NamedTuple):
    """Keys of commands that came `again` to what may have been another block; and of those that came twice at once."""

    again: Set[bytes] = frozenset()
    doubled: Set[bytes] = frozenset()

    def excuse(self, keys: Set[bytes], reason: str) -> bool:
        """Whether one of these keys may have an effect though it was refused. Who is turned away may be let in next."""
        return bool(keys & self.again or (reason in TURNED_AWAY and keys & self.doubled))


NONE_REPEATED = Repeats()


def repeats(world: "World") -> Repeats:
    """Of a run, which is over."""
    again = set(world.repeated_keys)
    for block, rows in world.store.journals.items():
        for row in rows:
            again |= _decided_later(world, block, row)
    return Repeats(again, world.doubled_s.keys())


def _decided_later(world: "World", block: BlockId, row: JournalRow) -> set[bytes]:
    """The doubled keys that the row has an effect of, in a state that there was not yet when they came."""
    found = set[bytes]()
    written_s, before_s = world.written_s[block, row.position], world.written_s.get((block, row.position - 1), 0.0)
    for place, entry in enumerate(decode_entries(row.entries)):
        key = getattr(entry, "key", b"")
        came_s = world.doubled_s.get(key)
        if came_s is not None and (place or before_s >= came_s or written_s > came_s + AT_ONCE_S):
            found.add(key)
    return found
