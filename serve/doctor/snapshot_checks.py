"""Snapshots: each decodes, stands on the row that it names, and leads to the state that the rows lead to."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from rich.progress import Progress

from actors.core.ids import BlockId, event_id
from actors.core.snapshot import FORMAT, SnapshotDamaged, digest
from actors.database.connect import connect
from actors.engine.hosted import HostedBlock
from actors.engine.replay import at_snapshot, before_first_row, replay
from actors.journal.journal import JournalUnavailable, Snapshot
from actors.journal.postgres import PostgresJournal
from actors.journal.succession import JournalDamaged
from serve.doctor.findings import SQL, Finding, Patient, Standing
from serve.doctor.journal_checks import blocks_to_check

SNAPSHOTS = "snapshots"
ROWS_PER_STEP = 5_000  # of a replay, after which the progress shows


async def check_snapshots(patient: Patient, progress: Progress) -> AsyncIterator[Finding]:
    """Those of this format, of the blocks that are asked for; each block is replayed once from its first row.

    What is in an archive is replayed from the snapshot that stands for it, which has a check of its own. That may take
    long, so it is not as of one moment; rows leave the journal only for an archive, which is asked last.
    """
    is_well, done_count = True, 0
    snapshot_count = alone_count = 0
    journal = PostgresJournal(patient.database_url, application_name="holdfast doctor")
    try:
        blocks = await blocks_to_check(patient)
        task = progress.add_task(SNAPSHOTS, total=sum(blocks.values()))
        for block, row_count in blocks.items():
            archived_at = await patient.connection.fetchval(SQL["archived_at"], block)
            kept = await patient.connection.fetchrow(SQL["kept_snapshot"], block, FORMAT)
            rows = await patient.connection.fetch(SQL["snapshots"], block, FORMAT, kept["position"] if kept else 0)
            snapshot_count += len(rows)
            alone_count += len(rows) == 1 and archived_at is None
            advance = partial(progress.advance, task)
            begun = await _begun(BlockId(block), kept) if rows else None
            found = await _check_block(patient, journal, begun, rows, advance) if begun else []
            if found and await patient.connection.fetchval(SQL["archived_at"], block) != archived_at:
                found = []  # meanwhile: its rows are in an archive, and what was found is that they are not here
            for finding in found:
                is_well = False
                yield finding
            done_count += row_count
            progress.update(task, completed=done_count)
    finally:
        await journal.close()
    if is_well:
        seen = f"{snapshot_count:,} snapshots lead to what their rows lead to"
        alone = f"; {alone_count:,} blocks have one and no second yet" if alone_count else ""
        yield Finding(SNAPSHOTS, Standing.OK, seen + alone)


async def _begun(block: BlockId, kept: Any) -> HostedBlock | None:
    """The block where its rows begin that are here; None: that cannot be read, as the check of archived blocks says.

    `kept`: what stands for those that are in an archive; None: none are.
    """
    if kept is None:
        return before_first_row(block)
    if kept["state"] is None or kept["chain"] != kept["row_chain"]:
        return None
    try:
        return await at_snapshot(Snapshot(block, kept["position"], kept["chain"], FORMAT, kept["state"]))
    except SnapshotDamaged:
        return None


async def _check_block(
    patient: Patient, journal: PostgresJournal, replayed: HostedBlock, rows: list[Any], advance: Callable[[float], None]
) -> list[Finding]:
    """In order of position, so that one replay passes them all; `advance` hears how many rows it has passed."""
    findings: list[Finding] = []
    block = replayed.block
    for row in rows:
        snapshot = Snapshot(block, row["position"], row["chain"], row["format"], row["state"])
        named = f"the snapshot of {event_id(block)} at row {snapshot.position}"
        if await patient.connection.fetchval(SQL["row_chain"], block, snapshot.position) != snapshot.chain:
            advice = "rows may be lost: compare with a backup or a replica before anything else; it is never used"
            findings.append(
                Finding(SNAPSHOTS, Standing.WRONG, f"{named} stands on a row that is not in the journal", advice)
            )
            continue
        try:
            await _replay(journal, replayed, snapshot.position, advance)
        except (JournalDamaged, JournalUnavailable) as fault:
            advice = "keep the snapshot: see what is said of the chain"
            findings.append(Finding(SNAPSHOTS, Standing.WRONG, f"{named} cannot be compared: {fault}", advice))
            break
        wrong = await _compared(snapshot, digest(replayed.state))
        if wrong is not None:
            standing, seen, advice = wrong
            repair = partial(_delete, patient.database_url, snapshot)
            findings.append(Finding(SNAPSHOTS, standing, f"{named} {seen}", advice, repair))
    return findings


async def _replay(
    journal: PostgresJournal, replayed: HostedBlock, to_position: int, advance: Callable[[float], None]
) -> None:
    """Raises JournalDamaged, JournalUnavailable."""
    while (position := replayed.position) < to_position:
        await replay(journal, replayed, min(to_position, position + ROWS_PER_STEP))
        advance(replayed.position - position)


async def _compared(snapshot: Snapshot, expected: bytes) -> tuple[Standing, str, str] | None:
    """What is wrong with it; None if it leads to this digest. All rows up to it replay, so it can be done without."""
    try:
        restored = await at_snapshot(snapshot)
    except SnapshotDamaged as damage:
        advice = "holdfast doctor --repair deletes it; until then replays begin at the one before or the first row"
        return Standing.WARNING, f"does not decode ({damage})", advice
    if digest(restored.state) != expected:
        advice = (
            "holdfast doctor --repair deletes it; then restart the shard that has the event, which may have used it"
        )
        return Standing.WRONG, "leads to another state than the rows", advice
    return None


async def _delete(database_url: str, snapshot: Snapshot) -> str:
    connection = await connect(database_url, application_name="holdfast doctor repair")
    try:
        gone = await connection.fetch(
            SQL["delete_snapshot"], snapshot.block, snapshot.format, snapshot.position, snapshot.chain, snapshot.state
        )
    finally:
        await connection.close()
    what = f"the snapshot of {event_id(snapshot.block)} at row {snapshot.position}"
    return f"{what} is deleted" if gone else f"{what} was gone, or another by now"
