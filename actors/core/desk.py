"""A desk: the block that coordinates a tenant's baskets over several blocks, all or nothing.

The intent is journaled before any leg is placed, then the legs are placed, then the decision is journaled; until then
nothing is decided, and when the time for placing is over the decision is no. What follows from a decision, to book a
leg or to release it, is a deed that is done again and again until the leg acknowledges it. Whoever is in doubt about a
leg is told what the journal says, and never what is only remembered.

Once it is held, a basket is a hold of this block: extended, released, ordered, expired like any other.
"""

from collections.abc import Iterable

from actors.core.baskets import BASKET_LIFE_MS, MAX_LEGS, Deed, LegHeld, LegPlan
from actors.core.commands import AcknowledgeLeg, AskAboutLeg, DropBasket, IntendBasket, SettleBasket
from actors.core.desk_state import FIRST_DEMAND, Basket, counted, once_an_event
from actors.core.entries import (
    BasketDropped,
    BasketIntended,
    BasketSettled,
    Entry,
    ExchangeDropped,
    HoldReleased,
    LegAcknowledged,
    OrderCancelled,
    TicketsCancelled,
)
from actors.core.holds import hold_reply
from actors.core.ids import NUMBER_BITS, Kind
from actors.core.keys import is_number_in_use, remember
from actors.core.outcomes import Accepted, Details, Outcome, Reason, Rejected
from actors.core.replies import HoldStatus, LegFateReply, OrderStatus, PlacingReply
from actors.core.rules import MAX_HOLD_LIFE_MS
from actors.core.state import BlockState, Hold
from actors.core.wishes import faults_of_wish

DEFAULT_BASKET_TTL_MS = 10 * 60_000
MAX_PLACING_MS = 30_000
MAX_BASKETS = 250_000
"""A desk's baskets that are being placed, are held, or were ever paid: these last stay as long as their desk."""
RELEASED_SOON_MS = 1_000
"""When what a dropped basket's legs had can be had again, if nothing goes wrong."""
CLOSED_FOR_MS = 24 * 60 * 60_000
"""When a leg of an order that is over may ask again: nothing more will become of it."""


def faults_of_intend_basket(state: BlockState, command: IntendBasket) -> tuple[str, ...]:
    """What is malformed about the command."""
    faults = [] if 1 <= len(command.legs) <= MAX_LEGS else [f"legs: must be 1 to {MAX_LEGS}"]
    blocks = [plan.block for plan in command.legs]
    if len(set(blocks)) != len(blocks):
        faults.append("legs: must be of different blocks")
    for index, plan in enumerate(command.legs):
        faults += (f"legs[{index}].{fault}" for fault in faults_of_wish(plan.wish))
        if not 0 < plan.leg < 1 << NUMBER_BITS or plan.instead:
            faults.append(f"legs[{index}].leg: is malformed")
    if command.ttl_ms < 0:
        faults.append("ttl_ms: must not be negative")
    if not 0 <= command.life_ms <= MAX_HOLD_LIFE_MS:
        faults.append("life_ms: is out of bounds")
    if not 0 < command.basket < 1 << NUMBER_BITS:
        faults.append("basket: the number is out of bounds")
    elif is_number_in_use(state, command.stamp, Kind.HOLD, command.basket):
        faults.append("basket: the number is in use")
    return tuple(faults)


def is_full(state: BlockState) -> bool:
    """Whether the desk can have no more baskets. Those that came to nothing do not count: they will be forgotten."""
    return len(state.desk.baskets) - len(state.ended) >= MAX_BASKETS


def is_full_for_good(state: BlockState) -> bool:
    """Whether so many were ever paid that the desk will never have another."""
    return state.paid_order_count >= MAX_BASKETS


def decide_intend_basket(state: BlockState, command: IntendBasket, now_ms: int) -> Outcome:
    """Nothing is held yet; who asked may place the legs now.

    A late duplicate may mean a basket anew that was dropped: when its legs are released, so that none can come.
    """
    stamp = command.stamp
    if any((plan.leg, FIRST_DEMAND) in state.desk.todos for plan in command.legs):
        return Rejected(Reason.UNAVAILABLE, Details(retry_at_ms=now_ms))
    place_by_ms = min(stamp.not_after_ms, now_ms + MAX_PLACING_MS)
    entry = BasketIntended(
        now_ms, stamp.tenant, command.basket, stamp.buyer, command.legs, command.ttl_ms or DEFAULT_BASKET_TTL_MS,
        place_by_ms, stamp.key, stamp.fingerprint, command.life_ms or BASKET_LIFE_MS,
    )  # fmt: skip
    return Accepted((entry,), PlacingReply(command.basket, command.legs, place_by_ms))


def decide_settle_basket(state: BlockState, command: SettleBasket, now_ms: int) -> Outcome:
    """Every leg is placed: the basket is held. Told twice, it is the same; too late, it is not held.

    Nor is it if its event was edited on the way, so that a ledger counts other units than its legs hold.
    """
    basket = state.desk.baskets.get(command.basket)
    if basket is None:
        return Rejected(Reason.DEADLINE_EXCEEDED)
    if basket.held:
        return Accepted((), hold_reply(state, state.holds[basket.number], now_ms), replayed=True)
    if basket.place_by_ms <= now_ms:
        return Rejected(Reason.DEADLINE_EXCEEDED)
    if list(map(_place_of, basket.plans)) != list(map(_place_of, command.held)):
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=("held: must be of the basket's legs",)))
    if any(held.counts != counted(command.held, held.block) for held in command.held if held.counts):
        return Rejected(Reason.UNAVAILABLE, Details(retry_at_ms=now_ms + RELEASED_SOON_MS, miscounted=True))
    if len({held.currency for held in command.held}) > 1:
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=("legs: the events are sold in different currencies",)))
    expires_at_ms = now_ms + min(basket.ttl_ms, basket.life_ms)
    held = tuple(once_an_event(leg, command.held[:place]) for place, leg in enumerate(command.held))
    entry = BasketSettled(now_ms, basket.number, held, expires_at_ms, now_ms + basket.life_ms)
    return Accepted((entry,), hold_reply(state, _hold_of(basket, entry), now_ms, held=held))


def decide_drop_basket(state: BlockState, command: DropBasket, now_ms: int) -> Outcome:
    """A leg was refused: nothing is held. A basket that is held is not dropped, whoever asks."""
    basket = state.desk.baskets.get(command.basket)
    if basket is None:
        return Accepted((), PlacingReply(command.basket, (), 0))
    if basket.held:
        return Accepted((), hold_reply(state, state.holds[basket.number], now_ms), replayed=True)
    return Accepted((BasketDropped(now_ms, basket.number),), PlacingReply(basket.number, (), 0))


def decide_acknowledge_leg(state: BlockState, command: AcknowledgeLeg, now_ms: int) -> Outcome:
    """The leg has done what was demanded, up to this revision."""
    known = (command.leg, command.revision) in state.desk.todos
    entries = (LegAcknowledged(now_ms, command.leg, command.revision),) if known else ()
    return Accepted(entries, LegFateReply(command.leg))


def decide_ask_about_leg(state: BlockState, command: AskAboutLeg, now_ms: int) -> Outcome:
    """What is to become of a leg whose block is in doubt; see above. What is not decided yet is not told.

    A desk that does not know the basket has forgotten it, or never meant it: the leg is to be released. `is_void`: the
    leg's event was cancelled, so what the leg has is not the buyer's any more.
    """
    deeds = state.desk.deeds.get(command.leg)
    if deeds:
        todo = deeds[0]
        return Accepted((), LegFateReply(command.leg, todo.deed, todo.revision, todo.tickets))
    basket = state.desk.baskets.get(command.basket)
    if basket is None:
        return Accepted((), LegFateReply(command.leg, Deed.RELEASE, command.revision + 1))
    exchange = basket.exchange
    if not basket.held or (exchange is not None and exchange.plan.leg == command.leg):
        waits_until_ms = basket.place_by_ms if exchange is None else exchange.place_by_ms
        return Rejected(Reason.UNAVAILABLE, Details(retry_at_ms=waits_until_ms, undecided=True))
    if all(held.leg != command.leg for held in basket.held):
        return Accepted((), LegFateReply(command.leg, Deed.RELEASE, command.revision + 1))
    forgotten = _forgotten_by_leg(state, basket, command)
    if forgotten is not None:
        return Accepted((), forgotten)
    if _is_closed(state, basket):
        return Accepted((), LegFateReply(command.leg, ask_at_ms=now_ms + CLOSED_FOR_MS))
    if command.is_void:
        return Accepted(_end_void_leg(state, basket, command.leg, now_ms), LegFateReply(command.leg, ask_at_ms=now_ms))
    return Accepted((), LegFateReply(command.leg, ask_at_ms=state.holds[basket.number].expires_at_ms))


def _forgotten_by_leg(state: BlockState, basket: Basket, command: AskAboutLeg) -> LegFateReply | None:
    """What the leg is to do again: it has acknowledged more than it knows, as a failover took the rows from its block.

    Or what it asks was long on its way: then it does nothing. None: it has forgotten nothing, or its event was
    cancelled, and what is left comes to its end in any case. Of tickets that were given back one by one it has all
    again, and keeps them: they are not sold a second time.
    """
    newest = basket.revisions.get(command.leg, 0)
    if command.revision >= newest:
        return None
    if not _has_something(state, basket, command.leg):
        return LegFateReply(command.leg, Deed.RELEASE, newest)
    return None if command.is_void else LegFateReply(command.leg, Deed.BOOK, FIRST_DEMAND)


def _has_something(state: BlockState, basket: Basket, leg: int) -> bool:
    """Whether the basket's hold or order stands, and the leg has a part in it."""
    hold = state.holds[basket.number]
    if not hold.order:
        return hold.status is HoldStatus.ACTIVE
    order = state.orders[hold.order]
    if order.status in (OrderStatus.CANCELLED, OrderStatus.EXPIRED):
        return False
    if leg in basket.counted:
        return basket.counted[leg] > 0
    return any(order.code_revisions[ticket] for ticket in _tickets_of_leg(basket, leg))


def _is_closed(state: BlockState, basket: Basket) -> bool:
    """Whether the order has ended as it should, so that its legs keep what they have."""
    order = state.orders.get(state.holds[basket.number].order)
    return order is not None and order.status in (OrderStatus.COMPLETED, OrderStatus.NO_SHOW)


def _end_void_leg(state: BlockState, basket: Basket, leg: int, now_ms: int) -> tuple[Entry, ...]:
    """What a basket loses when one of its events is cancelled: before it is paid all, then that event's.

    Nothing yet while an exchange is not settled; the leg asks again.
    """
    if basket.exchange is not None:
        return ()
    hold = state.holds[basket.number]
    if not hold.order:
        is_active = hold.status is HoldStatus.ACTIVE
        return (HoldReleased(now_ms, hold.number, b"", b""),) if is_active else ()
    order = state.orders[hold.order]
    if order.status is OrderStatus.PENDING:
        return (OrderCancelled(now_ms, order.number, b"", b""),)
    if order.status not in (OrderStatus.CONFIRMED, OrderStatus.PARTLY_CANCELLED):
        return ()
    good = {ticket for ticket, revision in enumerate(order.code_revisions) if revision}
    tickets = good & set(_tickets_of_leg(basket, leg))
    if tickets == good:
        return (OrderCancelled(now_ms, order.number, b"", b""),)
    return (TicketsCancelled(now_ms, order.number, tuple(sorted(tickets)), b"", b""),) if tickets else ()


def _tickets_of_leg(basket: Basket, leg: int) -> Iterable[int]:
    first = 0
    for held in basket.held:
        if held.leg == leg:
            return range(first, first + len(held.of_ticket))
        first += len(held.of_ticket)
    return ()


def next_drop(state: BlockState, now_ms: int) -> Entry | None:
    """The entry for what was to be placed and was not in time, or None."""
    basket = state.desk.overdue(now_ms)
    if basket is None:
        return None
    if basket.exchange is not None:
        return ExchangeDropped(now_ms, basket.exchange.order)
    return BasketDropped(now_ms, basket.number)


def apply_basket_intended(state: BlockState, entry: BasketIntended) -> None:
    """The desk is about to place the legs. The first basket makes the block a desk."""
    assert state.layout is None, "a desk has no units"
    assert entry.basket not in state.desk.baskets, "a basket's number never comes back"
    state.tenant = entry.tenant
    basket = Basket(
        entry.basket, entry.buyer, entry.legs, entry.ttl_ms, entry.place_by_ms, entry.key, entry.fingerprint,
        entry.life_ms,
    )  # fmt: skip
    state.desk.add(basket)
    remember(state, entry.key, entry.fingerprint, Kind.HOLD, entry.basket, due_ms=0)


def apply_basket_settled(state: BlockState, entry: BasketSettled) -> None:
    """The basket is held."""
    basket = state.desk.baskets[entry.basket]
    assert not basket.held, "a basket is settled once"
    hold = _hold_of(basket, entry)
    hold.keys = (basket.key,)
    basket.held = entry.held
    basket.counted = {held.leg: held.counts for held in entry.held if held.counts}
    state.desk.add(basket)
    state.holds[hold.number] = hold
    state.push_deadline(hold)


def apply_basket_dropped(state: BlockState, entry: BasketDropped) -> None:
    """The basket is not held, its key is as if never used."""
    basket = state.desk.baskets[entry.basket]
    assert not basket.held, "what is held is released, not dropped"
    state.desk.release(basket.number, entry.at_ms)
    state.desk.forget(basket.number)
    del state.memos[basket.key]


def apply_leg_acknowledged(state: BlockState, entry: LegAcknowledged) -> None:
    """A deed is done."""
    state.desk.acknowledge(entry.leg, entry.revision)


def _place_of(leg: LegPlan | LegHeld) -> tuple[str, int, str, int]:
    return leg.block, leg.leg, leg.counted_by, leg.counts


def _hold_of(basket: Basket, entry: BasketSettled) -> Hold:
    return Hold(basket.number, basket.buyer, (), (), (), entry.expires_at_ms, entry.max_expires_at_ms)
