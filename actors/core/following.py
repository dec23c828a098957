"""A part becomes what its event is: told by the event's home, as of a revision, again and again until it is so."""

import msgspec

from actors.core.allotments import shelve
from actors.core.commands import AcknowledgePart, FollowEvent
from actors.core.entries import EventFollowed, PartFollowed
from actors.core.event_layout import adopt
from actors.core.events import become, event_layout
from actors.core.outcomes import Accepted, Outcome, Reason, Rejected
from actors.core.parts import Part, layout_of_part
from actors.core.replies import EventStatus, RevisionReply
from actors.core.state import BlockState


def what_to_follow(state: BlockState, home: str, part: Part) -> FollowEvent:
    """What the event, at home in this block, tells a part. A ledger has nothing that could be set aside."""
    rules = msgspec.structs.replace(state.rules, allotments=()) if part.is_ledger else state.rules
    return FollowEvent(
        state.tenant, home, state.revision, state.name, state.status, layout_of_part(event_layout(state), part),
        state.hold_ttl_ms, rules, state.was_cancelled,
    )  # fmt: skip


def decide_follow_event(state: BlockState, command: FollowEvent, now_ms: int) -> Outcome:
    """Told twice, or of what the event was before, it is done already."""
    if state.tenant and state.home != command.home:
        return Rejected(Reason.EVENT_NOT_FOUND)
    if state.revision >= command.revision:
        return Accepted((), RevisionReply(state.revision), replayed=True)
    entry = EventFollowed(
        now_ms, command.tenant, command.home, command.revision, command.name, command.status, command.hold_ttl_ms,
        None if command.layout == state.layout else command.layout,
        None if state.layout is not None and command.rules == state.rules else command.rules, command.was_cancelled,
    )  # fmt: skip
    return Accepted((entry,), RevisionReply(command.revision))


def decide_acknowledge_part(state: BlockState, command: AcknowledgePart, now_ms: int) -> Outcome:
    """The part knows what the event was at this revision."""
    known = max((seen for part, seen in state.parts.items() if part.block == command.part), default=command.revision)
    entries = (PartFollowed(now_ms, command.part, command.revision),) if known < command.revision else ()
    return Accepted(entries, RevisionReply(command.revision))


def apply_event_followed(state: BlockState, entry: EventFollowed) -> None:
    """The part is as its event was at this revision; whoever has units keeps them, unless the event was cancelled."""
    is_new = state.layout is None
    assert state.home == entry.home or is_new, "a part follows one event"
    state.home, state.tenant, state.name = entry.home, entry.tenant, entry.name
    state.hold_ttl_ms = entry.hold_ttl_ms
    if is_new:
        assert entry.layout is not None, "a part that is new has no layout yet"
        assert entry.rules is not None, "nor rules"
        state.created_at_ms = entry.at_ms
        state.set_rules(entry.rules, entry.at_ms)
        state.set_layout(entry.layout, 1)
        shelve(state)
    else:
        adopt(state, entry.layout, entry.rules, entry.at_ms)
    if entry.was_cancelled and not state.was_cancelled:
        become(state, EventStatus.CANCELLED, entry.at_ms)  # and archived since, before this part heard of it
    if state.status is not entry.status:
        become(state, entry.status, entry.at_ms)
    state.revision = entry.revision


def apply_part_followed(state: BlockState, entry: PartFollowed) -> None:
    """The part knows."""
    part = next(part for part in state.parts if part.block == entry.part)
    state.parts[part] = entry.revision
