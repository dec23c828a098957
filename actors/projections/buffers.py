"""Slots that nobody has and nobody can hold, as they are too near to somebody's: they are shown as BLOCKED.

Not as HELD or SOLD, which say that somebody has the unit: so sold slots are those that were paid for. Who gives back a
slot gives back those around it.

Worked out for a resource at a time, on whole numbers that have a byte for each slot, so that a million slots cost
milliseconds. Where a calendar has breaks that are shorter than the buffer, or that is many slots long, it is done run
by run of slots that somebody has: there are the fewer of these, the longer the buffer.
"""

import re

from actors.core.inventory import UnitStatus
from actors.core.layout import Calendar
from actors.core.state import BlockState

_EACH = bytes(range(256))
_CLAIMED = bytes(255 if status in (UnitStatus.HELD, UnitStatus.SOLD) else 0 for status in _EACH)
_TO_BLOCK = bytes(UnitStatus.BLOCKED if status == UnitStatus.AVAILABLE else 0 for status in _EACH)
_BLOCKED = bytes(UnitStatus.BLOCKED if status == UnitStatus.AVAILABLE else status for status in _EACH)
_FAR = 32  # slots
_CLAIMED_RUN = re.compile(rb"[\x01\x02]+")


def statuses_shown(state: BlockState) -> bytearray:
    """The status of each seat, in the order of the layout, then of each slot, as they are shown; to read."""
    statuses, layout = state.inventory.statuses, state.index.layout
    if not any(resource.buffer_ms for resource in layout.resources):
        return statuses
    shown = bytearray(statuses)
    joins: dict[tuple[int, int], int | None] = {}
    for number, resource in enumerate(layout.resources):
        slots = state.index.slots.of_resource(number)
        of_resource = bytes(statuses[slots.start : slots.stop])
        claimed = int.from_bytes(of_resource.translate(_CLAIMED), "little")
        if not resource.buffer_ms or not claimed:
            continue
        key = resource.calendar, resource.buffer_ms
        calendar = layout.calendars[resource.calendar]
        if key not in joins:
            joins[key] = _joined(calendar, resource.buffer_ms)
        joined = joins[key]
        distance = -(-resource.buffer_ms // calendar.slot_ms)
        if joined is None or distance > _FAR:
            _block_run_by_run(state, number, shown)
            continue
        near = _near(claimed, joined, distance)
        blocked = near & int.from_bytes(of_resource.translate(_TO_BLOCK), "little")
        together = int.from_bytes(of_resource, "little") | blocked
        shown[slots.start : slots.stop] = together.to_bytes(len(slots), "little")
    return shown


def _joined(calendar: Calendar, buffer_ms: int) -> int | None:
    """A byte for each slot: all bits if it follows the one before it at once, none if after the buffer or later.

    None if a break is shorter than the buffer.
    """
    parts = []
    end_ms = None
    for start_ms, count, _ in calendar.runs:
        if end_ms is not None and end_ms < start_ms < end_ms + buffer_ms:
            return None
        parts.append((b"\xff" if start_ms == end_ms else b"\0") + b"\xff" * (count - 1))
        end_ms = start_ms + count * calendar.slot_ms
    return int.from_bytes(b"".join(parts), "little")


def _near(claimed: int, joined: int, distance: int) -> int:
    """The bytes that are so far or less from those of `claimed`, over no break."""
    behind = before = claimed
    for _ in range(distance):
        further = behind | (behind << 8 & joined), before | (before & joined) >> 8
        if further == (behind, before):
            break
        behind, before = further
    return behind | before


def _block_run_by_run(state: BlockState, resource: int, shown: bytearray) -> None:
    index = state.index.slots
    slots = index.of_resource(resource)
    done = slots.start
    for run in _CLAIMED_RUN.finditer(state.inventory.statuses, slots.start, slots.stop):
        around = index.around(run.start(), run.end() - 1)
        first = max(around.start, done)
        shown[first : around.stop] = shown[first : around.stop].translate(_BLOCKED)
        done = around.stop
