"""A block: one journal's state machine. `decide` reads, `apply` is the only mutator, `next_due` makes time pass.

Rules: an illegal transition is rejected and nothing changes; the same entries give the same state to the bit, live and
on replay; within a block time never runs backwards.
"""

from collections.abc import Callable
from typing import Any, cast

from actors.core import commands as c
from actors.core import (
    corrections,
    desk,
    desk_exchange,
    events,
    following,
    holds,
    legs,
    orders,
    ticket_changes,
    waiting,
)
from actors.core import entries as e
from actors.core.allotments import apply_allotment_returned
from actors.core.commands import Command, Errand, Read, Write
from actors.core.entries import Entry
from actors.core.ids import Kind
from actors.core.keys import keys_are_full, prune
from actors.core.outcomes import Accepted, Details, Outcome, Reason, Rejected
from actors.core.replies import DigestReply, PlacingReply, Reply, RevisionReply
from actors.core.snapshot import digest, ledger_digest
from actors.core.state import BlockState, Memo

CLAIMS = (c.PlaceHold, c.ExchangeTickets, c.PinLeg)
"""The commands by which somebody who does not wait may get units."""

_NEW_HOLDS = (c.PlaceHold, c.IntendBasket)

# What can be malformed; the other commands bear nothing that could be.
_FAULTS: dict[type, Callable[[BlockState, Any], tuple[str, ...]]] = {
    c.CreateEvent: events.faults_of_create_event,
    c.EditEvent: events.faults_of_edit_event,
    c.ChangeStatus: events.faults_of_change_status,
    c.PlaceHold: holds.faults_of_place_hold,
    c.ExtendHold: holds.faults_of_extend_hold,
    c.PlaceOrder: orders.faults_of_place_order,
    c.CloseOrder: orders.faults_of_close_order,
    c.CancelTickets: ticket_changes.faults_of_cancel_tickets,
    c.ExchangeTickets: ticket_changes.faults_of_exchange_tickets,
    c.ReassignTicket: ticket_changes.faults_of_reassign_ticket,
    c.JoinWaitingList: waiting.faults_of_join,
    c.IntendBasket: desk.faults_of_intend_basket,
    c.IntendExchange: desk_exchange.faults_of_intend_exchange,
}

_DECIDE: dict[type, Callable[[BlockState, Any, int], Outcome]] = {
    c.CreateEvent: events.decide_create_event,
    c.OpenSale: events.decide_open_sale,
    c.ChangeStatus: events.decide_change_status,
    c.EditEvent: events.decide_edit_event,
    c.PlaceHold: holds.decide_place_hold,
    c.ExtendHold: holds.decide_extend_hold,
    c.ReleaseHold: holds.decide_release_hold,
    c.PlaceOrder: orders.decide_place_order,
    c.ConfirmOrder: orders.decide_confirm_order,
    c.CancelOrder: orders.decide_cancel_order,
    c.CloseOrder: orders.decide_close_order,
    c.CancelTickets: ticket_changes.decide_cancel_tickets,
    c.ExchangeTickets: ticket_changes.decide_exchange_tickets,
    c.ReassignTicket: ticket_changes.decide_reassign_ticket,
    c.JoinWaitingList: waiting.decide_join,
    c.LeaveWaitingList: waiting.decide_leave,
    c.IntendBasket: desk.decide_intend_basket,
    c.IntendExchange: desk_exchange.decide_intend_exchange,
}

_DECIDE_ERRAND: dict[type, Callable[[BlockState, Any, int], Outcome]] = {
    c.SettleBasket: desk.decide_settle_basket,
    c.DropBasket: desk.decide_drop_basket,
    c.SettleExchange: desk_exchange.decide_settle_exchange,
    c.AcknowledgeLeg: desk.decide_acknowledge_leg,
    c.AskAboutLeg: desk.decide_ask_about_leg,
    c.PinLeg: legs.decide_pin_leg,
    c.BookLeg: legs.decide_book_leg,
    c.ReleaseLeg: legs.decide_release_leg,
    c.FollowEvent: following.decide_follow_event,
    c.AcknowledgePart: following.decide_acknowledge_part,
}

_APPLY: dict[type, Callable[[BlockState, Any], None]] = {
    e.Activated: holds.apply_activated,
    e.EventCreated: events.apply_event_created,
    e.SaleOpened: events.apply_sale_opened,
    e.HoldPlaced: holds.apply_hold_placed,
    e.HoldExtended: holds.apply_hold_extended,
    e.HoldReleased: holds.apply_hold_released,
    e.HoldExpired: holds.apply_hold_expired,
    e.OrderPlaced: orders.apply_order_placed,
    e.OrderConfirmed: orders.apply_order_confirmed,
    e.OrderCancelled: orders.apply_order_cancelled,
    e.OrderExpired: orders.apply_order_expired,
    e.StatusChanged: events.apply_status_changed,
    e.EventEdited: events.apply_event_edited,
    e.AllotmentReturned: apply_allotment_returned,
    e.TicketsCancelled: ticket_changes.apply_tickets_cancelled,
    e.TicketsExchanged: ticket_changes.apply_tickets_exchanged,
    e.TicketReassigned: ticket_changes.apply_ticket_reassigned,
    e.OrderClosed: orders.apply_order_closed,
    e.WaiterJoined: waiting.apply_waiter_joined,
    e.WaiterLeft: waiting.apply_waiter_left,
    e.PartFollowed: following.apply_part_followed,
    e.EventFollowed: following.apply_event_followed,
    e.BasketIntended: desk.apply_basket_intended,
    e.BasketSettled: desk.apply_basket_settled,
    e.BasketDropped: desk.apply_basket_dropped,
    e.LegAcknowledged: desk.apply_leg_acknowledged,
    e.ExchangeIntended: desk_exchange.apply_exchange_intended,
    e.ExchangeSettled: desk_exchange.apply_exchange_settled,
    e.ExchangeDropped: desk_exchange.apply_exchange_dropped,
    e.LegPinned: legs.apply_leg_pinned,
    e.LegBooked: legs.apply_leg_booked,
    e.LegReleased: legs.apply_leg_released,
    e.LegBarred: legs.apply_leg_barred,
    e.Corrected: corrections.apply_corrected,
}


def decide(
    state: BlockState,
    command: Command,
    now_ms: int,
    *,
    sure_ms: int = waiting.ENDLESS,
    owned: bool = True,
    crowded: bool = False,
) -> Outcome:
    """What becomes of the command at `now_ms`. Reads only.

    `sure_ms`: it is that late in any case: by `now_ms` a command may come too late, but nothing ends after this.
    `crowded`: the tenant has so many holds here that there are to be no more, whatever else is done.

    Not `owned`: whoever asks has not taken the block over. Then only that is over by time which the entry by which it
    is taken over cannot give a grace (see `holds.is_over`).
    """
    at_ms = max(min(now_ms, sure_ms), state.last_at_ms)
    kind = type(command)  # looked up, as asking for each of so many types takes longer than deciding
    if kind in _DECIDE:
        return _write(state, cast(Write, command), now_ms, at_ms, crowded)
    if kind in _DECIDE_ERRAND:
        return _errand(state, cast(Errand, command), now_ms, at_ms)
    return _read(state, cast(Read, command), at_ms, owned, crowded)


def apply(state: BlockState, entry: Entry) -> None:
    """Make the entry part of the state. An exception here means that the block cannot be trusted any more."""
    _APPLY[type(entry)](state, entry)
    _count(state, entry)


def leave_out(state: BlockState, entry: Entry) -> None:
    """The entry is struck: it counts as one that was applied, and its time has been, but it changes nothing else."""
    _count(state, entry)


def _count(state: BlockState, entry: Entry) -> None:
    state.last_at_ms = max(state.last_at_ms, entry.at_ms)
    state.entries_applied += 1
    prune(state, state.last_at_ms)


def next_due(state: BlockState, now_ms: int, patience: int = waiting.ENDLESS) -> Entry | None:
    """The entry for what time has brought about, or None: an allotment that comes back, the most overdue hold or unpaid
    order that ends, and then what is offered to who waits for it, as far as `patience` lets us look (`next_offer`).
    """
    at_ms = max(now_ms, state.last_at_ms)
    if state.next_return is not None and state.next_return[0] <= at_ms:
        return e.AllotmentReturned(at_ms, state.next_return[1])
    due = state.next_deadline()
    if due is not None and due[0] <= at_ms:
        return holds.expiry_of(due[1], at_ms)
    dropped = desk.next_drop(state, at_ms) if state.desk.placing else None
    if dropped is not None:
        return dropped
    return waiting.next_offer(state, at_ms, patience) if len(state.line) else None


def next_deadline_ms(state: BlockState) -> int | None:
    """When something falls due next, or None: a hold, an unpaid order, an allotment's return, the end of the time for
    placing a basket, a deed that nobody has acknowledged, a leg that must ask its desk, a part that is to be told, a
    window that opens while somebody waits.
    """
    due = state.next_deadline()
    dues = [at[0] for at in (due, state.next_return) if at is not None]
    opening_ms = waiting.next_opening_ms(state)
    dues += () if opening_ms is None else (opening_ms,)
    if state.parts_behind:
        dues.append(state.created_at_ms)
    of_baskets = state.next_ask_ms(), state.desk.next_deed_ms(), state.desk.next_place_by_ms()
    return min((*dues, *(due_ms for due_ms in of_baskets if due_ms is not None)), default=None)


def _write(state: BlockState, command: Write, now_ms: int, at_ms: int, crowded: bool = False) -> Outcome:
    """In the order of `Reason`. Of another tenant's block nothing is told, not even that it is full.

    Whether the command comes too late is judged by the clock and not by the block's time, which may be ahead of it.
    """
    stamp = command.stamp
    find_faults = _FAULTS.get(type(command))
    faults = find_faults(state, command) if find_faults is not None else ()
    if faults:
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=faults))
    memo = state.memos.get(stamp.key)
    if (
        memo is None
        and state.tenant == stamp.tenant
        and (_is_full(state, command, at_ms, crowded) or _puts_off(state, command, at_ms))
    ):
        full = type(command) is c.IntendBasket and desk.is_full_for_good(state)
        return Rejected(Reason.OVERLOADED, Details(full=full))
    if now_ms > stamp.not_after_ms:
        return Rejected(Reason.DEADLINE_EXCEEDED)
    creates = type(command) is c.CreateEvent
    begins = not state.tenant and (creates or type(command) is c.IntendBasket)
    missing = None if begins else _missing(state, command, stamp.tenant)
    if missing is not None:
        return Rejected(missing)
    if memo is not None and memo.fingerprint == stamp.fingerprint:
        return _replay(state, memo, stamp.key, at_ms)
    if memo is not None or (creates and state.layout is not None):
        return Rejected(Reason.IDEMPOTENCY_KEY_REUSED)
    return _DECIDE[type(command)](state, command, at_ms)


def _is_full(state: BlockState, command: Command, at_ms: int, crowded: bool = False) -> bool:
    """Whether there is no room for the command: for its key, for a hold, for a basket."""
    if keys_are_full(state, at_ms) or (crowded and type(command) in _NEW_HOLDS):
        return True
    return type(command) is c.IntendBasket and desk.is_full(state)


def _puts_off(state: BlockState, command: Command, at_ms: int) -> bool:
    """Whether the command may claim what is due to those who wait, to whom all of it has yet to be offered."""
    return type(command) in CLAIMS and waiting.is_restless(state, at_ms)


def _errand(state: BlockState, command: Errand, now_ms: int, at_ms: int) -> Outcome:
    """What blocks say to each other; of another tenant's block nothing is told."""
    if state.tenant not in (command.tenant, ""):
        return Rejected(Reason.EVENT_NOT_FOUND)
    if isinstance(command, c.PinLeg):
        faults = legs.faults_of_pin_leg(state, command)
        if faults:
            return Rejected(Reason.INVALID_ARGUMENT, Details(fields=faults))
        if now_ms > command.not_after_ms:
            return Rejected(Reason.DEADLINE_EXCEEDED)
        if state.layout is None:
            return Rejected(Reason.EVENT_NOT_FOUND)
        if command.plan.leg not in state.legs and _puts_off(state, command, at_ms):
            return Rejected(Reason.OVERLOADED)
    return _DECIDE_ERRAND[type(command)](state, command, at_ms)


def _read(state: BlockState, command: Read, at_ms: int, owned: bool, crowded: bool = False) -> Outcome:
    missing = _missing(state, command, command.tenant)
    if missing is not None:
        return Rejected(missing)
    if isinstance(command, c.ReadDigest):
        return Accepted((), DigestReply(digest(state), ledger_digest(state), state.entries_applied))
    if isinstance(command, c.ReadHold):
        return Accepted((), holds.hold_reply(state, state.holds[command.hold], at_ms, ends_by_time=owned))
    if isinstance(command, c.ReadOrder):
        return Accepted((), orders.order_reply(state, state.orders[command.order], at_ms, ends_by_time=owned))
    if isinstance(command, c.ReadWaiter):
        return Accepted((), waiting.waiter_reply(state, state.waiters[command.waiter]))
    if isinstance(command, c.ReadRoom):
        # crowded: no basket is meant then, and its legs need not be refused
        return Rejected(Reason.OVERLOADED) if crowded else legs.read_room(state, command, at_ms)
    if isinstance(command, c.ReadRevision):
        return Accepted((), RevisionReply(state.revision, len(state.parts_behind)))
    if isinstance(command, c.ReadKey):
        memo = state.memos[command.key]
        if memo.fingerprint != command.fingerprint:
            return Rejected(Reason.IDEMPOTENCY_KEY_REUSED)
        return _replay(state, memo, command.key, at_ms)
    return Accepted((), events.event_reply(state))


def _missing(state: BlockState, command: Command, tenant: str) -> Reason | None:
    """What the command names and this tenant does not have here. Another tenant's thing looks like none at all."""
    is_there, reason = _NAMED[type(command)]
    return None if state.tenant == tenant and is_there(state, command) else reason


def _desk_may_be_here(state: BlockState, _: Command) -> bool:
    return state.layout is None


def _is_begun(state: BlockState, _: Command) -> bool:
    return bool(state.tenant)


def _event_is_there(state: BlockState, _: Command) -> bool:
    return state.layout is not None


def _hold_is_there(state: BlockState, command: c.ReadHold | c.ExtendHold | c.ReleaseHold | c.PlaceOrder) -> bool:
    return command.hold in state.holds and command.hold not in state.legs


def _order_is_there(state: BlockState, command: c.ReadOrder | c.ConfirmOrder) -> bool:
    return command.order in state.orders and command.order not in state.legs


def _key_is_known(state: BlockState, command: c.ReadKey) -> bool:
    return command.key in state.memos


def _waiter_is_there(state: BlockState, command: c.ReadWaiter | c.LeaveWaitingList) -> bool:
    return command.waiter in state.waiters


_OF_EVENTS = (
    c.CreateEvent, c.OpenSale, c.ChangeStatus, c.EditEvent, c.PlaceHold, c.JoinWaitingList, c.ReadEvent, c.ReadRoom,
    c.ReadRevision,
)  # fmt: skip
_OF_HOLDS = (c.ExtendHold, c.ReleaseHold, c.PlaceOrder, c.ReadHold)
_OF_ORDERS = (
    c.ConfirmOrder, c.CancelOrder, c.CloseOrder, c.CancelTickets, c.ExchangeTickets, c.ReassignTicket,
    c.IntendExchange, c.ReadOrder,
)  # fmt: skip
_OF_WAITERS = (c.LeaveWaitingList, c.ReadWaiter)

# What a command names, and what it is told if that is not there.
_NAMED: dict[type, tuple[Callable[[BlockState, Any], bool], Reason]] = {
    **dict.fromkeys(_OF_EVENTS, (_event_is_there, Reason.EVENT_NOT_FOUND)),
    **dict.fromkeys(_OF_HOLDS, (_hold_is_there, Reason.HOLD_NOT_FOUND)),
    **dict.fromkeys(_OF_ORDERS, (_order_is_there, Reason.ORDER_NOT_FOUND)),
    **dict.fromkeys(_OF_WAITERS, (_waiter_is_there, Reason.WAITER_NOT_FOUND)),
    c.IntendBasket: (_desk_may_be_here, Reason.EVENT_NOT_FOUND),
    c.ReadKey: (_key_is_known, Reason.HOLD_NOT_FOUND),
    c.ReadDigest: (_is_begun, Reason.EVENT_NOT_FOUND),  # a desk's too
}


def _replay(state: BlockState, memo: Memo, key: bytes, at_ms: int) -> Outcome:
    """The reply is rebuilt from what the key stands for: same id, same units. It may be forgotten before its key is."""
    reply: Reply
    if memo.kind is Kind.HOLD:
        basket = state.desk.baskets.get(memo.number)
        if basket is not None and not basket.held:
            return Accepted((), PlacingReply(basket.number, basket.plans, basket.place_by_ms), replayed=True)
        hold = state.holds.get(memo.number)
        if hold is None:
            return Rejected(Reason.HOLD_NOT_FOUND)
        reply = holds.hold_reply(state, hold, at_ms)
    elif memo.kind is Kind.ORDER:
        order = state.orders.get(memo.number)
        if order is None:
            return Rejected(Reason.ORDER_NOT_FOUND)
        placing = desk_exchange.being_placed(state, order, key)
        if placing is not None:
            return Accepted((), placing, replayed=True)
        reply = orders.order_reply(state, order, at_ms)
    elif memo.kind is Kind.WAITER:
        waiter = state.waiters.get(memo.number)
        if waiter is None:
            return Rejected(Reason.WAITER_NOT_FOUND)
        reply = waiting.waiter_reply(state, waiter)
    else:
        reply = events.event_reply(state)
    return Accepted((), reply, replayed=True)
