"""The legs of baskets in the block that has the units: pinned, booked, released, by their desk's word alone.

To this block a leg is a hold of its own number, which nobody but the desk can name, and booked it is an order of that
number. What the desk demands bears a revision; what is not newer than the leg's is done already, and acknowledged. A
leg that is released before it came is barred, should it come yet.
"""

from collections import Counter
from collections.abc import Sequence

from actors.core.baskets import LegHeld, LegLine
from actors.core.commands import BookLeg, PinLeg, ReadRoom, ReleaseLeg
from actors.core.entries import Entry, LegBarred, LegBooked, LegPinned, LegReleased
from actors.core.ground import Ground
from actors.core.holds import ask, expiry_of, grant, have, returns_due
from actors.core.lots import lines_of, unit_count, unit_names
from actors.core.outcomes import Accepted, Details, Outcome, Reason, Rejected
from actors.core.pricing import category_of_point, price_type_of_point
from actors.core.replies import HoldStatus, OrderStatus, PinReply, RoomReply
from actors.core.state import BlockState, Hold, Leg, Order, Units
from actors.core.ticket_changes import give_tickets_back, without_tickets
from actors.core.tickets import sold_units, tickets_of, units_of
from actors.core.wishes import faults_of_wish

ASK_AFTER_MS = 5_000
BOOKED_SOON_MS = 100
BARRED_MS = 24 * 60 * 60_000


def faults_of_pin_leg(_: BlockState, command: PinLeg) -> tuple[str, ...]:
    """What is malformed about the command."""
    return faults_of_wish(command.plan.wish)


def decide_pin_leg(state: BlockState, command: PinLeg, now_ms: int) -> Outcome:
    """As a hold is placed, but that its end is the desk's to decide. Asked again, it is the same."""
    plan = command.plan
    leg = state.legs.get(plan.leg)
    if leg is not None:
        if leg.revision > command.revision:
            return Rejected(Reason.HOLD_RELEASED)
        return Accepted((), _pin_reply(state, state.holds[plan.leg]), replayed=True)
    if plan.leg in state.barred:
        return Rejected(Reason.HOLD_RELEASED)
    if is_uncounted(state, bool(plan.counted_by)):
        return Rejected(Reason.UNAVAILABLE)
    if any(state.legs[other].revision == command.revision for other, _ in plan.instead if other in state.legs):
        return Rejected(Reason.UNAVAILABLE, Details(retry_at_ms=now_ms + BOOKED_SOON_MS))  # not booked yet
    given = given_units(state, plan.instead)
    if given is None:
        return Rejected(Reason.HOLD_RELEASED)
    asked = ask(state, plan.wish, now_ms)
    if isinstance(asked, Rejected):
        return asked
    at_once = [_shared(units, plan.wish.channel) for units in given]
    later = [_less(units, [now]) for units, now in zip(given, at_once, strict=True)]
    ground = Ground(
        state, now_ms, plan.wish, at_once, later, lambda hold: _is_of(state, hold, command.desk, command.basket)
    )
    granted = have(state, asked, command.buyer, ground, now_ms)
    if isinstance(granted, Rejected):
        return granted
    priced = granted.priced
    pinned = LegPinned(
        now_ms, plan.leg, command.desk, command.basket, command.revision, command.buyer, granted.seats, granted.areas,
        priced.prices, priced.lines, priced.charges, priced.once, plan.wish.channel, granted.chosen, plan.instead,
        command.not_after_ms + ASK_AFTER_MS,
    )  # fmt: skip
    ended = (expiry_of(overdue, now_ms) for overdue in granted.overdue)
    entries: tuple[Entry, ...] = (*returns_due(state, now_ms), *ended, pinned)
    return Accepted(entries, _pin_reply(state, _hold_of(pinned, state.layout_version)))


def read_room(state: BlockState, command: ReadRoom, now_ms: int) -> Outcome:
    """Whether a leg of this wish would be pinned, or why not. Who cannot be told yet may try: that ends what is due."""
    faults = faults_of_wish(command.wish)
    if faults:
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=faults))
    if is_uncounted(state, command.is_counted):
        return Rejected(Reason.UNAVAILABLE)
    granted = grant(state, command.wish, command.buyer, now_ms)
    if isinstance(granted, Rejected) and granted.reason is not Reason.OVERLOADED:
        return granted
    return Accepted((), RoomReply(state.hold_ttl_ms, state.rules.max_hold_life_ms, state.revision))


def is_uncounted(state: BlockState, is_counted: bool) -> bool:
    """Whether a leg here must be counted by a ledger, and is not: who asks has yet to hear of the limit."""
    return state.is_divided and bool(state.rules.max_per_buyer) and not state.is_ledger and not is_counted


def decide_book_leg(state: BlockState, command: BookLeg, now_ms: int) -> Outcome:
    """What was pinned is sold. This cannot fail: the units are the leg's."""
    leg = state.legs.get(command.leg)
    if leg is None:
        return Rejected(Reason.HOLD_NOT_FOUND)
    if leg.revision >= command.revision:
        return Accepted((), PinReply(leg.number), replayed=True)
    return Accepted((LegBooked(now_ms, leg.number, command.revision),), PinReply(leg.number))


def decide_release_leg(state: BlockState, command: ReleaseLeg, now_ms: int) -> Outcome:
    """What the leg has is available. A leg that is not there, and may be on its way, is barred."""
    leg = state.legs.get(command.leg)
    if leg is None:
        known = state.barred.get(command.leg)
        if known is not None and known[0] >= command.revision:
            return Accepted((), PinReply(command.leg), replayed=True)
        barred = LegBarred(now_ms, command.leg, command.revision, now_ms + BARRED_MS)
        return Accepted((barred,), PinReply(command.leg))
    if leg.revision >= command.revision:
        return Accepted((), PinReply(leg.number), replayed=True)
    return Accepted((LegReleased(now_ms, leg.number, command.revision, command.tickets),), PinReply(leg.number))


def apply_leg_pinned(state: BlockState, entry: LegPinned) -> None:
    """The units are the leg's; those that the same order gives back for it are so when it is booked."""
    assert entry.leg not in state.legs, "a leg comes once"
    hold = _hold_of(entry, state.layout_version)
    state.holds[hold.number] = hold
    leg = Leg(entry.leg, entry.desk, entry.basket, entry.revision, entry.instead, entry.ask_at_ms)
    state.legs[leg.number] = leg
    state.let_ask(leg, entry.ask_at_ms)
    state.claim(hold, pinned_units(state, hold, leg))


def apply_leg_booked(state: BlockState, entry: LegBooked) -> None:
    """The units are sold, as an order of the leg's number; what it stands instead of is available."""
    leg, hold = state.legs[entry.leg], state.holds[entry.leg]
    assert hold.status is HoldStatus.ACTIVE, "only what is pinned is booked"
    pinned = pinned_units(state, hold, leg)
    for other, tickets in leg.instead:
        order = state.orders[other]
        give_tickets_back(state, order, tickets, entry.at_ms)
        left = without_tickets(order, tickets, order.status)
        state.orders[other] = left
        if not any(left.code_revisions):
            left.status = OrderStatus.CANCELLED
            state.let_ask(state.legs[other], 0)
    all_units = state.units_now(hold)
    state.claim(hold, _less(all_units, [pinned]))
    state.sell(hold, all_units)
    hold.status, hold.order = HoldStatus.CONFIRMED, hold.number
    state.orders[hold.number] = Order(
        hold.number, hold.number, entry.at_ms, OrderStatus.CONFIRMED, (1,) * unit_count(hold)
    )
    state.paid_order_count += 1
    leg.instead, leg.revision = (), entry.revision
    _let_ask_if_void(state, leg, entry.at_ms)


def apply_leg_released(state: BlockState, entry: LegReleased) -> None:
    """What the leg has is available, or what these tickets stand for."""
    leg, hold = state.legs[entry.leg], state.holds[entry.leg]
    leg.revision = entry.revision
    state.let_ask(leg, 0)
    if hold.status is HoldStatus.ACTIVE:
        state.give_back(hold, pinned_units(state, hold, leg), were_sold=False)
        hold.status = HoldStatus.RELEASED
        leg.instead = ()
        state.ended.append((entry.at_ms, hold.number))
        return
    order = state.orders.get(leg.number)
    if order is None or order.status is OrderStatus.CANCELLED:
        return
    tickets = [ticket for ticket in entry.tickets if order.code_revisions[ticket]]
    if not entry.tickets or len(tickets) == sum(revision > 0 for revision in order.code_revisions):
        for units in sold_units(state, hold, order):
            state.give_back(hold, units, were_sold=True)
        order.status = OrderStatus.CANCELLED
        return
    if tickets:
        give_tickets_back(state, order, tickets, entry.at_ms)
        state.orders[order.number] = without_tickets(order, tickets, OrderStatus.PARTLY_CANCELLED)
    _let_ask_if_void(state, leg, entry.at_ms)


def _let_ask_if_void(state: BlockState, leg: Leg, at_ms: int) -> None:
    """A leg that has something is not in doubt any more, unless its event was cancelled."""
    state.let_ask(leg, at_ms if state.was_cancelled else 0)


def apply_leg_barred(state: BlockState, entry: LegBarred) -> None:
    """Should the leg come yet, it is too late."""
    state.barred[entry.leg] = entry.revision, entry.until_ms


def pinned_units(state: BlockState, hold: Hold, leg: Leg) -> Units:
    """What a pinned leg claims: all its units but those that its order had when it was pinned, and gives back for it.

    Those too that the order has given back since: an exchange that came to nothing is released when it may be. Places
    that were had through another channel it does not share: until it is booked they are that channel's, not anybody's.
    """
    return _less(state.units_now(hold), _units_of_tickets(state, leg.instead))


def given_units(state: BlockState, instead: tuple[tuple[int, tuple[int, ...]], ...]) -> list[Units] | None:
    """What these tickets of booked legs stand for; None if they are not all good."""
    for number, tickets in instead:
        order = state.orders.get(number)
        if order is None or any(not order.code_revisions[ticket] for ticket in tickets):
            return None
    return _units_of_tickets(state, instead)


def _units_of_tickets(state: BlockState, instead: tuple[tuple[int, tuple[int, ...]], ...]) -> list[Units]:
    given: list[Units] = []
    for number, tickets in instead:
        wanted = set(tickets)
        all_tickets = tickets_of(state, state.holds[number], state.orders[number])
        given += units_of(state, (ticket for ticket in all_tickets if ticket.number in wanted))
    return given


def _shared(given: Units, channel: str) -> Units:
    """What of it a leg of this channel shares with who gives it back for it: not places of another channel."""
    return given if given.channel == channel else Units(given.seats, (), given.channel)


def _is_of(state: BlockState, hold: int, desk: str, basket: int) -> bool:
    """Whether it is a leg of this basket."""
    leg = state.legs.get(hold)
    return leg is not None and (leg.desk, leg.basket) == (desk, basket)


def _less(units: Units, without: Sequence[Units]) -> Units:
    """The units that are not among these; places only of the same channel."""
    gone = {seat for other in without for seat in other.seats}
    left = Counter[int]()
    for area, quantity in units.areas:
        left[area] += quantity
    for other in without:
        left.subtract(dict(_shared(other, units.channel).areas))
    return Units(
        tuple(seat for seat in units.seats if seat not in gone),
        tuple((area, quantity) for area, quantity in left.items() if quantity > 0),
        units.channel,
    )


def _hold_of(entry: LegPinned, layout_version: int) -> Hold:
    return Hold(
        entry.leg, entry.buyer, entry.seats, entry.areas, entry.prices, entry.ask_at_ms, entry.ask_at_ms,
        HoldStatus.ACTIVE, 0, (), entry.lines, entry.charges, entry.once, layout_version, layout_version,
        entry.channel, entry.chosen,
    )  # fmt: skip


def _pin_reply(state: BlockState, hold: Hold) -> PinReply:
    """What the desk needs to know, without its block: the desk knows that."""
    seats, areas = unit_names(state, hold)
    layout = state.layouts[hold.priced]
    lines = lines_of(state, hold)
    of_ticket = [*lines[: len(hold.seats)]]
    for (_, quantity), line in zip(hold.areas, lines[len(hold.seats) :], strict=True):
        of_ticket += [line] * quantity
    told = tuple(
        _line(
            state,
            hold.priced,
            layout.categories[category_of_point(layout, point)].name,
            layout.price_types[price_type_of_point(layout, point)] if layout.price_types else "",
            price,
            hold.charges[number] if hold.charges else (),
        )
        for number, (point, _, price) in enumerate(hold.prices)
    )
    once = _line(state, hold.priced, "", "", 0, hold.once) if hold.once else None
    held = LegHeld(
        hold.number, "", layout.currency, seats, areas, told, tuple(of_ticket), once, hold.chosen, home=state.home,
        together=_tables(state, hold), begins=_begins(state, hold),
    )  # fmt: skip
    return PinReply(hold.number, held)


def _tables(state: BlockState, hold: Hold) -> tuple[tuple[int, ...], ...]:
    index = state.index_of(hold.layout)
    if not index.has_tables:
        return ()
    tables: dict[range, list[int]] = {}
    for ticket, seat in enumerate(hold.seats):
        table = index.table_of_seat(seat)
        if table is not None:
            tables.setdefault(table, []).append(ticket)
    return tuple(map(tuple, tables.values()))


def _begins(state: BlockState, hold: Hold) -> tuple[tuple[int, int], ...]:
    index = state.index_of(hold.layout)
    slots = ((ticket, unit) for ticket, unit in enumerate(hold.seats) if unit >= index.seat_count)
    return tuple((ticket, index.slots.times_ms(unit)[0]) for ticket, unit in slots)


def _line(
    state: BlockState, priced: int, category: str, price_type: str, price: int, charges: tuple[int, ...]
) -> LegLine:
    if not charges:
        return LegLine(category, price_type, price)
    layout = state.layouts[priced]
    fees = tuple((fee.name, amount) for fee, amount in zip(layout.fees, charges, strict=False) if amount)
    tax = layout.tax
    taxes = ((tax.name, tax.rate_ppm, tax.included, charges[-1]),) if tax is not None else ()
    return LegLine(category, price_type, price, fees, taxes)
