"""Holds: placed all or nothing, extended, released, expired.

Deadlines are judged by time, not by whether the expiry was already journaled: what stands in the way and is overdue is
expired by the same decision.
"""

from collections.abc import Iterable
from typing import NamedTuple

from actors.core.commands import MAX_HOLD_LIFE_MS, MAX_UNITS_PER_HOLD, ExtendHold, PlaceHold, ReleaseHold
from actors.core.entries import (
    Activated,
    Entry,
    HoldExpired,
    HoldExtended,
    HoldPlaced,
    HoldReleased,
    OrderExpired,
)
from actors.core.ids import NUMBER_BITS, Kind
from actors.core.inventory import UnitStatus
from actors.core.keys import HOLD_KEY_KEPT_MS, remember
from actors.core.outcomes import Accepted, Details, Outcome, Reason, Rejected
from actors.core.replies import (
    AreaPlaces,
    EventStatus,
    HoldReply,
    HoldStatus,
    Price,
    PriceLine,
)
from actors.core.state import BlockState, Hold

OUTAGE_GRACE_MS = 30_000


class _Asked(NamedTuple):
    seats: tuple[int, ...]
    areas: tuple[tuple[int, int], ...]


def decide_place_hold(state: BlockState, command: PlaceHold, now_ms: int) -> Outcome:
    """All the units or none; refusals name the units that stand in the way."""
    asked = _units_asked(state, command)
    if isinstance(asked, Rejected):
        return asked
    if command.hold in state.holds:
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=("hold: the number is in use",)))
    if state.status is not EventStatus.ON_SALE:
        return Rejected(Reason.SALE_NOT_OPEN)
    overdue: dict[int, Hold] = {}
    refusal = _refuse_seats(state, asked.seats, now_ms, overdue) or _refuse_areas(state, asked.areas, now_ms, overdue)
    if refusal is not None:
        return refusal
    prices = _prices(state, asked)
    max_expires_at_ms = now_ms + MAX_HOLD_LIFE_MS
    expires_at_ms = min(now_ms + (command.ttl_ms or state.hold_ttl_ms), max_expires_at_ms)
    stamp = command.stamp
    placed = HoldPlaced(
        now_ms, command.hold, stamp.buyer, asked.seats, asked.areas, prices, expires_at_ms, max_expires_at_ms,
        stamp.key, stamp.fingerprint,
    )  # fmt: skip
    reply = HoldReply(
        command.hold, HoldStatus.ACTIVE, stamp.buyer, command.seats, command.areas, _price(state, prices),
        expires_at_ms, max_expires_at_ms, now_ms,
    )  # fmt: skip
    if not overdue:
        return Accepted((placed,), reply)
    return Accepted((*(expiry_of(hold, now_ms) for hold in overdue.values()), placed), reply)


def decide_extend_hold(state: BlockState, command: ExtendHold, now_ms: int) -> Outcome:
    """Never shortens a hold, never passes its cap; 0 releases it."""
    hold = state.holds[command.hold]
    refusal = refuse_ended(hold, now_ms)
    if refusal is not None:
        return refusal
    if command.ttl_ms < 0:
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=("ttl_ms: must not be negative",)))
    stamp = command.stamp
    if command.ttl_ms == 0:
        return _release(state, hold, stamp.key, stamp.fingerprint, now_ms)
    expires_at_ms = max(hold.expires_at_ms, min(now_ms + command.ttl_ms, hold.max_expires_at_ms))
    entry = HoldExtended(now_ms, hold.number, expires_at_ms, stamp.key, stamp.fingerprint)
    return Accepted((entry,), hold_reply(state, hold, now_ms, expires_at_ms=expires_at_ms))


def decide_release_hold(state: BlockState, command: ReleaseHold, now_ms: int) -> Outcome:
    """Only an active hold can be released."""
    hold = state.holds[command.hold]
    refusal = refuse_ended(hold, now_ms)
    if refusal is not None:
        return refusal
    return _release(state, hold, command.stamp.key, command.stamp.fingerprint, now_ms)


def refuse_ended(hold: Hold, now_ms: int) -> Rejected | None:
    """Why nothing more can be done with this hold, or None if it is active."""
    if hold.status is HoldStatus.CONFIRMED:
        return Rejected(Reason.HOLD_CONFIRMED)
    if hold.status is HoldStatus.RELEASED:
        return Rejected(Reason.HOLD_RELEASED)
    if hold.status is HoldStatus.EXPIRED or hold.expires_at_ms <= now_ms:
        return Rejected(Reason.HOLD_EXPIRED)
    return None


def expiry_of(hold: Hold, now_ms: int) -> Entry:
    """The entry that ends an overdue hold, or the unpaid order that took it over."""
    return OrderExpired(now_ms, hold.order) if hold.order else HoldExpired(now_ms, hold.number)


def apply_hold_placed(state: BlockState, entry: HoldPlaced) -> None:
    """The units are held."""
    assert entry.hold not in state.holds, "a hold's number never comes back"
    hold = Hold(
        entry.hold, entry.buyer, entry.seats, entry.areas, entry.prices, entry.expires_at_ms, entry.max_expires_at_ms
    )
    state.inventory.claim(hold.number, hold.seats, hold.areas)
    state.holds[hold.number] = hold
    state.push_deadline(hold)
    remember(state, entry.key, entry.fingerprint, Kind.HOLD, hold.number, hold.expires_at_ms + HOLD_KEY_KEPT_MS)


def apply_hold_extended(state: BlockState, entry: HoldExtended) -> None:
    """The hold has a later deadline."""
    hold = state.holds[entry.hold]
    hold.expires_at_ms = entry.expires_at_ms
    state.push_deadline(hold)
    remember(state, entry.key, entry.fingerprint, Kind.HOLD, hold.number, hold.expires_at_ms + HOLD_KEY_KEPT_MS)


def apply_hold_released(state: BlockState, entry: HoldReleased) -> None:
    """The units are available, at the holder's wish."""
    hold = state.holds[entry.hold]
    _end(state, hold, HoldStatus.RELEASED, entry.at_ms)
    remember(state, entry.key, entry.fingerprint, Kind.HOLD, hold.number, entry.at_ms + HOLD_KEY_KEPT_MS)


def apply_hold_expired(state: BlockState, entry: HoldExpired) -> None:
    """The units are available, as time was up."""
    _end(state, state.holds[entry.hold], HoldStatus.EXPIRED, entry.at_ms)


def apply_activated(state: BlockState, entry: Activated) -> None:
    """An outage does not eat the holds of buyers who were paying: what fell due in it gets a little longer."""
    if not entry.down_until_ms:
        return
    for hold in state.holds.values():
        if entry.down_from_ms <= hold.expires_at_ms <= entry.at_ms and state.claims_units(hold):
            later_ms = min(entry.at_ms + OUTAGE_GRACE_MS, hold.max_expires_at_ms)
            if later_ms > hold.expires_at_ms:
                hold.expires_at_ms = later_ms
                state.push_deadline(hold)


def hold_reply(state: BlockState, hold: Hold, now_ms: int, **changes: int) -> HoldReply:
    """The hold as it is at `now_ms`, or as the decision at hand will leave it (`status`, `expires_at_ms`)."""
    status = HoldStatus(changes.get("status", hold.status))
    expires_at_ms = changes.get("expires_at_ms", hold.expires_at_ms)
    if status is HoldStatus.ACTIVE and expires_at_ms <= now_ms:
        status = HoldStatus.EXPIRED
    seats, areas = unit_names(state, hold)
    return HoldReply(
        hold.number, status, hold.buyer, seats, areas, _price(state, hold.prices), expires_at_ms,
        hold.max_expires_at_ms, now_ms, hold.order,
    )  # fmt: skip


def unit_names(state: BlockState, hold: Hold) -> tuple[tuple[str, ...], tuple[AreaPlaces, ...]]:
    """The hold's units by name."""
    assert state.layout is not None
    areas = state.layout.areas
    return (
        tuple(map(state.index.seat_name, hold.seats)),
        tuple(AreaPlaces(areas[area].name, quantity) for area, quantity in hold.areas),
    )


def hold_price(state: BlockState, hold: Hold) -> Price:
    """The price that was frozen when the hold was placed."""
    return _price(state, hold.prices)


def _release(state: BlockState, hold: Hold, key: bytes, fingerprint: bytes, now_ms: int) -> Outcome:
    entry = HoldReleased(now_ms, hold.number, key, fingerprint)
    return Accepted((entry,), hold_reply(state, hold, now_ms, status=HoldStatus.RELEASED))


def _end(state: BlockState, hold: Hold, status: HoldStatus, at_ms: int) -> None:
    assert hold.status is HoldStatus.ACTIVE, "only an active hold can end"
    hold.status = status
    hold.ended_at_ms = at_ms
    state.inventory.give_back(hold.number, hold.seats, hold.areas, were_sold=False)
    state.ended.append(hold.number)


def _units_asked(state: BlockState, command: PlaceHold) -> _Asked | Rejected:
    faults = _faults(command)
    if faults:
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=faults))
    seats: list[int] = []
    areas: list[tuple[int, int]] = []
    unknown: list[str] = []
    for name in command.seats:
        seat = state.index.seat_of_name(name)
        if seat is None:
            unknown.append(name)
        else:
            seats.append(seat)
    for places in command.areas:
        area = state.index.area_of_name.get(places.area)
        if area is None:
            unknown.append(places.area)
        else:
            areas.append((area, places.quantity))
    if unknown:
        return Rejected(Reason.UNIT_UNKNOWN, Details(units=tuple(unknown)))
    return _Asked(tuple(seats), tuple(areas))


def _faults(command: PlaceHold) -> tuple[str, ...]:
    faults = []
    quantity = len(command.seats) + sum(places.quantity for places in command.areas)
    if any(places.quantity < 1 for places in command.areas):
        faults.append("areas: each quantity must be at least 1")
    elif not 1 <= quantity <= MAX_UNITS_PER_HOLD:
        faults.append(f"units: a hold takes 1 to {MAX_UNITS_PER_HOLD} units, not {quantity}")
    if len(set(command.seats)) != len(command.seats):
        faults.append("units: a seat is named twice")
    if len({places.area for places in command.areas}) != len(command.areas):
        faults.append("areas: an area is named twice")
    if command.ttl_ms < 0:
        faults.append("ttl_ms: must not be negative")
    if not 0 < command.hold < 1 << NUMBER_BITS:
        faults.append("hold: the number is out of bounds")
    return tuple(faults)


def _refuse_seats(state: BlockState, seats: Iterable[int], now_ms: int, overdue: dict[int, Hold]) -> Rejected | None:
    owners = state.inventory.owners
    standing = [seat for seat in seats if owners[seat]]
    if not standing:
        return None
    sold: list[int] = []
    held: list[int] = []
    earliest_ms = 0
    for seat in standing:
        hold = state.holds[owners[seat]]
        if state.inventory.statuses[seat] == UnitStatus.SOLD:
            sold.append(seat)
        elif hold.expires_at_ms <= now_ms:
            overdue[hold.number] = hold
        else:
            held.append(seat)
            earliest_ms = min(earliest_ms or hold.expires_at_ms, hold.expires_at_ms)
    if sold:
        return Rejected(Reason.UNITS_SOLD, Details(units=tuple(map(state.index.seat_name, sold))))
    if held:
        names = tuple(map(state.index.seat_name, held))
        return Rejected(Reason.UNITS_HELD, Details(units=names, retry_at_ms=earliest_ms))
    return None


def _refuse_areas(
    state: BlockState, areas: Iterable[tuple[int, int]], now_ms: int, overdue: dict[int, Hold]
) -> Rejected | None:
    assert state.layout is not None
    for area, quantity in areas:
        held = state.inventory.area_held[area]
        available = state.layout.areas[area].capacity - held - state.inventory.area_sold[area]
        available += sum(places for hold in overdue.values() for where, places in hold.areas if where == area)
        if available < quantity:
            available += _expire_more(state, area, quantity - available, now_ms, overdue)
        if available < quantity:
            name = state.layout.areas[area].name
            return Rejected(Reason.NOT_ENOUGH_AVAILABLE, Details(units=(name,), available=available))
    return None


def _expire_more(state: BlockState, area: int, wanted: int, now_ms: int, overdue: dict[int, Hold]) -> int:
    """Add overdue holds of the area until `wanted` places come back; how many did. Rare: the tick expires most."""
    gained = 0
    next_deadline = state.next_deadline()
    if next_deadline is None or next_deadline[0] > now_ms:
        return 0
    for due_ms, number in sorted(state.deadlines):
        if due_ms > now_ms or gained >= wanted:
            break
        hold = state.holds.get(number)
        if hold is None or number in overdue or hold.expires_at_ms != due_ms or not state.claims_units(hold):
            continue
        places = sum(quantity for where, quantity in hold.areas if where == area)
        if places:
            overdue[number] = hold
            gained += places
    return gained


def _prices(state: BlockState, asked: _Asked) -> tuple[tuple[int, int, int], ...]:
    assert state.layout is not None
    quantities: dict[int, int] = {}
    for seat in asked.seats:
        category = state.index.category_of_seat(seat)
        quantities[category] = quantities.get(category, 0) + 1
    for area, quantity in asked.areas:
        category = state.layout.areas[area].category
        quantities[category] = quantities.get(category, 0) + quantity
    categories = state.layout.categories
    return tuple((category, quantities[category], categories[category].price) for category in sorted(quantities))


def _price(state: BlockState, prices: tuple[tuple[int, int, int], ...]) -> Price:
    assert state.layout is not None
    categories = state.layout.categories
    lines = tuple(PriceLine(categories[category].name, quantity, each) for category, quantity, each in prices)
    return Price(state.layout.currency, lines)
