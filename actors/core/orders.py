"""Orders: placed on a hold, confirmed when paid, cancelled, expired. An order keeps its hold's units."""

from actors.core.commands import CancelOrder, ConfirmOrder, PlaceOrder
from actors.core.entries import OrderCancelled, OrderConfirmed, OrderExpired, OrderPlaced
from actors.core.holds import hold_price, is_over, refuse_ended, unit_names
from actors.core.ids import NUMBER_BITS, Kind
from actors.core.keys import ORDER_KEY_KEPT_MS, is_number_in_use, let_keys_go, remember
from actors.core.outcomes import Accepted, Outcome, Reason, Rejected
from actors.core.replies import HoldStatus, OrderReply, OrderStatus, TicketReply
from actors.core.state import BlockState, Hold, Order

_NO_LONGER = {
    OrderStatus.CONFIRMED: Reason.ORDER_CONFIRMED,
    OrderStatus.CANCELLED: Reason.ORDER_CANCELLED,
    OrderStatus.EXPIRED: Reason.ORDER_EXPIRED,
}


def faults_of_place_order(state: BlockState, command: PlaceOrder) -> tuple[str, ...]:
    """What is malformed about the command."""
    if not 0 < command.order < 1 << NUMBER_BITS:
        return ("order: the number is out of bounds",)
    if is_number_in_use(state, command.stamp, Kind.ORDER, command.order):
        return ("order: the number is in use",)
    return ()


def decide_place_order(state: BlockState, command: PlaceOrder, now_ms: int) -> Outcome:
    """An active hold becomes an order; ordering is the only authority over whether it still is."""
    hold = state.holds[command.hold]
    refusal = refuse_ended(hold, now_ms)
    if refusal is not None:
        return refusal
    stamp = command.stamp
    entry = OrderPlaced(now_ms, command.order, hold.number, stamp.key, stamp.fingerprint)
    return Accepted((entry,), _reply(state, Order(command.order, hold.number, now_ms), hold, OrderStatus.PENDING))


def decide_confirm_order(state: BlockState, command: ConfirmOrder, now_ms: int) -> Outcome:
    """Only a pending order whose time is not up can be confirmed.

    Confirming is idempotent by its key: a confirmed order refuses another key's confirmation as ORDER_CONFIRMED.
    """
    order = state.orders[command.order]
    status = status_at(state, order, now_ms)
    if status is not OrderStatus.PENDING:
        return Rejected(_NO_LONGER[status])
    entry = OrderConfirmed(now_ms, order.number, command.stamp.key, command.stamp.fingerprint)
    return Accepted((entry,), _reply(state, order, state.holds[order.hold], OrderStatus.CONFIRMED))


def decide_cancel_order(state: BlockState, command: CancelOrder, now_ms: int) -> Outcome:
    """A pending or a confirmed order can be cancelled, whole."""
    order = state.orders[command.order]
    status = status_at(state, order, now_ms)
    if status not in (OrderStatus.PENDING, OrderStatus.CONFIRMED):
        return Rejected(_NO_LONGER[status])
    entry = OrderCancelled(now_ms, order.number, command.stamp.key, command.stamp.fingerprint)
    return Accepted((entry,), _reply(state, order, state.holds[order.hold], OrderStatus.CANCELLED))


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
    state.inventory.sell(hold.number, hold.seats, hold.areas)
    order.status = OrderStatus.CONFIRMED
    order.code_revisions = (1,) * _quantity(hold)
    remember(state, entry.key, entry.fingerprint, Kind.ORDER, order.number, entry.at_ms + ORDER_KEY_KEPT_MS)


def apply_order_cancelled(state: BlockState, entry: OrderCancelled) -> None:
    """The units are available; tickets that were issued are void with their order."""
    order = state.orders[entry.order]
    _end(state, order, OrderStatus.CANCELLED, entry.at_ms)
    remember(state, entry.key, entry.fingerprint, Kind.ORDER, order.number, entry.at_ms + ORDER_KEY_KEPT_MS)


def apply_order_expired(state: BlockState, entry: OrderExpired) -> None:
    """The units are available, as nobody paid in time."""
    _end(state, state.orders[entry.order], OrderStatus.EXPIRED, entry.at_ms)


def order_reply(state: BlockState, order: Order, now_ms: int, *, ends_by_time: bool = True) -> OrderReply:
    """The order as it is at `now_ms`; `ends_by_time` as in `is_over`."""
    return _reply(state, order, state.holds[order.hold], status_at(state, order, now_ms, ends_by_time=ends_by_time))


def status_at(state: BlockState, order: Order, now_ms: int, *, ends_by_time: bool = True) -> OrderStatus:
    """The order's status by time: a pending order that `is_over` is expired, journaled or not."""
    if order.status is OrderStatus.PENDING:
        hold = state.holds[order.hold]
        if is_over(state, hold, now_ms, hold.expires_at_ms, ends_by_time=ends_by_time):
            return OrderStatus.EXPIRED
    return order.status


def _end(state: BlockState, order: Order, status: OrderStatus, at_ms: int) -> None:
    assert order.status in (OrderStatus.PENDING, OrderStatus.CONFIRMED), "an ended order stays ended"
    hold = state.holds[order.hold]
    state.inventory.give_back(hold.number, hold.seats, hold.areas, were_sold=order.status is OrderStatus.CONFIRMED)
    order.status = status
    if not order.was_paid:  # else there may be a dispute about it for as long as the block lives
        state.ended.append((at_ms, hold.number))


def _quantity(hold: Hold) -> int:
    return len(hold.seats) + sum(quantity for _, quantity in hold.areas)


def _reply(state: BlockState, order: Order, hold: Hold, status: OrderStatus) -> OrderReply:
    seats, areas = unit_names(state, hold)
    tickets: tuple[TicketReply, ...] = ()
    if status is OrderStatus.CONFIRMED:
        units = (*seats, *(places.area for places in areas for _ in range(places.quantity)))
        revisions = order.code_revisions or (1,) * len(units)
        tickets = tuple(TicketReply(unit, revision) for unit, revision in zip(units, revisions, strict=True))
    return OrderReply(
        order.number, status, hold.number, hold.buyer, seats, areas, hold_price(state, hold), hold.expires_at_ms,
        order.placed_at_ms, tickets,
    )  # fmt: skip
