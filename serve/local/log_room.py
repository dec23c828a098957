"""The room on the disk of the embedded PostgreSQL's log, where what backups have not received waits.

Everything that is sold goes to that disk. Where it has less room than its reserve and much log waits, or the backup is
on that disk itself and grows with all that is received, the backup is over before the sale is: its slot is dropped, its
folder stays good for the marks that it has. Postgres is asked by a thread, for so long at most: one that hangs keeps
nobody from looking after the rest.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

from actors.database.connect import FAULTS, Connection, connect, cut
from actors.database.queries import load_queries
from serve.local.disks import megabytes, room_beside, rooms_of
from serve.local.going import WAL, Going, backup_of, keep_over, slot_of, why_over
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
    """With how little room, in bytes, a backup may keep log waiting, or be on that disk itself."""
    return max(reserve_mb, _LEAST_MB) * 1_000_000


def room_of(data: DataFolder) -> int | None:
    """What is left on the disk of the log, in bytes; None if it is not here."""
    return rooms_of(data).get(data.postgres / "pg_wal")


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
        room = min(rooms_of(self._data).values(), default=None)
        if room is not None and room < self._least:
            self._again_at = time.monotonic() + _PERIOD_S
            self._asking = Thread(target=self._ask, args=(room,), daemon=True)
            self._asking.start()
        return None

    def _ask(self, room: int) -> None:
        try:
            asyncio.run(self._let_go())
            self._is_told = False
        except FAULTS as fault:
            if not self._is_told:
                self._is_told = True
                self._told.put(
                    f"backup: {megabytes(room)} are left on the disk of {self._data.root}, and whether log waits there "
                    f"for a backup cannot be seen, or ended: {str(fault) or type(fault).__name__}; tried again every "
                    f"{_PERIOD_S:.0f} s"
                )

    async def _let_go(self) -> None:
        """End what much of the log waits for; if that makes no room, what is on that disk itself. Raises `FAULTS`."""
        async with asyncio.timeout(_BOUND_S):
            connection = await connect(self._stack.database_url, application_name="holdfast backup")
            try:
                room = room_of(self._data)
                if room is not None and room < self._least:
                    await self._end_held(connection, room)
                going = backup_of(self._data)
                if going is not None and going.slot == slot_of(self._data):
                    await self._end_beside(connection, going)
            finally:
                cut(connection)

    async def _end_held(self, connection: Connection, room: int) -> None:
        """End what much of the log waits for, whoever receives it."""
        held = await connection.fetch(_SQL["held"], SLOT, HELD_BYTES)
        for slot in held:
            little = f"{self._left(room)}, and {megabytes(slot['behind_bytes'])} of log waited for it"
            going = backup_of(self._data)
            if going is not None and going.slot == slot["slot_name"]:
                advice = (
                    f"See to its disk ({self._data.logs / 'backup.log'} may say more), make room, and begin a new one"
                )
                await self._end(connection, going, little, advice)
            else:
                await _drop(connection, slot["slot_name"])
                self._told.put(f"backup: the slot {slot['slot_name']}, of no backup that goes on, is dropped: {little}")
        if held:
            await connection.execute(_SQL["make_room"])

    async def _end_beside(self, connection: Connection, going: Going) -> None:
        """End the backup if its own log takes the room, however soon that is received."""
        room = room_beside(self._data, going.folder / WAL)
        if room is not None and room < self._least:
            little = f"{self._left(room)}, on which it is as well"
            await self._end(connection, going, little, "Make room, and begin a new one, on another disk")

    def _left(self, room: int) -> str:
        return f"{megabytes(room)} were left on the disk of {self._data.root}"

    async def _end(self, connection: Connection, going: Going, little: str, advice: str) -> None:
        """Say so, and drop the slot."""
        why = f"it was ended, as {little}"
        with suppress(CannotStart):  # there may be no room for that
            keep_over(self._data, going, why)
        await _drop(connection, going.slot)
        if why_over(self._data, going) is None:
            await connection.execute(_SQL["make_room"])
            with suppress(CannotStart):  # holdfast doctor then sees that the slot is gone
                keep_over(self._data, going, why)
        self._told.put(
            f"backup: that in {going.folder} is over, and selling goes on: {little}. Its marks up to here are good. "
            f"{advice}: holdfast backup create"
        )


async def _drop(connection: Connection, slot: str) -> None:
    """Until it is gone. Raises `FAULTS`."""
    while await connection.fetchval(_SQL["is_there"], slot):
        await connection.fetch(_SQL["end_receiving"], slot)
        await connection.fetch(_SQL["drop"], slot)
        await asyncio.sleep(_LOOK_S)
