"""What an organizer was told, held against the journals: each acknowledged write has one effect, as it was told, in the
order in which it was told, and nothing else has any; what was refused has none, be it of tries that others followed; in
the end everybody has what the last of them made of the event.

As what was told of holds is held against the journals by the audit (see `ReplyCheck`).
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import msgspec

from actors.audit.ids import HOLD, WAITER, block_of_event, desk_of, home_of
from actors.audit.keys import journaled_key
from actors.audit.parts import parts_in
from actors.audit.rows import RowCheck, rows_of, tenant_of
from actors.core import entries as e
from actors.core.layout import Layout
from actors.core.replies import EventStatus
from actors.database.connect import Connection, connect
from loadtests.history.calls import Outcome
from loadtests.history.intents import Intents
from loadtests.history.timed import Written
from tests.chaos.organizer import EXPLAINED_BY_DROPS, READ_WITHIN_S, Organizer
from tests.chaos.organizer_front import OF_WAITERS, Deed, Write
from tests.event_states import EventState, price_of, versions_of

LOST = "was acknowledged, and its journal has no effect of it"
TWICE = "has more than one effect"
DONE_THOUGH_REFUSED = "was refused for good, and has an effect"
NOT_DROPPED = "was refused for what only a try of it that was dropped can have had, and its desk has dropped none"
UNLIKE = "is not in the journal as it was told"
OUT_OF_ORDER = "had its effect before what was acknowledged before it was asked"
OF_NOBODY = "has an effect in its journal that nobody asked for"
NOT_READ = "could not be read back"
READ_OTHERWISE = "is read back otherwise"
SHOWN_OTHERWISE = "is shown otherwise"
PART_BEHIND = "has a part that is not as it is"
PART_UNKNOWN = "does not know how far its part is"
LOOK_EVERY_S = 0.25

_ENTRIES: Mapping[Deed, type] = {
    Deed.CREATED: e.EventCreated,
    Deed.OPENED: e.SaleOpened,
    Deed.EDITED: e.EventEdited,
    Deed.PAUSED: e.StatusChanged,
    Deed.CLOSED: e.StatusChanged,
    Deed.JOINED: e.WaiterJoined,
    Deed.LEFT: e.WaiterLeft,
    Deed.HELD: e.HoldPlaced,
    Deed.RELEASED: e.HoldReleased,
}
_SHOWN = """
select availability.block_id, name, status, layout,
  availability.position = (select max(position) from journal where journal.block_id = availability.block_id) as is_last
from availability
where availability.block_id = any($1)
"""
_layouts = msgspec.msgpack.Decoder(Layout)


class Found(NamedTuple):
    """What there is of an event in the end.

    `journals`: the entries of its home, then those of its parts, by block. `shown`: by block, what its read model says
    as of the journal's end, without a revision. `read`: what the server tells; None: it does not. `rows`: of its home,
    the row of each entry.
    """

    journals: Mapping[str, Sequence[e.Entry]]
    shown: Mapping[str, EventState]
    read: EventState | None
    rows: Sequence[int] = ()

    @property
    def parts(self) -> dict[str, bool]:
        """Of each block of a part, whether it has something to sell."""
        created = next((one for one in next(iter(self.journals.values())) if isinstance(one, e.EventCreated)), None)
        return {part.block: not part.is_ledger for part in parts_in(created)} if created is not None else {}


class _Effect(NamedTuple):
    """`place`: of the entry in its block's journal. `row`: in which it is; 0: unknown."""

    block: str
    place: int
    entry: e.Entry
    row: int = 0


Effects: TypeAlias = Mapping[bytes, Sequence[_Effect]]


class AtDesks(NamedTuple):
    """What desks have done under the keys of writes, and under which of them they have dropped what was meant."""

    effects: dict[bytes, list[_Effect]]
    dropped: set[bytes]

    def meet(self, desk: str, journal: Sequence[e.Entry], rows: Sequence[int] = ()) -> None:
        """One more desk."""
        for key, effect in effects_in(desk, journal, rows):
            self.effects.setdefault(key, []).append(effect)
        meant = {one.basket: one.key for one in journal if isinstance(one, e.BasketIntended)}
        self.dropped.update(meant[one.basket] for one in journal if isinstance(one, e.BasketDropped))


async def unkept(
    database_url: str, organizer: Organizer, written: Callable[[str], Written] = lambda _: Written()
) -> list[str]:
    """What is not as the organizer was told; asked when it has ended. Raises OSError, asyncpg.PostgresError.

    `written`: by block, when rows came, as far as that is known.
    """
    until_s = time.monotonic() + READ_WITHIN_S
    connection = await connect(database_url, application_name="chaos-organizer")
    try:
        found = {}
        for event_id in organizer.events:
            read = await organizer.read_back(event_id, until_s)
            found[event_id] = await _settled(connection, event_id, read, until_s)
        tenant = await tenant_of(database_url, block_of_event(organizer.events[0])) if organizer.events else ""
        desks = await _of_desks(connection, tenant, organizer.writes)
    finally:
        await connection.close()
    return judged(tenant, organizer.writes, found, desks, written)


def judged(
    tenant: str,
    writes: Sequence[Write],
    found: Mapping[str, Found],
    desks: AtDesks,
    written: Callable[[str], Written] = lambda _: Written(),
) -> list[str]:
    """All that is wrong. `found`: by event. `written`: see `unkept`."""
    effects: dict[bytes, list[_Effect]] = {}
    for event in found.values():
        block, journal = next(iter(event.journals.items()))
        for key, effect in effects_in(block, journal, event.rows):
            effects.setdefault(key, []).append(effect)
    versions = {block: versions_of(journal) for event in found.values() for block, journal in event.journals.items()}
    return [
        *_of_writes(tenant, writes, effects, desks.effects, versions),
        *_not_dropped(tenant, writes, desks.dropped),
        *_done_before(tenant, writes, effects, desks.effects, written),
        *_out_of_order(tenant, writes, effects),
        *_of_nobody(tenant, writes, effects),
        *(wrong for event_id, event in found.items() for wrong in _of_event(event_id, event, versions)),
    ]


def effects_in(block: str, journal: Sequence[e.Entry], rows: Sequence[int] = ()) -> Iterator[tuple[bytes, _Effect]]:
    """What has come about in a journal, each by the key under which it was asked for; nothing that was only meant."""
    intents = Intents()
    for place, entry in enumerate(journal):
        if key := intents.key_of(entry):
            yield key, _Effect(block, place, entry, rows[place] if rows else 0)


def _key_of(tenant: str, write: Write) -> bytes:
    is_of_split = write.is_at_desk and write.deed is Deed.HELD
    return journaled_key(tenant, write.key, block_of_event(write.event_id) if is_of_split else "")


def _effects_of(tenant: str, write: Write, effects: Effects, desks: Effects) -> Sequence[_Effect]:
    return (desks if write.is_at_desk else effects).get(_key_of(tenant, write), ())


def _of_writes(
    tenant: str,
    writes: Sequence[Write],
    effects: Effects,
    desks: Effects,
    versions: Mapping[str, Mapping[int, EventState]],
) -> Iterator[str]:
    for write in writes:
        found = _effects_of(tenant, write, effects, desks)
        if len(found) > 1:
            yield f"{write} {TWICE}: {len(found)}"
        elif write.outcome is Outcome.FAIL and found:
            yield f"{write} {DONE_THOUGH_REFUSED} ({write.reason})"
        elif write.outcome is Outcome.OK and not found:
            yield f"{write} {LOST}; it was told as {write.event or write.id}"
        elif write.outcome is Outcome.OK and not write.is_at_desk:
            yield from _of_acknowledged(write, found[0], versions)


def _not_dropped(tenant: str, writes: Sequence[Write], dropped: set[bytes]) -> Iterator[str]:
    """Of refused holds of seats that nobody else wishes for."""
    for write in writes:
        is_refused = write.is_at_desk and write.deed is Deed.HELD and write.reason in EXPLAINED_BY_DROPS
        if write.outcome is Outcome.FAIL and is_refused and _key_of(tenant, write) not in dropped:
            yield f"{write} {NOT_DROPPED} ({write.reason})"


def _done_before(
    tenant: str, writes: Sequence[Write], effects: Effects, desks: Effects, written: Callable[[str], Written]
) -> Iterator[str]:
    """What has an effect that came before the first try was asked that was not turned away, or though all were."""
    for write in writes:
        found = _effects_of(tenant, write, effects, desks) if write.turned_away else ()
        for effect in found:
            rows = written(effect.block)
            if not write.asked_us:
                yield f"{write} {DONE_THOUGH_REFUSED} ({write.turned_away}, each time)"
            elif 0 < rows.of(effect.row) < write.asked_us - rows.off_ms * 1000:
                yield f"{write} {DONE_THOUGH_REFUSED} ({write.turned_away}) before it was asked for again"


def _of_acknowledged(write: Write, effect: _Effect, versions: Mapping[str, Mapping[int, EventState]]) -> Iterator[str]:
    there = versions[effect.block].get(effect.place) if write.event is not None else None
    is_same = there == write.event if write.event is not None else _number_of(effect.entry) == _number_told(write)
    if type(effect.entry) is not _ENTRIES[write.deed] or effect.block != block_of_event(write.event_id) or not is_same:
        was = there or effect.entry
        yield f"{write} {UNLIKE}: it was told as {write.event or write.id}, and is there as {was}"


def _number_of(entry: e.Entry) -> int:
    number: int = getattr(entry, "waiter" if isinstance(entry, e.WaiterJoined | e.WaiterLeft) else "hold", 0)
    return number


def _number_told(write: Write) -> int:
    return home_of(WAITER if write.deed in OF_WAITERS else HOLD, write.id)[1]


def _out_of_order(tenant: str, writes: Sequence[Write], effects: Effects) -> Iterator[str]:
    """Of each event one thing was asked after the other."""
    last: dict[str, int] = {}
    for write in writes:
        found = effects.get(journaled_key(tenant, write.key), ())
        if write.outcome is not Outcome.OK or len(found) != 1 or write.is_at_desk:
            continue
        if found[0].place < last.get(write.event_id, 0):
            yield f"{write} {OUT_OF_ORDER}"
        last[write.event_id] = found[0].place


def _of_nobody(tenant: str, writes: Sequence[Write], effects: Effects) -> Iterator[str]:
    asked = {journaled_key(tenant, write.key) for write in writes}
    for key, found in effects.items():
        if key not in asked:
            for effect in found:
                yield f"organizer: event_{effect.block} {OF_NOBODY}: {type(effect.entry).__name__}"


def _of_event(event_id: str, event: Found, versions: Mapping[str, Mapping[int, EventState]]) -> Iterator[str]:
    """In the end all have what the last write has made of it; as writes are in order, that is the last acknowledged
    one, or a later one of which nobody knew.
    """
    home = block_of_event(event_id)
    last = _last(versions.get(home, {}))
    if event.read is None:
        yield f"organizer: {event_id} {NOT_READ}"
    elif event.read != last:
        yield f"organizer: {event_id} {READ_OTHERWISE}: as {event.read}, and its journal has {last}"
    seen = {one.part: one.revision for one in event.journals[home] if isinstance(one, e.PartFollowed)}
    for part, sells in event.parts.items():
        there = _last(versions.get(part, {}))
        wanted = last if sells or last is None or there is None else _priced_as(last, there)
        if there != wanted:
            yield f"organizer: {event_id} {PART_BEHIND}: {part} is at {there}, and the event at {last}"
        elif last is not None and seen.get(part) != last.revision:
            yield f"organizer: {event_id} {PART_UNKNOWN}: {part} was seen at {seen.get(part)}, and is at {there}"
    for block in (home, *(part for part, sells in event.parts.items() if sells)):
        of_block = _last(versions.get(block, {}))
        wanted = None if of_block is None else msgspec.structs.replace(of_block, revision=0)
        if event.shown.get(block) != wanted:
            yield f"organizer: {event_id} {SHOWN_OTHERWISE}: {block} as {event.shown.get(block)}, and it is {of_block}"


def _last(versions: Mapping[int, EventState]) -> EventState | None:
    return list(versions.values())[-1] if versions else None


def _priced_as(state: EventState, other: EventState) -> EventState:
    """A ledger has no prices of its event."""
    return msgspec.structs.replace(state, price_minor=other.price_minor)


async def _settled(connection: Connection, event_id: str, read: EventState | None, until_s: float) -> Found:
    """The event when all that follows from its journal was done, or when there is no more time."""
    while True:
        found = await _found(connection, event_id, read)
        if time.monotonic() > until_s or not any(_of_event(event_id, found, _all_versions(found))):
            return found
        await asyncio.sleep(LOOK_EVERY_S)


def _all_versions(found: Found) -> dict[str, dict[int, EventState]]:
    return {block: versions_of(journal) for block, journal in found.journals.items()}


async def _found(connection: Connection, event_id: str, read: EventState | None) -> Found:
    """As of one moment."""
    home = block_of_event(event_id)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        journal, of_home = await _journal_of(connection, home)
        journals = {home: journal}
        for part in Found(journals, {}, None).parts:
            journals[part], _ = await _journal_of(connection, part)
        rows = await connection.fetch(_SHOWN, list(journals))
    shown = {
        block: EventState(0, EventStatus(status).name, name, price_of(_layouts.decode(layout)))
        for block, name, status, layout, is_last in rows
        if is_last
    }
    return Found(journals, shown, read, of_home)


async def _of_desks(connection: Connection, tenant: str, writes: Sequence[Write]) -> AtDesks:
    """Of those at which these writes were to have their effects: a release at its hold's."""
    keys = [_key_of(tenant, write) for write in writes if write.is_at_desk and write.deed is Deed.HELD]
    desks = AtDesks({}, set())
    for desk in sorted({desk_of(tenant, key) for key in keys}):
        async with connection.transaction(readonly=True):
            desks.meet(desk, *await _journal_of(connection, desk))
    return desks


async def _journal_of(connection: Connection, block: str) -> tuple[list[e.Entry], list[int]]:
    """Its entries, and the row of each."""
    check, entries, rows = RowCheck(block), list[e.Entry](), list[int]()
    async for row in rows_of(connection, block):
        of_row = check.entries_of(row) or ()
        entries += of_row
        rows += [row.position] * len(of_row)
    return entries, rows
