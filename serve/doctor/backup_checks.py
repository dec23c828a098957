"""The backup of the embedded PostgreSQL that goes on: its base is there, and all of its log comes to it."""

from functools import partial
from typing import Any

from rich.progress import Progress

from serve.backup_folder import BackupError, check_log, has_base, marks_in, segment_at, segment_of_file
from serve.backup_making import drop_left
from serve.doctor.findings import SQL, Finding, Patient, Repair, Standing
from serve.local.archiving import receivers_in
from serve.local.disks import room_beside
from serve.local.going import WAL, Going, backup_of, why_over
from serve.local.log_room import least_room, room_of
from serve.local.postgres import HELD_BYTES, SLOT, SLOT_KEEPS_MB
from serve.local.stack import DataFolder

BACKUP = "backup"
BEHIND_WARNED_BYTES = 64 << 20  # four files of the log: one is on its way for as long as it fills
MAY_WAIT_WARNED_BYTES = 1 << 30
"""What an on-sale writes within minutes."""
_ANEW = "its marks up to here are good; begin a new one: holdfast backup create"


async def check_backup(patient: Patient, _: Progress) -> list[Finding]:
    """Of a PostgreSQL of one's own others see to that."""
    if patient.data_dir is None or not patient.data_dir.exists():
        return [Finding(BACKUP, Standing.OK, "not looked at: a PostgreSQL of your own is backed up by its own tools")]
    data = DataFolder(patient.data_dir)
    going = backup_of(data)
    slots = {row["slot_name"]: row for row in await patient.connection.fetch(SQL["backup_slots"], SLOT)}
    over = None if going is None else why_over(data, going)
    slot = None if going is None or over is not None else slots.pop(going.slot, None)
    drop = partial(_drop_left, data, patient.database_url)
    left = [_left(name, row["behind_bytes"], drop) for name, row in slots.items() if not row["active"]]
    if going is None:
        return left or [Finding(BACKUP, Standing.OK, "none goes on: holdfast backup create begins one")]
    may_grow = None if over is not None else _may_grow(patient, data, going)
    found = [*_of_folder(going, slot), *_of_log(going, slot, over, (_may_wait(patient, data), may_grow)), *left]
    if found or slot is None:
        return found
    seen = f"{going.folder} has its base, and the log but for {slot['behind_bytes'] / 1e6:.0f} MB"
    if may_grow is not None:
        seen += f"; on the disk of the data, where it is over when {may_grow / 1e6:,.0f} MB more are written"
    return [Finding(BACKUP, Standing.OK, seen)]


def _of_folder(going: Going, slot: Any) -> list[Finding]:
    """Whether it has its base, and all of the log that it ever had: up to each mark, and what was received since."""
    advice = "begin a new one: holdfast backup create, or holdfast backup end"
    if not has_base(going.folder):
        seen = f"{going.folder} has no whole base: nothing can be restored from it"
        return [Finding(BACKUP, Standing.WRONG, seen, advice)]
    if slot is not None and not (going.folder / WAL).is_dir() and not _is_received(going, slot):
        return []  # it may be on a disk that is away, and that nobody receives is found
    received = None if slot is None else slot["received_lsn"]
    try:
        needed = [segment_of_file(mark.file) for mark in marks_in(going.folder)]
        check_log(going.folder, max([*needed, -1 if received is None else segment_at(received) - 1]))
    except BackupError as fault:
        advice = f"see to it that nobody deletes there, and {advice}"
        return [Finding(BACKUP, Standing.WRONG, f"the log has a gap: {fault}", advice)]
    return []


def _may_grow(patient: Patient, data: DataFolder, going: Going) -> int | None:
    """How much more, in bytes, may be written where the backup is on a disk of the data; None: it is on another."""
    room = room_beside(data, going.folder / WAL)
    return None if room is None else max(0, room - least_room(patient.disk_reserve_mb))


def _may_wait(patient: Patient, data: DataFolder) -> int:
    """How much more of the log, in bytes, the disk lets wait before the backup gives way."""
    room = room_of(data)
    return SLOT_KEEPS_MB << 20 if room is None else max(0, room - least_room(patient.disk_reserve_mb))


def _is_received(going: Going, slot: Any) -> bool:
    return bool(slot["active"] and receivers_in(going.folder))


def _of_log(going: Going, slot: Any, over: str | None, room: tuple[int, int | None]) -> list[Finding]:
    """Whether it has no gap, and goes on without one. `room`: how much more of it may wait, and may be written."""
    may_wait, may_grow = room
    if slot is None or slot["wal_status"] == "lost":
        why = over or "it was not received for too long"
        seen = f"the log in {going.folder} has a gap ({why}): it has no further marks"
        return [Finding(BACKUP, Standing.WRONG, seen, _ANEW)]
    behind = slot["behind_bytes"]
    bound = min(SLOT_KEEPS_MB << 20, max(HELD_BYTES, behind + may_wait))
    waiting = f"{behind / 1e6:,.0f} MB wait for it, and above {bound / 1e6:,.0f} MB it has a gap"
    if not _is_received(going, slot):
        seen = f"nobody receives the log in {going.folder}; {waiting}"
        advice = "see logs/backup.log and the room there; it is tried again every 5 s while the stack runs"
        return [Finding(BACKUP, Standing.WARNING, seen, advice)]
    if slot["wal_status"] == "unreserved" or slot["behind_bytes"] > BEHIND_WARNED_BYTES:
        seen = f"the log in {going.folder} is behind: {waiting}"
        return [Finding(BACKUP, Standing.WARNING, seen, "see to its disk")]
    return _of_room(going, bound, may_grow)


def _of_room(going: Going, may_wait: int, may_grow: int | None) -> list[Finding]:
    """Whether little more may wait, or be written where it is on a disk of the data."""
    if min(may_wait, may_wait if may_grow is None else may_grow) >= MAY_WAIT_WARNED_BYTES:
        return []
    if may_grow is None:
        bound = f"{may_wait / 1e6:,.0f} MB might wait before it has a gap"
        seen = f"the log in {going.folder} is received; were it not, {bound}"
        return [Finding(BACKUP, Standing.WARNING, seen, "make room on the disk of the data folder")]
    seen = (
        f"{going.folder} is on the disk of the data, and is over when {may_grow / 1e6:,.0f} MB more are written there"
    )
    return [Finding(BACKUP, Standing.WARNING, seen, "make room, or begin a new one on another disk")]


def _left(slot: str, behind_bytes: int, drop: Repair) -> Finding:
    """Of a command that was killed, or of somebody whose receiver is away."""
    seen = f"the slot {slot} is of no backup that goes on, and lets Postgres keep {behind_bytes / 1e6:.0f} MB of log"
    advice = "holdfast doctor --repair drops it, and so do holdfast backup create and holdfast backup end"
    return Finding(BACKUP, Standing.WARNING, seen, advice, drop)


async def _drop_left(data: DataFolder, database_url: str) -> str:
    try:
        dropped = await drop_left(data, database_url)
    except BackupError as fault:
        return f"nothing: {fault}"
    return (
        f"{', '.join(dropped)}: dropped" if dropped else "nothing: there is none any more, or somebody receives by it"
    )
