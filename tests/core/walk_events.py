"""The events of random walks: small layouts and rules with every kind of inventory, and wishes for what is in them."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

import msgspec

from actors.core.layout import Area, Calendar, Category, Fee, Layout, Resource, Row, RowKind, Section, Tax
from actors.core.rules import Allotment, Channel, Rules, WaitingList, Window
from actors.core.wishes import AreaPlaces, BestSeats, Span, Wish
from tests.core.naive_parts import HOUR_MS, MINUTE_MS

T = TypeVar("T")
START_MS = 1_700_000_000_000
FIRST_SLOT_MS = 1_700_001_600_000  # 22:40 UTC, 26 min 40 s after the start
HALF_HOUR_MS = 30 * MINUTE_MS
SPRING_MS = 1_711_846_800_000  # 2024-03-31T01:00Z: clocks in Europe go from two to three

_CATEGORIES = (
    Category("front", 5000),
    Category("back", 3001, ((1, 1500),)),
    Category("standing", 2000, ((1, 0),)),
    Category("court", 2401),
)
_CLAY = Calendar("UTC", HALF_HOUR_MS, ((FIRST_SLOT_MS, 4, 0),))
_GRASS = Calendar("Europe/Madrid", HOUR_MS, ((SPRING_MS - HOUR_MS, 1, 60), (SPRING_MS, 2, 120)))

HALL = Section(
    "Hall",
    (
        Row("A", 0, 1, 4, (), RowKind.ROW, (0,), (1,)),
        Row("B", 1, 1, 3),
        Row("D", 1, 0, 2, ("left", "right")),
        Row("T", 1, 1, 2, (), RowKind.WHOLE_TABLE),
    ),
)
FULL = Layout(
    "EUR",
    _CATEGORIES,
    (HALL, Section("Loge", (Row("C", 0, 1, 2),))),
    (Area("floor", 2, 4), Area("balcony", 1, 2)),
    (Resource("clay", 3, 0, 10 * MINUTE_MS), Resource("grass", 3, 1)),
    (_CLAY, _GRASS),
    ("adult", "child"),
    (Fee("service", 50, 50_000), Fee("order", 300, 0, True)),
    Tax("VAT", 100_000, False),
)
OTHERWISE = Layout(
    "EUR",
    (Category("front", 4500, ((1, 1000),)), *_CATEGORIES[1:]),
    (
        Section("Loge", (Row("C", 0, 1, 2),)),
        Section(
            "Hall",
            (
                Row("B", 0, 1, 3),
                Row("A", 0, 1, 4),
                Row("D", 1, 0, 2, ("left", "right")),
                Row("T", 1, 1, 2, (), RowKind.TABLE),
            ),
        ),
    ),
    (Area("balcony", 1, 3), Area("floor", 2, 3)),
    (Resource("grass", 3, 1), Resource("clay", 3, 0)),
    (Calendar("UTC", HALF_HOUR_MS, ((FIRST_SLOT_MS - HALF_HOUR_MS, 5, 0),)), _GRASS),
    ("adult", "child"),
    (),
    Tax("VAT", 210_000, True),
)
SMALL = Layout(
    "EUR",
    _CATEGORIES,
    (Section("Hall", (Row("A", 0, 1, 3), Row("B", 1, 1, 2), Row("T", 1, 1, 2, (), RowKind.WHOLE_TABLE))),),
    (Area("floor", 2, 2),),
    (Resource("clay", 3, 0),),
    (Calendar("UTC", HOUR_MS, ((FIRST_SLOT_MS, 2, 0),)),),
    ("adult", "child"),
)
FOREIGN = Layout("USD", FULL.categories, FULL.sections, FULL.areas, FULL.resources, FULL.calendars, FULL.price_types)
LAYOUTS = {"full": FULL, "otherwise": OTHERWISE, "small": SMALL, "foreign": FOREIGN}

_PLAIN = Rules(waiting_list=WaitingList(5 * MINUTE_MS))
_LIMITED = Rules(max_per_buyer=4, waiting_list=WaitingList(MINUTE_MS), channels=(Channel("vip"),))
_ASIDE = Rules(
    channels=(Channel("vip"), Channel("pre", Window(0, START_MS + HALF_HOUR_MS))),
    allotments=(
        Allotment("house", "", ("Hall/A/3",), (AreaPlaces("floor", 1),)),
        Allotment("press", "vip", ("Hall/B", "Hall/A/1"), (AreaPlaces("floor", 2),), START_MS + 40 * MINUTE_MS),
        Allotment("club", "vip", ("clay/2023-11-14T22:40+00:00",), (), START_MS + 20 * MINUTE_MS),
    ),
    accessible_until_ms=START_MS + HOUR_MS,
    waiting_list=WaitingList(5 * MINUTE_MS),
)
_IN_TIME = Rules(
    window=Window(START_MS + MINUTE_MS, START_MS + 3 * HOUR_MS),
    max_hold_life_ms=HOUR_MS,
    channels=(Channel("vip", Window(0, START_MS + 6 * HOUR_MS)), Channel("pre")),
    allotments=(Allotment("late", "pre", ("Loge",), (AreaPlaces("balcony", 1),), START_MS + HOUR_MS),),
)
RULES = {"plain": _PLAIN, "limited": _LIMITED, "aside": _ASIDE, "in time": _IN_TIME}

_SEATS = (
    "Hall/A/1", "Hall/A/2", "Hall/A/3", "Hall/A/4", "Hall/B/1", "Hall/B/2", "Hall/B/3", "Hall/D/left", "Loge/C/1",
    "Hall/T", "Hall/T", "Hall/T/1", "clay/2023-11-14T22:40+00:00", "clay/2023-11-14T23:10+00:00",
    "grass/2024-03-31T03:00+02:00",
)  # fmt: skip


def any_wish(random: Random) -> Wish:
    """Whatever can be wished for, mostly well formed: of one kind, or of several in one."""
    channel = mostly(random, "", "vip", "vip", "vip", "pre", "pope", odds=6)
    kinds = random.choices((_of_seats, _of_seats, _of_places, _of_best, _of_best, _of_spans), k=3)
    wish, *others = (kind(random) for kind in kinds[: mostly(random, 1, 2, 2, 3, odds=3)])
    for other in others:
        wish = _together(wish, other)
    return msgspec.structs.replace(wish, channel=channel)


def to_wait_for(random: Random) -> Wish:
    """The same, mostly with one choice at most."""
    wish = any_wish(random)
    return msgspec.structs.replace(wish, best=wish.best[: mostly(random, 1, 2, odds=10)])


def mostly(random: Random, usual: T, *others: T, odds: int) -> T:
    """The usual, or once in so many times one of the others."""
    return usual if random.randrange(odds) else random.choice(others)


def some_of(random: Random, named: Sequence[T]) -> tuple[T, ...]:
    """Up to two of them."""
    return tuple(random.sample(named, k=min(len(named), random.randrange(3))))


def of_two_choices(random: Random) -> Wish:
    """Two choices, well formed, half of the time among other units."""
    best = tuple(
        BestSeats(
            random.choice((1, 1, 2, 2, 3)),
            random.choice(((), (), ("Hall",), ("Loge",))),
            mostly(random, (), ("front",), ("back",), odds=4),
            mostly(random, 0, 1, odds=6),
            mostly(random, False, True, odds=3),
        )
        for _ in range(2)
    )
    wish = Wish(best=best, channel=mostly(random, "", "vip", odds=8))
    if random.randrange(2):
        return wish
    seats = random.sample(("Hall/A/1", "Hall/B/2", "clay/2023-11-14T23:10+00:00"), k=random.randrange(2))
    areas = (AreaPlaces("floor", 1),) if random.randrange(2) else ()
    span = Span("grass", SPRING_MS, SPRING_MS + HOUR_MS)
    return msgspec.structs.replace(wish, seats=tuple(seats), areas=areas, spans=mostly(random, (), (span,), odds=2))


def _together(wish: Wish, other: Wish) -> Wish:
    """All that both are for, with two choices at most."""
    return Wish(
        tuple(dict.fromkeys((*wish.seats, *other.seats))),
        tuple({(places.area, places.price_type): places for places in (*wish.areas, *other.areas)}.values()),
        (*wish.best, *other.best)[:2],
        (*wish.spans, *other.spans),
        tuple(dict((*wish.seat_types, *other.seat_types)).items()),
        wish.accessible or other.accessible,
    )


def _of_seats(random: Random) -> Wish:
    seats = tuple(dict.fromkeys(random.choices(_SEATS, k=random.choice((1, 1, 2)))))
    seats = mostly(random, seats, (*seats, "Hall/Z/1"), (*seats, seats[0]), odds=15)
    kind = mostly(random, "", "child", "child", "child", "pope", odds=7)
    types = ((seats[0], kind),) if kind else ()
    areas = mostly(random, (), (AreaPlaces("floor", 1),), odds=5)
    return Wish(seats, areas, seat_types=types, accessible=mostly(random, False, True, odds=3))


def _of_places(random: Random) -> Wish:
    names = random.sample(("floor", "balcony"), k=mostly(random, 1, 2, odds=4))
    names = mostly(random, names, [*names, "roof"], names * 2, odds=15)
    kinds = (mostly(random, "", "child", "child", "child", "pope", odds=7) for _ in names)
    quantities = (mostly(random, random.choice((1, 1, 2, 2, 3)), 0, 5, odds=10) for _ in names)
    return Wish(areas=tuple(map(AreaPlaces, names, quantities, kinds)))


def _of_best(random: Random) -> Wish:
    accessible, split = mostly(random, random.choice(((0, False), (0, True), (1, False))), (9, False), odds=15)
    best = BestSeats(
        random.choice((1, 2, 2, 3, 4, 6)),
        mostly(random, (), ("Hall",), ("Loge",), ("Hall", "Loge"), ("Balkon",), odds=3),
        mostly(random, (), ("front",), ("back",), ("front", "back"), ("gold",), odds=3),
        accessible,
        split,
        mostly(random, (), (("child", 1),), (("child", 1),), (("adult", 1),), (("child", 9),), (("pope", 1),), odds=4),
    )
    return Wish(mostly(random, (), ("Hall/A/4",), odds=5), best=(best,))


def _of_spans(random: Random) -> Wish:
    resource = mostly(random, random.choice(("clay", "clay", "grass")), "sand", odds=15)
    base_ms, slot_ms = (SPRING_MS - HOUR_MS, HOUR_MS) if resource == "grass" else (FIRST_SLOT_MS, HALF_HOUR_MS)
    starts_ms = base_ms + random.randrange(3) * slot_ms
    count = mostly(random, random.choice((1, 1, 2)), 0, 3, odds=8)
    span = Span(resource, starts_ms, starts_ms + count * slot_ms)
    next_to = Span(resource, span.ends_at_ms, span.ends_at_ms + slot_ms)
    return Wish(spans=mostly(random, (span,), (span, next_to), (next_to, span), (span, span), odds=8))
