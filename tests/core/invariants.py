"""What must hold in a block at every moment, judged from its holds, orders, waiters and rules alone."""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

from actors.core.ids import Kind
from actors.core.inventory import UnitStatus
from actors.core.replies import EventStatus, HoldStatus, OrderStatus, WaiterStatus
from actors.core.state import BlockState, Hold, Lot, Order
from tests.core.plain_layout import WHOLE_TABLE, PlainUnit, units_of

_OPEN, _ACCESSIBLE, _FIRST_ALLOTMENT, _GONE = 0, 1, 2, 255
_PAID = (OrderStatus.CONFIRMED, OrderStatus.PARTLY_CANCELLED, OrderStatus.COMPLETED, OrderStatus.NO_SHOW)


class _Claim(NamedTuple):
    """A unit by key, or a place of an area, that a hold or its order has."""

    unit: str
    area: str
    hold: Hold
    channel: str
    status: UnitStatus


def violations(state: BlockState) -> list[str]:
    """Every broken rule, in words; empty for a sound block."""
    if state.layout is None:
        return [] if not (state.holds or state.orders or state.waiters) else ["something is there before the event"]
    claims = list(_claims(state))
    return [
        *_unit_faults(state, claims),
        *_area_faults(state, claims),
        *_sum_faults(state),
        *_overlaps(state, claims),
        *_buyer_faults(state, claims),
        *_order_faults(state),
        *_hold_faults(state),
        *_waiter_faults(state),
        *_memory_faults(state, {claim.hold.number for claim in claims}),
    ]


def frailties(state: BlockState) -> set[str]:
    """What only an edit may bring about: whole tables of which a hold has a part, slots of two holds too near."""
    if state.layout is None:
        return set()
    units = units_of(state.layout)
    owner_of = {claim.unit: claim.hold.number for claim in _claims(state) if claim.unit}
    found: set[str] = set()
    for table in {unit.row for unit in units if unit.kind == WHOLE_TABLE}:
        if len({owner_of.get(unit.key, 0) for unit in units if unit.row == table}) > 1:
            found.add(f"{table} is split")
    slots = [unit for unit in units if unit.begins_ms and unit.key in owner_of]
    for one, other in combinations(sorted(slots, key=lambda unit: unit.begins_ms), 2):
        is_near = one.group == other.group and one.ends_ms + one.buffer_ms > other.begins_ms
        if is_near and owner_of[one.key] != owner_of[other.key]:
            found.add(f"{one.name} and {other.name} are too near")
    return found


def _lots(hold: Hold, order: Order | None) -> Iterator[tuple[Hold | Lot, str]]:
    yield hold, hold.channel
    for lot in order.exchanged if order is not None else ():
        yield lot, lot.channel


def _tickets(state: BlockState, hold: Hold, order: Order | None) -> Iterator[tuple[str, str, str]]:
    """(unit key or empty, area name or empty, channel): one for each ticket there ever was or may be."""
    for lot, channel in _lots(hold, order):
        layout = state.layouts[lot.layout]
        for seat in lot.seats:
            yield units_of(layout)[seat].key, "", channel
        for area, quantity in lot.areas:
            for _ in range(quantity):
                yield "", layout.areas[area].name, channel


def _claims(state: BlockState) -> Iterator[_Claim]:
    for hold in state.holds.values():
        order = state.orders.get(hold.order) if hold.order else None
        is_held = hold.status is HoldStatus.ACTIVE or (order is not None and order.status is OrderStatus.PENDING)
        is_sold = order is not None and order.status in _PAID
        for number, (unit, area, channel) in enumerate(_tickets(state, hold, order)):
            if is_held:
                yield _Claim(unit, area, hold, channel, UnitStatus.HELD)
            elif is_sold and order is not None and order.code_revisions[number]:
                yield _Claim(unit, area, hold, channel, UnitStatus.SOLD)


def _unit_faults(state: BlockState, claims: list[_Claim]) -> list[str]:
    assert state.layout is not None
    units = units_of(state.layout)
    claim_of: dict[str, _Claim] = {}
    faults: list[str] = []
    for claim in claims:
        if claim.unit:
            faults += [f"{claim.unit} has two claims"] if claim.unit in claim_of else []
            claim_of[claim.unit] = claim
    faults += (f"{unit} is claimed and not there" for unit in claim_of.keys() - {unit.key for unit in units})
    inventory = state.inventory
    for number, unit in enumerate(units):
        pool = _pool_of(state, unit)
        shelf, owner = pool, 0
        status = UnitStatus.BLOCKED if pool >= _FIRST_ALLOTMENT else UnitStatus.AVAILABLE
        if unit.key in claim_of:
            claim = claim_of[unit.key]
            shelf, owner, status = _GONE, claim.hold.number, claim.status
        wanted = (owner, int(status), pool, shelf)
        seen = inventory.owners[number], inventory.statuses[number], inventory.pools[number], inventory.shelf[number]
        if seen != wanted:
            faults.append(f"{unit.name}: (owner, status, pool, shelf) is {seen}, should be {wanted}")
    return faults


def _pool_of(state: BlockState, unit: PlainUnit) -> int:
    for number, allotment in reversed(list(enumerate(state.rules.allotments, _FIRST_ALLOTMENT))):
        if allotment.name not in state.returned and any(map(unit.is_named, allotment.units)):
            return number
    return _ACCESSIBLE if unit.need and "" not in state.returned else _OPEN


def _area_faults(state: BlockState, claims: list[_Claim]) -> list[str]:
    assert state.layout is not None
    faults: list[str] = []
    places = Counter((claim.area, claim.status) for claim in claims if claim.area)
    for index, area in enumerate(state.layout.areas):
        held, sold = places.pop((area.name, UnitStatus.HELD), 0), places.pop((area.name, UnitStatus.SOLD), 0)
        if (state.inventory.area_held[index], state.inventory.area_sold[index]) != (held, sold):
            faults.append(f"area {area.name}: counters differ from claims")
        if not 0 <= held + sold <= area.capacity:
            faults.append(f"area {area.name}: {held} held and {sold} sold of {area.capacity}")
    faults += [f"places are claimed of areas that are not there: {places}"] if places else []
    channels = Counter((claim.area, claim.channel) for claim in claims if claim.area and claim.channel)
    counted = {
        (state.layout.areas[area].name, channel): count
        for (area, channel), count in state.inventory.area_of_channel.items()
        if count
    }
    return faults + (["the places of channels are not those claimed through them"] if counted != channels else [])


def _sum_faults(state: BlockState) -> list[str]:
    assert state.layout is not None
    inventory = state.inventory
    statuses = Counter(map(UnitStatus, inventory.statuses))
    used = sum(inventory.area_held) + sum(inventory.area_sold)
    available = sum(area.capacity for area in state.layout.areas) - used
    if statuses.total() + used + available != state.layout.capacity or available < 0:
        return ["the statuses do not add up to the capacity"]
    return []


def _overlaps(state: BlockState, claims: list[_Claim]) -> list[str]:
    """No moment of a resource is anybody's twice."""
    assert state.layout is not None
    claimed = {claim.unit for claim in claims if claim.unit}
    last_of: dict[str, PlainUnit] = {}
    faults = []
    for unit in sorted(units_of(state.layout), key=lambda unit: unit.begins_ms):
        if unit.begins_ms and unit.key in claimed:
            before = last_of.get(unit.group)
            if before is not None and before.ends_ms > unit.begins_ms:
                faults.append(f"{before.name} and {unit.name} overlap")
            last_of[unit.group] = unit
    return faults


def _buyer_faults(state: BlockState, claims: list[_Claim]) -> list[str]:
    counted = Counter(claim.hold.buyer for claim in claims if claim.hold.buyer)
    units = dict(counted) if state.rules.max_per_buyer else {}
    held = {(claim.hold.buyer, claim.hold.number) for claim in claims if claim.status is UnitStatus.HELD}
    holds = {(buyer, hold) for buyer, hold in held if buyer and state.rules.max_per_buyer}
    said = [(buyer, hold) for buyer, numbers in state.buyers.holds.items() for hold in numbers or (0,)]
    faults = [] if state.buyers.units == units else [f"buyers have {units}, and are said to: {state.buyers.units}"]
    return faults + ([] if sorted(said) == sorted(holds) else [f"buyers hold {holds}, and are said to: {said}"])


def _order_faults(state: BlockState) -> list[str]:
    faults: list[str] = []
    for number, order in state.orders.items():
        hold = state.holds.get(order.hold)
        if hold is None or hold.order != number or hold.status is not HoldStatus.CONFIRMED:
            faults.append(f"order {number} and its hold {order.hold} do not know each other")
            continue
        tickets = len(list(_tickets(state, hold, order)))
        good = sum(revision > 0 for revision in order.code_revisions)
        if order.status in (OrderStatus.PENDING, OrderStatus.EXPIRED) and order.code_revisions:
            faults.append(f"order {number} has tickets and was never paid")
        if order.code_revisions and len(order.code_revisions) != tickets:
            faults.append(f"order {number} has {len(order.code_revisions)} tickets for {tickets} units")
        if order.status in _PAID and not good:
            faults.append(f"order {number} is in force without a ticket")
        if any(not order.code_revisions[ticket] > 1 for ticket, _ in order.holders if order.code_revisions[ticket]):
            faults.append(f"order {number} has a reassigned ticket with its first code")
        if state.status is EventStatus.CANCELLED and order.status in (*_PAID[:2], OrderStatus.PENDING):
            faults.append(f"order {number} has outlived its event")
    return faults


def _hold_faults(state: BlockState) -> list[str]:
    faults: list[str] = []
    for number, hold in state.holds.items():
        if hold.order and hold.order not in state.orders:
            faults.append(f"hold {number} has an order that nobody knows")
        if hold.expires_at_ms > hold.max_expires_at_ms:
            faults.append(f"hold {number} lives longer than its cap")
        order = state.orders.get(hold.order) if hold.order else None
        for lot, _ in _lots(hold, order):
            if sum(quantity for _, quantity, _ in lot.prices) != len(lot.seats) + sum(q for _, q in lot.areas):
                faults.append(f"hold {number} has a unit without a price")
    return faults


def _waiter_faults(state: BlockState) -> list[str]:
    faults: list[str] = []
    waiting = [waiter.number for waiter in state.waiters.values() if waiter.status is WaiterStatus.WAITING]
    ahead = [state.line.ahead_of(number) for number in waiting]
    if len(state.line) != len(waiting) or ahead != list(range(len(waiting))):
        faults.append("the waiting line is not that of who waits, in the order of their joining")
    gone = sorted(waiter.number for waiter in state.waiters.values() if waiter.status is not WaiterStatus.WAITING)
    if sorted(number for _, number in state.gone_waiters) != gone:
        faults.append("the waiters that are gone are not those that wait to be forgotten")
    times_ms = [gone_at_ms for gone_at_ms, _ in state.gone_waiters]
    faults += ["the gone waiters are not in the order of their going"] if times_ms != sorted(times_ms) else []
    if waiting and state.status not in (EventStatus.ON_SALE, EventStatus.PAUSED):
        faults.append("somebody waits for an event that is over")
    for waiter in state.waiters.values():
        hold = state.holds.get(waiter.hold) if waiter.hold else None
        if hold is not None and (hold.waiter, hold.buyer) != (waiter.number, waiter.buyer):
            faults.append(f"waiter {waiter.number} was offered somebody else's hold")
    return faults


def _memory_faults(state: BlockState, claiming: set[int]) -> list[str]:
    faults: list[str] = []
    dues = sorted((memo.due_ms, key) for key, memo in state.memos.items() if memo.due_ms)
    if sorted(state.memo_dues) != dues:
        faults.append("a remembered key has no due time, or more than one")
    waiting = {key: hold.number for hold in state.holds.values() for key in hold.keys}
    for_ever = {key: memo.number for key, memo in state.memos.items() if not memo.due_ms and memo.kind is Kind.HOLD}
    if waiting != for_ever:
        faults.append("the keys that wait for the end of their hold are not those that have no due time yet")
    if any(hold.keys for hold in state.holds.values() if hold.status is not HoldStatus.ACTIVE):
        faults.append("a hold that is over still has keys")
    ended = (hold for hold in state.holds.values() if hold.number not in claiming)
    unpaid = sorted(hold.number for hold in ended if not (hold.order and state.orders[hold.order].code_revisions))
    if sorted(number for _, number in state.ended) != unpaid:
        faults.append("the holds that came to nothing are not those that wait to be forgotten")
    if state.live_hold_count != sum(map(state.claims_units, state.holds.values())):
        faults.append("the holds that live are not as many as they are counted")
    ends_ms = [ended_at_ms for ended_at_ms, _ in state.ended]
    if ends_ms != sorted(ends_ms):
        faults.append("the ended holds are not in the order of their ends")
    looked_at = Counter(state.deadlines)
    for number, hold in state.holds.items():
        order = state.orders.get(hold.order) if hold.order else None
        is_held = hold.status is HoldStatus.ACTIVE or (order is not None and order.status is OrderStatus.PENDING)
        if is_held and looked_at[hold.expires_at_ms, number] != 1:
            faults.append(f"hold {number} would never expire, or twice")
    referred = {state.layout_version}
    for hold in state.holds.values():
        order = state.orders.get(hold.order) if hold.order else None
        referred |= {version for lot, _ in _lots(hold, order) for version in (lot.layout, lot.priced)}
    return faults + (["a layout that something refers to is forgotten"] if not referred <= set(state.layouts) else [])
