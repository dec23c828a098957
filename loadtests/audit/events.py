"""The event: created once, opened, changed and edited as it may be, and what is set aside returned in its time."""

import msgspec

from actors.core import entries as e
from loadtests.audit.books import IN_FORCE, Books, EventStatus, OrderStatus
from loadtests.audit.findings import Fault
from loadtests.audit.layouts import layout_fault
from loadtests.audit.plan import Plan
from loadtests.audit.rules import return_times_ms, rules_fault, set_aside
from loadtests.audit.units import Units

MIN_HOLD_TTL_MS = 1_000

_BECOMES = {
    EventStatus.DRAFT: (EventStatus.CANCELLED,),
    EventStatus.ON_SALE: (EventStatus.PAUSED, EventStatus.CLOSED, EventStatus.CANCELLED),
    EventStatus.PAUSED: (EventStatus.CLOSED, EventStatus.CANCELLED),
    EventStatus.CLOSED: (EventStatus.ARCHIVED, EventStatus.CANCELLED),
    EventStatus.ARCHIVED: (),
    EventStatus.CANCELLED: (EventStatus.ARCHIVED,),
}
"""What a `StatusChanged` may make of an event."""


def fold_created(books: Books, entry: e.EventCreated) -> None:
    """The event is there, and its units."""
    books.use_key(entry, "event", 0)
    if books.event is not None or books.desk.tenant:
        books.found(Fault.EVENT_ILLEGAL, "the event is created a second time, or at a desk")
        return
    _check_hold_ttl(books, entry)
    books.event = entry
    if _layout_is_sound(books, entry):
        books.plan = Plan(entry)
        books.units = Units(books.plan)
    _sell_by_rules(books, entry.at_ms)


def fold_sale_opened(books: Books, entry: e.SaleOpened) -> None:
    """The event is on sale, or again."""
    books.use_key(entry, "opening", 0)
    if books.status not in (EventStatus.DRAFT, EventStatus.PAUSED):
        books.found(Fault.EVENT_ILLEGAL, f"the sale is opened while {books.status.name}")
    books.status = EventStatus.ON_SALE
    books.stirred = True


def fold_status_changed(books: Books, entry: e.StatusChanged) -> None:
    """The event is paused or over; if it is over nobody waits, and if it is cancelled nobody has anything."""
    books.use_key(entry, "change", 0)
    status = EventStatus(int(entry.status))
    if status not in _BECOMES[books.status]:
        books.found(Fault.EVENT_ILLEGAL, f"an event that is {books.status.name} becomes {status.name}")
    books.status = status
    if status is EventStatus.PAUSED:
        return
    books.gone_waiters.update(books.line)
    books.line.clear()
    if status is not EventStatus.CANCELLED:
        return
    books.was_cancelled = True
    for hold, claim in list(books.claims.items()):
        if claim.leg is not None:
            continue  # which asks its desk
        order = books.orders.get(claim.order)
        if order is None:
            books.end(hold, entry.at_ms)
        elif order.status is OrderStatus.PENDING or order.status in IN_FORCE:
            books.end_order(claim.order, OrderStatus.CANCELLED, entry.at_ms)


def fold_edited(books: Books, entry: e.EventEdited) -> None:
    """The event is as if it had been created so, and whoever has units has those of the same names."""
    books.use_key(entry, "edit", 0)
    event = books.event
    assert event is not None, "which the ledger sees to"
    changes = {
        name: getattr(entry, name)
        for name in ("name", "layout", "rules", "hold_ttl_ms")
        if getattr(entry, name) is not None
    }
    edited = msgspec.structs.replace(event, **changes)
    if entry.hold_ttl_ms is not None:
        _check_hold_ttl(books, edited)
    books.event = edited
    if entry.layout is not None and _layout_is_sound(books, edited):
        _move(books, Plan(edited))
    if entry.rules is not None:
        _sell_by_rules(books, entry.at_ms)
    elif entry.layout is not None:
        _check_rules(books)
    books.units.set_aside = set_aside(edited, books.plan, books.returned)
    books.stirred = True


def fold_returned(books: Books, entry: e.AllotmentReturned) -> None:
    """What was set aside is for everybody."""
    assert books.event is not None, "which the ledger sees to"
    what = entry.allotment or "the accessible seats"
    due_ms = return_times_ms(books.event).get(entry.allotment)
    if due_ms is None or entry.allotment in books.returned:
        books.found(Fault.RETURN_WRONG, f"{what}, which is not to be returned, or was already")
    elif entry.at_ms < due_ms:
        books.found(Fault.RETURN_WRONG, f"{what}, {due_ms - entry.at_ms} ms before its time")
    books.returned.add(entry.allotment)
    books.units.set_aside = set_aside(books.event, books.plan, books.returned)
    books.stirred = True


def _check_hold_ttl(books: Books, event: e.EventCreated) -> None:
    if not MIN_HOLD_TTL_MS <= event.hold_ttl_ms <= event.rules.max_hold_life_ms:
        books.found(Fault.EVENT_ILLEGAL, f"its holds are to live {event.hold_ttl_ms} ms")


def _layout_is_sound(books: Books, event: e.EventCreated) -> bool:
    fault = layout_fault(event)
    if fault:
        books.found(Fault.LAYOUT_WRONG, fault)
    return not fault


def _check_rules(books: Books) -> None:
    assert books.event is not None
    fault = rules_fault(books.event, books.plan)
    if fault:
        books.found(Fault.RULES_WRONG, fault)


def _sell_by_rules(books: Books, at_ms: int) -> None:
    """From now on; what is to be returned in the past is for everybody at once."""
    assert books.event is not None
    _check_rules(books)
    times_ms = return_times_ms(books.event)
    books.returned = {name for name, due_ms in times_ms.items() if due_ms <= at_ms}
    for name, due_ms in times_ms.items():
        if name not in books.returned:
            books.returns.note(due_ms, name)
    books.units.set_aside = set_aside(books.event, books.plan, books.returned)


def _move(books: Books, plan: Plan) -> None:
    if plan.currency != books.plan.currency:
        books.found(Fault.LAYOUT_WRONG, f"its money is {plan.currency}, and was {books.plan.currency}")
    books.units, lost = books.units.moved_to(plan)
    if lost:
        books.found(Fault.UNIT_LOST, f"{', '.join(lost[:20])}")
    books.plan = plan
