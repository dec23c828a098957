"""The event: created once, opened, changed and edited as it may be, and what is set aside returned in its time.

A part of one is what it is told that its event is; whether that is so shows when both are read (see `divisions`).
"""

import msgspec

from actors.audit.books import IN_FORCE, Books, EventStatus, OrderStatus
from actors.audit.findings import Fault
from actors.audit.layouts import layout_fault
from actors.audit.parts import parts_in
from actors.audit.plan import Plan
from actors.audit.rules import return_times_ms, rules_fault, set_aside
from actors.audit.splits import home_layout, moved_seats, split_faults
from actors.audit.units import Units
from actors.core import entries as e

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
    books.split.parts, books.split.whole = parts_in(entry), entry
    _check_split(books, entry)
    books.event = _own(books, entry)
    if _layout_is_sound(books, entry):
        books.plan = Plan(books.event)
        books.units = Units(books.plan)
    _sell_by_rules(books, entry.at_ms)
    _note_version(books)


def fold_sale_opened(books: Books, entry: e.SaleOpened) -> None:
    """The event is on sale, or again."""
    books.use_key(entry, "opening", 0)
    if books.status not in (EventStatus.DRAFT, EventStatus.PAUSED):
        books.found(Fault.EVENT_ILLEGAL, f"the sale is opened while {books.status.name}")
    books.status = EventStatus.ON_SALE
    books.stirred = True
    _note_version(books)


def fold_status_changed(books: Books, entry: e.StatusChanged) -> None:
    """The event is paused or over; if it is over nobody waits, and if it is cancelled nobody has anything."""
    books.use_key(entry, "change", 0)
    status = EventStatus(int(entry.status))
    if status not in _BECOMES[books.status]:
        books.found(Fault.EVENT_ILLEGAL, f"an event that is {books.status.name} becomes {status.name}")
    _become(books, status, entry.at_ms)
    _note_version(books)


def _become(books: Books, status: EventStatus, at_ms: int) -> None:
    books.status = status
    if status in (EventStatus.PAUSED, EventStatus.ON_SALE):
        return
    books.gone_waiters.update(books.line)
    books.line.clear()
    books.waits_of_buyer.clear()
    if status is not EventStatus.CANCELLED:
        return
    books.was_cancelled = True
    for hold, claim in list(books.claims.items()):
        if claim.leg is not None:
            continue  # which asks its desk
        order = books.orders.get(claim.order)
        if order is None:
            books.end(hold, at_ms)
        elif order.status is OrderStatus.PENDING or order.status in IN_FORCE:
            books.end_order(claim.order, OrderStatus.CANCELLED, at_ms)


def fold_edited(books: Books, entry: e.EventEdited) -> None:
    """The event is as if it had been created so, and whoever has units has those of the same names."""
    books.use_key(entry, "edit", 0)
    event = books.split.whole if books.split.parts else books.event
    assert event is not None, "which the ledger sees to"
    changes = {
        name: getattr(entry, name)
        for name in ("name", "layout", "rules", "hold_ttl_ms")
        if getattr(entry, name) is not None
    }
    edited = msgspec.structs.replace(event, **changes)
    if entry.hold_ttl_ms is not None:
        _check_hold_ttl(books, edited)
    if books.split.parts:
        _check_edited_split(books, edited)
    books.event = _own(books, edited)
    if entry.layout is not None and _layout_is_sound(books, edited):
        _move(books, Plan(books.event))
    if entry.rules is not None:
        _sell_by_rules(books, entry.at_ms)
    elif entry.layout is not None:
        _check_rules(books)
    books.units.set_aside = set_aside(books.event, books.plan, books.returned)
    books.stirred = True
    _note_version(books)


def fold_followed(books: Books, entry: e.EventFollowed) -> None:
    """The block is a part of an event, and as that was; whoever has units has those of the same names."""
    split, before = books.split, books.event
    if (before is not None and not split.home) or books.desk.tenant:
        books.found(Fault.EVENT_ILLEGAL, f"a part of {entry.home}, where another event is, or a desk")
        return
    if before is not None and (split.home, before.tenant) != (entry.home, entry.tenant):
        books.found(Fault.EVENT_ILLEGAL, f"a part of {entry.home} of {entry.tenant}, and was of {split.home}")
    if entry.revision <= split.revision:
        books.found(Fault.REVISION_WRONG, f"it follows revision {entry.revision}, after {split.revision}")
    layout = entry.layout if before is None else entry.layout or before.layout
    rules = entry.rules if before is None else entry.rules or before.rules
    if layout is None or rules is None:
        books.found(Fault.EVENT_ILLEGAL, "a part begins without a layout, or without rules")
        return
    split.home = entry.home
    event = e.EventCreated(entry.at_ms, entry.tenant, entry.name, layout, entry.hold_ttl_ms, b"", b"", rules)
    _check_hold_ttl(books, event)
    books.event = event
    if entry.layout is not None and _layout_is_sound(books, event):
        _move(books, Plan(event), is_first=before is None)
    if entry.rules is not None:
        _sell_by_rules(books, entry.at_ms)
    books.units.set_aside = set_aside(event, books.plan, books.returned)
    books.stirred = True
    status = EventStatus(int(entry.status))
    if entry.was_cancelled and not books.was_cancelled:
        _become(books, EventStatus.CANCELLED, entry.at_ms)  # and more since, before the part heard of it
    if status is not books.status:
        _become(books, status, entry.at_ms)
    split.is_now(event, status, entry.revision, books.position, was_cancelled=books.was_cancelled)


def fold_part_followed(books: Books, entry: e.PartFollowed) -> None:
    """A part is as the event was."""
    split = books.split
    if all(part.block != entry.part for part in split.parts):
        books.found(Fault.PART_ASTRAY, f"{entry.part} has followed")
        return
    known, _ = split.acknowledged.get(entry.part, (0, 0))
    if not known < entry.revision <= split.revision:
        books.found(
            Fault.REVISION_WRONG,
            f"{entry.part} is at {entry.revision}, after {known}, and the event at {split.revision}",
        )
    split.acknowledged[entry.part] = entry.revision, books.position


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


def _own(books: Books, event: e.EventCreated) -> e.EventCreated:
    """The event with what no part has of it; keeps the whole as well."""
    split = books.split
    if not split.parts:
        return event
    split.whole = event
    return msgspec.structs.replace(event, layout=home_layout(event.layout, split.parts))


def _note_version(books: Books) -> None:
    split = books.split
    if split.parts:
        revision = split.revision + 1
        split.is_now(split.whole, books.status, revision, books.position, was_cancelled=books.was_cancelled)


def _check_split(books: Books, event: e.EventCreated) -> None:
    for fault in split_faults(event.layout, books.split.parts, event.rules):
        books.found(Fault.SPLIT_WRONG, fault)


def _check_edited_split(books: Books, edited: e.EventCreated) -> None:
    """Parts keep their seats, and ledgers count from the first hold on, or not at all."""
    _check_split(books, edited)
    before, parts = books.split.whole, books.split.parts
    moved = moved_seats(before.layout, edited.layout, parts)
    if moved:
        books.found(Fault.SPLIT_WRONG, f"the seats of {', '.join(moved)} are not what they were")
    if edited.rules.max_per_buyer and not before.rules.max_per_buyer and books.status is not EventStatus.DRAFT:
        books.found(Fault.SPLIT_WRONG, "buyers have a limit that nobody counted from the first hold on")


def _check_rules(books: Books) -> None:
    """Those of a part are its event's, and name what is elsewhere."""
    split = books.split
    assert books.event is not None
    if split.home:
        return
    fault = rules_fault(split.whole, Plan(split.whole)) if split.parts else rules_fault(books.event, books.plan)
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


def _move(books: Books, plan: Plan, *, is_first: bool = False) -> None:
    if not is_first and plan.currency != books.plan.currency:
        books.found(Fault.LAYOUT_WRONG, f"its money is {plan.currency}, and was {books.plan.currency}")
    books.units, lost = books.units.moved_to(plan)
    if lost:
        books.found(Fault.UNIT_LOST, f"{', '.join(lost[:20])}")
    books.plan = plan
