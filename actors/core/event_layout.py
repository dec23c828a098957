"""A new layout for an event that sells: units are the same if their names are, and nobody loses one."""

from collections.abc import Iterator

from actors.core.allotments import shelve
from actors.core.layout import Layout
from actors.core.layout_index import LayoutIndex, has_same_units
from actors.core.layout_versions import count_of_own_units
from actors.core.legs import pinned_units
from actors.core.outcomes import Details, Reason, Rejected
from actors.core.parts import layout_of_home
from actors.core.rules import Rules
from actors.core.state import BlockState, Hold, Units
from actors.core.tickets import SOLD, is_whole, sold_units

MAX_LAYOUT_VERSIONS = 10_000
MAX_CHANGES_OF_UNITS = 1_000


def refuse_orphaning(state: BlockState, index: LayoutIndex) -> Rejected | None:
    """Why the units of this index cannot stand in the place of the block's: somebody has what it would not have."""
    if index.layout.currency != state.index.layout.currency:
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=("layout.currency: cannot change",)))
    if fault := _fault_of_versions(state, index.layout):
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=(fault,)))
    sold: list[str] = []
    held: list[str] = []
    if not has_same_units(state.index.layout, index.layout):
        _find_orphans(state, index, held, sold)
    for area, places in enumerate(state.index.layout.areas):
        claimed = state.inventory.area_held[area] + state.inventory.area_sold[area]
        now = index.area_of_name.get(places.name)
        capacity = index.layout.areas[now].capacity if now is not None else 0
        if claimed > capacity:
            (sold if state.inventory.area_sold[area] > capacity else held).append(places.name)
    if sold:
        return Rejected(Reason.UNITS_SOLD, Details(units=tuple(sold)))
    return Rejected(Reason.UNITS_HELD, Details(units=tuple(held))) if held else None


def _fault_of_versions(state: BlockState, layout: Layout) -> str:
    """Why there is no room for this version beside those under which somebody has something; or nothing.

    Which of them are in use in an event's parts, only these know; so all are counted that such an event had.
    """
    if state.is_divided and state.layout_version >= MAX_LAYOUT_VERSIONS:
        return f"layout: an event in parts has {MAX_LAYOUT_VERSIONS} versions of it at most"
    if len(state.layouts) < min(MAX_LAYOUT_VERSIONS, MAX_CHANGES_OF_UNITS):
        return ""
    referred = _referred(state)
    in_use = {version: layout for version, layout in state.layouts.items() if version in referred}
    if len(in_use) >= MAX_LAYOUT_VERSIONS:
        return f"layout: {MAX_LAYOUT_VERSIONS} versions of it are in use"
    if count_of_own_units(in_use | {state.layout_version + 1: layout}) > MAX_CHANGES_OF_UNITS:
        return f"layout: {MAX_CHANGES_OF_UNITS} versions of it with different units are in use"
    return ""


def _find_orphans(state: BlockState, index: LayoutIndex, held: list[str], sold: list[str]) -> None:
    """The seats and slots that somebody has and this index does not."""
    for unit, owner in enumerate(state.inventory.owners):
        if owner:
            name = state.index.unit_name(unit)
            if not _is_same(state.index, unit, index, name):
                (held if state.claims_units(state.holds[owner]) else sold).append(name)


def _is_same(before: LayoutIndex, unit: int, after: LayoutIndex, name: str) -> bool:
    """Whether the unit is there afterwards too; a slot, if it is as long as before."""
    found = after.find_unit(name)
    if found is None or unit < before.seat_count:
        return found is not None
    return after.slots.times_ms(found[0]) == before.slots.times_ms(unit)


def adopt(state: BlockState, layout: Layout | None, rules: Rules | None, at_ms: int) -> None:
    """Layout and rules are the block's from now on; whoever claims units claims those of the same names.

    None: as before. Where all units are the same, as when only prices are others, nobody's units are looked at.
    """
    limited = bool(state.rules.max_per_buyer)
    if rules is not None:
        state.set_rules(rules, at_ms)
    if layout is not None:
        _adopt_layout(state, layout)
    if bool(state.rules.max_per_buyer) is not limited:
        _count_buyers(state)
    if layout is not None or rules is not None:
        _forget_layouts(state)
        shelve(state)


def _adopt_layout(state: BlockState, layout: Layout) -> None:
    """As the next version."""
    version = state.layout_version + 1
    if has_same_units(state.index.layout, layout_of_home(layout, tuple(state.parts))):
        state.reprice(layout, version)
    else:
        state.set_event_layout(layout, version)
        for hold in state.holds.values():
            reclaim(state, hold)


def _forget_layouts(state: BlockState) -> None:
    """Those to which nothing refers any more."""
    if len(state.layouts) > 1:
        state.versions.forget(_referred(state))


def _referred(state: BlockState) -> set[int]:
    """The versions under which somebody has something, and the present one."""
    referred = {state.layout_version}
    for hold in state.holds.values():
        referred.add(hold.layout)
        referred.add(hold.priced)
    for order in state.orders.values():
        for lot in order.exchanged:
            referred |= {lot.layout, lot.priced}
    return referred


def _count_buyers(state: BlockState) -> None:
    """The rules limit what a buyer may have, and did not, or the other way round."""
    state.buyers.clear()
    if not state.rules.max_per_buyer:
        return
    for hold in state.holds.values():
        order = state.orders.get(hold.order) if hold.order else None
        if order is not None and order.status in SOLD and is_whole(order):  # as nearly all are
            state.count_buyer(hold, Units(hold.seats, hold.areas), 1, is_sold=True)
        else:
            for units, is_sold in _claims(state, hold):
                state.count_buyer(hold, units, 1, is_sold=is_sold)


def reclaim(state: BlockState, hold: Hold) -> None:
    """Enter in an inventory that knows nothing of it what the hold, or its order, claims."""
    for units, is_sold in _claims(state, hold):
        state.claim(hold, units)
        if is_sold:
            state.sell(hold, units)


def _claims(state: BlockState, hold: Hold) -> Iterator[tuple[Units, bool]]:
    """What the hold, or its order, claims, and whether that is sold."""
    order = state.orders.get(hold.order) if hold.order else None
    leg = state.legs.get(hold.number)
    if state.claims_units(hold):
        yield (state.units_now(hold) if leg is None else pinned_units(state, hold, leg)), False
    elif order is not None and order.status in SOLD:
        for units in sold_units(state, hold, order):
            yield units, True
