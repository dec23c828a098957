"""Holds a seat finder against brute force, wish after wish, while the hall sells."""

from collections import Counter
from random import Random

from actors.core.best_available import SeatFinder
from actors.core.seat_rows import Found, SeatRow
from tests.core.best_available_by_force import HELD_OR_SOLD, Choice, Hall, Wish, best_choice
from tests.core.random_halls import random_change, random_hall, random_wish

WISHES = 6


def finder_of(hall: Hall) -> SeatFinder:
    """A new finder on the hall's shelf."""
    rows = [SeatRow(row.base, row.count, row.section, row.category, row.whole, row.x, row.y) for row in hall.rows]
    return SeatFinder(rows, hall.shelf, hall.features, hall.pools, hall.focal)


def ask(finder: SeatFinder, wish: Wish) -> Choice | int:
    """What the finder says, in the words of brute force."""
    found = finder.find(wish.quantity, wish.sections, wish.categories, split=wish.split, accessible=wish.accessible)
    return Choice(found.seats, found.score, found.orphans) if isinstance(found, Found) else found


def same_as_by_force(hall: Hall, finder: SeatFinder, wish: Wish) -> Choice | int:
    """What the finder says, which must be what brute force says."""
    found, best = ask(finder, wish), best_choice(hall, wish)
    assert found == best, (hall, wish)
    return best


def check_hall(seed: int) -> Counter[str]:
    """One random hall: each wish is answered as by brute force; then the seats are sold, or others change. Says what
    kinds of answers there were.
    """
    random = Random(seed)
    hall = random_hall(random)
    finder, kinds = finder_of(hall), Counter[str]()
    for _ in range(WISHES):
        wish = random_wish(random, hall)
        best = same_as_by_force(hall, finder, wish)
        kinds[kind_of(hall, wish, best)] += 1
        if isinstance(best, Choice) and random.random() < 0.5:
            for seat in best.seats:
                hall.shelf[seat] = HELD_OR_SOLD
            finder.touch(best.seats)
        else:
            finder.touch(random_change(random, hall))
    return kinds


def check_halls(seeds: range) -> Counter[str]:
    """Many random halls, and what kinds of answers there were."""
    return sum((check_hall(seed) for seed in seeds), Counter[str]())


def kind_of(hall: Hall, wish: Wish, best: Choice | int) -> str:
    """What kind of an answer it is: how it ranks, what was asked for, how it ended."""
    ranked = "own order" if hall.focal is None else "focal point"
    if isinstance(best, int):
        ended = "refused, some left" if best else "refused, none left"
    else:
        rows = len({hall.row_of(seat).base for seat in best.seats})
        ended = "1 row" if rows == 1 else f"{rows} rows"
        ended += ", a table" if hall.row_of(best.seats[0]).whole else ", orphans" if best.orphans else ""
    return f"{ranked}, {'accessible' if wish.accessible else 'plain'}: {ended}"
