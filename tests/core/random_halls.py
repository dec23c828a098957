"""Halls of at most 60 seats and wishes at random, for the best seats."""

from random import Random

from tests.core.best_available_by_force import HELD_OR_SOLD, Bench, Hall, Wish

_UNKNOWN = 99


def random_hall(random: Random) -> Hall:
    """Sections of rows and tables in up to three categories, with reserved and accessible seats, partly sold."""
    rows = _rows(random)
    seats = rows[-1].base + rows[-1].count
    features = _features(random, seats)
    shelf = bytearray(seats)
    held_back = random.random() < 0.6
    reserved = random.choice([0.0, 0.0, 0.1, 0.4])
    for seat in range(seats):
        if features[seat] and held_back and random.random() < 0.9:
            shelf[seat] = 1
        elif random.random() < reserved:
            shelf[seat] = random.choice([2, 3, 254])
    _sell(random, rows, shelf)
    pools = frozenset([0, *(pool for pool in (1, 2, 254) if random.random() < (0.85 if pool == 1 else 0.6))])
    focal = (random.randint(-8, 40), random.randint(-8, 40)) if random.random() < 0.5 else None
    return Hall(rows, shelf, features, pools, focal)


def random_wish(random: Random, hall: Hall) -> Wish:
    """A wish for what may or may not be there."""
    quantity = random.choice([1, 2, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 10, 12, 16, 20])
    accessible = random.randint(1, min(quantity, 3)) if random.random() < 0.3 and 1 in hall.features else 0
    sections, categories = (
        random.sample(known, random.randint(1, len(known))) if random.random() < 0.3 else None
        for known in (sorted({row.section for row in hall.rows}), sorted({row.category for row in hall.rows}))
    )
    return Wish(
        quantity,
        None if sections is None else frozenset([*sections, _UNKNOWN]),
        None if categories is None else frozenset([*categories, _UNKNOWN]),
        random.random() < 0.7,
        accessible,
    )


def random_change(random: Random, hall: Hall) -> list[int]:
    """Sells, gives back or reserves some seats of the shelf; says which."""
    first = random.randrange(len(hall.shelf))
    seats = list(range(first, min(first + random.randint(1, 6), len(hall.shelf))))
    if random.random() < 0.3:
        seats = random.sample(range(len(hall.shelf)), min(len(hall.shelf), random.randint(1, 8)))
    for seat in seats:
        hall.shelf[seat] = random.choice([HELD_OR_SOLD, HELD_OR_SOLD, 0, 0, 0, 1 if hall.features[seat] else 2])
    return seats


def _rows(random: Random) -> list[Bench]:
    rows: list[Bench] = []
    most, longest = random.choice([5, 15, 30, 45, 60, 60, 60]), random.choice([4, 8, 8, 12, 20, 60])
    alike, tables, mixed = random.random() < 0.5, random.choice([0.0, 0.0, 0.2, 0.6]), random.choice([0.0, 0.2, 0.5])
    base, section, category, count = 0, 0, random.randrange(3), random.randint(1, longest)
    x, y = random.randint(-5, 5), 0
    while base < most:
        if rows and random.random() < 0.15:
            section += 1
        if random.random() < mixed:
            category = random.randrange(3)
        if not alike:
            count, x = random.randint(1, longest), random.randint(-20, 20)
        y += random.randint(0, 4)
        rows.append(Bench(base, min(count, most - base), section, category, random.random() < tables, x, y))
        base += rows[-1].count
    return rows


def _features(random: Random, seats: int) -> bytes:
    share = random.choice([0.0, 0.0, 0.1, 0.3])
    features = bytearray(seats)
    for seat in range(seats):
        if random.random() < share:
            features[seat : seat + 2] = random.choice([b"\1\2", b"\2\1", b"\1\1", b"\1\0"])[: seats - seat]
    return bytes(features)


def _sell(random: Random, rows: list[Bench], shelf: bytearray) -> None:
    sold, in_groups = random.choice([0.0, 0.1, 0.3, 0.5, 0.7, 0.9]), random.random() < 0.5
    if in_groups:
        for _ in range(int(sold * len(shelf) / 2)):
            row = random.choice(rows)
            first = row.base + random.randrange(row.count)
            for seat in range(first, min(first + random.randint(1, 5), row.base + row.count)):
                shelf[seat] = HELD_OR_SOLD
    else:
        for seat in range(len(shelf)):
            if random.random() < sold:
                shelf[seat] = HELD_OR_SOLD
