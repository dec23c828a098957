"""An event that has every kind of inventory and every rule."""

import msgspec

from actors.core.layout import (
    Area,
    Calendar,
    Category,
    Fee,
    Layout,
    Resource,
    Row,
    RowKind,
    Section,
    Tax,
)
from actors.core.rules import Allotment, Channel, Rules, WaitingList, Window
from actors.core.wishes import AreaPlaces
from tests.loadtests.journals import START_MS

HOUR_MS = 60 * 60_000
SLOT_MS = HOUR_MS // 2
SLOTS_FROM_MS = (START_MS // HOUR_MS + 1) * HOUR_MS  # 46 min 40 s later
ROOM_FROM_MS, ROOM_TO_MS = SLOTS_FROM_MS + HOUR_MS, SLOTS_FROM_MS + 2 * HOUR_MS
CLAIM_MS = 120_000
MAX_HOLD_LIFE_MS = 1_800_000

WHOLE_LAYOUT = Layout(
    "EUR",
    (
        Category("near", 5_000, ((1, 2_505),)),
        Category("far", 2_000, ((1, 999), (2, 0))),
        Category("standing", 1_000, ((1, 1_000),)),
        Category("court", 3_333),
    ),
    (
        Section("A", (Row("1", 0, 1, 8), Row("2", 1, 1, 8, accessible=(2, 5), companions=(3,)), Row("3", 1, 1, 4))),
        Section("T", (Row("t1", 1, 1, 4, kind=RowKind.TABLE), Row("t2", 0, 1, 3, kind=RowKind.WHOLE_TABLE)), (20, 0)),
        Section("H", (Row("1", 1, 0, 2, ("left", "right")), Row("2", 1, 1, 5))),
    ),
    (Area("floor", 2, 12), Area("terrace", 1, 6)),
    (Resource("court 1", 3, 0), Resource("court 2", 3, 0, SLOT_MS), Resource("room", 1, 1, SLOT_MS // 2)),
    (
        Calendar("Europe/Berlin", SLOT_MS, ((SLOTS_FROM_MS, 4, 120), (SLOTS_FROM_MS + 4 * SLOT_MS, 4, 60))),
        Calendar("UTC", HOUR_MS, ((SLOTS_FROM_MS, 2, 0), (SLOTS_FROM_MS + 4 * HOUR_MS, 2, 0))),
    ),
    ("adult", "child", "member"),
    (Fee("service", 50, 12_345), Fee("order", 199, 0, once=True)),
    Tax("VAT", 70_000, included=False),
)

WHOLE_RULES = Rules(
    Window(START_MS - HOUR_MS, START_MS + 90 * HOUR_MS),
    MAX_HOLD_LIFE_MS,
    12,
    (Channel("partner"), Channel("presale", Window(START_MS - HOUR_MS, START_MS + HOUR_MS)), Channel("box")),
    (
        Allotment("house", "", ("H/1", "H/2/5"), (AreaPlaces("terrace", 1),)),
        Allotment("of the partner", "partner", ("A/3", "room"), (AreaPlaces("floor", 4),), START_MS + 20 * 60_000),
        Allotment("of the box", "box", ("H/2/4",), (AreaPlaces("floor", 2),)),
    ),
    START_MS + 30 * 60_000,
    WaitingList(CLAIM_MS),
)


def another_layout(number: int) -> Layout:
    """The same units numbered otherwise and at other prices; odd ones have a focus and one row more, some no tables."""
    step = -1 if number % 4 > 1 else 1
    sections = tuple(section for section in WHOLE_LAYOUT.sections[::step] if section.name != "T" or number % 5 < 4)
    if number % 2:
        sections = (Section("N", (Row("1", 0, 1, 3),), (0, 40)), *sections)
    categories = tuple(
        msgspec.structs.replace(category, price=category.price + number) for category in WHOLE_LAYOUT.categories
    )
    return msgspec.structs.replace(
        WHOLE_LAYOUT,
        categories=categories,
        sections=sections,
        areas=WHOLE_LAYOUT.areas[::step],
        resources=WHOLE_LAYOUT.resources[::step],
        focus=(3, 1) if number % 2 else None,
        tax=Tax("VAT", 190_000, included=True) if number % 3 else None,
        fees=WHOLE_LAYOUT.fees[: number % 3],
    )


LAST_LAYOUT = another_layout(7)
LAST_HOLD_LIFE_MS = 2_400_000
LAST_RULES = msgspec.structs.replace(WHOLE_RULES, max_per_buyer=8, max_hold_life_ms=LAST_HOLD_LIFE_MS)
"""What the event of the whole journal has become at its end."""
