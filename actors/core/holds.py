"""Holds: placed all or nothing, extended, released, expired.

Deadlines are judged by time, not by whether the expiry was already journaled: what stands in the way and is overdue is
expired by the same decision.
"""

from collections.abc import Iterable
from itertools import islice
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
from actors.core.keys import HOLD_KEY_KEPT_MS, is_number_in_use, let_keys_go, remember, remember_with_hold
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
MAX_OVERDUE_LOOKED_AT = 1_000
"""How many overdue holds one decision looks at for the places of an area: about a millisecond."""


class _Asked(NamedTuple):
    seats: tuple[int, ...]
    areas: tuple[tuple[int, int], ...]
    prices: tuple[tuple[int, int, int], ...]


def faults_of_place_hold(state: BlockState, command: PlaceHold) -> tuple[str, ...]:
    """What is malformed about the command."""
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
    elif is_number_in_use(state, command.stamp, Kind.HOLD, command.hold):
        faults.append("hold: the number is in use")
    return tuple(faults)


def faults_of_extend_hold(_: BlockState, command: ExtendHold) -> tuple[str, ...]:
    """What is malformed about the command."""
    return ("ttl_ms: must not be negative",) if command.ttl_ms < 0 else ()


def decide_place_hold(state: BlockState, command: PlaceHold, now_ms: int) -> Outcome:
    """All the units or none; refusals name the units that stand in the way."""
    asked = _units_asked(state, command)
    if isinstance(asked, Rejected):
        return asked
    if state.status is not EventStatus.ON_SALE:
        return Rejected(Reason.SALE_NOT_OPEN)
    overdue: dict[int, Hold] = {}
    refusal = _refuse_seats(state, asked.seats, now_ms, overdue) or _refuse_areas(state, asked.areas, now_ms, overdue)
    if refusal is not None:
        return refusal
    max_expires_at_ms = now_ms + MAX_HOLD_LIFE_MS
    expires_at_ms = min(now_ms + (command.ttl_ms or state.hold_ttl_ms), max_expires_at_ms)
    stamp = command.stamp
    placed = HoldPlaced(
        now_ms, command.hold, stamp.buyer, asked.seats, asked.areas, asked.prices, expires_at_ms, max_expires_at_ms,
        stamp.key, stamp.fingerprint,
    )  # fmt: skip
    reply = HoldReply(
        command.hold, HoldStatus.ACTIVE, stamp.buyer, command.seats, command.areas, _price(state, asked.prices),
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
    remember_with_hold(state, hold, entry.key, entry.fingerprint)


def apply_hold_extended(state: BlockState, entry: HoldExtended) -> None:
    """The hold has a later deadline, or the same."""
    hold = state.holds[entry.hold]
    assert hold.status is HoldStatus.ACTIVE, "only an active hold can be extended"
    _move_deadline(state, hold, entry.expires_at_ms)
    remember_with_hold(state, hold, entry.key, entry.fingerprint)


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
        if entry.down_from_ms <= hold.expires_at_ms <= entry.down_until_ms and state.claims_units(hold):
            later_ms = min(entry.at_ms + OUTAGE_GRACE_MS, hold.max_expires_at_ms)
            _move_deadline(state, hold, max(later_ms, hold.expires_at_ms))


def hold_reply(state: BlockState, hold: Hold, now_ms: int, *, ends_by_time: bool = True, **changes: int) -> HoldReply:
    """The hold as it is at `now_ms`, or as the decision at hand will leave it (`status`, `expires_at_ms`).

    `ends_by_time` as in `is_over`.
    """
    status = HoldStatus(changes.get("status", hold.status))
    expires_at_ms = changes.get("expires_at_ms", hold.expires_at_ms)
    if status is HoldStatus.ACTIVE and is_over(state, hold, now_ms, expires_at_ms, ends_by_time=ends_by_time):
        status = HoldStatus.EXPIRED
    seats, areas = unit_names(state, hold)
    return HoldReply(
        hold.number, status, hold.buyer, seats, areas, _price(state, hold.prices), expires_at_ms,
        hold.max_expires_at_ms, now_ms, hold.order,
    )  # fmt: skip


def is_over(state: BlockState, hold: Hold, now_ms: int, expires_at_ms: int, *, ends_by_time: bool) -> bool:
    """Whether it is due, though its end is not in the journal yet.

    Not `ends_by_time`: only where whoever takes the block over cannot give it a grace. That is for what falls due in an
    outage, which begins with the last entry at the earliest, and never goes past the cap.
    """
    if ends_by_time:
        return expires_at_ms <= now_ms
    return hold.max_expires_at_ms <= now_ms or expires_at_ms < state.last_at_ms


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
    state.inventory.give_back(hold.number, hold.seats, hold.areas, were_sold=False)
    state.ended.append((at_ms, hold.number))
    let_keys_go(state, hold, at_ms)


def _move_deadline(state: BlockState, hold: Hold, expires_at_ms: int) -> None:
    if expires_at_ms != hold.expires_at_ms:
        hold.expires_at_ms = expires_at_ms
        state.push_deadline(hold)


def _units_asked(state: BlockState, command: PlaceHold) -> _Asked | Rejected:
    assert state.layout is not None
    seats: list[int] = []
    areas: list[tuple[int, int]] = []
    quantities: dict[int, int] = {}  # by category
    unknown: list[str] = []
    for name in command.seats:
        found = state.index.find_seat(name)
        if found is None:
            unknown.append(name)
        else:
            seat, category = found
            seats.append(seat)
            quantities[category] = quantities.get(category, 0) + 1
    for places in command.areas:
        area = state.index.area_of_name.get(places.area)
        if area is None:
            unknown.append(places.area)
        else:
            areas.append((area, places.quantity))
            category = state.layout.areas[area].category
            quantities[category] = quantities.get(category, 0) + places.quantity
    if unknown:
        return Rejected(Reason.UNIT_UNKNOWN, Details(units=tuple(unknown)))
    categories = state.layout.categories
    prices = tuple((category, quantities[category], categories[category].price) for category in sorted(quantities))
    return _Asked(tuple(seats), tuple(areas), prices)


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
        available = state.inventory.available(area) + sum(_places(hold, area) for hold in overdue.values())
        if available < quantity:
            available += _expire_more(state, area, quantity - available, now_ms, overdue)
        if available < quantity:
            name = state.layout.areas[area].name
            return Rejected(Reason.NOT_ENOUGH_AVAILABLE, Details(units=(name,), available=available))
    return None


def _expire_more(state: BlockState, area: int, wanted: int, now_ms: int, overdue: dict[int, Hold]) -> int:
    """Add overdue holds of the area until `wanted` places come back; how many did. Rare: the tick expires most."""
    gained = 0
    for hold in islice(state.overdue(now_ms), MAX_OVERDUE_LOOKED_AT):
        places = _places(hold, area)
        if places and hold.number not in overdue:
            overdue[hold.number] = hold
            gained += places
            if gained >= wanted:
                break
    return gained


def _places(hold: Hold, area: int) -> int:
    return sum(quantity for where, quantity in hold.areas if where == area)


def _price(state: BlockState, prices: tuple[tuple[int, int, int], ...]) -> Price:
    assert state.layout is not None
    categories = state.layout.categories
    lines = tuple(PriceLine(categories[category].name, quantity, each) for category, quantity, each in prices)
    return Price(state.layout.currency, lines)
