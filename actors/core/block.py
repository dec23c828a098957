"""A block: one journal's state machine. `decide` reads, `apply` is the only mutator, `next_expiry` makes time pass.

Rules: an illegal transition is rejected and nothing changes; the same entries give the same state to the bit, live and
on replay; within a block time never runs backwards.
"""

from collections.abc import Callable
from typing import Any

from actors.core import events, holds, orders
from actors.core.commands import (
    CancelOrder,
    Command,
    ConfirmOrder,
    CreateEvent,
    ExtendHold,
    OpenSale,
    PlaceHold,
    PlaceOrder,
    Read,
    ReadDigest,
    ReadEvent,
    ReadHold,
    ReadOrder,
    ReleaseHold,
    Write,
)
from actors.core.entries import (
    Activated,
    Entry,
    EventCreated,
    HoldExpired,
    HoldExtended,
    HoldPlaced,
    HoldReleased,
    OrderCancelled,
    OrderConfirmed,
    OrderExpired,
    OrderPlaced,
    SaleOpened,
)
from actors.core.ids import Kind
from actors.core.keys import keys_are_full, prune
from actors.core.outcomes import Accepted, Outcome, Reason, Rejected
from actors.core.replies import DigestReply, Reply
from actors.core.snapshot import digest, ledger_digest
from actors.core.state import BlockState, Memo

_DECIDE: dict[type, Callable[[BlockState, Any, int], Outcome]] = {
    CreateEvent: events.decide_create_event,
    OpenSale: events.decide_open_sale,
    PlaceHold: holds.decide_place_hold,
    ExtendHold: holds.decide_extend_hold,
    ReleaseHold: holds.decide_release_hold,
    PlaceOrder: orders.decide_place_order,
    ConfirmOrder: orders.decide_confirm_order,
    CancelOrder: orders.decide_cancel_order,
}

_APPLY: dict[type, Callable[[BlockState, Any], None]] = {
    Activated: holds.apply_activated,
    EventCreated: events.apply_event_created,
    SaleOpened: events.apply_sale_opened,
    HoldPlaced: holds.apply_hold_placed,
    HoldExtended: holds.apply_hold_extended,
    HoldReleased: holds.apply_hold_released,
    HoldExpired: holds.apply_hold_expired,
    OrderPlaced: orders.apply_order_placed,
    OrderConfirmed: orders.apply_order_confirmed,
    OrderCancelled: orders.apply_order_cancelled,
    OrderExpired: orders.apply_order_expired,
}

_READS = (ReadEvent, ReadHold, ReadOrder, ReadDigest)


def decide(state: BlockState, command: Command, now_ms: int) -> Outcome:
    """What becomes of the command at `now_ms`. Reads only."""
    at_ms = max(now_ms, state.last_at_ms)
    if isinstance(command, _READS):
        return _read(state, command, at_ms)
    return _write(state, command, at_ms)


def apply(state: BlockState, entry: Entry) -> None:
    """Make the entry part of the state. An exception here means that the block cannot be trusted any more."""
    _APPLY[type(entry)](state, entry)
    state.last_at_ms = max(state.last_at_ms, entry.at_ms)
    state.entries_applied += 1
    prune(state, state.last_at_ms)


def next_expiry(state: BlockState, now_ms: int) -> Entry | None:
    """The entry for the most overdue hold or unpaid order at `now_ms`, or None."""
    at_ms = max(now_ms, state.last_at_ms)
    due = state.next_deadline()
    return holds.expiry_of(due[1], at_ms) if due is not None and due[0] <= at_ms else None


def next_deadline_ms(state: BlockState) -> int | None:
    """When the next hold or unpaid order falls due, or None."""
    due = state.next_deadline()
    return None if due is None else due[0]


def _write(state: BlockState, command: Write, at_ms: int) -> Outcome:
    stamp = command.stamp
    if at_ms > stamp.not_after_ms:
        return Rejected(Reason.DEADLINE_EXCEEDED)
    if not isinstance(command, CreateEvent) or state.layout is not None:
        missing = _missing(state, command, stamp.tenant)
        if missing is not None:
            return Rejected(missing)
    memo = state.memos.get(stamp.key)
    if memo is not None:
        if memo.fingerprint != stamp.fingerprint:
            return Rejected(Reason.IDEMPOTENCY_KEY_REUSED)
        return _replay(state, memo, at_ms)
    if keys_are_full(state, at_ms):
        return Rejected(Reason.OVERLOADED)
    if isinstance(command, CreateEvent) and state.layout is not None:
        return Rejected(Reason.IDEMPOTENCY_KEY_REUSED)
    return _DECIDE[type(command)](state, command, at_ms)


def _read(state: BlockState, command: Read, at_ms: int) -> Outcome:
    missing = _missing(state, command, command.tenant)
    if missing is not None:
        return Rejected(missing)
    if isinstance(command, ReadDigest):
        return Accepted((), DigestReply(digest(state), ledger_digest(state), state.entries_applied))
    if isinstance(command, ReadHold):
        return Accepted((), holds.hold_reply(state, state.holds[command.hold], at_ms))
    if isinstance(command, ReadOrder):
        return Accepted((), orders.order_reply(state, state.orders[command.order], at_ms))
    return Accepted((), events.event_reply(state))


def _missing(state: BlockState, command: Command, tenant: str) -> Reason | None:
    """What the command names and this tenant does not have here. Another tenant's thing looks like none at all."""
    known = state.layout is not None and state.tenant == tenant
    if isinstance(command, ReadHold | ExtendHold | ReleaseHold | PlaceOrder):
        return None if known and command.hold in state.holds else Reason.HOLD_NOT_FOUND
    if isinstance(command, ReadOrder | ConfirmOrder | CancelOrder):
        return None if known and command.order in state.orders else Reason.ORDER_NOT_FOUND
    return None if known else Reason.EVENT_NOT_FOUND


def _replay(state: BlockState, memo: Memo, at_ms: int) -> Outcome:
    """The reply is rebuilt from what the key stands for: same id, same units."""
    reply: Reply
    if memo.kind is Kind.HOLD:
        hold = state.holds.get(memo.number)
        if hold is None:
            return Rejected(Reason.HOLD_NOT_FOUND)
        reply = holds.hold_reply(state, hold, at_ms)
    elif memo.kind is Kind.ORDER:
        reply = orders.order_reply(state, state.orders[memo.number], at_ms)
    else:
        reply = events.event_reply(state)
    return Accepted((), reply, replayed=True)
