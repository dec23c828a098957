"""Values that are read anew after a short while, once for all who ask, and kept for when they cannot be read."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, TypeVar

from actors.database.line import LineUnavailable
from actors.shared_reads import SharedReads

FRESH_S = 0.2
PATIENCE_S = 0.3  # of who could be shown what is known
AWAY_S = 1.0

K = TypeVar("K")
V = TypeVar("V")


class ReadUnavailable(Exception):
    """The read models cannot be reached, and what is asked for was not seen before."""


class _Known(Generic[V]):
    __slots__ = ("fresh_until", "value")

    def __init__(self, value: V, fresh_until: float) -> None:
        self.value = value
        self.fresh_until = fresh_until


class FreshValues(Generic[K, V]):
    """Up to `limit` values by key, at most 200 ms old, or 1 s more for each time that reading one failed or took long.

    How many values are read at once is for `read` to bound: it raises LineUnavailable.
    """

    def __init__(
        self, read: Callable[[K], Awaitable[V | None]], *, limit: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._limit = limit
        self._monotonic = monotonic
        self._known: OrderedDict[K, _Known[V]] = OrderedDict()
        self._reads: SharedReads[K, V | None] = SharedReads()

    async def get(self, key: K) -> V | None:
        """The value; None, which is never kept, if there is none. Raises ReadUnavailable.

        Who knows one already does not wait for the next longer than `PATIENCE_S`; it is read all the same.
        """
        known = self._known.get(key)
        if known is not None and self._monotonic() < known.fresh_until:
            return known.value
        read = self._reads.join(key, partial(self._read_anew, key))
        try:
            async with asyncio.timeout(None if known is None else PATIENCE_S):
                return await read.answer
        except (LineUnavailable, TimeoutError) as fault:
            if known is None:
                raise ReadUnavailable(str(fault)) from fault
            known.fresh_until = self._monotonic() + AWAY_S
            return known.value

    async def _read_anew(self, key: K) -> V | None:
        fresh_until = self._monotonic() + FRESH_S
        value = await self._read(key)
        self._known.pop(key, None)
        if value is not None:
            self._known[key] = _Known(value, fresh_until)
            if len(self._known) > self._limit:
                self._known.popitem(last=False)
        return value
