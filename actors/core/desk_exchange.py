"""Exchange in a basket's order: what the new leg is to hold is placed first, then the desk decides."""

from actors.core.baskets import LegPlan
from actors.core.commands import IntendExchange, SettleExchange
from actors.core.desk import MAX_PLACING_MS
from actors.core.desk_state import Basket, Exchange, count_less, once_an_event, tickets_by_leg
from actors.core.entries import Entry, ExchangeDropped, ExchangeIntended, ExchangeSettled
from actors.core.ids import NUMBER_BITS, Kind
from actors.core.keys import ORDER_KEY_KEPT_MS, remember
from actors.core.orders import order_reply
from actors.core.outcomes import Accepted, Details, Outcome, Reason, Rejected
from actors.core.replies import PlacingReply
from actors.core.state import BlockState, Order
from actors.core.ticket_changes import faults_of_tickets, refuse_tickets
from actors.core.wishes import faults_of_wish

MAX_LEGS_EVER = 100


def faults_of_intend_exchange(state: BlockState, command: IntendExchange) -> tuple[str, ...]:
    """What is malformed about the command."""
    faults = [*faults_of_tickets(state, command.order, command.stamp.tenant, command.tickets)]
    faults += faults_of_wish(command.leg.wish)
    if not 0 < command.leg.leg < 1 << NUMBER_BITS or command.leg.instead:
        faults.append("leg: is malformed")
    return tuple(faults)


def decide_intend_exchange(state: BlockState, command: IntendExchange, now_ms: int) -> Outcome:
    """Nothing is exchanged yet; who asked may place the leg now."""
    order = state.orders[command.order]
    refusal = refuse_tickets(state, order, command.tickets, now_ms)
    if refusal is not None:
        return refusal
    basket = state.desk.baskets.get(order.hold)
    if basket is None or len(basket.held) >= MAX_LEGS_EVER:
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=("order: cannot be exchanged any more",)))
    if command.leg.leg in basket.revisions:
        return Rejected(Reason.DEADLINE_EXCEEDED)  # a late duplicate of what came to nothing
    instead = tuple(
        (held.leg, tuple(of_leg))
        for held, of_leg in tickets_by_leg(basket.held, command.tickets)
        if of_leg and held.block == command.leg.block
    )
    stamp = command.stamp
    ledger = command.leg.counted_by
    if ledger and basket.ledger_leg(ledger) is None:
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=("event_id: the order has nothing of this event",)))
    plan = LegPlan(command.leg.block, command.leg.leg, command.leg.wish, instead, ledger)
    place_by_ms = min(stamp.not_after_ms, now_ms + MAX_PLACING_MS)
    entry = ExchangeIntended(
        now_ms, order.number, command.tickets, plan, place_by_ms, stamp.key, stamp.fingerprint
    )  # fmt: skip
    return Accepted((entry,), PlacingReply(basket.number, (plan,), place_by_ms))


def decide_settle_exchange(state: BlockState, command: SettleExchange, now_ms: int) -> Outcome:
    """The leg is placed, so the order has it; or it cannot be, so the order stays what it is."""
    order = state.orders.get(command.order)
    basket = state.desk.baskets.get(order.hold) if order is not None else None
    if order is None or basket is None:
        return Rejected(Reason.ORDER_NOT_FOUND)
    exchange = basket.exchange
    if exchange is None or exchange.plan.leg != command.leg:
        if any(held.leg == command.leg for held in basket.held):
            return Accepted((), order_reply(state, order, now_ms), replayed=True)
        return Rejected(Reason.DEADLINE_EXCEEDED)
    entries: tuple[Entry, ...]
    if command.held is None:
        entries = (ExchangeDropped(now_ms, order.number),)
        return Accepted(entries, order_reply(state, order, now_ms))
    if exchange.place_by_ms <= now_ms:
        return Rejected(Reason.DEADLINE_EXCEEDED)
    if command.held.currency != basket.held[0].currency:
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=("event_id: it is sold in another currency",)))
    if any(less < 0 for less in count_less(basket, exchange.tickets, command.held).values()):
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=("tickets: are fewer than the new units",)))
    entries = (ExchangeSettled(now_ms, order.number, once_an_event(command.held, basket.held)),)
    return Accepted(entries, PlacingReply(basket.number, (), 0))


def being_placed(state: BlockState, order: Order, key: bytes) -> PlacingReply | None:
    """What is still to be placed for the exchange of this key, if it is not settled."""
    basket = state.desk.baskets.get(order.hold)
    exchange = basket.exchange if basket is not None else None
    if exchange is None or exchange.key != key:
        return None
    return PlacingReply(order.hold, (exchange.plan,), exchange.place_by_ms)


def apply_exchange_intended(state: BlockState, entry: ExchangeIntended) -> None:
    """The desk is about to place the leg; until that is settled the order's tickets stay as they are."""
    basket = _basket(state, entry.order)
    assert basket.exchange is None, "an order has one exchange at a time"
    basket.exchange = Exchange(entry.order, entry.tickets, entry.leg, entry.place_by_ms, entry.key)
    state.desk.add(basket)
    remember(state, entry.key, entry.fingerprint, Kind.ORDER, entry.order, due_ms=0)


def apply_exchange_settled(state: BlockState, entry: ExchangeSettled) -> None:
    """The order has what the new leg holds."""
    basket, order = _basket(state, entry.order), state.orders[entry.order]
    exchange = basket.exchange
    assert exchange is not None, "there is an exchange to settle"
    assert exchange.plan.leg == entry.held.leg, "another leg is placed"
    revisions = [0 if ticket in exchange.tickets else revision for ticket, revision in enumerate(order.code_revisions)]
    order.code_revisions = (*revisions, *(1,) * len(entry.held.of_ticket))
    state.desk.settle_exchange(basket, entry.held, entry.at_ms)
    due_ms = entry.at_ms + ORDER_KEY_KEPT_MS
    state.memos[exchange.key].due_ms = due_ms
    state.push_memo_due(due_ms, exchange.key)


def apply_exchange_dropped(state: BlockState, entry: ExchangeDropped) -> None:
    """The order stays what it was, the key is as if never used."""
    basket = _basket(state, entry.order)
    assert basket.exchange is not None, "there is an exchange to drop"
    del state.memos[basket.exchange.key]
    state.desk.drop_exchange(basket, entry.at_ms)


def _basket(state: BlockState, number: int) -> Basket:
    order: Order = state.orders[number]
    return state.desk.baskets[order.hold]
