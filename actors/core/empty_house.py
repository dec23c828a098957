"""What could not be had of an event even if nobody had any of it, and nothing were set aside."""

from actors.core.asking import Asked
from actors.core.inventory import GONE, OPEN
from actors.core.outcomes import Details, Reason, Rejected
from actors.core.state import BlockState


def refuse_never(state: BlockState, asked: Asked) -> Rejected | None:
    """Why the wish can never be met as the event is, or None. It has one choice at most."""
    layout = state.index.layout
    wanted: dict[int, int] = {}
    for area, quantity in asked.areas:
        wanted[area] = wanted.get(area, 0) + quantity
    for area, quantity in wanted.items():
        places = layout.areas[area]
        if places.capacity < quantity:
            return Rejected(Reason.NOT_ENOUGH_AVAILABLE, Details(units=(places.name,), available=places.capacity))
    if not asked.best:
        return None
    finders = state.seat_finders_of_all
    with finders.supposing(dict.fromkeys((seat for seat in asked.seats if seat < state.index.seat_count), GONE)):
        finder = finders.finder(frozenset((OPEN,)))
        for best in asked.best:
            found = finder.find(
                best.quantity, best.sections, best.categories, split=best.split, accessible=best.accessible
            )
            if isinstance(found, int):
                return Rejected(Reason.NOT_ENOUGH_AVAILABLE, Details(units=best.names(layout), available=found))
    return None
