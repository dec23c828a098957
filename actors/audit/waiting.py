"""The waiting list: who waits, and that nobody is served before who came first and could have been."""

from itertools import islice

from actors.audit.books import Books, EventStatus
from actors.audit.claiming import MAX_UNITS_PER_HOLD, torn_tables
from actors.audit.findings import Fault
from actors.audit.ids import is_number
from actors.audit.rules import has_channel, is_open, opens_later
from actors.audit.wishes import Wished, can_be_priced, could_be_had, never_to_be_had, offer_fault, read_wish
from actors.core import entries as e

MAX_WAITERS = 50_000
MAX_WAITERS_OF_BUYER = 20
LOOKED_AT = 500
"""So many in line are looked at for one who could have been served first: the work stays small."""


def fold_joined(books: Books, entry: e.WaiterJoined) -> None:
    """Somebody waits for what can be sold here, though not now."""
    books.use_key(entry, "waiter", entry.waiter)
    who = books.waiter_id(entry.waiter)
    known = entry.waiter in books.line or entry.waiter in books.gone_waiters
    if known or entry.waiter in books.claims or entry.waiter in books.ended_at_ms:
        books.found(Fault.NUMBER_REUSED, f"{who} joins a second time, or has the number of a hold")
        return
    fault = _malformed(books, entry)
    if fault:
        books.found(Fault.WAITER_MALFORMED, f"{who}: {fault}")
    books.line[entry.waiter] = entry
    books.waits_of_buyer[entry.buyer] += 1
    books.stirred = True


def fold_left(books: Books, entry: e.WaiterLeft) -> None:
    """The buyer waits no longer."""
    books.use_key(entry, "leave of waiter", entry.waiter)
    if _waiting(books, entry.waiter, "leaves") is not None:
        _leave(books, entry.waiter)


def take_offer(books: Books, entry: e.HoldPlaced) -> None:
    """The hold is offered to who waits: under the waiter's number, what was waited for, and it is the waiter's turn."""
    who = books.waiter_id(entry.waiter)
    if entry.hold != entry.waiter:
        books.found(Fault.NUMBER_REUSED, f"{books.hold_id(entry.hold)} is offered to {who}")
    waited = _waiting(books, entry.waiter, "is offered a hold")
    if waited is None:
        return
    fault = offer_fault(books, waited, entry)
    if fault:
        books.found(Fault.OFFER_DIFFERS, f"{who}: {fault}")
    _check_turn(books, entry.at_ms, who, entry.waiter)
    _leave(books, entry.waiter)


def check_line(books: Books, at_ms: int, who: str) -> None:
    """Before somebody claims units, all who wait and can be served have been."""
    if books.line and books.stirred and books.event is not None:
        _check_turn(books, at_ms, who, 0)
        books.stirred = opens_later(books.event, at_ms)  # else no more can be had until something comes back


def _check_turn(books: Books, at_ms: int, who: str, waiter: int) -> None:
    if books.event is None or books.event.rules.waiting_list is None:
        return
    for earlier, waited in islice(books.line.items(), LOOKED_AT):
        if earlier == waiter:
            return
        if could_be_had(books, waited, at_ms):
            books.found(Fault.OUT_OF_TURN, f"{who}, before {books.waiter_id(earlier)}, who could have been served")
            return


def _malformed(books: Books, entry: e.WaiterJoined) -> str:
    event, wish = books.event, entry.wish
    if not is_number(entry.waiter):
        return "no number"
    if event is None or event.rules.waiting_list is None or not _has_room(books, entry.buyer):
        return "there is no waiting list, or no room in it for one more, or of this buyer"
    if books.status is not EventStatus.ON_SALE or not has_channel(event, wish.channel):
        return "nothing is sold, or not this way"
    if not is_open(event, wish.channel, entry.at_ms):
        return "nothing is sold this way now"
    wished = read_wish(books.plan, entry)
    if wished is None or len(set(wished.units)) != len(wished.units):
        return "waits for what is not there"
    if not can_be_priced(books.plan, entry, wished):
        return "waits for what is not sold at this price type"
    if not 1 <= wished.quantity <= MAX_UNITS_PER_HOLD or torn_tables(books.plan, wished.units):
        return f"waits for {wished.quantity} units, or for a part of a table"
    if never_to_be_had(books.plan, entry, wished) or _has_begun(books, entry, wished):
        return "waits for more than the event has, or for a slot that has begun"
    most = event.rules.max_per_buyer
    return "waits for more than one buyer may have" if most and not (entry.buyer and wished.quantity <= most) else ""


def _has_room(books: Books, buyer: str) -> bool:
    of_buyer = books.waits_of_buyer[buyer] if buyer else 0
    return len(books.line) < MAX_WAITERS and of_buyer < MAX_WAITERS_OF_BUYER


def _has_begun(books: Books, entry: e.WaiterJoined, wished: Wished) -> bool:
    slots = (unit for unit in wished.units if unit >= books.plan.seat_count)
    return any(books.plan.begins_ms(slot) <= entry.at_ms for slot in slots)


def _waiting(books: Books, waiter: int, done: str) -> e.WaiterJoined | None:
    waited = books.line.get(waiter)
    if waited is None:
        gone = ", who is gone" if waiter in books.gone_waiters else ""
        books.found(Fault.WAITER_UNKNOWN, f"{books.waiter_id(waiter)} {done}{gone}")
    return waited


def _leave(books: Books, waiter: int) -> None:
    books.waits_of_buyer[books.line.pop(waiter).buyer] -= 1
    books.gone_waiters.add(waiter)
