"""The waiting line: who waits, in order, and who of them is worth a look.

Nobody is looked at twice in vain. Those with the same wish stand together: what keeps the first of them from it keeps
all of them, until something comes back. Whom nothing but the buyer's own limit keeps from it stands aside, until
something of that buyer comes back.
"""

from collections import Counter
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from actors.core.standing import Standing
from actors.core.wishes import Wish

MAX_WAITERS = 50_000
MAX_WISHES = 500
"""Different ones: whenever something comes back, each is looked at."""
ROWS_PER_LOOK = 2
"""A look takes some 20 µs for what is named and 40 to 75 µs for best seats, of 100,000 with every other one held, with
a focal point or without; and 10 µs more for each row that is looked at seat by seat, as it has changed or another seat
of it is wished for as well (`python -m tests.measure.waiting_looks`). So many rows count as another look.
"""
MAX_EFFORT_OF_WISHES = 1_000
"""What it costs to look at each different wish once more: half of what a turn has for looks, so that every turn comes
to the last of them, whatever has come back since the one before.
"""
MAX_WAITERS_OF_BUYER = 20


def effort_of(wish: Wish) -> int:
    """What another look at who wishes for this costs, in vain, when no row has changed since the last."""
    return 1 + (len(wish.seats) // ROWS_PER_LOOK if wish.best else 0)


class _Same:
    """Those with the same wish. `ahead`: heap of (turn, waiter) of who does not stand aside; some have left."""

    __slots__ = ("ahead", "count", "hopeless")

    def __init__(self) -> None:
        self.ahead: list[tuple[int, int]] = []
        self.count = 0
        self.hopeless = False  # as far as one can tell before something comes back


class _Place(NamedTuple):
    turn: int
    buyer: str
    same: _Same


class WaitingLine:
    """Who waits, by number. `stirred`: something may have come back for them."""

    def __init__(self) -> None:
        self.stirred = False
        self.opens_at_ms = 0  # when a window opens for which some were passed over; 0: never
        self.looked_at_ms = 0  # when last nobody was left to be looked at
        self.looks = 0  # how many there were
        self.effort = 0  # what they cost, see `ROWS_PER_LOOK`
        self._same_of: dict[Wish, _Same] = {}
        self._place_of: dict[int, _Place] = {}
        self._standing = Standing()
        self._counts = Counter[str]()  # by buyer
        self._aside: dict[str, set[int]] = {}  # by buyer
        self._next: list[tuple[int, int]] = []  # heap of (turn, waiter): the first of each wish that is not hopeless
        self._turns = 0

    def __len__(self) -> int:
        return len(self._place_of)

    @property
    def wishes(self) -> tuple[Wish, ...]:
        """The different ones."""
        return tuple(self._same_of)

    def has_room(self, wish: Wish) -> bool:
        """Whether one more can wait for this."""
        if len(self) >= MAX_WAITERS:
            return False
        if wish in self._same_of:
            return True
        return len(self._same_of) < MAX_WISHES and sum(map(effort_of, (*self._same_of, wish))) <= MAX_EFFORT_OF_WISHES

    def has_room_of(self, buyer: str) -> bool:
        """Whether the buyer can wait once more; who has no name can."""
        return not buyer or self._counts[buyer] < MAX_WAITERS_OF_BUYER

    def join(self, waiter: int, buyer: str, wish: Wish) -> None:
        """Stand at the end."""
        self._turns += 1
        same = self._same_of.setdefault(wish, _Same())
        same.count += 1
        self._place_of[waiter] = _Place(self._turns, buyer, same)
        self._standing.join(waiter)
        self._counts[buyer] += 1
        self._line_up(same, self._turns, waiter)

    def leave(self, waiter: int, wish: Wish) -> None:
        """Stand there no longer."""
        place = self._place_of.pop(waiter)
        same = place.same
        was_first = bool(same.ahead) and same.ahead[0] == (place.turn, waiter)
        self._standing.leave(waiter)
        self._counts[place.buyer] -= 1
        if not self._counts[place.buyer]:
            del self._counts[place.buyer]
        self._forget_aside(waiter, place.buyer)
        same.count -= 1
        if not same.count:
            del self._same_of[wish]
        elif len(same.ahead) > 2 * same.count + 16:
            same.ahead = [first for first in same.ahead if self._is_there(*first)]
            heapify(same.ahead)
        if was_first:
            self._announce(same)

    def ahead_of(self, waiter: int) -> int:
        """How many wait that came before, whatever they wish for."""
        return self._standing.before(waiter)

    def came_back(self, buyer: str) -> None:
        """Something of this buyer is there again."""
        self.stirred = True
        for waiter in self._aside.pop(buyer, ()) if buyer else ():
            place = self._place_of[waiter]
            self._line_up(place.same, place.turn, waiter)

    def forgive(self) -> None:
        """Nobody stands aside any more, as the limit is another."""
        self.stirred = True
        for buyer in list(self._aside):
            for waiter in self._aside.pop(buyer):
                place = self._place_of[waiter]
                self._line_up(place.same, place.turn, waiter)

    def begin_anew(self) -> None:
        """No wish is hopeless."""
        self.stirred, self.opens_at_ms = False, 0
        self._next.clear()
        for same in self._same_of.values():
            same.hopeless = False
            self._announce(same)

    def first(self) -> int | None:
        """Who is to be looked at: who came first of those who may get something, as far as is known; None: nobody."""
        while self._next:
            _, waiter = self._next[0]
            place = self._place_of.get(waiter)
            if place is not None and not place.same.hopeless and self._first_of(place.same) == self._next[0]:
                return waiter
            heappop(self._next)
        return None

    def skip(self, waiter: int) -> None:
        """Nobody with this one's wish gets anything before something comes back."""
        self._place_of[waiter].same.hopeless = True

    def set_aside(self, waiter: int) -> None:
        """The first of its wish gets nothing before something of its buyer comes back; another may."""
        place = self._place_of[waiter]
        assert self._first_of(place.same) == (place.turn, waiter), "only who is looked at is set aside"
        heappop(place.same.ahead)
        self._aside.setdefault(place.buyer, set()).add(waiter)
        self._announce(place.same)

    def _forget_aside(self, waiter: int, buyer: str) -> None:
        aside = self._aside.get(buyer)
        if aside is not None:
            aside.discard(waiter)
            if not aside:
                del self._aside[buyer]

    def _line_up(self, same: _Same, turn: int, waiter: int) -> None:
        heappush(same.ahead, (turn, waiter))
        if self._first_of(same) == (turn, waiter):
            self._announce(same)

    def _announce(self, same: _Same) -> None:
        first = None if same.hopeless else self._first_of(same)
        if first is not None:
            heappush(self._next, first)

    def _first_of(self, same: _Same) -> tuple[int, int] | None:
        while same.ahead and not self._is_there(*same.ahead[0]):
            heappop(same.ahead)
        return same.ahead[0] if same.ahead else None

    def _is_there(self, turn: int, waiter: int) -> bool:
        place = self._place_of.get(waiter)
        return place is not None and place.turn == turn
