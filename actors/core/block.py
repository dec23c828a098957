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
from actors.core.outcomes import Accepted, Details, Outcome, Reason, Rejected
from actors.core.replies import DigestReply, Reply
from actors.core.snapshot import digest, ledger_digest
from actors.core.state import BlockState, Memo

# What can be malformed; the other commands bear nothing that could be.
_FAULTS: dict[type, Callable[[BlockState, Any], tuple[str, ...]]] = {
    CreateEvent: events.faults_of_create_event,
    PlaceHold: holds.faults_of_place_hold,
    ExtendHold: holds.faults_of_extend_hold,
    PlaceOrder: orders.faults_of_place_order,
}

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


def decide(state: BlockState, command: Command, now_ms: int, *, owned: bool = True) -> Outcome:
    """What becomes of the command at `now_ms`. Reads only.

    Not `owned`: whoever asks has not taken the block over. Then only that is over by time which the entry by which it
    is taken over cannot give a grace (see `holds.is_over`).
    """
    at_ms = max(now_ms, state.last_at_ms)
    if isinstance(command, _READS):
        return _read(state, command, at_ms, owned)
    return _write(state, command, now_ms, at_ms)


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


def _write(state: BlockState, command: Write, now_ms: int, at_ms: int) -> Outcome:
    """In the order of `Reason`. Of another tenant's block nothing is told, not even that it is full.

    Whether the command comes too late is judged by the clock and not by the block's time, which may be ahead of it.
    """
    stamp = command.stamp
    find_faults = _FAULTS.get(type(command))
    faults = find_faults(state, command) if find_faults is not None else ()
    if faults:
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=faults))
    memo = state.memos.get(stamp.key)
    if memo is None and state.tenant == stamp.tenant and keys_are_full(state, at_ms):
        return Rejected(Reason.OVERLOADED)
    if now_ms > stamp.not_after_ms:
        return Rejected(Reason.DEADLINE_EXCEEDED)
    creates = isinstance(command, CreateEvent)
    missing = None if creates and state.layout is None else _missing(state, command, stamp.tenant)
    if missing is not None:
        return Rejected(missing)
    if memo is not None and memo.fingerprint == stamp.fingerprint:
        return _replay(state, memo, at_ms)
    if memo is not None or (creates and state.layout is not None):
        return Rejected(Reason.IDEMPOTENCY_KEY_REUSED)
    return _DECIDE[type(command)](state, command, at_ms)


def _read(state: BlockState, command: Read, at_ms: int, owned: bool) -> Outcome:
    missing = _missing(state, command, command.tenant)
    if missing is not None:
        return Rejected(missing)
    if isinstance(command, ReadDigest):
        return Accepted((), DigestReply(digest(state), ledger_digest(state), state.entries_applied))
    if isinstance(command, ReadHold):
        return Accepted((), holds.hold_reply(state, state.holds[command.hold], at_ms, ends_by_time=owned))
    if isinstance(command, ReadOrder):
        return Accepted((), orders.order_reply(state, state.orders[command.order], at_ms, ends_by_time=owned))
    return Accepted((), events.event_reply(state))


def _missing(state: BlockState, command: Command, tenant: str) -> Reason | None:
    """What the command names and this tenant does not have here. Another tenant's thing looks like none at all."""
    is_there, reason = _NAMED[type(command)]
    return None if state.tenant == tenant and is_there(state, command) else reason


def _event_is_there(state: BlockState, _: Command) -> bool:
    return state.layout is not None


def _hold_is_there(state: BlockState, command: ReadHold | ExtendHold | ReleaseHold | PlaceOrder) -> bool:
    return command.hold in state.holds


def _order_is_there(state: BlockState, command: ReadOrder | ConfirmOrder | CancelOrder) -> bool:
    return command.order in state.orders


# What a command names, and what it is told if that is not there.
_NAMED: dict[type, tuple[Callable[[BlockState, Any], bool], Reason]] = {
    **dict.fromkeys(
        (CreateEvent, OpenSale, PlaceHold, ReadEvent, ReadDigest), (_event_is_there, Reason.EVENT_NOT_FOUND)
    ),
    **dict.fromkeys((ExtendHold, ReleaseHold, PlaceOrder, ReadHold), (_hold_is_there, Reason.HOLD_NOT_FOUND)),
    **dict.fromkeys((ConfirmOrder, CancelOrder, ReadOrder), (_order_is_there, Reason.ORDER_NOT_FOUND)),
}


def _replay(state: BlockState, memo: Memo, at_ms: int) -> Outcome:
    """The reply is rebuilt from what the key stands for: same id, same units. It may be forgotten before its key is."""
    reply: Reply
    if memo.kind is Kind.HOLD:
        hold = state.holds.get(memo.number)
        if hold is None:
            return Rejected(Reason.HOLD_NOT_FOUND)
        reply = holds.hold_reply(state, hold, at_ms)
    elif memo.kind is Kind.ORDER:
        order = state.orders.get(memo.number)
        if order is None:
            return Rejected(Reason.ORDER_NOT_FOUND)
        reply = orders.order_reply(state, order, at_ms)
    else:
        reply = events.event_reply(state)
    return Accepted((), reply, replayed=True)
