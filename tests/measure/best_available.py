"""What the best available seats cost: `python -m tests.measure.best_available`, about a minute.

Halls of sections of 20 rows of 20 seats, in two categories, with accessible seats in one row of fifty. They are sold
seat by seat anywhere, or from the front with gaps behind. Each wish is followed by selling what was found and giving
back what was found four wishes ago, so that rows keep changing. A figure is the median of the served wishes in
microseconds, with the working in of those changes, on one core; in brackets that of the refused ones, where hardly any
was served. `ratio` is the dearest of
a line over its cheapest, brackets aside, and at `all` that of all sizes.
"""

import gc
import time
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from random import Random
from statistics import median
from typing import NamedTuple

from actors.core import seat_splits
from actors.core.best_available import SeatFinder
from actors.core.seat_rows import Found, SeatRow

ROW, ROWS = 20, 20
SIZES = (1_000, 10_000, 100_000, 1_000_000)
SHARES = (0.01, 0.25, 0.50, 0.75, 0.95, 0.99)
ROUNDS, FIRST_ROUNDS = 150, 10
FOCAL = (240, -20)
POOLS = frozenset({0, 1})
SOLD = 255


class Asked(NamedTuple):
    """What is wished for again and again."""

    name: str
    quantity: int
    sections: frozenset[int] | None = None
    split: bool = False
    accessible: int = 0

    def find(self, finder: SeatFinder) -> Found | int:
        """Ask the finder."""
        return finder.find(self.quantity, self.sections, None, split=self.split, accessible=self.accessible)


WISHES = (
    Asked("1 seat", 1),
    Asked("2 seats", 2),
    Asked("6 seats", 6),
    Asked("20 seats", 20),
    Asked("2 seats of 20 sections", 2, frozenset(range(1, 40, 2))),
    Asked("2 seats of 500 sections", 2, frozenset(range(0, 2500, 5))),
    Asked("30 seats, split", 30, split=True),
    Asked("2 seats, 1 accessible", 2, accessible=1),
)


def hall(seats: int, row: int = ROW) -> list[SeatRow]:
    """So many seats, ten sections side by side, the next ten behind them."""
    rows = []
    for number in range(seats // row):
        section, behind = divmod(number, ROWS)
        deep, across = divmod(section, 10)
        x, y = across * (2 * row + 8), deep * (3 * ROWS + 8) + 3 * behind
        rows.append(SeatRow(number * row, row, section, section % 2, False, x, y))
    return rows


def features_of(rows: list[SeatRow]) -> bytes:
    """Two accessible seats with companions at the start of every fiftieth row."""
    features = bytearray(sum(row.count for row in rows))
    for row in rows[::50]:
        features[row.base : row.base + 4] = b"\1\2\1\2"
    return bytes(features)


def sold_anywhere(seats: int, share: float) -> bytearray:
    """A shelf of which this share is sold, seat by seat."""
    shelf = bytearray(seats)
    for seat in Random(seats).sample(range(seats), int(share * seats)):
        shelf[seat] = SOLD
    return shelf


def sold_from_the_front(seats: int, share: float) -> bytearray:
    """A shelf of which this share is sold: nine tenths of that from the front, the rest in groups anywhere."""
    random, front = Random(seats), int(0.9 * share * seats)
    shelf = bytearray(b"\xff" * front + bytes(seats - front))
    left = int(share * seats) - front
    while left > 0:
        size = random.randint(1, 6)
        first = random.randrange(seats - size)
        left -= shelf.count(0, first, first + size)
        shelf[first : first + size] = b"\xff" * size
    return shelf


def microseconds(finder: SeatFinder, shelf: bytearray, asked: Asked) -> tuple[float, bool]:
    """What a wish costs while the hall sells and seats come back, and whether it was served."""
    spent: dict[bool, list[float]] = {True: [], False: []}
    sold: list[list[tuple[int, int]]] = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        found = asked.find(finder)
        spent[isinstance(found, Found)].append(time.perf_counter() - begun)
        if isinstance(found, Found):
            sold.append([(seat, shelf[seat]) for seat in found.seats])
            for seat in found.seats:
                shelf[seat] = SOLD
            finder.touch(found.seats)
        if len(sold) > 3:
            give_back(finder, shelf, sold.pop(0))
    for seats in sold:
        give_back(finder, shelf, seats)
    was_served = len(spent[True]) > 2 * FIRST_ROUNDS
    return median(spent[was_served][FIRST_ROUNDS:]) * 1e6, was_served


def give_back(finder: SeatFinder, shelf: bytearray, seats: list[tuple[int, int]]) -> None:
    """These seats are what they were."""
    for seat, pool in seats:
        shelf[seat] = pool
    finder.touch([seat for seat, _ in seats])


def ratio(cells: list[tuple[float, bool]]) -> str:
    """The dearest over the cheapest of those that were served."""
    served = [cost for cost, was_served in cells if was_served]
    return f"{max(served) / min(served):6.1f}" if served else "     -"


def costs(sold: Callable[[int, float], bytearray], focal: tuple[int, int] | None) -> None:
    """A table: a line for each wish and size, a column for each share that is sold."""
    print(f"\n{'own order' if focal is None else 'focal point'}, {sold.__name__.replace('_', ' ')}: us a wish")
    print(f"{'':34}" + "".join(f"{share:7.0%}" for share in SHARES) + "  ratio")
    cells: dict[tuple[str, int], list[tuple[float, bool]]] = {}
    for size in SIZES:
        rows = hall(size)
        features = features_of(rows)
        for share in SHARES:
            shelf = sold(size, share)
            finder = SeatFinder(rows, shelf, features, POOLS, focal)
            for asked in WISHES:
                cells.setdefault((asked.name, size), []).append(microseconds(finder, shelf, asked))
    for asked in WISHES:
        for size in SIZES:
            line = cells[asked.name, size]
            figures = (f"{cost:7.0f}" if was_served else f"({cost:.0f})".rjust(7) for cost, was_served in line)
            print(f"{asked.name:24}{size:10,}" + "".join(figures) + ratio(line))
        print(
            f"{asked.name:24}{'all':>10}"
            + " " * 7 * len(SHARES)
            + ratio([cell for size in SIZES for cell in cells[asked.name, size]])
        )


def first_uses() -> None:
    """A table of what is built at first use, half the seats sold."""
    print("\nfirst uses, half sold anywhere: ms")
    print(f"{'':34}{'finder':>9}{'1st wish':>9}{'other n':>9}{'refused':>9}{'split':>9}{'accessible':>11}")
    for focal in (None, FOCAL):
        for size in SIZES:
            rows, shelf = hall(size), sold_anywhere(size, 0.5)
            features = features_of(rows)
            gc.collect()
            figures, begun = [], time.perf_counter()
            finder = SeatFinder(rows, shelf, features, POOLS, focal)
            figures.append(time.perf_counter() - begun)
            for asked in (*(Asked("", n) for n in (2, 3, 20)), Asked("", 20, split=True), Asked("", 2, accessible=1)):
                begun = time.perf_counter()
                asked.find(finder)
                figures.append(time.perf_counter() - begun)
            name = "own order" if focal is None else "focal point"
            print(f"{name:24}{size:10,}" + "".join(f"{figure * 1e3:9.1f}" for figure in figures))


def changes() -> None:
    """A table of what changed rows cost, and rows of other lengths."""
    print("\nhalf of 1,000,000 seats sold anywhere: us")
    print(f"{'':34}{'touch':>9}{'row, own':>9}{'row, focal':>11}{'wish, own':>10}{'wish, focal':>12}")
    for row in (20, 100, 1000):
        rows, shelf = hall(1_000_000, row), sold_anywhere(1_000_000, 0.5)
        finders = [SeatFinder(rows, shelf, features_of(rows), POOLS, focal) for focal in (None, FOCAL)]
        every = range(row // 2, 1_000_000, 1_000_000 // 500 // row * row)
        best = []
        for finder in finders:
            WISHES[1].find(finder)
            best.append([min(figures) for figures in zip(*(one_round(finder, every) for _ in range(3)), strict=True)])
        (touched, *own), (_, *focal) = best
        costs_of_one = (touched, own[0], focal[0], own[1], focal[1])
        widths = (9, 9, 11, 10, 12)
        figures = "".join(f"{cost * 1e6:{width}.1f}" for cost, width in zip(costs_of_one, widths, strict=True))
        print(f"{f'rows of {row:,} seats':34}{figures}")


def splits() -> None:
    """How good splits are where there are more places for them than are compared, against comparing all."""
    print("\nsplits against the best there are, 10,000 seats: sold anywhere, or around the focal point first")
    for name, focal in (("own order", None), ("focal point", (220, 120))):
        for around in (0, 1) if focal else (0,):
            pairs = []
            for seed in range(40):
                random = Random(seed)
                rows, quantity = hall(10_000), random.choice([12, 16, 21, 24, 30, 40])
                shelf = sold_around(random, rows, (220, 120), random.uniform(100, 220) if around else 0)
                found = find_split(rows, shelf, quantity, focal, None)
                best = find_split(rows, shelf, quantity, focal, 1 << 30)
                if isinstance(found, Found) and isinstance(best, Found):
                    pairs.append((found, best))
            same = sum(found == best for found, best in pairs)
            more = sum(found.orphans > best.orphans for found, best in pairs)
            worst = max(found.score / best.score for found, best in pairs)
            where = "around" if around else "anywhere"
            print(f"{name:12}{where:10}{same} of {len(pairs)} the same, {more} leave more orphans", end="")
            print(f", the worst score is {worst:.3f} times the best")


def sold_around(random: Random, rows: list[SeatRow], point: tuple[int, int], within: float) -> bytearray:
    """A shelf that is sold out that near to the point, and beyond it partly."""
    share, shelf = random.uniform(0, 0.2) if within else random.uniform(0.2, 0.8), bytearray()
    for row in rows:
        for place in range(row.count):
            distance = (row.x + 2 * place - point[0]) ** 2 + (row.y - point[1]) ** 2
            shelf.append(SOLD if distance < within**2 or random.random() < share else 0)
    return shelf


def find_split(
    rows: list[SeatRow], shelf: bytearray, quantity: int, focal: tuple[int, int] | None, places: int | None
) -> Found | int:
    """What is found when so many places for a split are compared."""
    kept = seat_splits.places_compared
    if places is not None:
        seat_splits.places_compared = lambda quantity: places
    try:
        finder = SeatFinder(rows, shelf, bytes(len(shelf)), POOLS, focal)
        return finder.find(quantity, None, None, split=True, accessible=0)
    finally:
        seat_splits.places_compared = kept


def one_round(finder: SeatFinder, seats: range) -> tuple[float, float, float]:
    """Seconds for one touch, for one row that is worked in, and for one wish without changes."""
    stops = [time.perf_counter()]
    for seat in seats:
        finder.touch((seat, seat + 1))
    stops.append(time.perf_counter())
    WISHES[1].find(finder)
    stops.append(time.perf_counter())
    for _ in range(1000):
        WISHES[1].find(finder)
    stops.append(time.perf_counter())
    touched, worked_in, wished = (after - before for before, after in pairwise(stops))
    return touched / len(seats), worked_in / len(seats), wished / 1000


def memory() -> None:
    """A table of what a finder takes."""
    print("\nbytes a seat, 100,000 seats, half sold anywhere")
    rows, shelf = hall(100_000), sold_anywhere(100_000, 0.5)
    features = features_of(rows)
    for focal in (None, FOCAL):
        tracemalloc.start()
        finder = SeatFinder(rows, shelf, features, POOLS, focal)
        figures = [tracemalloc.get_traced_memory()[0]]
        for asked in (Asked("", 2), Asked("", 3), Asked("", 20), Asked("", 20, split=True)):
            asked.find(finder)
            figures.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        grown = [figures[0], *(after - before for before, after in pairwise(figures))]
        names = ("finder", "first wish", "another size", "refused", "split")
        name = "own order" if focal is None else "focal point"
        print(f"{name:12}" + ", ".join(f"{what} {size / 100_000:.1f}" for what, size in zip(names, grown, strict=True)))


if __name__ == "__main__":
    for ranking in (None, FOCAL):
        costs(sold_anywhere, ranking)
        costs(sold_from_the_front, ranking)
    first_uses()
    changes()
    memory()
    splits()
