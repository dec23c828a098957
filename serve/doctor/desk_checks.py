"""Desks: how many baskets each has that were ever paid, which stay as long as the desk and are bounded."""

from rich.progress import Progress

from actors.core import desk
from actors.core.ids import BlockId, TenantId, desks_of, event_id
from actors.core.replies import OrderStatus
from serve.doctor.findings import SQL, Finding, Patient, Standing

DESKS = "desks"
WARNED_FROM = 0.8
SHOWN = 20


async def check_desks(patient: Patient, _: Progress) -> list[Finding]:
    """The fullest first, by what is listed of them: what is not listed yet is not counted."""
    tenants = {
        block: TenantId(row["tenant"])
        for row in await patient.connection.fetch(SQL["tenants"])
        for block in desks_of(TenantId(row["tenant"]))
    }
    paid = await patient.connection.fetch(SQL["paid_orders"], list(tenants), OrderStatus.PENDING)
    full = [row for row in paid if row["paid_count"] >= WARNED_FROM * desk.MAX_BASKETS]
    findings = [_told(row["block_id"], tenants[row["block_id"]], row["paid_count"]) for row in full[:SHOWN]]
    if len(full) > SHOWN:
        findings.append(
            Finding(DESKS, Standing.WARNING, f"{len(full) - SHOWN} more are nearly full", findings[0].advice)
        )
    most = max((row["paid_count"] for row in paid), default=0)
    seen = f"{len(paid):,} have baskets that were ever paid; {most:,} at most of {desk.MAX_BASKETS:,} that one can have"
    return findings or [Finding(DESKS, Standing.OK, seen)]


def _told(block: BlockId, tenant: TenantId, count: int) -> Finding:
    has = f"{count:,} baskets that were ever paid, of {desk.MAX_BASKETS:,} that it can have"
    seen = f"{event_id(block)} of {tenant} has {has}"
    share = f"one in {len(desks_of(tenant))} of this tenant's keys belongs to it, and it never has room again"
    next_time = "sell what is to come as another tenant (holdfast keys create), which has desks of its own"
    if count < desk.MAX_BASKETS:
        return Finding(DESKS, Standing.WARNING, seen, f"{share} once it is full: before that, {next_time}")
    refused = "baskets and holds of split events under such keys are refused, and may be had under another key"
    return Finding(DESKS, Standing.WRONG, seen, f"{share}: {refused}; {next_time}")
