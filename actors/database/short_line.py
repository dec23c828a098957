"""A line to Postgres where few stand: who finds it full, or Postgres silent a moment ago, is told so at once."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from actors.apart import look_at
from actors.database.line import Line, LineRefused, LineUnavailable

MAX_WAITING = 256
AWAY_S = 1.0


class ShortLine:
    """The line for what many may ask at once, with at most `MAX_WAITING` in it, also of those whose askers have left.

    When a statement has failed, Postgres is believed to be away for a second: all who stand behind it are told then, as
    each would else wait as long as the one before it. What Postgres refuses for good says nothing about the others.
    """

    def __init__(self, line: Line, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._line = line
        self._monotonic = monotonic
        self._turn = asyncio.Lock()
        self._waiting: set[asyncio.Task[list[Any]]] = set()
        self._away_until_s = float("-inf")

    async def fetch(self, query: str, *arguments: object) -> list[Any]:
        """The rows of one statement, when it is its turn. Raises LineUnavailable."""
        self._refuse_while_away()
        if len(self._waiting) >= MAX_WAITING:
            raise LineUnavailable(f"{MAX_WAITING} wait for Postgres already")
        waiting = asyncio.create_task(self._fetch(query, arguments))
        self._waiting.add(waiting)
        waiting.add_done_callback(self._has_waited)
        return await asyncio.shield(waiting)  # its place is occupied until the line is done with it

    async def close(self) -> None:
        """End the line; nothing in flight is waited for."""
        await self._line.close()

    async def _fetch(self, query: str, arguments: tuple[object, ...]) -> list[Any]:
        async with self._turn:
            self._refuse_while_away()
            try:
                return await self._line.fetch(query, *arguments)
            except LineRefused:
                raise
            except LineUnavailable:
                self._away_until_s = self._monotonic() + AWAY_S
                raise

    def _has_waited(self, waiting: "asyncio.Task[list[Any]]") -> None:
        self._waiting.discard(waiting)
        look_at(waiting)

    def _refuse_while_away(self) -> None:
        if self._monotonic() < self._away_until_s:
            raise LineUnavailable("Postgres was away a moment ago")
