"""When each of many is due, the first at hand; what is put off or over leaves its former time behind for a while."""

from collections.abc import Callable, Mapping
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

T = TypeVar("T")

FEW_STALE = 1_000
"""So many times that do not count any more may be kept at least; above that, about as many as those that do."""


class DueHeap(Generic[T]):
    """The due times of what is in `live`, by number. Whoever puts it there, or gives it another time, pushes it."""

    def __init__(self, live: Mapping[int, T], due_ms: Callable[[T], int]) -> None:
        self._live = live
        self._due_ms = due_ms
        self._dues: list[tuple[int, int]] = []  # heap of (due, number); some are stale

    def __len__(self) -> int:
        return len(self._dues)

    def push(self, number: int) -> None:
        """This one is due when it says so now."""
        if len(self._dues) >= 2 * len(self._live) + FEW_STALE:
            self._dues = [(self._due_ms(each), other) for other, each in self._live.items()]
            heapify(self._dues)
        else:
            heappush(self._dues, (self._due_ms(self._live[number]), number))

    def first(self) -> T | None:
        """What is due first, by number if at once. Drops stale times, which changes nothing that counts."""
        while self._dues:
            due_ms, number = self._dues[0]
            one = self._live.get(number)
            if one is not None and self._due_ms(one) == due_ms:
                return one
            heappop(self._dues)
        return None
