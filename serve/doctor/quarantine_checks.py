"""Quarantines: blocks that nobody is served from, as the catalogue says or as their shards cannot trust their state."""

from rich.progress import Progress

from actors.catalogue.quarantines import STANDING, Quarantine
from serve.doctor.findings import SQL, Finding, Patient, Standing
from serve.quarantine import line_of, way_out

QUARANTINE = "quarantine"
SHOWN = 20


async def check_quarantine(patient: Patient, _: Progress) -> list[Finding]:
    """What stands in the catalogue, the longest first; and what each shard that beats does not serve besides."""
    standing = [Quarantine(*row) for row in await patient.connection.fetch(STANDING, None)]
    standing.sort(key=lambda one: (one.imposed_at_ms, one.block))
    findings = [Finding(QUARANTINE, Standing.WRONG, line_of(one), _way_out(one)) for one in standing[:SHOWN]]
    if len(standing) > SHOWN:
        seen = f"{len(standing) - SHOWN} more are quarantined"
        findings.append(Finding(QUARANTINE, Standing.WRONG, seen, "holdfast quarantine list shows them all"))
    findings += [
        Finding(
            QUARANTINE,
            Standing.WRONG,
            f"{row['shard']} has itself stopped {row['stopped_count']} blocks",
            f"its log says which and why; holdfast replay of each, then holdfast shards stop {row['shard']}: its "
            "successor replays them",
        )
        for row in await patient.connection.fetch(SQL["stopped_blocks"])
    ]
    return findings or [Finding(QUARANTINE, Standing.OK, "nobody is kept from any block")]


def _way_out(standing: Quarantine) -> str:
    if standing.is_ending:
        return "its shard ends it as soon as it serves; if that takes long, see what the shard's log says"
    return way_out(standing)
