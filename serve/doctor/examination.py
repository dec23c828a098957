"""All checks one after the other, quick ones first, what they found as text or JSON, and repairs where they are wished.

Text tells each thing when it is found; Ctrl-C ends with what was not looked at. The JSON document comes at the end,
after Ctrl-C as well: `standing` (OK, WARNING or WRONG, the worst of all), `findings`, `repairs` and `not_looked_at`
(names of checks that were left out or not finished). A finding: `check`, `standing`, `seen`, `advice` (empty if nothing
is to be done) and `repairable`. A repair: `check` and `done`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple, TypeAlias

import msgspec
from rich.console import Console
from rich.progress import Progress

from actors.audit.rows import connect_to_read
from actors.database.connect import FAULTS, cut
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
from serve.doctor.session_checks import DIRECTORY, PROJECTOR, check_directory, check_projector
from serve.doctor.snapshot_checks import SNAPSHOTS, check_snapshots

QuickCheck: TypeAlias = Callable[[Patient, Progress], Awaitable[list[Finding]]]
LongCheck: TypeAlias = Callable[[Patient, Progress], AsyncIterator[Finding]]

QUICK: dict[str, QuickCheck] = {
    MIGRATIONS: check_migrations,
    DISK: check_disk,
    REPLICATION: check_replication,
    TRANSACTIONS: check_transactions,
    WRAPAROUND: check_wraparound,
    BACKUP: check_backup,
    QUARANTINE: check_quarantine,
    ALARMS: check_alarms,
    DIRECTORY: check_directory,
    PROJECTOR: check_projector,
    AUDITOR: check_auditor,
    REDIS: check_redis,
    FENCES: check_fences,
    CLOCKS: check_clocks,
    PROJECTIONS: check_projections,
    DESKS: check_desks,
}
"""What asks Postgres a few questions each, those first whose answers cost least."""

LONG: dict[str, LongCheck] = {
    KEPT_SNAPSHOTS: check_kept_snapshots,
    CHAINS: check_chains,
    SNAPSHOTS: check_snapshots,
}
"""What reads all that was ever sold, and tells what it finds on the way."""

CHECKS = (*QUICK, *LONG)
"""In the order in which they are made; each is independent of the others."""

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""

_STYLES = {Standing.OK: "green", Standing.WARNING: "yellow", Standing.WRONG: "red"}


class Repaired(NamedTuple):
    """What was done for a check."""

    check: str
    done: str


Tell: TypeAlias = Callable[[Finding | Repaired], None]


class Examination:
    """What was found so far, of repaired checks as of after that; what was repaired; and what was not looked at yet."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.repairs: list[Repaired] = []
        self.not_looked_at = list(CHECKS)

    @property
    def standing(self) -> Standing:
        """The worst of all."""
        return max((finding.standing for finding in self.findings), default=Standing.OK)

    async def make(self, patient: Patient, progress: Progress, tell: Tell, *, repair: bool, quick: bool) -> None:
        """Make all checks, or the quick ones; each thing that is found or repaired is told at once.

        With `repair`, those that found something to mend are made again when that is done. May be cancelled.
        """
        for name in QUICK if quick else CHECKS:
            found = await self._looked(name, patient, progress, tell)
            if repair and (mendable := [finding.repair for finding in found if finding.repair]):
                for mend in mendable:
                    self.repairs.append(Repaired(name, await _mended(mend)))
                    tell(self.repairs[-1])
                self.findings = [finding for finding in self.findings if finding.check != name]
                await self._looked(name, patient, progress, tell)
            self.not_looked_at.remove(name)

    async def _looked(self, name: str, patient: Patient, progress: Progress, tell: Tell) -> list[Finding]:
        """What the check finds."""
        found = []
        async for finding in looked(name, patient, progress):
            found.append(finding)
            self.findings.append(finding)
            tell(finding)
        return found


def run_doctor(patient: Patient, console: Console, errors: Console, *, repair: bool, quick: bool, as_json: bool) -> int:
    """Examine a database (the patient's connection is made here), print what is found; the exit code, 0 to 2.

    2 also where the database cannot be reached, INTERRUPTED where not all was looked at that was to be.
    """
    examination = Examination()
    progress = Progress(console=errors, transient=True, disable=not errors.is_terminal)

    def tell(told: Finding | Repaired) -> None:
        progress.stop()  # else it is drawn over what is printed
        _print(told, console)
        progress.start()

    code: int | None = None
    try:
        asyncio.run(_examine(patient, progress, examination, _unheard if as_json else tell, repair=repair, quick=quick))
    except KeyboardInterrupt:
        code = INTERRUPTED
    except FAULTS as fault:
        errors.print(f"doctor: the database cannot be reached: {fault}", markup=False)
        return Standing.WRONG
    if as_json:
        console.print(_as_json(examination), markup=False)
    elif examination.not_looked_at:
        _print_not_looked_at(examination, progress, console, "--quick" if code is None else "interrupted")
    return examination.standing if code is None else code


async def looked(name: str, patient: Patient, progress: Progress) -> AsyncIterator[Finding]:
    """What a check finds; one that cannot be made is a finding as well."""
    try:
        if name in QUICK:
            for finding in await QUICK[name](patient, progress):
                yield finding
        else:
            async for finding in LONG[name](patient, progress):
                yield finding
    except (*FAULTS, LineUnavailable) as fault:
        advice = (
            "see that Postgres answers, that the schema is there (holdfast migrate), and that this role may read it"
        )
        yield Finding(name, Standing.WRONG, f"this cannot be looked at: {type(fault).__name__}: {fault}", advice)


async def _examine(
    patient: Patient, progress: Progress, examination: Examination, tell: Tell, *, repair: bool, quick: bool
) -> None:
    connection = await connect_to_read(patient.database_url)
    try:
        with progress:
            await examination.make(patient._replace(connection=connection), progress, tell, repair=repair, quick=quick)
    finally:
        cut(connection)  # a database that hangs must not keep who interrupts


async def _mended(repair: Callable[[], Awaitable[str]]) -> str:
    try:
        return await repair()
    except (*FAULTS, LineUnavailable) as fault:
        return f"nothing: {fault}"


def _unheard(_: Finding | Repaired) -> None:
    """For JSON all is told at the end."""


def _print(told: Finding | Repaired, console: Console) -> None:
    if isinstance(told, Repaired):
        console.print(f"repaired  {told.check}: {told.done}", style="cyan", markup=False)
        return
    console.print(f"{told.standing.name:8}  {told.check}: {told.seen}", style=_STYLES[told.standing], markup=False)
    if told.advice:
        console.print(f"{'':10}→ {told.advice}", markup=False)


def _print_not_looked_at(examination: Examination, progress: Progress, console: Console, why: str) -> None:
    """Of what was begun, how much was looked at."""
    begun = {task.description: f" (but for {task.percentage:.0f}% of it)" for task in progress.tasks}
    names = ", ".join(name + begun.get(name, "") for name in examination.not_looked_at)
    console.print(f"{'':10}not looked at, {why}: {names}", style="yellow", markup=False)


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
        "not_looked_at": examination.not_looked_at,
    }
    return msgspec.json.format(msgspec.json.encode(told)).decode()
