"""The best seats by trying every choice there is: slow, plain, and from the definition alone.

It follows the words of `actors.core.best_available` and imports nothing of it. A choice is a tuple of seats.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

HELD_OR_SOLD = 255
MAX_GROUP = 50


@dataclass(frozen=True)
class Bench:
    """A row of seats: what `SeatRow` says."""

    base: int
    count: int
    section: int
    category: int
    whole: bool
    x: int
    y: int

    @property
    def seats(self) -> range:
        """The seats of the row."""
        return range(self.base, self.base + self.count)


@dataclass(frozen=True)
class Wish:
    """What is asked for: what `SeatFinder.find` is given."""

    quantity: int
    sections: frozenset[int] | None
    categories: frozenset[int] | None
    split: bool
    accessible: int


@dataclass(frozen=True)
class Choice:
    """The best choice: seats, score and orphans."""

    seats: tuple[int, ...]
    score: int
    orphans: int


@dataclass
class Hall:
    """Rows, and what is known of their seats."""

    rows: list[Bench]
    shelf: bytearray
    features: bytes
    pools: frozenset[int]
    focal: tuple[int, int] | None

    def plain_seats(self) -> frozenset[int]:
        """The plain seats that the finder sees."""
        return frozenset(seat for seat in self.all_seats() if self.features[seat] == 0)

    def open_seats(self) -> frozenset[int]:
        """The plain seats, and the others that are held back no longer."""
        return frozenset(seat for seat in self.all_seats() if self.features[seat] == 0 or self.shelf[seat] == 0)

    def all_seats(self) -> frozenset[int]:
        """The seats that the finder sees."""
        return frozenset(seat for seat, pool in enumerate(self.shelf) if pool != HELD_OR_SOLD and pool in self.pools)

    def row_of(self, seat: int) -> Bench:
        """The row that has the seat."""
        return next(row for row in self.rows if seat in row.seats)

    def orphans_left(self, usable: frozenset[int], choice: tuple[int, ...]) -> int:
        """How many single seats there are after the choice that were not single before: next to what was chosen."""
        left = usable - set(choice)
        orphans = set()
        for chosen in choice:
            row = self.row_of(chosen)
            if not row.whole:
                beside = {chosen - 1, chosen + 1} & left & set(row.seats)
                orphans |= {seat for seat in beside if not {seat - 1, seat + 1} & left & set(row.seats)}
        return len(orphans)

    def score(self, choice: tuple[int, ...]) -> int:
        """How good the seats are; lower is better."""
        if self.focal is None:
            return sum(choice) - sum(range(len(choice)))
        score = 0
        for seat in choice:
            row = self.row_of(seat)
            score += (row.x + 2 * (seat - row.base) - self.focal[0]) ** 2 + (row.y - self.focal[1]) ** 2
        return score

    def asked(self, wish: Wish, number: int) -> bool:
        """Whether the row is of a section and a category that are asked for."""
        row = self.rows[number]
        return (wish.sections is None or row.section in wish.sections) and (
            wish.categories is None or row.category in wish.categories
        )

    def windows(self, number: int, usable: frozenset[int], size: int) -> list[tuple[int, ...]]:
        """Every `size` neighbours of the row that can be had."""
        row = self.rows[number]
        firsts = range(row.base, row.base + row.count - size + 1)
        windows = (tuple(range(first, first + size)) for first in firsts)
        return [window for window in windows if usable.issuperset(window) and (not row.whole or size == row.count)]

    def groups(self, wish: Wish, row_count: int) -> Iterator[range]:
        """Every so many neighbouring rows that may share a group."""
        for first in range(len(self.rows) - row_count + 1):
            rows = self.rows[first : first + row_count]
            alike = len({(row.section, row.category) for row in rows}) == 1
            if alike and self.asked(wish, first) and not any(row.whole for row in rows):
                yield range(first, first + row_count)

    def sizes(self, group: range, usable: frozenset[int]) -> Iterator[tuple[int, ...]]:
        """Every way in which parts of some sizes fit into these rows."""
        return product(
            *(
                [size for size in range(1, self.rows[number].count + 1) if self.windows(number, usable, size)]
                for number in group
            )
        )

    def splits(self, group: range, usable: frozenset[int], sizes: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """Every choice of parts of these sizes in these rows."""
        parts = (self.windows(number, usable, size) for number, size in zip(group, sizes, strict=True))
        return (tuple(seat for part in choice for seat in part) for choice in product(*parts))


def best_choice(hall: Hall, wish: Wish) -> Choice | int:
    """The best choice, or the largest group that the same wish could have."""
    found = _best(hall, wish)
    if found is not None:
        return found
    return max((size for size in _servable(hall, wish) if size <= MAX_GROUP), default=0)


def _best(hall: Hall, wish: Wish) -> Choice | None:
    if wish.accessible:
        return _best_accessible(hall, wish)
    for usable in (hall.plain_seats(), hall.open_seats()):
        choices = [choice for number in range(len(hall.rows)) for choice in _in_row(hall, wish, number, usable)]
        if choices:
            return _least(hall, usable, choices)
    for usable in (hall.plain_seats(), hall.open_seats()) if wish.split else ():
        for nobody_alone in (True, False):
            for row_count in (2, 3, 4):
                choices = [
                    choice
                    for group in hall.groups(wish, row_count)
                    for sizes in hall.sizes(group, usable)
                    if sum(sizes) == wish.quantity and nobody_alone == (1 not in sizes)
                    for choice in hall.splits(group, usable, sizes)
                ]
                if choices:
                    return _least(hall, usable, choices)
    return None


def _servable(hall: Hall, wish: Wish) -> Iterator[int]:
    """The size of every group that the same wish could have."""
    usable = hall.all_seats() if wish.accessible else hall.open_seats()
    for size in range(1, len(hall.shelf) + 1):
        for number in range(len(hall.rows)):
            windows = hall.windows(number, usable, size) if hall.asked(wish, number) else []
            if any(sum(hall.features[seat] == 1 for seat in choice) >= wish.accessible for choice in windows):
                yield size
    if wish.split and not wish.accessible:
        for row_count in (2, 3, 4):
            for group in hall.groups(wish, row_count):
                yield from map(sum, hall.sizes(group, usable))


def _in_row(hall: Hall, wish: Wish, number: int, usable: frozenset[int]) -> list[tuple[int, ...]]:
    return hall.windows(number, usable, wish.quantity) if hall.asked(wish, number) else []


def _best_accessible(hall: Hall, wish: Wish) -> Choice | None:
    usable = hall.all_seats()
    ranked = []
    for number in range(len(hall.rows)):
        for choice in _in_row(hall, wish, number, usable):
            features = [hall.features[seat] for seat in choice]
            beyond = features.count(1) - wish.accessible
            if beyond >= 0:
                orphans, score = hall.orphans_left(usable, choice), hall.score(choice)
                ranked.append((beyond, orphans, features.count(0), score, choice))
    if not ranked:
        return None
    _, orphans, _, score, choice = min(ranked)
    return Choice(choice, score, orphans)


def _least(hall: Hall, usable: frozenset[int], choices: list[tuple[int, ...]]) -> Choice:
    orphans, score, choice = min((hall.orphans_left(usable, choice), hall.score(choice), choice) for choice in choices)
    return Choice(choice, score, orphans)
