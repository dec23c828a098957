"""The events of a market, one of each shape: what they have, on what conditions, and what is wished for of them."""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

import msgspec

from actors.core.layout import Area, Calendar, Category, Fee, Layout, Resource, Row, RowKind, Section
from actors.core.rules import Allotment, Channel, Rules, WaitingList, Window
from actors.core.wishes import AreaPlaces, BestSeats, Span, Wish
from tests.core import walk_events
from tests.simulation.divided_crowd import SPLIT, STADIUM
from tests.simulation.world import START_MS

SLOT_MS = 60_000
FIRST_SLOT_MS = START_MS + 40_000  # at a whole minute
OPENS_AFTER_MS, CLOSES_AFTER_MS = 8_000, 35_000
_PRICES = (Category("gold", 9000), Category("standing", 4000), Category("court", 2400))
_HALL = (
    Section("A", tuple(Row(str(row), 0, 1, 12) for row in range(1, 6))),
    Section("B", tuple(Row(str(row), 0, 1, 8) for row in range(1, 4))),
)


class Shape(NamedTuple):
    """What an event is like.

    `rules`: those that it may have; the first to begin with, or any if `draws_rules`. `layouts`: what an organizer may
    make of it. `sets_nothing_aside`: so that who is told that there is not enough can be held to it.
    """

    name: str
    layout: Layout
    rules: tuple[Rules, ...]
    wish: Callable[[Random], Wish]
    layouts: tuple[Layout, ...]
    split: tuple[tuple[str, ...], ...] = ()
    sets_nothing_aside: bool = False
    draws_rules: bool = False
    is_brief: bool = False


def _dearer(layout: Layout, price: int) -> Layout:
    categories = (msgspec.structs.replace(layout.categories[0], price=price), *layout.categories[1:])
    return msgspec.structs.replace(layout, categories=categories)


def _of_hall(random: Random) -> Wish:
    kind = random.randrange(8)
    if kind == 0:
        return Wish(best=(BestSeats(random.choice((1, 1, 2, 3)), random.choice(((), (), ("B",)))),))
    if kind < 4:
        return Wish(areas=(AreaPlaces("floor", random.randint(1, 4)),))
    section, rows, seats = random.choice((("A", 5, 12), ("A", 5, 12), ("B", 3, 8)))
    row, first = random.randint(1, rows), random.randint(1, seats - 1)
    names = tuple(f"{section}/{row}/{seat}" for seat in range(first, first + random.randint(1, 2)))
    return Wish(names, (AreaPlaces("floor", 1),) if kind == 7 else ())


def _of_parlour(random: Random) -> Wish:
    if random.randrange(2):
        return Wish(areas=(AreaPlaces("floor", random.randint(1, 2)),))
    if random.randrange(3):
        return Wish((f"A/1/{random.randint(1, 6)}",))
    return Wish(best=(BestSeats(random.randint(1, 2)),))


def _of_courts(random: Random) -> Wish:
    resource = random.choice(("clay", "clay", "grass", "sand", "ice"))
    first = FIRST_SLOT_MS + random.choice((0, 0, 0, 0, *range(1, 12))) * SLOT_MS
    return Wish(spans=(Span(resource, first, first + random.choice((1, 1, 2)) * SLOT_MS),))


def _of_stadium(random: Random) -> Wish:
    kind = random.randrange(4)
    if kind == 0:
        return Wish(best=(BestSeats(random.randint(1, 2), random.choice(((), ("east",), ("south", "west")))),))
    if kind == 1:
        return Wish(areas=(AreaPlaces("floor", random.randint(1, 2)),))
    sections = [section.name for section in STADIUM.sections]
    seats = {f"{random.choice(sections)}/{random.randint(1, 2)}/{random.randint(1, 6)}" for _ in range(2)}
    return Wish(tuple(sorted(seats)))


def _of_salon(random: Random) -> Wish:
    """Whole tables, one by one and with a chair too few; set aside for channels, and for nobody."""
    if random.randrange(2):
        names: tuple[str, ...] = (f"salon/T{random.randint(1, 6)}",)
        if not random.randrange(6):
            names = (f"{names[0]}/1",)
    else:
        names = (f"salon/R/{random.randint(1, 8)}",)
    kind = random.choice(("", "", "child"))
    types = ((names[0], kind),) if kind else ()
    return Wish(names, seat_types=types, channel=random.choice(("", "", "club")))


_PLAIN = Layout("EUR", _PRICES, _HALL, (Area("floor", 1, 60),))
_PARLOUR = Layout("EUR", _PRICES, (Section("A", (Row("1", 0, 1, 6),)),), (Area("floor", 1, 6),))
_SLOTS = Calendar("UTC", SLOT_MS, ((FIRST_SLOT_MS, 14, 0),))
_COURTS = Layout(
    "EUR",
    _PRICES,
    (),
    (),
    (Resource("clay", 2, 0, SLOT_MS), *(Resource(name, 2, 0) for name in ("grass", "sand", "ice"))),
    (_SLOTS,),
)
_TABLES = tuple(Row(f"T{number}", 1, 1, 4, kind=RowKind.WHOLE_TABLE) for number in range(1, 7))
_SALON = Layout(
    "EUR",
    (Category("chair", 3000, ((1, 1500),)), Category("table", 2500, ((1, 1000),))),
    (Section("salon", (Row("R", 0, 1, 8), *_TABLES)),),
    (),
    price_types=("adult", "child"),
    fees=(Fee("service", 100, 20_000), Fee("order", 250, 0, True)),
)
_CLUB = Rules(
    channels=(Channel("club"),),
    allotments=(
        Allotment("house", "", ("salon/R/1",)),
        Allotment("members", "club", ("salon/T1", "salon/R/2"), returns_at_ms=START_MS + 30_000),
    ),
)
_WAITED_FOR = Rules(max_per_buyer=4, waiting_list=WaitingList(5_000))
_BRIEFLY = Rules(Window(START_MS + OPENS_AFTER_MS, START_MS + CLOSES_AFTER_MS))
_LIMITED = tuple(Rules(max_per_buyer=most) for most in (8, 6, 10))

SHAPES = (
    Shape("plain", _PLAIN, (Rules(),), _of_hall, (_dearer(_PLAIN, 9500), _PLAIN), sets_nothing_aside=True),
    Shape("split", STADIUM, _LIMITED, _of_stadium, (_dearer(STADIUM, 9500), STADIUM), SPLIT),
    Shape("parlour", _PARLOUR, (_WAITED_FOR, Rules(waiting_list=WaitingList(2_000))), _of_parlour, (_PARLOUR,)),
    Shape("courts", _COURTS, (Rules(),), _of_courts, (_dearer(_COURTS, 100), _COURTS)),
    Shape("salon", _SALON, (_CLUB, Rules(channels=(Channel("club"),))), _of_salon, (_SALON, _dearer(_SALON, 3200))),
    Shape(
        "odd",
        walk_events.FULL,
        tuple(walk_events.RULES[name] for name in ("plain", "limited", "aside")),
        walk_events.any_wish,
        tuple(walk_events.LAYOUTS.values()),
        draws_rules=True,
    ),
    Shape("abroad", msgspec.structs.replace(_PLAIN, currency="CHF"), (Rules(),), _of_hall, (_PLAIN,)),
    Shape("brief", _PLAIN, (_BRIEFLY,), _of_hall, (_PLAIN,), is_brief=True),
)
"""The first are there in every run."""
ALWAYS = 2
