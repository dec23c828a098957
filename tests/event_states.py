"""What each entry of its journal made of an event, as whoever is told of the event is told."""

from collections.abc import Sequence

import msgspec

from actors.core import entries as e
from actors.core.layout import Layout
from actors.core.replies import EventStatus


class EventState(msgspec.Struct, frozen=True):
    """An event as somebody tells it, or as its journal has it. `price_minor`: of its first category."""

    revision: int
    status: str
    name: str
    price_minor: int

    def __str__(self) -> str:
        return f"revision {self.revision}, {self.status}, {self.name!r} at {self.price_minor}"


def versions_of(journal: Sequence[e.Entry]) -> dict[int, EventState]:
    """What each entry made of the event, or of the part of one, by the entry's place."""
    versions: dict[int, EventState] = {}
    state: EventState | None = None
    for place, entry in enumerate(journal):
        after = _after(state, entry)
        if after is not None:
            versions[place] = state = after
    return versions


def _after(state: EventState | None, entry: e.Entry) -> EventState | None:
    match entry:
        case e.EventCreated():
            return EventState(1, EventStatus.DRAFT.name, entry.name, price_of(entry.layout))
        case e.EventFollowed():
            before = state.price_minor if state is not None else 0
            price_minor = before if entry.layout is None else price_of(entry.layout)
            return EventState(entry.revision, EventStatus(entry.status).name, entry.name, price_minor)
    if state is None:
        return None
    following = msgspec.structs.replace(state, revision=state.revision + 1)
    match entry:
        case e.SaleOpened():
            return msgspec.structs.replace(following, status=EventStatus.ON_SALE.name)
        case e.StatusChanged():
            return msgspec.structs.replace(following, status=EventStatus(entry.status).name)
        case e.EventEdited():
            price_minor = state.price_minor if entry.layout is None else price_of(entry.layout)
            return msgspec.structs.replace(following, name=entry.name or state.name, price_minor=price_minor)
    return None


def price_of(layout: Layout) -> int:
    """Of its first category."""
    return layout.categories[0].price
