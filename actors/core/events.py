"""The event of a block: created once, put on sale, paused, edited, closed, cancelled, archived."""

from collections.abc import Iterator

from actors.core.allotments import shelve, unknown_units
from actors.core.commands import MIN_EVENT_HOLD_TTL_MS, ChangeStatus, CreateEvent, EditEvent, OpenSale
from actors.core.entries import EventCreated, EventEdited, SaleOpened, StatusChanged
from actors.core.event_layout import adopt, refuse_orphaning
from actors.core.holds import conclude_hold, end_hold
from actors.core.ids import Kind
from actors.core.keys import ORDER_KEY_KEPT_MS, remember
from actors.core.layout import Layout
from actors.core.layout_index import LayoutIndex
from actors.core.layout_soundness import first_fault
from actors.core.orders import IN_FORCE, conclude_order, end_order
from actors.core.outcomes import Accepted, Details, Outcome, Reason, Rejected
from actors.core.parts import (
    Part,
    changed_section,
    faults_of_divided,
    faults_of_parts,
    layout_of_home,
)
from actors.core.replies import EventReply, EventStatus, HoldStatus, OrderStatus, WaiterStatus
from actors.core.rules import Rules, faults_of_rules
from actors.core.state import BlockState
from actors.core.tickets import SOLD

_MAY_BECOME = {
    EventStatus.DRAFT: (EventStatus.CANCELLED,),
    EventStatus.ON_SALE: (EventStatus.PAUSED, EventStatus.CLOSED, EventStatus.CANCELLED),
    EventStatus.PAUSED: (EventStatus.CLOSED, EventStatus.CANCELLED),
    EventStatus.CLOSED: (EventStatus.ARCHIVED, EventStatus.CANCELLED),
    EventStatus.ARCHIVED: (),
    EventStatus.CANCELLED: (EventStatus.ARCHIVED,),
}

_WHY_NOT = {
    EventStatus.DRAFT: Reason.SALE_NOT_OPEN,
    EventStatus.ON_SALE: Reason.SALE_OPEN,
    EventStatus.PAUSED: Reason.SALE_OPEN,
    EventStatus.CLOSED: Reason.SALE_CLOSED,
    EventStatus.ARCHIVED: Reason.SALE_CLOSED,
    EventStatus.CANCELLED: Reason.SALE_CLOSED,
}
"""Why an event of this status cannot become what was asked."""


def faults_of_create_event(_: BlockState, command: CreateEvent) -> tuple[str, ...]:
    """What no block could live with: the edges read layout files, but a block trusts nobody with its journal."""
    faults = _faults(command.layout, command.hold_ttl_ms, command.rules, command.rules.max_hold_life_ms)
    return (*faults, *_faults_of_split(command.layout, command.parts, command.rules))


def faults_of_edit_event(state: BlockState, command: EditEvent) -> tuple[str, ...]:
    """What is malformed about the command."""
    rules = state.rules if command.rules is None else command.rules
    faults = _faults(command.layout, command.hold_ttl_ms, command.rules, rules.max_hold_life_ms)
    return (*faults, *_faults_of_divided_edit(state, command))


def faults_of_change_status(_: BlockState, command: ChangeStatus) -> tuple[str, ...]:
    """What is malformed about the command."""
    may_be = any(command.status in others for others in _MAY_BECOME.values())
    return () if may_be else ("status: must be PAUSED, CLOSED, CANCELLED or ARCHIVED",)


def _faults(layout: Layout | None, hold_ttl_ms: int | None, rules: Rules | None, max_life_ms: int) -> tuple[str, ...]:
    fault = None if layout is None else first_fault(layout)
    faults = [] if fault is None else [str(fault)]
    if hold_ttl_ms is not None and not MIN_EVENT_HOLD_TTL_MS <= hold_ttl_ms <= max_life_ms:
        faults.append(f"hold_ttl_seconds: must be from {MIN_EVENT_HOLD_TTL_MS // 1000} to {max_life_ms // 1000}")
    return (*faults, *(faults_of_rules(rules) if rules is not None else ()))


def _faults_of_split(layout: Layout, parts: tuple[Part, ...], rules: Rules) -> Iterator[str]:
    if parts:
        yield from faults_of_parts(layout, parts)
        yield from faults_of_divided(rules)


def _faults_of_divided_edit(state: BlockState, command: EditEvent) -> Iterator[str]:
    """Parts keep their seats, and a ledger counts from the first hold on or not at all."""
    if not state.parts or state.whole is None:
        return
    rules = state.rules if command.rules is None else command.rules
    yield from faults_of_divided(rules)
    if rules.max_per_buyer and not state.rules.max_per_buyer and state.status is not EventStatus.DRAFT:
        yield "rules.max_per_buyer: of an event that is split cannot be set once it is no draft any more"
    changed = changed_section(state.whole, command.layout, tuple(state.parts)) if command.layout is not None else None
    if changed is not None:
        yield f"layout.sections: the seats of {changed} cannot change, as the event is split"


def refuse_part(state: BlockState) -> Rejected | None:
    """Why nothing is asked of the event itself: the block is a part of one, which is no event."""
    return Rejected(Reason.EVENT_NOT_FOUND) if state.home else None


def decide_create_event(_: BlockState, command: CreateEvent, now_ms: int) -> Outcome:
    """The block has no event yet (see `block.decide`), so this creates it."""
    stamp, rules = command.stamp, command.rules
    unknown = unknown_units(LayoutIndex(command.layout), rules) if rules.allotments else ()
    if unknown:
        return Rejected(Reason.UNIT_UNKNOWN, Details(units=unknown))
    entry = EventCreated(
        now_ms, stamp.tenant, command.name, command.layout, command.hold_ttl_ms, stamp.key, stamp.fingerprint, rules,
        command.parts,
    )  # fmt: skip
    reply = EventReply(
        stamp.tenant, command.name, EventStatus.DRAFT, command.layout, command.hold_ttl_ms, now_ms, rules,
        parts=command.parts, behind=len(command.parts),
    )  # fmt: skip
    return Accepted((entry,), reply)


def decide_open_sale(state: BlockState, command: OpenSale, now_ms: int) -> Outcome:
    """Opening an open sale changes nothing and is accepted: the caller has what it asked for.

    Such a key is not remembered, as only the entry of an effect remembers a key; asked again, it is judged again.
    """
    refusal = refuse_part(state)
    if refusal is not None:
        return refusal
    if state.status is EventStatus.ON_SALE:
        return Accepted((), event_reply(state))
    if state.status not in (EventStatus.DRAFT, EventStatus.PAUSED):
        return Rejected(Reason.SALE_CLOSED)
    entry = SaleOpened(now_ms, command.stamp.key, command.stamp.fingerprint)
    return Accepted((entry,), event_reply(state, status=EventStatus.ON_SALE, revision=state.revision + 1))


def decide_change_status(state: BlockState, command: ChangeStatus, now_ms: int) -> Outcome:
    """As `OpenSale`: what is so already is accepted and changes nothing."""
    refusal = refuse_part(state)
    if refusal is not None:
        return refusal
    if state.status is command.status:
        return Accepted((), event_reply(state))
    if command.status not in _MAY_BECOME[state.status]:
        return Rejected(_WHY_NOT[state.status])
    entry = StatusChanged(now_ms, command.status, command.stamp.key, command.stamp.fingerprint)
    return Accepted((entry,), event_reply(state, status=command.status, revision=state.revision + 1))


def decide_edit_event(state: BlockState, command: EditEvent, now_ms: int) -> Outcome:
    """Whole or not at all; refused if the event is another by now, or if somebody would lose a unit."""
    refusal = refuse_part(state)
    if refusal is not None:
        return refusal
    if command.if_revision != state.revision:
        return Rejected(Reason.REVISION_MISMATCH)
    layout = event_layout(state) if command.layout is None else command.layout
    index = state.index if command.layout is None and not state.parts else LayoutIndex(layout)
    rules = state.rules if command.rules is None else command.rules
    unknown = unknown_units(index, rules) if rules.allotments else ()
    if unknown:
        return Rejected(Reason.UNIT_UNKNOWN, Details(units=unknown))
    own = LayoutIndex(layout_of_home(layout, tuple(state.parts))) if state.parts else index
    refusal = None if command.layout is None else refuse_orphaning(state, own)
    if refusal is not None:
        return refusal
    stamp = command.stamp
    entry = EventEdited(
        now_ms, command.name, command.layout, command.rules, command.hold_ttl_ms, stamp.key, stamp.fingerprint
    )
    reply = EventReply(
        state.tenant,
        state.name if command.name is None else command.name,
        state.status,
        layout,
        state.hold_ttl_ms if command.hold_ttl_ms is None else command.hold_ttl_ms,
        state.created_at_ms,
        rules,
        state.revision + 1,
        state.layout_version + (command.layout is not None),
        tuple(state.parts),
        len(state.parts),
    )
    return Accepted((entry,), reply)


def apply_event_created(state: BlockState, entry: EventCreated) -> None:
    """The block gets its event and its units."""
    assert state.layout is None, "a block has one event"
    state.tenant = entry.tenant
    state.name = entry.name
    state.hold_ttl_ms = entry.hold_ttl_ms
    state.created_at_ms = entry.at_ms
    state.revision = 1
    state.set_rules(entry.rules, entry.at_ms)
    remember(state, entry.key, entry.fingerprint, Kind.EVENT, 0, due_ms=0)
    state.parts = dict.fromkeys(entry.parts, 0)
    state.set_event_layout(entry.layout, 1)
    shelve(state)


def apply_sale_opened(state: BlockState, entry: SaleOpened) -> None:
    """The event is on sale."""
    become(state, EventStatus.ON_SALE, entry.at_ms)
    remember(state, entry.key, entry.fingerprint, Kind.EVENT, 0, entry.at_ms + ORDER_KEY_KEPT_MS)


def apply_status_changed(state: BlockState, entry: StatusChanged) -> None:
    """The event is paused or over."""
    assert entry.status in _MAY_BECOME[state.status], "an event does not go back"
    become(state, entry.status, entry.at_ms)
    remember(state, entry.key, entry.fingerprint, Kind.EVENT, 0, entry.at_ms + ORDER_KEY_KEPT_MS)


def become(state: BlockState, status: EventStatus, at_ms: int) -> None:
    """The event has this status. Over: nobody waits any more. Cancelled: nobody has anything any more."""
    state.status = status
    state.revision += 1
    state.line.stirred = True
    if status in (EventStatus.ON_SALE, EventStatus.PAUSED):
        return
    for waiter in state.waiters.values():
        if waiter.status is WaiterStatus.WAITING:
            state.end_waiting(waiter, WaiterStatus.LEFT, at_ms)
    if status is EventStatus.CANCELLED:
        state.was_cancelled = True
        _end_all(state, at_ms)


def _end_all(state: BlockState, at_ms: int) -> None:
    """Holds and orders end; the legs of baskets ask their desks, which decide. Quickly, if nobody keeps anything."""
    somebody_keeps = bool(state.legs) or any(
        order.status in SOLD and order.status not in IN_FORCE for order in state.orders.values()
    )
    of_hold, of_order = (end_hold, end_order) if somebody_keeps else (conclude_hold, conclude_order)
    for hold in state.holds.values():
        if hold.status is HoldStatus.ACTIVE and hold.number not in state.legs:
            of_hold(state, hold, HoldStatus.RELEASED, at_ms)
    for order in state.orders.values():
        if (order.status is OrderStatus.PENDING or order.status in IN_FORCE) and order.number not in state.legs:
            of_order(state, order, OrderStatus.CANCELLED, at_ms)
    if not somebody_keeps:
        state.clear_claims()
    for leg in state.legs.values():
        order_of_leg = state.orders.get(leg.number)
        if order_of_leg.status in IN_FORCE if order_of_leg is not None else state.claims_units(state.holds[leg.number]):
            state.let_ask(leg, at_ms)


def apply_event_edited(state: BlockState, entry: EventEdited) -> None:
    """The event is what the entry makes of it; who has units keeps them."""
    state.revision += 1
    state.name = state.name if entry.name is None else entry.name
    state.hold_ttl_ms = state.hold_ttl_ms if entry.hold_ttl_ms is None else entry.hold_ttl_ms
    adopt(state, entry.layout, entry.rules, entry.at_ms)
    remember(state, entry.key, entry.fingerprint, Kind.EVENT, 0, entry.at_ms + ORDER_KEY_KEPT_MS)


def event_layout(state: BlockState) -> Layout:
    """The event's layout, with what its parts have of it."""
    return state.index.layout if state.whole is None else state.whole


def event_reply(state: BlockState, *, status: EventStatus | None = None, revision: int = 0) -> EventReply:
    """The event as it stands, or as it will with this status and revision."""
    assert state.layout is not None
    return EventReply(
        state.tenant, state.name, state.status if status is None else status, event_layout(state), state.hold_ttl_ms,
        state.created_at_ms, state.rules, revision or state.revision, state.layout_version, tuple(state.parts),
        len(state.parts) if revision else len(state.parts_behind), state.home,
    )  # fmt: skip
