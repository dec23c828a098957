"""Archived blocks: of each the one snapshot that stands for its rows is there, is the one it was, and can be read."""

from collections.abc import AsyncIterator
from typing import Any

from rich.progress import Progress

from actors.core.ids import BlockId, event_id
from actors.core.snapshot import FORMAT, SnapshotDamaged
from actors.engine.replay import at_snapshot
from actors.journal.journal import Snapshot
from serve.doctor.findings import SQL, Finding, Patient, Standing, shown

KEPT_SNAPSHOTS = "archived"
_RESTORE = "holdfast archive restore FILE puts its rows back, from which it is loaded; then put it away anew"
_LOST = "its rows are erased, and it answers nobody: put the snapshot back from a backup of this database"


async def check_kept_snapshots(patient: Patient, progress: Progress) -> AsyncIterator[Finding]:
    """All that is put away or erased, a snapshot at a time: it is the only one, and no rows are here to compare it."""
    async for finding in shown(KEPT_SNAPSHOTS, _kept_snapshots(patient, progress), _RESTORE):
        yield finding


async def _kept_snapshots(patient: Patient, progress: Progress) -> AsyncIterator[Finding]:
    rows = await patient.connection.fetch(SQL["archived"])
    is_well = True
    for row in progress.track(rows, description=KEPT_SNAPSHOTS):
        kept = await patient.connection.fetchrow(SQL["kept_snapshot"], row["block_id"], FORMAT)
        if kept is not None and (seen := await _fault(kept)) is not None:  # else it was put back meanwhile
            is_well = False
            yield _finding(row["block_id"], seen, is_erased=kept["is_erased"])
    if is_well:
        seen = f"{len(rows):,} blocks are put away or erased, and the snapshots that stand for them are read"
        yield Finding(KEPT_SNAPSHOTS, Standing.OK, seen)


async def _fault(kept: Any) -> str | None:
    """What is wrong with it; None if nothing is."""
    if kept["state"] is None:
        formats = ", ".join(str(format_) for format_ in kept["formats"])
        return f"is of format {formats}, and this version reads {FORMAT}" if formats else "is not there"
    if kept["chain"] != kept["row_chain"]:
        return "stands on another row than the one that is here"
    if not kept["is_the_one"]:
        return "is not the one that was kept, by its hash"
    try:
        await at_snapshot(Snapshot(kept["block_id"], kept["position"], kept["chain"], FORMAT, kept["state"]))
    except SnapshotDamaged as damage:
        return f"does not decode ({damage})"
    return None


def _finding(block: str, seen: str, *, is_erased: bool) -> Finding:
    """Of a block that is put away the archive has all the rows, so nothing is lost."""
    named = (
        f"{event_id(BlockId(block))} is {'erased' if is_erased else 'put away'}, and the snapshot that stands for it"
    )
    if is_erased:
        return Finding(KEPT_SNAPSHOTS, Standing.WRONG, f"{named} {seen}", _LOST)
    return Finding(KEPT_SNAPSHOTS, Standing.WARNING, f"{named} {seen}", _RESTORE)
