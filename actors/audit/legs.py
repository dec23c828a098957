"""Legs of baskets in the block that has their units: pinned, booked, released by their desk's word alone.

To its block a leg is a hold of its number, without a time limit of its own, and booked an order of that number. It is
pinned by all the rules by which units are held; those that it stands instead of count as available to it, and stay
another leg's until it is booked.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from actors.audit.basket_books import FIRST_REVISION, Deed, LegAtBlock
from actors.audit.books import Books, Claim, Lot, OrderLine, OrderStatus, Ticket
from actors.audit.choices import choice_fault
from actors.audit.claiming import check_limit, check_sale, check_units, units_exist
from actors.audit.findings import Fault
from actors.audit.keys import HOLD_KEY_KEPT_MS
from actors.audit.plan import Plan
from actors.audit.prices import lines_of
from actors.audit.units import UnitStatus, in_plan
from actors.audit.waiting import check_line
from actors.core import entries as e

BARRED_MS = 24 * 60 * 60_000


def fold_pinned(books: Books, entry: e.LegPinned) -> None:
    """Units are held for a basket."""
    who = _name(entry.leg)
    known = books.legs.get(entry.leg)
    if known is not None and known.pinned is None and entry.at_ms < known.barred_until_ms:
        books.found(Fault.LEG_ENDED, f"{who} is pinned, and was released before it came")
    came = known is not None and known.pinned is not None
    if came or entry.leg in books.claims or entry.leg in books.ended_at_ms:
        books.found(Fault.NUMBER_REUSED, f"{who} is pinned a second time, or has the number of a hold")
        return
    if entry.revision != FIRST_REVISION:
        books.found(Fault.REVISION_WRONG, f"{who} is pinned under revision {entry.revision}")
    placed = e.HoldPlaced(
        entry.at_ms, entry.leg, entry.buyer, entry.seats, entry.areas, entry.prices, entry.ask_at_ms, entry.ask_at_ms,
        b"", b"", entry.lines, entry.charges, entry.once, entry.channel, entry.chosen,
    )  # fmt: skip
    if not units_exist(books, placed, who):
        return
    lot = Lot(placed, books.plan)
    limit = 0 if books.event is None else books.event.rules.max_per_buyer
    pinned_by = msgspec.structs.replace(entry, seats=(), areas=(), prices=(), lines=(), charges=(), once=(), chosen=())
    leg = LegAtBlock(entry.leg, books.position, pinned_by, has_units=True, limit=limit, count=lot.quantity)
    leg.home = books.split.home
    claim = Claim(placed, lot, 0, entry.ask_at_ms, leg=leg)
    given = _given(books, leg, who)
    claim.given = given
    shared = _shared(claim, given)
    check_line(books, entry.at_ms, who)
    _stand_back(books, shared)
    check_sale(books, placed, who)
    fault = choice_fault(books, placed)
    if fault:
        books.found(Fault.CHOICE_WRONG, f"{who}: {fault}")
    told = told_of(books.plan, placed)
    leg.holds = msgspec.msgpack.encode(told) if told else b""
    books.legs[entry.leg] = leg
    books.claims[entry.leg] = claim
    books.hold_count += 1
    pinned, rest = _parts(books, claim, given)
    _count(books, claim, _size(*pinned))
    of_basket = (entry.desk, entry.basket)
    check_units(books, placed, who, entry.leg, lambda hold: _basket_of(books, hold) == of_basket)
    more = lot.quantity - len(given)
    check_limit(books, entry.buyer, more, entry.at_ms, who, later_back=_size(*pinned) - more)
    books.units.give_back(entry.leg, *rest, entry.channel, UnitStatus.HELD)
    _stand_again(books, shared)


def fold_booked(books: Books, entry: e.LegBooked) -> None:
    """What was pinned is sold, and what it stands instead of is available, but for what both have."""
    who = _name(entry.leg)
    leg = _leg(books, entry.leg, entry.revision, "booked")
    if leg is None:
        return
    _do(books, leg, entry.revision, Deed.BOOK)
    claim = books.claims.get(entry.leg)
    if claim is None or claim.sold:
        books.found(Fault.LEG_ENDED, f"{who} is booked, but is {'released' if claim is None else 'booked already'}")
        return
    given = _given(books, leg, who)
    _, rest = _parts(books, claim, given)
    for other, ticket in given:
        order = books.orders[other.placed.hold]
        order.revisions[ticket.number] = 0
        books.give_back(other, (ticket,))
        _note_good(other, order)
    for other in {other.placed.hold: other for other, _ in given}.values():
        _end_if_empty(books, other, entry.at_ms)
    for unit, owner in books.units.claim(entry.leg, *rest, claim.placed.channel):
        books.found(Fault.UNIT_CLAIMED_TWICE, f"{books.plan.unit_name(unit)} by {who}, while {_name(owner)}'s")
    _count(books, claim, _size(*rest))
    books.units.sell(entry.leg, *_whole(books, claim))
    books.held -= claim.quantity
    books.sold += claim.quantity
    claim.sold, claim.order = True, entry.leg
    order = books.orders[entry.leg] = OrderLine(entry.leg, OrderStatus.CONFIRMED, [1] * claim.lot.quantity)
    _note_good(claim, order)
    books.stirred = books.stirred or bool(given)


def fold_released(books: Books, entry: e.LegReleased) -> None:
    """What the leg has is available, or what these tickets of it stand for."""
    who = _name(entry.leg)
    leg = _leg(books, entry.leg, entry.revision, "released")
    if leg is None:
        return
    _do(books, leg, entry.revision, Deed.RELEASE, entry.tickets)
    claim = books.claims.get(entry.leg)
    if claim is None:
        books.legs.rest(entry.leg)
        return  # all of it was given back before
    books.stirred = True
    if not claim.sold:
        if entry.tickets:
            books.found(Fault.TICKETS_WRONG, f"{entry.tickets} of {who}, which is not booked")
        pinned, _ = _parts(books, claim, claim.given)
        books.units.give_back(entry.leg, *pinned, claim.placed.channel, UnitStatus.HELD)
        _count(books, claim, -_size(*pinned))
        _end(books, claim, entry.at_ms)
        return
    order = books.orders[entry.leg]
    if any(not 0 <= ticket < len(order.revisions) or not order.revisions[ticket] for ticket in entry.tickets):
        books.found(Fault.TICKETS_WRONG, f"{entry.tickets} of {who}, of {order.revisions}")
    wanted = set(entry.tickets) or set(range(len(order.revisions)))
    tickets = [ticket for ticket in books.good_tickets(claim) if ticket.number in wanted]
    books.give_back(claim, tickets)
    for ticket in tickets:
        order.revisions[ticket.number] = 0
    _note_good(claim, order)
    order.status = OrderStatus.PARTLY_CANCELLED if tickets else order.status
    _end_if_empty(books, claim, entry.at_ms)


def fold_barred(books: Books, entry: e.LegBarred) -> None:
    """A leg that never came is released."""
    who = _name(entry.leg)
    known = books.legs.get(entry.leg)
    if known is not None and known.pinned is not None:
        ended_at_ms = books.ended_at_ms.get(entry.leg)
        if ended_at_ms is None or entry.at_ms < ended_at_ms + HOLD_KEY_KEPT_MS:
            books.found(Fault.LEG_ENDED, f"{who} is barred, and it came")
            return
    if entry.until_ms != entry.at_ms + BARRED_MS:
        books.found(Fault.DEADLINE_WRONG, f"{who} is barred for {entry.until_ms - entry.at_ms} ms")
    leg = known or LegAtBlock(entry.leg, books.position)
    books.legs[entry.leg] = leg
    is_again = entry.revision == leg.revision and entry.at_ms >= leg.barred_until_ms  # the same deed, forgotten since
    if entry.revision <= leg.revision and not is_again:
        books.found(Fault.REVISION_WRONG, f"{who} is barred under revision {entry.revision}, after {leg.revision}")
    leg.barred_until_ms = entry.until_ms
    _do(books, leg, entry.revision, Deed.RELEASE)
    books.legs.rest(entry.leg)


def told_of(plan: Plan, placed: e.HoldPlaced) -> list[Any]:
    """What a desk is told that this is, in plain values: its `LegHeld` without leg and block, and who counts it."""
    lines = lines_of(plan, placed)
    if lines is None:
        return []
    units = len(placed.seats)
    types = [_type_name(plan, placed.prices[line][0]) for line in lines]
    areas = [
        [plan.area_name(area), quantity, kind]
        for (area, quantity), kind in zip(placed.areas, types[units:], strict=True)
    ]
    prices = [
        [plan.categories[point // plan.type_count], _type_name(plan, point), price, *_charged(plan, charges)]
        for (point, _, price), charges in zip(placed.prices, placed.charges or ((),) * len(placed.prices), strict=False)
        if point < plan.type_count * len(plan.categories)
    ]
    of_ticket = list(lines[:units])
    for (_, quantity), line in zip(placed.areas, lines[units:], strict=True):
        of_ticket += [line] * quantity
    once = ["", "", 0, *_charged(plan, placed.once)] if placed.once else None
    seats = [plan.unit_name(unit) for unit in placed.seats]
    tables: dict[int, list[int]] = {}
    for ticket, table in enumerate(map(plan.whole_table_of, placed.seats)):
        if table is not None:
            tables.setdefault(table.start, []).append(ticket)
    slots = ((ticket, unit) for ticket, unit in enumerate(placed.seats) if unit >= plan.seat_count)
    begins = [[ticket, plan.begins_ms(unit)] for ticket, unit in slots]
    return [plan.currency, seats, areas, prices, of_ticket, once, placed.chosen, list(tables.values()), begins]


def _charged(plan: Plan, charges: Sequence[int]) -> tuple[list[Any], list[Any]]:
    if not charges:
        return [], []
    fees = [[name, amount] for name, amount in zip(plan.fee_names, charges, strict=False) if amount]
    taxes = [[plan.tax_name, *plan.tax, charges[-1]]] if plan.tax is not None else []
    return fees, taxes


def _type_name(plan: Plan, point: int) -> str:
    return plan.price_types[point % plan.type_count] if plan.price_types else ""


def _name(number: int) -> str:
    return f"leg {number}"


def _leg(books: Books, number: int, revision: int, done: str) -> LegAtBlock | None:
    """The leg, if it ever came; its revisions only rise."""
    leg = books.legs.get(number)
    if leg is None or leg.pinned is None:
        books.found(Fault.LEG_UNKNOWN, f"{_name(number)} is {done}")
        return None
    if revision <= leg.revision:
        books.found(Fault.REVISION_WRONG, f"{_name(number)} is {done} under revision {revision}, after {leg.revision}")
    return leg


def _do(books: Books, leg: LegAtBlock, revision: int, deed: Deed, tickets: tuple[int, ...] = ()) -> None:
    leg.done[revision] = deed, tickets, books.position
    leg.position = books.position


def _note_good(claim: Claim, order: OrderLine) -> None:
    assert claim.leg is not None, "only legs stand instead of others"
    claim.leg.good = [ticket for ticket, revision in enumerate(order.revisions) if revision]


def _end_if_empty(books: Books, claim: Claim, at_ms: int) -> None:
    """A booked leg of which no ticket is good any more is over."""
    number = claim.placed.hold
    if not any(books.orders[number].revisions):
        del books.orders[number]
        books.ended_orders[number] = OrderStatus.CANCELLED
        _end(books, claim, at_ms)


def _end(books: Books, claim: Claim, at_ms: int) -> None:
    assert claim.leg is not None, "what ends here is a leg"
    claim.leg.has_units = False
    del books.claims[claim.placed.hold]
    books.ended_at_ms[claim.placed.hold] = at_ms
    books.legs.rest(claim.placed.hold)


def _count(books: Books, claim: Claim, more: int) -> None:
    """The leg has so many units more, held ones."""
    claim.quantity += more
    books.held += more
    books.count_buyer(claim.placed.buyer, more)


def _given(books: Books, leg: LegAtBlock, who: str) -> list[tuple[Claim, Ticket]]:
    """The tickets of other legs that this one stands instead of, those of them that are good: as all must be."""
    assert leg.pinned is not None, "a leg that came"
    given: list[tuple[Claim, Ticket]] = []
    for number, tickets in leg.pinned.instead:
        claim = books.claims.get(number)
        if claim is not None and claim.leg is not None and claim.sold:
            given += ((claim, ticket) for ticket in books.good_tickets(claim) if ticket.number in tickets)
    count = sum(max(len(tickets), 1) for _, tickets in leg.pinned.instead)
    if len(given) != count:
        books.found(Fault.TICKETS_WRONG, f"{who} is instead of {leg.pinned.instead}, of which {len(given)} are good")
    return given


_Part = tuple[list[int], list[tuple[int, int]]]


def _whole(books: Books, claim: Claim) -> _Part:
    return in_plan(claim.lot.plan, claim.placed.seats, claim.placed.areas, books.plan)


def _size(units: Sequence[int], areas: Iterable[tuple[int, int]]) -> int:
    return len(units) + sum(quantity for _, quantity in areas)


def _parts(books: Books, claim: Claim, given: Iterable[tuple[Claim, Ticket]]) -> tuple[_Part, _Part]:
    """What the leg has while it is pinned, and what it gets only when it is booked: the same as what is given."""
    units, areas = _whole(books, claim)
    theirs: set[int] = set()
    places: dict[int, int] = {}
    for back, of_area in _of_tickets(books, _shared(claim, given)):
        theirs.update(back)
        for area, quantity in of_area:
            places[area] = places.get(area, 0) + quantity
    wanted: dict[int, int] = {}
    for area, quantity in areas:
        wanted[area] = wanted.get(area, 0) + quantity
    shared = {area: min(quantity, places.get(area, 0)) for area, quantity in wanted.items()}
    pinned = [unit for unit in units if unit not in theirs]
    rest = [unit for unit in units if unit in theirs]
    return (
        (pinned, [(area, count - shared[area]) for area, count in wanted.items() if count > shared[area]]),
        (rest, [(area, count) for area, count in shared.items() if count]),
    )


def _shared(claim: Claim, given: Iterable[tuple[Claim, Ticket]]) -> list[tuple[Claim, Ticket]]:
    """Those of which the leg may have the units before it is booked: not places that another channel had."""
    channel = claim.placed.channel
    return [(of, ticket) for of, ticket in given if ticket.unit is not None or ticket.lot.entry.channel == channel]


def _basket_of(books: Books, hold: int) -> tuple[str, int] | None:
    """The desk and the basket of a leg; None: it is a hold of the block's own."""
    leg = books.legs.get(hold)
    return None if leg is None or leg.pinned is None else (leg.pinned.desk, leg.pinned.basket)


def _of_tickets(books: Books, given: Iterable[tuple[Claim, Ticket]]) -> Iterator[_Part]:
    for _, ticket in given:
        units = [] if ticket.unit is None else [ticket.unit]
        yield in_plan(ticket.lot.plan, units, [(ticket.area, 1)] if ticket.unit is None else [], books.plan)


def _stand_back(books: Books, given: Sequence[tuple[Claim, Ticket]]) -> None:
    """While a leg is judged, what it stands instead of is nobody's."""
    for (claim, ticket), part in zip(given, _of_tickets(books, given), strict=True):
        books.units.give_back(claim.placed.hold, *part, ticket.lot.entry.channel, UnitStatus.SOLD)


def _stand_again(books: Books, given: Sequence[tuple[Claim, Ticket]]) -> None:
    for (claim, ticket), part in zip(given, _of_tickets(books, given), strict=True):
        books.units.claim(claim.placed.hold, *part, ticket.lot.entry.channel)
        books.units.sell(claim.placed.hold, *part)
