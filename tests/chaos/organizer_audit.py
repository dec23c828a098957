"""What an organizer was told, held against the journals: each acknowledged write has one effect, as it was told, in the
order in which it was told, and nothing else has any; in the end everybody has what the last of them made of the event.

What was told of holds is held against the journals by the audit (see `ReplyCheck`).
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from actors.audit.ids import HOLD, WAITER, block_of_event, home_of
from actors.audit.keys import journaled_key
from actors.audit.parts import parts_in
from actors.audit.rows import RowCheck, rows_of, tenant_of
from actors.core import entries as e
from actors.core.layout import Layout
from actors.core.replies import EventStatus
from actors.database.connect import Connection, connect
from loadtests.history.calls import Outcome
from tests.chaos.organizer import READ_WITHIN_S, Organizer
from tests.chaos.organizer_front import OF_WAITERS, Deed, Write
from tests.event_states import EventState, price_of, versions_of

LOST = "was acknowledged, and its journal has no effect of it"
TWICE = "has more than one effect"
DONE_THOUGH_REFUSED = "was refused for good, and has an effect"
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
    as of the journal's end, without a revision. `read`: what the server tells; None: it does not.
    """

    journals: Mapping[str, Sequence[e.Entry]]
    shown: Mapping[str, EventState]
    read: EventState | None

    @property
    def parts(self) -> dict[str, bool]:
        """Of each block of a part, whether it has something to sell."""
        created = next((one for one in next(iter(self.journals.values())) if isinstance(one, e.EventCreated)), None)
        return {part.block: not part.is_ledger for part in parts_in(created)} if created is not None else {}


class _Effect(NamedTuple):
    """`place`: of the entry in its block's journal."""

    block: str
    place: int
    entry: e.Entry


async def unkept(database_url: str, organizer: Organizer) -> list[str]:
    """What is not as the organizer was told; asked when it has ended. Raises OSError, asyncpg.PostgresError."""
    until_s = time.monotonic() + READ_WITHIN_S
    connection = await connect(database_url, application_name="chaos-organizer")
    try:
        found = {}
        for event_id in organizer.events:
            read = await organizer.read_back(event_id, until_s)
            found[event_id] = await _settled(connection, event_id, read, until_s)
    finally:
        await connection.close()
    tenant = await tenant_of(database_url, block_of_event(organizer.events[0])) if organizer.events else ""
    return judged(tenant, organizer.writes, found)


def judged(tenant: str, writes: Sequence[Write], found: Mapping[str, Found]) -> list[str]:
    """All that is wrong. `found`: by event."""
    effects: dict[bytes, list[_Effect]] = {}
    for event in found.values():
        block, journal = next(iter(event.journals.items()))
        for place, entry in enumerate(journal):
            if key := getattr(entry, "key", b""):
                effects.setdefault(key, []).append(_Effect(block, place, entry))
    versions = {block: versions_of(journal) for event in found.values() for block, journal in event.journals.items()}
    return [
        *_of_writes(tenant, writes, effects, versions),
        *_out_of_order(tenant, writes, effects),
        *_of_nobody(tenant, writes, effects),
        *(wrong for event_id, event in found.items() for wrong in _of_event(event_id, event, versions)),
    ]


def _of_writes(
    tenant: str,
    writes: Sequence[Write],
    effects: Mapping[bytes, Sequence[_Effect]],
    versions: Mapping[str, Mapping[int, EventState]],
) -> Iterator[str]:
    for write in writes:
        if write.is_at_desk:
            continue
        found = effects.get(journaled_key(tenant, write.key), ())
        if len(found) > 1:
            yield f"{write} {TWICE}: {len(found)}"
        elif write.outcome is Outcome.FAIL and found:
            yield f"{write} {DONE_THOUGH_REFUSED} ({write.reason})"
        elif write.outcome is Outcome.OK:
            yield from _of_acknowledged(write, found, versions)


def _of_acknowledged(
    write: Write, found: Sequence[_Effect], versions: Mapping[str, Mapping[int, EventState]]
) -> Iterator[str]:
    if not found:
        yield f"{write} {LOST}; it was told as {write.event or write.id}"
        return
    (effect,) = found
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


def _out_of_order(tenant: str, writes: Sequence[Write], effects: Mapping[bytes, Sequence[_Effect]]) -> Iterator[str]:
    """Of each event one thing was asked after the other."""
    last: dict[str, int] = {}
    for write in writes:
        found = effects.get(journaled_key(tenant, write.key), ())
        if write.outcome is not Outcome.OK or len(found) != 1 or write.is_at_desk:
            continue
        if found[0].place < last.get(write.event_id, 0):
            yield f"{write} {OUT_OF_ORDER}"
        last[write.event_id] = found[0].place


def _of_nobody(tenant: str, writes: Sequence[Write], effects: Mapping[bytes, Sequence[_Effect]]) -> Iterator[str]:
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
        journals = {home: await _journal_of(connection, home)}
        for part in Found(journals, {}, None).parts:
            journals[part] = await _journal_of(connection, part)
        rows = await connection.fetch(_SHOWN, list(journals))
    shown = {
        block: EventState(0, EventStatus(status).name, name, price_of(_layouts.decode(layout)))
        for block, name, status, layout, is_last in rows
        if is_last
    }
    return Found(journals, shown, read)


async def _journal_of(connection: Connection, block: str) -> list[e.Entry]:
    check = RowCheck(block)
    return [entry async for row in rows_of(connection, block) for entry in check.entries_of(row) or ()]
