"""A disk that is full: where the journal is, and where the log of Postgres is."""

import asyncio
import os
import shutil
import subprocess
import time
from pathlib import Path

from serve.local.processes import is_living
from tests.chaos.database_faults import POSTGRES_AWAY
from tests.chaos.fault import Fault
from tests.chaos.stage import Stage, until

ROOM = "4g"
FULL_FOR_S = 6.0
BIND_AGAIN_S = 0.2

_SWITCH = "select pg_switch_wal()"
_MOVE = """
alter table journal set tablespace {0};
alter index journal_pkey set tablespace {0};
"""


class SmallDisk:
    """A file system of its own in memory."""

    def __init__(self, folder: Path, like: Path, room: str = ROOM) -> None:
        """At this folder, with the owner of the other."""
        self.folder = folder
        self._room = room
        folder.mkdir()
        owner = like.stat()
        _mount("-t", "tmpfs", "-o", f"size={room},mode=700,uid={owner.st_uid},gid={owner.st_gid}", "tmpfs", str(folder))

    def fill(self) -> None:
        """Leave no room."""
        usage = shutil.disk_usage(self.folder)
        _mount("-o", f"remount,size={max(usage.used, 4096)}", str(self.folder))

    def empty(self) -> None:
        """Make room."""
        self.resize(self._room)

    def resize(self, room: str) -> None:
        """Have so much from now on, as `mount` names sizes."""
        _mount("-o", f"remount,size={room}", str(self.folder))

    @property
    def is_full(self) -> bool:
        """Whether there is no room."""
        return shutil.disk_usage(self.folder).free == 0

    def remove(self) -> None:
        """Let it go, with all that is on it; harmless if it has been."""
        if self.folder.exists():
            subprocess.run(["umount", str(self.folder)], check=True)
            self.folder.rmdir()


class _DiskFull(Fault):
    """What both have in common."""

    inflicted = "a small file system without room"
    ended = "room is made after 6 s"

    _disk: SmallDisk

    async def cannot(self) -> str:
        """Whether one may mount here."""
        return await asyncio.to_thread(_cannot_mount)

    async def prepare(self, stage: Stage) -> None:
        """The small disk."""
        self._disk = SmallDisk(stage.folder / "small", stage.database.folder)
        stage.leftovers.append(self._disk.remove)


class JournalDiskFull(_DiskFull):
    """The table of the journal cannot grow: Postgres refuses its rows, and goes on."""

    what = "disk of the journal full"
    told_s = FULL_FOR_S + 1.0
    bound_s = 14.0
    observed = "Postgres says that there is no space left"

    async def prepare(self, stage: Stage) -> None:
        """Move the journal onto a disk of its own."""
        await super().prepare(stage)
        await stage.execute(f"create tablespace small location '{self._disk.folder}'")
        await stage.execute(_MOVE.format("small"))

    async def inflict(self, stage: Stage) -> None:
        """Fill it."""
        self._said = stage.database.said().count("No space left on device")
        self._disk.fill()

    async def effect(self, stage: Stage) -> str:
        """For as long as it is to last; behind the first refusal."""
        await until(lambda: stage.database.said().count("No space left on device") > self._said)
        await asyncio.sleep(FULL_FOR_S)
        said = stage.database.said().count("No space left on device") - self._said
        return f"Postgres said {said} times that no space was left" if self._disk.is_full else ""

    async def end(self, stage: Stage) -> None:
        """Make room."""
        self._disk.empty()

    async def tidy(self, stage: Stage) -> None:
        """Move the journal back."""
        await stage.execute(_MOVE.format("pg_default"))
        await stage.execute("drop tablespace small")
        self._disk.remove()


class LogDiskFull(_DiskFull):
    """Postgres cannot write its log: it ends, and does not start until there is room."""

    what = "disk of Postgres's log full"
    excused = POSTGRES_AWAY
    told_s = FULL_FOR_S + 10.0
    bound_s = 30.0
    observed = "Postgres has ended"

    async def prepare(self, stage: Stage) -> None:
        """Move the log onto a disk of its own."""
        await super().prepare(stage)
        await _move_log(stage, self._disk.folder / "pg_wal", is_link=True)

    async def inflict(self, stage: Stage) -> None:
        """Fill it, and use up what there is of the log."""
        self._pids = stage.database.processes()
        self._disk.fill()

    async def effect(self, stage: Stage) -> str:
        """Until it has ended, and for some seconds more."""
        while any(map(is_living, self._pids[:1])) and stage.database.fault() is None:
            try:
                await stage.fetch(_SWITCH)
            except Exception:
                await asyncio.sleep(BIND_AGAIN_S)
            await asyncio.sleep(0)
        await asyncio.sleep(FULL_FOR_S)
        return "Postgres ended" if stage.database.fault() is not None else ""

    async def end(self, stage: Stage) -> None:
        """Make room, and start Postgres."""
        self._disk.empty()
        await asyncio.to_thread(stage.database.start)

    async def tidy(self, stage: Stage) -> None:
        """Move the log back."""
        await _move_log(stage, stage.database.folder / "pg_wal", is_link=False)
        self._disk.remove()


async def _move_log(stage: Stage, to: Path, *, is_link: bool) -> None:
    """While Postgres is stopped. Where it ends up as a link, the folder is elsewhere."""

    def move() -> None:
        place = stage.database.folder / "pg_wal"
        stage.database.stop()
        former = place.resolve()
        if not is_link:
            place.unlink()
        _copy(former, to)
        if is_link:
            place.symlink_to(to)
        stage.database.start()

    await asyncio.to_thread(move)


def _copy(former: Path, to: Path) -> None:
    subprocess.run(["cp", "-a", str(former), str(to)], check=True)
    shutil.rmtree(former)


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True)


def _cannot_mount() -> str:
    if os.geteuid() != 0:
        return "only root may mount a small file system"
    folder = Path("/tmp") / f"holdfast-chaos-{os.getpid()}-{time.monotonic_ns()}"
    folder.mkdir()
    try:
        _mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder))
        subprocess.run(["umount", str(folder)], check=True)
    except (OSError, subprocess.CalledProcessError) as refusal:
        return f"no small file system can be mounted: {refusal}"
    finally:
        folder.rmdir()
    return ""
