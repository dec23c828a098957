"""On which disk a folder is, and what is left there. Nobody who asks which waits for a disk that does not answer."""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from serve.local.stack import DataFolder

_MOUNTS = Path("/proc/self/mountinfo")
_ESCAPED = re.compile(r"\\([0-7]{3})")


def device_of(path: Path) -> str | None:
    """The device of the file system that this path without links leads to, as the kernel numbers it; None: unknown.

    By the kernel's list of mounts: bind mounts and subvolumes of one file system have the same device.
    """
    device, longest = None, -1
    with suppress(OSError):
        for line in _MOUNTS.read_text().splitlines():
            fields = line.split(" ")
            place = Path(_ESCAPED.sub(lambda escaped: chr(int(escaped[1], 8)), fields[4]))
            if path.is_relative_to(place) and len(place.parts) >= longest:  # of two at one place the later is seen
                device, longest = fields[2], len(place.parts)
    return device


def rooms_of(data: DataFolder) -> dict[Path, int]:
    """What is left, in bytes, where the embedded PostgreSQL's log is, and its data; without what is not here."""
    rooms = {}
    for place in (data.postgres / "pg_wal", data.postgres):
        with suppress(OSError):
            rooms[place] = shutil.disk_usage(place).free
    return rooms


def room_beside(data: DataFolder, folder: Path) -> int | None:
    """What is left, in bytes, on the disk of the embedded PostgreSQL that this folder is on too; None: on none."""
    device = device_of(folder)
    rooms = [
        room for place, room in rooms_of(data).items() if device is not None and device_of(place.resolve()) == device
    ]
    return min(rooms, default=None)


def megabytes(size: int) -> str:
    """So many bytes, as they are told."""
    return f"{size // 1_000_000:,} MB"
