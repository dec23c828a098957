"""Orders: placed on a hold, confirmed when paid, cancelled, expired, closed. An order keeps its hold's units."""

from actors.core.commands import CancelOrder, CloseOrder, ConfirmOrder, PlaceOrder
from actors.core.entries import OrderCancelled, OrderClosed, OrderConfirmed, OrderExpired, OrderPlaced
from actors.core.holds import is_over, refuse_ended
from actors.core.ids import NUMBER_BITS, Kind
from actors.core.keys import ORDER_KEY_KEPT_MS, is_number_in_use, let_keys_go, remember
from actors.core.outcomes import Accepted, Details, Outcome, Reason, Rejected
from actors.core.replies import HoldStatus, OrderReply, OrderStatus, TicketReply
from actors.core.state import BlockState, Hold, Order
from actors.core.tickets import (
    SOLD,
    begins_ms,
    order_choices,
    order_legs,
    order_price,
    order_units,
    sold_units,
    ticket_count,
    ticket_replies,
)

NO_LONGER = {
    OrderStatus.PENDING: Reason.ORDER_PENDING,
    OrderStatus.CONFIRMED: Reason.ORDER_CONFIRMED,
    OrderStatus.PARTLY_CANCELLED: Reason.ORDER_CONFIRMED,
    OrderStatus.CANCELLED: Reason.ORDER_CANCELLED,
    OrderStatus.EXPIRED: Reason.ORDER_EXPIRED,
    OrderStatus.COMPLETED: Reason.ORDER_CLOSED,
    OrderStatus.NO_SHOW: Reason.ORDER_CLOSED,
}
"""Why an order of this status cannot do what another could."""

IN_FORCE = (OrderStatus.CONFIRMED, OrderStatus.PARTLY_CANCELLED)
"""Paid, and not over."""


def faults_of_place_order(state: BlockState, command: PlaceOrder) -> tuple[str, ...]:
    """What is malformed about the command."""
    if not 0 < command.order < 1 << NUMBER_BITS:
        return ("order: the number is out of bounds",)
    if is_number_in_use(state, command.stamp, Kind.ORDER, command.order):
        return ("order: the number is in use",)
    return ()


def faults_of_close_order(_: BlockState, command: CloseOrder) -> tuple[str, ...]:
    """What is malformed about the command."""
    closing = (OrderStatus.COMPLETED, OrderStatus.NO_SHOW)
    return () if command.status in closing else ("status: must be COMPLETED or NO_SHOW",)


def decide_place_order(state: BlockState, command: PlaceOrder, now_ms: int) -> Outcome:
    """An active hold becomes an order; ordering is the only authority over whether it still is."""
    hold = state.holds[command.hold]
    refusal = refuse_ended(hold, now_ms)
    if refusal is not None:
        return refusal
    stamp = command.stamp
    entry = OrderPlaced(now_ms, command.order, hold.number, stamp.key, stamp.fingerprint)
    return Accepted((entry,), reply_of(state, Order(command.order, hold.number, now_ms), hold, OrderStatus.PENDING))


def decide_confirm_order(state: BlockState, command: ConfirmOrder, now_ms: int) -> Outcome:
    """Only a pending order whose time is not up can be confirmed.

    Confirming is idempotent by its key: a confirmed order refuses another key's confirmation as ORDER_CONFIRMED.
    """
    order = state.orders[command.order]
    status = status_at(state, order, now_ms)
    if status is not OrderStatus.PENDING:
        return Rejected(NO_LONGER[status])
    entry = OrderConfirmed(now_ms, order.number, command.stamp.key, command.stamp.fingerprint)
    return Accepted((entry,), reply_of(state, order, state.holds[order.hold], OrderStatus.CONFIRMED))


def decide_cancel_order(state: BlockState, command: CancelOrder, now_ms: int) -> Outcome:
    """A pending or a paid order can be cancelled, whole, unless it is over."""
    order = state.orders[command.order]
    status = status_at(state, order, now_ms)
    if status is not OrderStatus.PENDING and status not in IN_FORCE:
        return Rejected(NO_LONGER[status])
    refusal = refuse_while_exchanging(state, order)
    if refusal is not None:
        return refusal
    entry = OrderCancelled(now_ms, order.number, command.stamp.key, command.stamp.fingerprint)
    return Accepted((entry,), reply_of(state, order, state.holds[order.hold], OrderStatus.CANCELLED))


def decide_close_order(state: BlockState, command: CloseOrder, now_ms: int) -> Outcome:
    """An order on slots is completed or was not shown up for; neither before its first slot begins."""
    order = state.orders[command.order]
    status = status_at(state, order, now_ms)
    if status not in IN_FORCE:
        return Rejected(NO_LONGER[status])
    refusal = refuse_while_exchanging(state, order)
    if refusal is not None:
        return refusal
    hold = state.holds[order.hold]
    first_ms = min(begins_ms(state, hold, order), default=None)
    if first_ms is None or first_ms > now_ms:
        return Rejected(Reason.ORDER_NOT_DUE, Details(retry_at_ms=first_ms))
    stamp = command.stamp
    entry = OrderClosed(now_ms, order.number, command.status, stamp.key, stamp.fingerprint)
    return Accepted((entry,), reply_of(state, order, hold, command.status))


def apply_order_placed(state: BlockState, entry: OrderPlaced) -> None:
    """The order takes the hold over; the units stay held and the deadline stays."""
    assert entry.order not in state.orders, "an order's number never comes back"
    hold = state.holds[entry.hold]
    assert hold.status is HoldStatus.ACTIVE, "only an active hold can be ordered"
    hold.status = HoldStatus.CONFIRMED
    hold.order = entry.order
    let_keys_go(state, hold, entry.at_ms)
    state.orders[entry.order] = Order(entry.order, hold.number, entry.at_ms)
    remember(state, entry.key, entry.fingerprint, Kind.ORDER, entry.order, entry.at_ms + ORDER_KEY_KEPT_MS)


def apply_order_confirmed(state: BlockState, entry: OrderConfirmed) -> None:
    """The units are sold and each has a ticket."""
    order = state.orders[entry.order]
    assert order.status is OrderStatus.PENDING, "only a pending order can be confirmed"
    hold = state.holds[order.hold]
    state.sell(hold, state.units_now(hold))
    order.status = OrderStatus.CONFIRMED
    order.code_revisions = (1,) * ticket_count(state, hold)
    state.paid_order_count += 1
    state.desk.book(hold.number, entry.at_ms)
    remember(state, entry.key, entry.fingerprint, Kind.ORDER, order.number, entry.at_ms + ORDER_KEY_KEPT_MS)


def apply_order_cancelled(state: BlockState, entry: OrderCancelled) -> None:
    """The units are available; tickets that were issued are void with their order."""
    order = state.orders[entry.order]
    end_order(state, order, OrderStatus.CANCELLED, entry.at_ms)
    if entry.key:
        remember(state, entry.key, entry.fingerprint, Kind.ORDER, order.number, entry.at_ms + ORDER_KEY_KEPT_MS)


def apply_order_expired(state: BlockState, entry: OrderExpired) -> None:
    """The units are available, as nobody paid in time."""
    end_order(state, state.orders[entry.order], OrderStatus.EXPIRED, entry.at_ms)


def apply_order_closed(state: BlockState, entry: OrderClosed) -> None:
    """The order is over; its units stay sold."""
    order = state.orders[entry.order]
    assert order.status in IN_FORCE, "only an order in force can be closed"
    order.status = entry.status
    remember(state, entry.key, entry.fingerprint, Kind.ORDER, order.number, entry.at_ms + ORDER_KEY_KEPT_MS)


def end_order(state: BlockState, order: Order, status: OrderStatus, at_ms: int) -> None:
    """The order came to nothing: what it has is available again."""
    hold = state.holds[order.hold]
    if order.status is OrderStatus.PENDING:
        state.give_back(hold, state.units_now(hold), were_sold=False)
    else:
        for units in sold_units(state, hold, order):
            state.give_back(hold, units, were_sold=True)
    conclude_order(state, order, status, at_ms)


def conclude_order(state: BlockState, order: Order, status: OrderStatus, at_ms: int) -> None:
    """All of it but that its units are available."""
    hold = state.holds[order.hold]
    if order.status is OrderStatus.PENDING:
        state.desk.release(hold.number, at_ms)
    else:
        assert order.status in IN_FORCE, "an ended order stays ended"
        if hold.number in state.desk.baskets:  # what was given back before stays whoever's it is now
            good = [ticket for ticket, revision in enumerate(order.code_revisions) if revision]
            state.desk.release_tickets(hold.number, good, at_ms)
    order.status = status
    if not order.was_paid:  # else there may be a dispute about it for as long as the block lives
        state.ended.append((at_ms, hold.number))


def refuse_while_exchanging(state: BlockState, order: Order) -> Rejected | None:
    """Why an order of a basket cannot change: an exchange of it is not settled yet. That passes."""
    basket = state.desk.baskets.get(order.hold)
    if basket is None or basket.exchange is None:
        return None
    return Rejected(Reason.UNAVAILABLE, Details(retry_at_ms=basket.exchange.place_by_ms))


def order_reply(state: BlockState, order: Order, now_ms: int, *, ends_by_time: bool = True) -> OrderReply:
    """The order as it is at `now_ms`; `ends_by_time` as in `is_over`."""
    return reply_of(state, order, state.holds[order.hold], status_at(state, order, now_ms, ends_by_time=ends_by_time))


def status_at(state: BlockState, order: Order, now_ms: int, *, ends_by_time: bool = True) -> OrderStatus:
    """The order's status by time: a pending order that `is_over` is expired, journaled or not."""
    if order.status is OrderStatus.PENDING:
        hold = state.holds[order.hold]
        if is_over(state, hold, now_ms, hold.expires_at_ms, ends_by_time=ends_by_time):
            return OrderStatus.EXPIRED
    return order.status


def reply_of(state: BlockState, order: Order, hold: Hold, status: OrderStatus) -> OrderReply:
    """The order, as of this status."""
    seats, areas = order_units(state, hold, order)
    tickets: tuple[TicketReply, ...] = ()
    if status in SOLD:
        tickets = ticket_replies(state, hold, order, order.code_revisions or (1,) * ticket_count(state, hold))
    return OrderReply(
        order.number, status, hold.number, hold.buyer, seats, areas, order_price(state, hold, order),
        hold.expires_at_ms, order.placed_at_ms, tickets, order_legs(state, hold, order),
        order_choices(state, hold, order),
    )  # fmt: skip
