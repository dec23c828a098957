"""What must hold in a block at every moment, judged from its holds and orders alone."""

from collections import Counter

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
    layout = state.layout
    claims: dict[int, tuple[int, UnitStatus]] = {}
    held: Counter[int] = Counter()
    sold: Counter[int] = Counter()
    for hold in state.holds.values():
        status = _claim(state, hold)
        if status is UnitStatus.AVAILABLE:
            continue
        for seat in hold.seats:
            if seat in claims:
                faults.append(f"seat {seat} has two claims: {claims[seat][0]} and {hold.number}")
            claims[seat] = hold.number, status
        for area, quantity in hold.areas:
            (held if status is UnitStatus.HELD else sold)[area] += quantity
    inventory = state.inventory
    for seat, (owner, seat_status) in enumerate(zip(inventory.owners, inventory.statuses, strict=True)):
        if (owner, seat_status) != claims.get(seat, (0, UnitStatus.AVAILABLE)):
            faults.append(f"seat {seat} is {UnitStatus(seat_status).name} of {owner}, claims say {claims.get(seat)}")
    for index, area_ in enumerate(layout.areas if layout else ()):
        if (inventory.area_held[index], inventory.area_sold[index]) != (held[index], sold[index]):
            faults.append(f"area {area_.name}: counters differ from claims")
        if not 0 <= held[index] + sold[index] <= area_.capacity:
            faults.append(f"area {area_.name}: {held[index]} held and {sold[index]} sold of {area_.capacity}")
    free_places = sum(area_.capacity - held[i] - sold[i] for i, area_ in enumerate(layout.areas if layout else ()))
    by_status = Counter(inventory.statuses)
    known = by_status[UnitStatus.AVAILABLE] + by_status[UnitStatus.HELD] + by_status[UnitStatus.SOLD]
    if layout and known + free_places + held.total() + sold.total() != layout.capacity:
        faults.append("the statuses do not add up to the capacity")
    return faults


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
    over = (HoldStatus.RELEASED, HoldStatus.EXPIRED)
    ended = sorted(number for number, hold in state.holds.items() if hold.status in over)
    if sorted(state.ended) != ended:
        faults.append("the ended holds are not those that wait to be forgotten")
    ends = [state.holds[number].ended_at_ms for number in state.ended if number in state.holds]
    if ends != sorted(ends):
        faults.append("the ended holds are not in the order of their ends")
    looked_at = set(state.deadlines)
    for number, hold in state.holds.items():
        if _claim(state, hold) is UnitStatus.HELD and (hold.expires_at_ms, number) not in looked_at:
            faults.append(f"hold {number} would never expire")
    return faults
