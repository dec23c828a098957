"""Quarantines: blocks that their shards do not serve, as their state cannot be trusted."""

from rich.progress import Progress

from serve.doctor.findings import SQL, Finding, Patient, Standing

QUARANTINE = "quarantine"


async def check_quarantine(patient: Patient, _: Progress) -> list[Finding]:
    """What each shard that beats says of itself."""
    stopped = await patient.connection.fetch(SQL["stopped_blocks"])
    findings = [
        Finding(
            QUARANTINE,
            Standing.WRONG,
            f"{row['shard']} has stopped {row['stopped_count']} blocks",
            f"its log says which and why; holdfast replay of each, then holdfast shards stop {row['shard']}: its "
            "successor replays them",
        )
        for row in stopped
    ]
    return findings or [Finding(QUARANTINE, Standing.OK, "no shard has stopped a block")]
