"""Reads that are under way, each once for all who wait for it."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from actors.apart import look_at

K = TypeVar("K")
V = TypeVar("V")


class SharedRead(NamedTuple, Generic[V]):
    """One that is under way, after so many others; whoever stops waiting for its answer ends it for nobody."""

    number: int
    answer: asyncio.Future[V]


class SharedReads(Generic[K, V]):
    """At most one at a time for each key."""

    def __init__(self) -> None:
        self._under_way: dict[K, tuple[int, asyncio.Task[V]]] = {}
        self.begun = 0

    def join(self, key: K, read: Callable[[], Coroutine[Any, Any, V]]) -> SharedRead[V]:
        """The read of this key that is under way; `read` begins one if there is none. One that is over is none."""
        if key not in self._under_way or self._under_way[key][1].done():
            self.begun += 1
            self._under_way[key] = self.begun, asyncio.create_task(read())
            self._under_way[key][1].add_done_callback(partial(self._has_read, key))
        number, reading = self._under_way[key]
        return SharedRead(number, asyncio.shield(reading))

    def _has_read(self, key: K, reading: asyncio.Task[V]) -> None:
        if self._under_way[key][1] is reading:  # else the next has begun
            del self._under_way[key]
        look_at(reading)
