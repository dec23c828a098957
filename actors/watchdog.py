"""A watchdog over an actor: Ray starts again what dies, and never what hangs.

Who works beside the shards asks Postgres at least once a second. One that hangs shows there: at so many looks, one
after the other, none of its sessions has asked or was answered, and Postgres owes it nothing. A look counts only where
the same Postgres answers it, so one that hangs itself is nobody's silence; and looks are counted, not seconds, so
neither is a machine that stood still. Whom it has never seen connected it does not miss.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

import ray
import structlog
from ray.exceptions import RayError

from actors.database.line import Line, LineUnavailable
from actors.database.queries import load_queries

_log = structlog.get_logger(__name__)

SQL = load_queries(Path(__file__).with_suffix(".sql"))
PERIOD_S = 2.0
LOOKS = 10
PATIENCE_S = 60.0  # with another that begins
BOUND_MS = 2_000

End: TypeAlias = Callable[[], None]
"""Ends the process of an actor. Raises RayError."""


class Signs(NamedTuple):
    """Of the sessions of one name. `changed_at`: when one last asked or was answered; `is_awaited`: one waits."""

    session_count: int
    changed_at: datetime | None
    is_awaited: bool


class Watchdog:
    """Over whoever has sessions of this name. `find` says how to end it, and raises RayError or ValueError.

    Both may take as long as Ray does: they are called in a thread.
    """

    def __init__(self, database_url: str, session: str, find: Callable[[], End]) -> None:
        self._line = Line(database_url, application_name="holdfast-watchdog", bound_ms=BOUND_MS)
        self._session = session
        self._find = find
        self._seen: Signs | None = None
        self._was_connected = False
        self._still_looks = 0

    async def run(self) -> None:
        """Look for ever, and end one that hangs, but not again before the next has had its time."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            await asyncio.sleep(PERIOD_S)
            if await self._hangs() and loop.time() >= due_s and await self._is_dealt_with():
                self._still_looks = 0
                due_s = loop.time() + PATIENCE_S

    async def close(self) -> None:
        """Look no more."""
        await self._line.close()

    async def _hangs(self) -> bool:
        """Look once: whether it has stood still for so many looks."""
        try:
            (row,) = await self._line.fetch(SQL["signs"], self._session)
        except LineUnavailable:
            return False
        signs = Signs(*row)
        self._was_connected = self._was_connected or signs.session_count > 0
        self._still_looks = self._still_looks + 1 if self._stands_still(signs) else 0
        self._seen = signs
        return self._still_looks >= LOOKS

    def _stands_still(self, signs: Signs) -> bool:
        if self._seen is None or signs.is_awaited or signs.changed_at != self._seen.changed_at:
            return False
        return self._was_connected if signs.session_count == 0 else signs.changed_at is not None

    async def _is_dealt_with(self) -> bool:
        """End it, or try to; False: it has asked again while Ray looked for it, or that cannot be known."""
        try:
            end = await asyncio.to_thread(self._find)
            if not await self._hangs():
                return False
            await asyncio.to_thread(end)
            _log.error("it hung and was ended, Ray starts another", session=self._session)
        except (RayError, ValueError) as fault:
            _log.error("it hangs and cannot be ended", session=self._session, fault=repr(fault))
        return True


def find_actor(name: str) -> End:
    """How to end the process of the actor of this name, of this cluster; Ray starts another.

    It is asked to end, and killed after 5 s. Raises RayError, and ValueError where there is none.
    """
    return partial(ray.kill, ray.get_actor(name), no_restart=False)
