"""What the best available seats cost: `python -m tests.measure.best_available`. About a minute and a half.

Halls of sections of 20 rows of 20 seats, two categories, one accessible row in fifty; sold singly or in groups of
one to six, from the front or anywhere. Times are microseconds on one core, medians over wishes that are each
followed by selling what was found and giving back as much, so that rows keep changing. `ratio` is the dearest of a
line over its cheapest: it shows how flat the cost is. First uses (building) are printed apart.
"""

import gc
import time
from random import Random
from statistics import median

from actors.core.best_available import SeatFinder
from actors.core.seat_rows import Found, SeatRow

ROW, ROWS = 20, 20
SIZES = (1_000, 10_000, 100_000, 1_000_000)
SHARES = (0.01, 0.25, 0.50, 0.75, 0.95, 0.99)
QUANTITIES = (1, 2, 6, 20)
ROUNDS = 120
EVERY = frozenset({0})
Cell = tuple[float, float]


def hall(seats: int) -> list[SeatRow]:
    """So many seats, the sections side by side in blocks of ten, one behind the other."""
    rows = []
    for number in range(seats // ROW):
        section, behind = divmod(number, ROWS)
        across, deep = section % 10, section // 10
        x, y = across * (2 * ROW + 8), deep * (3 * ROWS + 8) + 3 * behind
        rows.append(SeatRow(number * ROW, ROW, section, section % 2, False, x, y))
    return rows


def sold(random: Random, rows: list[SeatRow], share: float, manner: str) -> bytearray:
    """A shelf of which this share is sold: `singly`, in `groups`, or in groups from the `front`."""
    seats = len(rows) * ROW
    shelf = bytearray(seats)
    if manner == "singly":
        for seat in random.sample(range(seats), int(share * seats)):
            shelf[seat] = 255
        return shelf
    left = int(share * seats)
    if manner == "front":
        front = int(left * 0.9)
        shelf[:front] = b"\xff" * front
        left -= front
    while left > 0:
        row, size = random.randrange(len(rows)), random.randint(1, 6)
        first = row * ROW + random.randint(0, ROW - size)
        left -= shelf.count(0, first, first + size)
        shelf[first : first + size] = b"\xff" * size
    return shelf


def features(rows: list[SeatRow]) -> bytes:
    """Pairs of accessible and companion seats at the start of every fiftieth row."""
    kinds = bytearray(len(rows) * ROW)
    for row in rows[::50]:
        kinds[row.base : row.base + 4] = b"\1\2\1\2"
    return bytes(kinds)


def wishes(
    finder: SeatFinder, shelf: bytearray, quantity: int, *, sections: frozenset[int] | None, split: bool, accessible: int
) -> tuple[float, float, int]:
    """Milliseconds of the first wish, microseconds of the later ones with their changes, how many were served."""
    spent, served, kept = [], 0, []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        found = finder.find(quantity, sections, None, split=split, accessible=accessible)
        spent.append(time.perf_counter() - begun)
        if isinstance(found, Found):
            served += 1
            kept.append([(seat, shelf[seat]) for seat in found.seats])
            for seat in found.seats:
                shelf[seat] = 255
            finder.touch(found.seats)
        if len(kept) > 3:
            back = kept.pop(0)
            for seat, pool in back:
                shelf[seat] = pool
            finder.touch(seat for seat, _ in back)
    for back in kept:
        for seat, pool in back:
            shelf[seat] = pool
        finder.touch(seat for seat, _ in back)
    return spent[0] * 1e3, median(spent[5:]) * 1e6, served
