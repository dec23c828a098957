"""Chains: every block's rows contiguous, chained and readable, as far as others have read them."""

from random import SystemRandom

from rich.progress import Progress

from actors.audit.rows import RowCheck, positions_read, rows_of
from actors.core.ids import BlockId, event_id
from serve.doctor.findings import SQL, Finding, Patient, Standing

CHAINS = "chains"
SHOWN = 20
_ADVICE = (
    "stop selling it, keep a copy of the database as it is, see holdfast audit and holdfast journal of it, and restore "
    "it from a backup or a replica"
)


async def blocks_to_check(patient: Patient) -> list[str]:
    """Those that are asked for, in order."""
    blocks = [row["block_id"] for row in await patient.connection.fetch(SQL["blocks"], patient.since_ms)]
    if patient.sample and patient.sample < len(blocks):
        blocks = sorted(SystemRandom().sample(blocks, patient.sample))
    return blocks


async def check_chains(patient: Patient, progress: Progress) -> list[Finding]:
    """Every row of the blocks that are asked for, one after the other, as of one moment."""
    findings: list[Finding] = []
    row_count = 0
    async with patient.connection.transaction(isolation="repeatable_read", readonly=True):
        read_by_others = await positions_read(patient.connection, None)
        put_away = {row["block_id"]: row["is_sound"] for row in await patient.connection.fetch(SQL["put_away"])}
        findings += [_unsound(block) for block, is_sound in put_away.items() if not is_sound]
        blocks = await blocks_to_check(patient)
        if not patient.since_ms and not patient.sample:
            blocks = sorted({*blocks, *read_by_others} - put_away.keys())
        for block in progress.track(blocks, description="chains"):
            check = RowCheck(block)
            async for row in rows_of(patient.connection, block):
                check.entries_of(row)
                row_count += 1
                if check.findings:
                    break  # what stands behind a damaged row says no more
            if check.findings:
                first = check.findings[0]
                seen = f"{event_id(BlockId(block))}, row {first.position}: {first.fault.value}: {first.sentence}"
                findings.append(Finding(CHAINS, Standing.WRONG, seen, _ADVICE))
            elif check.position < read_by_others.get(block, 0):
                seen = (
                    f"{event_id(BlockId(block))} ends at row {check.position}, others read row {read_by_others[block]}"
                )
                findings.append(Finding(CHAINS, Standing.WRONG, f"{seen}: last rows are missing", _ADVICE))
    if len(findings) > SHOWN:
        more = Finding(CHAINS, Standing.WRONG, f"{len(findings) - SHOWN} more blocks", _ADVICE)
        return [*findings[:SHOWN], more]
    away = f", and where {len(put_away):,} end that are in archives" if put_away else ""
    return findings or [Finding(CHAINS, Standing.OK, f"{row_count:,} rows of {len(blocks):,} blocks are sound{away}")]


def _unsound(block: str) -> Finding:
    seen = f"{event_id(BlockId(block))}: its first row is not the one that its archive ends with"
    return Finding(CHAINS, Standing.WRONG, seen, _ADVICE)
