"""Holds: placed, extended, released, expired; and the grace of an outage."""

from actors.audit.books import Books, Claim, Lot
from actors.audit.choices import choice_fault
from actors.audit.claiming import check_limit, check_sale, check_units, units_exist
from actors.audit.findings import Fault
from actors.audit.waiting import check_line, take_offer
from actors.core import entries as e

OUTAGE_GRACE_MS = 30_000
OUTAGE_OVERLAP_MS = 60_000  # heartbeats may stop so long before the last commit


def check_outage(books: Books, entry: e.Activated, *, owner_is_new: bool, written_at_ms: int) -> None:
    """What an activation says of an outage; holds that fell due in it live a little longer."""
    if not entry.down_from_ms and not entry.down_until_ms:
        return
    if not owner_is_new:
        books.found(Fault.OUTAGE_WRONG, f"{entry.shard} is to have been down under the epoch that it goes on with")
    if not 0 < entry.down_from_ms <= entry.down_until_ms <= entry.at_ms:
        books.found(Fault.OUTAGE_WRONG, "the outage that an activation names is not in its past")
    if entry.down_from_ms < written_at_ms - OUTAGE_OVERLAP_MS:
        early_ms = written_at_ms - entry.down_from_ms
        books.found(Fault.OUTAGE_WRONG, f"it is to have begun {early_ms} ms before the block was last written to")
    give_grace(books, entry.down_from_ms, entry.down_until_ms, entry.at_ms)


def give_grace(books: Books, from_ms: int, until_ms: int, at_ms: int) -> None:
    """Nobody was served in this time: what fell due in it lives a little longer."""
    for claim in books.claims.values():
        if claim.leg is None and not claim.sold and from_ms <= claim.deadline_ms <= until_ms:
            later_ms = min(at_ms + OUTAGE_GRACE_MS, claim.placed.max_expires_at_ms)
            books.set_deadline(claim, max(claim.deadline_ms, later_ms))


def fold_placed(books: Books, entry: e.HoldPlaced) -> None:
    """Units are held; an offer to who waits bears no key, as nobody asked."""
    who = books.hold_id(entry.hold)
    if not entry.waiter:
        books.use_key(entry, "hold", entry.hold)
    elif entry.key or entry.fingerprint:
        books.found(Fault.KEY_MALFORMED, f"of {who}, which was offered")
    waits_itself = entry.hold in books.line or entry.hold in books.gone_waiters
    known = entry.hold in books.claims or entry.hold in books.ended_at_ms or entry.hold in books.desk.baskets
    if known or (waits_itself and not entry.waiter):
        books.found(Fault.NUMBER_REUSED, f"{who} is placed a second time, or has the number of a waiter")
        return
    _check_life(books, entry, who)
    if not units_exist(books, entry, who):
        return
    check_sale(books, entry, who)
    fault = choice_fault(books, entry)
    if fault:
        books.found(Fault.CHOICE_WRONG, f"{who}: {fault}")
    if entry.waiter:
        take_offer(books, entry)
    else:
        check_line(books, entry.at_ms, who)
    lot = Lot(entry, books.plan)
    books.claims[entry.hold] = Claim(entry, lot, lot.quantity, entry.expires_at_ms)
    books.hold_count += 1
    books.held += lot.quantity
    books.count_buyer(entry.buyer, lot.quantity)
    books.overdue.note(entry.expires_at_ms, entry.hold)
    check_units(books, entry, who, entry.hold)
    check_limit(books, entry.buyer, lot.quantity, entry.at_ms, who)


def _check_life(books: Books, entry: e.HoldPlaced, who: str) -> None:
    rules = books.event.rules if books.event is not None else None
    if rules is None:
        return
    life_ms, cap_ms = entry.expires_at_ms - entry.at_ms, entry.max_expires_at_ms - entry.at_ms
    longest_ms = rules.max_hold_life_ms
    if entry.waiter and rules.waiting_list is not None:
        longest_ms = min(rules.waiting_list.claim_ms, longest_ms)
    if not 0 < life_ms <= cap_ms or cap_ms != longest_ms:
        books.found(Fault.DEADLINE_WRONG, f"{who} lives {life_ms} ms, and {cap_ms} at most")
    elif entry.waiter and life_ms != cap_ms:
        books.found(Fault.DEADLINE_WRONG, f"{who} is offered for {life_ms} ms")


def fold_extended(books: Books, entry: e.HoldExtended) -> None:
    """The hold lives longer."""
    books.use_key(entry, "extension of hold", entry.hold)
    claim = active_claim(books, entry.hold, entry.at_ms, "extended")
    if claim is None:
        return
    if not claim.deadline_ms <= entry.expires_at_ms <= claim.placed.max_expires_at_ms:
        life_ms = entry.expires_at_ms - entry.at_ms
        books.found(Fault.DEADLINE_WRONG, f"{books.hold_id(entry.hold)} moves to {life_ms} ms")
    books.set_deadline(claim, entry.expires_at_ms)


def fold_released(books: Books, entry: e.HoldReleased) -> None:
    """The holder gave the units back."""
    books.use_key(entry, "release of hold", entry.hold)
    if active_claim(books, entry.hold, entry.at_ms, "released") is not None:
        books.end(entry.hold, entry.at_ms)


def fold_expired(books: Books, entry: e.HoldExpired) -> None:
    """The hold's time was up."""
    claim = active_claim(books, entry.hold, None, "expired")
    if claim is not None:
        check_overdue(books, claim, entry.at_ms)
        books.end(entry.hold, entry.at_ms)


def active_claim(books: Books, number: int, at_ms: int | None, done: str) -> Claim | None:
    """The active hold, if it is one; `at_ms`: must be before its deadline."""
    claim = books.claims.get(number)
    if claim is None:
        fault = Fault.HOLD_NOT_ACTIVE if number in books.ended_at_ms else Fault.HOLD_UNKNOWN
        books.found(fault, f"{books.hold_id(number)} is {done}")
        return None
    if claim.leg is not None:
        books.found(Fault.HOLD_NOT_ACTIVE, f"{books.hold_id(number)} is {done}, but is a leg, and its desk's")
        return None
    if claim.order:
        owner = books.order_id(claim.order)
        books.found(Fault.HOLD_NOT_ACTIVE, f"{books.hold_id(number)} is {done}, but belongs to {owner}")
        return None
    if at_ms is not None:
        check_in_time(books, claim, at_ms, done)
    return claim


def check_in_time(books: Books, claim: Claim, at_ms: int, done: str) -> None:
    """What is done to the hold or its unpaid order is done before the deadline."""
    if at_ms >= claim.deadline_ms:
        late_ms = at_ms - claim.deadline_ms
        books.found(Fault.AFTER_DEADLINE, f"{books.name_of(claim)} is {done} {late_ms} ms after its deadline")


def check_overdue(books: Books, claim: Claim, at_ms: int) -> None:
    """The hold or its unpaid order ends by itself, not before the deadline."""
    if at_ms < claim.deadline_ms:
        early_ms = claim.deadline_ms - at_ms
        books.found(Fault.BEFORE_DEADLINE, f"{books.name_of(claim)} expires {early_ms} ms before its deadline")
