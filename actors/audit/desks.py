"""A desk: baskets meant, held, dropped, exchanged; and what it demands of legs until they acknowledge it.

What a basket's hold and order go through is as with any other (see `holds`, `orders`, `tickets`); what follows from it
for the legs is noted there too. A leg in a ledger counts what the legs that name it have, and follows them.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from actors.audit.basket_books import FIRST_REVISION, Basket, Deed, LegAtDesk
from actors.audit.books import IN_FORCE, Books, Claim, Lot
from actors.audit.findings import Fault
from actors.audit.ids import desk_of, is_number
from actors.audit.keys import OTHER_KEY_KEPT_MS
from actors.audit.orders import order_in
from actors.audit.splits import LEDGER_AREA
from actors.audit.tickets import are_good, check_tables, void
from actors.core import entries as e

MAX_LEGS = 8
MAX_LEGS_EVER = 100
MAX_UNITS_PER_LEG = 50
MAX_PLACING_MS = 30_000
CLOCKS_APART_MS = 60_000
"""So much earlier than the block's time a client's limit may be, where a former clock was ahead."""
MAX_LIFE_MS = 24 * 60 * 60_000


def fold_intended(books: Books, entry: e.BasketIntended) -> None:
    """Legs are to be placed; the block is a desk."""
    books.use_key(entry, "basket", entry.basket)
    who, desk = books.hold_id(entry.basket), books.desk
    if books.event is not None or desk.tenant not in ("", entry.tenant):
        books.found(Fault.EVENT_ILLEGAL, f"{who} of {entry.tenant}, where another's desk is, or an event")
    desk.tenant = desk.tenant or entry.tenant
    before = desk.baskets.get(entry.basket)
    if before is not None and before.is_dropped and tuple(leg.plan for leg in before.legs) == entry.legs:
        _mean_anew(books, before, entry)
        return
    if before is not None or entry.basket in books.claims:
        books.found(Fault.NUMBER_REUSED, f"{who} is meant a second time")
        return
    fault = _intent_fault(books, entry)
    if fault:
        books.found(Fault.BASKET_MALFORMED, f"{who}: {fault}")
    basket = Basket(entry.basket, entry.buyer, entry.key, msgspec.structs.replace(entry, legs=()), [])
    for plan in entry.legs:
        basket.legs.append(_leg(books, entry.basket, entry.buyer, plan, entry.place_by_ms))
    desk.baskets[entry.basket] = basket
    books.placings.note(entry.place_by_ms, entry.basket)


def fold_settled(books: Books, entry: e.BasketSettled) -> None:
    """Every leg is placed: the basket is a hold."""
    who = books.hold_id(entry.basket)
    basket = _placing(books, entry.basket, "held")
    if basket is None:
        return
    intent = basket.intent
    assert intent is not None, "it is being placed"
    _check_in_time(books, entry.at_ms, intent.place_by_ms, who)
    if [(held.block, held.leg) for held in entry.held] != [(leg.block, leg.number) for leg in basket.legs]:
        books.found(Fault.BASKET_MALFORMED, f"{who} is held with other legs than were meant")
    if len({held.currency for held in entry.held}) != 1:
        books.found(Fault.BASKET_MALFORMED, f"{who} is sold in several currencies")
    for place, (leg, held) in enumerate(zip(basket.legs, entry.held, strict=False)):
        _hold(books, leg, held, basket.legs[:place])
    for ledger in basket.legs:
        has = sum(leg.ticket_count for leg in basket.legs if leg.plan.counted_by == ledger.block)
        if ledger.is_ledgers and ledger.counted != has:
            books.found(
                Fault.COUNTED_WRONGLY, f"{who} is of {has} units by {ledger.block}, which counts {ledger.counted}"
            )
    if (entry.expires_at_ms, entry.max_expires_at_ms) != (
        entry.at_ms + min(intent.ttl_ms, intent.life_ms),
        entry.at_ms + intent.life_ms,
    ):
        life_ms, cap_ms = entry.expires_at_ms - entry.at_ms, entry.max_expires_at_ms - entry.at_ms
        books.found(Fault.DEADLINE_WRONG, f"{who} lives {life_ms} ms, and {cap_ms} at most")
    basket.is_held, basket.intent = True, None
    placed = e.HoldPlaced(
        entry.at_ms, entry.basket, intent.buyer, (), (), (), entry.expires_at_ms, entry.max_expires_at_ms, intent.key,
        intent.fingerprint,
    )  # fmt: skip
    books.claims[entry.basket] = Claim(placed, Lot(placed, books.plan), 0, entry.expires_at_ms)
    books.hold_count += 1
    books.overdue.note(entry.expires_at_ms, entry.basket)


def fold_dropped(books: Books, entry: e.BasketDropped) -> None:
    """The basket is not held: its key is as if never used, its legs give back what they have."""
    basket = _placing(books, entry.basket, "dropped")
    if basket is not None:
        basket.is_dropped, basket.intent = True, None
        books.forget_key(basket.key)
        books.desk.release_all(entry.basket)


def fold_acknowledged(books: Books, entry: e.LegAcknowledged) -> None:
    """A leg has done what was demanded."""
    leg = books.desk.leg(entry.leg)
    demand = None if leg is None else leg.demands.get(entry.revision)
    if demand is None or demand.acknowledged_in:
        what = "which was not demanded" if demand is None else "a second time"
        books.found(Fault.NOT_DEMANDED, f"leg {entry.leg} has done revision {entry.revision}, {what}")
    else:
        demand.acknowledged_in = books.position
    if leg is not None:
        _rest_if_quiet(books, leg.basket)


def fold_exchange_intended(books: Books, entry: e.ExchangeIntended) -> None:
    """A leg is to be placed for what the order gives back; until that is settled the order stays as it is."""
    books.use_key(entry, "exchange of order", entry.order)
    order = order_in(books, entry.order, IN_FORCE, "exchanged")
    if order is None:
        return
    who, basket = books.order_id(entry.order), books.desk.baskets.get(order.hold)
    if basket is None or len(basket.legs) >= MAX_LEGS_EVER:
        books.found(Fault.BASKET_ENDED, f"{who} is of no basket, or has had {MAX_LEGS_EVER} legs")
        return
    are_good(books, order, entry.order, entry.tickets)
    plan = entry.leg
    instead = tuple(
        (leg.number, tuple(own)) for leg, own in basket.tickets_by_leg(entry.tickets) if own and leg.block == plan.block
    )
    if plan.instead != instead:
        books.found(Fault.BASKET_MALFORMED, f"{who} gives back {plan.instead} of {plan.block}, not {instead}")
    fault = _counted_fault([plan], [leg.plan for leg in basket.legs])
    if fault or plan.counts:
        books.found(Fault.BASKET_MALFORMED, f"{who}: {fault or 'exchanged for what is counted'}")
    check_tables(books, order, entry.order, entry.tickets)
    if not _is_soon(entry.at_ms, entry.place_by_ms):
        books.found(Fault.DEADLINE_WRONG, f"{who} is exchanged within {entry.place_by_ms - entry.at_ms} ms")
    leg = _leg(books, order.hold, basket.buyer, plan, entry.place_by_ms)
    basket.dropped_legs += [] if basket.exchange is None else [basket.exchange[1]]
    basket.exchange = entry, leg
    books.placings.note(entry.place_by_ms, order.hold)


def fold_exchange_settled(books: Books, entry: e.ExchangeSettled) -> None:
    """The order has what the leg holds, behind all that it had; the tickets are void."""
    who = books.order_id(entry.order)
    order = order_in(books, entry.order, IN_FORCE, "exchanged")
    basket = None if order is None else books.desk.baskets.get(order.hold)
    if order is None or basket is None or basket.exchange is None:
        books.found(Fault.BASKET_ENDED, f"{who} is exchanged, which was not meant")
        return
    (intent, leg), basket.exchange = basket.exchange, None
    _check_in_time(books, entry.at_ms, intent.place_by_ms, who)
    if (entry.held.block, entry.held.leg) != (leg.block, leg.number):
        books.found(Fault.BASKET_MALFORMED, f"{who} is exchanged for another leg than was meant")
    if any(other.held is not None and other.held.currency != entry.held.currency for other in basket.legs):
        books.found(Fault.BASKET_MALFORMED, f"{who} is sold in several currencies")
    _hold(books, leg, entry.held, basket.legs)
    void(books, order, entry.order, intent.tickets)
    order.revisions += [1] * leg.ticket_count
    leg.demand(Deed.BOOK)
    if not basket.release_tickets(intent.tickets, leg):
        books.found(Fault.COUNTED_WRONGLY, f"{who} has more than before, and its ledger counts what it had")
    basket.legs.append(leg)
    books.keep_key(intent.key, entry.at_ms + OTHER_KEY_KEPT_MS)


def fold_exchange_dropped(books: Books, entry: e.ExchangeDropped) -> None:
    """The order stays what it was, the key is as if never used, the leg gives back what it has."""
    order = books.orders.get(entry.order)
    basket = None if order is None else books.desk.baskets.get(order.hold)
    if basket is None or basket.exchange is None:
        books.found(
            Fault.BASKET_ENDED, f"the exchange of {books.order_id(entry.order)} is dropped, which was not meant"
        )
        return
    (intent, leg), basket.exchange = basket.exchange, None
    books.forget_key(intent.key)
    basket.dropped_legs.append(leg)
    leg.demand(Deed.RELEASE)


def conclude(books: Books) -> None:
    """The journal is at its end, for now: what is to have become of each leg, once all that is demanded is done."""
    for number, basket in books.desk.baskets.all_awake():
        _conclude(books, basket)
        _rest_if_quiet(books, number)


def _rest_if_quiet(books: Books, number: int) -> None:
    """What is to become of its legs stays so until something befalls the basket, which then rests no more."""
    basket = books.desk.baskets.awake(number)
    if basket is not None and basket.is_quiet:
        _conclude(books, basket)
        books.desk.baskets.rest(number)


def _conclude(books: Books, basket: Basket) -> None:
    for leg in basket.known_legs:
        leg.expected, leg.is_wanted = None, False
    claim = books.claims.get(basket.number)
    if basket.exchange is not None:
        basket.exchange[1].is_wanted = True
    if claim is None:
        for leg in basket.legs:
            leg.is_wanted = not (basket.is_held or basket.is_dropped)
        return
    order = books.orders.get(claim.order)
    good = [ticket for ticket, revision in enumerate(order.revisions) if revision] if order is not None else []
    for leg, own in basket.tickets_by_leg(good):
        has = list(range(leg.counted)) if leg.is_ledgers else own
        leg.expected = has if claim.sold else None
        leg.is_wanted = not claim.sold or bool(has)


def _mean_anew(books: Books, basket: Basket, entry: e.BasketIntended) -> None:
    """A late duplicate of what was dropped: harmless once its legs are released, as none of them can come any more."""
    if not all(leg.is_settled for leg in basket.legs):
        books.found(Fault.NUMBER_REUSED, f"{books.hold_id(entry.basket)} is meant again before its legs are released")
    basket.buyer, basket.key, basket.is_dropped = entry.buyer, entry.key, False
    basket.intent = msgspec.structs.replace(entry, legs=())
    for leg in basket.legs:
        leg.revision = FIRST_REVISION
    books.placings.note(entry.place_by_ms, entry.basket)


def _leg(books: Books, basket: int, buyer: str, plan: Any, place_by_ms: int) -> LegAtDesk:
    is_known = is_number(plan.leg) and plan.leg not in books.desk.basket_of_leg
    if is_known:
        books.desk.basket_of_leg[plan.leg] = basket
    else:
        books.found(Fault.NUMBER_REUSED, f"leg {plan.leg} of {books.hold_id(basket)}, which has no number of its own")
    return LegAtDesk(basket, buyer, plan, place_by_ms, is_known)


def _hold(books: Books, leg: LegAtDesk, held: Any, before: Sequence[LegAtDesk]) -> None:
    leg.held, leg.held_in, leg.counted = held, books.position, held.counts
    event = held.home or held.block
    leg.is_first = all(event != (other.held.home or other.block) for other in before if other.held is not None)
    fault = _held_fault(leg.plan.wish, held)
    if (held.counted_by, held.counts) != (leg.plan.counted_by, leg.plan.counts):
        fault = f"what {held.counted_by} counts, or counts {held.counts}"
    if held.once is not None and not leg.is_first:
        fault = "what its event has charged already"
    if fault:
        books.found(Fault.BASKET_MALFORMED, f"leg {leg.number} of {books.hold_id(leg.basket)} holds {fault}")
    wish = msgspec.structs.replace(leg.plan.wish, seats=(), areas=(), best=(), spans=(), seat_types=())
    leg.plan = msgspec.structs.replace(leg.plan, wish=wish)  # what else was wished for is of no account any more


def _placing(books: Books, number: int, done: str) -> Basket | None:
    basket = books.desk.baskets.get(number)
    if basket is None or basket.is_held or basket.is_dropped:
        state = "not meant" if basket is None else "held" if basket.is_held else "dropped"
        books.found(Fault.BASKET_ENDED, f"{books.hold_id(number)} is {done}, but {state}")
        return None
    return basket


def _check_in_time(books: Books, at_ms: int, place_by_ms: int, who: str) -> None:
    if at_ms >= place_by_ms:
        books.found(Fault.AFTER_DEADLINE, f"{who} is placed {at_ms - place_by_ms} ms after it had to be")


def _is_soon(at_ms: int, place_by_ms: int) -> bool:
    return -CLOCKS_APART_MS <= place_by_ms - at_ms <= MAX_PLACING_MS


def _intent_fault(books: Books, entry: e.BasketIntended) -> str:
    blocks = [plan.block for plan in entry.legs]
    if not is_number(entry.basket) or entry.ttl_ms < 1:
        return f"no number, or held for {entry.ttl_ms} ms"
    if not 1 <= len(blocks) <= MAX_LEGS or len(set(blocks)) != len(blocks):
        return f"legs in the blocks {blocks}"
    if any(plan.instead for plan in entry.legs):
        return "instead of what nobody has"
    if not 0 < entry.life_ms <= MAX_LIFE_MS:
        return f"it can live {entry.life_ms} ms"
    if _counted_fault(entry.legs, entry.legs):
        return _counted_fault(entry.legs, entry.legs)
    if not _is_soon(entry.at_ms, entry.place_by_ms):
        return f"placed within {entry.place_by_ms - entry.at_ms} ms"
    desk = desk_of(entry.tenant, entry.key)
    return "" if desk == books.block else f"its key's desk is {desk}"


def _counted_fault(plans: Sequence[Any], among: Sequence[Any]) -> str:
    """What is wrong with who counts these legs, which is a leg among those, or nothing."""
    ledgers = {plan.block for plan in among if plan.counts}
    for plan in plans:
        if plan.counted_by not in {"", *ledgers} or plan.counts < 0 or (plan.counts and plan.counted_by):
            return f"leg {plan.leg} is counted by {plan.counted_by}, or counts {plan.counts}"
        places = [(own.area, own.quantity, own.price_type) for own in plan.wish.areas]
        others = plan.wish.seats, plan.wish.best, plan.wish.spans
        if plan.counts and (places != [(LEDGER_AREA, plan.counts, "")] or any(others)):
            return f"leg {plan.leg} counts {plan.counts} and wishes for {places}"
    return ""


def _held_fault(wish: Any, held: Any) -> str:
    """What the leg holds that cannot be, or was not wished for, or nothing."""
    if held.counts:
        told = held.seats, held.areas, held.lines, held.of_ticket, held.chosen, held.once, held.together, held.begins
        return f"what a ledger has not: {told}" if any(told) else ""
    places: Sequence[Any] = held.areas
    count = len(held.seats) + sum(own.quantity for own in places)
    if len(held.of_ticket) != count or not 1 <= count <= MAX_UNITS_PER_LEG or len(set(held.seats)) != len(held.seats):
        return f"{count} units by {len(held.of_ticket)} tickets"
    if set(held.of_ticket) != set(range(len(held.lines))):
        return f"tickets at the prices {held.of_ticket} of {len(held.lines)}"
    if [(own.area, own.quantity) for own in places] != [(own.area, own.quantity) for own in wish.areas]:
        return "other places than wished for"
    if len(held.chosen) != len(wish.best):
        return f"{len(held.chosen)} choices where {len(wish.best)} were wished for"
    missed = [name for name in wish.seats if not any(f"{seat}/".startswith(f"{name}/") for seat in held.seats)]
    if missed:
        return f"not {', '.join(missed)}"
    if not wish.best and not wish.spans and any(not _is_named(seat, wish.seats) for seat in held.seats):
        return "seats that were not wished for"
    return ""


def _is_named(seat: str, names: Sequence[str]) -> bool:
    return any(f"{seat}/".startswith(f"{name}/") for name in names)
