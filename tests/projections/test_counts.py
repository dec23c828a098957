"""Counts agree with a recount seat by seat, and packed statuses come back as they were."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.core import block as core
from actors.core.entries import EventCreated
from actors.core.inventory import UnitStatus
from actors.core.layout import Layout
from actors.core.state import BlockState
from actors.journal.memory import MemoryJournal, MemoryStore
from actors.projections import counts
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
    for seat, status in enumerate(state.inventory.statuses):
        section, category = state.index.unit_name(seat).split("/")[0], state.index.category_of_unit(seat)
        name = layout.categories[category].name
        for key in (("section", section, name), ("category", "", name), ("total", "", "")):
            tally.setdefault(key, Counter())[UnitStatus(status).name] += 1
    for index, area in enumerate(layout.areas):
        held, sold = state.inventory.area_held[index], state.inventory.area_sold[index]
        places = Counter(AVAILABLE=area.capacity - held - sold, HELD=held, SOLD=sold)
        name = layout.categories[area.category].name
        for key in (("area", area.name, name), ("category", "", name), ("total", "", "")):
            tally.setdefault(key, Counter()).update(places)
    return tally


def check_counts(state: BlockState) -> None:
    """What was counted is what a recount gives, and nothing is left out."""
    counted = count_units(state)
    by_key = {("total", "", ""): counted.total}
    by_key |= {("section", one.section, one.category): one.counts for one in counted.sections}
    by_key |= {("area", one.area, one.category): one.counts for one in counted.areas}
    by_key |= {("category", "", one.category): one.counts for one in counted.categories}
    assert by_key == {
        key: UnitCounts(tally.total(), tally["AVAILABLE"], tally["HELD"], tally["SOLD"], tally["BLOCKED"])
        for key, tally in recount(state).items()
    }
    assert state.layout is not None
    prices = {category.name: category.price for category in state.layout.categories}
    assert {one.category: one.price for one in counted.categories} == prices


@given(layouts(), st.randoms(use_true_random=False))
def test_counts_agree_with_a_recount_of_any_layout(layout: Layout, random: Random) -> None:
    state = BlockState()
    core.apply(state, EventCreated(START_MS, "acme", "Night", layout, 600_000, b"k" * 16, b"f" * 16))
    for seat in range(state.index.seat_count):
        state.inventory.statuses[seat] = random.choice(list(UnitStatus))
    for index, area in enumerate(layout.areas):
        state.inventory.area_held[index] = random.randint(0, area.capacity)
        state.inventory.area_sold[index] = random.randint(0, area.capacity - state.inventory.area_held[index])
    check_counts(state)


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
    honest = counts._count_seats

    def generous(statuses: bytearray, first: int, end: int) -> UnitCounts:
        return honest(statuses, max(first - 1, 0), end)

    monkeypatch.setattr(counts, "_count_seats", generous)
    with pytest.raises(AssertionError):
        await check_a_history(0)


@given(STATUSES)
def test_packed_statuses_come_back(statuses: list[UnitStatus]) -> None:
    packed = pack(bytes(statuses))
    assert len(packed) == (len(statuses) + 3) // 4
    assert list(unpack(packed))[: len(statuses)] == statuses
