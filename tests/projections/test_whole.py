"""An event that is split, shown as one: seats, slots and counts by name, also before a part has heard of an edit."""

from collections.abc import Callable

import msgspec
import pytest

from actors.core.commands import EditEvent
from actors.core.ids import BlockId
from actors.core.inventory import UnitStatus
from actors.core.layout import Calendar, Category, Layout, Resource, Row, Section
from actors.core.layout_index import LayoutIndex
from actors.core.wishes import AreaPlaces, Span, Wish
from actors.projections import whole
from actors.projections.counts import SectionAvailability, UnitCounts
from actors.projections.seat_statuses import unpack
from actors.projections.shown import Shown, shown_of
from actors.projections.whole import whole_of
from tests.core.checked_house import START_MS, stamp
from tests.core.divided_house import EAST, HOME, LAYOUT, NORTH, DividedHouse, counted, counting

HOUR_MS = 3_600_000
FIRST_SLOT_MS = START_MS // HOUR_MS * HOUR_MS + 24 * HOUR_MS
AFTER = Layout(
    "EUR",
    (Category("silver", 8_000), Category("standing", 4_000)),
    (
        Section("west", (Row("1", 0, 1, 4), Row("2", 1, 1, 2))),
        *reversed(LAYOUT.sections[:3]),
    ),
    LAYOUT.areas,
    (Resource("Court", 1, 0),),
    (Calendar("Europe/Berlin", HOUR_MS, ((FIRST_SLOT_MS, 3, 60),)),),
    fees=LAYOUT.fees,
)
"""Home's seats are others, those of the parts stand in another order, and are of a category of another name."""


def shown(house: DividedHouse, block: str) -> Shown:
    return shown_of(house.state(block), 7, 0)[0]


def check(house: DividedHouse, layout: Layout) -> None:
    """Each unit has the status that its own block says, and the counts add up to that."""
    seen = whole_of(shown(house, HOME), {BlockId(part): shown(house, part) for part in (NORTH, EAST)}, with_seats=True)
    statuses: dict[str, int] = {}
    for block in (HOME, NORTH, EAST):
        state = house.state(block)
        statuses |= {state.index.unit_name(unit): status for unit, status in enumerate(state.inventory.statuses)}
    index = LayoutIndex(layout)
    assert {index.unit_name(unit): unpack(seen.statuses)[unit] for unit in range(index.unit_count)} == statuses
    counts = seen.event.counts
    assert list(dict.fromkeys(one.section for one in counts.sections)) == [one.name for one in layout.sections]
    for section in layout.sections:
        of_section = [status for name, status in statuses.items() if name.startswith(f"{section.name}/")]
        total = UnitCounts()
        for one in counts.sections:
            total = total.plus(one.counts) if one.section == section.name else total
        assert (total.capacity, total.held) == (len(of_section), of_section.count(UnitStatus.HELD))
    held = list(statuses.values()).count(UnitStatus.HELD) + counts.areas[0].counts.held
    assert (counts.total.capacity, counts.total.held) == (layout.capacity, held)
    assert sum(one.counts.capacity for one in counts.categories) == layout.capacity
    assert [(one.category, one.price) for one in counts.categories[:2]] == [
        (category.name, category.price) for category in layout.categories
    ]


def check_edited() -> None:
    """Before an edit, before the parts have heard of it, when one has, and when both have."""
    house = DividedHouse()
    house.hold(
        11,
        [
            counted(1, NORTH, Wish(("north/2/1",))),
            counted(2, EAST, Wish(("east/1/3",))),
            counted(3, HOME, Wish(("west/1/2",), (AreaPlaces("floor", 1),))),
            counting(4, 4),
        ],
    )
    check(house, LAYOUT)
    house.say(HOME, EditEvent(stamp("edit"), house.state(HOME).revision, layout=AFTER))
    check(house, AFTER)
    north, east, *_ = house.state(HOME).parts_behind
    house.follow(east)
    check(house, AFTER)
    spans = (Span("Court", FIRST_SLOT_MS + HOUR_MS, FIRST_SLOT_MS + 2 * HOUR_MS),)
    house.hold(12, [counted(5, HOME, Wish(("west/2/2",), spans=spans)), counting(6, 2)])
    house.follow(north)
    check(house, AFTER)


def test_it_is_whole_while_parts_have_yet_to_hear_of_an_edit() -> None:
    check_edited()


def seats_in_the_events_order(patch: pytest.MonkeyPatch) -> None:
    honest = whole._by_section
    order = [section.name for section in AFTER.sections]

    def by_section(of: Shown) -> dict[str, list[SectionAvailability]]:
        return dict(sorted(honest(of).items(), key=lambda one: order.index(one[0])))

    patch.setattr(whole, "_by_section", by_section)


def categories_of_home_only(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(whole, "_categories", lambda blocks: next(iter(blocks)).event.counts.categories)


def seats_and_no_slots(patch: pytest.MonkeyPatch) -> None:
    honest = whole._statuses

    def statuses(blocks: dict[BlockId, Shown], sections: tuple[tuple[str, str], ...]) -> bytes:
        home = blocks[BlockId("")]
        counts = msgspec.structs.replace(home.event.counts, resources=())
        bare = msgspec.structs.replace(home, event=msgspec.structs.replace(home.event, counts=counts))
        return honest({**blocks, BlockId(""): bare}, sections) + b"\0"

    patch.setattr(whole, "_statuses", statuses)


@pytest.mark.parametrize("sabotage", [seats_in_the_events_order, categories_of_home_only, seats_and_no_slots])
def test_the_check_notices_units_that_are_told_of_others(
    monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """Negative control."""
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        check_edited()
