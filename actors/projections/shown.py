"""What is shown of an event as of one position: its counts, and the status of each of its seats and slots."""

import re
from itertools import pairwise

import msgspec

from actors.core.ids import TenantId
from actors.core.replies import EventStatus
from actors.core.state import BlockState
from actors.projections.buffers import statuses_shown
from actors.projections.counts import EventCounts, count_units
from actors.projections.seat_statuses import pack
from actors.projections.split import NOT_SPLIT, Split, split_of

MAX_SEATS_CHANGED = 500  # of more, the whole is not much longer

_CHANGED = re.compile(rb"[^\0]")


class EventShown(msgspec.Struct, frozen=True, array_like=True):
    """An event and its counts. `layout_version` is that of the layout in which seats and slots have their places.

    `home`: that of the event of which the block is but a part, or empty. `split`: of an event that is, of which this is
    what its home has.
    """

    tenant: TenantId
    name: str
    status: EventStatus
    currency: str
    layout_version: int
    counts: EventCounts
    home: str = ""
    split: Split = NOT_SPLIT


class Change(msgspec.Struct, frozen=True, array_like=True):
    """Between two positions that were shown one after the other, no other seats than these changed."""

    before: int
    position: int
    seats: tuple[int, ...]


class Shown(msgspec.Struct, frozen=True):
    """An event as of a position. All that was acknowledged before `as_of_ms` is in it, by the journal's clock.

    `statuses`: packed (see `seat_statuses`), of all seats, then of all slots. `changes`: the last ones, without a gap,
    up to the position.
    """

    position: int
    as_of_ms: int
    event: EventShown
    statuses: bytes = b""
    changes: tuple[Change, ...] = ()

    def changed_since(self, position: int) -> tuple[int, ...] | None:
        """The seats that may have another status than as of a position that was shown; None if that is not known."""
        if position == self.position:
            return ()
        first = next((index for index, change in enumerate(self.changes) if change.before == position), None)
        if first is None or self.changes[-1].position != self.position:
            return None
        changes = self.changes[first:]
        if any(later.before != former.position for former, later in pairwise(changes)):
            return None
        return tuple(sorted({seat for change in changes for seat in change.seats}))


def change_between(before: int, statuses_before: bytes, position: int, statuses: bytes) -> Change | None:
    """What changed between two positions, by their statuses in one layout; None: too much to tell."""
    differing = int.from_bytes(statuses_before) ^ int.from_bytes(statuses)
    seats = tuple(found.start() for found in _CHANGED.finditer(differing.to_bytes(len(statuses))))
    return Change(before, position, seats) if len(seats) <= MAX_SEATS_CHANGED else None


def shown_of(state: BlockState, position: int, as_of_ms: int) -> tuple[Shown, bytearray]:
    """What is to be shown of a block that has an event, and the statuses in it as they are before they are packed."""
    event, statuses = event_shown(state)
    return Shown(position, as_of_ms, event, pack(statuses)), statuses


def event_shown(state: BlockState) -> tuple[EventShown, bytearray]:
    """The event of a block that has one, counted; and the statuses of its seats and slots, to read."""
    assert state.layout is not None
    statuses = statuses_shown(state)
    event = EventShown(
        TenantId(state.tenant),
        state.name,
        state.status,
        state.layout.currency,
        state.layout_version,
        count_units(state, statuses),
        state.home,
        split_of(state),
    )
    return event, statuses
