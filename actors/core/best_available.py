"""The best available seats: n neighbours chosen by the engine. Integers only: the same state gives the same seats.

**Who may be seated where.** A wish sees the seats whose byte on the shelf is one of the finder's pools. With
`accessible` > 0 it may have them all. With `accessible` = 0 it may have the plain seats; only if these cannot serve,
accessible and companion seats of pool 0 count as well. What a wish may not have is, to it, as good as sold.

**One row** is always tried first: n neighbouring seats, or all of a whole table of n. Best is, in this order:

1. for a wish with accessible seats: the fewest of them beyond those asked for, of at least as many;
2. the fewest *orphans*: single seats that the wish could have, left with no neighbour that it could have, that were
   not so before. A whole table leaves none;
3. for a wish with accessible seats: the fewest plain seats, which is the most companion seats;
4. the lowest score: in the layout's own order the sum of the seats' indices, less 0 + 1 + ... + (n - 1); with a focal
   point the sum of the squared distances, in half seat widths;
5. the lowest first seat.

**A split**, where no row can serve, the wish allows it and asks for no accessible seats: parts of neighbouring seats,
one in each of 2 to 4 neighbouring rows (consecutive rows of one section and one category, no whole tables). Best is:
nobody alone, that is no part of one seat; the fewest rows; the fewest orphans; the lowest score, which is that of all
the seats together; the earliest seats. Each part is chosen in its own row: nothing draws the parts of a group towards
each other but the focal point. In the layout's own order, that of `A18..20` and `B1..3`, they may be at opposite ends
of neighbouring rows, though two others stand behind each other.

The order of attempts: plain seats in one row, all that the wish may have in one row, then both in a split.

**What is exact.** Nothing is refused that can be served. One row: exactly the best. A split: nobody alone and the
fewest rows, exactly; the orphans and the score are the best of the first 32 places, or more for small groups (see
`places_compared`), in the order of the nearest seat of their rows, sold or not. In halls of up to 64 seats these are
all places there are, and so they are wherever the best is nearer than the nearest seat of the next place.

**What it costs**, whatever the number of rows and however many of their seats are sold: a wish looks at a few joints
of a tree for each section and category that it names; a row that changes is worked into each tree that is asked
again, once, however often it changed before that. What grows is the cost of a row with its length.
"""

from collections.abc import Iterable, Sequence
from re import finditer
from typing import Final

from actors.core.accessible_seats import AccessibleSeats
from actors.core.plain_seats import PlainSeats
from actors.core.seat_rows import (
    ACCESSIBLE,
    NOT_ON_THE_SHELF,
    OPEN_POOL,
    FocalPoint,
    Found,
    OwnOrder,
    Ranking,
    SeatRow,
    SeatRows,
    SeatView,
)
from actors.core.seat_runs import MAX_GROUP
from actors.core.seat_trees import Slots

_PATIENCE: Final = 1000  # of seats changed beyond one a row: more are dearer to work in than to begin anew


class SeatFinder:
    """Finds the best available seats of one event for those who may draw on certain pools."""

    __slots__ = (
        "_accessible",
        "_changed",
        "_features",
        "_plain",
        "_pools",
        "_ranking",
        "_rows",
        "_shelf",
        "_slots",
        "_special",
    )

    def __init__(
        self,
        rows: Sequence[SeatRow],
        shelf: bytearray,
        features: bytes,
        pools: frozenset[int],
        focal: tuple[int, int] | None,
    ) -> None:
        """`rows` in the layout's own order, those of a section one after the other, with no seats between rows.
        `shelf`, a byte a seat, belongs to the caller, who tells of changes by `touch`: `NOT_ON_THE_SHELF` if the seat
        cannot be had, else the number of its pool. `features`, a byte a seat: `PLAIN`, `ACCESSIBLE` or `COMPANION`.
        `focal`: x and y of the focal point, or None for the layout's own order.
        """
        assert NOT_ON_THE_SHELF not in pools
        assert len(shelf) == len(features)
        self._rows, self._shelf, self._features, self._pools = SeatRows(list(rows)), shelf, features, pools
        self._ranking: Ranking = OwnOrder() if focal is None else FocalPoint(*focal)
        self._slots = Slots(self._rows.rows, range(len(rows)))
        self._special = self._rows.numbers_between(part.span() for part in finditer(rb"[^\0]+", features))
        self._forget()

    def touch(self, seats: Iterable[int]) -> None:
        """The shelf's bytes of these seats have changed."""
        self._changed.update(seats)
        if len(self._changed) > _PATIENCE + len(self._rows.rows):
            self._forget()

    @property
    def joint_count(self) -> int:
        """How many joints its trees have."""
        trees: list[PlainSeats | AccessibleSeats] = [*self._plain.values()]
        trees += [] if self._accessible is None else [self._accessible]
        return sum(each.joint_count for each in trees)

    @property
    def row_looks(self) -> int:
        """How often it has looked at a row, seat by seat."""
        return self._rows.looks

    def find(
        self,
        quantity: int,
        sections: frozenset[int] | None,
        categories: frozenset[int] | None,
        *,
        split: bool,
        accessible: int,
    ) -> Found | int:
        """The best `quantity` (1 to `MAX_GROUP`) seats of these sections and categories (None: of all), of which
        `accessible` are accessible ones; or, if nothing serves, the largest group that the same wish could have.
        """
        assert 1 <= quantity <= MAX_GROUP
        assert 0 <= accessible <= quantity
        self._take_in()
        if accessible:
            seats = self._accessible_seats()
            asked = seats.slots.asked(sections, categories)
            largest = seats.largest(asked, accessible)  # known for all sizes at once
            found = seats.in_one_row(asked, quantity, accessible) if quantity <= largest else None
            return found or largest
        asked = self._slots.asked(sections, categories)
        strict = (True, False) if self._special else (False,)
        for is_strict in strict:
            if (found := self._plain_seats(is_strict).in_one_row(asked, quantity)) is not None:
                return found
        for is_strict in strict if split else ():
            if (found := self._plain_seats(is_strict).in_parts(asked, quantity)) is not None:
                return found
        return self._plain_seats(False).largest(asked, split=split)

    def _forget(self) -> None:
        self._changed: set[int] = set()
        self._plain: dict[bool, PlainSeats] = {}
        self._accessible: AccessibleSeats | None = None

    def _take_in(self) -> None:
        if not self._changed:
            return
        numbers = self._rows.numbers(self._changed)
        self._changed.clear()
        for seats in self._plain.values():
            seats.change(numbers)
        if self._accessible is not None:
            self._accessible.change(numbers & self._special)

    def _plain_seats(self, is_strict: bool) -> PlainSeats:
        seats = self._plain.get(is_strict)
        if seats is None:
            released: frozenset[int] = frozenset() if is_strict else self._pools & {OPEN_POOL}
            view = SeatView(self._rows, self._shelf, self._features, self._special, (self._pools, released, released))
            seats = PlainSeats(view, self._slots, self._ranking, self._plain.get(True), self._special)
            self._plain[is_strict] = seats
        return seats

    def _accessible_seats(self) -> AccessibleSeats:
        if self._accessible is None:
            pools = (self._pools, self._pools, self._pools)
            view = SeatView(self._rows, self._shelf, self._features, self._special, pools)
            with_accessible = [number for number in self._special if ACCESSIBLE in view.feature_slice(number)]
            slots = Slots(self._rows.rows, sorted(with_accessible))
            self._accessible = AccessibleSeats(view, slots, self._ranking)
        return self._accessible
