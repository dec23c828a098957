"""A new layout for an event that sells: units are the same if their names are, and nobody loses one."""

from collections import Counter

from actors.core.layout import Layout
from actors.core.layout_index import LayoutIndex
from actors.core.legs import pinned_units
from actors.core.outcomes import Details, Reason, Rejected
from actors.core.state import BlockState, Hold
from actors.core.tickets import SOLD, sold_units

MAX_LAYOUT_VERSIONS = 1_000


def refuse_orphaning(state: BlockState, index: LayoutIndex) -> Rejected | None:
    """Why the units of this index cannot stand in the place of the block's: somebody has what it would not have."""
    if index.layout.currency != state.index.layout.currency:
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=("layout.currency: cannot change",)))
    if state.layout_version >= MAX_LAYOUT_VERSIONS:
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=(f"layout: has changed {MAX_LAYOUT_VERSIONS} times",)))
    sold: list[str] = []
    held: list[str] = []
    for unit, owner in enumerate(state.inventory.owners):
        if owner:
            name = state.index.unit_name(unit)
            if not _is_same(state.index, unit, index, name):
                (held if state.claims_units(state.holds[owner]) else sold).append(name)
    for area, places in enumerate(state.index.layout.areas):
        claimed = state.inventory.area_held[area] + state.inventory.area_sold[area]
        now = index.area_of_name.get(places.name)
        if claimed > (index.layout.areas[now].capacity if now is not None else 0):
            (held if state.inventory.area_held[area] else sold).append(places.name)
    if sold:
        return Rejected(Reason.UNITS_SOLD, Details(units=tuple(sold)))
    return Rejected(Reason.UNITS_HELD, Details(units=tuple(held))) if held else None


def _is_same(before: LayoutIndex, unit: int, after: LayoutIndex, name: str) -> bool:
    """Whether the unit is there afterwards too; a slot, if it is as long as before."""
    found = after.find_unit(name)
    if found is None or unit < before.seat_count:
        return found is not None
    return after.slots.times_ms(found[0]) == before.slots.times_ms(unit)


def adopt_layout(state: BlockState, layout: Layout | None) -> None:
    """The layout is the block's from now on, as its next version; whoever claims units claims those of the same names.

    None: the layout stays, and all claims are counted anew.
    """
    if layout is not None:
        state.set_event_layout(layout, state.layout_version + 1)
    else:
        state.set_layout(state.index.layout, state.layout_version)
    referred = Counter((state.layout_version,))
    for hold in state.holds.values():
        reclaim(state, hold)
        referred.update((hold.layout, hold.priced))
    for order in state.orders.values():
        for lot in order.exchanged:
            referred.update((lot.layout, lot.priced))
    state.forget_layouts(set(referred))


def reclaim(state: BlockState, hold: Hold) -> None:
    """Enter in an inventory that knows nothing of it what the hold, or its order, claims."""
    order = state.orders.get(hold.order) if hold.order else None
    leg = state.legs.get(hold.number)
    if state.claims_units(hold):
        state.claim(hold, state.units_now(hold) if leg is None else pinned_units(state, hold, leg))
    elif order is not None and order.status in SOLD:
        for units in sold_units(state, hold, order):
            state.claim(hold, units)
            state.inventory.sell(hold.number, units.seats, units.areas)
