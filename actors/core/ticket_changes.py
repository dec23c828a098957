"""What is done to single tickets of a paid order: some cancelled, some exchanged for other units, one reassigned."""

from collections.abc import Sequence

import msgspec

from actors.core.commands import CancelTickets, ExchangeTickets, ReassignTicket
from actors.core.desk_state import left_at_tables
from actors.core.entries import Entry, OrderCancelled, TicketReassigned, TicketsCancelled, TicketsExchanged
from actors.core.ground import Ground
from actors.core.holds import ask, expiry_of, have, returns_due
from actors.core.ids import Kind
from actors.core.keys import ORDER_KEY_KEPT_MS, remember
from actors.core.orders import IN_FORCE, NO_LONGER, refuse_while_exchanging, reply_of, status_at
from actors.core.outcomes import Accepted, Details, Outcome, Reason, Rejected
from actors.core.replies import OrderStatus
from actors.core.state import BlockState, Lot, Order, Units
from actors.core.tickets import Ticket, good_tickets, units_of
from actors.core.wishes import faults_of_wish

MAX_BUYER_LENGTH = 200
MAX_EXCHANGES = 100


def faults_of_cancel_tickets(state: BlockState, command: CancelTickets) -> tuple[str, ...]:
    """What is malformed about the command."""
    return faults_of_tickets(state, command.order, command.stamp.tenant, command.tickets)


def faults_of_exchange_tickets(state: BlockState, command: ExchangeTickets) -> tuple[str, ...]:
    """What is malformed about the command."""
    faults = [*faults_of_tickets(state, command.order, command.stamp.tenant, command.tickets)]
    return (*faults, *faults_of_wish(command.wish))


def faults_of_reassign_ticket(state: BlockState, command: ReassignTicket) -> tuple[str, ...]:
    """What is malformed about the command."""
    faults = faults_of_tickets(state, command.order, command.stamp.tenant, (command.ticket,), field="ticket_id")
    if not 1 <= len(command.holder) <= MAX_BUYER_LENGTH:
        return (*faults, f"holder: must have 1 to {MAX_BUYER_LENGTH} characters")
    return faults


def faults_of_tickets(
    state: BlockState, number: int, tenant: str, tickets: Sequence[int], field: str = "tickets"
) -> tuple[str, ...]:
    """What is malformed about these tickets of an order."""
    if not tickets or len(set(tickets)) != len(tickets):
        return ("tickets: must be one or more, each of them once",)
    order = state.orders.get(number) if state.tenant == tenant else None
    count = len(order.code_revisions) if order is not None else 0
    unknown = [ticket for ticket in tickets if not 0 <= ticket < count] if count else []
    return tuple(f"{field}: the order has no ticket {ticket + 1}" for ticket in unknown)


def decide_cancel_tickets(state: BlockState, command: CancelTickets, now_ms: int) -> Outcome:
    """Some tickets of a paid order; all that are left: the order is cancelled."""
    order = state.orders[command.order]
    refusal = refuse_tickets(state, order, command.tickets, now_ms)
    if refusal is not None:
        return refusal
    stamp, hold = command.stamp, state.holds[order.hold]
    if len(command.tickets) == sum(revision > 0 for revision in order.code_revisions):
        cancelled = OrderCancelled(now_ms, order.number, stamp.key, stamp.fingerprint)
        return Accepted((cancelled,), reply_of(state, order, hold, OrderStatus.CANCELLED))
    entry = TicketsCancelled(now_ms, order.number, command.tickets, stamp.key, stamp.fingerprint)
    left = without_tickets(order, command.tickets, OrderStatus.PARTLY_CANCELLED)
    return Accepted((entry,), reply_of(state, left, hold, left.status))


def decide_exchange_tickets(state: BlockState, command: ExchangeTickets, now_ms: int) -> Outcome:
    """Other units for these tickets, as if theirs were available: in one entry, so whole or not at all."""
    asked = ask(state, command.wish, now_ms)
    if isinstance(asked, Rejected):
        return asked
    order = state.orders[command.order]
    refusal = refuse_tickets(state, order, command.tickets, now_ms)
    if refusal is not None:
        return refusal
    if order.hold in state.desk.baskets:
        return Rejected(
            Reason.INVALID_ARGUMENT, Details(fields=("event_id: of what, as the order is of several events",))
        )
    if len(order.exchanged) >= MAX_EXCHANGES:
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=(f"order: was exchanged {MAX_EXCHANGES} times",)))
    stamp, hold = command.stamp, state.holds[order.hold]
    tickets = _tickets(state, order, command.tickets)
    ground = Ground(state, now_ms, command.wish, units_of(state, tickets), is_own=hold.number.__eq__)
    granted = have(state, asked, hold.buyer, ground, now_ms)
    if isinstance(granted, Rejected):
        return granted
    priced = granted.priced
    entry = TicketsExchanged(
        now_ms, order.number, command.tickets, granted.seats, granted.areas, priced.prices, priced.lines,
        priced.charges, granted.chosen, stamp.key, stamp.fingerprint, command.wish.channel,
    )  # fmt: skip
    ended = (expiry_of(overdue, now_ms) for overdue in granted.overdue)
    entries: tuple[Entry, ...] = (*returns_due(state, now_ms), *ended, entry)
    after = _exchanged(order, entry, state.layout_version)
    return Accepted(entries, reply_of(state, after, hold, after.status))


def decide_reassign_ticket(state: BlockState, command: ReassignTicket, now_ms: int) -> Outcome:
    """The ticket is somebody else's, under a new code; its unit stays where it is."""
    order = state.orders[command.order]
    refusal = _refuse_void(state, order, (command.ticket,), now_ms)
    if refusal is not None:
        return refusal
    stamp = command.stamp
    entry = TicketReassigned(now_ms, order.number, command.ticket, command.holder, stamp.key, stamp.fingerprint)
    after = _reassigned(order, entry)
    return Accepted((entry,), reply_of(state, after, state.holds[order.hold], after.status))


def apply_tickets_cancelled(state: BlockState, entry: TicketsCancelled) -> None:
    """The tickets are void and their units available."""
    order = state.orders[entry.order]
    give_tickets_back(state, order, entry.tickets, entry.at_ms)
    state.orders[order.number] = without_tickets(order, entry.tickets, OrderStatus.PARTLY_CANCELLED)
    if entry.key:
        remember(state, entry.key, entry.fingerprint, Kind.ORDER, order.number, entry.at_ms + ORDER_KEY_KEPT_MS)


def apply_tickets_exchanged(state: BlockState, entry: TicketsExchanged) -> None:
    """The tickets are void, and others stand for other units."""
    order = state.orders[entry.order]
    hold = state.holds[order.hold]
    give_tickets_back(state, order, entry.tickets, entry.at_ms)
    units = Units(entry.seats, entry.areas, entry.channel)
    state.claim(hold, units)
    state.sell(hold, units)
    state.orders[order.number] = _exchanged(order, entry, state.layout_version)
    remember(state, entry.key, entry.fingerprint, Kind.ORDER, order.number, entry.at_ms + ORDER_KEY_KEPT_MS)


def apply_ticket_reassigned(state: BlockState, entry: TicketReassigned) -> None:
    """The ticket is another's, its code a new one."""
    order = state.orders[entry.order]
    assert order.code_revisions[entry.ticket], "a void ticket is nobody's"
    state.orders[order.number] = _reassigned(order, entry)
    remember(state, entry.key, entry.fingerprint, Kind.ORDER, order.number, entry.at_ms + ORDER_KEY_KEPT_MS)


def refuse_tickets(state: BlockState, order: Order, indices: Sequence[int], now_ms: int) -> Rejected | None:
    """Why these tickets cannot be given back: the order is not in force, one of them is void, or somebody would be left
    with a part of a table that is sold only as a whole.
    """
    if status_at(state, order, now_ms) in IN_FORCE:
        left = _left_at_tables(state, order, indices)
        if left:
            return Rejected(Reason.TABLE_NOT_WHOLE, Details(units=left))
    return _refuse_void(state, order, indices, now_ms)


def _left_at_tables(state: BlockState, order: Order, indices: Sequence[int]) -> tuple[str, ...]:
    """The seats that the order would have left of tables that are sold only as a whole."""
    basket = state.desk.baskets.get(order.hold)
    if basket is not None:
        return left_at_tables(basket.held, {n for n, revision in enumerate(order.code_revisions) if revision}, indices)
    if not state.index.has_tables:
        return ()
    good = good_tickets(state, state.holds[order.hold], order)
    seat_of = {ticket.number: seat for ticket in good for seat in units_of(state, (ticket,))[0].seats}
    given = {seat_of[index] for index in indices if index in seat_of}
    tables = list(filter(None, map(state.index.table_of_seat, given)))
    left = [seat for seat in seat_of.values() if seat not in given and any(seat in table for table in tables)]
    return tuple(map(state.index.unit_name, left))


def _refuse_void(state: BlockState, order: Order, indices: Sequence[int], now_ms: int) -> Rejected | None:
    """Why nothing can be done with these tickets."""
    status = status_at(state, order, now_ms)
    if status not in IN_FORCE:
        return Rejected(NO_LONGER[status])
    void = [index for index in indices if not order.code_revisions[index]]
    if void:
        return Rejected(Reason.TICKET_VOID, Details(fields=tuple(f"tickets: {index + 1} is void" for index in void)))
    return refuse_while_exchanging(state, order)


def _tickets(state: BlockState, order: Order, indices: Sequence[int]) -> list[Ticket]:
    wanted = set(indices)
    return [ticket for ticket in good_tickets(state, state.holds[order.hold], order) if ticket.number in wanted]


def give_tickets_back(state: BlockState, order: Order, indices: Sequence[int], at_ms: int) -> None:
    """What these tickets stand for is available again; of a basket, that is what its legs are to do."""
    assert order.status in IN_FORCE, "tickets are good while their order is in force"
    assert all(order.code_revisions[index] for index in indices), "a void ticket gives nothing back"
    if order.hold in state.desk.baskets:
        state.desk.release_tickets(order.hold, indices, at_ms)
        return
    hold = state.holds[order.hold]
    for units in units_of(state, _tickets(state, order, indices)):
        state.give_back(hold, units, were_sold=True)


def without_tickets(order: Order, indices: Sequence[int], status: OrderStatus) -> Order:
    """The order when these tickets are void."""
    gone = set(indices)
    revisions = tuple(0 if index in gone else revision for index, revision in enumerate(order.code_revisions))
    return msgspec.structs.replace(order, status=status, code_revisions=revisions)


def _exchanged(order: Order, entry: TicketsExchanged, layout_version: int) -> Order:
    lot = Lot(
        entry.seats, entry.areas, entry.prices, entry.lines, entry.charges, (), layout_version, layout_version,
        entry.channel, entry.chosen,
    )  # fmt: skip
    count = len(entry.seats) + sum(quantity for _, quantity in entry.areas)
    left = without_tickets(order, entry.tickets, order.status)
    return msgspec.structs.replace(
        left, code_revisions=left.code_revisions + (1,) * count, exchanged=(*order.exchanged, lot)
    )


def _reassigned(order: Order, entry: TicketReassigned) -> Order:
    revisions = list(order.code_revisions)
    revisions[entry.ticket] += 1
    others = tuple(holder for holder in order.holders if holder[0] != entry.ticket)
    holders = (*others, (entry.ticket, entry.holder))
    return msgspec.structs.replace(order, code_revisions=tuple(revisions), holders=holders)
