"""Counts agree with a recount unit by unit, buffers are kept, and packed statuses come back as they were."""

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.core import block as core
from actors.core.entries import EventCreated
from actors.core.inventory import UnitStatus
from actors.core.layout import Area, Calendar, Category, Layout, Resource
from actors.core.rules import Allotment, Channel, Rules
from actors.core.state import BlockState
from actors.core.wishes import AreaPlaces
from actors.journal.memory import MemoryJournal, MemoryStore
from actors.projections import buffers, counts
from actors.projections.buffers import statuses_shown
from actors.projections.counts import UnitCounts, count_units
from actors.projections.seat_statuses import pack, unpack
from tests.core.layout_strategy import layouts
from tests.projections.selling import START_MS, SellingEvent

STATUSES = st.lists(st.sampled_from(list(UnitStatus)), max_size=70)


def recount(state: BlockState) -> dict[tuple[str, str, str], Counter[str]]:
    """The statuses of all units by (kind, name, category), seat by seat and place by place."""
    layout = state.layout
    assert layout is not None
    tally: dict[tuple[str, str, str], Counter[str]] = {
        ("category", "", category.name): Counter() for category in layout.categories
    }
    for unit, status in enumerate(state.inventory.statuses):
        group, category = state.index.unit_name(unit).split("/")[0], state.index.category_of_unit(unit)
        name = layout.categories[category].name
        kind = "section" if unit < state.index.seat_count else "resource"
        if is_too_near(state, unit) and status == UnitStatus.AVAILABLE:
            status = UnitStatus.BLOCKED
        for key in ((kind, group, name), ("category", "", name), ("total", "", "")):
            tally.setdefault(key, Counter())[UnitStatus(status).name] += 1
    for index, area in enumerate(layout.areas):
        held, sold = state.inventory.area_held[index], state.inventory.area_sold[index]
        left = area.capacity - held - sold
        kept = min(kept_places(state, index), left)
        places = Counter(AVAILABLE=left - kept, HELD=held, SOLD=sold, BLOCKED=kept)
        name = layout.categories[area.category].name
        for key in (("area", area.name, name), ("category", "", name), ("total", "", "")):
            tally.setdefault(key, Counter()).update(places)
    return tally


def is_too_near(state: BlockState, unit: int) -> bool:
    """Whether somebody has a slot that this slot's resource keeps its buffer from."""
    if unit < state.index.seat_count:
        return False
    claimed = (UnitStatus.HELD, UnitStatus.SOLD)
    near = state.index.slots.around(unit, unit)
    return any(state.inventory.statuses[other] in claimed for other in near if other != unit)


def kept_places(state: BlockState, area: int) -> int:
    """How many places allotments keep: for each channel so many as it has not held yet."""
    kept: Counter[str] = Counter()
    for allotment in state.rules.allotments:
        for places in allotment.places:
            if allotment.name not in state.returned and places.area == state.index.layout.areas[area].name:
                kept[allotment.channel] += places.quantity
    used = state.inventory.area_of_channel
    return sum(max(quantity - used.get((area, of), 0), 0) if of else quantity for of, quantity in kept.items())


def check_counts(state: BlockState) -> None:
    """What was counted is what a recount gives, and nothing is left out."""
    counted = count_units(state, statuses_shown(state))
    by_key = {("total", "", ""): counted.total}
    by_key |= {("section", one.section, one.category): one.counts for one in counted.sections}
    by_key |= {("area", one.area, one.category): one.counts for one in counted.areas}
    by_key |= {("resource", one.resource, one.category): one.counts for one in counted.resources}
    by_key |= {("category", "", one.category): one.counts for one in counted.categories}
    assert by_key == {
        key: UnitCounts(tally.total(), tally["AVAILABLE"], tally["HELD"], tally["SOLD"], tally["BLOCKED"])
        for key, tally in recount(state).items()
    }
    assert state.layout is not None
    prices = {category.name: category.price for category in state.layout.categories}
    assert {one.category: one.price for one in counted.categories} == prices


def random_state(layout: Layout, random: Random) -> BlockState:
    """An event of this layout whose units have any status, and of whose areas some places are set aside."""
    state = BlockState()
    core.apply(state, EventCreated(START_MS, "acme", "Night", layout, 600_000, b"k" * 16, b"f" * 16))
    likely = random.choice(([0], [0, 0, 0, 0, 0, 1, 2, 3], list(UnitStatus)))
    for unit in range(state.index.unit_count):
        state.inventory.statuses[unit] = random.choice(likely)
    state.rules = Rules(
        channels=(Channel("fans"),),
        allotments=tuple(
            Allotment(f"{channel} {area.name}", channel, (), (AreaPlaces(area.name, random.randint(1, 3_000)),))
            for area in layout.areas
            for channel in ("fans", "", "fans")
            if random.randrange(3)
        ),
    )
    for index, area in enumerate(layout.areas):
        state.inventory.area_held[index] = random.randint(0, area.capacity)
        state.inventory.area_sold[index] = random.randint(0, area.capacity - state.inventory.area_held[index])
        state.inventory.area_of_channel[index, "fans"] = random.randint(0, state.inventory.area_sold[index])
    return state


@settings(max_examples=100)
@given(layouts(), st.randoms(use_true_random=False))
def test_counts_agree_with_a_recount_of_any_layout(layout: Layout, random: Random) -> None:
    check_counts(random_state(layout, random))


@settings(max_examples=100)
@given(layouts(), st.randoms(use_true_random=False))
def test_statuses_are_shown_as_they_are_but_for_buffers(layout: Layout, random: Random) -> None:
    check_statuses_shown(random_state(layout, random))


def check_statuses_shown(state: BlockState) -> None:
    """A slot that is too near to somebody's is BLOCKED if it is nobody's, and nothing else is changed."""
    expected = bytearray(state.inventory.statuses)
    for slot in range(state.index.seat_count, state.index.unit_count):
        if expected[slot] == UnitStatus.AVAILABLE and is_too_near(state, slot):
            expected[slot] = UnitStatus.BLOCKED
    before = bytes(state.inventory.statuses)
    assert statuses_shown(state) == expected
    assert state.inventory.statuses == before, "it is only read"


def courts(*runs: tuple[int, int], slot_ms: int = 30, buffer_ms: int = 30) -> BlockState:
    """Two courts; (start, slots), (start, slots)..."""
    calendar = Calendar("UTC", slot_ms, tuple((start_ms, count, 0) for start_ms, count in runs))
    resources = (Resource("One", 0, 0, buffer_ms), Resource("Two", 0, 0))
    state = BlockState()
    state.set_layout(Layout("EUR", (Category("court", 1),), (), (), resources, (calendar,)), 1)
    return state


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (courts((0, 6)), "..XHX.|...H.."),
        (courts((0, 6), buffer_ms=31), ".XXHXX|...H.."),
        (courts((0, 4), (120, 2)), "..XHX.|...H.."),  # the clock is changed in between
        (courts((0, 4), (150, 2)), "..XH..|...H.."),  # closed for half an hour
        (courts((0, 4), (140, 2)), "..XHX.|...H.."),  # and for less than the buffer
        (courts((0, 4), (150, 2), buffer_ms=60), ".XXHX.|...H.."),
        (courts((0, 4), (130, 1), (170, 1), buffer_ms=75), "XXXHXX|...H.."),
        (courts((0, 4), (130, 1), (170, 1), buffer_ms=50), ".XXHX.|...H.."),
        (courts((0, 6), slot_ms=1, buffer_ms=33), "XXXHXX|...H.."),
    ],
)
def test_a_buffer_blocks_the_slots_around(state: BlockState, shown: str) -> None:
    for slot in (3, 9):
        state.inventory.statuses[slot] = UnitStatus.HELD
    letters = "".join(".HSX"[status] for status in statuses_shown(state))
    assert f"{letters[:6]}|{letters[6:]}" == shown
    check_statuses_shown(state)


def check_some_courts() -> None:
    """Of each kind of breaks."""
    for state in (courts((0, 6)), courts((0, 4), (150, 2)), courts((0, 4), (140, 2))):
        state.inventory.statuses[3] = UnitStatus.SOLD
        check_statuses_shown(state)


@pytest.mark.parametrize(
    ("broken", "replacement"),
    [
        ("_near", lambda claimed, joined, distance: claimed | (claimed << 8 & joined)),
        ("_near", lambda claimed, joined, distance: claimed | claimed << 8 | claimed >> 8),
        ("_joined", lambda calendar, buffer_ms: (1 << 8 * calendar.slot_count) - 1),
        ("_block_run_by_run", lambda state, resource, shown: None),
    ],
)
def test_control_buffers_that_are_not_kept_are_noticed(
    broken: str, replacement: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffers, broken, replacement)
    with pytest.raises(AssertionError):
        check_some_courts()


async def check_a_history(seed: int) -> None:
    """Counts agree with a recount at every step of a random history."""
    event = SellingEvent(MemoryJournal(MemoryStore(lambda: START_MS)))
    await event.open()
    for turn in range(60):
        await event.live_at_random(Random(1_000 * seed + turn), 1)
        check_counts(event.state)


@pytest.mark.anyio
@pytest.mark.parametrize("seed", range(3))
async def test_counts_agree_with_a_recount_at_every_step(seed: int) -> None:
    await check_a_history(seed)


@pytest.mark.anyio
async def test_control_seats_that_are_counted_twice_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = counts._count_statuses

    def generous(statuses: bytearray, first: int, end: int) -> UnitCounts:
        return honest(statuses, max(first - 1, 0), end)

    monkeypatch.setattr(counts, "_count_statuses", generous)
    with pytest.raises(AssertionError):
        await check_a_history(0)


def test_control_places_that_are_kept_but_counted_as_available_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "places_kept", lambda *_: 0)
    state = BlockState()
    state.set_layout(Layout("EUR", (Category("standing", 1),), (), (Area("Lawn", 0, 9),)), 1)
    state.rules = Rules(allotments=(Allotment("house", "", (), (AreaPlaces("Lawn", 2),)),))
    with pytest.raises(AssertionError):
        check_counts(state)


@given(STATUSES)
def test_packed_statuses_come_back(statuses: list[UnitStatus]) -> None:
    packed = pack(bytes(statuses))
    assert len(packed) == (len(statuses) + 3) // 4
    assert list(unpack(packed))[: len(statuses)] == statuses
