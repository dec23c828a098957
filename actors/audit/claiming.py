"""Every rule that must be kept when units are claimed, by a hold or in an exchange."""

from collections.abc import Callable, Iterable

from actors.audit.books import Books, EventStatus, is_overdue
from actors.audit.findings import Fault
from actors.audit.ids import is_number
from actors.audit.plan import WHOLE_TABLE, Plan
from actors.audit.prices import Frozen, price_fault
from actors.audit.rules import ACCESSIBLE_SEATS, FIRST_ALLOTMENT, channel_of, has_channel, is_open, places_kept
from actors.audit.units import UnitStatus
from actors.core import entries as e

MAX_UNITS_PER_HOLD = 50


def units_exist(books: Books, entry: Frozen, who: str) -> bool:
    """Whether the entry's units are there, and so many as one hold may have; else there is nothing to fold."""
    unit_count, area_count = books.plan.unit_count, len(books.plan.areas)
    quantities = [quantity for _, quantity in entry.areas]
    fault = None
    if any(not 0 <= unit < unit_count for unit in entry.seats) or any(
        not 0 <= area < area_count for area, _ in entry.areas
    ):
        fault = Fault.UNIT_OUT_OF_RANGE
    elif (
        (isinstance(entry, e.HoldPlaced) and not is_number(entry.hold))
        or len(set(entry.seats)) != len(entry.seats)
        or min(quantities, default=1) < 1
        or not 1 <= len(entry.seats) + sum(quantities) <= MAX_UNITS_PER_HOLD
    ):
        fault = Fault.HOLD_MALFORMED
    if fault is not None:
        books.found(fault, f"{who} claims {entry.seats} and areas {entry.areas}")
    return fault is None


def check_sale(books: Books, entry: Frozen, who: str) -> None:
    """Prices, tables and slots are as they should be, and the channel can sell all of this now."""
    fault = price_fault(books.plan, entry)
    if fault:
        books.found(Fault.PRICE_WRONG, f"{who} froze {fault}")
    torn = torn_tables(books.plan, entry.seats)
    if torn:
        books.found(Fault.TABLE_NOT_WHOLE, f"{who} claims a part of {', '.join(torn)}")
    slots = (unit for unit in entry.seats if unit >= books.plan.seat_count)
    begun = [books.plan.unit_name(slot) for slot in slots if books.plan.begins_ms(slot) <= entry.at_ms]
    if begun:
        books.found(Fault.SLOT_BEGUN, f"{who} claims {', '.join(begun)}")
    refusal = _refusal(books, entry)
    if refusal is not None:
        books.found(refusal[0], f"{who}: {refusal[1]}")


def torn_tables(plan: Plan, units: Iterable[int]) -> list[str]:
    """The tables that are sold only whole, of which these units are a part."""
    if not plan.has_whole_tables:
        return []
    asked = set(units)
    rows = {plan.row_number(unit) for unit in asked if unit < plan.seat_count}
    tables = (plan.rows[row] for row in sorted(rows))
    return [
        f"{row.section}/{row.name}" for row in tables if row.kind == WHOLE_TABLE and not asked.issuperset(row.seats)
    ]


def _refusal(books: Books, entry: Frozen) -> tuple[Fault, str] | None:
    """Why the channel cannot sell these units now; not asked: who has them."""
    event, channel = books.event, entry.channel
    if event is None or books.status is not EventStatus.ON_SALE:
        return Fault.NOT_ON_SALE, f"the event is {books.status.name}"
    if not has_channel(event, channel):
        return Fault.CHANNEL_UNKNOWN, f"{channel} sells nothing here"
    if not is_open(event, channel, entry.at_ms):
        return Fault.NOT_ON_SALE, f"not the time of {channel or 'the event'}"
    aside = set_aside_for_others(books, entry.seats, channel)
    if aside:
        return Fault.SET_ASIDE, f"{', '.join(map(books.plan.unit_name, aside))} are not for {channel or 'everybody'}"
    wanted: dict[int, int] = {}
    for area, quantity in entry.areas:
        wanted[area] = wanted.get(area, 0) + quantity
    for area, quantity in wanted.items():
        places = books.units.areas[area]
        count = places.held + places.sold + quantity
        kept = places_kept(event, books.returned, books.units, area, channel)
        if count <= places.capacity < count + kept:
            return Fault.SET_ASIDE, f"of {places.name} {kept} places are not for {channel or 'everybody'}"
    return None


def set_aside_for_others(books: Books, units: Iterable[int], channel: str) -> list[int]:
    """Those of the units that are in an allotment of another channel, or of the house."""
    assert books.event is not None
    allotted = ((unit, books.units.set_aside[unit]) for unit in units)
    others = ((unit, channel_of(books.event, aside)) for unit, aside in allotted if aside >= FIRST_ALLOTMENT)
    return [unit for unit, owner in others if not owner or owner != channel]


def kept_for_access(books: Books, units: Iterable[int]) -> list[int]:
    """Those of the units that are for who asks for accessible seats, in whatever allotment they are."""
    return [] if ACCESSIBLE_SEATS in books.returned else [unit for unit in units if unit in books.plan.special]


def check_units(
    books: Books, entry: Frozen, who: str, hold: int, is_own: Callable[[int], bool] = lambda _: False
) -> None:
    """The units were nobody's and have become the hold's: what does not go with what others have.

    `is_own`: whether another hold is of the same basket, within which no buffer is kept.
    """
    units = books.units
    for unit, owner in units.claim(hold, entry.seats, entry.areas, entry.channel):
        status = UnitStatus(units.statuses[unit]).name
        name = books.plan.unit_name(unit)
        books.found(Fault.UNIT_CLAIMED_TWICE, f"{name} by {who}, while {status} to {books.hold_id(owner)}")
    for slot in entry.seats:
        if slot >= books.plan.seat_count:
            others = ((one, units.owners[one]) for one in books.plan.near(slot))
            near = next((one for one, owner in others if owner not in {0, hold} and not is_own(owner)), None)
            if near is not None:
                names = f"{books.plan.unit_name(slot)} by {who}, near to {books.plan.unit_name(near)}"
                books.found(Fault.BUFFER_BROKEN, f"{names} of {books.hold_id(units.owners[near])}")
    for area in dict(entry.areas):
        places = units.areas[area]
        if places.held + places.sold > places.capacity:
            books.found(
                Fault.AREA_OVER_CAPACITY,
                f"{places.name}: {places.held + places.sold} of {places.capacity} by {who}",
            )


def check_limit(books: Books, buyer: str, more: int, at_ms: int, who: str, later_back: int = 0) -> None:
    """The buyer has as many units as one may have.

    `more`: by so many; who has fewer than before may have too many. `later_back`: so many are given back yet.
    """
    most = books.event.rules.max_per_buyer if books.event is not None and more > 0 else 0
    count = books.units_of_buyer.get(buyer, 0) - later_back
    if most and not buyer:
        books.found(Fault.OVER_LIMIT, f"{who} is nobody's, and each may have {most}")
    elif most and count > most and count - _overdue_units(books, buyer, at_ms) > most:
        books.found(Fault.OVER_LIMIT, f"{buyer} has {count} units by {who}, and may have {most}")


def _overdue_units(books: Books, buyer: str, at_ms: int) -> int:
    """How many units of the buyer's are overdue: whether that is in the journal yet does not matter to a limit."""
    own = (claim for claim in books.claims.values() if claim.placed.buyer == buyer)
    return sum(claim.quantity for claim in own if is_overdue(claim, at_ms))
