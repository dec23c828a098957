"""What organizers were told of their writes, held against the entry that bears the key: each has its effect, as it was
told, and as it was asked for.

A write that finds all as it was to be has no effect; it is told the event as of its row. So is who asks again. An
answer may have been made up behind any entry of its row, or before the first of them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from actors.core import entries as e
from actors.core.ids import BlockId, TenantId
from actors.core.keys import key_hash
from actors.core.replies import EventReply, EventStatus
from actors.journal.codec import decode_entries
from actors.journal.journal import JournalRow
from actors.reservations import Done
from tests.event_states import EventState, price_of, versions_of

ORGANIZED = "writes of organizers that had an effect, held against its entry"
ORGANIZED_AGAIN = "writes of organizers that had none, or were told again, held against their row"
OF_ORGANIZERS = (ORGANIZED, ORGANIZED_AGAIN)

_ENTRIES: Mapping[str, type] = {
    "create_event": e.EventCreated,
    "edit_event": e.EventEdited,
    "open_sale": e.SaleOpened,
    "change_status": e.StatusChanged,
}


class EventWish(NamedTuple):
    """What an organizer wants an event to be; of what is empty or 0 it stays as it is."""

    status: EventStatus | None = None
    name: str = ""
    price_minor: int = 0

    def is_met(self, state: EventState) -> bool:
        """Whether the event is as it was wanted."""
        return (
            (self.status is None or self.status.name == state.status)
            and self.name in ("", state.name)
            and self.price_minor in (0, state.price_minor)
        )


class Organized(NamedTuple):
    """A write that was acknowledged. `may_be_so`: it may find that all is as it was to be, and then has no effect."""

    what: str
    key: str
    wish: EventWish
    may_be_so: bool
    done: Done[EventReply]
    asked_ms: int

    @property
    def state(self) -> EventState:
        """As it was told."""
        reply = self.done.reply
        return EventState(reply.revision, reply.status.name, reply.name, price_of(reply.layout))


class _Effect(NamedTuple):
    position: int
    entry: e.Entry
    state: EventState | None


class _History:
    """What the journal of an event says of it. `effects`: by key."""

    def __init__(self, rows: Sequence[JournalRow]) -> None:
        placed = [(row.position, entry) for row in rows for entry in decode_entries(row.entries)]
        versions = versions_of([entry for _, entry in placed])
        self.effects: dict[bytes, _Effect] = {}
        self._states: dict[int, list[EventState]] = {}
        last: list[EventState] = []
        for place, (position, entry) in enumerate(placed):
            states = self._states.setdefault(position, last[-1:])
            if place in versions:
                states.append(versions[place])
            last = states
            if isinstance(entry, tuple(_ENTRIES.values())):
                self.effects[getattr(entry, "key", b"")] = _Effect(position, entry, versions.get(place))

    def was(self, state: EventState, position: int) -> bool:
        """Whether the event was so at some moment of the row."""
        return state in self._states.get(position, ())


def not_as_told(
    tenant: TenantId,
    told: Sequence[Organized],
    journals: Mapping[BlockId, Sequence[JournalRow]],
    has_lost: Callable[[Done[Any], int], bool],
    count: Callable[[str], None] = lambda _: None,
) -> Iterator[str]:
    """All that is wrong with what this tenant's organizers were told.

    `has_lost`: whether a failover has lost the row of which something was told, when it had been asked for; that is
    held against nothing.
    """
    histories: dict[BlockId, _History] = {}
    for one in told:
        done = one.done
        if has_lost(done, one.asked_ms):
            continue
        if done.block not in histories:
            histories[done.block] = _History(journals.get(done.block, ()))
        history = histories[done.block]
        effect = history.effects.get(key_hash(tenant, one.key))
        is_first = effect is not None and effect.position == done.position and not done.replayed
        count(ORGANIZED if is_first else ORGANIZED_AGAIN)
        wrong = _wrong(one, history, effect)
        if wrong:
            yield f"{one.what} under {one.key} was told as {one.state} as of row {done.position}, and {wrong}"


def _wrong(one: Organized, history: _History, effect: _Effect | None) -> str:
    """Of what was told; empty: nothing."""
    state, done = one.state, one.done
    is_own = effect is not None and effect.position <= done.position
    if not done.replayed and not one.wish.is_met(state):
        return "was asked to be otherwise"
    if not is_own or effect is None:
        is_so = one.may_be_so and not done.replayed
        return "" if is_so and history.was(state, done.position) else "its journal has no effect of it"
    if type(effect.entry) is not _ENTRIES[one.what]:
        return f"its key has another effect: {type(effect.entry).__name__}"
    if effect.state is None or not one.wish.is_met(effect.state):
        return f"was not done as it was asked, but is there as {effect.state}"
    if done.replayed:
        is_after = history.was(state, done.position) and state.revision >= effect.state.revision
        return "" if is_after else "its journal has it otherwise"
    if effect.state == state and effect.position == done.position:
        return ""
    if effect.position == done.position and one.may_be_so and history.was(state, done.position):
        return ""  # it came before, in the same row, to what was so already
    return f"it is there as {effect.state} in row {effect.position}"
