"""However large the rows are, a look at the journals brings a bounded number of bytes, and every block goes on."""

from random import Random

import pytest

from actors.core.ids import BlockId
from actors.projections import positions as positions_module
from actors.projections.positions import Positions
from actors.projections.positions_port import FoundRows
from tests.projections.selling import World, check_followed, follow_all

pytestmark = pytest.mark.anyio

MAX_BYTES = 2_000


class Noting(Positions):
    """Notes what each look brings: by block, how many bytes each row has."""

    def __init__(self, database_url: str) -> None:
        super().__init__(database_url)
        self.looks: list[dict[BlockId, list[int]]] = []

    async def rows(self, behind: dict[BlockId, int], limit: int) -> FoundRows:
        """See `Positions.rows`."""
        found = await super().rows(behind, limit)
        self.looks.append({block: [len(row.entries) for row in rows] for block, rows in found.of_block.items()})
        return found


class DeafToBytes(Noting):
    """The negative control: takes what is short of `limit` for the end, however few rows the bytes left room for."""

    async def rows(self, behind: dict[BlockId, int], limit: int) -> FoundRows:
        """See `Positions.rows`."""
        found = await super().rows(behind, limit)
        cut = frozenset(block for block, rows in found.of_block.items() if len(rows) >= limit)
        return FoundRows(found.of_block, cut, found.read_at_ms)


async def check_bounded(world: World, monkeypatch: pytest.MonkeyPatch, positions: Noting) -> None:
    """Follow several events together, from their first rows and then, with nothing in memory, from where they are."""
    monkeypatch.setattr(positions_module, "MAX_ROWS_BYTES", MAX_BYTES)
    events = [await world.event() for _ in range(6)]
    for seed in (1, 2):
        for event in events:
            await event.live_at_random(Random(seed), 15)
        await follow_all(world.projector(positions=positions, max_folds_bytes=1))
        for event in events:
            await check_followed(world, event)
    for look in positions.looks:
        sizes_bytes = [size for sizes in look.values() for size in sizes]
        assert sum(sizes_bytes) < MAX_BYTES + max(sizes_bytes, default=0)
    first_look = [len(sizes) for sizes in positions.looks[0].values()]
    assert max(first_look) - min(first_look) <= 1, "each block has its share"


async def test_the_bytes_of_a_look_are_bounded_over_all_blocks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await check_bounded(world, monkeypatch, Noting(world.database_url))


async def test_control_with_rows_alone_bounded_they_are_not(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    condition = "where bytes_before is null or bytes_before < $4"
    unbounded = positions_module._SQL["rows"].replace(condition, "where $4::bigint > 0")
    assert unbounded != positions_module._SQL["rows"]
    monkeypatch.setitem(positions_module._SQL, "rows", unbounded)
    with pytest.raises(AssertionError):
        await check_bounded(world, monkeypatch, Noting(world.database_url))


async def test_control_block_by_block_one_has_it_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    by_block = positions_module._SQL["rows"].replace(
        "following.position - wanted.position, following.block_id", "following.block_id, following.position"
    )
    assert by_block != positions_module._SQL["rows"]
    monkeypatch.setitem(positions_module._SQL, "rows", by_block)
    with pytest.raises(AssertionError):
        await check_bounded(world, monkeypatch, Noting(world.database_url))


async def test_control_a_short_look_is_not_the_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError):
        await check_bounded(world, monkeypatch, DeafToBytes(world.database_url))


async def test_one_row_beyond_all_bounds_is_followed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions_module, "MAX_ROWS_BYTES", 1)
    events = [await world.event() for _ in range(2)]
    for event in events:
        await event.live_at_random(Random(1), 3)
    await follow_all(world.projector())
    for event in events:
        await check_followed(world, event)
