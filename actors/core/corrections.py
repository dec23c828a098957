"""Corrections: how a quarantine ends, by one entry that says who ended it, why, and what had to be changed for that.

What is ended is ended as its holder would have ended it, whatever the time and whatever rules of selling say: a ticket
of a table may be void alone. What a desk decides is corrected at the desk, and its legs follow.

What cannot be applied at all is struck: it does not count, nor does what rests on it (see `engine.striking`).
"""

from collections.abc import Iterable

from actors.core.commands import Correct
from actors.core.entries import Corrected, HoldReleased, OrderCancelled, TicketsCancelled
from actors.core.holds import apply_hold_released, give_grace
from actors.core.orders import IN_FORCE, NO_LONGER, apply_order_cancelled, refuse_while_exchanging
from actors.core.replies import HoldStatus, OrderStatus
from actors.core.state import BlockState
from actors.core.ticket_changes import apply_tickets_cancelled

MAX_NAME_LENGTH = 200
MAX_WHY_LENGTH = 1_000
MAX_CHANGES = 10_000


def decide_correct(
    state: BlockState, command: Correct, now_ms: int, struck: tuple[tuple[int, tuple[int, ...]], ...] = ()
) -> Corrected | tuple[str, ...] | None:
    """The entry; or what is wrong, each with its field; or None: this quarantine has been ended. Reads only.

    All of it is done or nothing. Who loses all tickets of an order loses the order.
    `struck`: what it is without.
    """
    if command.quarantine <= state.quarantines_ended:
        return None
    faults = (
        *_faults_of_words(command),
        *_faults_of_holds(state, command.holds),
        *_faults_of_orders(state, command.orders),
        *_faults_of_tickets(state, command),
    )
    if faults:
        return faults
    voided: dict[int, list[int]] = {}
    for order, ticket in sorted(command.tickets):
        voided.setdefault(order, []).append(ticket)
    over = {order for order, gone in voided.items() if len(gone) == _good_count(state, order)}
    at_ms = max(now_ms, state.last_at_ms)
    return Corrected(
        at_ms,
        command.quarantine,
        command.position,
        command.by,
        command.why,
        min(command.since_ms, at_ms),  # the journal's clock, by which it was imposed, may have gone back
        tuple((order, tuple(gone)) for order, gone in voided.items() if order not in over),
        tuple(sorted(command.holds)),
        tuple(sorted({*command.orders, *over})),
        struck,
    )


def apply_corrected(state: BlockState, entry: Corrected) -> None:
    """The quarantine is over, what it names is ended, and buyers have back the time in which nobody was served."""
    assert entry.quarantine > state.quarantines_ended, "a quarantine ends once"
    state.quarantines_ended = entry.quarantine
    for order, tickets in entry.voided:
        apply_tickets_cancelled(state, TicketsCancelled(entry.at_ms, order, tickets, b"", b""))
    for hold in entry.holds:
        apply_hold_released(state, HoldReleased(entry.at_ms, hold, b"", b""))
    for order in entry.orders:
        apply_order_cancelled(state, OrderCancelled(entry.at_ms, order, b"", b""))
    give_grace(state, entry.since_ms, entry.at_ms, entry.at_ms)


def _faults_of_words(command: Correct) -> Iterable[str]:
    if not 1 <= len(command.by) <= MAX_NAME_LENGTH:
        yield f"by: must have 1 to {MAX_NAME_LENGTH} characters"
    if not 1 <= len(command.why) <= MAX_WHY_LENGTH:
        yield f"why: must have 1 to {MAX_WHY_LENGTH} characters"
    named = {"tickets": command.tickets, "holds": command.holds, "orders": command.orders}
    for field, numbers in named.items():
        if len(set(numbers)) != len(numbers):
            yield f"{field}: one is named twice"
    if sum(map(len, named.values())) > MAX_CHANGES:
        yield f"tickets, holds and orders: at most {MAX_CHANGES} in all"


def _faults_of_holds(state: BlockState, holds: tuple[int, ...]) -> Iterable[str]:
    for place, number in enumerate(holds):
        hold = state.holds.get(number)
        if number in state.legs:
            yield f"holds[{place}]: is a leg of a basket: correct the desk {state.legs[number].desk}"
        elif hold is None:
            yield f"holds[{place}]: there is no such hold"
        elif hold.order:
            yield f"holds[{place}]: has become an order: end that"
        elif hold.status is not HoldStatus.ACTIVE:
            yield f"holds[{place}]: is {hold.status.name}"


def _faults_of_orders(state: BlockState, orders: tuple[int, ...]) -> Iterable[str]:
    for place, number in enumerate(orders):
        fault = _fault_of_order(state, number, (OrderStatus.PENDING, *IN_FORCE))
        if fault:
            yield f"orders[{place}]: {fault}"


def _faults_of_tickets(state: BlockState, command: Correct) -> Iterable[str]:
    for place, (number, ticket) in enumerate(command.tickets):
        fault = _fault_of_order(state, number, IN_FORCE)
        if fault:
            yield f"tickets[{place}]: {fault}"
        elif number in command.orders:
            yield f"tickets[{place}]: its order ends as well"
        else:
            revisions = state.orders[number].code_revisions
            if not 0 <= ticket < len(revisions):
                yield f"tickets[{place}]: the order has no ticket {ticket + 1}"
            elif not revisions[ticket]:
                yield f"tickets[{place}]: is void"


def _fault_of_order(state: BlockState, number: int, may_be: tuple[OrderStatus, ...]) -> str:
    if number in state.legs:
        return f"is a leg of a basket: correct the desk {state.legs[number].desk}"
    order = state.orders.get(number)
    if order is None:
        return "there is no such order"
    if order.status not in may_be:
        return NO_LONGER[order.status].name
    return "an exchange of it is being placed" if refuse_while_exchanging(state, order) is not None else ""


def _good_count(state: BlockState, order: int) -> int:
    return sum(revision > 0 for revision in state.orders[order].code_revisions)
