"""The room on the disk of the embedded PostgreSQL's log, where what backups have not received waits.

Everything that is sold goes to that disk. Where it has less room than its reserve and much log waits, the backup is
over before the sale is: its slot is dropped, its folder stays good for the marks that it has. Postgres is asked by a
thread, for so long at most: one that hangs keeps nobody from looking after the rest.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

from actors.database.connect import FAULTS, Connection, connect, cut
from actors.database.queries import load_queries
from serve.local.going import backup_of, keep_over, why_over
from serve.local.postgres import HELD_BYTES, SLOT
from serve.local.preflight import CannotStart

if TYPE_CHECKING:
    from serve.local.stack import DataFolder, Stack

_SQL = load_queries(Path(__file__).parents[1] / "sql" / "log_room.sql")
_LEAST_MB = 256  # the reserve of the settings may be none
_PERIOD_S = 3.0
_BOUND_S = 60.0  # of which a checkpoint takes the most
_LOOK_S = 0.05


def least_room(reserve_mb: int) -> int:
    """With how little room, in bytes, a backup may keep log waiting."""
    return max(reserve_mb, _LEAST_MB) * 1_000_000


def room_of(data: DataFolder) -> int | None:
    """What is left on the disk of the log, in bytes; None if it is not here."""
    try:
        return shutil.disk_usage(data.postgres / "pg_wal").free
    except OSError:
        return None


class LogRoom:
    """Looks at the room, and ends what takes it; asks Postgres every few seconds while there is too little."""

    def __init__(self, stack: Stack, data: DataFolder) -> None:
        self._stack = stack
        self._data = data
        self._least = least_room(stack.settings.disk_reserve_mb)
        self._told: SimpleQueue[str] = SimpleQueue()
        self._asking: Thread | None = None
        self._again_at = 0.0
        self._is_told = False  # that it cannot be seen; why may be another thing each time

    def look(self) -> str | None:
        """What has happened, if it is to be told. Waits for nobody."""
        with suppress(Empty):
            return self._told.get_nowait()
        if time.monotonic() < self._again_at or (self._asking is not None and self._asking.is_alive()):
            return None
        room = room_of(self._data)
        if room is not None and room < self._least:
            self._again_at = time.monotonic() + _PERIOD_S
            self._asking = Thread(target=self._ask, args=(room,), daemon=True)
            self._asking.start()
        return None

    def _ask(self, room: int) -> None:
        try:
            asyncio.run(self._let_go(room))
            self._is_told = False
        except FAULTS as fault:
            if not self._is_told:
                self._is_told = True
                self._told.put(
                    f"backup: {_mb(room)} are left on the disk of {self._data.root}, and whether log waits there for a "
                    f"backup cannot be seen, or ended: {str(fault) or type(fault).__name__}; tried again every "
                    f"{_PERIOD_S:.0f} s"
                )

    async def _let_go(self, room: int) -> None:
        """End what much of the log waits for. Raises `FAULTS`."""
        async with asyncio.timeout(_BOUND_S):
            connection = await connect(self._stack.database_url, application_name="holdfast backup")
            try:
                held = await connection.fetch(_SQL["held"], SLOT, HELD_BYTES)
                for slot in held:
                    await self._end(connection, slot["slot_name"], slot["behind_bytes"], room)
                if held:
                    await connection.execute(_SQL["make_room"])
            finally:
                cut(connection)

    async def _end(self, connection: Connection, slot: str, behind_bytes: int, room: int) -> None:
        """Say so, and drop the slot, whoever receives by it."""
        little = f"{_mb(room)} were left on the disk of {self._data.root}, and {_mb(behind_bytes)} of log waited for it"
        going = backup_of(self._data)
        if going is None or going.slot != slot:
            await _drop(connection, slot)
            self._told.put(f"backup: the slot {slot}, of no backup that goes on, is dropped: {little}")
            return
        why = f"it was ended, as {little}"
        with suppress(CannotStart):  # there may be no room for that
            keep_over(self._data, going, why)
        await _drop(connection, slot)
        if why_over(self._data, going) is None:
            await connection.execute(_SQL["make_room"])
            with suppress(CannotStart):  # holdfast doctor then sees that the slot is gone
                keep_over(self._data, going, why)
        self._told.put(
            f"backup: that in {going.folder} is over, and selling goes on: {little}. Its marks up to here are good. "
            f"See to its disk ({self._data.logs / 'backup.log'} may say more), make room, and begin a new one: "
            "holdfast backup create"
        )


async def _drop(connection: Connection, slot: str) -> None:
    """Until it is gone. Raises `FAULTS`."""
    while await connection.fetchval(_SQL["is_there"], slot):
        await connection.fetch(_SQL["end_receiving"], slot)
        await connection.fetch(_SQL["drop"], slot)
        await asyncio.sleep(_LOOK_S)


def _mb(size: int) -> str:
    return f"{size // 1_000_000:,} MB"
