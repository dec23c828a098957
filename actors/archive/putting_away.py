"""Putting a finished event away: its rows into a file, then out of the journal, but for each block's last; and back.

Nothing is dropped before the file is on disk under its name and was read back, row by row. Then, block by block, the
parts before the home, one transaction drops the rows before the last, if that is still the last, and keeps a snapshot
of it. So whatever stops this anywhere, no row is lost, and the next try goes on: a whole file is used as it is.

The last row stays, as compare-and-append asks for it: nobody begins the block again at position 1. Rows that come
behind it, as by a refund, go the same way later: the file is written anew with them, and takes the name of the one
before when it was read back, as that has the only copy of the rows before them.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Set
from contextlib import ExitStack
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from actors.archive.archive_file import SUFFIX, ArchivedBlock, ArchiveFile, ArchiveWriter, Header, sync_folder
from actors.core import block as core
from actors.core.ids import BlockId, event_id
from actors.core.replies import EventStatus
from actors.core.snapshot import FORMAT, freeze
from actors.core.state import BlockState
from actors.core.tickets import SOLD
from actors.core.tickets import begins_ms as slots_ms
from actors.database.connect import Connection
from actors.database.queries import load_queries
from actors.journal.journal import GENESIS, JournalRow
from actors.journal.striking import Place, Struck, fold_row, struck_in
from actors.journal.succession import entries_of_next

_SQL = load_queries(Path(__file__).parent / "archive.sql")
ROWS_PER_FETCH = 500


class NotPutAway(Exception):
    """The event stays as it is, or as far as it was put away; the text says why."""


class ArchiveElsewhere(NotPutAway):
    """Rows of the event are in an archive that is not in the folder."""


class PutAway(msgspec.Struct, frozen=True):
    """What became of an event: its archive, and the rows that left the journal now."""

    path: Path
    rows: int


class Fold:
    """A block from its first row on, without what is `struck`."""

    def __init__(self, struck: Struck = frozenset()) -> None:
        self.struck = struck
        self.state = BlockState()
        self.position = 0
        self.chain = GENESIS

    def follow(self, row: JournalRow) -> None:
        """Apply the next row. Raises NotPutAway: it does not follow, or does not apply."""
        try:
            fold_row(self.state, row, entries_of_next(row, self.position, self.chain), self.struck)
        except Exception as fault:  # whatever it is, nothing may be dropped
            raise NotPutAway(f"row {row.position} of {row.block}: {fault!r}") from fault
        self.position, self.chain = row.position, row.chain


async def finished_before(connection: Connection, before_ms: int) -> list[BlockId]:
    """The archived events that nobody has written to since, as far as they are followed. Raises `FAULTS`."""
    return [BlockId(row[0]) for row in await connection.fetch(_SQL["finished"], EventStatus.ARCHIVED, before_ms)]


async def event_of(connection: Connection, block: BlockId) -> tuple[BlockId, datetime | None] | None:
    """The event of which the block is the home or a part, by its home, and since when it is erased. Raises `FAULTS`.

    None: of no event, or a ledger's that is not put away.
    """
    found = await connection.fetchrow(_SQL["event_of"], block)
    return None if found is None else (BlockId(found["home"]), found["erased_at"])


async def why_unsettled(connection: Connection, blocks: Iterable[BlockId]) -> str | None:
    """Why somebody has first to look at one of these blocks; None: nobody has to. Raises `FAULTS`."""
    found = await connection.fetchrow(_SQL["unsettled"], list(blocks))
    if found is None:
        return None
    who = event_id(BlockId(found["block_id"]))
    if found["alarm"]:
        return f"{who}: alarm {found['alarm']} of it is not acknowledged: see holdfast alarms list"
    return f"{who}: it is quarantined: see holdfast quarantine list"


async def take_all_turns(connection: Connection) -> bool:
    """Keep others that ask for this from working beside this connection, as long as it lives; False: one does."""
    return bool(await connection.fetchval(_SQL["take_all_turns"]))


async def quiet_and_not_archived(connection: Connection, before_ms: int) -> list[tuple[int, int]]:
    """Of events that nobody has written to since, and are not archived: status, and how many."""
    return [tuple(row) for row in await connection.fetch(_SQL["quiet_unarchived"], EventStatus.ARCHIVED, before_ms)]


async def rows_to_put_away(connection: Connection, home: BlockId, folder: Path, before_ms: int) -> int:
    """How many rows `put_away` would take out of the journal. Changes nothing; raises as that does."""
    archive, rows = _archive_in(folder, home), 0
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        is_behind, is_away = (False, False) if archive is None else await _standing(connection, archive)
        if archive is None or (is_behind and not is_away):
            ends, _ = await _ends(connection, home, before_ms)
        else:
            ends = await _ends_behind(connection, archive, before_ms) if is_behind else [*archive.header.blocks]
        await _check_settled(connection, ends)
        for end in ends:
            first = await connection.fetchval(_SQL["first_position"], end.block)
            if first is not None and first < end.position:
                await _check_followed(connection, end)
                rows += end.position - first
    return rows


async def put_away(connection: Connection, home: BlockId, folder: Path, before_ms: int) -> PutAway:
    """Put the event away if nobody has written to it since `before_ms`; again: what is left of it, or came since.

    Raises NotPutAway, ArchiveDamaged, OSError, and `FAULTS`.
    """
    archive = _archive_in(folder, home)
    is_behind, is_away = (False, False) if archive is None else await _standing(connection, archive)
    if archive is None or (is_behind and not is_away):
        archive = await _write(connection, home, folder / _name_of(home), before_ms)
    elif is_behind:
        archive = await _write_on(connection, home, archive, before_ms)
    await _check_settled(connection, archive.header.blocks)
    sync_folder(archive.path.parent)  # who gave the file its name may have been killed before
    folds = folded(archive)
    rows = 0
    for end in reversed(archive.header.blocks):
        rows += await _drop_rows(connection, home, end, freeze(folds.pop(end.block).state), archive)
    return PutAway(archive.path, rows)


def _name_of(home: BlockId) -> str:
    return f"{event_id(home)}{SUFFIX}"


def _archive_in(folder: Path, home: BlockId) -> ArchiveFile | None:
    """The event's file, if there is one. Raises NotPutAway (it is another's), ArchiveDamaged, OSError."""
    path = folder / _name_of(home)
    if not path.exists():
        return None
    archive = ArchiveFile(path)
    if archive.header.event_id != event_id(home):
        raise NotPutAway(f"{path} is of {archive.header.event_id}")
    return archive


async def _standing(connection: Connection, archive: ArchiveFile) -> tuple[bool, bool]:
    """Whether the file is of before a write that came later, and whether anything of the event is put away."""
    is_behind = is_away = False
    for end in archive.header.blocks:
        is_away |= await connection.fetchrow(_SQL["put_away"], end.block) is not None
        head = await connection.fetchrow(_SQL["head"], end.block)
        is_behind |= head is not None and head["position"] > end.position
    return is_behind, is_away


async def _write(connection: Connection, home: BlockId, path: Path, before_ms: int) -> ArchiveFile:
    """Write the file, as the journal is at one time."""
    with ExitStack() as stack:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            ends, state = await _ends(connection, home, before_ms)
            await _check_settled(connection, ends)
            now_ms = await connection.fetchval(_SQL["now_ms"])
            writer = ArchiveWriter(path, Header(event_id(home), state.name, state.tenant, now_ms, tuple(ends)))
            stack.callback(writer.close)
            for end in ends:
                async for row in _rows(connection, end.block, end.position):
                    writer.add(row)
        writer.finish()
    return ArchiveFile(path)


async def _write_on(connection: Connection, home: BlockId, archive: ArchiveFile, before_ms: int) -> ArchiveFile:
    """Write the file anew, with the rows that the journal has behind it; reads no file in a transaction."""
    ends = await _ends_behind(connection, archive, before_ms)
    await _check_settled(connection, ends)
    for end in ends:
        await _check_followed(connection, end)
    now_ms = await connection.fetchval(_SQL["now_ms"])
    header = msgspec.structs.replace(archive.header, written_at_ms=now_ms, blocks=tuple(ends))
    of_block = groupby(archive.rows(), lambda row: row.block)
    with ExitStack() as stack:
        writer = ArchiveWriter(archive.path, header)
        stack.callback(writer.close)
        for (_, rows), former, end in zip(of_block, archive.header.blocks, ends, strict=True):
            for row in rows:
                writer.add(row)
            async for row in _rows_behind(connection, former, end.position):
                writer.add(row)
        states = {block: fold.state for block, fold in folded(writer.end()).items()}
        _refuse(home, states, before_ms)
        writer.give_name()
    return ArchiveFile(archive.path)


async def _ends_behind(connection: Connection, archive: ArchiveFile, before_ms: int) -> list[ArchivedBlock]:
    """Where each block of an archive ends by now. Raises NotPutAway."""
    ends = list[ArchivedBlock]()
    for former in archive.header.blocks:
        archived = await connection.fetchrow(_SQL["put_away"], former.block)
        if archived is not None and archived["erased_at"] is not None:
            raise NotPutAway(said_erased(former.block, archived))
        if await connection.fetchval(_SQL["chain_at"], former.block, former.position) != former.chain:
            raise NotPutAway(f"{event_id(former.block)}: {archive.path} is not the archive that it was put into")
        head = await connection.fetchrow(_SQL["head"], former.block)
        _check_quiet(former.block, head, before_ms)
        ends.append(msgspec.structs.replace(former, position=head["position"], chain=head["chain"]))
    return ends


def _check_quiet(block: BlockId, head: Any, before_ms: int) -> None:
    if head["recorded_at_ms"] >= before_ms:
        raise NotPutAway(f"{event_id(block)}: it was written to too lately")


async def _ends(connection: Connection, home: BlockId, before_ms: int) -> tuple[list[ArchivedBlock], BlockState]:
    """Where each block of the event ends, the home first, whose state there comes too. Raises NotPutAway."""
    ends, states = list[ArchivedBlock](), dict[BlockId, BlockState]()
    blocks = [home]
    while len(ends) < len(blocks):
        end, states[end.block] = await _end(connection, blocks[len(ends)], before_ms)
        ends.append(end)
        if end.block == home:
            blocks += [BlockId(part.block) for part in states[home].parts]
    _refuse(home, states, before_ms)
    return ends, states[home]


async def _end(connection: Connection, block: BlockId, before_ms: int) -> tuple[ArchivedBlock, BlockState]:
    """Where the block ends, and its state there, from its first row."""
    who = event_id(block)
    archived = await connection.fetchrow(_SQL["put_away"], block)
    if archived is not None and archived["erased_at"] is not None:
        raise NotPutAway(said_erased(block, archived))
    if archived is not None:
        raise ArchiveElsewhere(
            f"{who}: the rows before {archived['position']} are in {archived['archive']}: give the folder that has it, "
            "or restore it first"
        )
    head = await connection.fetchrow(_SQL["head"], block)
    if head is None:
        raise NotPutAway(f"{who}: the journal has no row of it")
    _check_quiet(block, head, before_ms)
    fold = await _fold(connection, block, head["position"])
    return ArchivedBlock(block, fold.state.tenant, fold.position, fold.chain), fold.state


async def _fold(connection: Connection, block: BlockId, position: int) -> Fold:
    """The block at this row; where that does not replay, without what the rows say is struck. Raises NotPutAway."""
    fold = Fold()
    try:
        async for row in _rows(connection, block, position):
            fold.follow(row)
    except NotPutAway:
        struck = frozenset([place async for row in _rows(connection, block, position) for place in struck_in(row)])
        if not struck:
            raise
    else:
        return fold
    fold = Fold(struck)
    async for row in _rows(connection, block, position):
        fold.follow(row)
    return fold


def said_erased(block: BlockId, archived: Any) -> str:
    """In words. `archived`: what is kept of it."""
    return f"{event_id(block)}: it was erased on {archived['erased_at']:%Y-%m-%d}"


def _refuse(home: BlockId, states: dict[BlockId, BlockState], before_ms: int) -> None:
    state = states[home]
    if state.layout is None or state.home or state.status is not EventStatus.ARCHIVED:
        what = "no event" if state.layout is None or state.home else f"{state.status.name}, and not ARCHIVED"
        raise NotPutAway(f"{event_id(home)}: it is {what}")
    for block, each in states.items():
        if core.next_deadline_ms(each) is not None:
            raise NotPutAway(
                f"{event_id(block)}: something of it is still to happen (a hold, an order, a leg, an errand)"
            )
        sold = (order for order in each.orders.values() if order.status in SOLD)
        if any(begins_ms >= before_ms for order in sold for begins_ms in slots_ms(each, each.holds[order.hold], order)):
            raise NotPutAway(f"{event_id(block)}: somebody has a slot of it that has not begun, or did so too lately")


def folded(archive: ArchiveFile) -> dict[BlockId, Fold]:
    """Each block at its end. Reads the whole file; raises NotPutAway, ArchiveDamaged, OSError."""
    try:
        return _folded(archive, {})
    except NotPutAway:
        struck: dict[BlockId, set[Place]] = {}
        for row in archive.rows():
            struck.setdefault(row.block, set()).update(struck_in(row))
        if not any(struck.values()):
            raise
    return _folded(archive, struck)


def _folded(archive: ArchiveFile, struck: Mapping[BlockId, Set[Place]]) -> dict[BlockId, Fold]:
    folds = {end.block: Fold(frozenset(struck.get(end.block, ()))) for end in archive.header.blocks}
    for row in archive.rows():
        folds[row.block].follow(row)
    return folds


async def _drop_rows(
    connection: Connection, home: BlockId, end: ArchivedBlock, state: bytes, archive: ArchiveFile
) -> int:
    """Drop the block's rows before the last that are here; how many. None if that was done before.

    Whether somebody is to look at the event is asked here once more: since it was, the whole file was read.
    """
    who = event_id(end.block)
    async with connection.transaction():
        await connection.execute(_SQL["take_turn"], end.block)
        archived = await connection.fetchrow(_SQL["put_away"], end.block)
        if archived is not None and archived["position"] == end.position:
            return 0
        head = await connection.fetchrow(_SQL["head"], end.block)
        if head is None or (head["position"], head["chain"]) != (end.position, end.chain):
            raise NotPutAway(f"{who}: its journal does not end where {archive.path.name} does")
        await _check_followed(connection, end)
        await _check_settled(connection, archive.header.blocks)
        await connection.execute(_SQL["save_snapshot"], end.block, end.position, end.chain, FORMAT, state)
        await connection.execute(_SQL["drop_other_snapshots"], end.block, end.position, FORMAT)
        await connection.execute(_SQL["remember"], end.block, home, end.position, end.chain, archive.path.name, state)
        dropped = await connection.execute(_SQL["drop_rows"], end.block, end.position)
    return int(dropped.split()[1])


async def _check_settled(connection: Connection, ends: Iterable[ArchivedBlock]) -> None:
    if (why := await why_unsettled(connection, (end.block for end in ends))) is not None:
        raise NotPutAway(why)


async def _check_followed(connection: Connection, end: ArchivedBlock) -> None:
    if not await connection.fetchval(_SQL["followed"], end.block, end.position, end.chain):
        raise NotPutAway(f"{event_id(end.block)}: what is read of it has not followed its journal to the end yet")


async def _rows(connection: Any, block: BlockId, position: int) -> Any:
    async for row in connection.cursor(_SQL["rows"], block, position, prefetch=ROWS_PER_FETCH):
        yield JournalRow(*row)


async def _rows_behind(connection: Connection, former: ArchivedBlock, position: int) -> AsyncIterator[JournalRow]:
    """Those behind where the block ended, up to this row, a page in a transaction of its own: rows only come."""
    after = former.position
    while after < position:
        page = await connection.fetch(_SQL["rows_behind"], former.block, after, position, ROWS_PER_FETCH)
        if not page:
            raise NotPutAway(f"{event_id(former.block)}: rows behind {after} left the journal meanwhile")
        for row in page:
            yield JournalRow(*row)
        after = page[-1]["position"]
