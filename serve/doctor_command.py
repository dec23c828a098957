"""`holdfast doctor`: is all that promises rest on as it should be? Needs the cluster's database, and no cluster."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Annotated

import typer

from serve.command_line import DatabaseUrl, DataDir, errors, fail, out, running_stack, settings_of

if TYPE_CHECKING:
    from serve.doctor.findings import Patient
    from serve.local.stack import Stack

_SINCE = re.compile(r"([0-9]{1,6})([mhd])")
_UNIT_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}


def doctor(
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document; see serve/doctor/examination.py.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what can be mended without losing anything, and look again.")
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out what reads all journals: archived, chains and snapshots.")
    ] = False,
    since: Annotated[
        str | None, typer.Option(help="Chains and snapshots only of events written to since then: 30m, 12h, 7d.")
    ] = None,
    sample: Annotated[int, typer.Option(min=0, help="Of at most so many events, by chance; 0: of all.")] = 0,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Check disk, replication, backup, directory, projector, audit, fences, clocks, chains, snapshots, and the rest.

    Says what is to be done: quick checks first, each thing when it is found. Only reads, unless it is to repair.
    Exit 0: all is well, 1: there are warnings, 2: something is wrong, 130: Ctrl-C, not all was looked at.
    """
    from serve.doctor.examination import run_doctor
    from serve.doctor.findings import Patient

    settings, since_ms = settings_of(data_dir=data_dir, database_url=database_url), _since_ms(since)
    if settings.database_url is None:
        patient = patient_of(running_stack(data_dir), since_ms, sample)
    else:
        patient = Patient(
            None, settings.database_url, settings.redis_url, None, settings.disk_reserve_mb, since_ms, sample
        )
    raise typer.Exit(run_doctor(patient, out, errors, repair=repair, quick=quick, as_json=as_json))


def patient_of(stack: Stack, since_ms: int = 0, sample: int = 0) -> Patient:
    """One that runs here, by the settings that it runs by; where its database is elsewhere, that has no folder here."""
    from serve.doctor.findings import Patient

    own = stack.settings
    folder = own.data_dir if own.database_url is None else None
    return Patient(None, stack.database_url, stack.redis_url, folder, own.disk_reserve_mb, since_ms, sample)


def _since_ms(text: str | None) -> int:
    """The instant so long ago, in ms; 0 if none is named."""
    if text is None:
        return 0
    found = _SINCE.fullmatch(text)
    if found is None:
        fail(f"--since: {text} is not a time such as 30m, 12h or 7d")
    return time.time_ns() // 1_000_000 - int(found[1]) * _UNIT_MS[found[2]]
