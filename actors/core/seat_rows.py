"""Rows of seats as a seat finder sees them: which seats can be had, in which runs, and how good a window of them is.

A *run* is a longest stretch of seats of one row that can be had; a *window* is a stretch of seats of a run.
Windows are named by the place of their first seat in the row, from 0.
"""

import re
from bisect import bisect_right
from collections.abc import Container, Iterable, Iterator
from typing import Protocol

import msgspec

PLAIN, ACCESSIBLE, COMPANION = 0, 1, 2
"""What a seat is, as in `features`."""
OPEN_POOL = 0
NOT_ON_THE_SHELF = 255
"""The shelf's bytes with a meaning of their own; all others are numbers of pools."""

_RUN = re.compile(rb"x+")


class SeatRow(msgspec.Struct, frozen=True, gc=False):
    """Neighbouring seats: `count` seats from the index `base` on, in the event's order of seats.

    A row that is `whole` is a table: it goes to a group of exactly `count`, or to nobody. `x` and `y` are where the
    first seat is, in half seat widths; the next ones follow at +2 in x.
    """

    base: int
    count: int
    section: int
    category: int
    whole: bool
    x: int
    y: int


class SeatRows:
    """All rows of an event, and which of them has which seat."""

    __slots__ = ("_bases", "looks", "rows")

    def __init__(self, rows: list[SeatRow]) -> None:
        self.rows = rows
        self.looks = 0
        """How often a row was looked at, seat by seat: what finding costs, but for a look at a few joints of trees."""
        self._bases = [row.base for row in rows]

    def number(self, seat: int) -> int:
        """The number of the row that has the seat."""
        return bisect_right(self._bases, seat) - 1

    def row_of(self, seat: int) -> SeatRow:
        """The row that has the seat."""
        return self.rows[self.number(seat)]

    def numbers(self, seats: Iterable[int]) -> set[int]:
        """The numbers of the rows that have these seats."""
        bases = self._bases
        return {bisect_right(bases, seat) - 1 for seat in seats}

    def numbers_between(self, spans: Iterable[tuple[int, int]]) -> frozenset[int]:
        """The numbers of the rows that have seats of these spans: the first, and one beyond the last."""
        return frozenset(
            number for first, end in spans for number in range(self.number(first), self.number(end - 1) + 1)
        )


class Found(msgspec.Struct, frozen=True, gc=False):
    """The seats chosen, part by part, and why: their score (lower is better) and the orphans they leave."""

    seats: tuple[int, ...]
    score: int
    orphans: int


class SeatView:
    """Which seats can be had by one kind of wish: `pools` has, for each feature, the pools that it may draw on."""

    __slots__ = ("_features", "_shelf", "_special", "_tables", "rows")

    def __init__(
        self,
        rows: SeatRows,
        shelf: bytearray,
        features: bytes,
        special: Container[int],
        pools: tuple[frozenset[int], frozenset[int], frozenset[int]],
    ) -> None:
        """`special`: the numbers of the rows that have other seats than plain ones."""
        self.rows = rows
        self._shelf, self._features, self._special = shelf, features, special
        self._tables = tuple(bytes(b"x"[0] if pool in had else b" "[0] for pool in range(256)) for had in pools)

    def usable(self, number: int) -> bytes | bytearray:
        """A byte for each seat of row `number`: `x` if it can be had, else a blank."""
        self.rows.looks += 1
        row = self.rows.rows[number]
        end = row.base + row.count
        if number not in self._special:
            return self._shelf[row.base : end].translate(self._tables[PLAIN])
        tables = self._tables
        seats = zip(self._features[row.base : end], self._shelf[row.base : end], strict=True)
        return bytes([tables[feature][pool] for feature, pool in seats])

    def all_usable(self) -> Iterator[bytes | bytearray]:
        """`usable` of every row, in one go."""
        self.rows.looks += len(self.rows.rows)
        plain, special = self._shelf.translate(self._tables[PLAIN]), self._special
        for number, row in enumerate(self.rows.rows):
            yield self.usable(number) if number in special else plain[row.base : row.base + row.count]

    def feature_slice(self, number: int) -> bytes:
        """The features of the seats of row `number`."""
        row = self.rows.rows[number]
        return self._features[row.base : row.base + row.count]


def runs(usable: bytes | bytearray) -> Iterator[tuple[int, int]]:
    """First place and end of each run of a row."""
    return (run.span() for run in _RUN.finditer(usable))


class Ranking(Protocol):
    """What makes one window better than another. All lower is better, all integers."""

    def floor(self, row: SeatRow) -> int:
        """What no `rank` of a window of this row is below, nor a seat's share in a `cost`."""
        ...

    def rank(self, row: SeatRow, start: int, size: int) -> int:
        """Orders the windows of one size."""
        ...

    def cost(self, row: SeatRow, start: int, size: int) -> int:
        """What the window adds to the score; orders windows of one size as `rank` does."""
        ...

    def best(self, row: SeatRow, first: int, last: int, size: int) -> tuple[int, int]:
        """Orphans and start of the best window of a run whose windows of this size start at `first` to `last`:
        fewest orphans, then lowest rank, then first.
        """
        ...

    def score(self, cost: int, quantity: int) -> int:
        """The score of a choice of so many seats whose windows cost so much."""
        ...


class OwnOrder:
    """The layout's order: the score is the sum of the seats' indices, less that of the first seats of the layout."""

    def floor(self, row: SeatRow) -> int:
        """See `Ranking`."""
        return row.base

    def rank(self, row: SeatRow, start: int, size: int) -> int:
        """See `Ranking`."""
        return row.base + start

    def cost(self, row: SeatRow, start: int, size: int) -> int:
        """See `Ranking`."""
        return size * (row.base + start) + size * (size - 1) // 2

    def best(self, row: SeatRow, first: int, last: int, size: int) -> tuple[int, int]:
        """See `Ranking`."""
        return int(last - first == 1), first

    def score(self, cost: int, quantity: int) -> int:
        """See `Ranking`."""
        return cost - quantity * (quantity - 1) // 2


class FocalPoint:
    """Nearness to a point: the score is the sum of the squared distances of the seats, in half seat widths."""

    def __init__(self, x: int, y: int) -> None:
        self._x, self._y = x, y

    def floor(self, row: SeatRow) -> int:
        """See `Ranking`."""
        beside = max(row.x - self._x, self._x - row.x - 2 * (row.count - 1), 0)
        return beside * beside + (row.y - self._y) ** 2

    def rank(self, row: SeatRow, start: int, size: int) -> int:
        """The squared distance of the window's middle."""
        beside = row.x + 2 * start + size - 1 - self._x
        return beside * beside + (row.y - self._y) ** 2

    def cost(self, row: SeatRow, start: int, size: int) -> int:
        """See `Ranking`. The squared distances of seats are that of their middle each, and their spread around it."""
        return size * self.rank(row, start, size) + size * (size * size - 1) // 3

    def best(self, row: SeatRow, first: int, last: int, size: int) -> tuple[int, int]:
        """See `Ranking`. Beside the run's ends, a window leaves two seats at least on either side."""
        twice = self._x - row.x - size + 1  # the ideal start, doubled
        starts = [first, last]
        if last - first >= 4:
            starts += [min(max(ideal, first + 2), last - 2) for ideal in (twice >> 1, (twice + 1) >> 1)]
        return int(last - first == 1), min(starts, key=lambda start: (abs(2 * start - twice), start))

    def score(self, cost: int, quantity: int) -> int:
        """See `Ranking`."""
        return cost


def found_in_row(row: SeatRow, first: int, quantity: int, orphans: int, ranking: Ranking) -> Found:
    """The window of the row that starts with the seat `first`."""
    cost = ranking.cost(row, first - row.base, quantity)
    return Found(tuple(range(first, first + quantity)), ranking.score(cost, quantity), orphans)
