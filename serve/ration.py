"""A ration for what costs others much: one at a time, and not again at once."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Ration:
    """One turn at a time, and `period_s` from the beginning of one to the next. For one event loop."""

    def __init__(self, period_s: float, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._period_s = period_s
        self._monotonic_s = monotonic_s
        self._under_way = False
        self._next_s = float("-inf")

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Whether it is one's turn, which lasts as long as the context."""
        now_s = self._monotonic_s()
        if self._under_way or now_s < self._next_s:
            yield False
            return
        self._under_way, self._next_s = True, now_s + self._period_s
        try:
            yield True
        finally:
            self._under_way = False
