"""Chains: every block's rows contiguous, chained and readable, as far as others have read them."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from random import SystemRandom
from typing import NamedTuple

from rich.progress import Progress

from actors.audit.findings import Finding as AuditFinding
from actors.audit.rows import Row, RowCheck, positions_read
from actors.core.ids import BlockId, event_id
from serve.doctor.findings import SQL, Finding, Patient, Standing, shown

CHAINS = "chains"
ROWS_PER_PAGE = 500
_ADVICE = (
    "stop selling it, keep a copy of the database as it is, see holdfast audit and holdfast journal of it, and restore "
    "it from a backup or a replica"
)


async def blocks_to_check(patient: Patient) -> dict[str, int]:
    """Those that are asked for, in order, and how many rows each has: of what is in an archive, those behind it."""
    blocks = [tuple(row) for row in await patient.connection.fetch(SQL["blocks"], patient.since_ms)]
    if patient.sample and patient.sample < len(blocks):
        blocks = sorted(SystemRandom().sample(blocks, patient.sample))
    return dict(blocks)


async def check_chains(patient: Patient, progress: Progress) -> AsyncIterator[Finding]:
    """Every row of the blocks that are asked for, one block after the other, a page in a transaction of its own.

    That may take long, and one transaction would keep Postgres from clearing up all that time. A journal only grows: so
    whatever others had read before must be there later. Rows leave it only for an archive, behind whose last row the
    check begins; whoever finds something asks for that row once more, and looks again.
    """
    async for finding in shown(CHAINS, _chains(patient, progress), _ADVICE):
        yield finding


async def _chains(patient: Patient, progress: Progress) -> AsyncIterator[Finding]:
    read_by_others = await positions_read(patient.connection, None)
    put_away = {row["block_id"]: row for row in await patient.connection.fetch(SQL["put_away"])}
    is_well, row_count = True, 0
    for block in (block for block, archived in put_away.items() if not archived["is_sound"]):
        is_well = False
        yield _unsound(block)
    archived_at = {block: archived["position"] for block, archived in put_away.items()}
    blocks = await blocks_to_check(patient)
    if not patient.since_ms and not patient.sample:
        others = {block: position - archived_at.get(block, 0) for block, position in read_by_others.items()}
        blocks = {block: count for block, count in others.items() if count > 0} | blocks
    task = progress.add_task(CHAINS, total=sum(blocks.values()))
    for block in sorted(blocks):
        advance = partial(progress.advance, task)
        read, seen = await _look(patient, block, archived_at.get(block), read_by_others.get(block, 0), advance)
        if seen:
            is_well = False
            yield Finding(CHAINS, Standing.WRONG, seen, _ADVICE)
        row_count += read.row_count
    if is_well:
        away = f", and where {len(put_away):,} end that are in archives" if put_away else ""
        yield Finding(CHAINS, Standing.OK, f"{row_count:,} rows of {len(blocks):,} blocks are sound{away}")


async def _look(
    patient: Patient, block: str, archived_at: int | None, read_by_others: int, advance: Callable[[float], None]
) -> tuple["_Read", str]:
    """A block's rows behind what is archived of it, and what is wrong; where that moves meanwhile, once more."""
    is_again = False
    while True:
        read = await _read(patient, block, archived_at, _unheard if is_again else advance)
        seen = _seen(block, read, read_by_others)
        now_at = await patient.connection.fetchval(SQL["archived_at"], block) if seen else archived_at
        if not seen or (is_again and now_at == archived_at):
            return read, seen
        archived_at, is_again = now_at, True  # it may have been in an archive, and be here again


class _Read(NamedTuple):
    """A block's rows up to the first that is wrong, or to the last."""

    row_count: int
    position: int
    first: AuditFinding | None


def _unheard(_: float) -> None:
    """Rows that are read once more are no progress."""


async def _read(patient: Patient, block: str, archived_at: int | None, advance: Callable[[float], None]) -> _Read:
    """`advance` hears of each page how many rows it has."""
    behind = None if archived_at is None else await _row_at(patient, block, archived_at)
    check, row_count = RowCheck(block, behind), 0
    while not check.findings:
        page = await patient.connection.fetch(SQL["rows"], block, check.position, ROWS_PER_PAGE)
        advance(len(page))
        for row in page:
            check.entries_of(Row(*row))
            row_count += 1
            if check.findings:
                break  # what stands behind says no more
        if len(page) < ROWS_PER_PAGE:
            break
    return _Read(row_count, check.position, check.findings[0] if check.findings else None)


async def _row_at(patient: Patient, block: str, position: int) -> Row | None:
    """None: it is not there."""
    rows = await patient.connection.fetch(SQL["rows"], block, position - 1, 1)
    return Row(*rows[0]) if rows and rows[0]["position"] == position else None


def _seen(block: str, read: _Read, read_by_others: int) -> str:
    """What is wrong with the block; empty if nothing is."""
    event = event_id(BlockId(block))
    if read.first is not None:
        return f"{event}, row {read.first.position}: {read.first.fault.value}: {read.first.sentence}"
    if read.position < read_by_others:
        return f"{event} ends at row {read.position}, others read row {read_by_others}: last rows are missing"
    return ""


def _unsound(block: str) -> Finding:
    seen = f"{event_id(BlockId(block))}: its first row is not the one that its archive ends with"
    return Finding(CHAINS, Standing.WRONG, seen, _ADVICE)
