"""What must hold in a block at every moment, judged from its holds and orders alone."""

from collections import Counter

from actors.core.ids import Kind
from actors.core.inventory import UnitStatus
from actors.core.replies import HoldStatus, OrderStatus
from actors.core.state import BlockState, Hold


def violations(state: BlockState) -> list[str]:
    """Every broken rule, in words; empty for a sound block."""
    return [*_unit_faults(state), *_order_faults(state), *_memory_faults(state)]


def _claim(state: BlockState, hold: Hold) -> UnitStatus:
    if hold.status is HoldStatus.ACTIVE:
        return UnitStatus.HELD
    if hold.status is not HoldStatus.CONFIRMED:
        return UnitStatus.AVAILABLE
    return {
        OrderStatus.PENDING: UnitStatus.HELD,
        OrderStatus.CONFIRMED: UnitStatus.SOLD,
        OrderStatus.CANCELLED: UnitStatus.AVAILABLE,
        OrderStatus.EXPIRED: UnitStatus.AVAILABLE,
    }[state.orders[hold.order].status]


def _unit_faults(state: BlockState) -> list[str]:
    faults: list[str] = []
    claims: dict[int, tuple[int, UnitStatus]] = {}
    places: Counter[tuple[int, UnitStatus]] = Counter()
    for hold in state.holds.values():
        status = _claim(state, hold)
        if status is UnitStatus.AVAILABLE:
            continue
        faults += (f"seat {seat} has two claims" for seat in hold.seats if seat in claims)
        claims.update((seat, (hold.number, status)) for seat in hold.seats)
        for area, quantity in hold.areas:
            places[area, status] += quantity
    seats = zip(state.inventory.owners, state.inventory.statuses, strict=True)
    for seat, (owner, seen) in enumerate(seats):
        if (owner, seen) != claims.get(seat, (0, UnitStatus.AVAILABLE)):
            faults.append(f"seat {seat} is {UnitStatus(seen).name} of {owner}, claims say {claims.get(seat)}")
    return faults + _area_faults(state, places) + _sum_faults(state)


def _area_faults(state: BlockState, places: Counter[tuple[int, UnitStatus]]) -> list[str]:
    faults: list[str] = []
    for index, area in enumerate(state.layout.areas if state.layout else ()):
        held, sold = places[index, UnitStatus.HELD], places[index, UnitStatus.SOLD]
        if (state.inventory.area_held[index], state.inventory.area_sold[index]) != (held, sold):
            faults.append(f"area {area.name}: counters differ from claims")
        if not 0 <= held + sold <= area.capacity:
            faults.append(f"area {area.name}: {held} held and {sold} sold of {area.capacity}")
    return faults


def _sum_faults(state: BlockState) -> list[str]:
    inventory = state.inventory
    areas = state.layout.areas if state.layout else ()
    known = sum(status in (UnitStatus.AVAILABLE, UnitStatus.HELD, UnitStatus.SOLD) for status in inventory.statuses)
    used = sum(inventory.area_held) + sum(inventory.area_sold)
    free = sum(area.capacity for area in areas) - used
    capacity = state.layout.capacity if state.layout else 0
    return [] if known + used + free == capacity and free >= 0 else ["the statuses do not add up to the capacity"]


def _order_faults(state: BlockState) -> list[str]:
    faults: list[str] = []
    for number, order in state.orders.items():
        hold = state.holds.get(order.hold)
        if hold is None or hold.order != number or hold.status is not HoldStatus.CONFIRMED:
            faults.append(f"order {number} and its hold {order.hold} do not know each other")
            continue
        units = len(hold.seats) + sum(quantity for _, quantity in hold.areas)
        if order.status in (OrderStatus.PENDING, OrderStatus.EXPIRED) and order.code_revisions:
            faults.append(f"order {number} has tickets and was never paid")
        if order.status is OrderStatus.CONFIRMED and len(order.code_revisions) != units:
            faults.append(f"order {number} has {len(order.code_revisions)} tickets for {units} units")
    for number, hold in state.holds.items():
        if hold.order and hold.order not in state.orders:
            faults.append(f"hold {number} has an order that nobody knows")
        if hold.expires_at_ms > hold.max_expires_at_ms:
            faults.append(f"hold {number} lives longer than its cap")
        if sum(quantity for _, quantity, _ in hold.prices) != len(hold.seats) + sum(q for _, q in hold.areas):
            faults.append(f"hold {number} has a unit without a price")
    return faults


def _memory_faults(state: BlockState) -> list[str]:
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
    ended = (hold for hold in state.holds.values() if _claim(state, hold) is UnitStatus.AVAILABLE)
    unpaid = sorted(hold.number for hold in ended if not (hold.order and state.orders[hold.order].code_revisions))
    if sorted(number for _, number in state.ended) != unpaid:
        faults.append("the holds that came to nothing are not those that wait to be forgotten")
    ends_ms = [ended_at_ms for ended_at_ms, _ in state.ended]
    if ends_ms != sorted(ends_ms):
        faults.append("the ended holds are not in the order of their ends")
    looked_at = Counter(state.deadlines)
    for number, hold in state.holds.items():
        if _claim(state, hold) is UnitStatus.HELD and looked_at[hold.expires_at_ms, number] != 1:
            faults.append(f"hold {number} would never expire, or twice")
    return faults
