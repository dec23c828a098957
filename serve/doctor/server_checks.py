"""What Postgres is and does: replication, migrations, long transactions, the age of its oldest transaction number."""

import re

from rich.progress import Progress

from actors.database.migrate import read_migrations
from serve.doctor.findings import SQL, Finding, Patient, Standing
from serve.local.postgres import SLOT

REPLICATION, MIGRATIONS, TRANSACTIONS, WRAPAROUND = "replication", "migrations", "transactions", "wraparound"
BEHIND_WARNED_BYTES = 64 << 20
WAITED_S = 5
LONG_S = 60
VERY_LONG_S = 3_600
AGE_WARNED = 1_000_000_000
AGE_WRONG = 1_600_000_000
_WANTED = re.compile(r"\s*(?:(?:first|any)\s+)?(\d+)\s*\(", re.IGNORECASE)  # without a bracket a number is a name
_WAITING = ("on", "remote_apply")  # for the disk of this machine, and of the replicas if there are any


async def check_replication(patient: Patient, _: Progress) -> list[Finding]:
    """How far an acknowledgement is kept: on this machine's disk, and on a second one."""
    server = await patient.connection.fetchrow(SQL["durability"])
    findings = [
        Finding(
            REPLICATION, Standing.WRONG, f"{name} is off", f"set {name} = on: without it a crash loses what was sold"
        )
        for name in ("fsync", "full_page_writes")
        if server[name] != "on"
    ]
    weak = sorted(set(server["commits"]) - {*_WAITING, "unknown"})
    if weak:
        seen = f"shards commit with synchronous_commit = {', '.join(weak)}"
        advice = "they ask for on: see what the role, the database or a pooler makes of it (alter role … reset …)"
        findings.append(Finding(REPLICATION, Standing.WRONG, seen, advice))
    if "unknown" in server["commits"]:
        seen = "how shards commit does not show in the names of their sessions"
        findings.append(Finding(REPLICATION, Standing.WARNING, seen, "see whether a pooler changes their names"))
    findings += await _replicas(patient, server["standby_names"], server["synchronous_count"])
    findings += await _waiting_commits(patient)
    if findings:
        return findings
    commits = ", ".join(server["commits"]) or "no shard is connected"
    return [Finding(REPLICATION, Standing.OK, f"{server['standby_names']} keeps up; synchronous_commit: {commits}")]


def wanted_count(standby_names: str) -> int:
    """How many replicas each commit waits for, by a value of synchronous_standby_names that Postgres has accepted."""
    counted = _WANTED.match(standby_names)
    return int(counted[1]) if counted else 1


async def _replicas(patient: Patient, standby_names: str, synchronous_count: int) -> list[Finding]:
    replicas = await patient.connection.fetch(SQL["replicas"], SLOT)
    if not standby_names:
        seen = "there is no synchronous replica: nothing acknowledged is lost on this machine's crash only"
        if replicas:
            seen += f" ({', '.join(row['application_name'] for row in replicas)} may be behind when it takes over)"
        advice = "well for one machine; to lose nothing with its disk either, add a replica and name it in "
        return [Finding(REPLICATION, Standing.WARNING, seen, f"{advice}synchronous_standby_names")]
    wanted = wanted_count(standby_names)
    if synchronous_count < wanted and any(row["sync_state"] == "unknown" for row in replicas):
        seen = f"synchronous_standby_names is {standby_names}, and this role may not see who of them is there"
        return [Finding(REPLICATION, Standing.WARNING, seen, "ask as a member of pg_monitor")]
    if synchronous_count < wanted:
        there = f"of {wanted} that it asks for {synchronous_count}" if synchronous_count else "no such replica"
        seen = f"synchronous_standby_names is {standby_names}, and {there} is there: commits wait"
        return [Finding(REPLICATION, Standing.WRONG, seen, "start the replica, or take its name out, or ask for fewer")]
    return [
        Finding(
            REPLICATION,
            Standing.WARNING,
            f"replica {row['application_name']} is {row['state']}, {row['behind_bytes'] / 1e6:.0f} MB behind",
            "see to its disk and its network: commits wait for it, or a failover to it takes long",
        )
        for row in replicas
        if row["state"] != "streaming" or row["behind_bytes"] > BEHIND_WARNED_BYTES
    ]


async def _waiting_commits(patient: Patient) -> list[Finding]:
    waiting = await patient.connection.fetchrow(SQL["waiting_commits"], WAITED_S)
    if not waiting["session_count"]:
        return []
    seen = f"{waiting['session_count']} commits wait for replicas, one of them for {waiting['longest_s']} s"
    advice = "what waits is not sold: see whether a replica hangs, or its network, or its disk"
    return [Finding(REPLICATION, Standing.WRONG, seen, advice)]


async def check_migrations(patient: Patient, _: Progress) -> list[Finding]:
    """The database's schema against that of this version."""
    applied = dict(await patient.connection.fetch(SQL["applied_migrations"]))
    ours = {migration.name: migration.checksum for migration in read_migrations()}
    pending = [name for name in ours if name not in applied]
    changed = [name for name in ours if name in applied and applied[name] != ours[name]]
    newer = sorted(applied.keys() - ours.keys())
    findings = []
    if pending:
        findings.append(
            Finding(MIGRATIONS, Standing.WRONG, f"not applied: {', '.join(pending)}", "run holdfast migrate")
        )
    if changed:
        seen = f"applied in another form: {', '.join(changed)}"
        advice = "use the version that made this database; a migration is never changed once it was released"
        findings.append(Finding(MIGRATIONS, Standing.WRONG, seen, advice))
    if newer:
        seen = f"of a newer version: {', '.join(newer)}"
        findings.append(Finding(MIGRATIONS, Standing.WARNING, seen, "finish the upgrade, or use that version's doctor"))
    return findings or [Finding(MIGRATIONS, Standing.OK, f"all {len(ours)} are applied")]


async def check_transactions(patient: Patient, _: Progress) -> list[Finding]:
    """Transactions that have been open for long: they hold locks, and keep Postgres from cleaning up."""
    findings = [
        Finding(
            TRANSACTIONS,
            Standing.WRONG if row["age_s"] > VERY_LONG_S else Standing.WARNING,
            f"session {row['pid']} ({row['application_name']}, {row['state']}) is in one for {row['age_s']} s",
            f"end it if nobody needs it: select pg_terminate_backend({row['pid']})",
        )
        for row in await patient.connection.fetch(SQL["long_transactions"], LONG_S)
    ]
    findings += [
        Finding(
            TRANSACTIONS,
            Standing.WRONG,
            f"{row['gid']} has been prepared for {row['age_s']} s",
            "Holdfast prepares none: commit prepared or rollback prepared it, whoever has made it",
        )
        for row in await patient.connection.fetch(SQL["prepared_transactions"], LONG_S)
    ]
    return findings or [Finding(TRANSACTIONS, Standing.OK, f"none is older than {LONG_S} s")]


async def check_wraparound(patient: Patient, _: Progress) -> list[Finding]:
    """Postgres stops taking writes when its oldest transaction number is two thousand million behind."""
    age = await patient.connection.fetchval(SQL["wraparound"])
    seen = f"the oldest transaction number is {age:,} behind"
    if age < AGE_WARNED:
        return [Finding(WRAPAROUND, Standing.OK, seen)]
    standing = Standing.WRONG if age >= AGE_WRONG else Standing.WARNING
    advice = "at 2,100,000,000 nothing can be sold: end what holds autovacuum up (see transactions), then vacuum freeze"
    return [Finding(WRAPAROUND, standing, seen, advice)]
