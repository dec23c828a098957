"""Putting a finished event away: its rows into a file, then out of the journal, but for each block's last; and back.

Nothing is dropped before the file is on disk under its name and was read back, row by row. Then, block by block, the
parts before the home, one transaction drops the rows before the last, if that is still the last, and keeps a snapshot
of it. So whatever stops this anywhere, no row is lost, and the next try goes on: a whole file is used as it is.

The last row stays, as compare-and-append asks for it: nobody begins the block again at position 1.
"""

from collections.abc import Iterable, Mapping, Set
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from actors.archive.archive_file import SUFFIX, ArchivedBlock, ArchiveFile, ArchiveWriter, Header
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
ROWS_PER_COPY = 5_000
_COLUMNS = ("block_id", *JournalRow.__struct_fields__[1:])


class NotPutAway(Exception):
    """The event stays as it is, or as far as it was put away; the text says why."""


class NotRestored(Exception):
    """The archive does not fit the journal; the text says why."""


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
    path, rows = folder / f"{event_id(home)}{SUFFIX}", 0
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        if path.exists() and not await _is_behind(connection, archive := ArchiveFile(path)):
            ends = list(archive.header.blocks)
        else:
            ends, _ = await _ends(connection, home, before_ms)
        await _check_settled(connection, ends)
        for end in ends:
            if await connection.fetchrow(_SQL["put_away"], end.block) is None:
                await _check_followed(connection, end)
                rows += end.position - 1
    return rows


async def put_away(connection: Connection, home: BlockId, folder: Path, before_ms: int) -> PutAway:
    """Put the event away if nobody has written to it since `before_ms`; again: what is left of it.

    Raises NotPutAway, ArchiveDamaged, OSError, and `FAULTS`.
    """
    path = folder / f"{event_id(home)}{SUFFIX}"
    if not path.exists() or await _is_behind(connection, ArchiveFile(path)):
        await _write(connection, home, path, before_ms)
    archive = ArchiveFile(path)
    if archive.header.event_id != event_id(home):
        raise NotPutAway(f"{path} is of {archive.header.event_id}")
    await _check_settled(connection, archive.header.blocks)
    folds = folded(archive)
    rows = 0
    for end in reversed(archive.header.blocks):
        rows += await _drop_rows(connection, home, end, freeze(folds.pop(end.block).state), archive)
    return PutAway(path, rows)


async def restore(connection: Connection, archive: ArchiveFile) -> int:
    """Put the archive's rows back, the home's first; how many. Again: what is left of them.

    Raises NotRestored, ArchiveDamaged (nothing is changed then), and `FAULTS`.
    """
    archive.verify()
    count = 0
    for end in archive.header.blocks:
        async with connection.transaction():
            await connection.execute(_SQL["take_turn"], end.block)
            archived = await connection.fetchrow(_SQL["put_away"], end.block)
            if archived is not None and archived["erased_at"] is not None:
                raise NotRestored(
                    f"{_erased(end.block, archived)}: who has a copy of its archive reads it with --archive"
                )
            chain = await connection.fetchval(_SQL["chain_at"], end.block, end.position)
            if chain != end.chain:
                raise NotRestored(f"row {end.position} of {end.block} is not in this journal, or is another")
            if await connection.fetchval(_SQL["first_position"], end.block) == end.position:
                count += await _copy(connection, archive, end)
            await connection.execute(_SQL["forget"], end.block)
    return count


async def _copy(connection: Connection, archive: ArchiveFile, end: ArchivedBlock) -> int:
    count, rows = 0, list[JournalRow]()
    for row in archive.rows_of(end.block):
        if row.position < end.position:
            rows.append(row)
        if len(rows) >= ROWS_PER_COPY or (row.position == end.position and rows):
            values = [msgspec.structs.astuple(each) for each in rows]
            await connection.copy_records_to_table("journal", records=values, columns=_COLUMNS)
            count, rows = count + len(rows), []
    return count


async def _is_behind(connection: Connection, archive: ArchiveFile) -> bool:
    """Whether the file is of before a write that came later, and nothing of the event is put away by it."""
    behind = False
    for end in archive.header.blocks:
        if await connection.fetchrow(_SQL["put_away"], end.block) is not None:
            return False
        head = await connection.fetchrow(_SQL["head"], end.block)
        behind |= head is not None and head["position"] > end.position
    return behind


async def _write(connection: Connection, home: BlockId, path: Path, before_ms: int) -> None:
    """Write the file, as the journal is at one time."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        ends, state = await _ends(connection, home, before_ms)
        await _check_settled(connection, ends)
        now_ms = await connection.fetchval(_SQL["now_ms"])
        writer = ArchiveWriter(path, Header(event_id(home), state.name, state.tenant, now_ms, tuple(ends)))
        try:
            for end in ends:
                async for row in _rows(connection, end.block, end.position):
                    writer.add(row)
            writer.finish()
        finally:
            writer.close()


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
        raise NotPutAway(_erased(block, archived))
    if archived is not None:
        raise NotPutAway(
            f"{who}: the rows before {archived['position']} are in {archived['archive']}: give the folder that has it, "
            "or restore it first"
        )
    head = await connection.fetchrow(_SQL["head"], block)
    if head is None:
        raise NotPutAway(f"{who}: the journal has no row of it")
    if head["recorded_at_ms"] >= before_ms:
        raise NotPutAway(f"{who}: it was written to too lately")
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


def _erased(block: BlockId, archived: Any) -> str:
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
    """Drop the block's rows before the last; how many. None if that was done before.

    Whether somebody is to look at the event is asked here once more: since it was, the whole file was read.
    """
    who = event_id(end.block)
    async with connection.transaction():
        await connection.execute(_SQL["take_turn"], end.block)
        if await connection.fetchrow(_SQL["put_away"], end.block) is not None:
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
