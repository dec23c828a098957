"""The event of a block: created once, then put on sale."""

from actors.core.commands import MAX_HOLD_LIFE_MS, MIN_EVENT_HOLD_TTL_MS, CreateEvent, OpenSale
from actors.core.entries import EventCreated, SaleOpened
from actors.core.ids import Kind
from actors.core.keys import ORDER_KEY_KEPT_MS, remember
from actors.core.layout_soundness import first_fault
from actors.core.outcomes import Accepted, Outcome
from actors.core.replies import EventReply, EventStatus
from actors.core.state import BlockState


def faults_of_create_event(_: BlockState, command: CreateEvent) -> tuple[str, ...]:
    """What no block could live with: the edges read layout files, but a block trusts nobody with its journal."""
    fault = first_fault(command.layout)
    faults = [] if fault is None else [str(fault)]
    if not MIN_EVENT_HOLD_TTL_MS <= command.hold_ttl_ms <= MAX_HOLD_LIFE_MS:
        faults.append(f"hold_ttl_ms: must be from {MIN_EVENT_HOLD_TTL_MS} to {MAX_HOLD_LIFE_MS}")
    return tuple(faults)


def decide_create_event(state: BlockState, command: CreateEvent, now_ms: int) -> Outcome:
    """The block has no event yet (see `block.decide`), so this creates it."""
    stamp = command.stamp
    entry = EventCreated(
        now_ms, stamp.tenant, command.name, command.layout, command.hold_ttl_ms, stamp.key, stamp.fingerprint
    )
    reply = EventReply(stamp.tenant, command.name, EventStatus.DRAFT, command.layout, command.hold_ttl_ms, now_ms)
    return Accepted((entry,), reply)


def decide_open_sale(state: BlockState, command: OpenSale, now_ms: int) -> Outcome:
    """Opening an open sale changes nothing and is accepted: the caller has what it asked for.

    Such a key is not remembered, as only the entry of an effect remembers a key; asked again, it is judged again.
    """
    if state.status is EventStatus.ON_SALE:
        return Accepted((), event_reply(state))
    entry = SaleOpened(now_ms, command.stamp.key, command.stamp.fingerprint)
    return Accepted((entry,), event_reply(state, EventStatus.ON_SALE))


def apply_event_created(state: BlockState, entry: EventCreated) -> None:
    """The block gets its event and its units."""
    assert state.layout is None, "a block has one event"
    state.tenant = entry.tenant
    state.name = entry.name
    state.hold_ttl_ms = entry.hold_ttl_ms
    state.created_at_ms = entry.at_ms
    remember(state, entry.key, entry.fingerprint, Kind.EVENT, 0, due_ms=0)
    state.set_layout(entry.layout)


def apply_sale_opened(state: BlockState, entry: SaleOpened) -> None:
    """The event is on sale."""
    state.status = EventStatus.ON_SALE
    remember(state, entry.key, entry.fingerprint, Kind.EVENT, 0, entry.at_ms + ORDER_KEY_KEPT_MS)


def event_reply(state: BlockState, status: EventStatus | None = None) -> EventReply:
    """The event as it stands, or as it will with this status."""
    assert state.layout is not None
    status = state.status if status is None else status
    return EventReply(state.tenant, state.name, status, state.layout, state.hold_ttl_ms, state.created_at_ms)
