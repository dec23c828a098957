"""Read models that differ from their journals are found, and those that do not are let be."""

from collections.abc import AsyncIterator
from random import Random

import pytest

from tests.chaos import read_models
from tests.chaos.read_models import misread
from tests.projections.selling import World, follow_all, selling

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(anyio_backend: str, own_database_url: str) -> AsyncIterator[World]:
    """Events that sell, and projectors, in a database of their own."""
    async with selling(own_database_url) as world:
        yield world


async def sold(world: World) -> None:
    """Two events with histories that a projector has followed to their ends."""
    for seed in range(2):
        event = await world.event()
        await event.live_at_random(Random(seed), 20)
    await follow_all(world.projector())


async def test_what_follows_its_journal_is_let_be(world: World) -> None:
    await sold(world)
    assert await misread(world.database_url, None) == []


@pytest.mark.parametrize(
    ("planted", "noticed"),
    [
        ("update availability set available = available + 1", "its journal"),
        ("update availability set statuses = set_byte(statuses, 0, get_byte(statuses, 0) # 1)", "its journal"),
        ("update availability set position = position - 1", "and not at"),
        ("update projection_positions set quarantined_because = 'why not'", "is quarantined: why not"),
    ],
)
async def test_control_what_differs_is_found(
    world: World, monkeypatch: pytest.MonkeyPatch, planted: str, noticed: str
) -> None:
    monkeypatch.setattr(read_models, "FOLLOWED_WITHIN_S", 0.5)
    await sold(world)
    await world.rows(f"{planted} where block_id = (select min(block_id) from availability) returning 1")
    (found,) = await misread(world.database_url, None)
    assert noticed in found
