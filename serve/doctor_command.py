"""`holdfast doctor`: is all that promises rest on as it should be? Needs the cluster's database, and no cluster."""

import re
import time
from pathlib import Path
from typing import Annotated

import typer

from serve.command_line import DatabaseUrl, DataDir, errors, fail, out, running_stack, settings_of

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

    settings = settings_of(data_dir=data_dir, database_url=database_url)
    redis_url: str | None
    folder: Path | None
    if settings.database_url is None:
        stack = running_stack(data_dir)
        database, redis_url, folder = stack.database_url, stack.redis_url, stack.settings.data_dir
    else:
        database, redis_url, folder = settings.database_url, settings.redis_url, None
    patient = Patient(None, database, redis_url, folder, settings.disk_reserve_mb, _since_ms(since), sample)
    raise typer.Exit(run_doctor(patient, out, errors, repair=repair, quick=quick, as_json=as_json))


def _since_ms(text: str | None) -> int:
    """The instant so long ago, in ms; 0 if none is named."""
    if text is None:
        return 0
    found = _SINCE.fullmatch(text)
    if found is None:
        fail(f"--since: {text} is not a time such as 30m, 12h or 7d")
    return time.time_ns() // 1_000_000 - int(found[1]) * _UNIT_MS[found[2]]
