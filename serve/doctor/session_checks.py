"""Directory and projector, by their sessions in Postgres: each ends the other if it hangs, and nobody ends both."""

from rich.progress import Progress

from serve.doctor.findings import Finding, Patient, Standing
from serve.sessions import NEEDED, SQL, Sessions

DIRECTORY, PROJECTOR = "directory", "projector"


async def sessions(patient: Patient, name: str) -> Sessions:
    """Those of this name."""
    return Sessions(*await patient.connection.fetchrow(SQL["sessions"], [name]))


async def check_directory(patient: Patient, _: Progress) -> list[Finding]:
    """Whether it runs and asks."""
    return await _looked(patient, DIRECTORY)


async def check_projector(patient: Patient, _: Progress) -> list[Finding]:
    """Whether it runs and asks; how far it is, is told of the projections."""
    return await _looked(patient, PROJECTOR)


async def _looked(patient: Patient, check: str) -> list[Finding]:
    found = await sessions(patient, NEEDED[check].session)
    if fault := found.fault():
        return [Finding(check, Standing.WARNING, fault, NEEDED[check].advice)]
    return [Finding(check, Standing.OK, _well(found))]


def _well(found: Sessions) -> str:
    if not found.is_connected:
        return "none runs, and no shard beats that would need one"
    return "it is connected" + ("" if found.silent_s is None else f", and asked {found.silent_s:.1f} s ago")
