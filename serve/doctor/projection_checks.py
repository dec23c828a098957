"""Projections: who has stopped following which block, and how far behind the others are."""

from functools import partial

from rich.progress import Progress

from actors.core.ids import BlockId, event_id
from actors.projections.availability import AvailabilityProjection
from actors.projections.deadlines import DeadlinesProjection
from actors.projections.listing import ListingProjection
from actors.projections.positions import Positions
from serve.doctor.findings import SQL, Finding, Patient, Standing

PROJECTIONS = "projections"
LAG_WARNED_MS = 10_000
FOLLOWING = (AvailabilityProjection.name, DeadlinesProjection.name, ListingProjection.name)
"""Those that the projector of this release keeps."""


async def check_projections(patient: Patient, _: Progress) -> list[Finding]:
    """Quarantined blocks, and rows that nobody has followed for a while."""
    findings = []
    for row in await patient.connection.fetch(SQL["quarantined"]):
        block = BlockId(row["block_id"])
        seen = f"{row['projections']} stopped at {event_id(block)}: {row['because']}"
        advice = (
            f"mend the cause, then holdfast projections rebuild {event_id(block)}, as holdfast doctor --repair does"
        )
        repair = partial(_rebuild, patient.database_url, block)
        findings.append(Finding(PROJECTIONS, Standing.WRONG, seen, advice, repair))
    unfollowed = await patient.connection.fetchrow(SQL["unfollowed"], FOLLOWING)
    lag_ms = unfollowed["lag_ms"] or 0
    if lag_ms > LAG_WARNED_MS:
        seen = f"rows are not followed for {lag_ms // 1000} s; {unfollowed['block_count']} times a block is behind"
        advice = "see whether the projector runs (its log, CPU, what its session in Postgres waits for); start it again"
        findings.append(Finding(PROJECTIONS, Standing.WARNING, seen, advice))
    return findings or [Finding(PROJECTIONS, Standing.OK, f"all are followed; {lag_ms} ms behind")]


async def _rebuild(database_url: str, block: BlockId) -> str:
    """What was done: nothing where the first rows are in an archive. Raises LineUnavailable."""
    positions, who = Positions(database_url, application_name="holdfast doctor repair"), event_id(block)
    try:
        begun = await positions.rebuild(block)
        archive = None if begun else await positions.archive_of(block)
    finally:
        await positions.close()
    if begun:
        return f"what is read of {who} is derived anew, as soon as a projector runs"
    if archive is None:
        return f"nothing: nothing is derived from a journal of {who} any more"
    return (
        f"nothing: what is read of {who} is derived from rows that are in the archive {archive}; put them back with "
        "holdfast archive restore, then repair it"
    )
