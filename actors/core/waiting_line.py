"""The waiting line: who waits, in order; those with the same wish together, as one look mostly answers for all."""

from collections import OrderedDict
from collections.abc import Container, Iterator
from heapq import heapify, heappop, heappush
from itertools import islice

from actors.core.wishes import Wish

MAX_WAITERS = 50_000
MAX_WISHES = 500
"""Different ones: whenever something comes back, each is looked at, which takes some 40 µs."""


class WaitingLine:
    """Numbers of waiters by wish, in the order of their joining. `stirred`: something may have come back for them."""

    def __init__(self) -> None:
        self.stirred = False
        self._waiting: dict[Wish, OrderedDict[int, int]] = {}  # waiter: its turn
        self._turns = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def has_room(self, wish: Wish) -> bool:
        """Whether one more can wait for this."""
        return self._count < MAX_WAITERS and (wish in self._waiting or len(self._waiting) < MAX_WISHES)

    def join(self, waiter: int, wish: Wish) -> None:
        """Stand at the end."""
        self._turns += 1
        self._waiting.setdefault(wish, OrderedDict())[waiter] = self._turns
        self._count += 1
        self.stirred = True

    def leave(self, waiter: int, wish: Wish) -> None:
        """Stand there no longer."""
        same = self._waiting[wish]
        del same[waiter]
        self._count -= 1
        if not same:
            del self._waiting[wish]

    def in_turn(self, hopeless: Container[Wish]) -> Iterator[int]:
        """Who waits, who came first being first; without those of wishes that have become hopeless meanwhile.

        Costs as much as is looked at, and a look at each wish.
        """
        ahead = []  # heap of the next of each wish: (turn, waiter, its wish, those behind it)
        for wish, same in self._waiting.items():
            behind = iter(same.items())
            waiter, turn = next(behind)
            ahead.append((turn, waiter, wish, behind))
        heapify(ahead)
        while ahead:
            _, waiter, wish, behind = heappop(ahead)
            if wish in hopeless:
                continue
            yield waiter
            for following, turn in islice(behind, 1):
                heappush(ahead, (turn, following, wish, behind))

    def ahead_of(self, waiter: int, wish: Wish) -> int:
        """How many wait that came before, whatever they wish for."""
        turn = self._waiting[wish][waiter]
        return sum(1 for same in self._waiting.values() for other in same.values() if other < turn)
