"""Allotments: which units are set aside for whom, and when that ends by itself.

A seat or slot lies in one pool: open to all, kept for who needs an accessible seat, or that of an allotment. There an
accessible seat is kept all the same for who needs one. Places of an area have no pool of their own: of an allotment of
places, as many are kept as its channel has not held yet.
"""

from collections.abc import Container, Mapping

from actors.core.entries import AllotmentReturned
from actors.core.inventory import ACCESSIBLE, FIRST_ALLOTMENT
from actors.core.layout_index import LayoutIndex
from actors.core.rules import Allotment, Rules
from actors.core.state import BlockState

ACCESSIBLE_SEATS = ""
"""The name, in `AllotmentReturned`, of what is kept for who needs accessible seats."""


def unknown_units(index: LayoutIndex, rules: Rules) -> tuple[str, ...]:
    """The names in allotments that the layout does not have."""
    units = (name for allotment in rules.allotments for name in allotment.units)
    areas = (places.area for allotment in rules.allotments for places in allotment.places)
    unknown = [name for name in units if index.find_units(name) is None]
    return (*unknown, *(area for area in areas if area not in index.area_of_name))


def _next_return(state: BlockState) -> tuple[int, str] | None:
    """When the next allotment comes back, and its name; None: none will."""
    returns = [
        (allotment.returns_at_ms, allotment.name)
        for allotment in state.rules.allotments
        if allotment.returns_at_ms and allotment.name not in state.returned
    ]
    if state.rules.accessible_until_ms and ACCESSIBLE_SEATS not in state.returned:
        returns.append((state.rules.accessible_until_ms, ACCESSIBLE_SEATS))
    return min(returns, default=None)


def apply_allotment_returned(state: BlockState, entry: AllotmentReturned) -> None:
    """What was set aside is for everybody."""
    assert entry.allotment not in state.returned, "an allotment comes back once"
    state.returned.add(entry.allotment)
    shelve(state)


def returned_at(state: BlockState, now_ms: int) -> list[str]:
    """The names of what has come back by time, though it is not in the journal yet."""
    if state.next_return is None or state.next_return[0] > now_ms:
        return []
    names = [
        allotment.name
        for allotment in state.rules.allotments
        if 0 < allotment.returns_at_ms <= now_ms and allotment.name not in state.returned
    ]
    if 0 < state.rules.accessible_until_ms <= now_ms and ACCESSIBLE_SEATS not in state.returned:
        names.append(ACCESSIBLE_SEATS)
    return names


def pools_without(state: BlockState, returned: Container[str]) -> bytearray:
    """The pool that rules and layout give every unit, when these allotments have come back."""
    pools = bytearray(state.index.unit_count)
    if ACCESSIBLE_SEATS not in returned:
        for _, row, base in state.index.row_spans():
            for place in (*row.accessible, *row.companions):
                pools[base + place] = ACCESSIBLE
    for number, allotment in enumerate(state.rules.allotments):
        if allotment.name not in returned:
            for units in filter(None, map(state.index.find_units, allotment.units)):
                pools[units.start : units.stop] = bytes((FIRST_ALLOTMENT + number,)) * len(units)
    return pools


def shelve(state: BlockState) -> None:
    """Put every unit into the pool that rules, layout and returns give it."""
    pools = state.inventory.pools
    wanted = pools_without(state, state.returned)
    if wanted != pools:
        for unit in range(len(pools)):
            if wanted[unit] != pools[unit]:
                state.inventory.move(unit, wanted[unit])
        state.seat_finders.forget()
    state.next_return = _next_return(state)
    state.line.stirred = True


def allotment_of_pool(state: BlockState, pool: int) -> Allotment:
    """The allotment whose pool this is."""
    return state.rules.allotments[pool - FIRST_ALLOTMENT]


def places_kept(
    state: BlockState, area: int, channel: str, returned: Container[str], back: Mapping[str, int]
) -> int:  # fmt: skip
    """How many places of the area are kept for others than this channel. `back`: by channel, places that come back."""
    assert state.layout is not None
    name = state.layout.areas[area].name
    kept: dict[str, int] = {}  # by channel; empty: the house
    for allotment in state.rules.allotments:
        if allotment.name not in returned and (allotment.channel != channel or not channel):
            for places in allotment.places:
                if places.area == name:
                    kept[allotment.channel] = kept.get(allotment.channel, 0) + places.quantity
    used = state.inventory.area_of_channel
    return sum(
        max(quantity - (used.get((area, of), 0) - back.get(of, 0) if of else 0), 0) for of, quantity in kept.items()
    )
