"""Layouts at random, small and full of corner cases, with every kind of inventory, each of it there or not."""

from collections.abc import Sequence
from random import Random

from actors.core.layout import Area, Calendar, Category, Fee, Layout, Resource, Row, RowKind, Section, Tax

MINUTE_MS = 60_000
_START_MS = 1_792_000_020_000 // MINUTE_MS * MINUTE_MS
_NAMES = ("A", "B", "a", "1", "2", "01", "9", "10", "999999", "A..C", "-", "é", "Box 1", "court", "Стол 1")


def random_layout(random: Random) -> Layout:
    """A layout that can be sold."""
    categories = names(random, 1, 3)
    types = names(random, 0, 3)
    parts = names(random, 1, 6)
    first, second = sorted((random.randint(0, len(parts)), random.randint(0, len(parts))))
    calendars = tuple(_calendar(random) for _ in range(random.randint(1, 2)))
    of_sections, of_areas, of_resources = parts[:first], parts[first:second], parts[second:]
    return Layout(
        random.choice(("EUR", "JPY")),
        tuple(_category(random, name, len(types)) for name in categories),
        tuple(_section(random, name, len(categories)) for name in of_sections),
        tuple(Area(name, random.randrange(len(categories)), random.randint(1, 50)) for name in of_areas),
        tuple(
            Resource(
                name, random.randrange(len(categories)), random.randrange(len(calendars)),
                random.choice((0, 0, 10, 15, 45)) * MINUTE_MS,
            )
            for name in of_resources
        ),
        calendars if of_resources else (),
        types,
        tuple(_fee(random, name) for name in names(random, 0, 2)),
        Tax("VAT", random.randint(0, 250_000), random.random() < 0.5) if random.random() < 0.7 else None,
        random.choice((None, (random.randint(-50, 50), random.randint(-50, 50)))),
    )  # fmt: skip


def names(random: Random, least: int, most: int) -> tuple[str, ...]:
    """So many different names."""
    return tuple(random.sample(_NAMES, random.randint(least, most)))


def _category(random: Random, name: str, type_count: int) -> Category:
    others = [price_type for price_type in range(1, type_count) if random.random() < 0.6]
    return Category(name, random.randint(0, 10**6), tuple((one, random.randint(0, 10**6)) for one in others))


def _fee(random: Random, name: str) -> Fee:
    if random.random() < 0.3:
        return Fee(name, random.randint(0, 999), 0, True)
    return Fee(name, random.randint(0, 999), random.randint(0, 250_000))


def _section(random: Random, name: str, categories: int) -> Section:
    rows = [_row(random, row, random.randrange(categories)) for row in names(random, 1, 5)]
    rows.sort(key=lambda row: row.kind is not RowKind.ROW)
    return Section(name, tuple(rows), (random.randint(-50, 50), random.randint(-50, 50)))


def _row(random: Random, name: str, category: int) -> Row:
    labels: Sequence[str] = names(random, 1, 6) if random.random() < 0.4 else ()
    count = len(labels) or random.randint(1, 12)
    special = random.sample(range(count), random.randint(0, min(count, 4)))
    cut = random.randint(0, len(special))
    return Row(
        name, category, 0 if labels else random.randint(0, 20), count, tuple(labels), random.choice(list(RowKind)),
        tuple(sorted(special[:cut])), tuple(sorted(special[cut:])),
    )  # fmt: skip


def _calendar(random: Random) -> Calendar:
    slot_ms = random.choice((15, 30, 60, 90)) * MINUTE_MS
    start_ms = _START_MS + random.randint(0, 1_000) * MINUTE_MS
    runs = []
    for _ in range(random.randint(1, 4)):
        count = random.randint(1, 5)
        runs.append((start_ms, count, random.choice((-210, -60, 0, 60, 120, 345))))
        start_ms += count * slot_ms + random.choice((0, 0, 15, 600)) * MINUTE_MS
    return Calendar("UTC", slot_ms, tuple(runs))
