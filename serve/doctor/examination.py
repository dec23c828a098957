"""All checks one after the other, what they found as text or JSON, and repairs where they are wished.

The JSON document: `standing` (OK, WARNING or WRONG, the worst of all), `findings` and `repairs`. A finding: `check`,
`standing`, `seen`, `advice` (empty if nothing is to be done) and `repairable`. A repair: `check` and `done`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeAlias

import msgspec
from rich.console import Console
from rich.progress import Progress

from actors.audit.rows import connect_to_read
from actors.database.connect import FAULTS
from actors.database.line import LineUnavailable
from serve.doctor.auditor_checks import ALARMS, AUDITOR, check_alarms, check_auditor
from serve.doctor.backup_checks import BACKUP, check_backup
from serve.doctor.desk_checks import DESKS, check_desks
from serve.doctor.fence_checks import CLOCKS, FENCES, check_clocks, check_fences
from serve.doctor.findings import Finding, Patient, Standing
from serve.doctor.journal_checks import CHAINS, check_chains
from serve.doctor.kept_snapshot_checks import KEPT_SNAPSHOTS, check_kept_snapshots
from serve.doctor.machine_checks import DISK, REDIS, check_disk, check_redis
from serve.doctor.projection_checks import PROJECTIONS, check_projections
from serve.doctor.quarantine_checks import QUARANTINE, check_quarantine
from serve.doctor.server_checks import (
    MIGRATIONS,
    REPLICATION,
    TRANSACTIONS,
    WRAPAROUND,
    check_migrations,
    check_replication,
    check_transactions,
    check_wraparound,
)
from serve.doctor.snapshot_checks import SNAPSHOTS, check_snapshots

Check: TypeAlias = Callable[[Patient, Progress], Awaitable[list[Finding]]]

CHECKS: dict[str, Check] = {
    MIGRATIONS: check_migrations,
    CHAINS: check_chains,
    SNAPSHOTS: check_snapshots,
    KEPT_SNAPSHOTS: check_kept_snapshots,
    PROJECTIONS: check_projections,
    DESKS: check_desks,
    QUARANTINE: check_quarantine,
    ALARMS: check_alarms,
    AUDITOR: check_auditor,
    FENCES: check_fences,
    CLOCKS: check_clocks,
    REPLICATION: check_replication,
    TRANSACTIONS: check_transactions,
    WRAPAROUND: check_wraparound,
    BACKUP: check_backup,
    DISK: check_disk,
    REDIS: check_redis,
}
"""By name, in the order in which they are made; each is independent of the others."""

_STYLES = {Standing.OK: "green", Standing.WARNING: "yellow", Standing.WRONG: "red"}


class Repaired(NamedTuple):
    """What was done for a check."""

    check: str
    done: str


class Examination(NamedTuple):
    """All findings, those of repaired checks as of after that; and what was repaired."""

    findings: Sequence[Finding]
    repairs: Sequence[Repaired]

    @property
    def standing(self) -> Standing:
        """The worst of all."""
        return max((finding.standing for finding in self.findings), default=Standing.OK)


def run_doctor(patient: Patient, console: Console, errors: Console, *, repair: bool, as_json: bool) -> int:
    """Examine a database (the patient's connection is made here), print what was found; the exit code, 0 to 2.

    2 also where the database cannot be reached.
    """
    try:
        examination = asyncio.run(_examine(patient, errors, repair=repair))
    except FAULTS as fault:
        errors.print(f"doctor: the database cannot be reached: {fault}", markup=False)
        return Standing.WRONG
    if as_json:
        console.print(_as_json(examination), markup=False)
    else:
        _print(examination, console)
    return examination.standing


async def examine(patient: Patient, progress: Progress, *, repair: bool) -> Examination:
    """Make all checks. With `repair`, those that found something to mend are made again when that is done."""
    findings: list[Finding] = []
    repairs: list[Repaired] = []
    for name, check in CHECKS.items():
        found = await _looked(name, check, patient, progress)
        if repair and any(finding.repair for finding in found):
            repairs += [Repaired(name, await _mended(finding.repair)) for finding in found if finding.repair]
            found = await _looked(name, check, patient, progress)
        findings += found
    return Examination(findings, repairs)


async def _examine(patient: Patient, errors: Console, *, repair: bool) -> Examination:
    connection = await connect_to_read(patient.database_url)
    try:
        with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
            return await examine(patient._replace(connection=connection), progress, repair=repair)
    finally:
        await connection.close()


async def _looked(name: str, check: Check, patient: Patient, progress: Progress) -> list[Finding]:
    """What the check found; a check that cannot be made is a finding as well, and the others go on."""
    try:
        return await check(patient, progress)
    except (*FAULTS, LineUnavailable) as fault:
        advice = (
            "see that Postgres answers, that the schema is there (holdfast migrate), and that this role may read it"
        )
        return [Finding(name, Standing.WRONG, f"this cannot be looked at: {type(fault).__name__}: {fault}", advice)]


async def _mended(repair: Callable[[], Awaitable[str]]) -> str:
    try:
        return await repair()
    except (*FAULTS, LineUnavailable) as fault:
        return f"nothing: {fault}"


def _print(examination: Examination, console: Console) -> None:
    for repaired in examination.repairs:
        console.print(f"repaired  {repaired.check}: {repaired.done}", style="cyan", markup=False)
    for finding in examination.findings:
        console.print(
            f"{finding.standing.name:8}  {finding.check}: {finding.seen}", style=_STYLES[finding.standing], markup=False
        )
        if finding.advice:
            console.print(f"{'':10}→ {finding.advice}", markup=False)


def _as_json(examination: Examination) -> str:
    told = {
        "standing": examination.standing.name,
        "findings": [
            {
                "check": finding.check,
                "standing": finding.standing.name,
                "seen": finding.seen,
                "advice": finding.advice,
                "repairable": finding.repair is not None,
            }
            for finding in examination.findings
        ],
        "repairs": [{"check": repaired.check, "done": repaired.done} for repaired in examination.repairs],
    }
    return msgspec.json.format(msgspec.json.encode(told)).decode()
